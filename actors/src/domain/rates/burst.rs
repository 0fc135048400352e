//! The burst guard: the generic cell rate algorithm (GCRA), a leaky bucket that remembers one moment.
//!
//! So many requests may come at once, and from then on so many a second (F003-04). Time is whole microseconds, and an interval that
//! does not come out even is rounded up: never one request too many.

use super::Standing;

const MICROS_PER_SECOND: u64 = 1_000_000;
const MICROS_PER_MS: u64 = 1_000;

/// One bucket: when it will have run empty, µs since the clock's zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Burst {
    empty_at_us: u64,
}

impl Burst {
    /// How it stands against a capacity that is refilled by so many requests a second.
    pub(super) fn standing(self, capacity: u16, per_second: u16, now_ms: u64) -> Standing {
        let interval_us = interval_us(per_second);
        let lead_us = self.empty_at_us.saturating_sub(now_ms * MICROS_PER_MS);
        let room_us = (u64::from(capacity) * interval_us).saturating_sub(lead_us);
        let left = room_us / interval_us;
        let wanted_us = (left + 1) * interval_us;
        let more_after_us = if lead_us == 0 { 0 } else { lead_us.saturating_add(wanted_us) };
        let more_after_us = more_after_us.saturating_sub(u64::from(capacity) * interval_us);
        Standing {
            left: u32::try_from(left).unwrap_or(u32::MAX),
            more_after_ms: more_after_us.div_ceil(MICROS_PER_MS),
        }
    }

    /// Counts one request.
    pub(super) fn charge(&mut self, per_second: u16, now_ms: u64) {
        self.empty_at_us = self.empty_at_us.max(now_ms * MICROS_PER_MS) + interval_us(per_second);
    }
}

fn interval_us(per_second: u16) -> u64 {
    MICROS_PER_SECOND.div_ceil(u64::from(per_second.max(1)))
}
