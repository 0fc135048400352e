//! Staying away from a provider that refuses calls. Public services lengthen the penalty of whoever keeps knocking.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::DateTime;
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use tokio::time::Instant;

use super::limits::{ProviderLimits, STAY_AWAY_MAX};

/// Until when a provider is left alone.
#[derive(Debug)]
pub(super) struct Penalty {
    start: Instant,
    /// In ms since `start`; 0 means that it was never refused.
    until_ms: AtomicU64,
}

impl Penalty {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), until_ms: AtomicU64::new(0) }
    }

    /// How long it must still be left alone, if at all.
    pub(super) fn left(&self) -> Option<Duration> {
        let until_ms = self.until_ms.load(Ordering::Relaxed);
        if until_ms == 0 {
            return None;
        }
        let left = Duration::from_millis(until_ms).saturating_sub(self.start.elapsed());
        (!left.is_zero()).then_some(left)
    }

    /// It refused a call: it is left alone for this long from now, or longer if it was told so before.
    pub(super) fn stay_away(&self, time: Duration) {
        let until = self.start.elapsed().saturating_add(time.min(STAY_AWAY_MAX));
        self.until_ms.fetch_max(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// How long a refusal asks us to stay away; `None` where the status is no refusal.
pub(super) fn asked_for(
    status: StatusCode,
    headers: &HeaderMap,
    limits: &ProviderLimits,
) -> Option<Duration> {
    let said = retry_after(headers);
    match status {
        StatusCode::FORBIDDEN => Some(said.unwrap_or(limits.stay_away_after_403)),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Some(said.unwrap_or(limits.stay_away_after_429))
        }
        _ => None,
    }
    .map(|time| time.min(STAY_AWAY_MAX))
}

/// `Retry-After` (RFC 9110): seconds, or a date, which is read against the answer's own `Date`, never against our clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let said = headers.get(RETRY_AFTER)?;
    if let Ok(seconds) = said.to_str().ok()?.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait_ms = date_ms(said)?.saturating_sub(date_ms(headers.get(DATE)?)?);
    Some(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)))
}

fn date_ms(value: &HeaderValue) -> Option<i64> {
    DateTime::parse_from_rfc2822(value.to_str().ok()?).ok().map(|date| date.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(status: u16, headers: &[(&'static str, &str)]) -> Option<u64> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (reqwest::header::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        asked_for(status, &headers, &ProviderLimits::default()).map(|time| time.as_secs())
    }

    /// F-P16: as long as it says, and where it does not say, TronGrid's 30 s after a 403.
    #[test]
    fn a_provider_that_refuses_is_left_alone_as_long_as_it_asks() {
        assert_eq!(asked(403, &[]), Some(30));
        assert_eq!(asked(403, &[("retry-after", "5")]), Some(5));
        assert_eq!(asked(403, &[("retry-after", "45")]), Some(45));
        assert_eq!(asked(429, &[("retry-after", "7")]), Some(7));
        assert_eq!(asked(429, &[]), Some(1));
        assert_eq!(asked(503, &[("retry-after", "soon")]), Some(1));
        assert_eq!(asked(429, &[("retry-after", "18446744073709551615")]), Some(600));
        let date = ("date", "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(asked(503, &[date, ("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")]), Some(30));
        assert_eq!(asked(503, &[date, ("retry-after", "Wed, 21 Oct 2026 07:27:00 GMT")]), Some(0));
        assert_eq!(asked(503, &[("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT")]), Some(1));
        for other in [200, 302, 400, 401, 404, 500, 502] {
            assert_eq!(asked(other, &[("retry-after", "9")]), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_penalty_does_not_shorten_a_longer_one() {
        let penalty = Penalty::new();
        assert_eq!(penalty.left(), None);
        penalty.stay_away(Duration::from_secs(30));
        penalty.stay_away(Duration::from_secs(1));
        assert_eq!(penalty.left(), Some(Duration::from_secs(30)));
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(penalty.left(), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(penalty.left(), None);
    }
}
