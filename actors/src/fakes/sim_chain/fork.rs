//! Forks: for a few slots two branches grow, one in public and one that nobody who can be asked has heard of. When the hidden one
//! is longer, everybody changes over: the public one's blocks are given up, their transactions go back into the pools.
//!
//! A transaction that the hidden branch's producers knew stands in both branches. A rival that only they knew may have spent the
//! tokens, and what was SUCCESS is REVERT under the same id.

use serde::{Deserialize, Serialize};

use crate::domain::tron::TxId;

use super::SimChain;
use super::bytes::Bytes;
use super::transaction::Transaction;

/// More blocks than this can not be undone: a longer branch would be solid.
pub(super) const FORK_BLOCKS_MAX: u32 = 8;

/// A fork in the making.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Split {
    /// Public blocks to be given up.
    pub(super) blocks: u32,
    /// Public blocks made since the split began.
    public: u32,
    /// Hidden blocks: when and by whom.
    hidden: Vec<(u64, u16)>,
    /// What only the hidden branch knows.
    rivals: Vec<TxId>,
    /// Whether the hidden branch's producers know what the public pool holds: always, never, or by chance.
    hears: Hears,
    seed: u64,
}

/// What the hidden branch's producers know of the public pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Hears {
    /// Each transaction by the toss of a coin.
    #[default]
    Half,
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
}

/// What a slot is in the course of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is no fork.
    Nobody,
    /// A public block that will be given up.
    GivenUp,
    /// A hidden block.
    Hidden,
    /// The hidden block that makes the hidden branch the longer one.
    Overtakes,
}

impl SimChain {
    /// Begins a fork of so many blocks at the next slot; 8 at most. Rivals are signed transactions that only the hidden branch
    /// knows, in this order.
    pub fn fork(&mut self, blocks: u32, rivals: &[Bytes]) {
        self.fork_hearing(blocks, rivals, Hears::Half);
    }

    /// The same, where the winning side knows nothing of what the losing side had pending.
    pub fn fork_in_ignorance(&mut self, blocks: u32, rivals: &[Bytes]) {
        self.fork_hearing(blocks, rivals, Hears::Nothing);
    }

    /// The same, where both sides know everything: each transaction stands in both branches.
    pub fn fork_in_full_knowledge(&mut self, blocks: u32) {
        self.fork_hearing(blocks, &[], Hears::Everything);
    }

    fn fork_hearing(&mut self, blocks: u32, rivals: &[Bytes], hears: Hears) {
        let blocks = blocks.min(FORK_BLOCKS_MAX);
        if blocks == 0 || self.split.is_some() {
            return;
        }
        let rivals = rivals.iter().filter_map(|bytes| self.know_rival(bytes)).collect();
        self.split = Some(Split { blocks, rivals, hears, seed: self.sky.chance(), ..Split::default() });
    }

    fn know_rival(&mut self, bytes: &Bytes) -> Option<TxId> {
        let transaction = Transaction::parse(bytes).ok()?;
        self.know(&transaction);
        Some(transaction.txid)
    }

    /// Whose turn a slot is. Hidden and public blocks alternate, a hidden one first and last.
    pub(super) fn turn_of_split(&mut self, witness: u16) -> Turn {
        let now_ms = self.now_ms;
        let Some(split) = &mut self.split else { return Turn::Nobody };
        if split.hidden.len() > split.public as usize && split.public < split.blocks {
            split.public += 1;
            return Turn::GivenUp;
        }
        split.hidden.push((now_ms, witness));
        if split.hidden.len() > split.blocks as usize { Turn::Overtakes } else { Turn::Hidden }
    }

    /// Everybody changes over to the hidden branch.
    pub(super) fn change_branch(&mut self) {
        let Some(split) = self.split.take() else { return };
        let root = self.head().number.saturating_sub(u64::from(split.public));
        if root < self.solid_number() {
            // Too few producers for a fork: what they have agreed on stays.
            return;
        }
        let given_up = self.give_up_above(root);
        let mut coin = fastrand::Rng::with_seed(split.seed);
        let known: Vec<TxId> = match split.hears {
            Hears::Everything => given_up.clone(),
            Hears::Nothing => Vec::new(),
            Hears::Half => given_up.iter().copied().filter(|_| coin.bool()).collect(),
        };
        for (place, (timestamp_ms, witness)) in split.hidden.iter().enumerate() {
            let rivals = if place == 0 { split.rivals.as_slice() } else { &[] };
            let heard = known.iter().filter(|txid| self.heard_before(**txid, *timestamp_ms));
            let waiting: Vec<_> = rivals.iter().chain(heard).copied().collect();
            self.make_block(*witness, *timestamp_ms, &waiting);
        }
        self.head_moved(self.head_index(), given_up);
    }

    fn heard_before(&self, txid: TxId, moment_ms: u64) -> bool {
        self.records.get(&txid).is_some_and(|record| record.first_seen_ms <= moment_ms)
    }

    /// Takes the blocks above a number off the branch that counts; their transactions.
    fn give_up_above(&mut self, root: u64) -> Vec<TxId> {
        let kept = usize::try_from(root).unwrap_or(usize::MAX).saturating_add(1);
        let lost = self.canonical.split_off(kept.min(self.canonical.len()));
        self.state.undo_to(root);
        self.unbook_above(root);
        self.sky.decrees_undone_above(root);
        let blocks = lost.iter().map(|index| &self.blocks[*index as usize]);
        blocks.flat_map(|block| block.transactions.iter().map(|included| included.txid)).collect()
    }
}
