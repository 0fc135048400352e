//! RFC 8785 (JSON Canonicalization Scheme), the part that a journal needs: objects, arrays, strings, integers, booleans, null.
//!
//! Floats are no part of it: the whole difficulty of the RFC lies in printing them, and money must never meet one (F002-18,
//! D-01). So this is short enough to read, and writes bytes straight out, with no tree of its own in between.

use serde_json::{Map, Number, Value};

use super::body::{BodyError, DEPTH_MAX, INTEGER_MAX};

/// Writes `value` in canonical form at the end of `out`.
pub(super) fn push_value(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), BodyError> {
    if depth > DEPTH_MAX {
        return Err(BodyError::TooDeep);
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => push_integer(out, whole(number)?),
        Value::String(text) => push_string(out, text),
        Value::Array(items) => push_array(out, items, depth)?,
        Value::Object(members) => push_object(out, members, depth)?,
    }
    Ok(())
}

/// Writes a string with the escapes of RFC 8785 §3.2.2.2: quote, backslash and control characters; all else verbatim.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            control => {
                let (high, low) = (HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

/// Writes a whole number in decimal.
pub(super) fn push_integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(number.to_string().as_bytes());
}

/// Writes one flat object whose member names are known beforehand, in ascending order, as the form wants them.
pub(super) struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    last_name: &'static str,
}

impl<'a> ObjectWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, last_name: "" }
    }

    pub(super) fn string(self, name: &'static str, text: &str) -> Self {
        self.member(name, |out| push_string(out, text))
    }

    pub(super) fn string_or_null(self, name: &'static str, text: Option<&str>) -> Self {
        self.member(name, |out| match text {
            Some(text) => push_string(out, text),
            None => out.extend_from_slice(b"null"),
        })
    }

    pub(super) fn strings(self, name: &'static str, texts: impl Iterator<Item = String>) -> Self {
        self.member(name, |out| {
            out.push(b'[');
            for (at, text) in texts.enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                push_string(out, &text);
            }
            out.push(b']');
        })
    }

    pub(super) fn integer(self, name: &'static str, number: i64) -> Self {
        self.member(name, |out| push_integer(out, number))
    }

    /// A member whose value is canonical text already.
    pub(super) fn canonical(self, name: &'static str, text: &str) -> Self {
        self.member(name, |out| out.extend_from_slice(text.as_bytes()))
    }

    pub(super) fn end(self) {
        self.out.push(b'}');
    }

    fn member(mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        debug_assert!(
            self.last_name < name,
            "members stand in ascending order: {} before {name}",
            self.last_name
        );
        if !self.last_name.is_empty() {
            self.out.push(b',');
        }
        self.last_name = name;
        push_string(self.out, name);
        self.out.push(b':');
        write(self.out);
        self
    }
}

fn push_array(out: &mut Vec<u8>, items: &[Value], depth: usize) -> Result<(), BodyError> {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_value(out, item, depth + 1)?;
    }
    out.push(b']');
    Ok(())
}

fn push_object(out: &mut Vec<u8>, members: &Map<String, Value>, depth: usize) -> Result<(), BodyError> {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    // RFC 8785 §3.2.3: by UTF-16 code units, which differs from the order of UTF-8 bytes above U+FFFF.
    sorted.sort_by(|(a, _), (b, _)| match a.is_ascii() && b.is_ascii() {
        true => a.as_bytes().cmp(b.as_bytes()),
        false => a.encode_utf16().cmp(b.encode_utf16()),
    });
    out.push(b'{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_string(out, name);
        out.push(b':');
        push_value(out, value, depth + 1)?;
    }
    out.push(b'}');
    Ok(())
}

fn whole(number: &Number) -> Result<i64, BodyError> {
    if number.is_f64() {
        return Err(BodyError::Float);
    }
    number
        .as_i64()
        .filter(|whole| whole.unsigned_abs() <= INTEGER_MAX.unsigned_abs())
        .ok_or(BodyError::IntegerTooLarge)
}
