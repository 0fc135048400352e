//! What is counted about a provider. The handles are made once: a broadcast pays two additions for them.

use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};

use super::call::Call;
use crate::telemetry::names::{PROVIDER_REQUEST_SECONDS as SECONDS, PROVIDER_REQUESTS_TOTAL as REQUESTS};

/// One provider's meters, call by call; what came of the calls the breaker counts. Made after the recorder is installed, else they count for nobody.
pub(super) struct Meters([(Counter, Histogram); Call::ALL.len()]);

impl Meters {
    pub(super) fn new(provider: &str) -> Self {
        let handles = |call: Call| {
            let labels = [("provider", provider.to_owned()), ("call", call.name().to_owned())];
            (counter!(REQUESTS, &labels), histogram!(SECONDS, &labels))
        };
        Self(Call::ALL.map(handles))
    }

    /// One request ended, with an answer or without.
    pub(super) fn count(&self, call: Call, took: Duration) {
        if let Some((requests, seconds)) = self.0.get(call as usize) {
            requests.increment(1);
            seconds.record(took);
        }
    }
}
