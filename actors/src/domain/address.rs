//! TRON addresses: 20 bytes with a checksum around them, read strictly, and refused with the reason.
//!
//! Promises: an [`Address`] was either computed from a key or read from exactly 34 base58 characters whose checksum holds and
//! whose first byte is 0x41. A text that starts with T and has a good checksum is not yet an address: the neighbour prefixes
//! 0x40 and 0x42 look the same, and public libraries take them (F004-23).
//!
//! **Never here:** whether an address may be paid. That is policy's (own wallet, token contract, router, [`Address::ZERO`],
//! [`Address::BLACKHOLE`]).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use super::tron::hash::{keccak256, sha256};

/// The byte in front of every address of today's TRON networks (Constant.ADD_PRE_FIX_BYTE_MAINNET).
pub const PREFIX: u8 = 0x41;
/// Characters of an address in base58check, always.
pub const LENGTH: usize = 34;

/// The 20 bytes of an account or contract, without TRON's prefix byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 20]);

/// Why a text is not a TRON address, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Nothing was given.
    #[error("the address is empty; 34 characters starting with T are wanted")]
    Empty,
    /// Spaces, line ends, or characters that cannot be seen.
    #[error(
        "the address has blanks or invisible characters around or inside it; give the 34 characters alone"
    )]
    Blanks,
    /// `tron:T…` or another scheme in front.
    #[error("'{scheme}:' stands in front of the address; give the 34 characters alone")]
    Scheme {
        /// What stood before the colon.
        scheme: String,
    },
    /// The node's own form: 41 and 40 hex digits.
    #[error("this is the hex form of an address; the same in base58 is {base58}")]
    HexForm {
        /// The same account as people write it.
        base58: Address,
    },
    /// Hex that is nobody's form.
    #[error(
        "hex digits where base58 is wanted, and not 41 with 40 digits after it; 34 characters starting with T are wanted"
    )]
    HexNoise,
    /// `0x` and 40 digits, or 40 digits: an account of Ethereum's kind.
    #[error(
        "this is an Ethereum-style address; ask the recipient for a TRON address, 34 characters starting with T"
    )]
    EvmForm,
    /// A letter of another script that looks like one of ours.
    #[error(
        "'{character}' at place {place} is a look-alike from another script; type the address or copy it anew"
    )]
    LookAlike {
        /// The character.
        character: char,
        /// Counted from one.
        place: usize,
    },
    /// All letters small or all capital.
    #[error("all letters are of one case, and case matters in an address; copy it anew")]
    OneCase,
    /// A character that base58 leaves out: 0, O, I, l, or anything else.
    #[error("'{character}' at place {place} is never part of an address (base58 leaves out 0, O, I and l)")]
    Alphabet {
        /// The character.
        character: char,
        /// Counted from one.
        place: usize,
    },
    /// Good base58 with a good checksum, of another network or kind.
    #[error(
        "this is an address of another kind: its first byte is 0x{found:02x}, and a TRON address has 0x41"
    )]
    Prefix {
        /// The byte found.
        found: u8,
    },
    /// Not 34 characters.
    #[error("{found} characters, and a TRON address has 34")]
    Length {
        /// How many there were.
        found: usize,
    },
    /// 34 good characters that do not decode to 25 bytes.
    #[error("the text decodes to {found} bytes, and a TRON address has 25")]
    Bytes {
        /// How many there were.
        found: usize,
    },
    /// Something was mistyped or changed.
    #[error("the checksum does not hold: a character is wrong or missing; copy the address anew")]
    Checksum,
}

impl AddressError {
    /// The reason as one word, for scripts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Blanks => "blanks",
            Self::Scheme { .. } => "scheme",
            Self::HexForm { .. } => "hex_form",
            Self::HexNoise => "hex_noise",
            Self::EvmForm => "evm_form",
            Self::LookAlike { .. } => "look_alike",
            Self::OneCase => "one_case",
            Self::Alphabet { .. } => "alphabet",
            Self::Prefix { .. } => "prefix",
            Self::Length { .. } => "length",
            Self::Bytes { .. } => "bytes",
            Self::Checksum => "checksum",
        }
    }
}

/// Why bytes are not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressBytesError {
    /// Not 21 bytes.
    #[error("{found} bytes, where an address has 21")]
    Length {
        /// How many there were.
        found: usize,
    },
    /// The first byte is not 0x41.
    #[error("the first byte is 0x{found:02x}, where an address has 0x41")]
    Prefix {
        /// The byte found.
        found: u8,
    },
    /// An ABI word whose first twelve bytes are not all zero.
    #[error("the upper twelve bytes of the word are not zero")]
    DirtyWord,
}

impl Address {
    /// T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb: nobody's; USDT refuses to move there.
    pub const ZERO: Self = Self([0; 20]);
    /// TLsV52sRDL79HXGGm9yzwKibb6BeruhUzy, of the genesis block: what goes there is lost.
    pub const BLACKHOLE: Self = Self([
        0x77, 0x94, 0x4d, 0x19, 0xc0, 0x52, 0xb7, 0x3e, 0xe2, 0x28, 0x68, 0x23, 0xaa, 0x83, 0xf8, 0x13, 0x8c,
        0xb7, 0x03, 0x2f,
    ]);

    /// From the 20 bytes that Ethereum's tools know.
    #[must_use]
    pub const fn from_evm(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes without the prefix: what logs and compliance digests hold.
    #[must_use]
    pub const fn evm(&self) -> &[u8; 20] {
        &self.0
    }

    /// The 21 bytes that stand in transactions.
    #[must_use]
    pub fn payload(&self) -> [u8; 21] {
        let mut payload = [PREFIX; 21];
        payload[1..].copy_from_slice(&self.0);
        payload
    }

    /// From the 21 bytes that stand in transactions.
    pub fn from_payload(payload: &[u8]) -> Result<Self, AddressBytesError> {
        let Ok(payload) = <&[u8; 21]>::try_from(payload) else {
            return Err(AddressBytesError::Length { found: payload.len() });
        };
        let (prefix, bytes) = (payload[0], &payload[1..]);
        if prefix != PREFIX {
            return Err(AddressBytesError::Prefix { found: prefix });
        }
        bytes.try_into().map(Self).map_err(|_| AddressBytesError::Length { found: 21 })
    }

    /// The node's hex form: 41 and 40 digits.
    #[must_use]
    pub fn to_hex41(&self) -> String {
        hex::encode(self.payload())
    }

    /// From the node's hex form, either case, no `0x`.
    pub fn from_hex41(text: &str) -> Result<Self, AddressBytesError> {
        let bytes = hex::decode(text).map_err(|_| AddressBytesError::Length { found: text.len() / 2 })?;
        Self::from_payload(&bytes)
    }

    /// The ABI word: twelve zero bytes and the 20, never the prefix.
    #[must_use]
    pub fn word(&self) -> [u8; 32] {
        let mut word = [0; 32];
        word[12..].copy_from_slice(&self.0);
        word
    }

    /// From an ABI word as our own encoder writes it; dirt in the upper bytes is refused.
    pub fn from_word(word: &[u8; 32]) -> Result<Self, AddressBytesError> {
        if word[..12].iter().any(|byte| *byte != 0) {
            return Err(AddressBytesError::DirtyWord);
        }
        Ok(Self::from_word_masked(word))
    }

    /// From an ABI word as the TVM reads it: the low 20 bytes, whatever stands above. For other people's history only, where
    /// some wallets leave the 0x41 inside the word.
    #[must_use]
    pub fn from_word_masked(word: &[u8; 32]) -> Self {
        let mut bytes = [0; 20];
        bytes.copy_from_slice(&word[12..]);
        Self(bytes)
    }

    /// The address of an uncompressed public key without its leading 04: x and y, 64 bytes (Hash.computeAddress).
    #[must_use]
    pub fn of_public_key(xy: &[u8; 64]) -> Self {
        Self::from_word_masked(&keccak256(xy))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 25];
        bytes[..21].copy_from_slice(&self.payload());
        let sum = checksum(&bytes[..21]);
        bytes[21..].copy_from_slice(&sum);
        f.pad(&bs58::encode(bytes).into_string())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut bytes = [0; 25];
        if text.len() != LENGTH || bs58::decode(text).onto(&mut bytes) != Ok(25) {
            return Err(diagnose(text));
        }
        if checksum(&bytes[..21]) != bytes[21..] {
            return Err(diagnose(text));
        }
        Self::from_payload(&bytes[..21]).map_err(|_| AddressError::Prefix { found: bytes[0] })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Address;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a TRON address as a string of 34 characters starting with T")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Address, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

fn checksum(payload: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = sha256(&sha256(payload));
    [a, b, c, d]
}

/// The most helpful reason for a text that is known not to be an address: from what can be seen to what must be computed.
fn diagnose(text: &str) -> AddressError {
    if text.is_empty() {
        return AddressError::Empty;
    }
    if text.chars().any(is_blank) {
        return AddressError::Blanks;
    }
    if let Some((scheme, _)) = text.split_once(':') {
        return AddressError::Scheme { scheme: scheme.to_owned() };
    }
    if let Some(error) = diagnose_hex(text) {
        return error;
    }
    if let Some((index, character)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii()) {
        return AddressError::LookAlike { character, place: index + 1 };
    }
    if text.len() == LENGTH && is_one_case(text) {
        return AddressError::OneCase;
    }
    if let Some((index, character)) = text.chars().enumerate().find(|(_, c)| !is_base58(*c)) {
        return AddressError::Alphabet { character, place: index + 1 };
    }
    diagnose_base58(text)
}

/// The longest text that is decoded for a better reason; longer ones only have their length named.
const DIAGNOSED_LENGTH_MAX: usize = 64;

fn diagnose_base58(text: &str) -> AddressError {
    let length = text.chars().count();
    let decoded = if length <= DIAGNOSED_LENGTH_MAX { bs58::decode(text).into_vec().ok() } else { None };
    let sound = decoded.as_deref().and_then(|bytes| bytes.split_last_chunk::<4>());
    match sound {
        Some((payload, sum)) if payload.len() == 21 && checksum(payload) == *sum => {
            AddressError::Prefix { found: payload[0] }
        }
        _ if length != LENGTH => AddressError::Length { found: length },
        Some((payload, _)) if payload.len() != 21 => AddressError::Bytes { found: payload.len() + 4 },
        _ => AddressError::Checksum,
    }
}

fn diagnose_hex(text: &str) -> Option<AddressError> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (bare, marked) = (digits.unwrap_or(text), digits.is_some());
    if let Ok(address) = Address::from_hex41(bare) {
        return Some(AddressError::HexForm { base58: address });
    }
    let all_hex = bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    if all_hex && bare.len() == 40 {
        return Some(AddressError::EvmForm);
    }
    // An address in base58 is 34 characters; a text of this length that begins as hex does was meant as hex.
    let begins_as_hex = bare.get(..20).is_some_and(|head| head.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (marked || (begins_as_hex && bare.len() != LENGTH)).then_some(AddressError::HexNoise)
}

fn is_blank(character: char) -> bool {
    let invisible = matches!(character, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    invisible || character.is_whitespace() || character.is_control()
}

fn is_one_case(text: &str) -> bool {
    let upper = text.chars().any(|c| c.is_ascii_uppercase());
    let lower = text.chars().any(|c| c.is_ascii_lowercase());
    upper != lower
}

fn is_base58(character: char) -> bool {
    character.is_ascii_alphanumeric() && !matches!(character, '0' | 'O' | 'I' | 'l')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const USDT: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";

    #[test]
    fn the_known_addresses_are_themselves() {
        assert_eq!(Address::ZERO.to_string(), "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb");
        assert_eq!(Address::BLACKHOLE.to_string(), "TLsV52sRDL79HXGGm9yzwKibb6BeruhUzy");
        let usdt: Address = USDT.parse().unwrap();
        assert_eq!(usdt.to_hex41(), "41a614f803b6fd780986a42c78ec9c7f77e6ded13c");
    }

    /// F004-23: the neighbour prefix has 34 characters, starts with T and has a good checksum, and is no address.
    #[test]
    fn starting_with_t_and_a_good_checksum_is_not_enough() {
        for prefix in [0x40_u8, 0x42] {
            let mut payload = vec![prefix];
            payload.extend_from_slice(&[0xaf; 20]);
            let sum = checksum(&payload);
            payload.extend_from_slice(&sum);
            let text = bs58::encode(payload).into_string();
            assert_eq!((text.len(), &text[..1]), (34, "T"));
            assert_eq!(text.parse::<Address>(), Err(AddressError::Prefix { found: prefix }));
        }
    }

    #[test]
    fn a_hex_form_is_answered_with_its_base58() {
        let error = "41a614f803b6fd780986a42c78ec9c7f77e6ded13c".parse::<Address>().unwrap_err();
        assert!(error.to_string().contains(USDT), "{error}");
    }

    #[test]
    fn words_with_dirt_are_refused_by_the_strict_reader_and_masked_for_histories() {
        let usdt: Address = USDT.parse().unwrap();
        let mut word = usdt.word();
        assert_eq!(Address::from_word(&word), Ok(usdt));
        word[11] = 0x41;
        assert_eq!(Address::from_word(&word), Err(AddressBytesError::DirtyWord));
        assert_eq!(Address::from_word_masked(&word), usdt);
    }

    #[test]
    fn a_number_in_json_is_refused_with_a_sentence() {
        let error = serde_json::from_str::<Address>("7").unwrap_err().to_string();
        assert!(error.contains("34 characters starting with T"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(bytes in any::<[u8; 20]>()) {
            let address = Address::from_evm(bytes);
            let text = address.to_string();
            prop_assert_eq!(text.len(), LENGTH);
            prop_assert_eq!(text.parse(), Ok(address));
            prop_assert_eq!(Address::from_payload(&address.payload()), Ok(address));
            prop_assert_eq!(Address::from_hex41(&address.to_hex41()), Ok(address));
        }

        #[test]
        fn one_changed_character_is_always_noticed(bytes in any::<[u8; 20]>(), place in 0_usize..34, to in "[1-9A-HJ-NP-Za-km-z]") {
            let text = Address::from_evm(bytes).to_string();
            let changed = format!("{}{to}{}", &text[..place], &text[place + 1..]);
            prop_assert!(changed == text || changed.parse::<Address>().is_err());
        }

        #[test]
        fn no_text_makes_the_reader_fall_over(text in ".{0,60}") {
            let _ = text.parse::<Address>();
        }
    }
}
