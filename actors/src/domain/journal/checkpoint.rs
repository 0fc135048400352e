//! A checkpoint: one seal, stated and signed for people outside. Kept elsewhere, it shows that the journal's end was cut off or
//! its past rewritten, even by someone who holds the key.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    canonical::ObjectWriter,
    hex_bytes::{Hash, SignatureBytes},
    key::{JournalKey, JournalPublicKey, KeyError},
    seal::{ChainHead, Seal},
};

/// The first word of every checkpoint; another one means another reader.
pub const CHECKPOINT_FORMAT: &str = "payoutd-checkpoint/1";

const SIGNATURE_DOMAIN: &str = "payoutd checkpoint v1\n";

/// A signed statement: "in this store, rows 1 to `last_seq` stand under seal `seal_no`, whose hash is `seal_hash`". Of one seal and
/// one key there is exactly one checkpoint, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// [`CHECKPOINT_FORMAT`].
    pub format: String,
    /// Whose signature it bears.
    pub key_id: String,
    /// The last row under the seal; the journal's first row is 1, so this is also how many rows there were.
    pub last_seq: i64,
    /// The signer's public key, 64 hex digits. It proves nothing by itself: compare it with the one you know.
    pub public_key: String,
    /// The seal's hash.
    pub seal_hash: Hash,
    /// The seal's number.
    pub seal_no: i64,
    /// When the seal was made, unix milliseconds.
    pub sealed_at_ms: i64,
    /// Ed25519 over the line `payoutd checkpoint v1` and the canonical JSON of the other fields.
    pub signature: SignatureBytes,
    /// The store that it is about.
    pub store_id: String,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// No JSON object with these fields.
    #[error("not a checkpoint: {0}")]
    Unreadable(String),
    /// Written by another version.
    #[error(
        "a checkpoint of the form {found:?} is not known here (this program reads {CHECKPOINT_FORMAT:?})"
    )]
    UnknownFormat {
        /// The form that it names.
        found: String,
    },
    /// Its public key cannot be one.
    #[error("the checkpoint's public key is unusable: {0}")]
    BadKey(#[from] KeyError),
}

impl Checkpoint {
    /// States a seal of `store_id`. `seal` is the last one, sealed under `key` or under a key before it.
    pub fn of(seal: &Seal, store_id: &str, key: &JournalKey) -> Self {
        let mut checkpoint = Self {
            format: CHECKPOINT_FORMAT.to_owned(),
            key_id: key.public_key().key_id().to_owned(),
            last_seq: seal.last_seq,
            public_key: key.public_key().to_hex(),
            seal_hash: seal.hash,
            seal_no: seal.seal_no,
            sealed_at_ms: seal.sealed_at_ms,
            signature: SignatureBytes::ZERO,
            store_id: store_id.to_owned(),
        };
        checkpoint.signature = key.sign(SIGNATURE_DOMAIN, &checkpoint.canonical());
        checkpoint
    }

    /// Reads the JSON text of a checkpoint, in any layout. The signature is not looked at: [`Self::signed_by`] does that.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let checkpoint: Self =
            serde_json::from_str(text).map_err(|error| CheckpointError::Unreadable(error.to_string()))?;
        if checkpoint.format != CHECKPOINT_FORMAT {
            return Err(CheckpointError::UnknownFormat { found: checkpoint.format });
        }
        checkpoint.public_key()?;
        Ok(checkpoint)
    }

    /// The key that it names.
    pub fn public_key(&self) -> Result<JournalPublicKey, KeyError> {
        JournalPublicKey::parse(&self.public_key)
    }

    /// Whether `key` signed it.
    pub fn signed_by(&self, key: &JournalPublicKey) -> bool {
        self.public_key == key.to_hex()
            && self.key_id == key.key_id()
            && key.has_signed(SIGNATURE_DOMAIN, &self.canonical(), &self.signature)
    }

    /// The end of the chain that it states.
    pub fn head(&self) -> ChainHead {
        ChainHead { seal_no: self.seal_no, last_seq: self.last_seq, hash: self.seal_hash }
    }

    fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(400);
        self.write_before_signature(ObjectWriter::new(&mut out)).string("store_id", &self.store_id).end();
        out
    }

    fn write_before_signature<'a>(&self, object: ObjectWriter<'a>) -> ObjectWriter<'a> {
        object
            .string("format", &self.format)
            .string("key_id", &self.key_id)
            .integer("last_seq", self.last_seq)
            .string("public_key", &self.public_key)
            .string("seal_hash", &self.seal_hash.to_hex())
            .integer("seal_no", self.seal_no)
            .integer("sealed_at_ms", self.sealed_at_ms)
    }
}

/// One line of canonical JSON: what `payoutd audit checkpoint` prints.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(600);
        self.write_before_signature(ObjectWriter::new(&mut out))
            .string("signature", &self.signature.to_hex())
            .string("store_id", &self.store_id)
            .end();
        f.write_str(&String::from_utf8_lossy(&out))
    }
}
