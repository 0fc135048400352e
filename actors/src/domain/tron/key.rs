//! The key that moves money, and signatures: RFC 6979 nonces, low s, recovery.
//!
//! Promises: a key is wiped when dropped and never printed, not even by `Debug`; the same digest gives the same signature
//! always, so a crash between signing and filing costs nothing.
//!
//! **Never here:** where a key comes from (a file, a vault) and what may be signed.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use k256::ecdsa::{RecoveryId, SigningKey, VerifyingKey};
use serde::{Serialize, Serializer};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::address::Address;

/// Bytes of a signature: r, s and v.
pub const SIGNATURE_LEN: usize = 65;

/// A secp256k1 private key. Wiped on drop.
#[derive(Clone)]
pub struct PrivateKey {
    signing: SigningKey,
    address: Address,
}

/// Why a text is not a private key. Never says a character of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Nothing but blanks.
    #[error("the key is empty; 64 hex digits are wanted")]
    Empty,
    /// Not 64 digits.
    #[error("the key has {found} characters; 64 hex digits are wanted, without 0x")]
    Length {
        /// How many there were, blanks around left out.
        found: usize,
    },
    /// Something that is no hex digit.
    #[error("the key holds something else than hex digits; 64 of them are wanted, without 0x")]
    NotHex,
    /// Zero, or not below the order of the curve.
    #[error("the number is no private key of secp256k1: it is zero or too large")]
    OutOfRange,
}

impl PrivateKey {
    /// From 64 hex digits; blanks around are ignored, as files end with a newline.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        let digits = text.trim();
        if digits.is_empty() {
            return Err(KeyError::Empty);
        }
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(KeyError::NotHex);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, bytes.as_mut_slice())
            .map_err(|_| KeyError::Length { found: digits.len() })?;
        Self::from_bytes(&bytes)
    }

    /// From the 32 bytes of the scalar.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let signing = SigningKey::from_slice(bytes).map_err(|_| KeyError::OutOfRange)?;
        let address = address_of(signing.verifying_key());
        Ok(Self { signing, address })
    }

    /// The account that this key owns.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Signs a 32-byte digest as it stands, without hashing it again.
    #[must_use]
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        let (signature, recovery) = self.signing.sign_prehash_recoverable(digest);
        let mut bytes = [0; SIGNATURE_LEN];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = 27 + recovery.to_byte();
        Signature(bytes)
    }

    /// A secret for another purpose, from which nobody learns this one: HMAC-SHA256 of a label under the key.
    #[must_use]
    pub fn derive_key(&self, label: &str) -> [u8; 32] {
        hmac_sha256(&self.scalar(), &[label.as_bytes()])
    }

    /// The key as hex, for the file of a fresh key and for the sandbox's funded accounts. The text is wiped on drop.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.scalar()))
    }

    fn scalar(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes().into())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {}, ••••)", self.address)
    }
}

/// HMAC-SHA256 over the parts, one after the other.
pub(crate) fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // RFC 2104 fills a short key with zeros up to the hash's block, 64 bytes; done here, nothing can fail.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// r, s and v, 65 bytes; v is 27 or 28 as tronweb writes it, and 0 or 1 are read as well.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; SIGNATURE_LEN]);

/// Why a signature names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Not 65 bytes.
    #[error("{found} bytes, where a signature has 65")]
    Length {
        /// How many there were.
        found: usize,
    },
    /// v is none of 0, 1, 27, 28 (and their compressed-key twins 31 to 34, which java-tron takes).
    #[error("the signature's v is {found}, where 27 or 28 is wanted")]
    RecoveryId {
        /// The byte found.
        found: u8,
    },
    /// r or s is zero or too large, or no public key fits.
    #[error("no public key fits the signature")]
    NoKey,
}

impl Signature {
    /// From bytes as they stand; what they mean shows in [`Signature::signer`].
    #[must_use]
    pub const fn new(bytes: [u8; SIGNATURE_LEN]) -> Self {
        Self(bytes)
    }

    /// From exactly 65 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, SignatureError> {
        bytes.try_into().map(Self).map_err(|_| SignatureError::Length { found: bytes.len() })
    }

    /// From the three parts that a contract takes.
    #[must_use]
    pub fn from_parts(v: u8, r: &[u8; 32], s: &[u8; 32]) -> Self {
        let mut bytes = [0; SIGNATURE_LEN];
        bytes[..32].copy_from_slice(r);
        bytes[32..64].copy_from_slice(s);
        bytes[64] = v;
        Self(bytes)
    }

    /// The 65 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SIGNATURE_LEN] {
        &self.0
    }

    /// r, the first 32 bytes.
    #[must_use]
    pub fn r(&self) -> [u8; 32] {
        let mut r = [0; 32];
        r.copy_from_slice(&self.0[..32]);
        r
    }

    /// s, the second 32 bytes.
    #[must_use]
    pub fn s(&self) -> [u8; 32] {
        let mut s = [0; 32];
        s.copy_from_slice(&self.0[32..64]);
        s
    }

    /// v, the last byte.
    #[must_use]
    pub const fn v(&self) -> u8 {
        self.0[64]
    }

    /// Is s in the lower half, as ours always is? Its mirror image in the upper half names the same signer.
    #[must_use]
    pub fn is_low_s(&self) -> bool {
        k256::ecdsa::Signature::from_slice(&self.0[..64])
            .is_ok_and(|signature| signature.normalize_s() == signature)
    }

    /// Who signed this digest. Takes what java-tron takes: v from 27 to 34, or below 27 with 27 to be added
    /// (ECKey.signatureToKeyBytes); s of either half.
    pub fn signer(&self, digest: &[u8; 32]) -> Result<Address, SignatureError> {
        let signature =
            k256::ecdsa::Signature::from_slice(&self.0[..64]).map_err(|_| SignatureError::NoKey)?;
        let id = RecoveryId::from_byte(self.recovery_id()?)
            .ok_or(SignatureError::RecoveryId { found: self.v() })?;
        let key =
            VerifyingKey::recover_from_prehash(digest, &signature, id).map_err(|_| SignatureError::NoKey)?;
        Ok(address_of(&key))
    }

    fn recovery_id(&self) -> Result<u8, SignatureError> {
        let v = self.v();
        let header = if v < 27 { v.wrapping_add(27) } else { v };
        match header {
            27..=30 => Ok(header - 27),
            31..=34 => Ok(header - 31),
            _ => Err(SignatureError::RecoveryId { found: v }),
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Who signed this digest.
pub fn recover(digest: &[u8; 32], signature: &Signature) -> Result<Address, SignatureError> {
    signature.signer(digest)
}

fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    let mut xy = [0; 64];
    if let Some(bytes) = point.as_bytes().get(1..65) {
        xy.copy_from_slice(bytes);
    }
    Address::of_public_key(&xy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secp256k1::{Message, SecretKey, ecdsa::RecoverableSignature};

    const ONE: &str = "0000000000000000000000000000000000000000000000000000000000000001";

    #[test]
    fn a_key_is_never_printed() {
        let key = PrivateKey::from_hex(&"7".repeat(64)).unwrap();
        let shown = format!("{key:?}");
        assert!(!shown.contains("777"), "{shown}");
        assert!(shown.contains(&key.address().to_string()));
    }

    #[test]
    fn each_bad_key_is_refused_for_its_own_reason() {
        assert_eq!(PrivateKey::from_hex(" \n").err(), Some(KeyError::Empty));
        assert_eq!(PrivateKey::from_hex("12").err(), Some(KeyError::Length { found: 2 }));
        assert_eq!(PrivateKey::from_hex(&format!("0x{ONE}")).err(), Some(KeyError::NotHex));
        assert_eq!(PrivateKey::from_hex(&"0".repeat(64)).err(), Some(KeyError::OutOfRange));
        assert_eq!(PrivateKey::from_hex(&"f".repeat(64)).err(), Some(KeyError::OutOfRange));
        let key = PrivateKey::from_hex(&format!("  {ONE}\r\n")).unwrap();
        assert_eq!(key.address().to_string(), "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC");
        assert_eq!(key.to_hex().as_str(), ONE);
    }

    #[test]
    fn secrets_for_other_purposes_differ_by_label() {
        let key = PrivateKey::from_hex(ONE).unwrap();
        assert_ne!(key.derive_key("fingerprint"), key.derive_key("orders"));
        assert_eq!(key.derive_key("fingerprint"), key.derive_key("fingerprint"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn libsecp256k1_signs_the_same_bytes(scalar in any::<[u8; 32]>(), digest in any::<[u8; 32]>()) {
            let (Ok(key), Ok(secret)) = (PrivateKey::from_bytes(&scalar), SecretKey::from_secret_bytes(scalar)) else { return Ok(()) };
            let oracle = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest), &secret);
            let (id, rs) = oracle.serialize_compact();
            let signature = key.sign(&digest);
            prop_assert_eq!(&signature.as_bytes()[..64], &rs[..]);
            prop_assert_eq!(i32::from(signature.v()) - 27, i32::from(id.to_u8()));
            prop_assert!(signature.is_low_s());
            prop_assert_eq!(signature.signer(&digest), Ok(key.address()));
        }

        #[test]
        fn no_signature_makes_recovery_fall_over(r in any::<[u8; 32]>(), s in any::<[u8; 32]>(), v in any::<u8>(), digest in any::<[u8; 32]>()) {
            let _ = Signature::from_parts(v, &r, &s).signer(&digest);
        }
    }
}
