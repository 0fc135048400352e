//! The journal as lines of text (`payoutd audit export`): a header, then each row, and each seal right after the last row that it
//! covers. Every line is canonical JSON, so a reader that writes a line back gets the same bytes, or the line was tampered with.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::{
    body::Body,
    canonical::ObjectWriter,
    hex_bytes::{Hash, SignatureBytes},
    key::JournalPublicKey,
    record::JournalRecord,
    seal::Seal,
};

/// The form that the header names; another one means another reader.
pub const JOURNAL_FORMAT: &str = "payoutd-journal/1";

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportLine {
    /// The first line.
    Header(ExportHeader),
    /// A row with all its columns.
    Row(JournalRecord),
    /// A seal, after the last row that it covers.
    Seal(Seal),
}

/// The first line: whose journal this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportHeader {
    /// The store that the rows come from; part of what seals sign.
    pub store_id: String,
    /// The keys that the store says its seals bear, 64 hex digits each. A reader compares them with those that it knows.
    pub public_keys: Vec<String>,
}

/// Why a line is none of an export.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineError {
    /// No JSON object, or one with other members.
    #[error("not a line of a journal export: {0}")]
    Unreadable(String),
    /// A header of another version.
    #[error("an export of the form {found:?} is not known here (this program reads {JOURNAL_FORMAT:?})")]
    UnknownFormat {
        /// The form that it names.
        found: String,
    },
    /// The same content in other bytes: repeated names, blanks, other escapes.
    #[error("not in canonical form (RFC 8785): payoutd did not write this line")]
    NotCanonical,
}

/// The first line of an export, without a line break.
pub fn export_header_line(store_id: &str, public_keys: &[JournalPublicKey]) -> String {
    header_line(store_id, public_keys.iter().map(JournalPublicKey::to_hex))
}

/// The line of a row, without a line break. A body that someone spoiled so that it is no canonical object any more is written as a
/// string: the line stays readable, and its hash cannot match.
pub fn export_line(row: &JournalRecord) -> String {
    let mut out = Vec::with_capacity(320 + row.body.as_str().len());
    let object = ObjectWriter::new(&mut out).integer("at_ms", row.at_ms);
    let object = match row.body.is_canonical() {
        true => object.canonical("body", row.body.as_str()),
        false => object.string("body", row.body.as_str()),
    };
    object
        .string("hash", &row.hash.to_hex())
        .string("kind", &row.kind)
        .string_or_null("payout_id", row.payout_id.as_deref())
        .integer("seq", row.seq)
        .string("type", "row")
        .end();
    into_text(out)
}

/// The line of a seal, without a line break.
pub fn export_seal_line(seal: &Seal) -> String {
    let mut out = Vec::with_capacity(600);
    ObjectWriter::new(&mut out)
        .integer("first_seq", seal.first_seq)
        .string("hash", &seal.hash.to_hex())
        .string("key_id", &seal.key_id)
        .integer("last_seq", seal.last_seq)
        .string("prev_hash", &seal.prev_hash.to_hex())
        .string("records_root", &seal.records_root.to_hex())
        .integer("seal_no", seal.seal_no)
        .integer("sealed_at_ms", seal.sealed_at_ms)
        .string("signature", &seal.signature.to_hex())
        .string("type", "seal")
        .end();
    into_text(out)
}

impl ExportLine {
    /// Reads one line back.
    pub fn parse(line: &str) -> Result<Self, LineError> {
        let parsed = match read::<WireLine>(line)? {
            WireLine::Journal(header) => Self::Header(header.checked()?),
            WireLine::Row(row) => Self::Row(row.checked()?),
            WireLine::Seal(seal) => Self::Seal(seal.into()),
        };
        if parsed.to_line() == line { Ok(parsed) } else { Err(LineError::NotCanonical) }
    }

    /// The line, without a line break.
    pub fn to_line(&self) -> String {
        match self {
            Self::Header(header) => header_line(&header.store_id, header.public_keys.iter().cloned()),
            Self::Row(row) => export_line(row),
            Self::Seal(seal) => export_seal_line(seal),
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireLine {
    Journal(WireHeader),
    Row(WireRow),
    Seal(WireSeal),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireHeader {
    format: String,
    public_keys: Vec<String>,
    store_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRow {
    at_ms: i64,
    body: Value,
    hash: Hash,
    kind: String,
    payout_id: Option<String>,
    seq: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSeal {
    first_seq: i64,
    hash: Hash,
    key_id: String,
    last_seq: i64,
    prev_hash: Hash,
    records_root: Hash,
    seal_no: i64,
    sealed_at_ms: i64,
    signature: SignatureBytes,
}

impl WireHeader {
    fn checked(self) -> Result<ExportHeader, LineError> {
        let Self { format, public_keys, store_id } = self;
        if format == JOURNAL_FORMAT {
            Ok(ExportHeader { store_id, public_keys })
        } else {
            Err(LineError::UnknownFormat { found: format })
        }
    }
}

impl WireRow {
    fn checked(self) -> Result<JournalRecord, LineError> {
        let body = match self.body {
            Value::String(spoiled) => Body::from_stored(spoiled),
            value => Body::from_value(&value).map_err(|error| LineError::Unreadable(error.to_string()))?,
        };
        let (kind, hash) = (self.kind.into(), self.hash);
        Ok(JournalRecord { seq: self.seq, at_ms: self.at_ms, kind, payout_id: self.payout_id, body, hash })
    }
}

impl From<WireSeal> for Seal {
    fn from(wire: WireSeal) -> Self {
        Self {
            seal_no: wire.seal_no,
            first_seq: wire.first_seq,
            last_seq: wire.last_seq,
            records_root: wire.records_root,
            prev_hash: wire.prev_hash,
            hash: wire.hash,
            sealed_at_ms: wire.sealed_at_ms,
            key_id: wire.key_id,
            signature: wire.signature,
        }
    }
}

fn header_line(store_id: &str, public_keys: impl Iterator<Item = String>) -> String {
    let mut out = Vec::with_capacity(300);
    ObjectWriter::new(&mut out)
        .string("format", JOURNAL_FORMAT)
        .strings("public_keys", public_keys)
        .string("store_id", store_id)
        .string("type", "journal")
        .end();
    into_text(out)
}

fn read<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, LineError> {
    serde_json::from_str(line).map_err(|error| LineError::Unreadable(error.to_string()))
}

/// The writers above put only text into `out`; were a byte of it none, its place would show and the line would not verify.
fn into_text(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
