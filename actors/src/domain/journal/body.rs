//! The body of a row: a JSON object in canonical form, made canonical once by whoever writes it.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use super::canonical::{push_string, push_value};

/// A longer body is refused: a row tells one step of one payout, not a document.
pub const BODY_MAX_BYTES: usize = 64 * 1024;

/// Objects and arrays inside each other, at most.
pub const DEPTH_MAX: usize = 16;

/// The largest whole number that every JSON reader takes for the same number (2^53 - 1, RFC 7493 §2.2); a larger one is
/// written as a string.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// The canonical JSON text (RFC 8785, F002-18) of one object.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(String);

/// Why something is no body of a journal row.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BodyError {
    /// Money and time are whole numbers here.
    #[error("a journal body holds no floating-point numbers: write a whole number or a string")]
    Float,
    /// Other readers would round it.
    #[error("a number beyond {INTEGER_MAX} is read differently by different readers: write it as a string")]
    IntegerTooLarge,
    /// Too much inside each other.
    #[error("a journal body is at most {DEPTH_MAX} levels deep")]
    TooDeep,
    /// Too long.
    #[error("a journal body is at most {BODY_MAX_BYTES} bytes long, this one has {bytes}")]
    TooLong {
        /// Its length in canonical form.
        bytes: usize,
    },
    /// A list or a bare word at the top.
    #[error("a journal body is a JSON object")]
    NotAnObject,
    /// Not JSON at all, or not the JSON that the reader expected.
    #[error("not readable as JSON: {0}")]
    NotJson(String),
}

impl Body {
    /// The body `{}`.
    pub fn empty() -> Self {
        Self("{}".to_owned())
    }

    /// Makes a body of anything that serializes to a JSON object.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, BodyError> {
        let value = serde_json::to_value(value).map_err(|error| BodyError::NotJson(error.to_string()))?;
        Self::from_value(&value)
    }

    /// Makes a body of a JSON value.
    pub fn from_value(value: &Value) -> Result<Self, BodyError> {
        if !value.is_object() {
            return Err(BodyError::NotAnObject);
        }
        let mut bytes = Vec::with_capacity(256);
        push_value(&mut bytes, value, 1)?;
        if bytes.len() > BODY_MAX_BYTES {
            return Err(BodyError::TooLong { bytes: bytes.len() });
        }
        String::from_utf8(bytes).map(Self).map_err(|error| BodyError::NotJson(error.to_string()))
    }

    /// Makes a body of JSON text in any form.
    pub fn parse(text: &str) -> Result<Self, BodyError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| BodyError::NotJson(error.to_string()))?;
        Self::from_value(&value)
    }

    /// Takes the column of a stored row as it stands, changed or not: what it says is the verifier's matter.
    pub fn from_stored(column: String) -> Self {
        Self(column)
    }

    /// Whether the text is the canonical form of a body. It always is, unless someone wrote into the store.
    pub fn is_canonical(&self) -> bool {
        Self::parse(&self.0).is_ok_and(|canonical| canonical == *self)
    }

    /// Reads the body back.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, BodyError> {
        serde_json::from_str(&self.0).map_err(|error| BodyError::NotJson(error.to_string()))
    }

    /// A text as it stands in bodies: in quotes, with the escapes of the canonical form.
    #[must_use]
    pub fn text(text: &str) -> String {
        let mut bytes = Vec::with_capacity(text.len() + 2);
        push_string(&mut bytes, text);
        // Only ASCII was put between the characters of a `str`.
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// The canonical text, for the column.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
