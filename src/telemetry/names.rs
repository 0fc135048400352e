//! The metrics of the house around the office, beside those of [`payoutd_actors::metrics_names`]; and both as a page.
//!
//! Names follow Prometheus' convention (unit at the end, `_total` on counters). Labels name actions, providers and calls, never
//! an address, an account or a payout (F-P18).

use payoutd_actors::metrics_names::{self, Kind, Metric};

/// Requests at the door.
pub const HTTP_REQUESTS_TOTAL: &str = "payoutd_http_requests_total";
/// How long requests took.
pub const HTTP_REQUEST_SECONDS: &str = "payoutd_http_request_seconds";
/// Requests to providers.
pub const PROVIDER_REQUESTS_TOTAL: &str = "payoutd_provider_requests_total";
/// How long providers took.
pub const PROVIDER_REQUEST_SECONDS: &str = "payoutd_provider_request_seconds";
/// Whether the kill switch is pulled.
pub const PAUSED: &str = "payoutd_paused";
/// Whether the restore gate is shut.
pub const RESTORE_GATE_SHUT: &str = "payoutd_restore_gate_shut";
/// The program that runs.
pub const BUILD_INFO: &str = "payoutd_build_info";
/// When it began.
pub const START_TIME_SECONDS: &str = "process_start_time_seconds";
/// What the wallet holds.
pub const WALLET_USDT: &str = "payoutd_wallet_usdt";
/// What of it is free.
pub const WALLET_AVAILABLE_USDT: &str = "payoutd_wallet_available_usdt";
/// What it can burn.
pub const WALLET_TRX: &str = "payoutd_wallet_trx";
/// What it need not burn.
pub const WALLET_ENERGY: &str = "payoutd_wallet_energy";
/// The same, for bytes.
pub const WALLET_BANDWIDTH_BYTES: &str = "payoutd_wallet_bandwidth_bytes";
/// When the wallet was read.
pub const WALLET_READ_TIMESTAMP_SECONDS: &str = "payoutd_wallet_read_timestamp_seconds";
/// Why nothing is paid from it.
pub const WALLET_BLOCKED: &str = "payoutd_wallet_blocked";
/// A spending limit.
pub const LIMIT_USDT: &str = "payoutd_limit_usdt";
/// What is used of it.
pub const LIMIT_USED_USDT: &str = "payoutd_limit_used_usdt";

/// Whether a connection to the broker is in use.
pub const AMQP_CONNECTED: &str = "payoutd_amqp_connected";
/// How often one was lost.
pub const AMQP_CONNECTIONS_LOST_TOTAL: &str = "payoutd_amqp_connections_lost_total";
/// Jobs that were delivered.
pub const AMQP_JOBS_RECEIVED_TOTAL: &str = "payoutd_amqp_jobs_received_total";
/// Jobs that were acknowledged.
pub const AMQP_JOBS_ACKED_TOTAL: &str = "payoutd_amqp_jobs_acked_total";
/// Jobs that were laid into the dead queue.
pub const AMQP_JOBS_DEAD_TOTAL: &str = "payoutd_amqp_jobs_dead_total";
/// Jobs in hand.
pub const AMQP_JOBS_UNACKED: &str = "payoutd_amqp_jobs_unacked";
/// Jobs at the broker.
pub const AMQP_QUEUE_JOBS: &str = "payoutd_amqp_queue_jobs";
/// Answers to jobs.
pub const AMQP_REPLIES_TOTAL: &str = "payoutd_amqp_replies_total";

/// Credentials that were not believed.
pub const AUTHENTICATION_FAILURES_TOTAL: &str = "payoutd_authentication_failures_total";
/// Sign-ins that failed.
pub const FAILED_LOGIN_ATTEMPTS_TOTAL: &str = "payoutd_failed_login_attempts_total";
/// Access tokens that were not believed.
pub const JWT_VALIDATION_FAILURES_TOTAL: &str = "payoutd_jwt_validation_failures_total";
/// Questions to the issuer elsewhere for its keys.
pub const JWKS_FETCHES_TOTAL: &str = "payoutd_jwks_fetches_total";
/// Requests that nobody sends by mistake.
pub const SUSPICIOUS_REQUESTS_TOTAL: &str = "payoutd_suspicious_requests_total";

/// When the TLS listener's certificate ends.
pub const TLS_CERTIFICATE_EXPIRES_TIMESTAMP_SECONDS: &str =
    "payoutd_tls_certificate_expires_timestamp_seconds";
/// Certificates that did not take the place of the one before.
pub const TLS_RELOADS_REFUSED_TOTAL: &str = "payoutd_tls_reloads_refused_total";
/// Connections from elsewhere.
pub const TLS_CONNECTIONS: &str = "payoutd_tls_connections";
/// Handshakes that came to nothing.
pub const TLS_HANDSHAKE_FAILURES_TOTAL: &str = "payoutd_tls_handshake_failures_total";

const fn metric(name: &'static str, kind: Kind, help: &'static str) -> Metric {
    Metric { name, kind, help }
}

/// The metrics of the house, for describing them to a recorder.
pub const HOUSE: &[Metric] = &[
    metric(BUILD_INFO, Kind::Gauge, "1, with the version of the program that runs"),
    metric(START_TIME_SECONDS, Kind::Gauge, "when the process began, unix time"),
    metric(PAUSED, Kind::Gauge, "1 while the kill switch is pulled: nothing new is signed or sent"),
    metric(
        RESTORE_GATE_SHUT,
        Kind::Gauge,
        "1 while the restore gate is shut: nothing is signed on any daemon of the fleet",
    ),
    metric(WALLET_USDT, Kind::Gauge, "USDT of the wallet in the solidified view"),
    metric(
        WALLET_AVAILABLE_USDT,
        Kind::Gauge,
        "USDT of the wallet that is neither on its way nor set aside to go",
    ),
    metric(WALLET_TRX, Kind::Gauge, "TRX of the wallet in the solidified view: what transfers may burn"),
    metric(WALLET_ENERGY, Kind::Gauge, "staked energy of the wallet that is left"),
    metric(WALLET_BANDWIDTH_BYTES, Kind::Gauge, "staked and free bandwidth of the wallet that is left"),
    metric(
        WALLET_READ_TIMESTAMP_SECONDS,
        Kind::Gauge,
        "when the wallet was last read from the chain, unix time",
    ),
    metric(WALLET_BLOCKED, Kind::Gauge, "1 while the treasurer covers nothing: `payoutd actors` says why"),
    metric(LIMIT_USDT, Kind::Gauge, "a spending limit of the house, by limit (hourly, daily)"),
    metric(
        LIMIT_USED_USDT,
        Kind::Gauge,
        "settled, on its way and promised within a limit's window, by limit",
    ),
    metric(HTTP_REQUESTS_TOTAL, Kind::Counter, "requests at the front door, by action and status"),
    metric(HTTP_REQUEST_SECONDS, Kind::Histogram, "from a request's head to its answer, by action"),
    metric(
        AUTHENTICATION_FAILURES_TOTAL,
        Kind::Counter,
        "credentials that were not believed, by reason (nothing_shown, malformed, no_such_key, wrong_secret, key_ended, timestamp_skewed, wrong_signature, no_such_invitation, no_such_sign_in, no_such_session, token_reused, wrong_code, token_not_ours, token_expired, token_revoked, not_a_gateway, wrong_internal_token, no_such_person)",
    ),
    metric(FAILED_LOGIN_ATTEMPTS_TOTAL, Kind::Counter, "sign-ins that failed, whatever the reason"),
    metric(
        JWKS_FETCHES_TOTAL,
        Kind::Counter,
        "questions to the issuer of identity.external for its keys, by outcome (ok, failed)",
    ),
    metric(
        JWT_VALIDATION_FAILURES_TOTAL,
        Kind::Counter,
        "access tokens that were not believed, by reason (token_not_ours, token_expired, token_revoked)",
    ),
    metric(
        SUSPICIOUS_REQUESTS_TOTAL,
        Kind::Counter,
        "requests that nobody sends by mistake, by reason (replayed, key_from_outside)",
    ),
    metric(
        TLS_CERTIFICATE_EXPIRES_TIMESTAMP_SECONDS,
        Kind::Gauge,
        "until when the certificate of the TLS listener is good, unix time",
    ),
    metric(
        TLS_RELOADS_REFUSED_TOTAL,
        Kind::Counter,
        "new certificates that were refused, so that the one before stayed",
    ),
    metric(
        TLS_CONNECTIONS,
        Kind::Gauge,
        "connections that are open over TLS, by listener (tls, internal); at 256 of one listener the next one waits",
    ),
    metric(
        TLS_HANDSHAKE_FAILURES_TOTAL,
        Kind::Counter,
        "handshakes that came to nothing, by reason (too_many_of_one_address, timed_out, nothing_in_common, refused_by_client, not_tls, broken)",
    ),
    metric(PROVIDER_REQUESTS_TOTAL, Kind::Counter, "requests sent to a provider, by provider and call"),
    metric(PROVIDER_REQUEST_SECONDS, Kind::Histogram, "how long a provider took, by provider and call"),
    metric(
        AMQP_CONNECTED,
        Kind::Gauge,
        "1 while a connection to the broker is in use, by connection (jobs, events)",
    ),
    metric(
        AMQP_CONNECTIONS_LOST_TOTAL,
        Kind::Counter,
        "connections to the broker, or channels of theirs, that were lost and are made anew, by connection",
    ),
    metric(
        AMQP_JOBS_RECEIVED_TOTAL,
        Kind::Counter,
        "jobs that the broker delivered, by whether it had delivered them before (redelivered)",
    ),
    metric(
        AMQP_JOBS_ACKED_TOTAL,
        Kind::Counter,
        "jobs that were acknowledged: durably taken in, or in the dead queue with their reason",
    ),
    metric(AMQP_JOBS_DEAD_TOTAL, Kind::Counter, "jobs that were laid into the dead queue, by problem"),
    metric(AMQP_JOBS_UNACKED, Kind::Gauge, "jobs that this daemon has in hand, not acknowledged"),
    metric(
        AMQP_QUEUE_JOBS,
        Kind::Gauge,
        "jobs that lie at the broker, in nobody's hand, by queue (jobs, dead); NaN while the broker is away",
    ),
    metric(
        AMQP_REPLIES_TOTAL,
        Kind::Counter,
        "answers to jobs that asked for one, by outcome (sent, unroutable, refused, lost, dropped)",
    ),
];

/// Every metric of the daemon: the office's and the house's.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    metrics_names::ALL.iter().chain(HOUSE)
}

/// Tells the recorder what every metric means.
pub fn describe() {
    for Metric { name, kind, help } in all() {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *help),
            Kind::Histogram => metrics::describe_histogram!(*name, *help),
        }
    }
}

/// The page that explains every metric (docs/metrics.md).
#[must_use]
pub fn page() -> String {
    let mut page = String::from(PREFACE);
    for Metric { name, kind, help } in all() {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram if name.ends_with("_seconds") => "histogram",
            Kind::Histogram => "summary",
        };
        page.push_str(&format!("| `{name}` | {kind} | {help} |\n"));
    }
    page
}

const PREFACE: &str = "\
# Metrics

Written from the tables in the program (`actors/src/metrics_names.rs`, `src/telemetry/names.rs`); a test compares.

The daemon answers `GET /metrics` in Prometheus' text form: to everybody on its machine, and from elsewhere (over TLS, or through one
of `http.trusted_proxies`) to an API key that may read the house (`payoutd keys issue … --may house:read`). Labels name roles, dependencies, stages and outcomes, never an address, an account or a payout.
Counters of things that have not happened yet are absent. Gauges of the store are read at each scrape; without the store they are
`NaN`. Money here is for looking at: nothing is decided by it, and the books are in the store.

`config/prometheus/` has the rules that call somebody, `config/grafana/payoutd.json` the dashboard.

| name | kind | what it means |
| --- | --- | --- |
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// F-P18: one name, one meaning, by the convention.
    #[test]
    fn no_name_stands_twice_and_all_keep_the_convention() {
        let mut seen = BTreeSet::new();
        for Metric { name, kind, help } in all() {
            assert!(seen.insert(name), "{name} stands twice");
            assert!(!help.is_empty() && !help.contains('|'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        }
    }

    /// `PAYOUTD_WRITE_DOCS=1 cargo test the_page_of_metrics` writes it anew.
    #[test]
    fn the_page_of_metrics_is_the_programs() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        if std::env::var_os("PAYOUTD_WRITE_DOCS").is_some() {
            std::fs::write(file, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), page(), "docs/metrics.md is out of date");
    }
}
