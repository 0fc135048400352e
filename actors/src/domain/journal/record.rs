//! One row of the journal, and the draft that becomes one when the store gives it its place.

use std::borrow::Cow;

use super::{body::Body, canonical::ObjectWriter, hex_bytes::Hash};

/// A row's hash is the hash of a Merkle leaf: RFC 6962 §2.1 sets 0x00 before a leaf, 0x01 before an inner node.
const LEAF: u8 = 0x00;

/// What a step of the life cycle wants written down. The store turns it into a row inside the step's own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalDraft {
    /// When it happened, unix milliseconds, by the house's clock.
    pub at_ms: i64,
    /// What happened, one word in the past tense: `payout_admitted`.
    pub kind: &'static str,
    /// The payout that it happened to, if it was one.
    pub payout_id: Option<String>,
    /// Everything else.
    pub body: Body,
}

impl JournalDraft {
    /// A draft about the house itself; [`Self::about`] makes it one about a payout.
    pub fn new(at_ms: i64, kind: &'static str, body: Body) -> Self {
        Self { at_ms, kind, payout_id: None, body }
    }

    /// Names the payout.
    #[must_use]
    pub fn about(mut self, payout_id: impl ToString) -> Self {
        self.payout_id = Some(payout_id.to_string());
        self
    }

    /// The hash of the row that it becomes at a place, with a buffer to use again.
    pub fn hash_at(&self, seq: i64, buffer: &mut Vec<u8>) -> Hash {
        hash_of(buffer, self.at_ms, &self.body, self.kind, self.payout_id.as_deref(), seq)
    }

    /// Becomes the row number `seq`. Rows are numbered 1, 2, 3 … in commit order, inside the transaction that writes them.
    pub fn into_record(self, seq: i64) -> JournalRecord {
        let Self { at_ms, kind, payout_id, body } = self;
        let mut record =
            JournalRecord { seq, at_ms, kind: Cow::Borrowed(kind), payout_id, body, hash: Hash::ZERO };
        record.hash = record.computed_hash();
        record
    }
}

/// A row as it stands in the store: these six columns and no others. Whole numbers are signed as in SQL, so that a row that
/// someone spoiled can still be read and named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// Its place: 1 for the first row, without gaps.
    pub seq: i64,
    /// When it happened, unix milliseconds.
    pub at_ms: i64,
    /// What happened.
    pub kind: Cow<'static, str>,
    /// The payout that it happened to, if it was one.
    pub payout_id: Option<String>,
    /// Everything else, canonical JSON.
    pub body: Body,
    /// SHA-256 over 0x00 and the canonical JSON of the five columns above.
    pub hash: Hash,
}

impl JournalRecord {
    /// A row as the store reads it: the columns as they are, trusted in nothing.
    pub fn from_columns(
        seq: i64,
        at_ms: i64,
        kind: String,
        payout_id: Option<String>,
        body: String,
        hash: &[u8],
    ) -> Self {
        let (kind, body, hash) = (Cow::Owned(kind), Body::from_stored(body), Hash::from_stored(hash));
        Self { seq, at_ms, kind, payout_id, body, hash }
    }

    /// The hash that these columns ought to have.
    pub fn computed_hash(&self) -> Hash {
        self.hash_through(&mut Vec::with_capacity(256 + self.body.as_str().len()))
    }

    /// As [`Self::computed_hash`], with a buffer to use again: the verifier reads millions of rows.
    pub(super) fn hash_through(&self, buffer: &mut Vec<u8>) -> Hash {
        hash_of(buffer, self.at_ms, &self.body, &self.kind, self.payout_id.as_deref(), self.seq)
    }
}

/// SHA-256 over 0x00 and the canonical JSON of a row's other five columns.
fn hash_of(
    buffer: &mut Vec<u8>,
    at_ms: i64,
    body: &Body,
    kind: &str,
    payout_id: Option<&str>,
    seq: i64,
) -> Hash {
    buffer.clear();
    buffer.push(LEAF);
    ObjectWriter::new(buffer)
        .integer("at_ms", at_ms)
        .canonical("body", body.as_str())
        .string("kind", kind)
        .string_or_null("payout_id", payout_id)
        .integer("seq", seq)
        .end();
    Hash::of(&[buffer])
}
