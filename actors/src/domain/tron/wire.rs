//! Protocol Buffers on the wire, as much as TRON needs: varints and length-delimited fields, written canonically, read with an
//! eye for what is not canonical.
//!
//! A node hashes its own re-serialisation of what it reads. So our writer has exactly one way to write a message (fields in
//! ascending order, shortest varints, defaults left out), and our reader tells when somebody else's bytes took another way.

use serde::Serialize;
use thiserror::Error;

/// Why bytes are not a protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// The bytes end inside a field.
    #[error("the bytes end inside field {field}")]
    Truncated {
        /// The field, 0 where not even its tag was whole.
        field: u32,
    },
    /// A varint of more than ten bytes or 64 bits.
    #[error("a number of field {field} is longer than 64 bits")]
    Overlong {
        /// The field, 0 for a tag.
        field: u32,
    },
    /// Field number 0, or a wire type that does not exist or went out of use (groups).
    #[error("{tag} is no field tag")]
    BadTag {
        /// The tag as read.
        tag: u64,
    },
    /// A known field with another wire type than its own.
    #[error("field {field} of {message} has another wire type than the schema's")]
    WrongType {
        /// The message.
        message: &'static str,
        /// The field.
        field: u32,
    },
}

/// Something in a message that its canonical form would not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Oddity {
    /// A field that the schema does not know: kept by `broadcasthex`, paid for as bandwidth, outside of nothing.
    UnknownField {
        /// Where it stands.
        message: &'static str,
        /// Its number.
        field: u32,
        /// Bytes of its value.
        len: usize,
    },
    /// The bytes are not what a canonical writer would have written: order, long varints, written defaults, repeats.
    NotCanonical {
        /// Where.
        message: &'static str,
    },
    /// Bytes after the 65th of a signature: outside of the txid, taken by nodes, charged as bandwidth.
    PaddedSignature {
        /// Which signature, from zero.
        index: usize,
        /// How many bytes too many.
        extra: usize,
    },
}

/// A field as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64([u8; 8]),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32([u8; 4]),
}

impl<'a> Value<'a> {
    /// The number of a varint field.
    pub fn varint(self, message: &'static str, field: u32) -> Result<u64, WireError> {
        match self {
            Self::Varint(number) => Ok(number),
            Self::Fixed64(_) | Self::Bytes(_) | Self::Fixed32(_) => {
                Err(WireError::WrongType { message, field })
            }
        }
    }

    /// The bytes of a length-delimited field.
    pub fn bytes(self, message: &'static str, field: u32) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Varint(_) | Self::Fixed64(_) | Self::Fixed32(_) => {
                Err(WireError::WrongType { message, field })
            }
        }
    }

    /// Bytes of the value itself, for measuring what is unknown.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Varint(number) => varint_len(number),
            Self::Fixed64(_) => 8,
            Self::Bytes(bytes) => bytes.len(),
            Self::Fixed32(_) => 4,
        }
    }

    /// Only a length-delimited value can be empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Reads a message field by field.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the message's first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field's number and value, or `None` at the end.
    pub fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint(0)?;
        let Some(field) = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number)) else {
            return Err(WireError::BadTag { tag });
        };
        let value = match tag & 7 {
            0 => Value::Varint(self.varint(field)?),
            1 => Value::Fixed64(self.fixed(field)?),
            2 => {
                let len = self.varint(field)?;
                Value::Bytes(self.take(len, field)?)
            }
            5 => Value::Fixed32(self.fixed(field)?),
            _ => return Err(WireError::BadTag { tag }),
        };
        Ok(Some((field, value)))
    }

    fn varint(&mut self, field: u32) -> Result<u64, WireError> {
        let mut number: u64 = 0;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                return Err(WireError::Overlong { field });
            }
            number |= bits << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(number);
            }
        }
        let error = if self.rest.len() >= 10 {
            WireError::Overlong { field }
        } else {
            WireError::Truncated { field }
        };
        Err(error)
    }

    fn take(&mut self, len: u64, field: u32) -> Result<&'a [u8], WireError> {
        let len = usize::try_from(len).map_err(|_| WireError::Truncated { field })?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(WireError::Truncated { field })?;
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self, field: u32) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated { field })?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// Bytes that a varint takes.
#[must_use]
pub const fn varint_len(number: u64) -> usize {
    match number.checked_ilog2() {
        None => 1,
        Some(log) => (log as usize) / 7 + 1,
    }
}

/// Bytes that a length-delimited field takes, its tag and length included; nothing when empty. Field numbers below 16 take one
/// byte of tag, all others used here two.
#[must_use]
pub const fn bytes_field_len(field: u32, len: usize) -> usize {
    if len == 0 { 0 } else { message_field_len(field, len) }
}

/// As [`bytes_field_len`], for a message that is written even when empty.
#[must_use]
pub const fn message_field_len(field: u32, len: usize) -> usize {
    tag_len(field) + varint_len(len as u64) + len
}

/// Bytes that a varint field takes; nothing when zero.
#[must_use]
pub const fn varint_field_len(field: u32, number: u64) -> usize {
    if number == 0 { 0 } else { tag_len(field) + varint_len(number) }
}

const fn tag_len(field: u32) -> usize {
    varint_len((field as u64) << 3)
}

/// Writes a varint.
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Writes the head of a length-delimited field; the value's bytes follow.
pub fn put_head(out: &mut Vec<u8>, field: u32, len: usize) {
    put_varint(out, (u64::from(field) << 3) | 2);
    put_varint(out, len as u64);
}

/// Writes a bytes field, unless empty.
pub fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_head(out, field, bytes.len());
        out.extend_from_slice(bytes);
    }
}

/// Writes a varint field, unless zero.
pub fn put_number(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        put_varint(out, u64::from(field) << 3);
        put_varint(out, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn broken_bytes_are_named() {
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            while reader.field()?.is_some() {}
            Ok::<_, WireError>(())
        };
        assert_eq!(read(&[0x0a, 0x05, 1]), Err(WireError::Truncated { field: 1 }));
        assert_eq!(read(&[0x80]), Err(WireError::Truncated { field: 0 }));
        assert_eq!(
            read(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
            Err(WireError::Overlong { field: 1 })
        );
        assert_eq!(read(&[0x00, 0x01]), Err(WireError::BadTag { tag: 0 }));
        assert_eq!(read(&[0x0b]), Err(WireError::BadTag { tag: 0x0b }));
        assert_eq!(
            read(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            Err(WireError::Truncated { field: 1 })
        );
    }

    proptest! {
        #[test]
        fn a_varint_is_read_back_and_its_length_is_known(number in any::<u64>()) {
            let mut out = Vec::new();
            put_number(&mut out, 18, number);
            prop_assert_eq!(out.len(), varint_field_len(18, number));
            let field = Reader::new(&out).field().unwrap();
            prop_assert_eq!(field, (number != 0).then_some((18, Value::Varint(number))));
        }

        #[test]
        fn no_bytes_make_the_reader_fall_over(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::new(&bytes);
            while let Ok(Some(_)) = reader.field() {}
        }
    }
}
