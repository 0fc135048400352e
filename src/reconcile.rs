//! Reconciling: reads the solidified chain block by block and the store page by page, and holds one against the other
//! (F-P22). It changes nothing. What it reads from is a node, never the daemon's own memory.

use futures_util::{StreamExt, TryStreamExt, stream};
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::order::HousePolicy;
use payoutd_actors::domain::payout::Payout;
use payoutd_actors::domain::reconcile::{Anomaly, Appearance, Finding, differences};
use payoutd_actors::domain::tron::execution::TransferLog;
use payoutd_actors::domain::tron::{TransactionInfo, TxId, Uint256};
use payoutd_actors::ports::{ChainFault, ChainNode, PayoutFilter, Payouts, StoreFault, View};
use serde::Serialize;
use std::collections::BTreeMap;
use thiserror::Error;

/// Blocks that are asked for at a time.
const BLOCKS_AT_ONCE: usize = 16;
/// Payouts of one page.
const PAYOUTS_A_PAGE: u32 = 500;

/// What was compared, and how it differs.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The first block that was read.
    pub first_block: u64,
    /// The last one: the solidified head.
    pub last_block: u64,
    /// Payouts that were compared.
    pub payouts: u64,
    /// Transfers out of the wallet that the chain shows.
    pub outgoing: u64,
    /// What differs; empty is good.
    pub findings: Vec<Finding>,
}

/// Why nothing could be compared.
#[derive(Debug, Error)]
pub enum NotCompared {
    /// The store.
    #[error("the store does not answer")]
    Store(#[from] StoreFault),
    /// The chain.
    #[error("the chain can not be read")]
    Chain(#[from] ChainFault),
}

/// What the chain shows of the wallet: everything that left it, and every transaction that may be ours.
#[derive(Debug, Default)]
pub struct ChainBook {
    by_txid: BTreeMap<TxId, Vec<TransactionInfo>>,
    outgoing: Vec<TxId>,
}

impl ChainBook {
    fn add(&mut self, infos: Vec<TransactionInfo>, policy: &HousePolicy) {
        for info in infos {
            if leaves(&info, policy.token, policy.wallet) {
                self.outgoing.push(info.txid);
            }
            self.by_txid.entry(info.txid).or_default().push(info);
        }
    }
}

/// Whether a transaction moved tokens out of a wallet (a stranger's zero-value transferFrom moves none).
fn leaves(info: &TransactionInfo, token: Address, wallet: Address) -> bool {
    let logs = info.logs.iter().filter(|log| log.contract() == token);
    logs.filter_map(|log| TransferLog::read(log).ok())
        .any(|log| log.from == wallet && log.amount > Uint256::ZERO)
}

/// Reads blocks `first..=last` of the solidified chain; `progress` hears how many are read.
///
/// # Errors
/// When the node does not answer: half a chain proves nothing.
pub async fn read_chain(
    node: &dyn ChainNode,
    policy: &HousePolicy,
    first: u64,
    last: u64,
    progress: impl Fn(u64),
) -> Result<ChainBook, ChainFault> {
    let mut book = ChainBook::default();
    let mut reads = stream::iter(first..=last)
        .map(|number| node.transaction_infos(View::Solid, number))
        .buffered(BLOCKS_AT_ONCE);
    let mut read = 0;
    while let Some(infos) = reads.try_next().await? {
        book.add(infos, policy);
        read += 1;
        progress(read);
    }
    Ok(book)
}

/// Holds the whole store against the chain from a block on.
///
/// # Errors
/// See [`NotCompared`].
pub async fn compare(
    payouts: &dyn Payouts,
    node: &dyn ChainNode,
    policy: &HousePolicy,
    first_block: u64,
    progress: impl Fn(u64),
) -> Result<Comparison, NotCompared> {
    let head = node.now_block(View::Solid).await?;
    let book = read_chain(node, policy, first_block, head.number(), progress).await?;
    let mut comparison = Comparison {
        first_block,
        last_block: head.number(),
        payouts: 0,
        outgoing: book.outgoing.len() as u64,
        findings: Vec::new(),
    };
    let mut ours: BTreeMap<TxId, ()> = BTreeMap::new();
    let mut filter = PayoutFilter::default();
    loop {
        let page = payouts.list(&filter, PAYOUTS_A_PAGE).await?;
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id);
        for payout in &page {
            comparison.payouts += 1;
            comparison.findings.extend(compare_one(payout, &book, head.timestamp_ms()));
            ours.extend(payout.attempts.iter().map(|attempt| (attempt.txid, ())));
        }
    }
    let strangers = book.outgoing.iter().filter(|txid| !ours.contains_key(*txid)).map(|txid| Finding {
        anomaly: Anomaly::Stranger,
        payout_id: None,
        txid: Some(*txid),
        detail: "it left the wallet, and no payout of this store ordered it".to_owned(),
    });
    comparison.findings.extend(strangers);
    Ok(comparison)
}

fn compare_one(payout: &Payout, book: &ChainBook, solid_ms: i64) -> Vec<Finding> {
    let appearances: Vec<Appearance<'_>> = payout
        .attempts
        .iter()
        .filter_map(|attempt| book.by_txid.get(&attempt.txid))
        .flatten()
        .map(|info| Appearance { info })
        .collect();
    differences(payout, &appearances, solid_ms)
}
