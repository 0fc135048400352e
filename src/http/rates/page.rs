//! The table of policies, for `payoutd limits`, and docs/rates.md, which is written from it and from the table of routes.

use std::fmt::Write as _;

use payoutd_actors::domain::rates::{Measure, PolicyName, RateClass, RatePolicies};
use serde::Serialize;

use crate::http::routes::{Needs, TABLE};

/// One policy, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyRow {
    /// Its name, as `RateLimit-Policy` has it.
    pub policy: &'static str,
    /// Requests that pass, at once or within the window; null where it is not measured, or each key brings its own.
    pub quota: Option<u16>,
    /// Within so many seconds; of a burst, until a whole one may come again.
    pub window_s: Option<u32>,
    /// Requests that a burst is refilled by in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refill_per_second: Option<u16>,
    /// What it counts.
    pub counts: &'static str,
}

/// Every policy.
#[must_use]
pub fn rows(policies: &RatePolicies) -> Vec<PolicyRow> {
    let row = |name: &PolicyName| {
        let measure = policies.of(*name).map(|policy| policy.measure);
        let refill_per_second = match measure {
            Some(Measure::Burst { per_second, .. }) => Some(per_second),
            Some(Measure::Minute(_)) | None => None,
        };
        PolicyRow {
            policy: name.word(),
            quota: measure.map(Measure::quota),
            window_s: measure.map(Measure::window_s),
            refill_per_second,
            counts: name.meaning(),
        }
    };
    PolicyName::ALL.iter().map(row).collect()
}

impl PolicyRow {
    /// The number, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.quota, self.window_s, self.refill_per_second) {
            (Some(quota), _, Some(per_second)) => format!("{quota} at once, then {per_second}/s"),
            (Some(quota), Some(60), None) => format!("{quota}/min"),
            (Some(quota), Some(window_s), None) => format!("{quota}/{window_s} s"),
            (Some(_) | None, _, _) if self.policy == PolicyName::ApiKey.word() => {
                "as the key says".to_owned()
            }
            (Some(_) | None, _, _) => "not measured".to_owned(),
        }
    }
}

/// docs/rates.md.
#[must_use]
pub fn page() -> String {
    let mut page = String::from(PREFACE);
    page.push_str("\n## The policies\n\n| policy | lets pass | what it counts |\n| --- | --- | --- |\n");
    for row in rows(&RatePolicies::default()) {
        // Writing to a text does not fail.
        let _ = writeln!(page, "| `{}` | {} | {} |", row.policy, row.words(), row.counts);
    }
    page.push_str(ROUTES);
    for line in TABLE {
        let _ = writeln!(
            page,
            "| `{} {}` | `{}` | {} |",
            line.method,
            line.path,
            line.rate.word(),
            measured(line.needs, line.rate)
        );
    }
    page
}

/// What measures a route's requests, for people.
fn measured(needs: Needs, class: RateClass) -> String {
    let policies = RatePolicies::default();
    let names = match needs {
        Needs::Nothing | Needs::PermissionElsewhere(_) => policies.of_public(class),
        Needs::Permission(_) | Needs::Person | Needs::Somebody => {
            policies.of_principal(class, payoutd_actors::domain::rates::Tier::Standard)
        }
    };
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => {
            let words: Vec<_> = names.iter().map(|policy| format!("`{}`", policy.name.word())).collect();
            words.join(", ")
        }
    }
}

const PREFACE: &str = "\
# Request rates

Written from the tables in the program (`actors/src/domain/rates/policy.rs`, `src/http/routes.rs`); a test compares.
`payoutd limits` prints the policies with the numbers that hold for a configuration; `[rates]` in
[configuration.md](configuration.md) changes them.

- **Every policy that measures a request must let it pass.** Where one refuses, none is charged, and the strictest is told (429,
  [`quota-exceeded`](problems/quota-exceeded.md)). A change of a principal's tier holds from its next request on.
- **Minute quotas are sliding windows.** Exactly as many as the quota pass in any 60 seconds; a request leaves the window after 60
  to 65 seconds. The burst guard lets a burst pass at once and then a steady rate; it replaces no quota.
- **Who is counted.** Whoever is known, by name; whoever is not, by address: of IPv6 the first 64 bits, of a connection from
  `http.trusted_proxies` the last address in `X-Forwarded-For` that is none of them. Strangers on this very machine (loopback, a
  local socket, an onion service's daemon) have no address that means anything and share one.
- **A good credential costs its address nothing**, so that many services may stand behind one. Wrong credentials do; while an address
  has used up `ip-default`, no credential from it is looked at. On this machine good ones are looked at all the same: a program that
  shows nothing can not lock out the operator.
- **A person's secret** is tried 5 times a minute from one address (`auth`), and 20 times from all addresses together that its owner has
  not signed in from (`auth-account`, four times `auth`): who attacks a name slows down neither its owner where they have been before,
  nor, from fewer than four addresses, anywhere. Nobody is locked out (F004-01 has 5 for an account, by which one address locks out all
  others). Codes count apart from passwords, and for whoever has signed in as everything else does: by who they are.
- **The token of `http.token_file`** is measured by `token-file` alone, and by nothing where `rates.token_file_per_minute` is not set.
- **Every answer to a request that was measured says how it stands**: `RateLimit-Policy` names what measured it, `RateLimit` how many
  the strictest lets pass from now (`r`) and in how many seconds more (`t`), as structured fields
  (draft-ietf-httpapi-ratelimit-headers-10). `X-RateLimit-Limit`, `-Remaining` and `-Reset` say the same; the reset is in seconds
  from now. On a 429, `Retry-After` is that same number.
- **Refusals reach the journal** as `rate_limit_exceeded`: one record for each principal and policy in a minute, with how often. A name
  that nobody has stands there as a keyed digest: it may be a password that was typed into the wrong field.
  Of refusals beyond 64 principals and policies at a time there is one record for all others together.
- **What is known is bounded**: a million principals and addresses, under 200 MB. Whoever asks for nothing for ten minutes is
  forgotten; where there are more, whoever was idle longest (`payoutd_rate_limit_forgotten_total{reason=\"full\"}`).
- **Each daemon counts for itself**, in memory: a fleet of three lets pass up to three times the numbers, and a daemon that is
  started again begins anew. Whoever does not get an answer from the limiters does not pass (503).
";

const ROUTES: &str = "
## The routes

What a known principal's request is measured by (tier `standard`; of a public route, anybody's). A path or method that is in no route
is measured by `ip-default`; a route that wants a credential and is shown none by `anonymous` and `ip-default`.

| route | class | measured by |
| --- | --- | --- |
";

#[cfg(test)]
mod tests {
    use super::*;

    /// F003-16: the documents' matrix is the program's. `PAYOUTD_WRITE_DOCS=1 cargo test the_page_of_rates` writes it anew.
    #[test]
    fn the_page_of_rates_is_the_programs() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rates.md");
        if std::env::var_os("PAYOUTD_WRITE_DOCS").is_some() {
            std::fs::write(file, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), page(), "docs/rates.md is out of date");
    }

    /// D-20: the requirement's numbers, and every policy in the table.
    #[test]
    fn the_table_has_the_requirements_numbers() {
        let rows = rows(&RatePolicies::default());
        let said = |policy: &str| rows.iter().find(|row| row.policy == policy).unwrap().words();
        for (policy, words) in [
            ("payout-create", "10/min"),
            ("payout-batch", "5/min"),
            ("payout-list", "30/min"),
            ("stats", "20/min"),
            ("health", "120/min"),
            ("anonymous", "10/min"),
            ("standard", "100/min"),
            ("premium", "1000/min"),
            ("burst", "100 at once, then 10/s"),
            ("ip-default", "100/min"),
            ("auth", "5/min"),
            ("auth-account", "20/min"),
            ("auth-refresh", "20/min"),
            ("token-file", "not measured"),
            ("api-key", "as the key says"),
        ] {
            assert_eq!(said(policy), words, "{policy}");
        }
        assert_eq!(rows.len(), 15);
    }
}
