//! The names of the metrics, in one table: what is counted, of which kind, and what it means.
//!
//! Names follow Prometheus' convention (unit at the end, `_total` on counters). Labels name roles, dependencies, stages
//! and outcomes, never an address, an account or a payout (F-P18).

/// How a metric is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution; of seconds, where the name says so.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it is read.
    pub kind: Kind,
    /// What it means, for people.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal : $help:literal,)+) => {
        $(#[doc = $help] pub const $constant: &str = $name;)+

        /// Every metric of the office, for describing them to a recorder.
        pub const ALL: &[Metric] = &[$(Metric { name: $name, kind: Kind::$kind, help: $help },)+];
    };
}

metrics! {
    // ---- the staff
    ACTOR_RESTARTS_TOTAL = Counter "payoutd_actor_restarts_total": "actors hired anew, by actor",
    // ---- the doors
    ADMISSIONS_TOTAL = Counter "payoutd_admissions_total": "orders answered by Admission, by outcome (admitted, held, repeated, key_reused, invalid, busy, store_fault)",
    ADMISSION_BATCH_PAYOUTS = Histogram "payoutd_admission_batch_payouts": "payouts that share one admission transaction",
    ADMISSION_WAITING_PAYOUTS = Gauge "payoutd_admission_waiting_payouts": "payouts that wait for an admission transaction",
    DECISIONS_TOTAL = Counter "payoutd_decisions_total": "people's decisions on payouts, by decision and outcome",
    HOLDS_RELEASED_TOTAL = Counter "payoutd_holds_released_total": "payouts released by themselves, by reason",
    // ---- request rates (F004-04, F004-05)
    RATE_LIMIT_HITS_TOTAL = Counter "payoutd_rate_limit_hits_total": "requests refused because a rate was used up, by policy",
    RATE_LIMIT_PRINCIPALS = Gauge "payoutd_rate_limit_principals": "principals and addresses whose use of rates is known now, by shard",
    RATE_LIMIT_FORGOTTEN_TOTAL = Counter "payoutd_rate_limit_forgotten_total": "principals and addresses that were forgotten, by reason (idle, full): those for full may ask anew too early",
    // ---- how long things take (F-P18)
    REQUEST_QUEUE_DWELL_SECONDS = Histogram "payoutd_request_queue_dwell_seconds": "from an order's arrival at Admission to the beginning of its transaction",
    ADMIT_SECONDS = Histogram "payoutd_admit_seconds": "one admission transaction",
    PREPARE_SECONDS = Histogram "payoutd_prepare_seconds": "checking, building, signing and filing one batch of transfers",
    SUBMISSION_QUEUE_DWELL_SECONDS = Histogram "payoutd_submission_queue_dwell_seconds": "from a transfer's filing to its first send",
    SUBMIT_SECONDS = Histogram "payoutd_submit_seconds": "one broadcast, until the node answered",
    CREATION_TO_BROADCAST_SECONDS = Histogram "payoutd_creation_to_broadcast_seconds": "from a payout's admission to its first broadcast",
    CREATION_TO_CONFIRMATION_SECONDS = Histogram "payoutd_creation_to_confirmation_seconds": "from a payout's admission to its proved settlement",
    // ---- sending and watching
    BROADCAST_REPLIES_TOTAL = Counter "payoutd_broadcast_replies_total": "nodes' answers to broadcasts, by node and code",
    SENDS_LEFT_OUT_TOTAL = Counter "payoutd_sends_left_out_total": "transfers left out of a node's full line, to be sent again, by node",
    PAYOUT_EVENTS_TOTAL = Counter "payoutd_payout_events_total": "events of payouts, by event",
    PAYOUTS = Gauge "payoutd_payouts": "payouts by stage",
    PAYOUTS_HELD = Gauge "payoutd_payouts_held": "held payouts, by reason",
    OLDEST_PAYOUT_AGE_SECONDS = Gauge "payoutd_payout_oldest_seconds": "how long the oldest payout of a stage has stood there, by stage; what is ordered for later counts from then on",
    NODES_PUT_ASIDE_TOTAL = Counter "payoutd_nodes_put_aside_total": "times that a node was found wanting and another one read in its place, by node",
    ALARMS_TOTAL = Counter "payoutd_alarms_total": "what a person must hear of, by alarm",
    // ---- events for others (F-P12)
    EVENTS_PUBLISHED_TOTAL = Counter "payoutd_events_published_total": "events that the bus has confirmed",
    EVENT_PUBLISH_FAILURES_TOTAL = Counter "payoutd_event_publish_failures_total": "batches of events that the bus did not confirm; they are published again",
    EVENTS_UNPUBLISHED = Gauge "payoutd_events_unpublished": "events that the bus has not confirmed yet; NaN where another daemon of the fleet publishes",
    // ---- dependencies (F000-18)
    CIRCUIT_BREAKER_STATE = Gauge "payoutd_circuit_breaker_state": "1 for the state that a dependency's breaker is in, by dependency and state",
    CIRCUIT_BREAKER_OPENS_TOTAL = Counter "payoutd_circuit_breaker_opens_total": "times that a dependency's breaker opened, by dependency",
    DEPENDENCY_CALLS_TOTAL = Counter "payoutd_dependency_calls_total": "calls to dependencies, by dependency and outcome (ok, silent, penalty, garbled, not_asked)",
    DEPENDENCY_CALL_SECONDS = Histogram "payoutd_dependency_call_seconds": "calls to dependencies, until the answer or the fault, by dependency",
    // ---- the journal
    JOURNAL_UNSEALED_ROWS = Gauge "payoutd_journal_unsealed_rows": "rows of the journal that no seal covers yet",
    JOURNAL_SEALS_TOTAL = Counter "payoutd_journal_seals_total": "seals made",
    JOURNAL_SEAL_FAILURES_TOTAL = Counter "payoutd_journal_seal_failures_total": "attempts to seal that failed, by cause: more than none wants a person",
    CHECKPOINT_FAILURES_TOTAL = Counter "payoutd_checkpoint_failures_total": "checkpoints that could not be kept beside the database",
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-P18: the stages' latencies are all there, and names keep the convention.
    #[test]
    fn names_keep_the_convention() {
        for Metric { name, kind, help } in ALL {
            assert!(name.starts_with("payoutd_") && !help.is_empty(), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        }
        for stage in
            ["request_queue_dwell", "prepare", "submission_queue_dwell", "submit", "creation_to_confirmation"]
        {
            let name = format!("payoutd_{stage}_seconds");
            assert!(ALL.iter().any(|metric| metric.name == name && metric.kind == Kind::Histogram), "{name}");
        }
    }
}
