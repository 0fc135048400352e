//! How long a provider that refuses calls asks us to stay away (F-P16). Staying away is the circuit breaker's.

use std::time::Duration;

use super::limits::{ProviderLimits, STAY_AWAY_MAX};
use chrono::DateTime;
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER},
};

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
}
