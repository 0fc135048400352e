//! Seals: each covers the next unbroken run of rows, hangs on the seal before it, and is signed.

use thiserror::Error;

use super::{
    canonical::ObjectWriter,
    hex_bytes::{Hash, SignatureBytes},
    key::{JournalKey, JournalPublicKey},
    merkle::RunningRoot,
    record::JournalRecord,
};

/// Rows under one seal, at most: so many are hashed between two looks at the mailbox.
pub const SEAL_ROWS_MAX: u64 = 4096;

/// Set before a seal's canonical form when it is hashed: neither a leaf (0x00) nor an inner node (0x01) of the rows' trees.
const SEAL: &[u8] = &[0x02];
const SIGNATURE_DOMAIN: &str = "payoutd seal v1\n";

/// The end of the chain: what the next seal hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// The last seal's number; 0 before the first.
    pub seal_no: i64,
    /// The last row under a seal; 0 before the first.
    pub last_seq: i64,
    /// The last seal's hash; 32 zero bytes before the first.
    pub hash: Hash,
}

impl ChainHead {
    /// Where every chain begins.
    pub const GENESIS: Self = Self { seal_no: 0, last_seq: 0, hash: Hash::ZERO };
}

/// A seal as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// 1 for the first seal, without gaps.
    pub seal_no: i64,
    /// The first row that it covers.
    pub first_seq: i64,
    /// The last row that it covers.
    pub last_seq: i64,
    /// Merkle root (RFC 6962) over the hashes of those rows.
    pub records_root: Hash,
    /// The hash of the seal before it; unique in the store, so the chain cannot fork.
    pub prev_hash: Hash,
    /// SHA-256 over 0x02 and the canonical JSON of the other columns and the store's id, without the signature.
    pub hash: Hash,
    /// When it was made, unix milliseconds.
    pub sealed_at_ms: i64,
    /// Whose signature it bears ([`JournalPublicKey::key_id`]).
    pub key_id: String,
    /// Ed25519 over the line `payoutd seal v1` and the same canonical JSON.
    pub signature: SignatureBytes,
}

impl Seal {
    /// What the next seal hangs on.
    pub fn head(&self) -> ChainHead {
        ChainHead { seal_no: self.seal_no, last_seq: self.last_seq, hash: self.hash }
    }

    /// Whether the hash matches the columns.
    pub fn hash_matches(&self, store_id: &str) -> bool {
        self.hash == Hash::of(&[SEAL, &self.canonical(store_id)])
    }

    /// Whether `key` signed these columns for that store (F002-19).
    pub fn signed_by(&self, key: &JournalPublicKey, store_id: &str) -> bool {
        key.has_signed(SIGNATURE_DOMAIN, &self.canonical(store_id), &self.signature)
    }

    /// What is hashed and signed. The store's id is part of it, so that a seal of one store means nothing in another.
    fn canonical(&self, store_id: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(400);
        ObjectWriter::new(&mut out)
            .integer("first_seq", self.first_seq)
            .string("key_id", &self.key_id)
            .integer("last_seq", self.last_seq)
            .string("prev_hash", &self.prev_hash.to_hex())
            .string("records_root", &self.records_root.to_hex())
            .integer("seal_no", self.seal_no)
            .integer("sealed_at_ms", self.sealed_at_ms)
            .string("store_id", store_id)
            .end();
        out
    }
}

/// Why a row does not go under the seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// A gap, a repeated row or a wrong order: the store is not to be trusted.
    #[error("row {expected} is next to be sealed, but row {found} came")]
    NotTheNextRow {
        /// The number that continues the run.
        expected: i64,
        /// The number that came.
        found: i64,
    },
    /// A seal would bless the change.
    #[error("row {seq} is not sealed: its hash does not match its columns")]
    RowChanged {
        /// The row.
        seq: i64,
    },
    /// Close this run and begin another.
    #[error("a seal covers at most {SEAL_ROWS_MAX} rows")]
    RunFull,
}

/// A run of rows on its way under a seal. The AuditWriter pushes committed rows in order and closes the run.
#[derive(Debug, Clone)]
pub struct SealRun {
    head: ChainHead,
    last_seq: i64,
    rows: RunningRoot,
    buffer: Vec<u8>,
}

impl SealRun {
    /// Begins after the last seal, or at [`ChainHead::GENESIS`].
    pub fn after(head: ChainHead) -> Self {
        Self { head, last_seq: head.last_seq, rows: RunningRoot::default(), buffer: Vec::new() }
    }

    /// Takes the next row. A row that is not the next one, or whose hash is not its own, is refused and nothing changes.
    pub fn push(&mut self, row: &JournalRecord) -> Result<(), SealError> {
        let expected = self.last_seq.saturating_add(1);
        if row.seq != expected {
            return Err(SealError::NotTheNextRow { expected, found: row.seq });
        }
        if self.is_full() {
            return Err(SealError::RunFull);
        }
        if row.hash != row.hash_through(&mut self.buffer) {
            return Err(SealError::RowChanged { seq: row.seq });
        }
        self.rows.push(row.hash);
        self.last_seq = row.seq;
        Ok(())
    }

    /// How many rows wait under it.
    pub fn rows(&self) -> u64 {
        self.rows.leaves()
    }

    /// Whether it must be closed before the next row.
    pub fn is_full(&self) -> bool {
        self.rows() >= SEAL_ROWS_MAX
    }

    /// Seals the run; `None` if it holds no rows.
    pub fn close(self, store_id: &str, key: &JournalKey, sealed_at_ms: i64) -> Option<Seal> {
        if self.rows() == 0 {
            return None;
        }
        let mut seal = Seal {
            seal_no: self.head.seal_no.saturating_add(1),
            first_seq: self.head.last_seq.saturating_add(1),
            last_seq: self.last_seq,
            records_root: self.rows.root(),
            prev_hash: self.head.hash,
            hash: Hash::ZERO,
            sealed_at_ms,
            key_id: key.public_key().key_id().to_owned(),
            signature: SignatureBytes::ZERO,
        };
        let canonical = seal.canonical(store_id);
        seal.hash = Hash::of(&[SEAL, &canonical]);
        seal.signature = key.sign(SIGNATURE_DOMAIN, &canonical);
        Some(seal)
    }
}
