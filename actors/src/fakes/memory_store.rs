//! A store in memory that keeps the same promises as the ones on disk, and can be made to fail on the word.
//!
//! Repeatable: ordered maps, no clock, no chance of its own; each call yields once, so that callers interleave as they would
//! before a real store. It survives its callers: a simulation drops the whole office, then hires a new one over the same
//! store. Weather: [`MemoryStore::fail_after`], [`MemoryStore::lose_answer_of`], [`MemoryStore::fill_disk`].

use super::memory_register::Drawer;
use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::journal::{JournalDraft, JournalRecord, Seal};
use crate::domain::limits::LimitBook;
use crate::domain::payout::Payout;
use crate::domain::stranger::Stranger;
use crate::domain::tron::TxId;
use crate::ports::{HouseFacts, StoreFault};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A payout and where the journal speaks of it.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) payout: Payout,
    /// The record of its first event.
    pub(super) admitted_seq: i64,
    /// The record of its last one.
    pub(super) last_seq: i64,
}

/// Everything that would be on disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Cabinet {
    pub(super) payouts: BTreeMap<PayoutId, Kept>,
    pub(super) keys: BTreeMap<(AccountId, IdempotencyKey), PayoutId>,
    pub(super) txids: BTreeMap<TxId, PayoutId>,
    pub(super) journal: Vec<JournalRecord>,
    pub(super) seals: Vec<Seal>,
    pub(super) limits: LimitBook,
    pub(super) facts: HouseFacts,
    pub(super) strangers: Vec<Stranger>,
    pub(super) register: Drawer,
}

impl Cabinet {
    /// Gives a draft the next place in the journal.
    pub(super) fn record(&mut self, draft: JournalDraft) -> i64 {
        let seq = self.last_seq().saturating_add(1);
        self.journal.push(draft.into_record(seq));
        seq
    }

    /// The book, with the limits that are set now.
    pub(super) fn limit_book(&self) -> Result<LimitBook, StoreFault> {
        let mut book = self.limits.clone();
        book.put_up(self.register.limits()).map_err(StoreFault::Corrupt)?;
        Ok(book)
    }

    /// The journal's last place; 0 for none.
    pub(super) fn last_seq(&self) -> i64 {
        self.journal.last().map_or(0, |record| record.seq)
    }

    /// Moves the house's time forward, never back; gives what it is now.
    pub(super) fn pass_to(&mut self, now_ms: i64) -> i64 {
        self.facts.latest_ms = self.facts.latest_ms.max(now_ms);
        self.facts.latest_ms
    }
}

/// How the store behaves.
#[derive(Debug, Default)]
struct Weather {
    writes: u64,
    reads: u64,
    full: bool,
    away: bool,
    writes_left: Option<u64>,
    last_answer_lost: bool,
}

#[derive(Debug, Default)]
struct Inner {
    cabinet: Mutex<Cabinet>,
    weather: Mutex<Weather>,
}

/// A store in memory; clones are the same store.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

/// A copy of everything in a store at one moment: a backup.
#[derive(Debug, Clone)]
pub struct MemorySnapshot(Cabinet);

impl MemoryStore {
    /// An empty store with a name of its own.
    #[must_use]
    pub fn new(store_id: &str) -> Self {
        let store = Self::default();
        store.cabinet().facts.store_id = store_id.to_owned();
        store
    }

    /// A copy of everything that is on file.
    #[must_use]
    pub fn snapshot(&self) -> MemorySnapshot {
        MemorySnapshot(self.cabinet().clone())
    }

    /// Puts an older copy in place of what is there, as somebody would who restores a backup.
    pub fn restore(&self, snapshot: &MemorySnapshot) {
        *self.cabinet() = snapshot.0.clone();
    }

    /// Changes a row and nothing else of the store, as a thief with the database file would. `false`: there is no such payout.
    pub fn alter(&self, id: PayoutId, change: impl FnOnce(&mut Payout)) -> bool {
        self.cabinet().payouts.get_mut(&id).map(|kept| change(&mut kept.payout)).is_some()
    }

    /// Write transactions so far that changed something.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.weather().writes
    }

    /// Reads so far.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.weather().reads
    }

    /// `n` more writes are kept and answered; after them every call answers [`StoreFault::Away`] until [`Self::heal`].
    pub fn fail_after(&self, n: u64) {
        let mut weather = self.weather();
        (weather.writes_left, weather.last_answer_lost, weather.away) = (Some(n), false, n == 0);
    }

    /// The `n`th write from now (1 is the next) is kept, but nobody hears of it: it and every later call answer
    /// [`StoreFault::Away`] until [`Self::heal`]. A process that dies between its commit and its next breath.
    pub fn lose_answer_of(&self, n: u64) {
        let mut weather = self.weather();
        (weather.writes_left, weather.last_answer_lost, weather.away) = (Some(n), true, n == 0);
    }

    /// Every write answers [`StoreFault::Full`] and changes nothing until [`Self::heal`]; reads go on.
    pub fn fill_disk(&self) {
        self.weather().full = true;
    }

    /// Good weather again.
    pub fn heal(&self) {
        let mut weather = self.weather();
        (weather.full, weather.away, weather.writes_left, weather.last_answer_lost) =
            (false, false, None, false);
    }

    /// Whether the weather has struck: later calls fail until it is healed.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.weather().away
    }

    /// Reads.
    pub(super) async fn read<T>(&self, look: impl FnOnce(&Cabinet) -> T) -> Result<T, StoreFault> {
        tokio::task::yield_now().await;
        let mut weather = self.weather();
        weather.reads += 1;
        if weather.away { Err(away()) } else { Ok(look(&self.cabinet())) }
    }

    /// Writes: `change` does all or nothing, and says whether it did anything.
    pub(super) async fn write<T>(
        &self,
        change: impl FnOnce(&mut Cabinet) -> Result<(T, bool), StoreFault>,
    ) -> Result<T, StoreFault> {
        tokio::task::yield_now().await;
        let mut weather = self.weather();
        if weather.away {
            return Err(away());
        }
        if weather.full {
            return Err(StoreFault::Full);
        }
        let (answer, changed) = change(&mut self.cabinet())?;
        if !changed {
            return Ok(answer);
        }
        weather.writes += 1;
        weather.writes_left = weather.writes_left.map(|left| left.saturating_sub(1));
        weather.away = weather.writes_left == Some(0);
        if weather.away && weather.last_answer_lost { Err(away()) } else { Ok(answer) }
    }

    fn cabinet(&self) -> MutexGuard<'_, Cabinet> {
        self.inner.cabinet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.inner.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn away() -> StoreFault {
    StoreFault::Away("the simulated disk is gone".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::exam::{Hall, Trouble, kit};
    use crate::ports::{Gate, House, Payouts, StepResult};
    use async_trait::async_trait;

    struct MemoryHall;

    #[async_trait]
    impl Hall for MemoryHall {
        type Store = MemoryStore;

        async fn fresh(&self) -> Result<MemoryStore, Trouble> {
            Ok(MemoryStore::new("in memory"))
        }

        /// The process is gone, the disk is not.
        async fn reopened(&self, store: MemoryStore) -> Result<MemoryStore, Trouble> {
            let disk = store.snapshot();
            let next = MemoryStore::new("another");
            next.restore(&disk);
            Ok(next)
        }
    }

    crate::store_exam!(MemoryHall);

    #[tokio::test]
    async fn a_store_that_is_away_writes_nothing_until_it_is_back() {
        let store = MemoryStore::new("s");
        store.fail_after(1);
        let payout = kit::admit(&store, kit::payout(1)).await.unwrap();
        assert!(store.is_away());
        let step = kit::step(&payout, kit::sign(&payout, kit::MORNING_MS), kit::MORNING_MS).unwrap();
        assert!(matches!(
            store.commit(std::slice::from_ref(&step), Gate::Open).await,
            Err(StoreFault::Away(_))
        ));
        assert!(matches!(store.find(payout.id).await, Err(StoreFault::Away(_))));
        store.heal();
        assert_eq!(store.find(payout.id).await.unwrap(), Some(payout));
        assert_eq!(store.commit(&[step], Gate::Open).await.unwrap(), [StepResult::Taken]);
        assert_eq!(store.writes(), 2);
    }

    #[tokio::test]
    async fn a_write_whose_answer_is_lost_stands_all_the_same() {
        let store = MemoryStore::new("s");
        store.lose_answer_of(2);
        let payout = kit::admit(&store, kit::payout(1)).await.unwrap();
        let step = kit::step(&payout, kit::sign(&payout, kit::MORNING_MS), kit::MORNING_MS).unwrap();
        let after = step.after.clone();
        assert!(matches!(store.commit(&[step], Gate::Open).await, Err(StoreFault::Away(_))));
        store.heal();
        assert_eq!(store.find(payout.id).await.unwrap(), Some(after));
    }

    #[tokio::test]
    async fn a_full_disk_answers_full_and_an_old_copy_forgets() {
        let store = MemoryStore::new("s");
        let empty = store.snapshot();
        let payout = kit::admit(&store, kit::payout(1)).await.unwrap();
        store.fill_disk();
        let more = store.admit(kit::newly([kit::payout(2)]), &kit::AMPLE, kit::MORNING_MS, false).await;
        assert!(matches!(more, Err(StoreFault::Full)));
        assert_eq!(store.find(payout.id).await.unwrap(), Some(payout.clone()));
        store.restore(&empty);
        store.heal();
        assert_eq!(store.find(payout.id).await.unwrap(), None);
        assert_eq!(store.facts().await.unwrap().store_id, "s");
    }
}
