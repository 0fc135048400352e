//! The journal: what happened, in order, under a seal that nobody without the key can remake.
//!
//! Three layers, each checked by the next:
//! 1. **Rows** ([`JournalRecord`]) are written in the money's own transaction. A row's hash covers every other column of it.
//! 2. **Seals** ([`Seal`]) are made afterwards by the one AuditWriter ([`SealRun`]): each covers the next unbroken run of rows by
//!    their Merkle root (RFC 6962), names the hash of the seal before it, and is signed with Ed25519.
//! 3. **Checkpoints** ([`Checkpoint`]) are signed statements about one seal that leave the house. They are what makes a
//!    cut-off end visible: a journal alone cannot tell that its last rows once stood there.
//!
//! [`Verifier`] reads rows and seals in order, in constant memory, and names the place of every fault. [`ExportLine`] is the
//! same matter as text lines, for people who do not trust this program: `docs/verify_journal.py` needs nothing else.
//!
//! **Never here:** a clock, randomness, a table. Times, 32 random bytes and rows are handed in. **Never in a row:** a float, a
//! secret, and a change: rows are only ever added. What the rows *say* (kinds and bodies) belongs to the life cycle.

mod body;
mod canonical;
mod cause;
mod checkpoint;
mod export;
mod finding;
mod hex_bytes;
mod key;
mod merkle;
mod record;
mod report;
mod seal;
mod verifier;
pub mod vocabulary;

#[cfg(test)]
mod tests;

pub use body::{BODY_MAX_BYTES, Body, BodyError, DEPTH_MAX, INTEGER_MAX};
pub use cause::{CORRELATION_CHARS_MAX, CORRELATION_ID, Cause, CorrelationId, TRACE_ID, TraceId};
pub use checkpoint::{CHECKPOINT_FORMAT, Checkpoint, CheckpointError};
pub use export::{
    ExportHeader, ExportLine, JOURNAL_FORMAT, LineError, export_header_line, export_line, export_seal_line,
};
pub use finding::Finding;
pub use hex_bytes::{Hash, HexBytes, SignatureBytes};
pub use key::{JournalKey, JournalPublicKey, KeyError};
pub use merkle::RunningRoot;
pub use record::{JournalDraft, JournalRecord};
pub use report::{FINDINGS_MAX, Report};
pub use seal::{ChainHead, SEAL_ROWS_MAX, Seal, SealError, SealRun};
pub use verifier::{Verifier, VerifyOptions};
