//! Pages of other origins in a browser (F000-27): none, unless the configuration names them.
//!
//! Promises: without a list nothing here answers; an origin that is not on it hears nothing that a browser would hand to its page; the
//! headers that say who somebody is between gateways are never among those that a page may send (D-13); no cookie and no password of the
//! browser's is taken along, because credentials here are shown by the page itself. **Never here:** who may do what.

use std::collections::BTreeSet;

use actix_cors::{Cors, CorsError};
use actix_web::{http::header, middleware::Condition};

use super::{
    problem::{Kind, Problem},
    rates::fields,
    request_id, routes,
};

/// How long a browser keeps the answer to its question, s.
const KEPT_S: usize = 3_600;
/// What a page may send.
const SENT: [&str; 4] = ["authorization", "content-type", "idempotency-key", request_id::HEADER];

/// What answers browsers, for these origins.
#[must_use]
pub fn cors(origins: &[String]) -> Condition<Cors> {
    let methods: BTreeSet<&str> = routes::TABLE.iter().map(|line| line.method.as_str()).collect();
    let exposed = [header::RETRY_AFTER.as_str(), request_id::HEADER].into_iter().chain(fields::names());
    let empty = Cors::default().allowed_methods(methods).allowed_headers(SENT).max_age(KEPT_S);
    let cors = origins.iter().fold(empty, |cors, origin| cors.allowed_origin(origin));
    Condition::new(!origins.is_empty(), cors.expose_headers(exposed.collect::<Vec<_>>()))
}

/// What a browser's question is refused with; a person reads it in its console.
#[must_use]
pub fn problem_of(error: &CorsError) -> Problem {
    let detail = match error {
        CorsError::OriginNotAllowed => {
            "pages of this origin are not taken: http.cors_origins names those that are"
        }
        CorsError::MethodNotAllowed => "pages may not send this method",
        CorsError::HeadersNotAllowed => "pages may not send one of these headers",
        _ => return Problem::new(Kind::MalformedRequest, "this is no question that a browser asks"),
    };
    Problem::new(Kind::Forbidden, detail)
}
