//! What a node shows: its head with everything pending, or its solid part. Every question that TRON's HTTP knows, as a function.

use std::cell::Cell;

use thiserror::Error;

use crate::domain::address::Address;
use crate::domain::tron::{BlockId, RefBlock, TxId};

use super::SimChain;
use super::accounts::{Account, Resources};
use super::answer::{Answer, Lost};
use super::block::{Block, BlockIndex, Included, ServedBlock, ServedTransaction};
use super::broadcast::Place;
use super::contracts::{Call, Contract, Ending};
use super::execution;
use super::node::NodeId;
use super::permission::{self, SignWeight};
use super::receipt::{Log, TransactionInfo};
use super::settings::Parameters;
use super::state::{Ledger, TokenState};
use super::transaction::Transaction;
use super::weather::ReadWeather;

/// Blocks that `getblockbylimitnext` gives at once.
const BLOCKS_AT_ONCE_MAX: u64 = 100;
/// `estimateenergy` looks for a limit in steps; it comes out this much too high, in tenths.
const ESTIMATE_TENTHS: u64 = 15;

/// Which of a node's views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finality {
    /// `wallet/…`: the head, and what is pending.
    Head,
    /// `walletsolidity/…`: what can not be undone.
    Solid,
}

/// A node's view at a moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    chain: &'a SimChain,
    node: NodeId,
    finality: Finality,
    tip: BlockIndex,
    /// The highest block in the view.
    height: u64,
    /// A back end that knows nothing.
    blind: bool,
    /// Takes a transaction out of the next block that it serves.
    doctor: Option<Doctor<'a>>,
}

/// An order to take a transaction out of one block.
#[derive(Clone, Copy, Debug)]
struct Doctor<'a> {
    /// Whether to make the block's id anew.
    recompute: bool,
    done: &'a Cell<bool>,
}

/// `getnodeinfo`, as far as clients read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// The view's block: the head, or the solid one.
    pub block: (u64, BlockId),
    /// The solid number of the head: it runs ahead of `walletsolidity`.
    pub solidity_block: (u64, BlockId),
    /// Peers.
    pub peers: usize,
}

/// What a call would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstantCall {
    /// The value, or the revert data.
    pub output: Vec<u8>,
    /// Energy with the penalty.
    pub energy_used: u64,
    /// The penalty in it.
    pub energy_penalty: u64,
    /// Whether it reverted: `result.result` is still true then, and `ret` says FAILED.
    pub reverted: bool,
    /// Logs; none when it reverted.
    pub logs: Vec<Log>,
}

/// Why a call gives no result at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallRefused {
    /// CONTRACT_VALIDATE_ERROR.
    #[error("No contract or not a valid smart contract")]
    NoContract,
    /// OTHER_ERROR, with java's words.
    #[error("{words}")]
    Died {
        /// The exception's class and message.
        words: &'static str,
    },
}

impl SimChain {
    /// Asks a node something. What comes back is the answer or the weather.
    pub fn ask<T>(
        &mut self,
        node: NodeId,
        finality: Finality,
        question: impl FnOnce(View<'_>) -> T,
    ) -> Answer<T> {
        if let Some(lost) = self.refuses_everything(node) {
            return Answer::Lost(lost);
        }
        let weather = self.weather_of_read(node);
        let lost = match weather {
            None | Some(ReadWeather::Unknown) => self.refuses_everything(node),
            Some(ReadWeather::HangsUp) => Some(Lost::HangsUp),
            Some(ReadWeather::TimesOut) => Some(Lost::TimesOut),
            Some(ReadWeather::HtmlReply) => Some(Lost::Html),
            Some(ReadWeather::HalfJson) => Some(Lost::HalfJson),
            Some(ReadWeather::Http503) => Some(Lost::Status { code: 503, retry_after_s: None }),
            Some(ReadWeather::Http403) => Some(self.punish(node, 403, None, 30_000)),
            Some(ReadWeather::Http429WithPenalty) => Some(self.punish(node, 429, Some(30), 30_000)),
        };
        if let Some(lost) = lost {
            return Answer::Lost(lost);
        }
        let done = Cell::new(false);
        let doctor =
            self.nodes[node.0].weather.doctors_next.map(|recompute| Doctor { recompute, done: &done });
        let blind = weather == Some(ReadWeather::Unknown);
        let reply = question(View { blind, doctor, ..self.view(node, finality) });
        if done.get() {
            self.nodes[node.0].weather.doctors_next = None;
        }
        Answer::Reply(reply)
    }

    /// A node's view without any weather in transport.
    #[must_use]
    pub fn view(&self, node: NodeId, finality: Finality) -> View<'_> {
        let index = node.0.min(self.nodes.len().saturating_sub(1));
        let place = &self.nodes[index];
        let tip = &self.blocks[place.tip as usize];
        let stale = place.weather.stale_solid.filter(|(_, until_ms)| self.now_ms < *until_ms);
        let back = self.settings.solidity_lag_blocks + stale.map_or(0, |(blocks, _)| blocks);
        let height = match finality {
            Finality::Head => tip.number,
            Finality::Solid => tip.solid.saturating_sub(back),
        };
        View {
            chain: self,
            node: NodeId(index),
            finality,
            tip: place.tip,
            height,
            blind: false,
            doctor: None,
        }
    }
}

impl<'a> View<'a> {
    /// The highest block in the view. A blind one shows the genesis block.
    #[must_use]
    pub fn now_block(&self) -> Option<ServedBlock> {
        self.block_by_num(self.height)
    }

    /// A block by its number.
    #[must_use]
    pub fn block_by_num(&self, number: u64) -> Option<ServedBlock> {
        self.block(number).map(|block| self.serve(block, true))
    }

    /// A block's header by its number, without its transactions (`detail: false`).
    #[must_use]
    pub fn header_by_num(&self, number: u64) -> Option<ServedBlock> {
        self.block(number).map(|block| self.serve(block, false))
    }

    /// A block by its id, when it is on this node's branch.
    #[must_use]
    pub fn block_by_id(&self, id: BlockId) -> Option<ServedBlock> {
        self.block(id.number()).filter(|block| block.id == id).map(|block| self.serve(block, true))
    }

    /// Blocks from `start`, before `end`; `None` when more than 100 are asked for, or none, cut at the view's highest.
    #[must_use]
    pub fn blocks_by_limit_next(&self, start: u64, end: u64) -> Option<Vec<ServedBlock>> {
        let asked = end.checked_sub(start).filter(|count| (1..=BLOCKS_AT_ONCE_MAX).contains(count));
        asked.map(|_| (start..end).map_while(|number| self.block_by_num(number)).collect())
    }

    /// A transaction: in a block, or pending at this node in its head view. There is no telling which.
    #[must_use]
    pub fn transaction_by_id(&self, txid: TxId) -> Option<ServedTransaction> {
        if let Some((_, included)) = self.included(txid) {
            return Some(included.serve());
        }
        self.pending_transaction(txid)
    }

    /// What happened to a transaction in a block.
    #[must_use]
    pub fn transaction_info_by_id(&self, txid: TxId) -> Option<TransactionInfo> {
        self.included(txid).map(|(block, included)| info(block, included))
    }

    /// What happened to the transactions of a block; empty for a block that is not there, too.
    #[must_use]
    pub fn transaction_infos_by_block(&self, number: u64) -> Vec<TransactionInfo> {
        let block = self.block(number);
        block
            .map(|block| block.transactions.iter().map(|included| info(block, included)).collect())
            .unwrap_or_default()
    }

    /// An account; in the head view after everything pending.
    #[must_use]
    pub fn account(&self, address: Address) -> Option<Account> {
        self.ledger().account(address).cloned()
    }

    /// An account's resources.
    #[must_use]
    pub fn account_resources(&self, address: Address) -> Option<Resources> {
        let account = self.account(address)?;
        Some(account.resources(self.parameters().free_bandwidth, self.timestamp_ms()))
    }

    /// A contract.
    #[must_use]
    pub fn contract(&self, address: Address) -> Option<&'a Contract> {
        self.chain.contracts.get(&address).filter(|_| !self.blind)
    }

    /// A token's own settings.
    #[must_use]
    pub fn token(&self, address: Address) -> Option<TokenState> {
        self.ledger().token(address).cloned()
    }

    /// What a call would do (`triggerconstantcontract`).
    pub fn constant_call(
        &self,
        owner: Address,
        contract: Address,
        data: &[u8],
        call_value_sun: i64,
    ) -> Result<ConstantCall, CallRefused> {
        if self.contract(contract).is_none() {
            return Err(CallRefused::NoContract);
        }
        let scene = self.chain.scene(self.timestamp_ms());
        let call = Call { caller: owner, contract, data, call_value_sun };
        let run = execution::run_constant(&mut self.ledger(), scene, call);
        let (output, reverted) = match run.ending {
            Ending::Returned(value) => (value, false),
            Ending::Reverted(data) => (data, true),
            Ending::IllegalOperation => {
                return Err(CallRefused::Died {
                    words: "class org.tron.core.vm.program.Program$IllegalOperationException : \
                            Invalid operation code: opCode[fe];",
                });
            }
            Ending::Endless => {
                return Err(CallRefused::Died {
                    words: "class org.tron.core.vm.program.Program$OutOfTimeException : \
                            CPU timeout for 'SWAP2' operation executing",
                });
            }
        };
        let logs = if reverted { Vec::new() } else { run.logs };
        let energy_used = run.energy + run.penalty;
        Ok(ConstantCall { output, energy_used, energy_penalty: run.penalty, reverted, logs })
    }

    /// `estimateenergy`: coarse, as the node's own; `None` when the call would revert.
    pub fn estimate_energy(
        &self,
        owner: Address,
        contract: Address,
        data: &[u8],
        call_value_sun: i64,
    ) -> Result<Option<u64>, CallRefused> {
        let call = self.constant_call(owner, contract, data, call_value_sun)?;
        Ok((!call.reverted).then_some(call.energy_used * ESTIMATE_TENTHS / 10))
    }

    /// What the committee has voted.
    #[must_use]
    pub fn parameters(&self) -> &'a Parameters {
        &self.chain.settings.parameters
    }

    /// TRX burnt since genesis, in sun.
    #[must_use]
    pub fn burnt_sun(&self) -> u64 {
        self.ledger().amount(&super::state::Cell::Burnt)
    }

    /// Ids pending at this node.
    #[must_use]
    pub fn pending(&self) -> Vec<TxId> {
        self.chain.pool(Place::Node(self.node.0)).iter().map(|pending| pending.txid).collect()
    }

    /// How many are pending at this node.
    #[must_use]
    pub fn pending_size(&self) -> usize {
        self.chain.pool(Place::Node(self.node.0)).len()
    }

    /// A transaction that is pending at this node, with the result of its pre-run.
    #[must_use]
    pub fn pending_transaction(&self, txid: TxId) -> Option<ServedTransaction> {
        let place = Place::Node(self.node.0);
        if self.blind || self.finality == Finality::Solid || self.chain.pool(place).get(txid).is_none() {
            return None;
        }
        let record = self.chain.records.get(&txid)?;
        let contract_ret = *self.chain.ahead(place).results.get(&txid)?;
        Some(ServedTransaction { txid, bytes: record.bytes.clone(), contract_ret })
    }

    /// The node about itself.
    #[must_use]
    pub fn node_info(&self) -> NodeInfo {
        let name = |number: u64| (number, self.on_branch(number).map(|block| block.id).unwrap_or_default());
        let tip = &self.chain.blocks[self.tip as usize];
        let place = &self.chain.nodes[self.node.0];
        NodeInfo { block: name(self.height), solidity_block: name(tip.solid), peers: place.links() }
    }

    /// How far a transaction's signatures reach.
    #[must_use]
    pub fn sign_weight(&self, transaction: &Transaction) -> SignWeight {
        let ledger = self.ledger();
        permission::sign_weight(transaction, transaction.owner().and_then(|owner| ledger.account(owner)))
    }

    /// Whose signatures a transaction carries, as far as they can be read (`getapprovedlist`).
    #[must_use]
    pub fn approved_list(&self, transaction: &Transaction) -> Vec<Address> {
        permission::recover_signers(transaction).into_iter().flatten().collect()
    }

    /// The reference block that this node would build with: its solid one.
    #[must_use]
    pub fn reference_block(&self) -> RefBlock {
        let tip = &self.chain.blocks[self.tip as usize];
        RefBlock::new(self.on_branch(tip.solid).map(|block| block.id).unwrap_or_default())
    }

    /// The highest block's number.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The highest block's timestamp, unix ms.
    #[must_use]
    pub fn timestamp_ms(&self) -> u64 {
        self.on_branch(self.height).map_or(0, |block| block.timestamp_ms)
    }

    /// The state of the view, with everything pending in a head view.
    fn ledger(&self) -> Ledger<'a> {
        let state = &self.chain.state;
        if self.finality == Finality::Solid {
            return Ledger::at(state, self.height);
        }
        let place = Place::Node(self.node.0);
        Ledger::over(state, self.chain.state_height(self.tip), self.chain.ahead(place).layer.clone())
    }

    fn on_branch(&self, number: u64) -> Option<&'a Block> {
        self.chain
            .block_at(self.tip, number)
            .filter(|block| block.number <= self.height || self.finality == Finality::Head)
    }

    fn block(&self, number: u64) -> Option<&'a Block> {
        self.on_branch(number).filter(|block| block.number <= self.height && !self.blind)
    }

    fn included(&self, txid: TxId) -> Option<(&'a Block, &'a Included)> {
        if self.blind {
            return None;
        }
        let inclusion = self.chain.inclusion(self.tip, txid)?;
        let block = &self.chain.blocks[inclusion.block as usize];
        (block.number <= self.height)
            .then(|| block.transactions.get(inclusion.position as usize))?
            .map(|found| (block, found))
    }

    fn serve(&self, block: &Block, with_transactions: bool) -> ServedBlock {
        let mut served = block.serve(with_transactions);
        if let (Some(doctor), Some(first)) =
            (self.doctor.filter(|doctor| !doctor.done.get()), served.transactions.first())
        {
            let txid = first.txid;
            served = served.without(txid, doctor.recompute);
            doctor.done.set(true);
        }
        for (txid, recompute) in &self.chain.nodes[self.node.0].weather.hides {
            if served.transactions.iter().any(|transaction| transaction.txid == *txid) {
                served = served.without(*txid, *recompute);
            }
        }
        served
    }
}

fn info(block: &Block, included: &Included) -> TransactionInfo {
    TransactionInfo {
        txid: included.txid,
        block_number: block.number,
        block_timestamp_ms: block.timestamp_ms,
        receipt: included.receipt.clone(),
    }
}
