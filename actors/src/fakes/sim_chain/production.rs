//! Time passes: slots come, witnesses take turns, blocks are made, nodes hear of them.

use crate::domain::tron::TxId;

use super::block::{Block, BlockIndex, Included};
use super::broadcast::millis;
use super::execution;
use super::fork::Turn;
use super::state::Ledger;
use super::transaction::Transaction;
use super::{HeadChange, Inclusion, SimChain};

/// Slots that are caught up with after a long sleep; the ones before were missed, as if the network had slept, too.
const CATCH_UP_SLOTS: u64 = 200;
/// Changes of the head that are kept for late nodes.
const HEADS_KEPT: usize = 4_096;
/// Blocks below the solid one whose changes are kept, for views that stand further back.
const SETTLED_KEPT: u64 = 64;

impl SimChain {
    /// Lets time pass up to a moment, unix ms; time does not run backwards.
    pub fn advance_to(&mut self, now_ms: u64) {
        if now_ms < self.now_ms {
            return;
        }
        let due = now_ms.saturating_sub(self.genesis_ms) / self.settings.block_ms;
        if due.saturating_sub(self.next_slot) > CATCH_UP_SLOTS {
            self.next_slot = due - CATCH_UP_SLOTS;
        }
        while self.next_slot <= due {
            self.now_ms = self.slot_time_ms(self.next_slot);
            self.slot(self.next_slot);
            self.next_slot += 1;
        }
        self.now_ms = now_ms;
        self.nodes_listen();
    }

    fn slot_time_ms(&self, slot: u64) -> u64 {
        self.genesis_ms + slot * self.settings.block_ms
    }

    fn slot(&mut self, slot: u64) {
        self.storm_before_slot();
        let witness = self.witness_of(slot);
        if self.sky.misses_slot(witness, self.now_ms) {
            return;
        }
        match self.turn_of_split(witness) {
            Turn::Nobody | Turn::GivenUp => self.make_block_of_pool(witness),
            Turn::Hidden => {}
            Turn::Overtakes => self.change_branch(),
        }
        self.nodes_listen();
    }

    fn make_block_of_pool(&mut self, witness: u16) {
        let waiting: Vec<_> = self.producers.iter().map(|pending| pending.txid).collect();
        let tip = self.make_block(witness, self.now_ms, &waiting);
        self.head_moved(tip, Vec::new());
    }

    /// Makes the next block on the branch that counts from these transactions, as many as may be in it.
    pub(super) fn make_block(&mut self, witness: u16, timestamp_ms: u64, waiting: &[TxId]) -> BlockIndex {
        let parent_index = self.head_index();
        let parent = self.head();
        let (number, parent_id, parent_ms) = (parent.number + 1, parent.id, parent.timestamp_ms);
        let mut latest = parent.latest.clone();
        let again = self.sky.again_in_next_block();
        let mut ledger = Ledger::at(&self.state, number - 1);
        self.sky.decree(&mut ledger);
        let mut transactions = Vec::new();
        let ceiling = self.settings.transactions_per_block_max.unwrap_or(usize::MAX);
        for txid in again.iter().chain(waiting) {
            if transactions.len() >= ceiling {
                break;
            }
            let repeats = again.contains(txid);
            transactions.extend(self.include(&mut ledger, *txid, timestamp_ms, parent_ms, repeats));
        }
        let changes = ledger.into_layer().into_changes();
        self.state.commit(number, changes);
        self.sky.decrees_done(number);
        if let Some(mine) = latest.get_mut(usize::from(witness)) {
            *mine = number;
        }
        let mut block = Block {
            id: Default::default(),
            number,
            parent: parent_index,
            parent_id,
            timestamp_ms,
            witness,
            tx_trie_root: Default::default(),
            solid: self.solid_after(&latest, parent_index),
            latest,
            transactions,
        };
        block.seal();
        self.add_block(block)
    }

    /// Runs a transaction into a block, unless it can not be there.
    fn include(
        &self,
        ledger: &mut Ledger<'_>,
        txid: TxId,
        timestamp_ms: u64,
        parent_ms: u64,
        repeats: bool,
    ) -> Option<Included> {
        let record = self.records.get(&txid)?;
        let transaction = Transaction::parse(&self.bytes_for_block(record)).ok()?;
        self.check_expiration(parent_ms, transaction.expiration_ms).ok()?;
        let next_slot_ms = parent_ms + self.settings.block_ms;
        if self.settings.parameters.consensus_logic_optimization
            && transaction.expiration_ms < millis(next_slot_ms)
        {
            return None;
        }
        let parent = self.head_index();
        self.check_reference(parent, &transaction).ok()?;
        if !repeats && self.inclusion(parent, txid).is_some() {
            return None;
        }
        let receipt = execution::run(ledger, self.scene(timestamp_ms), &transaction, &record.signers).ok()?;
        Some(Included { txid, bytes: transaction.to_bytes(), receipt })
    }

    fn add_block(&mut self, block: Block) -> BlockIndex {
        let index = BlockIndex::try_from(self.blocks.len()).unwrap_or(BlockIndex::MAX);
        for (position, included) in (0..).zip(&block.transactions) {
            if let Some(record) = self.records.get_mut(&included.txid) {
                record.inclusions.push(Inclusion { block: index, position });
            }
        }
        self.book_block(index, &block);
        self.sky.block_made(block.transactions.iter().map(|included| included.txid));
        self.blocks.push(block);
        self.canonical.push(index);
        index
    }

    /// The head moved; the producers know at once, the nodes when they hear of it.
    pub(super) fn head_moved(&mut self, tip: BlockIndex, given_up: Vec<TxId>) {
        let change = HeadChange { at_ms: self.now_ms, tip, given_up };
        let timestamp_ms = self.head().timestamp_ms;
        self.refresh_pool(super::Place::Producers, tip, timestamp_ms, &change.given_up);
        self.heads.push_back(change);
        if self.heads.len() > HEADS_KEPT {
            self.heads.pop_front();
            self.heads_forgotten += 1;
        }
        let settled = self.lowest_solid().saturating_sub(SETTLED_KEPT);
        self.state.settle(settled);
    }

    /// The solid number of the node that is furthest back.
    fn lowest_solid(&self) -> u64 {
        let tips = self.nodes.iter().map(|node| node.tip).chain([self.head_index()]);
        tips.map(|tip| self.blocks[tip as usize].solid).min().unwrap_or(0)
    }

    /// Nodes apply the blocks that have reached them.
    fn nodes_listen(&mut self) {
        for index in 0..self.nodes.len() {
            while let Some(change) = self.next_change_for(index) {
                self.nodes[index].tip = change.tip;
                self.nodes[index].heard += 1;
                let timestamp_ms = self.blocks[change.tip as usize].timestamp_ms;
                self.refresh_pool(super::Place::Node(index), change.tip, timestamp_ms, &change.given_up);
            }
        }
    }

    fn next_change_for(&mut self, index: usize) -> Option<HeadChange> {
        let node = &mut self.nodes[index];
        if self.now_ms < node.weather.deaf_until_ms {
            return None;
        }
        node.heard = node.heard.max(self.heads_forgotten);
        let place = usize::try_from(node.heard - self.heads_forgotten).ok()?;
        let change = self.heads.get(place)?;
        (change.at_ms + node.settings.lag_ms <= self.now_ms).then(|| change.clone())
    }

    /// What a block does to a pool: some leave, and a fork's come back with a fresh 60 s.
    fn refresh_pool(&mut self, place: super::Place, tip: BlockIndex, timestamp_ms: u64, given_up: &[TxId]) {
        let (now_ms, timeout_ms) = (self.now_ms, self.settings.pending_timeout_ms);
        let mut pool = std::mem::take(self.pool_mut(place));
        pool.after_block(timestamp_ms, now_ms, timeout_ms, |txid| self.inclusion(tip, txid).is_some());
        for txid in given_up {
            let back = self.records.get(txid).and_then(|record| Transaction::parse(&record.bytes).ok());
            let Some(transaction) = back.filter(|_| self.inclusion(tip, *txid).is_none()) else { continue };
            if transaction.expiration_ms > millis(timestamp_ms) {
                pool.add(super::pool::Pending {
                    txid: *txid,
                    accepted_ms: now_ms,
                    expiration_ms: transaction.expiration_ms,
                    came_back: true,
                    forgotten_soon: false,
                });
            }
        }
        *self.pool_mut(place) = pool;
    }
}
