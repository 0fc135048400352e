//! A second pair of eyes (F-N05): an index such as TronScan, asked by page, never for absence.

use super::chain::ChainFault;
use crate::domain::address::Address;
use crate::domain::money::MicroUsdt;
use crate::domain::tron::TxId;
use async_trait::async_trait;

/// One outgoing token transfer, as the index tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedTransfer {
    /// Which transaction.
    pub txid: TxId,
    /// The token contract.
    pub token: Address,
    /// Who paid.
    pub from: Address,
    /// Who was paid.
    pub to: Address,
    /// How much, micro-USDT; `None` where the index's number does not fit.
    pub amount: Option<MicroUsdt>,
    /// In which block.
    pub block_number: u64,
    /// Whether the index calls it confirmed.
    pub confirmed: bool,
    /// Whether it executed successfully.
    pub succeeded: bool,
}

/// An index of the chain.
#[async_trait]
pub trait SecondOpinion: Send + Sync {
    /// Its name in proofs, views and metrics.
    fn name(&self) -> &str;

    /// Outgoing transfers of the token from a wallet within a span of block times (unix ms, inclusive), all pages.
    async fn outgoing(
        &self,
        wallet: Address,
        token: Address,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<IndexedTransfer>, ChainFault>;
}
