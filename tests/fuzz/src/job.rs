//! Jobs: what is taken says what was written, what is not carries a reason, and nothing of either is lost in the dead queue.
//!
//! An input is four lines and a body: `message_id`, `priority`, `expiration` and `timestamp`, each `-` where the message has none.

use lapin::{BasicProperties, types::ShortString};
use payoutd::{
    amqp::{
        dead_letter,
        job::{self, Job, Message, NotAJob},
    },
    http::problem::{Kind, Problem},
    wire::{
        moment,
        payout_order::{self, NotAnOrder},
    },
};
use payoutd_actors::domain::order::{AMOUNT_CAP, Order, PRIORITY_MAX};
use serde_json::{Value, json};

/// When each is received, unix ms.
const RECEIVED_MS: i64 = 1_790_000_000_000;
/// Bytes that a body may have here.
const BODY_BYTES_MAX: usize = 2 * 1024;

/// Whatever the input.
///
/// # Panics
/// Where a property does not hold.
pub fn holds(input: &[u8]) {
    let Some((lines, body)) = crate::fields::<4>(input) else { return };
    let Some(properties) = properties(lines) else { return };
    let message = Message::of(&properties, body.to_vec());
    let read = job::read(&message, RECEIVED_MS, BODY_BYTES_MAX);
    assert_eq!(read, job::read(&message, RECEIVED_MS, BODY_BYTES_MAX), "one message is read in two ways");
    match read {
        Ok(job) => is_what_was_written(&job, &message),
        Err(NotAJob::Problem(problem)) => has_a_reason(&problem, &properties),
        Err(NotAJob::Body(NotAnOrder::Malformed(why))) => {
            has_a_reason(&Problem::new(Kind::MalformedRequest, why.to_string()), &properties);
        }
        Err(NotAJob::Body(NotAnOrder::Mistaken { problems, .. })) => {
            assert!(!problems.is_empty(), "a body is refused and nothing is wrong with it");
            has_a_reason(&Problem::mistakes(Kind::InvalidOrder, problems), &properties);
        }
    }
}

/// The properties of a message; `None` where no broker would carry them.
fn properties([message_id, priority, expiration, timestamp]: [&str; 4]) -> Option<BasicProperties> {
    let mut properties = BasicProperties::default();
    if message_id != "-" {
        properties = properties.with_message_id(ShortString::try_new(message_id).ok()?);
    }
    if priority != "-" {
        properties = properties.with_priority(priority.parse().ok()?);
    }
    if expiration != "-" {
        properties = properties.with_expiration(ShortString::try_new(expiration).ok()?);
    }
    if timestamp != "-" {
        properties = properties.with_timestamp(timestamp.parse().ok()?);
    }
    Some(properties)
}

fn is_what_was_written(job: &Job, message: &Message) {
    let order = &job.order;
    assert!(order.amount.is_positive() && order.amount <= AMOUNT_CAP && order.priority <= PRIORITY_MAX);
    let id = message.message_id.as_deref().expect("a job without a key");
    assert!(job.key.as_str() == id || format!("\"{}\"", job.key.as_str()) == id, "{id}");
    assert!(message.body.len() <= BODY_BYTES_MAX);
    assert!(message.expiration.is_none() || order.not_after_ms.is_some(), "an expiration is forgotten");
    assert!(!job.counted_from_receipt || message.timestamp_s.is_none());
    let again = payout_order::read_one(written(order).to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(order));
    // What the properties add takes nothing away from the body.
    let body = payout_order::read_one(&message.body).expect("a job of no order");
    let added = Order { priority: order.priority, not_after_ms: order.not_after_ms, ..body.clone() };
    assert_eq!(&added, order);
    assert!(body.not_after_ms.is_none_or(|own| order.not_after_ms.is_some_and(|until| until <= own)));
    if let Ok(later) = job::read(message, RECEIVED_MS + 1, BODY_BYTES_MAX) {
        assert!(later.order == *order || later.was_received_as(order), "a second receipt is another job");
    }
}

/// An order as a sender writes it.
fn written(order: &Order) -> Value {
    let mut written = json!({
        "recipient": order.recipient.to_string(), "amount": order.amount.to_string(), "route": order.route.word(),
        "priority": order.priority, "metadata": order.metadata,
    });
    let moments = [("not_before", order.not_before_ms), ("not_after", order.not_after_ms)];
    let texts = [("reference", order.reference.clone()), ("memo", order.memo.clone())];
    let moments = moments.map(|(name, at_ms)| (name, at_ms.map(moment::write)));
    for (name, value) in moments.into_iter().chain(texts) {
        if let Some(value) = value {
            written[name] = value.into();
        }
    }
    if let Some(kyc) = &order.kyc {
        written["kyc"] = json!({
            "hash": kyc.hash.to_string(), "expiry": kyc.expiry_s, "v": kyc.v, "r": kyc.r.to_string(), "s": kyc.s.to_string(),
        });
    }
    written
}

/// Whoever looks into the dead queue reads why, and the job that goes back is the one that came.
fn has_a_reason(problem: &Problem, properties: &BasicProperties) {
    let dead = dead_letter::properties(properties, problem, "payoutd.jobs", RECEIVED_MS);
    let headers = dead.headers().clone().unwrap_or_default();
    let reason = dead_letter::reason(&headers).expect("no reason stands in the dead letter");
    assert_eq!(reason.kind, problem.kind.type_reference());
    assert!(!reason.detail.is_empty());
    assert!(reason.errors.iter().all(|mistake| !mistake.detail.is_empty()));
    let restored = dead_letter::restored(&dead);
    assert_eq!(Message::of(&restored, Vec::new()), Message::of(properties, Vec::new()));
}
