//! "Was this paid, and how do you know?": every check by itself, every source by name (F004-25, F004-35).

use super::Desk;
use crate::domain::identity::PayoutId;
use crate::domain::payout::{Attempt, CONFIRMATIONS_FLOOR, Payout};
use crate::domain::tron::proof::{Ordered, Verdict, examine};
use crate::ports::{ChainFault, ChainNode, SecondOpinion, StoreFault, View};
use actix::Message;
use serde::Serialize;
use thiserror::Error;

/// Asks both sources about a payout, now.
#[derive(Debug, Message)]
#[rtype(result = "Result<Verification, VerifyRefused>")]
pub struct VerifyPayout(pub PayoutId);

/// Why there is no verification.
#[derive(Debug, Clone, Error)]
pub enum VerifyRefused {
    /// There is no such payout.
    #[error("there is no such payout")]
    Unknown,
    /// No source can be asked now.
    #[error("no source can be asked now: {why}")]
    SourcesAway {
        /// Why not.
        why: String,
        /// When it is worth asking again, ms.
        retry_after_ms: i64,
    },
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// One check of one source.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Check {
    /// What was checked, in snake_case.
    pub check: &'static str,
    /// Who was asked.
    pub source: String,
    /// Whether it holds; absent where it could not be asked.
    pub holds: Option<bool>,
}

/// A payout as its sources see it now.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Verification {
    /// Whether everything holds.
    pub verified: bool,
    /// Which payout.
    pub payout_id: PayoutId,
    /// Where it stands.
    pub stage: &'static str,
    /// The transfer that was looked for.
    pub txid: Option<String>,
    /// The block that holds it.
    pub block_number: Option<u64>,
    /// Blocks on top, the block itself counted.
    pub confirmations: u64,
    /// How many are wanted.
    pub confirmations_wanted: u64,
    /// Everything that was checked.
    pub checks: Vec<Check>,
}

/// How long a caller should wait before asking again where nobody says, ms.
const ASK_AGAIN_MS: i64 = 30_000;

pub(super) async fn verify(desk: &Desk, id: PayoutId) -> Result<Verification, VerifyRefused> {
    let payout = desk.tools.ledger.payouts().find(id).await?.ok_or(VerifyRefused::Unknown)?;
    let mut verification = Verification {
        verified: false,
        payout_id: id,
        stage: payout.stage.word(),
        txid: None,
        block_number: None,
        confirmations: 0,
        confirmations_wanted: desk.tools.settings.confirmations_min.max(CONFIRMATIONS_FLOOR),
        checks: Vec::new(),
    };
    let Some(attempt) = payout.attempts.last() else { return Ok(verification) };
    verification.txid = Some(attempt.txid.to_string());
    let node_away = ask_nodes(desk, &payout, attempt, &mut verification).await.err();
    if let Some(index) = &desk.tools.second {
        ask_index(desk, index.as_ref(), &payout, attempt, &mut verification).await;
    }
    if verification.checks.iter().all(|check| check.holds.is_none())
        && let Some(fault) = node_away
    {
        let retry_after_ms = match fault {
            ChainFault::BreakerOpen { retry_after_ms } => retry_after_ms,
            ChainFault::Penalty { retry_after_ms, .. } => retry_after_ms.unwrap_or(ASK_AGAIN_MS),
            ChainFault::Silent(_) | ChainFault::Garbled(_) => ASK_AGAIN_MS,
        };
        return Err(VerifyRefused::SourcesAway { why: fault.to_string(), retry_after_ms });
    }
    let enough = verification.confirmations >= verification.confirmations_wanted;
    verification.checks.push(Check {
        check: "confirmations",
        source: "chain".to_owned(),
        holds: Some(enough),
    });
    verification.verified = verification.checks.iter().all(|check| check.holds == Some(true));
    Ok(verification)
}

/// Every node is asked; the confirmations are those of the one that sees the fewest.
async fn ask_nodes(
    desk: &Desk,
    payout: &Payout,
    attempt: &Attempt,
    told: &mut Verification,
) -> Result<(), ChainFault> {
    let mut answered = Err(ChainFault::Silent("no node is configured".to_owned()));
    let mut fewest = None;
    for node in &desk.tools.nodes {
        match ask_node(node.as_ref(), payout, attempt, told).await {
            Ok(confirmations) => {
                fewest = Some(fewest.unwrap_or(confirmations).min(confirmations));
                answered = Ok(());
            }
            Err(fault) => {
                told.checks.push(Check { check: "answers", source: node.name().to_owned(), holds: None });
                if answered.is_err() {
                    answered = Err(fault);
                }
            }
        }
    }
    told.confirmations = fewest.unwrap_or(0);
    answered
}

async fn ask_node(
    node: &dyn ChainNode,
    payout: &Payout,
    attempt: &Attempt,
    told: &mut Verification,
) -> Result<u64, ChainFault> {
    let head = node.now_block(View::Head).await?;
    let info = node.transaction_info(View::Solid, &attempt.txid).await?;
    let mut note = |check, holds| told.checks.push(Check { check, source: node.name().to_owned(), holds });
    note("solidified", Some(info.is_some()));
    let Some(info) = info else { return Ok(0) };
    let ordered = Ordered::from_raw_data(&attempt.raw_data, attempt.token)
        .map_err(|why| ChainFault::Garbled(format!("the filed bytes can not be read: {why}")))?;
    let examination = examine(&ordered, &info).map_err(|why| ChainFault::Garbled(why.to_string()))?;
    let checks = examination.checks;
    note("executed", Some(checks.executed));
    note("token", checks.token);
    note("one_transfer", checks.one_transfer);
    note("payer", checks.payer);
    note("recipient", checks.recipient);
    note("amount", checks.amount);
    if checks.router_receipt.is_some() {
        note("router_receipt", checks.router_receipt);
    }
    note(
        "as_ordered",
        Some(
            matches!(examination.verdict, Verdict::Paid(_))
                && ordered.call.recipient() == payout.order.recipient,
        ),
    );
    told.block_number = Some(info.block_number);
    Ok((head.number() + 1).saturating_sub(info.block_number))
}

/// How far around a block's time the index is asked, ms.
const INDEX_SPAN_MS: i64 = 3_600_000;

async fn ask_index(
    desk: &Desk,
    index: &dyn SecondOpinion,
    payout: &Payout,
    attempt: &Attempt,
    told: &mut Verification,
) {
    let (from_ms, to_ms) = (
        attempt.signed_at_ms.saturating_sub(INDEX_SPAN_MS),
        attempt.expires_at_ms.saturating_add(INDEX_SPAN_MS),
    );
    let policy = &desk.tools.policy;
    let rows = index.outgoing(policy.wallet, attempt.token, from_ms, to_ms).await;
    let mut note = |check, holds| told.checks.push(Check { check, source: index.name().to_owned(), holds });
    let Ok(rows) = rows else { return note("answers", None) };
    let row = rows.into_iter().find(|row| row.txid == attempt.txid);
    note("listed", Some(row.is_some()));
    let Some(row) = row else { return };
    note("confirmed", Some(row.confirmed && row.succeeded));
    note("recipient", Some(row.to == payout.order.recipient));
    note("amount", Some(row.amount == Some(payout.order.amount)));
    note("token", Some(row.token == attempt.token));
}
