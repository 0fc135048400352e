//! The error map: a closed set of problems (RFC 9457), each with its type, status, title and page.
//!
//! Promises that what a caller reads is written for the caller: no cause from inside (paths, SQL, panics) is ever part of
//! a problem (F003-24). Causes go to the log, under the same request id.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    body::BoxBody,
    http::{StatusCode, header},
};
use payoutd_actors::domain::order::OrderProblem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The content type of every answer that is not a success.
pub const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal, $status:ident, $title:literal;)+) => {
        /// The closed set of problems. A type, once published, never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($(#[doc = $doc])+ $variant,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The last part of the type, and the name of its page.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The status that goes with it.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// The same sentence each time.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// The page that explains it: what it means, and what to do.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("../../docs/problems/", $word, ".md")),)+ }
            }
        }
    };
}

kinds! {
    /// The body is no JSON, or a header can not be read.
    MalformedRequest = "malformed-request", BAD_REQUEST, "The request can not be read";
    /// An order without a key.
    IdempotencyKeyMissing = "idempotency-key-missing", BAD_REQUEST, "An order needs an Idempotency-Key";
    /// A key that is none.
    IdempotencyKeyInvalid = "idempotency-key-invalid", BAD_REQUEST, "The Idempotency-Key is not one";
    /// No token, or a wrong one.
    Unauthorized = "unauthorized", UNAUTHORIZED, "The caller is not known";
    /// A person whose second factor was shown too long ago for this.
    StepUpRequired = "step-up-required", UNAUTHORIZED, "A fresh second factor is wanted";
    /// A known caller without the permission.
    Forbidden = "forbidden", FORBIDDEN, "The caller may not do this";
    /// A key whose request moves money, without a signature.
    SignatureRequired = "signature-required", FORBIDDEN, "The request must be signed";
    /// Nothing there.
    NotFound = "not-found", NOT_FOUND, "There is nothing here";
    /// Another method is wanted.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "This method is not taken here";
    /// The body did not come in time.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "The request did not arrive in time";
    /// The payout stands where this can not happen to it.
    WrongStage = "wrong-stage", CONFLICT, "The payout's stage does not permit this";
    /// Something that stands already is in the way.
    Conflict = "conflict", CONFLICT, "What is there does not permit this";
    /// A spending limit has no room for the order.
    LimitExceeded = "limit-exceeded", CONFLICT, "A spending limit has no room";
    /// The same signed request came before.
    RequestReplayed = "request-replayed", CONFLICT, "The request was taken before";
    /// A longer body than is taken.
    BodyTooLarge = "body-too-large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// Another content type is wanted.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body's type is not taken";
    /// What was sent has mistakes; each is pointed at.
    InvalidOrder = "invalid-order", UNPROCESSABLE_ENTITY, "The request has mistakes";
    /// A second factor of a kind that is none.
    MfaMethodUnsupported = "mfa-method-unsupported", UNPROCESSABLE_ENTITY, "This is no second factor here";
    /// The query has mistakes; each is named.
    InvalidQuery = "invalid-query", UNPROCESSABLE_ENTITY, "The query has mistakes";
    /// A cursor that this list did not hand out.
    ForeignCursor = "foreign-cursor", UNPROCESSABLE_ENTITY, "The cursor belongs to another list";
    /// The key stands for another order.
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key stands for another order";
    /// More was asked for in a time than is let pass.
    QuotaExceeded = "quota-exceeded", TOO_MANY_REQUESTS, "The rate is used up";
    /// A fault of payoutd.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here";
    /// Too much at once; later it works.
    Busy = "busy", SERVICE_UNAVAILABLE, "Too much is asked at once";
    /// Something that is needed for the answer is away; later it works.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Something needed is away";
}

impl Kind {
    /// The kind of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// The `type`: a reference that resolves, on this very door, to the page that explains it.
    #[must_use]
    pub fn type_reference(self) -> String {
        format!("/problems/{}", self.word())
    }
}

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which of the closed set.
    pub kind: Kind,
    /// What was wrong this time and what would be right.
    pub detail: String,
    /// Each mistake at its place.
    pub errors: Vec<MistakeBody>,
    /// Seconds after which asking again makes sense.
    pub retry_after_s: Option<u32>,
    /// The methods that are taken here, for [`Kind::MethodNotAllowed`].
    pub allow: Option<String>,
    /// The rate policy that was used up, for [`Kind::QuotaExceeded`].
    pub violated: Option<&'static str>,
    /// Why, in a word, for the journal; in no document.
    pub why: Option<&'static str>,
}

impl Problem {
    /// A problem with a sentence for this occasion.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { kind, detail, errors: Vec::new(), retry_after_s: None, allow: None, violated: None, why: None }
    }

    /// Mistakes, each at its place.
    #[must_use]
    pub fn mistakes(kind: Kind, errors: Vec<impl Into<MistakeBody>>) -> Self {
        let errors: Vec<MistakeBody> = errors.into_iter().map(Into::into).collect();
        let detail = match errors.as_slice() {
            [only] => only.to_string(),
            several => format!("{} mistakes, each at its place in `errors`", several.len()),
        };
        Self { errors, ..Self::new(kind, detail) }
    }

    /// A problem that time heals.
    #[must_use]
    pub fn retry_after_ms(mut self, wait_ms: i64) -> Self {
        let whole = u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000);
        self.retry_after_s = Some(u32::try_from(whole).unwrap_or(u32::MAX).max(1));
        self
    }

    /// The document that the caller reads.
    #[must_use]
    pub fn document(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: self.kind.type_reference(),
            title: self.kind.title().to_owned(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
            instance: request_id.to_owned(),
            errors: self.errors.clone(),
            violated_policies: self.violated.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// The whole answer.
    #[must_use]
    pub fn respond(&self, request_id: &str) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.kind.status());
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if self.kind == Kind::Unauthorized {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"payoutd\""));
        }
        if self.kind == Kind::StepUpRequired {
            // RFC 9470 §3.
            let challenge = "Bearer realm=\"payoutd\", error=\"insufficient_user_authentication\"";
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        let text = serde_json::to_string(&self.document(request_id)).unwrap_or_default();
        response.content_type(PROBLEM_JSON).body(text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.title(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    /// Without the request's id; the envelope writes the answer again, with it.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.respond("")
    }
}

/// One mistake: where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Mistake)]
pub struct MistakeBody {
    /// A JSON pointer (RFC 6901) into the body, or `@name` for a property of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The name of a parameter of the query, where that is what was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What was wrong and what would be right.
    pub detail: String,
}

impl From<OrderProblem> for MistakeBody {
    fn from(problem: OrderProblem) -> Self {
        Self { pointer: Some(problem.pointer), parameter: None, detail: problem.detail }
    }
}

/// A mistake in a field of a small object.
impl From<(&str, String)> for MistakeBody {
    fn from((field, detail): (&str, String)) -> Self {
        Self { pointer: Some(format!("/{field}")), parameter: None, detail }
    }
}

impl MistakeBody {
    /// A mistake in a parameter of the query.
    #[must_use]
    pub fn of_parameter(name: &str, detail: &str) -> Self {
        Self { pointer: None, parameter: Some(name.to_owned()), detail: detail.to_owned() }
    }
}

impl fmt::Display for MistakeBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pointer.as_deref(), &self.parameter) {
            (_, Some(name)) => write!(f, "parameter `{name}`: {}", self.detail),
            (None | Some(""), None) => f.write_str(&self.detail),
            (Some(pointer), None) => write!(f, "{pointer}: {}", self.detail),
        }
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// One of a closed set; a path of this server, where the page that explains it is served.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same sentence each time.
    pub title: String,
    /// The HTTP status, once more.
    pub status: u16,
    /// What was wrong this time and what would be right.
    pub detail: String,
    /// The request's id, as in the header `X-Request-ID` and in the server's log.
    pub instance: String,
    /// Each mistake at its place, where there are places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<MistakeBody>,
    /// The rate policies that were used up, as `RateLimit-Policy` names them, where that is the problem.
    #[serde(default, rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    pub violated_policies: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every type has a page that says its name, its status and what to do.
    #[test]
    fn every_problem_has_its_page() {
        for kind in Kind::ALL {
            let page = kind.page();
            assert!(page.starts_with(&format!("# {}\n", kind.title())), "{}", kind.word());
            let line = format!("`{}` · status {}", kind.type_reference(), kind.status().as_u16());
            assert!(page.contains(&line), "{}: {line}", kind.word());
            assert!(page.contains("\n## What to do\n"), "{}", kind.word());
            assert_eq!(Kind::from_word(kind.word()), Some(*kind));
        }
    }

    #[test]
    fn one_mistake_is_said_in_the_detail_and_several_are_counted() {
        let one = Problem::mistakes(Kind::InvalidOrder, vec![OrderProblem::at("/amount", "too much")]);
        assert_eq!(one.detail, "/amount: too much");
        let two = Problem::mistakes(
            Kind::InvalidOrder,
            vec![OrderProblem::at("/a", "x"), OrderProblem::at("/b", "y")],
        );
        assert_eq!(two.detail, "2 mistakes, each at its place in `errors`");
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let wait = |ms| Problem::new(Kind::Busy, "x").retry_after_ms(ms).retry_after_s;
        assert_eq!((wait(0), wait(1), wait(1_001), wait(-5)), (Some(1), Some(1), Some(2), Some(1)));
    }
}
