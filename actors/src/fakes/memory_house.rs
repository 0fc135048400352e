//! What the house remembers, in memory.

use super::memory_store::MemoryStore;
use crate::domain::journal::BodyError;
use crate::ports::{House, HouseChange, HouseFacts, StoreFault};
use async_trait::async_trait;

#[async_trait]
impl House for MemoryStore {
    async fn facts(&self) -> Result<HouseFacts, StoreFault> {
        self.read(|cabinet| cabinet.facts.clone()).await
    }

    async fn change(&self, changes: Vec<HouseChange>, now_ms: i64) -> Result<(), StoreFault> {
        self.write(|cabinet| {
            let at_ms = now_ms.max(cabinet.facts.latest_ms);
            let (mut facts, mut drafts) = (cabinet.facts.clone(), Vec::new());
            for change in &changes {
                let (after, new) = facts.changed(change)?;
                facts = after;
                if new {
                    drafts.extend(change.journal_draft(at_ms).map_err(unwritable)?);
                }
            }
            let changed = facts != cabinet.facts || !drafts.is_empty() || at_ms > cabinet.facts.latest_ms;
            cabinet.facts = facts;
            cabinet.pass_to(at_ms);
            for draft in drafts {
                cabinet.record(draft);
            }
            Ok(((), changed))
        })
        .await
    }
}

fn unwritable(why: BodyError) -> StoreFault {
    StoreFault::Corrupt(format!("a change of the house can not be written down: {why}"))
}
