//! The journal's Ed25519 key (RFC 8032): the one thing that an attacker with the whole database does not have.

use std::fmt;

use ed25519_dalek::{
    Signature, Signer, SigningKey, VerifyingKey,
    pkcs8::{
        DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
        spki::der::pem::LineEnding,
    },
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::hex_bytes::{Hash, SignatureBytes};

const KEY_BYTES: usize = 32;

/// Why a key file holds no key of the journal (F002-21). The file's contents are in none of the sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Neither of the three forms.
    #[error("the journal key has {bytes} bytes: a key is 32 raw bytes, 64 hex digits, or PEM (PKCS#8)")]
    WrongSize {
        /// What the file holds, blanks around it taken away.
        bytes: usize,
    },
    /// 32 characters would pass for 32 raw bytes, but are half a key in hex, or a password.
    #[error("the journal key is 32 characters of text: a key is 32 random bytes, which are 64 hex digits")]
    Text,
    /// The right length, but other characters.
    #[error("the journal key has 64 characters that are not all hex digits")]
    NotHex,
    /// Locked with a password.
    #[error("the journal key is encrypted PEM: store it unencrypted in a file that only payoutd can read")]
    Encrypted,
    /// The other half of the pair.
    #[error("this file holds a public key: the journal signs, so it needs the private key")]
    PublicKeyOnly,
    /// Another kind of key, a wrong length inside, or damage.
    #[error("the PEM file holds no Ed25519 private key (PKCS#8, RFC 8410)")]
    NotEd25519,
    /// A public key that is no point of the curve, or one that anybody can sign for.
    #[error("not an Ed25519 public key: 64 hex digits or PEM")]
    NotAPublicKey,
    /// The PEM writer gave up; it has no reason to.
    #[error("the key could not be written as PEM")]
    Unwritable,
}

/// The private key. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct JournalKey {
    signing: SigningKey,
    public: JournalPublicKey,
}

impl JournalKey {
    /// A key from 32 random bytes that the caller drew: how a fresh key is made.
    pub fn from_seed(seed: &[u8; KEY_BYTES]) -> Self {
        Self::from(SigningKey::from_bytes(seed))
    }

    /// Reads a key file: PEM (PKCS#8), 32 raw bytes, or 64 hex digits with blanks around them ignored (F002-21).
    pub fn from_file_bytes(file: &[u8]) -> Result<Self, KeyError> {
        if let Ok(raw) = <&[u8; KEY_BYTES]>::try_from(file) {
            let text = raw.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
            return if text { Err(KeyError::Text) } else { Ok(Self::from_seed(raw)) };
        }
        let text = file.trim_ascii();
        if text.starts_with(b"-----BEGIN ") {
            return Self::from_pem(text);
        }
        match text.len() {
            KEY_BYTES => Err(KeyError::Text),
            length if length == 2 * KEY_BYTES => {
                let mut seed = Zeroizing::new([0; KEY_BYTES]);
                hex::decode_to_slice(text, seed.as_mut_slice()).map_err(|_| KeyError::NotHex)?;
                Ok(Self::from_seed(&seed))
            }
            bytes => Err(KeyError::WrongSize { bytes }),
        }
    }

    fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let pem = std::str::from_utf8(pem).map_err(|_| KeyError::NotEd25519)?;
        if pem.starts_with("-----BEGIN ENCRYPTED ") {
            return Err(KeyError::Encrypted);
        }
        if pem.starts_with("-----BEGIN PUBLIC ") {
            return Err(KeyError::PublicKeyOnly);
        }
        SigningKey::from_pkcs8_pem(pem).map(Self::from).map_err(|_| KeyError::NotEd25519)
    }

    /// The key as PEM (PKCS#8 version 1, the form that OpenSSL reads and writes), for `payoutd keys new journal`.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let pair = KeypairBytes { secret_key: self.signing.to_bytes(), public_key: None };
        pair.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Unwritable)
    }

    /// The half that everybody may know.
    pub fn public_key(&self) -> &JournalPublicKey {
        &self.public
    }

    /// Signs `message` under a `domain` line, so that a signature for one purpose never passes for another.
    pub(super) fn sign(&self, domain: &str, message: &[u8]) -> SignatureBytes {
        SignatureBytes::new(self.signing.sign(&[domain.as_bytes(), message].concat()).to_bytes())
    }
}

impl From<SigningKey> for JournalKey {
    fn from(signing: SigningKey) -> Self {
        let public = JournalPublicKey::from(signing.verifying_key());
        Self { signing, public }
    }
}

impl fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalKey({}, private part redacted)", self.public.key_id)
    }
}

/// The public key, published at `/v1/audit/pubkey`.
#[derive(Clone, PartialEq, Eq)]
pub struct JournalPublicKey {
    verifying: VerifyingKey,
    key_id: String,
}

impl JournalPublicKey {
    /// Reads 64 hex digits or PEM (SubjectPublicKeyInfo), blanks around them ignored.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let verifying = if text.starts_with("-----BEGIN ") {
            VerifyingKey::from_public_key_pem(text).map_err(|_| KeyError::NotAPublicKey)?
        } else {
            let mut bytes = [0; KEY_BYTES];
            hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::NotAPublicKey)?;
            VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotAPublicKey)?
        };
        if verifying.is_weak() { Err(KeyError::NotAPublicKey) } else { Ok(Self::from(verifying)) }
    }

    /// The key as 64 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.verifying.as_bytes())
    }

    /// The key as PEM, as `openssl pkey -pubin` reads it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.verifying.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Unwritable)
    }

    /// Its short name: the first 16 hex digits of the SHA-256 of its 32 bytes.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Whether `signature` is this key's over `message` under that `domain`.
    pub(super) fn has_signed(&self, domain: &str, message: &[u8], signature: &SignatureBytes) -> bool {
        let signature = Signature::from_bytes(signature.as_bytes());
        self.verifying.verify_strict(&[domain.as_bytes(), message].concat(), &signature).is_ok()
    }
}

impl From<VerifyingKey> for JournalPublicKey {
    fn from(verifying: VerifyingKey) -> Self {
        let key_id = Hash::of(&[verifying.as_bytes()]).to_hex()[..16].to_owned();
        Self { verifying, key_id }
    }
}

impl fmt::Display for JournalPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for JournalPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalPublicKey({self})")
    }
}
