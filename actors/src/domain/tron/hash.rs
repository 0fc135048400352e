//! Thirty-two bytes with a meaning: transaction ids, block ids, session ids; and the two hashes that TRON is made of.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use sha3::Keccak256;
use thiserror::Error;

/// SHA-256, TRON's hash of transactions and headers.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Keccak-256 as Ethereum and the TVM use it (not the later SHA3-256).
#[must_use]
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// Why a text is not a 32-byte value in hex.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HashError {
    /// Not 64 characters.
    #[error("{found} characters, where 64 hex digits are wanted")]
    Length {
        /// How many there were.
        found: usize,
    },
    /// A character outside `0-9a-fA-F`.
    #[error("'{character}' at place {place} is no hex digit")]
    NotHex {
        /// The character.
        character: char,
        /// Counted from one.
        place: usize,
    },
}

fn parse(text: &str) -> Result<[u8; 32], HashError> {
    if let Some((index, character)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit()) {
        return Err(HashError::NotHex { character, place: index + 1 });
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| HashError::Length { found: text.len() })?;
    Ok(bytes)
}

struct HexVisitor(&'static str);

impl de::Visitor<'_> for HexVisitor {
    type Value = [u8; 32];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as 64 hex digits", self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; 32], E> {
        parse(text).map_err(E::custom)
    }
}

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From the bytes themselves.
            #[must_use]
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The bytes, by value.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 32] {
                self.0
            }

            /// From exactly 32 bytes.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = HashError;

            /// 64 hex digits, no `0x`, no blanks.
            fn from_str(text: &str) -> Result<Self, HashError> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(HexVisitor($what)).map(Self)
            }
        }
    };
}

hash! {
    /// Any 32-byte value that has no name of its own here: a leaf, a root, a session id, a hash of papers.
    Hash32, "a 32-byte value"
}
hash! {
    /// The identity of a transaction: SHA-256 of its raw data. Signatures are outside of it, so nobody can change it by
    /// re-signing (TransactionCapsule.getRawHash).
    TxId, "a transaction id"
}
hash! {
    /// The identity of a block: its number in the first eight bytes, the tail of the header's SHA-256 behind.
    BlockId, "a block id"
}

impl TxId {
    /// The id that these raw bytes have.
    #[must_use]
    pub fn of_raw_data(raw_data: &[u8]) -> Self {
        Self(sha256(raw_data))
    }
}

impl BlockId {
    /// The block's number, which stands in its id.
    #[must_use]
    pub fn number(&self) -> u64 {
        let mut number = [0; 8];
        number.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(number)
    }

    /// The id of the header with this SHA-256 at this height.
    #[must_use]
    pub fn of(number: u64, header_sha256: &[u8; 32]) -> Self {
        let mut id = *header_sha256;
        id[..8].copy_from_slice(&number.to_be_bytes());
        Self(id)
    }
}

/// What a store looks a transfer up by: the expiration comes first, so that new transfers stand beside each other in an index
/// of millions, where their ids alone would be strewn all over it. The id says the expiration too: it is part of what is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferKey {
    /// The expiration that the transfer's bytes name, unix ms.
    pub expires_at_ms: i64,
    /// Its id.
    pub txid: TxId,
}

/// The block that a transaction leans on (TAPOS): it can only be included in a descendant of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RefBlock {
    /// The block's height.
    pub number: u64,
    /// Its id, which says the height again.
    pub id: BlockId,
}

impl RefBlock {
    /// The reference to a block by its id alone.
    #[must_use]
    pub fn new(id: BlockId) -> Self {
        Self { number: id.number(), id }
    }

    /// `ref_block_bytes`: the low 16 bits of the number.
    #[must_use]
    pub fn bytes(&self) -> [u8; 2] {
        let id = self.id.as_bytes();
        [id[6], id[7]]
    }

    /// `ref_block_hash`: bytes 8 to 16 of the id.
    #[must_use]
    pub fn hash(&self) -> [u8; 8] {
        let mut hash = [0; 8];
        hash.copy_from_slice(&self.id.as_bytes()[8..16]);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_what_it_prints_and_names_what_it_refuses() {
        let id: TxId = "C9449eb0842890e9b5a7aaa8979d8e7ca66a45f61068e56ac92f21433c59008a".parse().unwrap();
        assert_eq!(id.to_string(), "c9449eb0842890e9b5a7aaa8979d8e7ca66a45f61068e56ac92f21433c59008a");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("c944".parse::<TxId>(), Err(HashError::Length { found: 4 }));
        assert_eq!("0xc9".parse::<TxId>(), Err(HashError::NotHex { character: 'x', place: 2 }));
        let quoted = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<TxId>(&quoted).unwrap(), id);
    }

    #[test]
    fn a_block_id_says_its_number() {
        let id = BlockId::of(113_255, &[0xab; 32]);
        assert_eq!(id.number(), 113_255);
        assert_eq!(RefBlock::new(id).bytes(), [0xba, 0x67]);
        assert_eq!(RefBlock::new(id).hash(), [0xab; 8]);
    }
}
