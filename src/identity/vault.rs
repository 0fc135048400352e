//! The vault: what must be read back and must not stand in the database in clear, under AES-256-GCM (F004-32, D-37).
//!
//! Each text is bound to its place (what kind of entry, which one, which field): sealed text that is moved to another place
//! does not open there. The master key comes from a file of its own and is never shown.

use std::fmt;

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of the master key.
pub const MASTER_KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// Before every sealed text: how it is sealed.
const FORM: &str = "v1";

/// The master key's lock. Debug tells nothing.
#[derive(Clone)]
pub struct Vault {
    cipher: Aes256Gcm,
    key_id: String,
}

/// Why something does not open, or can not be sealed. What it was is in no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VaultError {
    /// Not 32 bytes.
    #[error("a master key has 32 bytes: 44 characters of base64, as `payoutd keys new master` writes it")]
    NotAMasterKey,
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// Another master key sealed it.
    #[error(
        "it was sealed with the master key {sealed_with}, and the one that is configured is {configured}"
    )]
    OtherKey {
        /// The key's short name, as it stands in the sealed text.
        sealed_with: String,
        /// That of the key at hand.
        configured: String,
    },
    /// It is not what was sealed here.
    #[error("it is not what was sealed in this place")]
    Tampered,
}

impl Vault {
    /// The vault of a master key.
    ///
    /// # Errors
    /// When the text is not 32 bytes of base64.
    pub fn of_base64(text: &str) -> Result<Self, VaultError> {
        let bytes =
            Zeroizing::new(BASE64_STANDARD.decode(text.trim()).map_err(|_| VaultError::NotAMasterKey)?);
        let cipher = Aes256Gcm::new_from_slice(&bytes).map_err(|_| VaultError::NotAMasterKey)?;
        let key_id = hex::encode(&Sha256::digest([b"payoutd master key id", bytes.as_slice()].concat())[..4]);
        Ok(Self { cipher, key_id })
    }

    /// The key's short name.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Seals a text for a place, such as `api_key/ID/secret`.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn seal(&self, place: &str, clear: &str) -> Result<String, VaultError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
        let payload = Payload { msg: clear.as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| VaultError::Tampered)?;
        let bytes = [nonce.as_slice(), &sealed].concat();
        Ok(format!("{FORM}:{}:{}", self.key_id, BASE64_STANDARD.encode(bytes)))
    }

    /// Opens what was sealed for a place.
    ///
    /// # Errors
    /// When another key sealed it, another place is meant or a byte of it is another.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Zeroizing<String>, VaultError> {
        let mut parts = sealed.splitn(3, ':');
        let (Some(FORM), Some(key_id), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VaultError::Tampered);
        };
        if key_id != self.key_id {
            let (sealed_with, configured) = (key_id.to_owned(), self.key_id.clone());
            return Err(VaultError::OtherKey { sealed_with, configured });
        }
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| VaultError::Tampered)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::Tampered)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let clear = self.cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| VaultError::Tampered)?;
        let clear = Zeroizing::new(clear);
        let text = std::str::from_utf8(&clear).map_err(|_| VaultError::Tampered)?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::of_base64(&BASE64_STANDARD.encode([byte; MASTER_KEY_BYTES])).unwrap()
    }

    /// F004-32: what is sealed opens in its place with its key, and nowhere else.
    #[test]
    fn what_is_sealed_opens_in_its_own_place_alone() {
        let (own, other) = (vault(1), vault(2));
        let sealed = own.seal("api_key/1/secret", "canary").unwrap();
        assert!(!sealed.contains("canary"));
        assert_eq!(own.open("api_key/1/secret", &sealed).unwrap().as_str(), "canary");
        assert_eq!(own.open("api_key/2/secret", &sealed), Err(VaultError::Tampered));
        assert!(matches!(other.open("api_key/1/secret", &sealed), Err(VaultError::OtherKey { .. })));
        let mut changed = sealed.into_bytes();
        let last = changed.len() - 6;
        changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(own.open("api_key/1/secret", &changed), Err(VaultError::Tampered));
        for wrong in ["", "v1", "v1:x", "v2:00:AA==", &format!("v1:{}:AA==", own.key_id())] {
            assert!(own.open("p", wrong).is_err(), "{wrong}");
        }
    }

    /// The same text is never sealed to the same bytes, and a key that is none is told so.
    #[test]
    fn two_seals_of_one_text_differ_and_a_short_key_is_no_key() {
        let vault = vault(3);
        assert_ne!(vault.seal("p", "x").unwrap(), vault.seal("p", "x").unwrap());
        for wrong in ["", "AAAA", "not base64", &BASE64_STANDARD.encode([0; 31])] {
            assert_eq!(Vault::of_base64(wrong).unwrap_err(), VaultError::NotAMasterKey, "{wrong}");
        }
        assert!(!format!("{vault:?}").contains("AwMD"));
    }
}
