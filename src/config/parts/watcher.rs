//! `[watcher]`: the one who reads the chain and settles.

use std::time::Duration;

use crate::config::{
    forms::Millis,
    key::{Fallback, Key},
    reader::Reader,
};

/// The one who reads the chain and settles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    /// How often it looks at the chain.
    pub look_every: Duration,
    /// How long a second source that lags is waited for before it is said aloud.
    pub second_source_patience: Duration,
}

const LOOK_EVERY_MS: Key<Millis> = Key {
    name: "watcher.look_every_ms",
    form: Millis { from: 20, to: 60_000 },
    fallback: Fallback::Is("3000"),
    about: "How often the watcher looks at the chain. A block takes three seconds; a slower look shows in the time to \
            settle, a faster one in the provider's bill.",
};

const SECOND_SOURCE_PATIENCE_MS: Key<Millis> = Key {
    name: "watcher.second_source_patience_ms",
    form: Millis { from: 1_000, to: 3_600_000 },
    fallback: Fallback::Is("120000"),
    about: "How long a second source that lags behind the nodes is waited for before it is said aloud. The payout waits \
            on, however long it takes.",
};

impl Watcher {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("watcher", "The one who reads the chain and settles.");
        let look_every = reader.ask(&LOOK_EVERY_MS);
        let second_source_patience = reader.ask(&SECOND_SOURCE_PATIENCE_MS);
        Some(Self { look_every: look_every?, second_source_patience: second_source_patience? })
    }
}
