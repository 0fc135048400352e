//! A dead job, as it is shown to a person: what it is, why it lies there, and what to do about it. Pure.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    amqp::dead_letter::{self, long_text},
    http::problem::{Kind, ProblemBody},
    wire::moment,
};

/// So much of a body is shown, bytes: an order is a few hundred.
const BODY_SHOWN_MAX: usize = 16 * 1024;

/// A job in the dead queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeadJob)]
pub struct DeadJobBody {
    /// What it is called here: 16 hex digits of the digest of what it is. Jobs without a `message_id` have one too.
    pub id: String,
    /// The sender's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// When it was laid aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub dead_at: Option<String>,
    /// Why, in a sentence.
    pub why: String,
    /// What to do about it, in a sentence.
    pub advice: String,
    /// The problem document, where payoutd itself laid it aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
    /// How often the broker laid it aside, and what for, where the broker did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deaths: Vec<DeathBody>,
    /// The length of its body.
    pub body_bytes: usize,
    /// Its body, as far as it is text; only where one job is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// One entry of the broker's own record (`x-death`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Death)]
pub struct DeathBody {
    /// `delivery_limit`, `rejected`, `expired` or `maxlen`.
    pub reason: String,
    /// The queue that it was in.
    pub queue: String,
    /// How often.
    pub count: i64,
    /// When, the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub at: Option<String>,
}

impl DeadJobBody {
    /// What is known of a message of the dead queue, without its body.
    #[must_use]
    pub fn of(properties: &BasicProperties, body: &[u8]) -> Self {
        let headers = properties.headers().clone().unwrap_or_default();
        let message_id = properties.message_id().as_ref().map(ShortString::to_string);
        let (problem, deaths) = (dead_letter::reason(&headers), deaths(&headers));
        let dead_at = dead_letter::dead_at_ms(&headers).map(moment::write);
        let dead_at = dead_at.or_else(|| deaths.first().and_then(|death| death.at.clone()));
        let (why, advice) = explain(problem.as_ref(), &deaths);
        let id = name(message_id.as_deref(), dead_at.as_deref(), body);
        Self { id, message_id, dead_at, why, advice, problem, deaths, body_bytes: body.len(), body: None }
    }

    /// The same, with its body.
    #[must_use]
    pub fn with_body(mut self, body: &[u8]) -> Self {
        let shown = &body[..body.len().min(BODY_SHOWN_MAX)];
        self.body = Some(String::from_utf8_lossy(shown).into_owned());
        self
    }

    /// Whether a person means this one: by its name here, or by the sender's.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.id == name || self.message_id.as_deref() == Some(name)
    }
}

fn name(message_id: Option<&str>, dead_at: Option<&str>, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    for part in [
        message_id.unwrap_or_default().as_bytes(),
        b"\0",
        dead_at.unwrap_or_default().as_bytes(),
        b"\0",
        body,
    ] {
        digest.update(part);
    }
    hex::encode(&digest.finalize()[..8])
}

fn deaths(headers: &FieldTable) -> Vec<DeathBody> {
    let Some(AMQPValue::FieldArray(entries)) = headers.inner().get("x-death") else { return Vec::new() };
    let tables = entries.as_slice().iter().filter_map(|entry| match entry {
        AMQPValue::FieldTable(table) => Some(table),
        _ => None,
    });
    tables.map(death).collect()
}

fn death(table: &FieldTable) -> DeathBody {
    let text = |name| table.inner().get(name).and_then(long_text).unwrap_or_default();
    let at = match table.inner().get("time") {
        Some(AMQPValue::Timestamp(seconds)) => {
            i64::try_from(*seconds).ok().and_then(|s| s.checked_mul(1_000))
        }
        _ => None,
    };
    let count = match table.inner().get("count") {
        Some(AMQPValue::LongLongInt(count)) => *count,
        _ => 1,
    };
    DeathBody { reason: text("reason"), queue: text("queue"), count, at: at.map(moment::write) }
}

/// Why it lies there, and what to do.
fn explain(problem: Option<&ProblemBody>, deaths: &[DeathBody]) -> (String, String) {
    match (problem, deaths.first()) {
        (Some(problem), _) => {
            let kind = problem.kind.rsplit('/').next().and_then(Kind::from_word);
            (format!("{}: {}", problem.title, problem.detail), advice(kind).to_owned())
        }
        (None, Some(death)) => broker_words(death),
        (None, None) => (
            "nobody said why: somebody else put it there".to_owned(),
            "look at its body; requeue it or discard it".to_owned(),
        ),
    }
}

fn advice(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::IdempotencyKeyMissing | Kind::IdempotencyKeyInvalid) => {
            "its sender must send it anew with a message_id of its own; discard this one"
        }
        Some(Kind::IdempotencyKeyReused) => {
            "the payout that the key stands for is named above; if this order is another one, its sender must send it \
             under a key of its own. Discard this one"
        }
        Some(Kind::Internal) => "look into the log; requeue it once the cause is mended",
        Some(Kind::MalformedRequest | Kind::BodyTooLarge) => {
            "its sender must mend it and send it anew; discard this one"
        }
        _ => {
            "its sender must mend it and send it under a key of its own, and this one is discarded; where the house's rules \
             have changed since, requeue it"
        }
    }
}

fn broker_words(death: &DeathBody) -> (String, String) {
    let DeathBody { reason, queue, .. } = death;
    let why = match reason.as_str() {
        "delivery_limit" => format!(
            "the broker laid it aside: it was delivered from {queue} as often as amqp.delivery_limit allows, and no daemon lived \
             to answer it"
        ),
        "rejected" => {
            format!("a consumer of {queue} refused it; payoutd never does, so it was another program")
        }
        "expired" => format!("it waited in {queue} longer than its expiration, or the queue's, allows"),
        "maxlen" => format!("{queue} was full"),
        other => format!("the broker laid it aside ({other})"),
    };
    let advice = match reason.as_str() {
        "expired" => "it is too late for it: discard it, unless its sender still wants it paid",
        _ => {
            "look into the log for what ended the daemons; requeue it: under its key it is paid once at most"
        }
    };
    (why, advice.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Problem;

    fn x_death(reason: &str) -> BasicProperties {
        let mut entry = FieldTable::default();
        entry.insert("reason".into(), AMQPValue::LongString(reason.into()));
        entry.insert("queue".into(), AMQPValue::LongString("payoutd.jobs".into()));
        entry.insert("count".into(), AMQPValue::LongLongInt(3));
        entry.insert("time".into(), AMQPValue::Timestamp(1_790_000_000));
        let mut headers = FieldTable::default();
        headers.insert("x-death".into(), AMQPValue::FieldArray(vec![AMQPValue::FieldTable(entry)].into()));
        BasicProperties::default().with_message_id("k-1".into()).with_headers(headers)
    }

    /// F-N17: what the broker says in its own tongue is said in a sentence.
    #[test]
    fn what_the_broker_laid_aside_is_explained_in_words() {
        for (reason, words) in [
            ("delivery_limit", "as often as amqp.delivery_limit allows"),
            ("rejected", "another program"),
            ("expired", "longer than its expiration"),
            ("maxlen", "was full"),
            ("later_invention", "later_invention"),
        ] {
            let job = DeadJobBody::of(&x_death(reason), b"{}");
            assert!(job.why.contains(words) && !job.advice.is_empty(), "{reason}: {job:?}");
            assert_eq!((job.deaths[0].count, job.dead_at.as_deref()), (3, Some("2026-09-21T14:13:20.000Z")));
        }
        let nobody = DeadJobBody::of(&BasicProperties::default(), b"{}");
        assert!(nobody.why.contains("nobody said why") && nobody.deaths.is_empty());
    }

    #[test]
    fn what_payoutd_laid_aside_keeps_its_problem() {
        let sent = BasicProperties::default().with_message_id("k-1".into());
        let problem = Problem::new(Kind::IdempotencyKeyReused, "payout 7");
        let job = DeadJobBody::of(
            &dead_letter::properties(&sent, &problem, "payoutd.jobs", 1_790_000_000_000),
            b"{}",
        );
        assert!(job.why.contains("payout 7") && job.advice.contains("key of its own"), "{job:?}");
        assert_eq!(job.dead_at.as_deref(), Some("2026-09-21T14:13:20.000Z"));
        assert!(job.is_called("k-1") && job.is_called(&job.id) && !job.is_called("k-2"));
    }

    /// Jobs that have no name are told apart, and the same one is called the same at each look.
    #[test]
    fn every_dead_job_has_a_name_of_its_own() {
        let names: Vec<_> = [&b"a"[..], b"b"]
            .iter()
            .map(|body| DeadJobBody::of(&BasicProperties::default(), body).id)
            .collect();
        assert!(names[0] != names[1] && names.iter().all(|name| name.len() == 16));
        assert_eq!(DeadJobBody::of(&BasicProperties::default(), b"a").id, names[0]);
        let long =
            DeadJobBody::of(&BasicProperties::default(), b"").with_body(&vec![b'x'; 2 * BODY_SHOWN_MAX]);
        assert_eq!(long.body.map(|body| body.len()), Some(BODY_SHOWN_MAX));
    }
}
