//! What caused a row: the request at a door, or the job, by names that its sender knows as well (F000-14, F000-16).
//!
//! The names stand in the row's body and so under its hash: `correlation_id`, `trace_id`, `by`, `client`. Rows that nobody outside has caused
//! have none of them, and neither have those from before they were written down. Promises that a name is short and of plain characters,
//! whoever has sent it: what is not is not written.

use super::body::{Body, BodyError};
use super::record::JournalDraft;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// Characters that a correlation id may have at most.
pub const CORRELATION_CHARS_MAX: usize = 128;

/// What a row calls the request or the job that caused it.
pub const CORRELATION_ID: &str = "correlation_id";
/// What it calls the trace of which that was a part.
pub const TRACE_ID: &str = "trace_id";
/// What it calls whoever wanted it, where nothing else in it does.
const BY: &str = "by";
/// What it calls where they were.
const CLIENT: &str = "client";

/// The name of a request or a job: ASCII letters and digits, `-`, `_` and `.`, at most [`CORRELATION_CHARS_MAX`] of them. It can stand in a
/// line of the log and in a URI as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// Takes a name as somebody gives it; `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        (plain && (1..=CORRELATION_CHARS_MAX).contains(&text.len())).then(|| Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a distributed trace: 16 bytes that are not all zero, written as 32 hex digits (W3C Trace Context §3.2.2.3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

/// Characters of a `traceparent` of version 00: `00-<32 hex>-<16 hex>-<2 hex>`.
const TRACEPARENT_CHARS: usize = 55;

impl TraceId {
    /// Reads 32 lower-case hex digits; `None` for anything else, and for zero, which is no trace.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        (is_hex(text, 32) && hex::decode_to_slice(text, &mut bytes).is_ok() && bytes != [0; 16])
            .then_some(Self(bytes))
    }

    /// The trace of a `traceparent` header (W3C Trace Context §3.2). Of a version that is not known yet the first fields are read as those of
    /// version 00 are, as it asks (§3.2.4); `None` for what is none, as for no header at all.
    #[must_use]
    pub fn of_traceparent(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(TRACEPARENT_CHARS)?;
        let [version, trace, parent, flags] = fields(known)?;
        let goes_on = rest.is_empty() || (version != "00" && rest.starts_with('-'));
        let is_one = goes_on && is_hex(version, 2) && version != "ff" && is_hex(flags, 2);
        let has_parent = is_hex(parent, 16) && parent.bytes().any(|digit| digit != b'0');
        Self::parse(trace).filter(|_| is_one && has_parent)
    }
}

fn fields(text: &str) -> Option<[&str; 4]> {
    <[&str; 4]>::try_from(text.split('-').collect::<Vec<_>>()).ok()
}

fn is_hex(text: &str, chars: usize) -> bool {
    text.len() == chars && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What caused a row. Empty for what the house does by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The request, by the id that its caller gets back in `X-Request-ID`; the job, by its `correlation_id` or its `message_id`.
    pub correlation_id: Option<CorrelationId>,
    /// The trace that its caller says it is a part of.
    pub trace_id: Option<TraceId>,
    /// Who wanted it, by the principal's name.
    pub by: Option<String>,
    /// Where they were: an address, or this machine.
    pub client: Option<String>,
}

impl Cause {
    /// Nobody outside: the house by itself.
    #[must_use]
    pub fn nobody() -> Self {
        Self::default()
    }

    /// Says it beside what a body tells; what stands there already stays.
    pub fn tell(&self, body: &mut Map<String, Value>) {
        let mut say = |name: &str, told: Option<String>| {
            if let Some(told) = told.filter(|_| !body.contains_key(name)) {
                body.insert(name.to_owned(), told.into());
            }
        };
        say(CORRELATION_ID, self.correlation_id.as_ref().map(|id| id.as_str().to_owned()));
        say(TRACE_ID, self.trace_id.map(|id| id.to_string()));
        say(BY, self.by.clone());
        say(CLIENT, self.client.clone());
    }
}

impl JournalDraft {
    /// Says in a draft what caused it; what it says already stays.
    ///
    /// # Errors
    /// When its body would be longer than a body may be.
    pub fn caused_by(self, cause: &Cause) -> Result<Self, BodyError> {
        if *cause == Cause::default() {
            return Ok(self);
        }
        let mut body: Map<String, Value> = self.body.read()?;
        cause.tell(&mut body);
        Ok(Self { body: Body::from_value(&Value::Object(body))?, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::journal::JournalRecord;
    use serde_json::json;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// The fear: a stranger writes a novel, a script or a line of somebody else's log into the journal, and it stays there for ever.
    #[test]
    fn a_hostile_name_is_no_name() {
        let long = "a".repeat(CORRELATION_CHARS_MAX + 1);
        for hostile in ["", "a b", "a\nb", "\"},{", "<script>", "é", "a/b", "a:b", "\u{202e}", &long] {
            assert_eq!(CorrelationId::parse(hostile), None, "{hostile:?}");
        }
        for good in ["a", "018f-2_x.Y", &long[1..]] {
            assert_eq!(CorrelationId::parse(good).unwrap().as_str(), good);
        }
    }

    /// W3C Trace Context: what breaks its form is as if nobody had sent it.
    #[test]
    fn a_trace_is_read_from_what_is_a_traceparent_and_from_nothing_else() {
        let read = |text: &str| TraceId::of_traceparent(text).map(|id| id.to_string());
        assert_eq!(read(TRACEPARENT).as_deref(), Some(TRACE));
        let later = format!("{}-and-more", TRACEPARENT.replacen("00", "cc", 1));
        assert_eq!(read(&later).as_deref(), Some(TRACE), "of a later version the beginning is read");
        let broken = [
            "".to_owned(),
            TRACE.to_owned(),
            TRACEPARENT.to_uppercase(),
            TRACEPARENT.replacen("00", "ff", 1),
            TRACEPARENT.replace(TRACE, &"0".repeat(32)),
            TRACEPARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            TRACEPARENT.replace("-01", "-0g"),
            TRACEPARENT.replace('-', "_"),
            format!("{TRACEPARENT}-00"),
            format!("{later}x").replace("-and", "xand"),
            TRACEPARENT.replace("4bf9", "é£"),
            format!(" {TRACEPARENT}"),
        ];
        for broken in broken {
            assert_eq!(read(&broken), None, "{broken}");
        }
    }

    /// Rows from before causes were written are hashed as they were; new ones as the same reader of RFC 8785 would hash them. Both
    /// hashes were made by another program.
    #[test]
    fn a_row_of_an_old_journal_keeps_its_hash_and_a_new_one_has_the_hash_that_others_compute() {
        let body = json!({ "account": "house", "from": "admitted", "to": "settled", "version": 5 });
        let old = JournalDraft::new(1_763_712_000_000, "payout_settled", Body::from_value(&body).unwrap());
        let old = old.about("019aa000-0000-7000-8000-000000000001");
        let cause = Cause {
            correlation_id: CorrelationId::parse("r-1"),
            trace_id: TraceId::parse(TRACE),
            ..Cause::nobody()
        };
        let new = old.clone().caused_by(&cause).unwrap();
        let hashes =
            [old, new].map(|draft| draft.into_record(7)).map(|row: JournalRecord| row.hash.to_string());
        let expected = [
            "9ecf7850eff9a7c3c2a0e8a5fcd9e66a38662c30a118b51e00592d9678343dae",
            "44bbb72264eabf4dd6b579b1043f4b2e164db2b793f7db88656706c817fcc624",
        ];
        assert_eq!(hashes, expected);
    }

    /// The names are under the row's hash, and a row that nobody outside has caused is what it always was.
    #[test]
    fn the_cause_stands_in_the_body_and_changes_nothing_that_is_said_already() {
        let draft = |body: Value| JournalDraft::new(1, "payout_admitted", Body::from_value(&body).unwrap());
        let cause = Cause {
            correlation_id: CorrelationId::parse("r-1"),
            trace_id: TraceId::parse(TRACE),
            by: Some("user:1".to_owned()),
            client: Some("198.51.100.7".to_owned()),
        };
        let plain = draft(json!({ "by": "key:2", "to": "held" }));
        assert_eq!(plain.clone().caused_by(&Cause::nobody()).unwrap(), plain);
        let caused = plain.clone().caused_by(&cause).unwrap();
        let expected = json!({
            "by": "key:2", "client": "198.51.100.7", "correlation_id": "r-1", "to": "held", "trace_id": TRACE,
        });
        assert_eq!(caused.body.as_str(), expected.to_string());
        assert_ne!(caused.hash_at(1, &mut Vec::new()), plain.hash_at(1, &mut Vec::new()));
        assert!(caused.body.is_canonical());
    }
}
