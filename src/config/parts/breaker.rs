//! `[breaker]`: when a dependency is given a rest (F000-18).

use std::time::Duration;

use payoutd_actors::domain::breaker::BreakerRules;

use crate::config::{
    forms::{Count, Seconds},
    key::{Fallback, Key},
    reader::Reader,
};

/// When a dependency is given a rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// So many faults in a row open it.
    pub failure_threshold: u32,
    /// So long it stays open.
    pub recovery: Duration,
    /// So many calls may probe a half-open one, and so many successes close it.
    pub half_open_max_calls: u32,
}

const FAILURE_THRESHOLD: Key<Count> = Key {
    name: "breaker.failure_threshold",
    form: Count { of: "faults", from: 1, to: 1000 },
    fallback: Fallback::Is("5"),
    about: "So many faults of one dependency open its breaker. A refused payout is not a fault.",
};

const RECOVERY_S: Key<Seconds> = Key {
    name: "breaker.recovery_s",
    form: Seconds { from: 1, to: 86_400 },
    fallback: Fallback::Is("300"),
    about: "How long an open breaker leaves its dependency alone before it probes.",
};

const HALF_OPEN_MAX_CALLS: Key<Count> = Key {
    name: "breaker.half_open_max_calls",
    form: Count { of: "calls", from: 1, to: 100 },
    fallback: Fallback::Is("3"),
    about: "How many calls may probe a half-open breaker; as many successes close it, one fault opens it again.",
};

impl Breaker {
    /// The numbers as the breaker asks them.
    #[must_use]
    pub fn rules(&self) -> BreakerRules {
        BreakerRules {
            failure_threshold: self.failure_threshold,
            recovery_ms: i64::try_from(self.recovery.as_millis()).unwrap_or(i64::MAX),
            half_open_calls_max: self.half_open_max_calls,
        }
    }

    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("breaker", "When a dependency (a node, TronScan) is given a rest.");
        let failure_threshold = reader.ask(&FAILURE_THRESHOLD);
        let recovery = reader.ask(&RECOVERY_S);
        let half_open_max_calls = reader.ask(&HALF_OPEN_MAX_CALLS);
        Some(Self {
            failure_threshold: failure_threshold?,
            recovery: recovery?,
            half_open_max_calls: half_open_max_calls?,
        })
    }
}
