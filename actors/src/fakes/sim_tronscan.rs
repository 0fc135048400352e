//! TronScan of the simulated network, behind the office's own port.

use async_trait::async_trait;

use crate::domain::address::Address;
use crate::domain::money::MicroUsdt;
use crate::ports::{ChainFault, IndexedTransfer, SecondOpinion};

use super::sim_chain::TransferFilter;
use super::sim_node::{SharedChain, heard, look};

/// Rows on a page.
const PAGE: usize = 50;
/// Pages after which the index gives nothing more.
const PAGES_MAX: usize = 200;

/// TronScan of the simulated network.
#[derive(Debug, Clone)]
pub struct SimTronScan {
    chain: SharedChain,
}

impl SimTronScan {
    /// The index of this network.
    #[must_use]
    pub fn new(chain: SharedChain) -> Self {
        Self { chain }
    }
}

#[async_trait]
impl SecondOpinion for SimTronScan {
    fn name(&self) -> &str {
        "sim-tronscan"
    }

    async fn outgoing(
        &self,
        wallet: Address,
        token: Address,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<IndexedTransfer>, ChainFault> {
        let mut rows = Vec::new();
        for page in 0..PAGES_MAX {
            let filter = TransferFilter {
                token: Some(token),
                from: Some(wallet),
                since_ms: Some(u64::try_from(from_ms).unwrap_or(0)),
                until_ms: Some(u64::try_from(to_ms).unwrap_or(0)),
                start: page * PAGE,
                limit: PAGE,
                ..TransferFilter::default()
            };
            let found = heard(look(&self.chain).ask_tronscan(|index| index.transfers(&filter)))?;
            let is_last = found.transfers.len() < PAGE;
            rows.extend(found.transfers.into_iter().map(|row| IndexedTransfer {
                txid: row.txid,
                token: row.token,
                from: row.from,
                to: row.to,
                amount: Some(MicroUsdt::new(row.amount)),
                block_number: row.block,
                confirmed: row.confirmed,
                succeeded: true,
            }));
            if is_last {
                break;
            }
        }
        Ok(rows)
    }
}
