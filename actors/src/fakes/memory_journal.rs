//! The journal's rows and seals, in memory.

use super::memory_store::MemoryStore;
use crate::domain::journal::{JournalRecord, Seal};
use crate::ports::{Journal, JournalSearch, StoreFault};
use async_trait::async_trait;

#[async_trait]
impl Journal for MemoryStore {
    async fn records(&self, from_seq: i64, limit: u32) -> Result<Vec<JournalRecord>, StoreFault> {
        self.read(|cabinet| {
            let before = usize::try_from(from_seq.saturating_sub(1)).unwrap_or(0);
            cabinet.journal.iter().skip(before).take(count(limit)).cloned().collect()
        })
        .await
    }

    async fn last_seq(&self) -> Result<i64, StoreFault> {
        self.read(super::memory_store::Cabinet::last_seq).await
    }

    async fn search(&self, search: &JournalSearch) -> Result<Vec<JournalRecord>, StoreFault> {
        self.read(|cabinet| search_journal(&cabinet.journal, search)).await
    }

    async fn place_behind(&self, at_ms: i64) -> Result<i64, StoreFault> {
        self.read(|cabinet| place_in_journal(&cabinet.journal, at_ms)).await
    }

    async fn seals(&self, from_seal_no: i64, limit: u32) -> Result<Vec<Seal>, StoreFault> {
        self.read(|cabinet| {
            let from = cabinet.seals.iter().filter(|seal| seal.seal_no >= from_seal_no);
            from.take(count(limit)).cloned().collect()
        })
        .await
    }

    async fn last_seal(&self) -> Result<Option<Seal>, StoreFault> {
        self.read(|cabinet| cabinet.seals.last().cloned()).await
    }

    async fn put_seal(&self, seal: Seal) -> Result<bool, StoreFault> {
        self.write(|cabinet| {
            let rival = |one: &Seal| one.seal_no == seal.seal_no || one.prev_hash == seal.prev_hash;
            let taken = cabinet.seals.iter().rev().any(rival);
            if !taken {
                cabinet.seals.push(seal);
            }
            Ok((!taken, !taken))
        })
        .await
    }
}

/// What a search finds in a whole journal.
#[must_use]
pub fn search_journal(journal: &[JournalRecord], search: &JournalSearch) -> Vec<JournalRecord> {
    let index = |seq: i64| usize::try_from(seq.saturating_sub(1)).unwrap_or(0).min(journal.len());
    let (first, before) = (index(search.first), index(search.before));
    let stretch = journal.get(first..before).unwrap_or_default();
    stretch.iter().rev().filter(|row| search.fits(row)).take(count(search.limit)).cloned().collect()
}

/// The place behind a moment in a whole journal.
#[must_use]
pub fn place_in_journal(journal: &[JournalRecord], at_ms: i64) -> i64 {
    let (mut earlier, mut beyond) = (0, journal.len() + 1);
    while earlier + 1 < beyond {
        let middle = earlier.midpoint(beyond);
        match journal.get(middle - 1) {
            Some(row) if row.at_ms <= at_ms => earlier = middle,
            _ => beyond = middle,
        }
    }
    i64::try_from(beyond).unwrap_or(i64::MAX)
}

/// A limit as a number of rows.
pub(super) fn count(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
