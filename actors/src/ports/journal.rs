//! The journal as its writer and its readers see it. Its records are written by `Payouts` and `House` in their own
//! transactions; what is added here are the seals.

use super::payouts::StoreFault;
use crate::domain::identity::PayoutId;
use crate::domain::journal::{Checkpoint, JournalRecord, Seal, vocabulary::Kinds};
use async_trait::async_trait;

/// Texts that a [`JournalSearch`] has room for.
pub const SEARCH_TEXTS: usize = 3;

/// Rows that somebody looks for in a stretch of the journal.
///
/// It is all decided where the rows are, so that only what is found is brought from there. The stretch is what it costs at most: nothing
/// leads to the rows but their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalSearch {
    /// The stretch's first place.
    pub first: i64,
    /// The place behind its last.
    pub before: i64,
    /// Written at or after this moment, unix ms.
    pub from_ms: i64,
    /// Written before this moment, unix ms.
    pub to_ms: i64,
    /// About this payout.
    pub payout_id: Option<PayoutId>,
    /// Of these kinds.
    pub kinds: Kinds,
    /// Each of these stands somewhere in the body, letter for letter as it is written: [`Body::text`](crate::domain::journal::Body::text).
    /// What it is the name of is for whoever asks to find out, and so is the rest of one that is longer than anything that is ever written.
    pub texts: [Option<String>; SEARCH_TEXTS],
    /// So many rows at most.
    pub limit: u32,
}

impl JournalSearch {
    /// Any rows of a stretch.
    #[must_use]
    pub const fn of(first: i64, before: i64, limit: u32) -> Self {
        let (from_ms, to_ms) = (i64::MIN, i64::MAX);
        let texts = [const { None }; SEARCH_TEXTS];
        Self { first, before, from_ms, to_ms, payout_id: None, kinds: Kinds::ALL, texts, limit }
    }

    /// Whether a row is one that is looked for.
    #[must_use]
    pub fn fits(&self, row: &JournalRecord) -> bool {
        let of_payout = |id: PayoutId| row.payout_id.as_ref().is_some_and(|own| *own == id.to_string());
        (self.first..self.before).contains(&row.seq)
            && (self.from_ms..self.to_ms).contains(&row.at_ms)
            && self.payout_id.is_none_or(of_payout)
            && self.kinds.has(&row.kind)
            && self.texts.iter().flatten().all(|text| row.body.as_str().contains(text))
    }
}

/// The journal's rows and seals.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Records from a sequence number on, in order.
    async fn records(&self, from_seq: i64, limit: u32) -> Result<Vec<JournalRecord>, StoreFault>;

    /// The highest sequence number; 0 for an empty journal.
    async fn last_seq(&self) -> Result<i64, StoreFault>;

    /// The rows that somebody looks for, newest first. Where fewer come than there may, the stretch has no others.
    async fn search(&self, search: &JournalSearch) -> Result<Vec<JournalRecord>, StoreFault>;

    /// The place behind a moment, found by halves: the row before it was written at that moment or earlier, the row at it later. 1 where
    /// there is no earlier row, the place behind the last one where there is no later row. Where clocks differ several places are so, and
    /// this is one of them: a row that stands on its wrong side is no further from that moment than the clocks are from each other.
    async fn place_behind(&self, at_ms: i64) -> Result<i64, StoreFault>;

    /// Seals from a number on, in order.
    async fn seals(&self, from_seal_no: i64, limit: u32) -> Result<Vec<Seal>, StoreFault>;

    /// The newest seal.
    async fn last_seal(&self) -> Result<Option<Seal>, StoreFault>;

    /// Adds a seal. `false`: another writer was first (its number or its predecessor is taken).
    async fn put_seal(&self, seal: Seal) -> Result<bool, StoreFault>;
}

/// Where the newest checkpoint is kept outside of the database, so that a restored copy knows that it is one.
#[async_trait]
pub trait CheckpointKeeper: Send + Sync {
    /// Keeps it, durably, in place of the last one.
    async fn keep(&self, checkpoint: &Checkpoint) -> Result<(), String>;

    /// The one that was kept last.
    async fn kept(&self) -> Result<Option<Checkpoint>, String>;
}
