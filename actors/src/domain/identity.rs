//! Who and which: the ids that the life cycle, the store, the doors and the logs share.
//!
//! Promises that a value of these types is well formed. Never here: where ids come from (a port gives the randomness).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A payout's id: a UUID version 7, so that ids made later sort later. Written in lower case, read in either (RFC 9562 §4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayoutId(uuid::Uuid);

/// The bits of an id below its variant.
const LOW_BITS: u128 = (1 << 62) - 1;

impl PayoutId {
    /// An id from the moment (unix ms) and ten random bytes; the caller owns both clock and chance.
    #[must_use]
    pub fn new(now_ms: i64, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now_ms).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The id after `last`, so that ids ascend however many are made within one millisecond, and when the clock is set back
    /// (RFC 9562 §6.2, method 2: the random part grows by a random step).
    #[must_use]
    pub fn following(last: Option<Self>, now_ms: i64, random: [u8; 10]) -> Self {
        let fresh = Self::new(now_ms, random);
        match last {
            Some(last) if fresh.made_at_ms() <= last.made_at_ms() => last.stepped(random),
            Some(_) | None => fresh,
        }
    }

    /// This id's random part, grown by 1 to 2^32; where there is no room above it, an id of the next millisecond.
    fn stepped(self, random: [u8; 10]) -> Self {
        let [a, b, c, d, ..] = random;
        let step = u128::from(u32::from_be_bytes([a, b, c, d])) + 1;
        let (high, low) = (self.0.as_u128() >> 64 & 0xfff, self.0.as_u128() & LOW_BITS);
        let grown = (high << 62 | low) + step;
        if grown >> 74 != 0 {
            return Self::new(self.made_at_ms().saturating_add(1), random);
        }
        let millis_and_version = self.0.as_u128() >> 76 << 76;
        let variant = self.0.as_u128() & (0b11 << 62);
        Self(uuid::Uuid::from_u128(millis_and_version | grown >> 62 << 64 | variant | grown & LOW_BITS))
    }

    /// The moment at which it was made, unix ms.
    #[must_use]
    pub fn made_at_ms(self) -> i64 {
        i64::try_from(self.0.as_u128() >> 80).unwrap_or(i64::MAX)
    }

    /// The sixteen bytes, as the router's session id is made from them.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for PayoutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for PayoutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no payout id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a payout id: an id is a UUID in its 36 character, hyphenated form")]
pub struct NotAPayoutId(String);

impl FromStr for PayoutId {
    type Err = NotAPayoutId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotAPayoutId(text.chars().take(40).collect());
        let id = uuid::Uuid::try_parse(text).map_err(|_| refuse())?;
        let is_hyphenated = id.as_hyphenated().to_string().eq_ignore_ascii_case(text);
        if is_hyphenated { Ok(Self(id)) } else { Err(refuse()) }
    }
}

impl Serialize for PayoutId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PayoutId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Whose money an order spends: the scope of idempotency keys and of per-account limits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(String);

/// Characters that an account's name may have at most, and a node's.
pub const ACCOUNT_CHARS_MAX: usize = 64;

/// Whether a text is a name that people give to what they run: 1 to 64 characters from `a-z 0-9 _ - .`.
pub(super) fn is_plain_name(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    (1..=ACCOUNT_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}

impl AccountId {
    /// The one account there is while one bearer token opens the door.
    #[must_use]
    pub fn house() -> Self {
        Self("house".to_owned())
    }

    /// A name of 1 to 64 characters from `a-z 0-9 _ - .`.
    pub fn new(name: impl Into<String>) -> Result<Self, NotAnAccount> {
        let name = name.into();
        if is_plain_name(&name) { Ok(Self(name)) } else { Err(NotAnAccount) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no account name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an account name has 1 to 64 characters from a-z, 0-9, `_`, `-` and `.`")]
pub struct NotAnAccount;

/// Characters that an idempotency key may have at most.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// The sender's own name for an order (F-P01): 1 to 255 visible ASCII characters, bare or quoted, the same key.
/// Its scope is the account, never the credential, the door or the daemon.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

/// Why a text is no idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAKey {
    /// Nothing there.
    #[error("the idempotency key is empty: give 1 to 255 visible ASCII characters")]
    Empty,
    /// More than 255 characters.
    #[error("the idempotency key has {0} characters: at most 255 are kept")]
    TooLong(usize),
    /// A quote at one end.
    #[error(
        "the idempotency key has a quote at one end only: write it bare, like inv-7, or in quotes, like \"inv-7\""
    )]
    HalfQuoted,
    /// A blank, a control character or something outside of ASCII.
    #[error("the idempotency key holds a character that is not visible ASCII: use ! to ~, without blanks")]
    NotVisibleAscii,
}

impl IdempotencyKey {
    /// Reads a key as a header or a message property gives it: `abc` and `"abc"` are the same key.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let bare = match (text.strip_prefix('"'), text.strip_suffix('"')) {
            (None, None) => text,
            (Some(opened), Some(_)) => opened.strip_suffix('"').ok_or(NotAKey::HalfQuoted)?,
            (Some(_), None) | (None, Some(_)) => return Err(NotAKey::HalfQuoted),
        };
        if bare.is_empty() {
            return Err(NotAKey::Empty);
        }
        if bare.len() > IDEMPOTENCY_KEY_CHARS_MAX {
            return Err(NotAKey::TooLong(bare.chars().count()));
        }
        if !bare.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(NotAKey::NotVisibleAscii);
        }
        Ok(Self(bare.to_owned()))
    }

    /// The key of one item of a batch. The first item has the batch's own key, so that the same key can not be used for
    /// a batch and for a single order besides; between the others' key and place stands a blank, which no sender's key
    /// can hold, so that they can not collide with a key that somebody sent.
    #[must_use]
    pub fn of_item(&self, index: usize) -> Self {
        if index == 0 { self.clone() } else { Self(format!("{} {index}", self.0)) }
    }

    /// A key as the store gives it back.
    #[must_use]
    pub fn restored(text: String) -> Self {
        Self(text)
    }

    /// The key's characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-P01: quoted or bare, one key; what can not be a key says why.
    #[test]
    fn a_key_is_the_same_quoted_and_bare() {
        assert_eq!(IdempotencyKey::parse("\"k-1\"").unwrap(), IdempotencyKey::parse("k-1").unwrap());
        assert_eq!(IdempotencyKey::parse(""), Err(NotAKey::Empty));
        assert_eq!(IdempotencyKey::parse("\"\""), Err(NotAKey::Empty));
        assert_eq!(IdempotencyKey::parse("a b"), Err(NotAKey::NotVisibleAscii));
        assert_eq!(IdempotencyKey::parse("é"), Err(NotAKey::NotVisibleAscii));
        assert_eq!(IdempotencyKey::parse(&"k".repeat(256)), Err(NotAKey::TooLong(256)));
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_ok());
    }

    /// F-P01: whether a quote that stands alone is part of the key is not guessed: two readers would make two keys of it.
    #[test]
    fn a_key_that_is_quoted_at_one_end_is_no_key() {
        for half in ["\"abc", "abc\"", "\""] {
            assert_eq!(IdempotencyKey::parse(half), Err(NotAKey::HalfQuoted), "{half}");
        }
        assert_eq!(IdempotencyKey::parse("a\"b").unwrap().as_str(), "a\"b");
    }

    #[test]
    fn ids_made_later_sort_later_and_survive_text() {
        let early = PayoutId::new(1_700_000_000_000, [9; 10]);
        let late = PayoutId::new(1_700_000_000_001, [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse::<PayoutId>().unwrap(), early);
    }

    /// RFC 9562 §4: what is read is read in either case, what is written is lower case.
    #[test]
    fn an_id_is_read_in_either_case_and_in_no_other_form() {
        let id = PayoutId::new(1_700_000_000_000, [0xab; 10]);
        let text = id.to_string();
        assert_eq!(text.to_uppercase().parse::<PayoutId>().unwrap().to_string(), text);
        let wrong =
            [text.replace('-', ""), format!("{{{text}}}"), format!("urn:uuid:{text}"), format!(" {text}")];
        for wrong in wrong {
            assert!(wrong.parse::<PayoutId>().is_err(), "{wrong}");
        }
    }

    /// RFC 9562 §6.2: also within one millisecond, also when the clock is set back, also when there is no room left above.
    #[test]
    fn ids_of_one_process_ascend_whatever_the_clock_does() {
        let mut last = PayoutId::new(1_700_000_000_000, [0xff; 10]);
        let moments = [1_700_000_000_000, 1_699_999_999_000, 1_700_000_000_000, 1_700_000_000_005];
        for (place, now_ms) in moments.into_iter().cycle().take(10_000).enumerate() {
            let random = [u8::try_from(place % 251).unwrap(); 10];
            let next = PayoutId::following(Some(last), now_ms, random);
            assert!(next > last && next.to_string() > last.to_string(), "{last} {next}");
            let uuid = uuid::Uuid::from_bytes(*next.bytes());
            assert_eq!((uuid.get_version_num(), uuid.get_variant()), (7, uuid::Variant::RFC4122), "{next}");
            last = next;
        }
        // It ran ahead of the clock by the one millisecond that was full, no more.
        assert_eq!(last.made_at_ms(), 1_700_000_000_005);
        assert_eq!(PayoutId::following(None, 5, [9; 10]), PayoutId::new(5, [9; 10]));
    }
}
