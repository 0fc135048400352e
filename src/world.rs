//! The machine's clock and chance, behind the office's ports.

use payoutd_actors::ports::{Clock, Entropy};
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's wall clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The machine's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn ten_bytes(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        // Without randomness an id is still unique by its time and refused by the store where it is not.
        if let Err(error) = getrandom::fill(&mut bytes) {
            tracing::error!(%error, "the machine gives no randomness");
        }
        bytes
    }
}
