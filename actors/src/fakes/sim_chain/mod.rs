//! SimChain: the TRON network, simulated. Pure and repeatable: no clock, no sockets, no chance but its own seed.
//!
//! What it promises: blocks, ids, Merkle roots and signatures as on the wire; java-tron's rules of expiry, reference blocks,
//! duplicates, pools and fees, as a live java-tron 4.8 showed them; nodes that disagree, forget and lie as live ones do; and a [`Book`] that says what really happened to the tokens, whatever the nodes tell.
//!
//! What it leaves out: byte code (its few contracts are functions), votes, stakes that change, TRC-10, shielded transfers,
//! maintenance breaks. A node on a branch that was given up answers account questions as of the fork's root.
//!
//! Where to read on: [`Settings`] is what can be chosen, [`SimChain::advance_to`] lets time pass, [`SimChain::broadcast`] and
//! [`SimChain::ask`] are what a client can do, [`WeatherOrder`] is what can go wrong.

mod accounts;
mod answer;
mod block;
mod book;
mod broadcast;
mod bytes;
mod contracts;
mod execution;
mod fork;
mod genesis;
mod node;
mod orders;
mod permission;
mod pool;
mod production;
mod receipt;
mod save;
mod settings;
mod solidity;
mod state;
mod storm;
mod transaction;
mod tronscan;
mod view;
mod weather;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::domain::tron::TxId;

use block::{Block, BlockIndex};
use broadcast::Place;
use contracts::Contracts;
use fork::Split;
use node::Node;
use permission::Signers;
use pool::{Ahead, Pool};
use state::{Ledger, State};
use storm::Storm;
use weather::Sky;

pub use crate::domain::tron::broadcast::BroadcastCode;
pub use accounts::{Account, Resources};
pub use answer::{Answer, Lost};
pub use block::{ServedBlock, ServedTransaction};
pub use book::{Book, BookedTransfer};
pub use broadcast::BroadcastReply;
pub use bytes::Bytes;
pub use contracts::{AbiEntry, AbiParameter, Contract, ContractKind};
pub use genesis::{Genesis, TestAccount, genesis};
pub use node::NodeId;
pub use orders::{DoctoredBlock, NodeLag, OrderRefused, StaleSolid, TokenFee, TronScanWeather, WeatherOrder};
pub use permission::{Permission, PermissionKey, Permissions, SignWeight, WeightVerdict};
pub use receipt::{ContractResult, InternalCall, Log, Receipt, TransactionInfo};
pub use save::{SavedChain, Unloadable};
pub use settings::{Endowment, NodeSettings, Parameters, Settings, TetherSettings};
pub use transaction::{Contract as TransactionContract, ContractCall, Malformed, Transaction};
pub use tronscan::{IndexedTransaction, IndexedTransfer, TransferFilter, TransferPage, TronScan};
pub use view::{CallRefused, ConstantCall, Finality, NodeInfo, View};
pub use weather::{BroadcastWeather, ReadWeather, Weather};

/// The simulated network.
#[derive(Debug, Serialize, Deserialize)]
pub struct SimChain {
    settings: Settings,
    contracts: Contracts,
    state: State,
    /// All blocks ever made, on every branch.
    blocks: Vec<Block>,
    /// The branch that counts, by number.
    canonical: Vec<BlockIndex>,
    /// What has been seen of each transaction.
    records: BTreeMap<TxId, Record>,
    producers: Pool,
    nodes: Vec<Node>,
    /// Changes of the head, for nodes that hear of them late.
    heads: VecDeque<HeadChange>,
    /// Changes of the head that are older than `heads`.
    heads_forgotten: u64,
    now_ms: u64,
    genesis_ms: u64,
    next_slot: u64,
    /// A fork in the making.
    split: Option<Split>,
    sky: Sky,
    storm: Option<Storm>,
    /// Transfer logs of the branch that counts, in the order of the chain.
    transfers: Vec<book::TransferRow>,
}

/// What has been seen of a transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    bytes: Bytes,
    signers: Signers,
    /// Which places have seen the id, a bit for each.
    seen_by: u64,
    first_seen_ms: u64,
    /// Every block that holds it, on every branch.
    inclusions: Vec<Inclusion>,
    /// The producers never hear of it.
    withheld: bool,
    /// Bytes that a relay puts behind the signature.
    padding: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Inclusion {
    block: BlockIndex,
    position: u32,
}

/// The head moved: to the next block, or to another branch.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct HeadChange {
    at_ms: u64,
    tip: BlockIndex,
    /// Transactions of blocks that were given up.
    given_up: Vec<TxId>,
}

impl SimChain {
    /// A network whose slots have kept the wall's pace for a little while when it is first looked at.
    #[must_use]
    pub fn new(settings: Settings, now_ms: u64) -> SimChain {
        let block_ms = settings.block_ms.max(1);
        let aligned_ms = now_ms - now_ms % block_ms;
        let genesis_ms = aligned_ms.saturating_sub(u64::from(settings.warm_up_blocks) * block_ms);
        let contracts = genesis::contracts(genesis());
        let state = genesis::state(genesis(), &settings, &contracts);
        let count = settings.nodes.len();
        let nodes = settings.nodes.iter().enumerate();
        let nodes = nodes.map(|(index, node)| Node::new(node.clone(), index, count)).collect();
        let witnesses = settings.witnesses.clamp(1, genesis::MOST_WITNESSES);
        let settings = Settings { block_ms, witnesses, ..settings };
        let mut chain = SimChain {
            contracts,
            state,
            blocks: vec![Block::genesis(genesis_ms, witnesses)],
            canonical: vec![0],
            records: BTreeMap::new(),
            producers: Pool::default(),
            nodes,
            heads: VecDeque::new(),
            heads_forgotten: 0,
            now_ms: genesis_ms,
            genesis_ms,
            next_slot: 1,
            split: None,
            sky: Sky::default(),
            storm: None,
            transfers: Vec::new(),
            settings,
        };
        chain.advance_to(now_ms);
        chain
    }

    /// The moment up to which time has passed, unix ms.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// What was chosen before the first block, and the parameters as they are now.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The head's number on the branch that counts.
    #[must_use]
    pub fn head_number(&self) -> u64 {
        self.head().number
    }

    /// The head's timestamp on the branch that counts, unix ms.
    #[must_use]
    pub fn head_timestamp_ms(&self) -> u64 {
        self.head().timestamp_ms
    }

    /// The solid number that the producers agree on: nothing at or below it is ever undone.
    #[must_use]
    pub fn solid_number(&self) -> u64 {
        self.head().solid
    }

    /// Nodes that can be asked.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Chooses to whom a node is linked.
    pub fn link(&mut self, node: NodeId, to_producers: bool, peers: &[NodeId]) {
        if let Some(node) = self.nodes.get_mut(node.0) {
            node.hears_producers = to_producers;
            node.peers = peers.iter().map(|peer| peer.0).collect();
        }
    }

    fn head(&self) -> &Block {
        &self.blocks[self.head_index() as usize]
    }

    fn head_index(&self) -> BlockIndex {
        self.canonical.last().copied().unwrap_or(0)
    }

    /// The block of a number on the branch that ends in `tip`.
    fn block_at(&self, tip: BlockIndex, number: u64) -> Option<&Block> {
        let mut block = &self.blocks[tip as usize];
        if number > block.number {
            return None;
        }
        while !self.is_canonical(block) {
            if block.number == number {
                return Some(block);
            }
            block = &self.blocks[block.parent as usize];
        }
        let index = self.canonical.get(usize::try_from(number.min(block.number)).ok()?)?;
        Some(&self.blocks[*index as usize]).filter(|found| found.number == number)
    }

    fn is_canonical(&self, block: &Block) -> bool {
        let place = usize::try_from(block.number).ok().and_then(|number| self.canonical.get(number));
        place.is_some_and(|index| self.blocks[*index as usize].id == block.id)
    }

    /// The height whose state is that of a tip, or of the root of its branch.
    fn state_height(&self, tip: BlockIndex) -> u64 {
        let mut block = &self.blocks[tip as usize];
        while !self.is_canonical(block) {
            block = &self.blocks[block.parent as usize];
        }
        block.number
    }

    /// Where the branch that ends in `tip` holds a transaction, first of all.
    fn inclusion(&self, tip: BlockIndex, txid: TxId) -> Option<Inclusion> {
        let record = self.records.get(&txid)?;
        let on_branch = |inclusion: &&Inclusion| {
            let block = &self.blocks[inclusion.block as usize];
            self.block_at(tip, block.number).is_some_and(|found| found.id == block.id)
        };
        record
            .inclusions
            .iter()
            .filter(on_branch)
            .min_by_key(|found| self.blocks[found.block as usize].number)
            .copied()
    }

    fn tip_of(&self, place: Place) -> BlockIndex {
        match place {
            Place::Producers => self.head_index(),
            Place::Node(index) => self.nodes[index].tip,
        }
    }

    fn pool(&self, place: Place) -> &Pool {
        match place {
            Place::Producers => &self.producers,
            Place::Node(index) => &self.nodes[index].pool,
        }
    }

    fn pool_mut(&mut self, place: Place) -> &mut Pool {
        match place {
            Place::Producers => &mut self.producers,
            Place::Node(index) => &mut self.nodes[index].pool,
        }
    }

    /// The state with a pool's transactions run, made if need be.
    fn ahead(&self, place: Place) -> &Ahead {
        self.pool(place).ahead.get_or_init(|| self.run_pool(place))
    }

    /// The same, to be changed and put back.
    fn take_ahead(&mut self, place: Place) -> Ahead {
        self.ahead(place);
        self.pool_mut(place).ahead.take().unwrap_or_default()
    }

    fn run_pool(&self, place: Place) -> Ahead {
        let tip = self.tip_of(place);
        let scene = self.scene(self.blocks[tip as usize].timestamp_ms);
        let mut ledger = Ledger::at(&self.state, self.state_height(tip));
        let mut results = BTreeMap::new();
        for pending in self.pool(place).iter() {
            let Some(record) = self.records.get(&pending.txid) else { continue };
            let Ok(transaction) = Transaction::parse(&record.bytes) else { continue };
            if let Ok(receipt) = execution::run(&mut ledger, scene, &transaction, &record.signers) {
                results.insert(pending.txid, receipt.result);
            }
        }
        Ahead { layer: ledger.into_layer(), results }
    }
}
