//! A mark on every transfer that costs nothing: which store, account, order and attempt it belongs to (F-N24).
//!
//! A node checks neither the timestamp nor the last digits of the fee limit. Both carry bits of a keyed hash: 3,600,000
//! milliseconds of an hour and 1,000,000 sun of the fee limit's last TRX make 3.6 · 10^12 values, more than 41 bits. So two
//! orders never make the same bytes, in two stores neither, and a store that was restored from a copy knows its own payments
//! on chain again. Without the key the mark is noise.

use super::key::hmac_sha256;

/// Milliseconds in which the timestamp carries its part.
pub const HOUR_MS: i64 = 3_600_000;
/// The fee limit's low digits that carry the other part: one TRX in sun.
pub const FEE_STEP_SUN: u64 = 1_000_000;

/// What a transfer's timestamp and fee limit say about whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    /// Timestamp within its hour, below 3,600,000.
    pub within_hour_ms: u32,
    /// Fee limit's low six digits, below 1,000,000.
    pub fee_digits_sun: u32,
}

impl Fingerprint {
    /// The mark of one attempt for one order. `key` is [`super::PrivateKey::derive_key`]'s or another secret of the store.
    #[must_use]
    pub fn of(key: &[u8; 32], store_id: &str, account: &str, idempotency_key: &str, attempt: u32) -> Self {
        // Each text goes in with its length, so that no two orders run together into one.
        let length = |text: &str| (text.len() as u64).to_be_bytes();
        let hash = hmac_sha256(
            key,
            &[
                b"payoutd fingerprint 1",
                &length(store_id),
                store_id.as_bytes(),
                &length(account),
                account.as_bytes(),
                &length(idempotency_key),
                idempotency_key.as_bytes(),
                &attempt.to_be_bytes(),
            ],
        );
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = hash;
        let first = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % HOUR_MS.cast_unsigned();
        let second = u64::from_be_bytes([i, j, k, l, m, n, o, p]) % FEE_STEP_SUN;
        Self { within_hour_ms: first as u32, fee_digits_sun: second as u32 }
    }

    /// The mark that a transfer on chain carries, ours or a stranger's.
    #[must_use]
    pub fn read(timestamp_ms: i64, fee_limit_sun: u64) -> Self {
        let within_hour_ms = timestamp_ms.rem_euclid(HOUR_MS) as u32;
        Self { within_hour_ms, fee_digits_sun: (fee_limit_sun % FEE_STEP_SUN) as u32 }
    }

    /// Does a transfer with this timestamp and fee limit carry the mark?
    #[must_use]
    pub fn matches(&self, timestamp_ms: i64, fee_limit_sun: u64) -> bool {
        Self::read(timestamp_ms, fee_limit_sun) == *self
    }

    /// The timestamp to write: the hour of `now_ms`, and the mark within it. At most an hour from now, either way.
    #[must_use]
    pub fn timestamp_ms(&self, now_ms: i64) -> i64 {
        now_ms - now_ms.rem_euclid(HOUR_MS) + i64::from(self.within_hour_ms)
    }

    /// The fee limit to write: the least that is not below `needed_sun` and ends in the mark. Less than one TRX more.
    #[must_use]
    pub fn fee_limit_sun(&self, needed_sun: u64) -> u64 {
        let marked = (needed_sun - needed_sun % FEE_STEP_SUN).saturating_add(u64::from(self.fee_digits_sun));
        if marked < needed_sun { marked.saturating_add(FEE_STEP_SUN) } else { marked }
    }
}

/// See [`Fingerprint::of`].
#[must_use]
pub fn fingerprint(
    key: &[u8; 32],
    store_id: &str,
    account: &str,
    idempotency_key: &str,
    attempt: u32,
) -> Fingerprint {
    Fingerprint::of(key, store_id, account, idempotency_key, attempt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const KEY: [u8; 32] = [5; 32];

    /// F-N24: the mark has at least forty bits, and differs by every part that it is made of.
    #[test]
    fn every_part_of_an_order_changes_the_mark() {
        assert!(HOUR_MS.cast_unsigned() * FEE_STEP_SUN > 1 << 40);
        let marks = [
            fingerprint(&KEY, "store-a", "house", "order-1", 1),
            fingerprint(&KEY, "store-b", "house", "order-1", 1),
            fingerprint(&KEY, "store-a", "other", "order-1", 1),
            fingerprint(&KEY, "store-a", "house", "order-2", 1),
            fingerprint(&KEY, "store-a", "house", "order-1", 2),
            fingerprint(&[6; 32], "store-a", "house", "order-1", 1),
            fingerprint(&KEY, "store-a", "houseorder", "-1", 1),
        ];
        assert_eq!(marks.iter().collect::<BTreeSet<_>>().len(), marks.len());
    }

    /// F-N24: ten thousand orders of two stores carry ten thousand marks each, and both parts are used over their range.
    #[test]
    fn ten_thousand_orders_do_not_share_a_mark() {
        let marks: BTreeSet<_> = (0..10_000)
            .flat_map(|n| ["a", "b"].map(|store| fingerprint(&KEY, store, "house", &format!("order-{n}"), 1)))
            .collect();
        assert_eq!(marks.len(), 20_000);
        assert!(marks.iter().any(|mark| mark.within_hour_ms > 3_590_000));
        assert!(marks.iter().any(|mark| mark.fee_digits_sun > 990_000));
    }

    proptest! {
        /// F-N24: what was written is recognised; the fee limit covers the need and is less than one TRX above it.
        #[test]
        fn a_store_knows_its_own_transfer_again(key in ".{0,20}", attempt in any::<u32>(), now_ms in 1_700_000_000_000_i64..1_900_000_000_000, needed in 0_u64..15_000_000_000) {
            let mark = fingerprint(&KEY, "store", "house", &key, attempt);
            let (timestamp, fee_limit) = (mark.timestamp_ms(now_ms), mark.fee_limit_sun(needed));
            prop_assert!(mark.matches(timestamp, fee_limit));
            prop_assert!(!mark.matches(timestamp + 1, fee_limit) && !mark.matches(timestamp, fee_limit + 1));
            prop_assert!((timestamp - now_ms).abs() < HOUR_MS);
            prop_assert!(fee_limit >= needed && fee_limit < needed + FEE_STEP_SUN);
        }
    }
}
