//! The JSON that a java-tron node writes, with its two hands.
//!
//! java-tron prints some replies straight from protobuf (`"key": value`, fields in the order of the `.proto` file) and others
//! through fastjson (`"key":value`, members in the order of a Java `HashMap`; those made from beans by the alphabet). The
//! order says nothing, but a reader that leans on it breaks on one node and not on another, so the sandbox keeps it.
//!
//! Never here: what a reply means. This module only prints.

use std::fmt::Write as _;

/// A JSON value whose members stay in the order in which they were put in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// `true` or `false`.
    Bool(bool),
    /// An int64, as TRON writes all its numbers.
    Int(i64),
    /// A number that is printed as it stands (fractions in `getnodeinfo`).
    Literal(&'static str),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Fields),
}

/// The members of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields(Vec<(String, Json)>);

/// How members are ordered and spaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    Protobuf,
    HashMap,
    Alphabet,
    Plain,
}

impl Json {
    /// A string value.
    pub(crate) fn text(text: impl Into<String>) -> Json {
        Json::Text(text.into())
    }

    /// As java-tron prints protobuf messages: given order, a blank after the colon.
    pub(crate) fn protobuf(&self) -> String {
        self.written_by(Hand::Protobuf)
    }

    /// As fastjson prints: members in the order of a Java `HashMap`, no blanks.
    pub(crate) fn hashed(&self) -> String {
        self.written_by(Hand::HashMap)
    }

    /// As fastjson prints Java beans: members by the alphabet, no blanks.
    pub(crate) fn alphabetic(&self) -> String {
        self.written_by(Hand::Alphabet)
    }

    /// In the given order, no blanks: the way of TronGrid and TronScan.
    pub(crate) fn plain(&self) -> String {
        self.written_by(Hand::Plain)
    }

    fn written_by(&self, hand: Hand) -> String {
        let mut out = String::new();
        self.write(&mut out, hand);
        out
    }

    fn write(&self, out: &mut String, hand: Hand) {
        match self {
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Int(value) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{value}");
            }
            Json::Literal(literal) => out.push_str(literal),
            Json::Text(text) => write_text(out, text),
            Json::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out, hand);
                }
                out.push(']');
            }
            Json::Object(fields) => fields.write(out, hand),
        }
    }
}

impl Fields {
    /// An object without members.
    pub(crate) fn new() -> Fields {
        Fields::default()
    }

    /// With one more member at the end.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Json>) -> Fields {
        self.put(key, value);
        self
    }

    /// With one more member, unless the value is absent.
    pub(crate) fn with_some(self, key: &str, value: Option<impl Into<Json>>) -> Fields {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// With a number, unless it is 0: protobuf leaves out what is default.
    pub(crate) fn with_nonzero(self, key: &str, value: i64) -> Fields {
        if value == 0 { self } else { self.with(key, value) }
    }

    /// With a text, unless it is empty: protobuf leaves out what is default.
    pub(crate) fn with_nonempty(self, key: &str, value: impl Into<String>) -> Fields {
        let value = value.into();
        if value.is_empty() { self } else { self.with(key, Json::Text(value)) }
    }

    /// Puts a member at the end.
    pub(crate) fn put(&mut self, key: &str, value: impl Into<Json>) {
        self.0.push((key.to_owned(), value.into()));
    }

    fn write(&self, out: &mut String, hand: Hand) {
        let colon = if hand == Hand::Protobuf { ": " } else { ":" };
        let mut members: Vec<&(String, Json)> = self.0.iter().collect();
        match hand {
            Hand::Protobuf | Hand::Plain => {}
            Hand::HashMap => {
                let buckets = java_buckets(members.len());
                members.sort_by_key(|(key, _)| java_hash(key) & (buckets - 1));
            }
            Hand::Alphabet => members.sort_by(|(a, _), (b, _)| a.cmp(b)),
        }
        out.push('{');
        for (index, (key, value)) in members.into_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_text(out, key);
            out.push_str(colon);
            value.write(out, hand);
        }
        out.push('}');
    }
}

impl From<Fields> for Json {
    fn from(fields: Fields) -> Json {
        Json::Object(fields)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Json {
        Json::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Json {
        Json::Int(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Json {
        Json::Text(text)
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Json {
        Json::List(items)
    }
}

/// The hash by which a Java `HashMap` finds the bucket of a string.
fn java_hash(key: &str) -> u32 {
    let hash =
        key.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    hash ^ (hash >> 16)
}

/// How many buckets a Java `HashMap` has that started with 16 and grew at three quarters.
fn java_buckets(members: usize) -> u32 {
    let mut buckets = 16u32;
    while members > (buckets as usize / 4) * 3 {
        buckets *= 2;
    }
    buckets
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if (control as u32) < 0x20 => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", control as u32);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_transaction() -> Json {
        Json::Object(
            Fields::new()
                .with("raw_data_hex", "0a")
                .with("txID", "ab")
                .with(
                    "raw_data",
                    Fields::new().with("timestamp", 3i64).with("fee_limit", 2i64).with("expiration", 1i64),
                )
                .with("signature", vec![Json::text("cd")])
                .with("ret", vec![Json::from(Fields::new())]),
        )
    }

    /// The order was seen in every recording of a java-tron 4.8 node.
    #[test]
    fn a_transaction_is_written_in_the_order_of_a_java_hash_map() {
        assert_eq!(
            a_transaction().hashed(),
            r#"{"ret":[{}],"signature":["cd"],"txID":"ab","raw_data":{"expiration":1,"fee_limit":2,"timestamp":3},"raw_data_hex":"0a"}"#
        );
    }

    #[test]
    fn protobuf_replies_keep_their_order_and_put_a_blank_after_the_colon() {
        let info =
            Json::Object(Fields::new().with("id", "ab").with_nonzero("fee", 0).with("blockNumber", 7i64));
        assert_eq!(info.protobuf(), r#"{"id": "ab","blockNumber": 7}"#);
    }

    #[test]
    fn beans_are_written_by_the_alphabet() {
        let info = Json::Object(Fields::new().with("totalFlow", 0i64).with("block", "Num:1"));
        assert_eq!(info.alphabetic(), r#"{"block":"Num:1","totalFlow":0}"#);
    }

    #[test]
    fn text_is_escaped_so_that_a_reader_gets_it_back() {
        let text = "a \"quoted\" \\ line\nwith \u{1} and ü";
        let written = Json::text(text).hashed();
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
