//! The limits of every call to a provider.

use std::time::Duration;

use crate::egress::EgressLimits;

/// java-tron gives at most this many blocks a call, and answers `{}` to whoever asks for more.
pub const BLOCKS_PER_CALL_MAX: u64 = 100;
/// The longest that a provider can make us stay away with one `Retry-After`.
pub(super) const STAY_AWAY_MAX: Duration = Duration::from_secs(600);

/// What one call may take. Shared by nodes and TronScan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderLimits {
    /// Time and connections.
    pub egress: EgressLimits,
    /// Bytes of an answer about one thing.
    pub answer_bytes_max: usize,
    /// Bytes of an answer that is a list: a hundred blocks, or all results of a full one. A list of blocks that is longer is
    /// asked for again in halves.
    pub list_bytes_max: usize,
    /// How long to stay away after a 403 that does not say: TronGrid refuses everything for 30 s then, and a call within
    /// that time may lengthen it.
    pub stay_away_after_403: Duration,
    /// How long to stay away after a 429 or a 503 that does not say.
    pub stay_away_after_429: Duration,
}

impl ProviderLimits {
    /// The defaults, with the operator's `network.request_timeout_ms`.
    #[must_use]
    pub fn with_request_timeout(request_timeout: Duration) -> Self {
        let defaults = EgressLimits::default();
        let connect_timeout = defaults.connect_timeout.min(request_timeout);
        Self { egress: EgressLimits { request_timeout, connect_timeout, ..defaults }, ..Self::default() }
    }
}

impl Default for ProviderLimits {
    fn default() -> Self {
        Self {
            egress: EgressLimits::default(),
            answer_bytes_max: 1 << 20,
            // A block holds 2 MB of transactions at most, and JSON makes about six of each.
            list_bytes_max: 32 << 20,
            stay_away_after_403: Duration::from_secs(30),
            stay_away_after_429: Duration::from_secs(1),
        }
    }
}
