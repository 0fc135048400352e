//! Bytes of a fixed length that people read as hex: hashes and signatures. A blob column in the store, hex in JSON.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

/// A SHA-256 hash: of a row, of a seal, or the root of a run of rows.
pub type Hash = HexBytes<32>;

/// An Ed25519 signature (RFC 8032) as it is stored.
pub type SignatureBytes = HexBytes<64>;

/// `N` bytes, shown as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HexBytes<const N: usize>([u8; N]);

impl<const N: usize> HexBytes<N> {
    /// All zero: what the first seal names as the hash of the seal before it.
    pub const ZERO: Self = Self([0; N]);

    /// Takes the bytes as they are.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// Takes a column of the store. A column of another length is damage, and becomes [`Self::ZERO`], which nothing hashes to: so
    /// the verifier names the row or seal, where an error would stop the reading at the first one.
    pub fn from_stored(column: &[u8]) -> Self {
        <[u8; N]>::try_from(column).map_or(Self::ZERO, Self)
    }

    /// Reads exactly `2 * N` lower-case hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; N];
        let lower = !text.bytes().any(|digit| digit.is_ascii_uppercase());
        (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(Self(bytes))
    }

    /// The bytes, for a blob column.
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// Lower-case hex.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl Hash {
    /// SHA-256 of the parts, one after the other.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut sha256 = Sha256::new();
        for part in parts {
            sha256.update(part);
        }
        Self(sha256.finalize().into())
    }
}

impl<const N: usize> fmt::Display for HexBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl<const N: usize> fmt::Debug for HexBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<const N: usize> Serialize for HexBytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de, const N: usize> Deserialize<'de> for HexBytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| D::Error::custom(format!("not {} lower-case hex digits", 2 * N)))
    }
}
