//! The store held against the chain (F-P22): what the solidified chain shows of a payout, and what the store says of it.
//! Pure; who reads the two stands elsewhere. Nothing here changes anything.

use super::fate::reason_of_mismatch;
use super::identity::PayoutId;
use super::payout::{Attempt, AttemptOutcome, Payout, Reason, Stage};
use super::tron::proof::{Ordered, Verdict, judge};
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

/// One appearance of a transaction on the solidified chain.
#[derive(Debug, Clone, Copy)]
pub struct Appearance<'a> {
    /// What became of it there.
    pub info: &'a TransactionInfo,
}

/// How long past its expiration an unseen transfer is called dropped, ms: the watcher had its time to bury it.
pub const DROPPED_AFTER_MS: i64 = 120_000;

/// The differences of one payout. `appearances` are all of its transfers on the solidified chain, in order;
/// `solid_ms` is the time of the newest solidified block, unix ms.
#[must_use]
pub fn differences(payout: &Payout, appearances: &[Appearance<'_>], solid_ms: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut note = |anomaly, txid: Option<TxId>, detail: String| {
        findings.push(Finding { anomaly, payout_id: Some(payout.id), txid, detail });
    };
    let verdicts: Vec<(&Attempt, Verdict, u64)> = appearances
        .iter()
        .filter_map(|seen| {
            let attempt = payout.attempts.iter().find(|attempt| attempt.txid == seen.info.txid)?;
            let ordered = Ordered::from_raw_data(&attempt.raw_data, attempt.token).ok()?;
            Some((attempt, judge(&ordered, seen.info).ok()?, seen.info.block_number))
        })
        .collect();
    let moved: Vec<_> =
        verdicts.iter().filter(|(_, verdict, _)| !matches!(verdict, Verdict::Failed(_))).collect();
    if moved.len() > 1 {
        let places: Vec<String> =
            moved.iter().map(|(attempt, _, block)| format!("{} in block {block}", attempt.txid)).collect();
        note(Anomaly::DoublePaid, moved.last().map(|(attempt, ..)| attempt.txid), places.join(", "));
    }
    for (attempt, verdict, block) in &verdicts {
        match verdict {
            Verdict::Paid(proof)
                if proof.amount != payout.order.amount || proof.recipient != payout.order.recipient =>
            {
                let detail = format!(
                    "block {block}: {} USDT to {}, and the order says otherwise",
                    proof.amount, proof.recipient
                );
                note(Anomaly::Mismatched, Some(attempt.txid), detail);
            }
            Verdict::Paid(_) if !is_recorded_as_paid(payout, attempt) => {
                let detail =
                    format!("block {block} shows the payment; the store says {}", payout.stage.word());
                note(Anomaly::Unrecorded, Some(attempt.txid), detail);
            }
            Verdict::Mismatched(mismatch) => {
                let (reason, paid) = reason_of_mismatch(mismatch);
                let anomaly = match reason {
                    Reason::PaidShort => Anomaly::PaidShort,
                    Reason::Overpaid => Anomaly::Overpaid,
                    _ => Anomaly::Mismatched,
                };
                let paid = paid.map_or_else(String::new, |paid| format!(", {paid} USDT arrived"));
                note(anomaly, Some(attempt.txid), format!("block {block}: {}{paid}", reason.says()));
            }
            Verdict::Paid(_) | Verdict::Failed(_) => {}
        }
    }
    if payout.stage == Stage::Settled && moved.is_empty() {
        let txid = payout.attempts.last().map(|attempt| attempt.txid);
        note(Anomaly::FalseConfirmed, txid, "the store says settled; the chain shows no payment".to_owned());
    }
    if let Some(live) = payout.live_attempt()
        && appearances.is_empty()
        && live.expires_at_ms.saturating_add(DROPPED_AFTER_MS) < solid_ms
    {
        let detail = format!(
            "the store says {}; its time is long over and the chain does not have it",
            payout.stage.word()
        );
        note(Anomaly::Dropped, Some(live.txid), detail);
    }
    findings
}

/// A payment that is on the chain is recorded when the store says so, or is still on its way to saying so.
fn is_recorded_as_paid(payout: &Payout, attempt: &Attempt) -> bool {
    match attempt.outcome {
        AttemptOutcome::Settled | AttemptOutcome::Mismatched => true,
        AttemptOutcome::Pending => payout.stage.is_in_flight(),
        AttemptOutcome::Failed | AttemptOutcome::Expired => false,
    }
}
