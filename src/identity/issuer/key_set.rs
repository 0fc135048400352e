//! An issuer's public keys (RFC 7517), read strictly, and what is verified with them.
//!
//! The key says the algorithm, never the token: a token of another algorithm, of none, or of a key that is not here is not believed.
//! What is no key that is taken (another type, another curve, too short, for encryption) is left out; the rest counts.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// A longer document is none that is read.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// So many keys stand in a document at most.
pub const KEYS_MAX: usize = 32;
/// A longer name is no key's.
const KEY_ID_BYTES_MAX: usize = 256;
/// A longer text is no token that is read.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// The types of token that are taken (RFC 9068 §2.1, RFC 7519 §5.1); one without a type is, too.
const TYPES: [&str; 4] = ["at+jwt", "application/at+jwt", "jwt", "application/jwt"];

/// Why a document is no set of keys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotKeys {
    /// It is longer than is read.
    #[error("it is longer than {DOCUMENT_BYTES_MAX} bytes")]
    TooLong,
    /// It is no JWKS.
    #[error("it is no JSON object with a list `keys`")]
    NotASet,
    /// There are more than are read.
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
    /// None of its keys is one that is taken.
    #[error(
        "none of its keys is one that is taken: Ed25519, P-256 or RSA of {rsa_bits_min} bits, for signatures, with a kid"
    )]
    NoneTaken {
        /// The least length of an RSA key.
        rsa_bits_min: u32,
    },
}

/// What an issuer's token says, once it is verified. Nothing else of it is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Claims {
    /// Whom it is about, in the issuer's words.
    pub(super) sub: String,
    /// From when on it is good, unix seconds.
    #[serde(default)]
    pub(super) nbf: Option<i64>,
    /// When it was made.
    pub(super) iat: i64,
    /// When it ends.
    pub(super) exp: i64,
}

/// One key.
struct Key {
    id: String,
    algorithm: Algorithm,
    verifies: DecodingKey,
}

/// The keys of an issuer.
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// The keys of a document.
    ///
    /// # Errors
    /// See [`NotKeys`].
    pub fn read(document: &[u8], rsa_bits_min: u32) -> Result<Self, NotKeys> {
        if document.len() > DOCUMENT_BYTES_MAX {
            return Err(NotKeys::TooLong);
        }
        let document: Document = serde_json::from_slice(document).map_err(|_| NotKeys::NotASet)?;
        if document.keys.len() > KEYS_MAX {
            return Err(NotKeys::TooMany);
        }
        let mut keys: Vec<Key> = Vec::new();
        for value in document.keys {
            // Of two with one name the first counts.
            if let Some(key) = Key::of(value, rsa_bits_min)
                && !keys.iter().any(|other| other.id == key.id)
            {
                keys.push(key);
            }
        }
        if keys.is_empty() { Err(NotKeys::NoneTaken { rsa_bits_min }) } else { Ok(Self { keys }) }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Whether a key of this name is among them.
    pub(super) fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id == id)
    }

    /// What a token says that the key which it names has signed, for this issuer and this audience. Times are the caller's matter.
    pub(super) fn verify(&self, token: &str, issuer: &str, audience: &str) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        let typ = header.typ.as_deref().map(str::to_ascii_lowercase);
        let is_taken = typ.is_none_or(|typ| TYPES.contains(&typ.as_str()));
        // What must be understood, and is not, makes a token none (RFC 7515 §4.1.11).
        if !is_taken || header.crit.is_some() {
            return None;
        }
        let key = self.keys.iter().find(|key| Some(&key.id) == header.kid.as_ref())?;
        if header.alg != key.algorithm {
            return None;
        }
        let mut wanted = Validation::new(key.algorithm);
        wanted.set_audience(&[audience]);
        wanted.set_issuer(&[issuer]);
        wanted.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // By the house's own clock, which the library does not know.
        wanted.validate_exp = false;
        wanted.validate_nbf = false;
        decode(token, &key.verifies, &wanted).ok().map(|token| token.claims)
    }
}

impl Key {
    fn of(value: Value, rsa_bits_min: u32) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let common = &jwk.common;
        let is_for_signatures =
            !matches!(&common.public_key_use, Some(found) if *found != PublicKeyUse::Signature);
        let verifies = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            AlgorithmParameters::RSA(rsa) if bits(&rsa.n)? >= rsa_bits_min => Algorithm::RS256,
            _ => return None,
        };
        let agrees = common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
        let id = common.key_id.clone().filter(|id| (1..=KEY_ID_BYTES_MAX).contains(&id.len()))?;
        if !is_for_signatures || !verifies || !agrees {
            return None;
        }
        Some(Self { id, algorithm, verifies: DecodingKey::from_jwk(&jwk).ok()? })
    }
}

/// The length of a number in base64url, bits.
fn bits(number: &str) -> Option<u32> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(number).ok()?;
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let whole = u32::try_from(bytes.len() - first).ok()?.checked_mul(8)?;
    Some(whole - bytes.get(first)?.leading_zeros())
}

/// The key that a token names; `None` where it names none.
pub(super) fn key_id_of(token: &str) -> Option<String> {
    decode_header(token).ok()?.kid.filter(|id| (1..=KEY_ID_BYTES_MAX).contains(&id.len()))
}

/// The issuer that a token names, before anything of it is verified: by whose keys it is to be verified, and nothing more.
pub(super) fn issuer_of(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        iss: String,
    }
    let claims = token.split('.').nth(1).filter(|_| token.len() <= TOKEN_BYTES_MAX)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice::<Named>(&claims).ok().map(|named| named.iss)
}
