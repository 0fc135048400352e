//! A node's JSON, read strictly: 64-bit whole numbers that never pass through a float, hex of the length that is due, and
//! what java-tron leaves out because it is zero.
//!
//! java-tron prints in two ways (`"key": value` in protobuf's order, and compact in another order) and answers mistakes with
//! HTTP 200 and `{"Error": …}`; nothing here looks at order, blanks or words. What cannot be read is
//! [`ChainFault::Garbled`], never an empty answer.
//!
//! **Never here:** a socket, and whether an answer is about what was asked; see [`super::node`].

pub(super) mod account;
pub(super) mod block;
pub(super) mod broadcast;
pub(super) mod info;
#[cfg(test)]
mod recordings;
pub(super) mod trial;

use std::fmt;

use payoutd_actors::ports::ChainFault;
use serde::{Deserialize, Deserializer, de};

/// As much of a provider's words as a log or an error repeats.
const WORDS_CHARS_MAX: usize = 200;

/// Reads an answer that must be there.
pub(super) fn due<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ChainFault> {
    if let Some(complaint) = complaint(body) {
        return Err(ChainFault::Garbled(format!("it answers an error: {complaint}")));
    }
    serde_json::from_slice(body).map_err(|error| ChainFault::Garbled(unreadable(body, &error)))
}

/// Reads an answer where `{}` means that the node knows of no such thing.
pub(super) fn known<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<Option<T>, ChainFault> {
    if is_blank(body) { Ok(None) } else { due(body).map(Some) }
}

/// Is it `{}`?
pub(super) fn is_blank(body: &[u8]) -> bool {
    body.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"{}")
}

/// What stands in `{"Error": …}`, java-tron's answer to what it did not understand or could not do, with HTTP 200.
pub(super) fn complaint(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Complaint {
        #[serde(rename = "Error")]
        error: serde_json::Value,
    }
    let inside = body.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    if !inside.starts_with(b"\"Error\"") {
        return None;
    }
    let error = serde_json::from_slice::<Complaint>(body).ok()?.error;
    Some(words(error.as_str().unwrap_or("(no words)")))
}

/// A provider's words for a log: bounded, on one line.
pub(super) fn words(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut words: String = text.trim().chars().take(WORDS_CHARS_MAX).map(printable).collect();
    if text.trim().chars().nth(WORDS_CHARS_MAX).is_some() {
        words.push('…');
    }
    words
}

fn unreadable(body: &[u8], error: &serde_json::Error) -> String {
    match body.trim_ascii_start().first() {
        None => "an empty body".to_owned(),
        Some(b'<') => "a page for people where JSON was due".to_owned(),
        Some(_) => words(&format!("not the JSON that was due ({error})")),
    }
}

/// Bytes in hex, of any length, in either case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HexBytes(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = HexBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes in hex")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<HexBytes, E> {
                hex::decode(text).map(HexBytes).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl HexBytes {
    /// As text, which java-tron sends in hex in some places.
    pub(super) fn text(&self) -> String {
        words(&String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason<T: fmt::Debug>(result: Result<T, ChainFault>) -> String {
        match result {
            Err(ChainFault::Garbled(reason)) => reason,
            other => panic!("not garbled: {other:?}"),
        }
    }

    #[test]
    fn a_page_half_a_json_and_nothing_are_no_answers() {
        assert!(reason(due::<Vec<u8>>(b"<html>busy</html>")).contains("page for people"));
        assert!(reason(due::<Vec<u8>>(b"")).contains("empty"));
        assert!(reason(due::<Vec<u8>>(b" \r\n")).contains("empty"));
        assert!(reason(due::<Vec<u8>>(b"[1, 2")).contains("EOF"));
        assert!(reason(due::<Vec<u8>>(b"[1] trailing")).contains("not the JSON"));
    }

    /// F003-24: what a provider says stays on one line and short.
    #[test]
    fn an_error_with_http_200_is_no_answer_and_its_words_are_bounded() {
        let body = format!(r#" {{ "Error" : "class x\n{}" }}"#, "y".repeat(1000));
        let said = reason(known::<u8>(body.as_bytes()));
        assert!(said.starts_with("it answers an error: class x y") && said.ends_with('…'), "{said}");
        assert!(said.chars().count() < 230);
        assert!(complaint(br#"{"Error":{"code":1}}"#).is_some());
        assert!(complaint(br#"{"result":true}"#).is_none());
    }

    #[test]
    fn only_an_empty_object_means_unknown() {
        assert_eq!(known::<u8>(b"{}\n"), Ok(None));
        assert_eq!(known::<u8>(b" { } "), Ok(None));
        assert!(known::<u8>(b"").is_err());
        assert!(known::<u8>(b"[]").is_err());
        assert!(known::<u8>(b"{").is_err());
    }
}
