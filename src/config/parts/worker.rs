//! `[worker]`: the one who signs and sends.

use std::time::Duration;

use crate::config::{
    forms::{Count, Millis},
    key::{Fallback, Key},
    reader::Reader,
};

/// The one who signs and sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Payouts that are signed and filed in one transaction.
    pub batch_max: u32,
    /// How often it looks without being nudged.
    pub look_every: Duration,
    /// How long an unseen transfer waits before the same bytes go out again.
    pub resend_every: Duration,
    /// Sends under way to one node.
    pub sends_per_node_max: u32,
}

const BATCH_MAX: Key<Count> = Key {
    name: "worker.batch_max",
    form: Count { of: "payouts", from: 1, to: 1000 },
    fallback: Fallback::Is("600"),
    about: "How many payouts are signed and filed in one transaction. One commit costs the same for one as for \
            hundreds; larger batches make the first of them wait.",
};

const LOOK_EVERY_MS: Key<Millis> = Key {
    name: "worker.look_every_ms",
    form: Millis { from: 20, to: 60_000 },
    fallback: Fallback::Is("1000"),
    about: "How often the worker looks at the table when nobody nudges it. Nudges make it fast, looking makes it sure.",
};

const RESEND_EVERY_MS: Key<Millis> = Key {
    name: "worker.resend_every_ms",
    form: Millis { from: 500, to: 60_000 },
    fallback: Fallback::Is("20000"),
    about: "How long a transfer that nobody has seen in a block waits before the same bytes go to every node again. A \
            node forgets a waiting transaction after 60 seconds.",
};

const SENDS_PER_NODE_MAX: Key<Count> = Key {
    name: "worker.sends_per_node_max",
    form: Count { of: "sends", from: 1, to: 256 },
    fallback: Fallback::Is("32"),
    about: "How many sends are under way to one node at a time. A hosted service with a limit per second wants less.",
};

impl Worker {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("worker", "The one who signs and sends.");
        let batch_max = reader.ask(&BATCH_MAX);
        let look_every = reader.ask(&LOOK_EVERY_MS);
        let resend_every = reader.ask(&RESEND_EVERY_MS);
        let sends_per_node_max = reader.ask(&SENDS_PER_NODE_MAX);
        Some(Self {
            batch_max: batch_max?,
            look_every: look_every?,
            resend_every: resend_every?,
            sends_per_node_max: sends_per_node_max?,
        })
    }
}
