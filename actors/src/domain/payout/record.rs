//! What an event leaves in the journal: the fact, the stages before and after, and the postings of its money.

use super::event::{Attempt, Event};
use super::stage::Reservation;
use super::step::{Payout, Standing};
use crate::domain::identity::{AccountId, PayoutId};
use crate::domain::journal::{Body, BodyError, Cause, JournalDraft};
use crate::domain::order::Order;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// One line of double entry: an account of the house, and what is added to it (micro-USDT; negative takes away).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Posting {
    /// `available`, `reserved` or `settled`.
    pub ledger: &'static str,
    /// Added to it, micro-USDT.
    pub delta_micro_usdt: i64,
}

/// The postings of a step (F-P05): none, or two whose sum is zero.
#[must_use]
pub fn postings(before: Reservation, after: Reservation, amount_micro_usdt: u64) -> Vec<Posting> {
    use Reservation as R;
    let amount = i64::try_from(amount_micro_usdt).unwrap_or(i64::MAX);
    let (from, to) = match (before, after) {
        (R::None, R::Reserved) => ("available", "reserved"),
        (R::Reserved, R::Settled) => ("reserved", "settled"),
        (R::Reserved, R::Released) => ("reserved", "available"),
        (R::None, R::Settled) => ("available", "settled"),
        _ => return Vec::new(),
    };
    vec![
        Posting { ledger: from, delta_micro_usdt: amount.saturating_neg() },
        Posting { ledger: to, delta_micro_usdt: amount },
    ]
}

/// The purpose for which the signer derives the key of [`order_digest`].
pub const ORDER_DIGEST_PURPOSE: &str = "order digest v1";

/// The keyed digest (HMAC-SHA256) of an order as it is admitted: whoever changes recipient, amount, route or anything
/// else of it in the database can not make a digest that fits.
#[must_use]
pub fn order_digest(key: &[u8; 32], id: PayoutId, account: &AccountId, order: &Order) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(b"payoutd order v1\n");
    mac.update(id.bytes());
    mac.update(account.as_str().as_bytes());
    mac.update(b"\n");
    // Fields in their declared order and a sorted map: one order has one text.
    mac.update(&serde_json::to_vec(order).unwrap_or_default());
    mac.finalize().into_bytes().into()
}

/// The journal's draft of a step: `before` is how the payout stood, absent for its first event; `cause` is who wanted it, nobody for what
/// the house does by itself.
pub fn journal_draft(
    before: Option<Standing>,
    after: &Payout,
    event: &Event,
    cause: &Cause,
) -> Result<JournalDraft, BodyError> {
    let mut body = Map::new();
    if let Some(before) = before {
        body.insert("from".into(), before.stage.word().into());
    }
    body.insert("to".into(), after.stage.word().into());
    body.insert("version".into(), after.version.into());
    let reserved_before = before.map_or(Reservation::None, |before| before.reservation);
    let postings = postings(reserved_before, after.reservation, after.order.amount.micro());
    if !postings.is_empty() {
        body.insert("postings".into(), json!(postings));
    }
    if before.is_none() {
        birth(after, &mut body);
    }
    facts(event, &mut body);
    cause.tell(&mut body);
    Ok(JournalDraft {
        at_ms: after.updated_at_ms,
        kind: event.name().word(),
        payout_id: Some(after.id.to_string()),
        body: Body::from_value(&Value::Object(body))?,
    })
}

fn birth(payout: &Payout, body: &mut Map<String, Value>) {
    body.insert("account".into(), payout.account.as_str().into());
    if let Some(by) = &payout.ordered_by {
        body.insert("ordered_by".into(), by.principal.as_str().into());
        body.insert("ordered_as".into(), by.role.word().into());
    }
    body.insert("idempotency_key".into(), payout.idempotency_key.as_str().into());
    body.insert("order".into(), json!(payout.order));
    body.insert("order_digest".into(), hex::encode(payout.order_digest).into());
    body.insert("request_digest".into(), hex::encode(payout.request_digest).into());
}

fn facts(event: &Event, body: &mut Map<String, Value>) {
    match event {
        Event::PayoutAdmitted => {}
        Event::PayoutHeld { reason } | Event::FateUnknown { reason } | Event::PayoutCancelled { reason } => {
            body.insert("reason".into(), reason.word().into());
        }
        Event::HoldReleased { by } => {
            body.insert("by".into(), by.as_str().into());
        }
        Event::PayoutRejected { reason, note } => {
            body.insert("reason".into(), reason.word().into());
            body.insert("note".into(), note.as_str().into());
        }
        Event::TransferSigned { attempt } | Event::TransferAdopted { attempt } => {
            body.insert("transfer".into(), transfer(attempt));
        }
        Event::TransferBroadcast { nodes } => {
            body.insert("nodes".into(), (*nodes).into());
        }
        Event::TransferIncluded { block } | Event::InclusionLost { block } => {
            body.insert("block".into(), json!(block));
        }
        Event::TransferExpired { proof } => {
            body.insert("proof".into(), json!(proof));
        }
        Event::PayoutSettled { proof } => {
            body.insert("proof".into(), json!(proof));
        }
        Event::TransferFailed { reason, block, fee_sun } => {
            body.insert("reason".into(), reason.word().into());
            body.insert("block".into(), json!(block));
            body.insert("fee_sun".into(), (*fee_sun).into());
        }
        Event::TransferMismatched { reason, block, paid } => {
            body.insert("reason".into(), reason.word().into());
            body.insert("block".into(), json!(block));
            if let Some(paid) = paid {
                body.insert("paid_micro_usdt".into(), paid.micro().into());
            }
        }
        Event::MismatchResolved { paid, note } => {
            body.insert("paid".into(), (*paid).into());
            body.insert("note".into(), note.as_str().into());
        }
    }
}

fn transfer(attempt: &Attempt) -> Value {
    json!({
        "attempt": attempt.number,
        "txid": attempt.txid,
        "raw_data": hex::encode(&attempt.raw_data),
        "signature": hex::encode(&attempt.signature),
        "expires_at_ms": attempt.expires_at_ms,
        "ref_block": { "number": attempt.ref_block.number, "id": attempt.ref_block.id },
    })
}
