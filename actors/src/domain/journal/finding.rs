//! What a verifier can find, as a closed set for scripts and as a sentence for people.

use std::fmt;

use serde::Serialize;

/// One finding and its place. All are faults but [`Self::RowsUnsealed`] and [`Self::CheckpointNotReached`] (see
/// [`Self::is_fault`]). In JSON the member `finding` holds the name in snake case, the others hold the place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// A column of the row was changed, or its hash was.
    RowChanged {
        /// The row.
        seq: i64,
    },
    /// Rows were deleted.
    RowsMissing {
        /// The first one that is missing.
        first_seq: i64,
        /// The last one that is missing.
        last_seq: i64,
    },
    /// A row stands where a later one should: inserted, repeated or reordered.
    RowOutOfPlace {
        /// The row.
        seq: i64,
        /// The row before it, as they stand here.
        after_seq: i64,
    },
    /// The rows agree with their hashes but are not the ones that were sealed: hashes were rewritten with them.
    SealDoesNotMatchRows {
        /// The seal.
        seal_no: i64,
        /// The first row that it covers.
        first_seq: i64,
        /// The last row that it covers.
        last_seq: i64,
    },
    /// A seal does not begin where the one before it ends, or ends before it begins.
    SealRunBroken {
        /// The seal.
        seal_no: i64,
        /// Where it begins.
        first_seq: i64,
        /// Where it should begin.
        expected_first_seq: i64,
    },
    /// Seals were deleted.
    SealsMissing {
        /// The first one that is missing.
        first_seal_no: i64,
        /// The last one that is missing.
        last_seal_no: i64,
    },
    /// A seal stands where a later one should: inserted, repeated or reordered.
    SealOutOfPlace {
        /// The seal.
        seal_no: i64,
        /// The seal before it, as they stand here.
        after_seal_no: i64,
    },
    /// A column of the seal was changed, or its hash was.
    SealChanged {
        /// The seal.
        seal_no: i64,
    },
    /// A seal hangs on another seal than the one before it.
    SealRelinked {
        /// The seal.
        seal_no: i64,
    },
    /// The signature is not the key's: forged, or taken from another seal or store.
    SealSignatureWrong {
        /// The seal.
        seal_no: i64,
    },
    /// A key that is not among the expected ones.
    SealKeyForeign {
        /// The seal.
        seal_no: i64,
        /// The key that it names.
        key_id: String,
    },
    /// A checkpoint that none of the expected keys signed.
    CheckpointForged {
        /// The seal that it states.
        seal_no: i64,
        /// The key that it names.
        key_id: String,
    },
    /// A checkpoint or an export of another store.
    WrongStore {
        /// The store under examination.
        expected: String,
        /// The store that it names.
        found: String,
    },
    /// Rows at the end were cut off.
    Truncated {
        /// How many rows the checkpoint states.
        checkpoint_last_seq: i64,
        /// The last row that stands here.
        last_seq: i64,
    },
    /// The seal that the checkpoint states does not stand here, though rows up to there do.
    CheckpointSealMissing {
        /// The seal.
        seal_no: i64,
    },
    /// Another seal stands in the place of the one that the checkpoint states: the past was rewritten.
    CheckpointContradicted {
        /// The seal.
        seal_no: i64,
    },
    /// A note: the checkpoint is older than the place where this examination began.
    CheckpointNotReached {
        /// The seal that it states.
        seal_no: i64,
    },
    /// A note, or a fault where every row must be sealed: rows at the end are under no seal yet. Changes to them show only where
    /// their hashes were not rewritten.
    RowsUnsealed {
        /// The first one.
        first_seq: i64,
        /// The last one.
        last_seq: i64,
        /// Whether the caller wants every row sealed.
        allowed: bool,
    },
    /// A line of an export that payoutd did not write.
    LineUnreadable {
        /// Its number in the file, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl Finding {
    /// Whether the journal is unsound for it. Notes are worth knowing and do no harm.
    pub fn is_fault(&self) -> bool {
        !matches!(self, Self::RowsUnsealed { allowed: true, .. } | Self::CheckpointNotReached { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RowChanged { seq } => {
                write!(f, "row {seq} was changed: its hash does not match its columns")
            }
            Self::RowsMissing { first_seq, last_seq } => {
                write!(f, "{} missing: deleted, or never read", rows(*first_seq, *last_seq))
            }
            Self::RowOutOfPlace { seq, after_seq } => {
                write!(f, "row {seq} stands after row {after_seq}: inserted, repeated or reordered")
            }
            Self::SealDoesNotMatchRows { seal_no, first_seq, last_seq } => write!(
                f,
                "seal {seal_no} does not match {}: what stands there is not what was sealed",
                rows(*first_seq, *last_seq)
            ),
            Self::SealRunBroken { seal_no, first_seq, expected_first_seq } => write!(
                f,
                "seal {seal_no} begins at row {first_seq} where row {expected_first_seq} is next, or ends before it begins"
            ),
            Self::SealsMissing { first_seal_no, last_seal_no } if first_seal_no == last_seal_no => {
                write!(f, "seal {first_seal_no} is missing")
            }
            Self::SealsMissing { first_seal_no, last_seal_no } => {
                write!(f, "seals {first_seal_no} to {last_seal_no} are missing")
            }
            Self::SealOutOfPlace { seal_no, after_seal_no } => {
                write!(f, "seal {seal_no} stands after seal {after_seal_no}: inserted, repeated or reordered")
            }
            Self::SealChanged { seal_no } => {
                write!(f, "seal {seal_no} was changed: its hash does not match its columns")
            }
            Self::SealRelinked { seal_no } => {
                write!(
                    f,
                    "seal {seal_no} hangs on another seal than the one before it: the chain was re-linked"
                )
            }
            Self::SealSignatureWrong { seal_no } => {
                write!(f, "seal {seal_no} is forged: its signature is not the key's")
            }
            Self::SealKeyForeign { seal_no, key_id } => {
                write!(f, "seal {seal_no} was made with key {key_id}, which is not among the expected ones")
            }
            Self::CheckpointForged { seal_no, key_id } => {
                write!(f, "the checkpoint of seal {seal_no} (key {key_id}) is not signed by an expected key")
            }
            Self::WrongStore { expected, found } => {
                write!(f, "wrong store: this is {expected}, the checkpoint or export is of {found}")
            }
            Self::Truncated { checkpoint_last_seq, last_seq } => write!(
                f,
                "rows at the end were cut off: the checkpoint says {checkpoint_last_seq} rows, {last_seq} stand here"
            ),
            Self::CheckpointSealMissing { seal_no } => {
                write!(f, "seal {seal_no} is missing: the checkpoint states it")
            }
            Self::CheckpointContradicted { seal_no } => {
                write!(f, "seal {seal_no} is not the one that the checkpoint states: the past was rewritten")
            }
            Self::CheckpointNotReached { seal_no } => {
                write!(
                    f,
                    "the checkpoint of seal {seal_no} is older than where this examination began: not compared"
                )
            }
            Self::RowsUnsealed { first_seq, last_seq, .. } => {
                write!(f, "{} not sealed yet", rows(*first_seq, *last_seq))
            }
            Self::LineUnreadable { line, reason } => write!(f, "line {line}: {reason}"),
        }
    }
}

fn rows(first: i64, last: i64) -> String {
    if first == last { format!("row {first}") } else { format!("rows {first} to {last}") }
}
