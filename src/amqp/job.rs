//! A message of the queue, read as a job, or as what is wrong with it. Pure.
//!
//! The body is the API's order. The properties mean what AMQP's users expect of them:
//!
//! | property | meaning |
//! |---|---|
//! | `message_id` | the idempotency key (F-P01), by the rules of the header `Idempotency-Key` |
//! | `priority` | 1 to 9: how urgent the order is, where its body does not say. 0 is AMQP's default and says nothing |
//! | `expiration` | milliseconds: a payout that is not signed by then is cancelled. Counted from `timestamp`, else from receipt |
//! | `reply_to`, `correlation_id` | where the answer goes, and under which name ([`super::reply`]); the journal has that name, too ([`cause_of`]) |
//! | the header `traceparent` | the trace of which it is a part (W3C Trace Context), for the journal |
//!
//! A property's mistake is pointed at as `@name`: `@priority`.

use lapin::{BasicProperties, types::ShortString};
use payoutd_actors::domain::{
    identity::IdempotencyKey,
    journal::{Cause, CorrelationId, TraceId},
    order::{Order, OrderProblem, PRIORITY_MAX},
};

use crate::{
    amqp::credentials::text_of,
    http::{
        problem::{Kind, Problem},
        request_id::TRACEPARENT,
    },
    wire::{
        moment,
        payout_order::{self, NotAnOrder},
    },
};

/// A timestamp may be so far ahead of this machine's clock, ms; more is milliseconds where seconds are meant, or a broken clock.
const CLOCKS_DIFFER_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// What a message brings, apart from where it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The sender's key.
    pub message_id: Option<String>,
    /// 0 to 255; 0 is the default.
    pub priority: Option<u8>,
    /// Milliseconds, in digits.
    pub expiration: Option<String>,
    /// When it was sent, unix seconds.
    pub timestamp_s: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// A message as it was delivered.
    #[must_use]
    pub fn of(properties: &BasicProperties, body: Vec<u8>) -> Self {
        let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
        Self {
            message_id: text(properties.message_id()),
            priority: *properties.priority(),
            expiration: text(properties.expiration()),
            timestamp_s: *properties.timestamp(),
            body,
        }
    }
}

/// A job: an order and the key that it goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The key.
    pub key: IdempotencyKey,
    /// The order, with what the properties add to it.
    pub order: Order,
    /// Whether its `not_after` was counted from this receipt, so that another receipt of the same job has another.
    pub counted_from_receipt: bool,
}

impl Job {
    /// Whether an order that is on file under the same key is this job, received earlier: everything is equal but the moment
    /// that each receipt counted for itself.
    #[must_use]
    pub fn was_received_as(&self, on_file: &Order) -> bool {
        self.counted_from_receipt
            && on_file.not_after_ms.is_some()
            && *on_file == Order { not_after_ms: on_file.not_after_ms, ..self.order.clone() }
    }
}

/// What the journal says of a job: its `correlation_id`, and its `message_id` where that is no name for the journal; and the trace that the
/// header `traceparent` names.
#[must_use]
pub fn cause_of(properties: &BasicProperties) -> Cause {
    let name = |property: &Option<ShortString>| CorrelationId::parse(property.as_ref()?.as_str());
    let headers = properties.headers().as_ref();
    let traceparent = headers.and_then(|headers| text_of(headers.inner().get(TRACEPARENT)?));
    Cause {
        correlation_id: name(properties.correlation_id()).or_else(|| name(properties.message_id())),
        trace_id: traceparent.and_then(|text| TraceId::of_traceparent(&text)),
        ..Cause::nobody()
    }
}

/// Why a message is no job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAJob {
    /// Its properties or its size; nothing of its body is judged.
    Problem(Problem),
    /// Its body; a policy can still be asked about what is sound of it.
    Body(NotAnOrder),
}

/// Reads a message that was received at a moment.
///
/// # Errors
/// With what is wrong with it: it is poison and goes to the dead queue.
pub fn read(message: &Message, received_ms: i64, body_bytes_max: usize) -> Result<Job, NotAJob> {
    let key = key_of(message).map_err(NotAJob::Problem)?;
    if message.body.len() > body_bytes_max {
        let detail = format!("the body has {} bytes, and {body_bytes_max} are taken", message.body.len());
        return Err(NotAJob::Problem(Problem::new(Kind::BodyTooLarge, detail)));
    }
    let read = payout_order::read_one_sound(&message.body).map_err(NotAJob::Body)?;
    let said_in_body = read.names_priority().then_some(read.order.priority);
    let mut order = read.order;
    let mut mistakes = Vec::new();
    match priority(message.priority, said_in_body) {
        Ok(priority) => order.priority = priority,
        Err(mistake) => mistakes.push(mistake),
    }
    let mut counted_from_receipt = false;
    match deadline(message, received_ms) {
        Ok(None) => {}
        Ok(Some(until_ms)) => {
            // Whichever comes first: both were asked for.
            counted_from_receipt =
                message.timestamp_s.is_none() && order.not_after_ms.is_none_or(|own| until_ms < own);
            order.not_after_ms = Some(order.not_after_ms.map_or(until_ms, |own| own.min(until_ms)));
        }
        Err(mistake) => mistakes.push(mistake),
    }
    match mistakes.is_empty() {
        true => Ok(Job { key, order, counted_from_receipt }),
        false => Err(NotAJob::Problem(Problem::mistakes(Kind::InvalidOrder, mistakes))),
    }
}

fn key_of(message: &Message) -> Result<IdempotencyKey, Problem> {
    let Some(text) = message.message_id.as_deref() else {
        let detail = "give the message a message_id: a name of your own for this order, 1 to 255 visible ASCII characters";
        return Err(Problem::new(Kind::IdempotencyKeyMissing, detail));
    };
    IdempotencyKey::parse(text).map_err(|why| Problem::new(Kind::IdempotencyKeyInvalid, why.to_string()))
}

/// The order's priority, by the property and by the body.
fn priority(property: Option<u8>, body: Option<u8>) -> Result<u8, OrderProblem> {
    let property = property.filter(|priority| *priority > 0);
    match (property, body) {
        (Some(property), _) if property > PRIORITY_MAX => {
            let detail =
                format!("the property priority is {property}, and {PRIORITY_MAX} is the most urgent");
            Err(OrderProblem::at("@priority", detail))
        }
        (Some(property), Some(body)) if property != body => {
            let detail =
                format!("the property priority is {property} and the body says {body}: give one of them");
            Err(OrderProblem::at("@priority", detail))
        }
        (property, body) => Ok(property.or(body).unwrap_or(0)),
    }
}

/// Until when it may be paid, unix ms, by its `expiration`.
fn deadline(message: &Message, received_ms: i64) -> Result<Option<i64>, OrderProblem> {
    let Some(text) = message.expiration.as_deref() else { return Ok(None) };
    let lasts_ms: i64 = text.parse().ok().filter(|lasts| *lasts >= 0).ok_or_else(|| {
        OrderProblem::at(
            "@expiration",
            "the property expiration is no whole number of milliseconds, like 60000",
        )
    })?;
    let sent_ms = match message.timestamp_s {
        None => received_ms,
        Some(seconds) => {
            let sent_ms = i64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1_000));
            let plausible = sent_ms.filter(|sent| *sent <= received_ms.saturating_add(CLOCKS_DIFFER_MS_MAX));
            plausible.ok_or_else(|| {
                let detail = "the property timestamp lies in the future, and expiration counts from it: write it in whole seconds";
                OrderProblem::at("@timestamp", detail)
            })?
        }
    };
    let until_ms = sent_ms.checked_add(lasts_ms).filter(|until_ms| *until_ms <= moment::LAST_MS);
    until_ms.map(Some).ok_or_else(|| {
        let detail =
            "the property expiration ends behind the year 9999: leave it out where a payout waits for ever";
        OrderProblem::at("@expiration", detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::types::{AMQPValue, FieldTable};

    const NOW_MS: i64 = 1_790_000_000_000;
    const NOW_S: u64 = 1_790_000_000;
    const BODY: &str = r#"{"recipient":"TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC","amount":"25.5"}"#;

    fn message() -> Message {
        Message { message_id: Some("k-1".into()), body: BODY.into(), ..Message::default() }
    }

    fn with_body(more: &str) -> Message {
        Message { body: BODY.replace('}', &format!(",{more}}}")).into(), ..message() }
    }

    fn read_now(message: &Message) -> Result<Job, NotAJob> {
        read(message, NOW_MS, 1_024)
    }

    fn problem(message: &Message) -> (Kind, Vec<String>) {
        match read_now(message).unwrap_err() {
            NotAJob::Problem(problem) => {
                (problem.kind, problem.errors.into_iter().filter_map(|mistake| mistake.pointer).collect())
            }
            NotAJob::Body(why) => panic!("{why:?}"),
        }
    }

    #[test]
    fn a_message_with_a_name_and_an_order_is_a_job() {
        let job = read_now(&message()).unwrap();
        assert_eq!((job.key.as_str(), job.order.amount.to_string().as_str()), ("k-1", "25.5"));
        assert_eq!((job.order.priority, job.order.not_after_ms, job.counted_from_receipt), (0, None, false));
    }

    /// F-P01: without a key nothing can be paid once.
    #[test]
    fn a_message_without_a_name_of_its_own_is_poison() {
        let named =
            |message_id: Option<&str>| Message { message_id: message_id.map(str::to_owned), ..message() };
        assert_eq!(problem(&named(None)).0, Kind::IdempotencyKeyMissing);
        for wrong in ["", "two words", "é"] {
            assert_eq!(problem(&named(Some(wrong))).0, Kind::IdempotencyKeyInvalid, "{wrong}");
        }
    }

    #[test]
    fn a_body_that_is_too_large_or_no_order_is_poison() {
        let large = Message { body: vec![b' '; 1_025], ..message() };
        assert_eq!(problem(&large).0, Kind::BodyTooLarge);
        let none = Message { body: b"hello".to_vec(), ..message() };
        assert!(matches!(read_now(&none), Err(NotAJob::Body(NotAnOrder::Malformed(_)))));
        let batch = Message { body: format!("{{\"payouts\":[{BODY}]}}").into(), ..message() };
        assert!(matches!(read_now(&batch), Err(NotAJob::Body(NotAnOrder::Mistaken { .. }))));
    }

    /// The property speaks where the body is silent; 0 is what clients write who mean nothing; two words are no word.
    #[test]
    fn the_property_priority_counts_where_the_body_says_nothing() {
        let says = |property: Option<u8>, body: &str| Message { priority: property, ..with_body(body) };
        let silent = "\"reference\":\"r\"";
        for (property, body, priority) in [
            (None, silent, 0),
            (Some(0), silent, 0),
            (Some(7), silent, 7),
            (None, "\"priority\":3", 3),
            (Some(0), "\"priority\":3", 3),
            (Some(3), "\"priority\":3", 3),
        ] {
            let job = read_now(&says(property, body)).unwrap();
            assert_eq!(job.order.priority, priority, "{property:?} {body}");
        }
        for (property, body) in [(Some(4), "\"priority\":3"), (Some(4), "\"priority\":0"), (Some(10), silent)]
        {
            let expected = (Kind::InvalidOrder, vec!["@priority".to_owned()]);
            assert_eq!(problem(&says(property, body)), expected, "{property:?} {body}");
        }
    }

    /// What waited for too long in the queue must not be paid after its time, whoever let it wait.
    #[test]
    fn an_expiration_counts_from_the_sending_and_else_from_the_receipt() {
        let expires = |expiration: &str, timestamp_s| Message {
            expiration: Some(expiration.into()),
            timestamp_s,
            ..message()
        };
        let until = |message: &Message| read_now(message).unwrap().order.not_after_ms.unwrap() - NOW_MS;
        assert_eq!(until(&expires("60000", None)), 60_000);
        assert_eq!(until(&expires("60000", Some(NOW_S - 50))), 10_000);
        assert_eq!(until(&expires("60000", Some(NOW_S - 70))), -10_000);
        assert_eq!(until(&expires("0", None)), 0);
        for (expiration, timestamp_s, pointer) in [
            ("soon", None, "@expiration"),
            ("-1", None, "@expiration"),
            // What nobody could be told in RFC 3339 was shown as 1970 once.
            ("9223372036854775807", None, "@expiration"),
            ("60000", Some(NOW_S * 1_000), "@timestamp"),
            ("60000", Some(u64::MAX), "@timestamp"),
        ] {
            let expected = (Kind::InvalidOrder, vec![pointer.to_owned()]);
            assert_eq!(problem(&expires(expiration, timestamp_s)), expected, "{expiration}");
        }
        // A timestamp alone asks for nothing.
        let stamped = Message { timestamp_s: Some(u64::MAX), ..message() };
        assert_eq!(read_now(&stamped).unwrap().order.not_after_ms, None);
    }

    #[test]
    fn of_two_deadlines_the_earlier_one_holds() {
        let own = |expiration: &str| Message {
            expiration: Some(expiration.into()),
            ..with_body("\"not_after\":\"2026-09-21T14:13:50Z\"")
        };
        let late = read_now(&own("999999999")).unwrap();
        let early = read_now(&own("1")).unwrap();
        assert_eq!((early.order.not_after_ms, early.counted_from_receipt), (Some(NOW_MS + 1), true));
        assert!(late.order.not_after_ms < Some(NOW_MS + 999_999_999) && !late.counted_from_receipt);
    }

    /// F000-14: the journal names a job as its sender does, and no stranger writes free text into it.
    #[test]
    fn a_job_is_named_in_the_journal_by_what_is_a_name() {
        const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let named = |correlation_id: &str, message_id: &str| {
            let properties = BasicProperties::default().with_message_id(message_id.into());
            let cause = cause_of(&properties.with_correlation_id(correlation_id.into()));
            cause.correlation_id.map(|id| id.as_str().to_owned())
        };
        assert_eq!(named("c-1", "m-1").as_deref(), Some("c-1"));
        for hostile in ["", "two words", "\u{1b}[2J", "<script>", &"c".repeat(129)] {
            assert_eq!(named(hostile, "m-1").as_deref(), Some("m-1"), "{hostile:?}");
            assert_eq!(named(hostile, "m/1"), None, "{hostile:?}");
        }
        let traced = |text: &str| {
            let mut headers = FieldTable::default();
            headers.insert(TRACEPARENT.into(), AMQPValue::LongString(text.into()));
            cause_of(&BasicProperties::default().with_headers(headers)).trace_id.map(|id| id.to_string())
        };
        assert_eq!(traced(PARENT).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(traced("nonsense"), None);
        assert_eq!(cause_of(&BasicProperties::default()), Cause::nobody());
    }

    /// F-P01: a redelivery counts its expiration anew, and is the same job all the same.
    #[test]
    fn a_job_received_again_is_known_by_everything_but_its_own_count() {
        let expiring = Message { expiration: Some("60000".into()), ..message() };
        let first = read(&expiring, NOW_MS, 1_024).unwrap();
        let again = read(&expiring, NOW_MS + 5_000, 1_024).unwrap();
        assert_ne!(first.order, again.order);
        assert!(again.was_received_as(&first.order));
        let other = Order { priority: 1, ..first.order.clone() };
        assert!(!again.was_received_as(&other));
        assert!(!again.was_received_as(&Order { not_after_ms: None, ..first.order.clone() }));
        assert!(!read_now(&message()).unwrap().was_received_as(&first.order));
    }
}
