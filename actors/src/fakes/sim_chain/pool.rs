//! What a node has taken and no block holds yet. A node drops silently, and only while it applies a block: at the first one
//! 60 s or more after acceptance, or with a timestamp at or past the expiration. Without blocks it keeps everything.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::tron::TxId;

use super::receipt::ContractResult;
use super::state::Layer;

/// The pending transactions of one node, in the order in which it took them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Pool {
    entries: BTreeMap<u64, Pending>,
    by_id: BTreeMap<TxId, u64>,
    next: u64,
    /// What the pending transactions would change; made again after each block, when somebody asks.
    #[serde(skip)]
    pub(super) ahead: OnceCell<Ahead>,
}

/// A pending transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) txid: TxId,
    /// Unix ms; the 60 s count from here.
    pub(super) accepted_ms: u64,
    /// Unix ms, as in the transaction.
    pub(super) expiration_ms: i64,
    /// A fork brought it back and no block has been applied since: sending it again is no duplicate.
    pub(super) came_back: bool,
    /// The node told nobody and forgets it at the next block.
    pub(super) forgotten_soon: bool,
}

/// The state with all pending transactions run.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    pub(super) layer: Layer,
    pub(super) results: BTreeMap<TxId, ContractResult>,
}

impl Pool {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, txid: TxId) -> Option<&Pending> {
        self.entries.get(self.by_id.get(&txid)?)
    }

    /// In the order of acceptance.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.entries.values()
    }

    /// Adds or replaces.
    pub(super) fn add(&mut self, pending: Pending) {
        self.remove(pending.txid);
        self.entries.insert(self.next, pending);
        self.by_id.insert(pending.txid, self.next);
        self.next += 1;
    }

    pub(super) fn remove(&mut self, txid: TxId) {
        if let Some(place) = self.by_id.remove(&txid) {
            self.entries.remove(&place);
        }
    }

    /// Taken note of: a transaction that came back is an ordinary one again.
    pub(super) fn acknowledge(&mut self, txid: TxId) {
        if let Some(pending) = self.by_id.get(&txid).and_then(|place| self.entries.get_mut(place)) {
            pending.came_back = false;
        }
    }

    /// It will be gone at the next block.
    pub(super) fn forget_soon(&mut self, txid: TxId) {
        if let Some(pending) = self.by_id.get(&txid).and_then(|place| self.entries.get_mut(place)) {
            pending.forgotten_soon = true;
        }
    }

    /// Drops what a block with this timestamp, applied at this moment, makes a node drop, and whatever the block holds.
    pub(super) fn after_block(
        &mut self,
        block_timestamp_ms: u64,
        now_ms: u64,
        timeout_ms: u64,
        is_in_chain: impl Fn(TxId) -> bool,
    ) {
        self.ahead.take();
        let Pool { entries, by_id, .. } = self;
        entries.retain(|_, pending| {
            let aged = now_ms.saturating_sub(pending.accepted_ms) >= timeout_ms;
            let expired = i64::try_from(block_timestamp_ms).unwrap_or(i64::MAX) >= pending.expiration_ms;
            let stays = !(aged || expired || pending.forgotten_soon || is_in_chain(pending.txid));
            if !stays {
                by_id.remove(&pending.txid);
            }
            pending.came_back = false;
            stays
        });
    }
}
