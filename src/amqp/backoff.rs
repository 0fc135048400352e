//! How long to wait before the broker is tried again: soon at first, then longer, never long, and never all daemons at once.

use std::time::Duration;

/// The first wait, before the dice.
pub const RETRY_FIRST: Duration = Duration::from_millis(100);
/// The longest wait. With [`super::connection::CONNECT_WITHIN`] it is below the five seconds after which a broker that is back
/// must be in use again (F-N18).
pub const RETRY_MAX: Duration = Duration::from_millis(800);

/// Waits that double from [`RETRY_FIRST`] to [`RETRY_MAX`], each between its half and its whole by chance.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: RETRY_FIRST }
    }
}

impl Backoff {
    /// How long to wait now; the next wait is longer. The dice give any number.
    pub fn wait(&mut self, dice: u64) -> Duration {
        let half_ms = u64::try_from(self.next.as_millis()).unwrap_or(u64::MAX) / 2;
        self.next = self.next.saturating_mul(2).min(RETRY_MAX);
        Duration::from_millis(half_ms + dice % (half_ms + 1))
    }

    /// It worked: the next wait is a short one.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Waits, with the dice of this process.
    pub async fn sleep(&mut self) {
        let wait = self.wait(fastrand::u64(..));
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand daemons must not come back in the same moment, and none may stay away long.
    #[test]
    fn waits_grow_to_their_bound_and_differ_by_chance() {
        let mut backoff = Backoff::default();
        let shortest: Vec<_> = (0..6).map(|_| backoff.wait(0).as_millis()).collect();
        assert_eq!(shortest, [50, 100, 200, 400, 400, 400]);
        backoff.reset();
        assert_eq!(backoff.wait(50), RETRY_FIRST);
        for dice in [1, 77, u64::MAX] {
            assert!((RETRY_FIRST..=RETRY_MAX).contains(&backoff.wait(dice)));
        }
        assert!(RETRY_MAX + super::super::connection::CONNECT_WITHIN < Duration::from_secs(5));
    }
}
