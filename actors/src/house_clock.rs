//! The house's time: the later of what was ever written down and what the clock says now.
//!
//! A clock that is set back must not open a window a second time (limits, deadlines, leases). Never here: waiting.

use crate::ports::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that never goes back behind what the store remembers, nor behind itself.
pub struct HouseClock {
    wall: Arc<dyn Clock>,
    latest_ms: AtomicI64,
}

impl HouseClock {
    /// The house's time over a wall clock; `latest_ms` is [`crate::ports::HouseFacts::latest_ms`] as read at the start.
    #[must_use]
    pub fn new(wall: Arc<dyn Clock>, latest_ms: i64) -> Self {
        Self { wall, latest_ms: AtomicI64::new(latest_ms) }
    }
}

impl Clock for HouseClock {
    fn now_ms(&self) -> i64 {
        let now_ms = self.wall.now_ms();
        self.latest_ms.fetch_max(now_ms, Ordering::Relaxed).max(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct SetBack(AtomicI64);

    impl Clock for SetBack {
        fn now_ms(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    /// F000-17: setting the clock back gives nobody a second hour.
    #[test]
    fn a_clock_that_is_set_back_does_not_take_the_house_along() {
        let wall = Arc::new(SetBack(AtomicI64::new(5_000)));
        let house = HouseClock::new(wall.clone(), 7_000);
        assert_eq!(house.now_ms(), 7_000);
        wall.0.store(9_000, Ordering::Relaxed);
        assert_eq!(house.now_ms(), 9_000);
        wall.0.store(1_000, Ordering::Relaxed);
        assert_eq!(house.now_ms(), 9_000);
    }
}
