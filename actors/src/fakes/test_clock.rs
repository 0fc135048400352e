//! A clock that belongs to the test: it goes with tokio's time, which the test may pause, and it jumps when told to.

use crate::ports::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::time::Instant;

/// Where every test begins unless it says otherwise: 2026-01-01T00:00:00Z, unix ms.
pub const BEGINNING_MS: i64 = 1_767_225_600_000;

/// A wall clock on tokio's time.
#[derive(Debug)]
pub struct TestClock {
    began: Instant,
    began_ms: i64,
    offset_ms: AtomicI64,
}

impl TestClock {
    /// A clock that stands at this moment (unix ms) now.
    #[must_use]
    pub fn at(began_ms: i64) -> Self {
        Self { began: Instant::now(), began_ms, offset_ms: AtomicI64::new(0) }
    }

    /// Sets the clock forward, or back: what an operator, a virtual machine or a bad time server does.
    pub fn jump(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::at(BEGINNING_MS)
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        let passed_ms = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.began_ms.saturating_add(passed_ms).saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[actix::test]
    async fn it_goes_with_the_test_and_jumps_when_told_to() {
        tokio::time::pause();
        let clock = TestClock::at(1_000);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(clock.now_ms(), 4_000);
        clock.jump(-2_500);
        assert_eq!(clock.now_ms(), 1_500);
    }
}
