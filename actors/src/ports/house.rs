//! What the house remembers of itself: whether it is paused, which chain it pays on, how far it has read.

use super::payouts::StoreFault;
use crate::domain::breaker::Breaker;
use crate::domain::journal::JournalDraft;
use crate::domain::payout::BlockRef;
use crate::domain::tron::BlockId;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A block and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockMark {
    /// Which block.
    pub block: BlockRef,
    /// Its time, unix ms.
    pub timestamp_ms: i64,
}

/// Why the house is paused, and since when (F004-42).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// A person's words, or the alarm that pulled the switch.
    pub reason: String,
    /// Since when, unix ms.
    pub since_ms: i64,
}

/// What the house remembers of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseFacts {
    /// The store's own random name, made at its birth.
    pub store_id: String,
    /// Set while the kill switch is pulled.
    pub pause: Option<Pause>,
    /// The genesis block of the chain that this store pays on, pinned at the first start.
    pub genesis_id: Option<BlockId>,
    /// The solidified block that was read when the store was born.
    pub birth: Option<BlockMark>,
    /// The last solidified block whose transactions were judged.
    pub last_solid: Option<BlockMark>,
    /// Each dependency's breaker, so that a restart does not forgive.
    pub breakers: BTreeMap<String, Breaker>,
    /// The latest moment that was ever written, unix ms: clocks may be set back, the house's time is not.
    pub latest_ms: i64,
}

/// One change of what the house remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HouseChange {
    /// Pull the switch; journalled.
    Pause(Pause),
    /// Let go of it; journalled.
    Resume,
    /// Pin the chain; refused by the store where another is pinned.
    PinGenesis(BlockId),
    /// Note the block of birth, once.
    Birth(BlockMark),
    /// Note how far the solidified chain is read; never backwards.
    LastSolid(BlockMark),
    /// Note a breaker's state.
    Breaker(String, Breaker),
}

/// The store of the house's own facts.
#[async_trait]
pub trait House: Send + Sync {
    /// All of them.
    async fn facts(&self) -> Result<HouseFacts, StoreFault>;

    /// Changes some, with a journal record where the change wants one, in one transaction.
    async fn change(&self, changes: Vec<HouseChange>, drafts: Vec<JournalDraft>, now_ms: i64) -> Result<(), StoreFault>;
}
