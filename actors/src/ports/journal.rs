//! The journal as its writer and its readers see it. Its records are written by `Payouts` and `House` in their own
//! transactions; what is added here are the seals.

use super::payouts::StoreFault;
use crate::domain::journal::{Checkpoint, JournalRecord, Seal};
use async_trait::async_trait;

/// The journal's rows and seals.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Records from a sequence number on, in order.
    async fn records(&self, from_seq: i64, limit: u32) -> Result<Vec<JournalRecord>, StoreFault>;

    /// The highest sequence number; 0 for an empty journal.
    async fn last_seq(&self) -> Result<i64, StoreFault>;

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
