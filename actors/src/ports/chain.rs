//! One TRON node, in the office's words. The office holds several and believes none alone.
//!
//! `head` is what the node thinks now; `solid` is what can not be undone. An answer is either what the node said or a
//! [`ChainFault`]; no fault ever means "it did not happen".

use crate::domain::address::Address;
use crate::domain::tron::broadcast::BroadcastCode;
use crate::domain::tron::{Block, BlockId, SignedTransfer, TransactionInfo, TrialFailure, TxId};
use crate::ledger::OnFile;
use async_trait::async_trait;
use thiserror::Error;

/// Why there is no answer. Every variant is a fault of the dependency and counts for its breaker.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChainFault {
    /// Nothing came back, or the connection broke.
    #[error("no answer: {0}")]
    Silent(String),
    /// It refuses calls for now (429, 403 with a penalty, 503).
    #[error("it refuses calls for now (HTTP {status})")]
    Penalty {
        /// The HTTP status.
        status: u16,
        /// How long it asks us to stay away, ms.
        retry_after_ms: Option<i64>,
    },
    /// Something came back that is no answer (HTML, half a JSON, another block than was asked for).
    #[error("an answer that can not be read: {0}")]
    Garbled(String),
    /// Its breaker is open: it was not asked.
    #[error("not asked: its circuit breaker is open")]
    BreakerOpen {
        /// How long until it may be asked again, ms.
        retry_after_ms: i64,
    },
}

/// Which of a node's views is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The newest, which a fork may undo.
    Head,
    /// The solidified one.
    Solid,
}

/// What a node said to a broadcast. Nothing in it permits a second transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroadcastReply {
    /// Its code.
    pub code: BroadcastCode,
    /// Its words, for the log.
    pub message: String,
}

/// A node's account record, as much as the treasurer needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountView {
    /// Whether the account exists on chain.
    pub exists: bool,
    /// TRX, in sun.
    pub balance_sun: u64,
}

/// An account's energy and bandwidth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceView {
    /// Energy left of what is staked or delegated.
    pub energy_left: u64,
    /// Free and staked bandwidth left, in bytes.
    pub bandwidth_left: u64,
}

/// The chain parameters that payouts depend on (each is a committee's vote: read, never assumed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainParameters {
    /// getEnergyFee, sun per unit of energy.
    pub energy_price_sun: u64,
    /// getTransactionFee, sun per byte.
    pub bandwidth_price_sun: u64,
    /// getMaxFeeLimit, sun.
    pub fee_limit_max_sun: u64,
    /// getMemoFee, sun.
    pub memo_fee_sun: u64,
}

/// What a trial run of a contract call said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialRun {
    /// Energy that it used, penalty included.
    pub energy_used: u64,
    /// What the call returned.
    pub returned: Vec<u8>,
    /// Set where it did not end well.
    pub failure: Option<TrialFailure>,
}

/// One TRON node.
#[async_trait]
pub trait ChainNode: Send + Sync {
    /// Its name in proofs, views and metrics (never a URL with a key in it).
    fn name(&self) -> &str;

    /// Sends the bytes that are on file.
    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault>;

    /// The newest block of a view.
    async fn now_block(&self, view: View) -> Result<Block, ChainFault>;

    /// A block by number; `None` where this node knows none of that number (which proves nothing).
    async fn block(&self, view: View, number: u64) -> Result<Option<Block>, ChainFault>;

    /// Blocks `first..=last` in order, as many as this node gives (at most 100 a call).
    async fn blocks(&self, view: View, first: u64, last: u64) -> Result<Vec<Block>, ChainFault>;

    /// What became of the transactions of a block, in order; empty also for a block without any.
    async fn transaction_infos(&self, view: View, number: u64) -> Result<Vec<TransactionInfo>, ChainFault>;

    /// What became of one transaction; `None` proves nothing.
    async fn transaction_info(&self, view: View, txid: &TxId) -> Result<Option<TransactionInfo>, ChainFault>;

    /// The id of block 0.
    async fn genesis_id(&self) -> Result<BlockId, ChainFault>;

    /// An account.
    async fn account(&self, view: View, address: Address) -> Result<AccountView, ChainFault>;

    /// An account's energy and bandwidth.
    async fn resources(&self, address: Address) -> Result<ResourceView, ChainFault>;

    /// The chain's parameters.
    async fn parameters(&self) -> Result<ChainParameters, ChainFault>;

    /// Runs a call without making it.
    async fn trial_run(
        &self,
        view: View,
        caller: Address,
        contract: Address,
        call_data: Vec<u8>,
    ) -> Result<TrialRun, ChainFault>;
}
