//! The strangers' book, in memory.

use super::memory_journal::count;
use super::memory_store::MemoryStore;
use crate::domain::stranger::Stranger;
use crate::ports::{NotedStranger, StoreFault, Strangers};
use async_trait::async_trait;

#[async_trait]
impl Strangers for MemoryStore {
    async fn note_strangers(&self, strangers: Vec<Stranger>) -> Result<(), StoreFault> {
        self.write(|cabinet| {
            let before = cabinet.strangers.clone();
            for stranger in strangers {
                match cabinet.strangers.iter_mut().find(|known| known.txid == stranger.txid) {
                    Some(known) => known.block = stranger.block,
                    None => cabinet.strangers.push(stranger),
                }
            }
            Ok(((), cabinet.strangers != before))
        })
        .await
    }

    async fn strangers(&self, behind: i64, limit: u32) -> Result<Vec<NotedStranger>, StoreFault> {
        self.read(|cabinet| {
            let noted = (1..).zip(&cabinet.strangers).skip(usize::try_from(behind).unwrap_or(0));
            let noted = noted.map(|(place, stranger)| NotedStranger { place, stranger: stranger.clone() });
            noted.take(count(limit)).collect()
        })
        .await
    }
}
