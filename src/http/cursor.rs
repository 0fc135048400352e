//! Where a page ends: opaque, and bound to the list that it was handed out for.

use hmac::{Hmac, KeyInit, Mac};
use payoutd_actors::domain::identity::PayoutId;
use sha2::Sha256;

/// Bytes of the tag: enough that nobody makes a cursor by trying.
const TAG_BYTES: usize = 12;

/// What tags of payouts begin with.
const PAYOUT: &[u8] = b"payoutd cursor v1\n";
/// What tags of places in the journal begin with.
const PLACE: &[u8] = b"payoutd place v1\n";

/// The key with which cursors are made. It should outlive a restart; it guards nothing but lists from confusion.
#[derive(Clone)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    /// A key from 32 bytes, e.g. derived from the wallet's key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The cursor after a payout in the list of `filters`.
    #[must_use]
    pub fn write(&self, last: PayoutId, filters: &str) -> String {
        format!("{}.{}", hex::encode(last.bytes()), hex::encode(self.tag(last, filters)))
    }

    /// The payout after which the next page begins; `None` for what was not handed out for `filters`.
    #[must_use]
    pub fn read(&self, cursor: &str, filters: &str) -> Option<PayoutId> {
        let (id, tag) = cursor.split_once('.')?;
        let bytes: [u8; 16] = hex::decode(id).ok()?.try_into().ok()?;
        let last: PayoutId = uuid::Uuid::from_bytes(bytes).hyphenated().to_string().parse().ok()?;
        let given = hex::decode(tag).ok()?;
        bool::from(subtle::ConstantTimeEq::ct_eq(given.as_slice(), self.tag(last, filters).as_slice()))
            .then_some(last)
    }

    /// The cursor before a place of the journal in the list of `filters`.
    #[must_use]
    pub fn write_place(&self, place: i64, filters: &str) -> String {
        format!("{place}.{}", hex::encode(self.tag_of(PLACE, &place.to_be_bytes(), filters)))
    }

    /// The place before which the next page begins; `None` for what was not handed out for `filters`.
    #[must_use]
    pub fn read_place(&self, cursor: &str, filters: &str) -> Option<i64> {
        let (place, tag) = cursor.split_once('.')?;
        let place: i64 = place.parse().ok().filter(|place| *place >= 1)?;
        let (given, own) = (hex::decode(tag).ok()?, self.tag_of(PLACE, &place.to_be_bytes(), filters));
        bool::from(subtle::ConstantTimeEq::ct_eq(given.as_slice(), own.as_slice())).then_some(place)
    }

    fn tag(&self, last: PayoutId, filters: &str) -> Vec<u8> {
        self.tag_of(PAYOUT, last.bytes(), filters)
    }

    fn tag_of(&self, what: &[u8], place: &[u8], filters: &str) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return Vec::new() };
        mac.update(what);
        mac.update(place);
        mac.update(filters.as_bytes());
        mac.finalize().into_bytes()[..TAG_BYTES].to_vec()
    }
}

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_good_for_its_own_list_alone() {
        let key = CursorKey::new([7; 32]);
        let cursor = key.write_place(10_001, "alerts");
        assert_eq!(key.read_place(&cursor, "alerts"), Some(10_001));
        assert_eq!(key.read_place(&cursor, "suspicious"), None);
        assert_eq!(key.read_place(&cursor.replacen("10001", "10002", 1), "alerts"), None);
        for junk in ["", ".", "1", "0.00", "-1.00", "x.y"] {
            assert_eq!(key.read_place(junk, "alerts"), None, "{junk}");
        }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_list_alone() {
        let (key, id) = (CursorKey::new([7; 32]), PayoutId::new(1_700_000_000_000, [9; 10]));
        let cursor = key.write(id, "stage=held");
        assert_eq!(key.read(&cursor, "stage=held"), Some(id));
        assert_eq!(key.read(&cursor, "stage=settled"), None);
        assert_eq!(CursorKey::new([8; 32]).read(&cursor, "stage=held"), None);
        for place in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(key.read(&String::from_utf8(changed).unwrap(), "stage=held"), None, "{place}");
        }
        for junk in ["", ".", "abc", "..", &cursor[1..]] {
            assert_eq!(key.read(junk, "stage=held"), None, "{junk}");
        }
    }
}
