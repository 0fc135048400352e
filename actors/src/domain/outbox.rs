//! The outbox: what others hear of the house. Each row of the journal is one event, and its place is the event's sequence, so
//! that the sequence is global, gapless and written in the money's own transaction (F-P12).
//!
//! Promises that an event says how things stood when it happened, not how they stand when it is read. Never here: how events
//! travel, the bytes of a transfer, the digests of an order.

use super::identity::{AccountId, IdempotencyKey, PayoutId};
use super::journal::vocabulary::{Severity, severity_of};
use super::journal::{Hash, JournalRecord};
use super::order::Order;
use super::payout::{EventName, Payout, Reason, Stage};
use super::tron::TxId;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use thiserror::Error;

/// What is in a row for the house alone: how it stood stands in [`PayoutThen`], the order and the bytes are not repeated, and where somebody
/// was is for whoever reads the journal.
const INSIDE: [&str; 9] = [
    "to",
    "version",
    "reason",
    "account",
    "idempotency_key",
    "order",
    "order_digest",
    "request_digest",
    "client",
];
/// Parts of a transfer that others have no use for before they stand on the chain.
const BYTES: [&str; 2] = ["raw_data", "signature"];

/// Something that happened, as others hear of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEvent {
    /// Its place among all of them: 1, 2, 3 … without gaps.
    pub sequence: i64,
    /// When it happened, unix ms.
    pub at_ms: i64,
    /// What happened: `payout.settled`. Also its routing key.
    pub name: Cow<'static, str>,
    /// How grave it is.
    pub severity: Severity,
    /// The payout that it happened to, if it was one.
    pub subject: Option<String>,
    /// How that payout stood right after it; absent where nothing happened to it (an alarm about it).
    pub payout: Option<PayoutThen>,
    /// What else there is to say.
    pub facts: Map<String, Value>,
    /// The hash of its row: with a checkpoint it shows later that nobody changed the past (F002-05).
    pub row_hash: Hash,
}

/// A payout as it stood right after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutThen {
    /// What was ordered, which never changes.
    pub ordered: Ordered,
    /// Its stage then.
    pub stage: Stage,
    /// Why, where a reason was due.
    pub reason: Option<Reason>,
    /// Its version then: grows by one with each event of this payout.
    pub version: u32,
    /// The transfer that had paid it, or might have, then.
    pub txid: Option<TxId>,
}

/// What of a payout never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// Its id.
    pub id: PayoutId,
    /// Whose money it spends.
    pub account: AccountId,
    /// Its sender's name for it.
    pub idempotency_key: IdempotencyKey,
    /// What was asked for.
    pub order: Order,
}

/// A row that is no event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("row {seq} of the journal can not be told to others: {why}")]
pub struct Untellable {
    /// Which row.
    pub seq: i64,
    /// Why not.
    pub why: String,
}

/// What a row says of how its payout stands from then on.
#[derive(Deserialize)]
struct Standing {
    to: Stage,
    version: u32,
    #[serde(default)]
    reason: Option<Reason>,
}

impl OutboxEvent {
    /// The event of a row. `known` is what its payout looks like to whoever tells: it is asked for the order and for the
    /// transfer, never for the stage.
    ///
    /// # Errors
    /// When the row does not hold what a row of its kind holds, or its payout is not known.
    pub fn of(row: &JournalRecord, known: Option<&Told>) -> Result<Self, Untellable> {
        let untellable = |why: String| Untellable { seq: row.seq, why };
        let mut facts: Map<String, Value> = row.body.read().map_err(|error| untellable(error.to_string()))?;
        let payout = match (event_of(&row.kind), &row.payout_id) {
            (Some(_), Some(_)) => {
                let known = known.ok_or_else(|| untellable("its payout is not there".to_owned()))?;
                let Standing { to, version, reason } =
                    row.body.read().map_err(|error| untellable(error.to_string()))?;
                let ordered = known.ordered.clone();
                Some(PayoutThen { ordered, stage: to, reason, version, txid: known.txid })
            }
            _ => None,
        };
        if payout.is_some() {
            facts.retain(|name, _| !INSIDE.contains(&name.as_str()));
            if let Some(Value::Object(transfer)) = facts.get_mut("transfer") {
                transfer.retain(|name, _| !BYTES.contains(&name.as_str()));
            }
        }
        let (sequence, at_ms, row_hash) = (row.seq, row.at_ms, row.hash);
        let subject = row.payout_id.clone();
        let (name, severity) = (name_of(&row.kind), severity_of(&row.kind));
        Ok(Self { sequence, at_ms, name, severity, subject, payout, facts, row_hash })
    }
}

/// What whoever tells the events of a payout must know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What was ordered.
    pub ordered: Ordered,
    /// The last transfer that was signed before, or by, the event in hand.
    pub txid: Option<TxId>,
}

impl Told {
    /// A payout as the store has it, as far as it was known at a moment (unix ms).
    #[must_use]
    pub fn at(payout: &Payout, at_ms: i64) -> Self {
        let (id, account) = (payout.id, payout.account.clone());
        let (idempotency_key, order) = (payout.idempotency_key.clone(), payout.order.clone());
        let signed = payout.attempts.iter().rev().find(|attempt| attempt.signed_at_ms <= at_ms);
        let ordered = Ordered { id, account, idempotency_key, order };
        Self { ordered, txid: signed.map(|attempt| attempt.txid) }
    }
}

/// What a row's kind is called outside. Things that happen to payouts are `payout.…`, everything else is the house's.
#[must_use]
pub fn name_of(kind: &str) -> Cow<'static, str> {
    match event_of(kind) {
        Some(event) => Cow::Borrowed(payout_event(event)),
        None => Cow::Owned(house_event(kind)),
    }
}

fn event_of(kind: &str) -> Option<EventName> {
    EventName::ALL.into_iter().find(|event| event.word() == kind)
}

/// The name of a payout's event outside.
#[must_use]
pub const fn payout_event(event: EventName) -> &'static str {
    match event {
        EventName::PayoutAdmitted => "payout.admitted",
        EventName::PayoutHeld => "payout.held",
        EventName::HoldReleased => "payout.released",
        EventName::PayoutRejected => "payout.rejected",
        EventName::PayoutCancelled => "payout.cancelled",
        EventName::TransferSigned => "payout.signed",
        EventName::TransferAdopted => "payout.adopted",
        EventName::TransferBroadcast => "payout.broadcast",
        EventName::TransferIncluded => "payout.included",
        EventName::InclusionLost => "payout.inclusion_lost",
        EventName::FateUnknown => "payout.unknown",
        EventName::TransferExpired => "payout.transfer_expired",
        EventName::PayoutSettled => "payout.settled",
        EventName::TransferFailed => "payout.failed",
        EventName::TransferMismatched => "payout.mismatched",
        EventName::MismatchResolved => "payout.mismatch_resolved",
    }
}

/// `house_paused` is `house.paused`, `alarm_mismatched` is `alarm.mismatched`, anything else `house.<kind>`.
fn house_event(kind: &str) -> String {
    for family in ["house", "alarm", "job"] {
        if let Some(rest) = kind.strip_prefix(family).and_then(|rest| rest.strip_prefix('_')) {
            return format!("{family}.{rest}");
        }
    }
    format!("house.{kind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::journal::{Body, JournalDraft};
    use serde_json::json;
    use std::collections::BTreeSet;

    /// F-P12: every event of a payout has a name of its own outside, and that of its family.
    #[test]
    fn every_event_has_a_name_of_its_own() {
        let names: BTreeSet<_> = EventName::ALL.into_iter().map(payout_event).collect();
        assert_eq!(names.len(), EventName::ALL.len());
        assert!(names.iter().all(|name| name.starts_with("payout.")));
        assert_eq!(name_of("payout_settled"), "payout.settled");
        assert_eq!(name_of("house_paused"), "house.paused");
        assert_eq!(name_of("alarm_twice_in_chain"), "alarm.twice_in_chain");
        assert_eq!(name_of("restore_noticed"), "house.restore_noticed");
    }

    /// What happens to the house needs no payout, and says what its row says.
    #[test]
    fn what_happens_to_the_house_is_told_as_its_row_tells_it() {
        let body = Body::of(&json!({ "reason": "night" })).unwrap();
        let row = JournalDraft::new(5, "house_paused", body).into_record(7);
        let event = OutboxEvent::of(&row, None).unwrap();
        assert_eq!((event.sequence, event.at_ms, event.name.as_ref()), (7, 5, "house.paused"));
        assert_eq!(event.facts["reason"], "night");
        assert_eq!((event.payout, event.row_hash), (None, row.hash));
    }

    /// A payout's row without its payout is not guessed at.
    #[test]
    fn a_row_whose_payout_is_not_there_is_not_told() {
        let row = JournalDraft::new(5, "payout_held", Body::empty()).about("x").into_record(7);
        assert!(OutboxEvent::of(&row, None).is_err());
    }
}
