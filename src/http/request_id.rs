//! A name for each request (F000-16): the caller's own where it is a good one, else a fresh one; in every answer, in every
//! line of the log, the `instance` of every problem, and in the journal where the request changes anything. The trace of which it says
//! that it is a part stands beside it in the log and in the journal.

use actix_web::{HttpMessage, HttpRequest, dev::ServiceRequest, http::header::HeaderMap};
use payoutd_actors::domain::journal::{Cause, CorrelationId, TraceId};

/// The header that carries it.
pub const HEADER: &str = "x-request-id";
/// The header with the trace (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";

/// A request's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The caller's own, or a fresh one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        match only(headers, HEADER) {
            Some(text) if CorrelationId::parse(text).is_some() => Self(text.to_owned()),
            _ => Self(uuid::Uuid::now_v7().to_string()),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the journal says of the request: its name, and its trace where the caller gives one that is one.
    #[must_use]
    pub fn cause(&self, headers: &HeaderMap) -> Cause {
        let trace_id = only(headers, TRACEPARENT).and_then(TraceId::of_traceparent);
        Cause { correlation_id: CorrelationId::parse(&self.0), trace_id, ..Cause::nobody() }
    }

    /// Remembers it with the request.
    pub fn attach(&self, request: &ServiceRequest) {
        request.extensions_mut().insert(self.clone());
    }

    /// The one that was remembered.
    #[must_use]
    pub fn attached_to(request: &HttpRequest) -> String {
        request.extensions().get::<Self>().map(|id| id.0.clone()).unwrap_or_default()
    }
}

/// The text of a header that stands once.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut given = headers.get_all(name);
    let text = given.next()?.to_str().ok()?;
    given.next().is_none().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn of(values: &[&str]) -> String {
        RequestId::of(&headers(HEADER, values)).0
    }

    #[test]
    fn a_good_name_is_kept_and_a_bad_one_never_reaches_the_log() {
        assert_eq!(of(&["abc-1.2_Z"]), "abc-1.2_Z");
        for bad in [&["a b"][..], &["a\"b"], &["a", "b"], &[""], &[], &["é"]] {
            assert_eq!(of(bad).len(), 36, "{bad:?}");
        }
        assert_eq!(of(&[&"a".repeat(129)]).len(), 36);
    }

    /// F000-14: every request has a name for the journal, its own or a fresh one, and a trace only where there is one.
    #[test]
    fn a_request_is_named_in_the_journal_as_its_caller_knows_it() {
        const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = RequestId::of(&headers(HEADER, &["mine"]));
        let cause = |values: &[&str]| id.cause(&headers(TRACEPARENT, values));
        let trace = |values: &[&str]| cause(values).trace_id.map(|id| id.to_string());
        assert_eq!(cause(&[]).correlation_id.unwrap().as_str(), "mine");
        assert_eq!(trace(&[PARENT]).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for none in [&[][..], &["nonsense"], &[PARENT, PARENT]] {
            assert_eq!(trace(none), None, "{none:?}");
        }
        let fresh = RequestId::of(&HeaderMap::new());
        assert_eq!(fresh.cause(&HeaderMap::new()).correlation_id.unwrap().as_str(), fresh.as_str());
    }
}
