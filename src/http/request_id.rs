//! A name for each request (F000-16): the caller's own where it is a good one, else a fresh one; in every answer, in every
//! line of the log, and the `instance` of every problem.

use actix_web::{HttpMessage, HttpRequest, dev::ServiceRequest, http::header::HeaderMap};

/// The header that carries it.
pub const HEADER: &str = "x-request-id";
/// A longer one is not honoured.
const CHARS_MAX: usize = 128;

/// A request's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The caller's own, or a fresh one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(HEADER);
        match (given.next().and_then(|value| value.to_str().ok()), given.next()) {
            (Some(text), None) if is_good(text) => Self(text.to_owned()),
            _ => Self(uuid::Uuid::now_v7().to_string()),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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

/// What can stand in a log line and in a URI as it is.
fn is_good(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    plain && (1..=CHARS_MAX).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn of(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static(HEADER), HeaderValue::from_str(value).unwrap());
        }
        RequestId::of(&headers).0
    }

    #[test]
    fn a_good_name_is_kept_and_a_bad_one_never_reaches_the_log() {
        assert_eq!(of(&["abc-1.2_Z"]), "abc-1.2_Z");
        for bad in [&["a b"][..], &["a\"b"], &["a", "b"], &[""], &[], &["é"]] {
            assert_eq!(of(bad).len(), 36, "{bad:?}");
        }
        assert_eq!(of(&[&"a".repeat(129)]).len(), 36);
    }
}
