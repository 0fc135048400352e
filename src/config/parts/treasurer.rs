//! `[treasurer]`: the one who knows what the wallet holds.

use std::time::Duration;

use crate::config::{
    forms::Millis,
    key::{Fallback, Key},
    reader::Reader,
};

/// The one who knows what the wallet holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Treasurer {
    /// How often the wallet's balances are read.
    pub look_every: Duration,
}

const LOOK_EVERY_MS: Key<Millis> = Key {
    name: "treasurer.look_every_ms",
    form: Millis { from: 20, to: 600_000 },
    fallback: Fallback::Is("10000"),
    about: "How often the wallet's USDT, TRX and energy are read. Between two looks the treasurer counts what is on its \
            way; a shortage is believed only after a fresh look.",
};

impl Treasurer {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("treasurer", "The one who knows what the wallet holds.");
        let look_every = reader.ask(&LOOK_EVERY_MS);
        Some(Self { look_every: look_every? })
    }
}
