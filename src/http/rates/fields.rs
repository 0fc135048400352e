//! How the strictest policy stands, in header fields: `RateLimit` and `RateLimit-Policy` as structured fields
//! (draft-ietf-httpapi-ratelimit-headers-10), and the older names of the same numbers.
//!
//! No partition key is told: who is counted together is nobody's business outside.

use std::fmt::Write as _;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use payoutd_actors::rate_limiter::Verdict;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const OLD_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const OLD_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const OLD_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Every field that says how a rate stands.
pub fn names() -> impl Iterator<Item = &'static str> {
    ["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
        .into_iter()
}

/// Writes the fields of what was decided about a request.
pub fn write(verdict: &Verdict, headers: &mut HeaderMap) {
    let decision = &verdict.decision;
    let (name, quota) = (decision.policy.name.word(), decision.policy.measure.quota());
    let reset_s = decision.reset_after_ms.div_ceil(1_000);
    let standing = format!("\"{name}\";r={};t={reset_s}", decision.remaining);
    let fields = [
        (POLICY, policies(verdict)),
        (LIMIT, standing),
        (OLD_LIMIT, quota.to_string()),
        (OLD_REMAINING, decision.remaining.to_string()),
        (OLD_RESET, reset_s.to_string()),
    ];
    for (name, text) in fields {
        // Words of the policies' table and digits: there is nothing in them that a field can not hold.
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}

/// Every policy that measured the request, by name.
fn policies(verdict: &Verdict) -> String {
    let mut text = String::new();
    for policy in &verdict.policies {
        let (name, quota, window_s) = (policy.name.word(), policy.measure.quota(), policy.measure.window_s());
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a text does not fail.
        let _ = write!(text, "{comma}\"{name}\";q={quota};w={window_s}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use payoutd_actors::domain::rates::{Decision, Policy, PolicyName, RateClass, RatePolicies, Tier};
    use sfv::{BareItem, ListEntry, Parser};

    /// The items of a structured list, each with its parameters.
    fn items(field: &str) -> Vec<(String, Vec<(String, i64)>)> {
        let list: sfv::List = Parser::new(field).parse().unwrap();
        let number = |value: &BareItem| i64::from(value.as_integer().unwrap());
        list.iter()
            .map(|entry| {
                let ListEntry::Item(item) = entry else { panic!("{field}: an inner list") };
                let name = item.bare_item.as_string().unwrap().as_str().to_owned();
                (name, item.params.iter().map(|(key, value)| (key.to_string(), number(value))).collect())
            })
            .collect()
    }

    fn headers(verdict: &Verdict) -> HeaderMap {
        let mut headers = HeaderMap::new();
        write(verdict, &mut headers);
        headers
    }

    /// F004-06: a parser of structured fields reads them, and all of them say the same.
    #[test]
    fn the_fields_are_structured_and_agree() {
        let policies = RatePolicies::default().of_principal(RateClass::PayoutCreate, Tier::Standard);
        let strictest: Policy = RatePolicies::default().of(PolicyName::PayoutCreate).unwrap();
        let decision = Decision { allowed: true, policy: strictest, remaining: 7, reset_after_ms: 59_001 };
        let headers = headers(&Verdict { decision, policies });
        let text = |name: &str| headers.get(name).unwrap().to_str().unwrap();
        let told = items(text("ratelimit-policy"));
        let pair = |key: &str, value| (key.to_owned(), value);
        assert_eq!(
            told,
            [
                ("payout-create".to_owned(), vec![pair("q", 10), pair("w", 60)]),
                ("standard".to_owned(), vec![pair("q", 100), pair("w", 60)]),
                ("burst".to_owned(), vec![pair("q", 100), pair("w", 10)]),
            ]
        );
        let standing = items(text("ratelimit"));
        assert_eq!(standing, [("payout-create".to_owned(), vec![pair("r", 7), pair("t", 60)])]);
        assert_eq!(
            (text("x-ratelimit-limit"), text("x-ratelimit-remaining"), text("x-ratelimit-reset")),
            ("10", "7", "60")
        );
    }
}
