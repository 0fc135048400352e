//! What is counted about a provider. The handles are made once: a broadcast pays two additions for them.

use std::time::Duration;

use metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

use super::call::Call;

const REQUESTS: &str = "payoutd_provider_requests_total";
const SECONDS: &str = "payoutd_provider_request_seconds";

/// One provider's meters, call by call; what came of the calls the breaker counts. Made after the recorder is installed, else they count for nobody.
pub(super) struct Meters([(Counter, Histogram); Call::ALL.len()]);

impl Meters {
    pub(super) fn new(provider: &str) -> Self {
        describe_counter!(REQUESTS, "requests sent to a provider, by provider and call");
        describe_histogram!(SECONDS, Unit::Seconds, "how long a provider took, by provider and call");
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
