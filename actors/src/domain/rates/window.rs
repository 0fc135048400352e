//! A sliding minute in 32 bytes: twelve buckets of five seconds, and the one that is being filled.
//!
//! A bucket counts until all of it has left the window: rounding makes a quota stricter, by five seconds at most, and never
//! lets one request more pass. A clock that is behind what was seen counts as standing still.

use super::Standing;
use super::policy::PolicyName;

/// How long a quota's window is, ms: all quotas are per minute.
pub const WINDOW_MS: u64 = 60_000;

/// How finely the window slides, ms.
const BUCKET_MS: u64 = 5_000;
/// Buckets of which a part may lie within the window.
const BUCKETS: usize = (WINDOW_MS / BUCKET_MS) as usize + 1;

/// One counter over a sliding minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// What it counts; here, where it costs no memory.
    pub(super) counter: PolicyName,
    /// The number of the newest bucket since the clock's zero.
    newest: u32,
    /// What each bucket holds, at its number modulo [`BUCKETS`].
    counts: [u16; BUCKETS],
}

impl Window {
    /// A counter that has seen nothing.
    pub(super) fn of(counter: PolicyName) -> Self {
        Self { counter, newest: 0, counts: [0; BUCKETS] }
    }

    /// How it stands against a quota at a moment.
    pub(super) fn standing(&self, quota: u16, now_ms: u64) -> Standing {
        let mut now = *self;
        now.roll_to(now_ms);
        let used = now.used();
        let left = u32::from(quota).saturating_sub(used);
        Standing { left, more_after_ms: now.more_after_ms(used, quota, now_ms) }
    }

    /// Counts one request.
    pub(super) fn charge(&mut self, now_ms: u64) {
        self.roll_to(now_ms);
        let newest = place_of(self.newest);
        if let Some(count) = self.counts.get_mut(newest) {
            *count = count.saturating_add(1);
        }
    }

    fn roll_to(&mut self, now_ms: u64) {
        let bucket = u32::try_from(now_ms / BUCKET_MS).unwrap_or(u32::MAX).max(self.newest);
        let passed = (bucket - self.newest) as usize;
        for step in 1..=passed.min(BUCKETS) {
            let emptied = place_of(self.newest.saturating_add(u32::try_from(step).unwrap_or(u32::MAX)));
            if let Some(count) = self.counts.get_mut(emptied) {
                *count = 0;
            }
        }
        self.newest = bucket;
    }

    fn used(&self) -> u32 {
        self.counts.iter().map(|count| u32::from(*count)).sum()
    }

    /// Buckets leave oldest first; more passes as soon as those that left held more than what is above the quota.
    fn more_after_ms(&self, used: u32, quota: u16, now_ms: u64) -> u64 {
        let wanted = used.saturating_sub(u32::from(quota)) + 1;
        let mut freed = 0;
        for age in (0..BUCKETS).rev() {
            let Some(bucket) = self.newest.checked_sub(u32::try_from(age).unwrap_or(u32::MAX)) else {
                continue;
            };
            freed += self.counts.get(place_of(bucket)).map_or(0, |count| u32::from(*count));
            if freed >= wanted {
                let gone_at_ms = (u64::from(bucket) + BUCKETS as u64) * BUCKET_MS;
                return gone_at_ms.saturating_sub(now_ms);
            }
        }
        0
    }
}

/// Where a bucket's count stands.
fn place_of(bucket: u32) -> usize {
    bucket as usize % BUCKETS
}
