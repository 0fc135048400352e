//! What a job looks like in the dead queue, and how it becomes a job again. Pure.
//!
//! Everything that the sender wrote is kept. Three properties would do something to the dead letter itself, so they rest in
//! headers until it is requeued: `expiration` (the broker would drop it), `user_id` (the broker takes a sender's name from the
//! sender alone), and the headers `CC` and `BCC` (they would send it elsewhere besides).

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::http::problem::{Problem, ProblemBody};

/// The header with the reason: the problem document's JSON.
pub const PROBLEM: &str = "x-payoutd-problem";
/// The queue that it was in.
pub const QUEUE: &str = "x-payoutd-queue";
/// When it was laid aside, unix ms.
pub const AT_MS: &str = "x-payoutd-dead-at-ms";
const EXPIRATION: &str = "x-payoutd-expiration";
const USER_ID: &str = "x-payoutd-user-id";
/// Headers that route by themselves, and where they rest.
const ROUTING: [(&str, &str); 2] = [("CC", "x-payoutd-cc"), ("BCC", "x-payoutd-bcc")];
/// A quorum queue's own count of how often it delivered a message before.
const DELIVERIES: &str = "x-delivery-count";
/// All of them, to be taken off again.
const OURS: [&str; 3] = [PROBLEM, QUEUE, AT_MS];

/// All properties travel in one frame of at most 128 KiB; so much of it may be the reason. Of a thousand mistakes the first
/// are told.
const PROBLEM_BYTES_MAX: usize = 16 * 1024;
/// … and so much the sender's own headers; larger ones are left out.
const HEADERS_BYTES_MAX: usize = 96 * 1024;

const PERSISTENT: u8 = 2;

/// The properties of a dead letter.
#[must_use]
pub fn properties(of: &BasicProperties, problem: &Problem, queue: &str, at_ms: i64) -> BasicProperties {
    let mut headers = of.headers().clone().filter(fits).unwrap_or_default();
    for (name, rests) in ROUTING {
        if let Some(value) = take(&mut headers, name) {
            headers.insert(rests.into(), value);
        }
    }
    let text = |value: &ShortString| AMQPValue::LongString(value.as_str().into());
    if let Some(expiration) = of.expiration() {
        headers.insert(EXPIRATION.into(), text(expiration));
    }
    if let Some(user_id) = of.user_id() {
        headers.insert(USER_ID.into(), text(user_id));
    }
    let instance = of.message_id().as_ref().map(ShortString::as_str).unwrap_or_default();
    headers.insert(PROBLEM.into(), AMQPValue::LongString(document(problem, instance).into()));
    headers.insert(QUEUE.into(), AMQPValue::LongString(queue.into()));
    headers.insert(AT_MS.into(), AMQPValue::LongLongInt(at_ms));
    kept(of).with_headers(headers)
}

/// The properties of the job that a dead letter was. Its count of deliveries begins anew.
#[must_use]
pub fn restored(of: &BasicProperties) -> BasicProperties {
    let mut headers = of.headers().clone().unwrap_or_default();
    for name in OURS {
        take(&mut headers, name);
    }
    for (name, rests) in ROUTING {
        // Whoever requeues means one queue: who else had a copy has it already.
        take(&mut headers, name);
        take(&mut headers, rests);
    }
    take(&mut headers, USER_ID);
    take(&mut headers, DELIVERIES);
    let expiration = take(&mut headers, EXPIRATION).and_then(|value| short_text(&value));
    let properties = kept(of).with_headers(headers);
    match expiration {
        Some(expiration) => properties.with_expiration(expiration),
        None => properties,
    }
}

/// How often the broker had delivered it before.
#[must_use]
pub fn deliveries(of: &BasicProperties) -> i64 {
    let count = of.headers().as_ref().and_then(|headers| headers.inner().get(DELIVERIES));
    match count {
        Some(AMQPValue::LongLongInt(count)) => *count,
        Some(AMQPValue::LongInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortShortInt(count)) => i64::from(*count),
        Some(AMQPValue::LongUInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortUInt(count)) => i64::from(*count),
        Some(AMQPValue::ShortShortUInt(count)) => i64::from(*count),
        _ => 0,
    }
}

/// The same dead letter once more, to be laid where it lay: its count of deliveries begins anew, and nothing in it leads it elsewhere.
#[must_use]
pub fn unworn(of: &BasicProperties) -> BasicProperties {
    let mut headers = of.headers().clone().unwrap_or_default();
    take(&mut headers, DELIVERIES);
    for (name, rests) in ROUTING {
        if let Some(value) = take(&mut headers, name) {
            headers.insert(rests.into(), value);
        }
    }
    if let Some(user_id) = of.user_id() {
        headers.insert(USER_ID.into(), AMQPValue::LongString(user_id.as_str().into()));
    }
    kept(of).with_headers(headers)
}

/// When it was laid aside, unix ms, where the daemon did it.
#[must_use]
pub fn dead_at_ms(headers: &FieldTable) -> Option<i64> {
    match headers.inner().get(AT_MS)? {
        AMQPValue::LongLongInt(at_ms) => Some(*at_ms),
        _ => None,
    }
}

/// The reason that stands in a dead letter, where the daemon put one.
#[must_use]
pub fn reason(headers: &FieldTable) -> Option<ProblemBody> {
    let text = long_text(headers.inner().get(PROBLEM)?)?;
    serde_json::from_str(&text).ok()
}

/// What is a text among the values of a header.
#[must_use]
pub fn long_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn short_text(value: &AMQPValue) -> Option<ShortString> {
    ShortString::try_new(long_text(value)?).ok()
}

/// What says something about the message and does nothing to it.
fn kept(of: &BasicProperties) -> BasicProperties {
    let mut kept = BasicProperties::default().with_delivery_mode(PERSISTENT);
    macro_rules! keep {
        ($($property:ident => $with:ident;)+) => {$(
            if let Some(value) = of.$property().clone() {
                kept = kept.$with(value);
            }
        )+};
    }
    keep! {
        content_type => with_content_type;
        content_encoding => with_content_encoding;
        priority => with_priority;
        correlation_id => with_correlation_id;
        reply_to => with_reply_to;
        message_id => with_message_id;
        timestamp => with_timestamp;
        kind => with_type;
        app_id => with_app_id;
    }
    kept
}

fn document(problem: &Problem, instance: &str) -> String {
    let mut problem = problem.clone();
    loop {
        let text = serde_json::to_string(&problem.document(instance)).unwrap_or_default();
        if text.len() <= PROBLEM_BYTES_MAX {
            return text;
        }
        match problem.errors.len() {
            0 => problem.detail = problem.detail.chars().take(problem.detail.chars().count() / 2).collect(),
            many => problem.errors.truncate(many / 2),
        }
    }
}

fn take(headers: &mut FieldTable, name: &str) -> Option<AMQPValue> {
    let mut rest = FieldTable::default();
    let mut taken = None;
    for (key, value) in headers.inner() {
        match key.as_str() == name {
            true => taken = Some(value.clone()),
            false => _ = rest.insert(key.clone(), value.clone()),
        }
    }
    *headers = rest;
    taken
}

fn fits(headers: &FieldTable) -> bool {
    table_bytes(headers) <= HEADERS_BYTES_MAX
}

fn table_bytes(table: &FieldTable) -> usize {
    table.inner().iter().map(|(name, value)| 2 + name.as_str().len() + value_bytes(value)).sum()
}

/// What a value takes on the wire, rounded up.
fn value_bytes(value: &AMQPValue) -> usize {
    8 + match value {
        AMQPValue::LongString(text) => text.as_bytes().len(),
        AMQPValue::ShortString(text) => text.as_str().len(),
        AMQPValue::ByteArray(bytes) => bytes.as_slice().len(),
        AMQPValue::FieldArray(values) => values.as_slice().iter().map(value_bytes).sum(),
        AMQPValue::FieldTable(table) => table_bytes(table),
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Kind;
    use payoutd_actors::domain::order::OrderProblem;

    fn sent() -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert("tenant".into(), AMQPValue::LongString("blue".into()));
        headers.insert(
            "CC".into(),
            AMQPValue::FieldArray(vec![AMQPValue::LongString("elsewhere".into())].into()),
        );
        BasicProperties::default()
            .with_message_id("k-1".into())
            .with_correlation_id("c-1".into())
            .with_reply_to("answers".into())
            .with_type("payout".into())
            .with_priority(3)
            .with_timestamp(1_790_000_000)
            .with_expiration("60000".into())
            .with_user_id("producer".into())
            .with_headers(headers)
    }

    fn problem() -> Problem {
        Problem::mistakes(Kind::InvalidOrder, vec![OrderProblem::at("/amount", "too much")])
    }

    fn names(properties: &BasicProperties) -> Vec<String> {
        properties.headers().clone().unwrap().inner().keys().map(ToString::to_string).collect()
    }

    /// A dead letter that expires, or that the broker refuses for its sender's name, would be a job that is lost.
    #[test]
    fn a_dead_letter_says_why_and_does_not_go_away_by_itself() {
        let dead = properties(&sent(), &problem(), "payoutd.jobs", 5);
        assert_eq!(
            (dead.expiration(), dead.user_id(), *dead.delivery_mode()),
            (&None, &None, Some(PERSISTENT))
        );
        assert_eq!(dead.reply_to().as_ref().map(ShortString::as_str), Some("answers"));
        assert_eq!(dead.kind().as_ref().map(ShortString::as_str), Some("payout"));
        assert!(!names(&dead).contains(&"CC".to_owned()) && names(&dead).contains(&"tenant".to_owned()));
        let reason = reason(&dead.headers().clone().unwrap()).unwrap();
        assert_eq!((reason.kind.as_str(), reason.instance.as_str()), ("/problems/invalid-order", "k-1"));
        assert_eq!(reason.errors[0].pointer.as_deref(), Some("/amount"));
    }

    /// F-N17: what is requeued is the job that was sent, under its own key.
    #[test]
    fn a_requeued_job_is_as_it_was_sent() {
        let again = restored(&properties(&sent(), &problem(), "payoutd.jobs", 5));
        assert_eq!(again.message_id(), sent().message_id());
        assert_eq!((again.expiration(), again.priority()), (sent().expiration(), sent().priority()));
        assert_eq!((names(&again), again.user_id()), (vec!["tenant".to_owned()], &None));
    }

    #[test]
    fn a_reason_of_a_thousand_mistakes_and_headers_without_end_fit_into_a_frame() {
        let mistakes = (0..1_000).map(|n| OrderProblem::at(&format!("/{n}"), "wrong ".repeat(20))).collect();
        let mut headers = FieldTable::default();
        headers.insert("much".into(), AMQPValue::LongString("x".repeat(HEADERS_BYTES_MAX).into()));
        let sent = sent().with_headers(headers);
        let dead = properties(&sent, &Problem::mistakes(Kind::InvalidOrder, mistakes), "payoutd.jobs", 5);
        assert!(table_bytes(&dead.headers().clone().unwrap()) < 128 * 1024);
        assert!(!names(&dead).contains(&"much".to_owned()));
        let long = Problem::new(Kind::Internal, "é".repeat(PROBLEM_BYTES_MAX));
        assert!(document(&long, "k").len() <= PROBLEM_BYTES_MAX);
    }
}
