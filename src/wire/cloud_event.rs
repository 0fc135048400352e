//! An event as others read it: a CloudEvent (version 1.0, JSON format), the same bytes over AMQP and over HTTP (F-P12).

use std::collections::BTreeMap;

use payoutd_actors::domain::outbox::{OutboxEvent, PayoutThen};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::moment;

/// The media type of one event.
pub const CLOUD_EVENT_JSON: &str = "application/cloudevents+json";
/// The version of the specification that events keep to.
pub const SPEC_VERSION: &str = "1.0";
/// Digits of `sequence`: as many as the largest one has, so that texts sort as numbers do.
const SEQUENCE_DIGITS: usize = 19;

/// Something that happened, as a CloudEvent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = CloudEvent)]
pub struct CloudEvent {
    /// The version of CloudEvents: `1.0`.
    pub specversion: String,
    /// The event's id: its sequence number. Together with `source` it is unique; whoever meets it again has seen it before.
    pub id: String,
    /// Which store it comes from: `/payoutd/` and the store's own name.
    pub source: String,
    /// What happened: `payout.settled`. Over AMQP also the routing key.
    #[serde(rename = "type")]
    pub kind: String,
    /// The payout that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened.
    #[schema(format = DateTime)]
    pub time: String,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The sequence number with leading zeros (the CloudEvents extension of this name): as text it sorts as it happened.
    pub sequence: String,
    /// What there is to say.
    pub data: EventData,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventData {
    /// Its place among all events of the store: 1, 2, 3 … without gaps. Whoever has seen N asks for what comes after N.
    pub sequence: i64,
    /// How grave it is: `info`, `warning`, `critical`.
    pub severity: String,
    /// The payout as it stood right after the event; absent where nothing happened to a payout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<PayoutAtEvent>,
    /// What else there is to say, by the kind of the event: a proof, a block, a person's words. Times are unix milliseconds and
    /// amounts whole micro-USDT here, as in the journal.
    #[schema(value_type = Object)]
    pub facts: Map<String, Value>,
    /// The hash of the event's row in the journal, 64 hex digits: with a checkpoint it shows later that nobody changed the past.
    pub row_hash: String,
}

/// A payout as it stood right after an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PayoutAtEvent {
    /// Its id.
    pub id: String,
    /// Whose money it spends.
    pub account: String,
    /// Its sender's name for it.
    pub idempotency_key: String,
    /// Where it stood then.
    pub stage: String,
    /// Why, where a reason was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its version then: grows by one with each event of this payout.
    pub version: u32,
    /// Who is paid.
    pub recipient: String,
    /// How much, in USDT, as a decimal string.
    #[schema(example = "25.5")]
    pub amount: String,
    /// Always `USDT`.
    pub currency: String,
    /// Always `TRON`.
    pub network: String,
    /// How money leaves the wallet.
    pub route: String,
    /// The sender's own word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The sender's own notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The transaction that had paid it, or might have, then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txid: Option<String>,
}

impl CloudEvent {
    /// An event of the store of this name.
    #[must_use]
    pub fn of(store_id: &str, event: &OutboxEvent) -> Self {
        Self {
            specversion: SPEC_VERSION.to_owned(),
            id: event.sequence.to_string(),
            source: source_of(store_id),
            kind: event.name.clone().into_owned(),
            subject: event.subject.clone(),
            time: moment::write(event.at_ms),
            datacontenttype: "application/json".to_owned(),
            sequence: format!("{:0SEQUENCE_DIGITS$}", event.sequence),
            data: EventData {
                sequence: event.sequence,
                severity: event.severity.word().to_owned(),
                payout: event.payout.as_ref().map(PayoutAtEvent::from),
                facts: event.facts.clone(),
                row_hash: event.row_hash.to_string(),
            },
        }
    }
}

/// What the events of a store name as their source.
#[must_use]
pub fn source_of(store_id: &str) -> String {
    format!("/payoutd/{store_id}")
}

impl From<&PayoutThen> for PayoutAtEvent {
    fn from(then: &PayoutThen) -> Self {
        let (ordered, order) = (&then.ordered, &then.ordered.order);
        Self {
            id: ordered.id.to_string(),
            account: ordered.account.to_string(),
            idempotency_key: ordered.idempotency_key.as_str().to_owned(),
            stage: then.stage.word().to_owned(),
            reason: then.reason.map(|reason| reason.word().to_owned()),
            version: then.version,
            recipient: order.recipient.to_string(),
            amount: order.amount.to_string(),
            currency: "USDT".to_owned(),
            network: "TRON".to_owned(),
            route: order.route.word().to_owned(),
            reference: order.reference.clone(),
            metadata: order.metadata.clone(),
            txid: then.txid.map(|txid| txid.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payoutd_actors::domain::journal::{Body, JournalDraft};
    use serde_json::json;

    /// F-P12: the required attributes of CloudEvents 1.0 are there, extensions have names that it allows, and the sequence sorts
    /// as text.
    #[test]
    fn an_event_is_a_cloud_event() {
        let body = Body::of(&json!({ "reason": "night" })).unwrap();
        let row = JournalDraft::new(1_795_253_400_000, "house_paused", body).into_record(42);
        let event = CloudEvent::of("s1", &OutboxEvent::of(&row, None).unwrap());
        let text = serde_json::to_value(&event).unwrap();
        assert_eq!(text["specversion"], "1.0");
        assert_eq!((&text["id"], &text["source"]), (&json!("42"), &json!("/payoutd/s1")));
        assert_eq!(
            (&text["type"], &text["time"]),
            (&json!("house.paused"), &json!("2026-11-21T09:30:00.000Z"))
        );
        assert_eq!(
            (&text["sequence"], &text["data"]["sequence"]),
            (&json!("0000000000000000042"), &json!(42))
        );
        assert_eq!(text["data"]["facts"]["reason"], "night");
        let names = text.as_object().unwrap().keys();
        assert!(
            names.into_iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        );
        assert_eq!(serde_json::from_value::<CloudEvent>(text).unwrap(), event);
    }
}
