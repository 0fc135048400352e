//! Reconciling: the store held against the solidified chain, payout by payout and block by block (F-P22); and, where a person asks
//! for it, taking over what an older copy of the store has paid (F-N24).
//!
//! Promises that the chain is read before the store, from a node and never from the daemon's memory, whole or not at all; that
//! comparing changes nothing. Never here: signing, sending.

mod adopt;
mod chain_book;
mod kin;

pub use adopt::{Adopted, Adoption, Undecided, adopt};
pub use chain_book::{ChainBook, Reading, Unknown};

use crate::domain::order::HousePolicy;
use crate::domain::payout::Payout;
use crate::domain::reconcile::{Anomaly, Finding, Sight, differences};
use crate::domain::stranger::MarkMaker;
use crate::domain::tron::TransactionInfo;
use crate::domain::tron::block::DoctoredBlock;
use crate::ports::{ChainFault, ChainNode, HouseFacts, PayoutFilter, Payouts, StoreFault, Strangers};
use kin::{PAYOUTS_A_PAGE, Relation, relate};
use serde::Serialize;
use std::collections::BTreeMap;
use thiserror::Error;

/// What is worked with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// The payouts.
    pub payouts: &'a dyn Payouts,
    /// Where unknown transfers are noted.
    pub strangers: &'a dyn Strangers,
    /// The wallet and the token.
    pub policy: &'a HousePolicy,
    /// What makes this store's marks.
    pub marks: &'a MarkMaker,
    /// Now, unix ms.
    pub now_ms: i64,
}

/// What was compared, and how it differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The first block that was read: the one after the store's birth.
    pub first_block: u64,
    /// The last one: the solidified head.
    pub last_block: u64,
    /// Payouts that were compared.
    pub payouts: u64,
    /// How many of them stand in which stage.
    pub stages: BTreeMap<&'static str, u64>,
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
    /// The node shows a chain that does not hang together.
    #[error("the node shows a block that does not prove itself")]
    Doctored(#[from] DoctoredBlock),
    /// The node has not come as far as the store.
    #[error("the node's solidified head is block {head}, and the store was born at block {needed}")]
    NodeBehind {
        /// The node's.
        head: u64,
        /// The store's.
        needed: u64,
    },
    /// The store has never seen the chain: there is nothing to hold against it.
    #[error("this store has never seen the chain")]
    NeverSawTheChain,
    /// No node that answers is on the store's chain.
    #[error("no node of this store's chain answers: {0}")]
    NoNode(String),
}

/// The first node that answers and is on the store's chain.
///
/// # Errors
/// [`NotCompared::NoNode`] with every node's answer.
pub async fn node_of<'a, N: AsRef<dyn ChainNode>>(
    nodes: &'a [N],
    facts: &HouseFacts,
) -> Result<&'a dyn ChainNode, NotCompared> {
    let mut answers = Vec::with_capacity(nodes.len());
    for node in nodes.iter().map(AsRef::as_ref) {
        match node.genesis_id().await {
            Ok(id) if facts.genesis_id.is_none_or(|pinned| pinned == id) => return Ok(node),
            Ok(id) => answers.push(format!("{} is on another chain (genesis {id})", node.name())),
            Err(fault) => answers.push(format!("{}: {fault}", node.name())),
        }
    }
    Err(NotCompared::NoNode(answers.join("; ")))
}

/// Holds the whole store against what was read of the chain.
///
/// # Errors
/// See [`NotCompared`].
pub async fn compare(tools: Tools<'_>, book: &ChainBook) -> Result<Comparison, NotCompared> {
    let last = book.last.ok_or(NotCompared::NeverSawTheChain)?;
    let sight = Sight { last_block: last.block.number, last_timestamp_ms: last.timestamp_ms };
    let mut comparison = Comparison {
        first_block: book.first_block,
        last_block: last.block.number,
        payouts: 0,
        stages: BTreeMap::new(),
        outgoing: book.outgoing,
        findings: Vec::new(),
    };
    let mut filter = PayoutFilter::default();
    loop {
        let page = tools.payouts.list(&filter, PAYOUTS_A_PAGE).await?;
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id);
        for payout in &page {
            comparison.payouts += 1;
            *comparison.stages.entry(payout.stage.word()).or_default() += 1;
            comparison.findings.extend(differences(payout, &appearances(payout, book), sight));
        }
    }
    comparison.findings.extend(unknown_findings(tools, book).await?);
    Ok(comparison)
}

/// All appearances of a payout's transfers, in the order of its attempts.
fn appearances<'a>(payout: &Payout, book: &'a ChainBook) -> Vec<&'a TransactionInfo> {
    payout.attempts.iter().filter_map(|attempt| book.seen.get(&attempt.txid)).flatten().collect()
}

/// What left the wallet and is no payout's. Whatever was adopted since the chain was read has found its payout.
async fn unknown_findings(tools: Tools<'_>, book: &ChainBook) -> Result<Vec<Finding>, NotCompared> {
    if book.unknown.is_empty() {
        return Ok(Vec::new());
    }
    let mut relations = relate(book, tools.payouts, tools.marks, tools.policy).await?;
    let mut findings = Vec::new();
    for unknown in &book.unknown {
        let key = unknown.outgoing.key;
        if !tools.payouts.find_by_transfers(&[key]).await?.is_empty() {
            continue;
        }
        findings.extend(finding(unknown, relations.remove(&key.txid)));
    }
    Ok(findings)
}

/// A call that failed and carries nobody's mark moved nothing and is nobody's matter.
fn finding(unknown: &Unknown, relation: Option<Relation>) -> Option<Finding> {
    let block = unknown.block.number;
    let what = match unknown.outgoing.moved {
        Some(log) => {
            let amount =
                log.amount.to_micro_usdt().map_or_else(|| log.amount.to_string(), |usdt| usdt.to_string());
            format!("block {block}: {amount} USDT to {}", log.to)
        }
        None => format!("block {block}: it failed"),
    };
    let (anomaly, payout_id, whose) = match relation {
        None => {
            unknown.outgoing.moved?;
            (Anomaly::Stranger, None, "no payout of this store ordered it".to_owned())
        }
        Some(Relation { payout, kin: Ok(_) }) => {
            let says = format!("it carries the mark of a payout that is {} here", payout.stage.word());
            let anomaly =
                if unknown.outgoing.moved.is_some() { Anomaly::Stranger } else { Anomaly::Unrecorded };
            (anomaly, Some(payout.id), format!("{says}: `payoutd reconcile --adopt` takes it over"))
        }
        Some(Relation { payout, kin: Err(why) }) => (Anomaly::Stranger, Some(payout.id), why.to_string()),
    };
    Some(Finding {
        anomaly,
        payout_id,
        txid: Some(unknown.outgoing.key.txid),
        detail: format!("{what}; {whose}"),
    })
}
