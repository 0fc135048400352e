//! The store held against the chain (F-P22): what the solidified chain shows of a payout, and what the store says of it.
//! Pure; who reads the two stands elsewhere. Nothing here changes anything.

use super::fate::reason_of_mismatch;
use super::identity::PayoutId;
use super::payout::{Attempt, AttemptOutcome, Payout, Reason, Stage};
use super::tron::proof::{Mismatch, Ordered, Verdict, judge};
use super::tron::{TransactionInfo, TxId};
use serde::Serialize;

/// How the store and the chain differ. Each makes the exit code not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Anomaly {
    /// The store says settled; the chain shows no payment.
    FalseConfirmed,
    /// Less arrived than was ordered.
    PaidShort,
    /// More left than was ordered.
    Overpaid,
    /// Something else happened than was ordered.
    Mismatched,
    /// The store says it is on its way; its time is over and the chain does not have it.
    Dropped,
    /// The chain shows more than one payment of one payout.
    DoublePaid,
    /// The chain shows a payment that the store does not say was made.
    Unrecorded,
    /// Something left the wallet that no payout ordered.
    Stranger,
}

impl Anomaly {
    /// Every class.
    pub const ALL: [Self; 8] = [
        Self::FalseConfirmed,
        Self::PaidShort,
        Self::Overpaid,
        Self::Mismatched,
        Self::Dropped,
        Self::DoublePaid,
        Self::Unrecorded,
        Self::Stranger,
    ];

    /// The class's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FalseConfirmed => "false_confirmed",
            Self::PaidShort => "paid_short",
            Self::Overpaid => "overpaid",
            Self::Mismatched => "mismatched",
            Self::Dropped => "dropped",
            Self::DoublePaid => "double_paid",
            Self::Unrecorded => "unrecorded",
            Self::Stranger => "stranger",
        }
    }
}

/// One difference, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which kind.
    pub anomaly: Anomaly,
    /// The payout, where it is about one.
    pub payout_id: Option<PayoutId>,
    /// The transaction, where it is about one.
    pub txid: Option<TxId>,
    /// What was seen, for people.
    pub detail: String,
}

/// How far the chain was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// The last solidified block that was read.
    pub last_block: u64,
    /// Its time, unix ms.
    pub last_timestamp_ms: i64,
}

/// How long past its expiration an unseen transfer is called dropped, ms: the watcher had its time to bury it.
pub const DROPPED_AFTER_MS: i64 = 120_000;

/// One appearance of one of a payout's transfers, judged by its own bytes.
struct Judged<'a> {
    attempt: &'a Attempt,
    verdict: Verdict,
    block: u64,
}

impl Judged<'_> {
    /// Whether tokens of the wallet went, to whomever.
    fn moved(&self) -> bool {
        match &self.verdict {
            Verdict::Paid(_) => true,
            Verdict::Failed(_) => false,
            Verdict::Mismatched(mismatch) => !matches!(
                mismatch,
                Mismatch::NoTransfer | Mismatch::OtherToken { .. } | Mismatch::OtherPayer { .. }
            ),
        }
    }
}

/// The differences of one payout. `appearances` are all of its transfers on the solidified chain, up to where it was read.
#[must_use]
pub fn differences(payout: &Payout, appearances: &[&TransactionInfo], sight: Sight) -> Vec<Finding> {
    let judged: Vec<Judged<'_>> = appearances.iter().filter_map(|info| judged(payout, info)).collect();
    let finding = |(anomaly, txid, detail)| Finding { anomaly, payout_id: Some(payout.id), txid, detail };
    let twice = paid_more_than_once(&judged);
    let each = judged.iter().filter_map(|seen| said_of(payout, seen));
    let missing = false_confirmed(payout, &judged, sight).or_else(|| dropped(payout, appearances, sight));
    twice.into_iter().chain(each).chain(missing).map(finding).collect()
}

type Told = (Anomaly, Option<TxId>, String);

fn judged<'a>(payout: &'a Payout, info: &TransactionInfo) -> Option<Judged<'a>> {
    let attempt = payout.attempts.iter().find(|attempt| attempt.txid == info.txid)?;
    let ordered = Ordered::from_raw_data(&attempt.raw_data, attempt.token).ok()?;
    Some(Judged { attempt, verdict: judge(&ordered, info).ok()?, block: info.block_number })
}

fn paid_more_than_once(judged: &[Judged<'_>]) -> Option<Told> {
    let moved: Vec<&Judged<'_>> = judged.iter().filter(|seen| seen.moved()).collect();
    let [_, .., last] = moved.as_slice() else { return None };
    let places: Vec<String> =
        moved.iter().map(|seen| format!("{} in block {}", seen.attempt.txid, seen.block)).collect();
    Some((
        Anomaly::DoublePaid,
        Some(last.attempt.txid),
        format!("paid {} times: {}", moved.len(), places.join(", ")),
    ))
}

/// What is to be said of one appearance.
fn said_of(payout: &Payout, seen: &Judged<'_>) -> Option<Told> {
    let Judged { attempt, verdict, block } = seen;
    match verdict {
        Verdict::Paid(proof)
            if proof.amount != payout.order.amount || proof.recipient != payout.order.recipient =>
        {
            let detail = format!(
                "block {block}: {} USDT to {}, and the order says otherwise",
                proof.amount, proof.recipient
            );
            Some((Anomaly::Mismatched, Some(attempt.txid), detail))
        }
        Verdict::Paid(_) if !is_recorded_as_paid(payout, attempt) => {
            let detail = format!("block {block} shows the payment; the store says {}", payout.stage.word());
            Some((Anomaly::Unrecorded, Some(attempt.txid), detail))
        }
        Verdict::Mismatched(mismatch) if !is_resolved(payout, attempt) => {
            let (reason, paid) = reason_of_mismatch(mismatch);
            let anomaly = match reason {
                Reason::PaidShort => Anomaly::PaidShort,
                Reason::Overpaid => Anomaly::Overpaid,
                _ => Anomaly::Mismatched,
            };
            let paid = paid.map_or_else(String::new, |paid| format!(", {paid} USDT arrived"));
            Some((anomaly, Some(attempt.txid), format!("block {block}: {}{paid}", reason.says())))
        }
        Verdict::Paid(_) | Verdict::Failed(_) | Verdict::Mismatched(_) => None,
    }
}

/// What was settled behind the last block that was read is not looked for.
fn false_confirmed(payout: &Payout, judged: &[Judged<'_>], sight: Sight) -> Option<Told> {
    let last = payout.attempts.last();
    let read = last.and_then(|attempt| attempt.block).is_none_or(|block| block.number <= sight.last_block);
    if payout.stage != Stage::Settled || !read || judged.iter().any(Judged::moved) {
        return None;
    }
    let detail = "the store says settled; the chain shows no payment".to_owned();
    Some((Anomaly::FalseConfirmed, last.map(|attempt| attempt.txid), detail))
}

fn dropped(payout: &Payout, appearances: &[&TransactionInfo], sight: Sight) -> Option<Told> {
    let live = payout.live_attempt().filter(|_| appearances.is_empty())?;
    if live.expires_at_ms.saturating_add(DROPPED_AFTER_MS) >= sight.last_timestamp_ms {
        return None;
    }
    let stage = payout.stage.word();
    let detail = format!("the store says {stage}; its time is long over and the chain does not have it");
    Some((Anomaly::Dropped, Some(live.txid), detail))
}

/// A person has looked at the mismatch and said what it counts as.
fn is_resolved(payout: &Payout, attempt: &Attempt) -> bool {
    attempt.outcome == AttemptOutcome::Mismatched
        && payout.stage != Stage::Mismatched
        && payout.reason == Some(Reason::Operator)
}

/// A payment that is on the chain is recorded when the store says so, or is still on its way to saying so.
fn is_recorded_as_paid(payout: &Payout, attempt: &Attempt) -> bool {
    match attempt.outcome {
        AttemptOutcome::Settled | AttemptOutcome::Mismatched => true,
        AttemptOutcome::Pending => payout.stage.is_in_flight(),
        AttemptOutcome::Failed | AttemptOutcome::Expired => false,
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
