//! Moments: RFC 3339 outside, unix milliseconds inside.

use chrono::{DateTime, SecondsFormat};

/// What a moment looks like, for answers that say what would be right.
pub const EXAMPLE: &str = "2026-11-21T09:30:00Z";

/// The last moment that RFC 3339 can say, unix ms: the end of the year 9999.
pub const LAST_MS: i64 = 253_402_300_799_999;

/// A moment (unix ms) as it is written in JSON: RFC 3339, UTC, milliseconds.
#[must_use]
pub fn write(at_ms: i64) -> String {
    let moment = DateTime::from_timestamp_millis(at_ms).unwrap_or_default();
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A moment as a sender writes it, unix ms; any offset, no moment before 1970 or behind [`LAST_MS`]. `None` for anything else.
#[must_use]
pub fn read(text: &str) -> Option<i64> {
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    let strict = text.as_bytes().get(10) == Some(&b'T');
    Some(moment.timestamp_millis()).filter(|at_ms| strict && (0..=LAST_MS).contains(at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc_3339_is_read_and_nothing_like_it() {
        assert_eq!(read("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(read("1970-01-01T01:00:01.5+01:00"), Some(1_500));
        for wrong in [
            "",
            "1970",
            "1970-01-01",
            "1970-01-01T00:00:01",
            "1970-01-01 00:00:01Z",
            "1700000000",
            "1969-12-31T23:59:59Z",
            // In Greenwich it is the year 10000 by then, which nobody could be told.
            "9999-12-31T23:59:59-00:01",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(read(EXAMPLE).is_some());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(at_ms in 0..=LAST_MS) {
            prop_assert_eq!(read(&write(at_ms)), Some(at_ms));
        }
    }
}
