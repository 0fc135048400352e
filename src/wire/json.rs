//! JSON, read strictly: UTF-8, a bounded depth, and no name twice in one object.
//!
//! A name given twice is where two readers of one text disagree: one takes the first amount, the other the last
//! (RFC 8259 §4 leaves it open, so it is closed here).

use std::{cell::RefCell, fmt};

use payoutd_actors::domain::order::OrderProblem;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error;

/// Levels of nesting that are read. An order needs three, a batch of orders five.
pub const DEPTH_MAX: usize = 8;

/// A text that is no JSON, so that there is nothing to point into.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// Nothing there.
    #[error("the body is empty: send a JSON object")]
    Empty,
    /// Bytes that are no UTF-8.
    #[error("the body is not UTF-8: byte {0} begins no character")]
    NotUtf8(usize),
    /// Nested too deeply.
    #[error("the body is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// Not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
}

/// A JSON text as a tree, and the names that stood twice in one object.
pub type Document = (Value, Vec<OrderProblem>);

/// Reads a whole text.
///
/// # Errors
/// When it is no JSON at all, or more deeply nested than [`DEPTH_MAX`].
pub fn read(bytes: &[u8]) -> Result<Document, Malformed> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Malformed::Empty);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Malformed::NotUtf8(error.valid_up_to()))?;
    let notes = Notes::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let root = Node { depth: 0, pointer: String::new(), notes: &notes };
    let value = root.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(value) => Ok((value, notes.twice.into_inner())),
        Err(_) if *notes.too_deep.borrow() => Err(Malformed::TooDeep),
        Err(error) => Err(Malformed::NotJson(error.to_string())),
    }
}

/// A name as one step of a pointer (RFC 6901 §3).
#[must_use]
pub fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[derive(Default)]
struct Notes {
    twice: RefCell<Vec<OrderProblem>>,
    too_deep: RefCell<bool>,
}

struct Node<'a> {
    depth: usize,
    pointer: String,
    notes: &'a Notes,
}

impl<'a> Node<'a> {
    fn child(&self, step: &str) -> Node<'a> {
        Node { depth: self.depth + 1, pointer: format!("{}/{step}", self.pointer), notes: self.notes }
    }

    fn may_go_deeper<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth < DEPTH_MAX {
            return Ok(());
        }
        *self.notes.too_deep.borrow_mut() = true;
        Err(E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        self.may_go_deeper()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.child(&values.len().to_string()))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        self.may_go_deeper()?;
        let mut values = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            let child = self.child(&step(&name));
            let pointer = child.pointer.clone();
            let value = object.next_value_seed(child)?;
            if values.insert(name, value).is_some() {
                let detail = "this name stands twice in its object: give it once";
                self.notes.twice.borrow_mut().push(OrderProblem::at(&pointer, detail));
            }
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_name_that_stands_twice_is_pointed_at_and_nothing_is_guessed() {
        let (_, twice) = read(br#"{"a":{"b/c":1,"b/c":2},"l":[{"x":1,"x":1}]}"#).unwrap();
        let pointers: Vec<_> = twice.iter().map(|problem| problem.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a/b~1c", "/l/0/x"]);
    }

    #[test]
    fn what_is_no_json_says_how() {
        assert_eq!(read(b" \n"), Err(Malformed::Empty));
        assert_eq!(read(b"{\"memo\":\"\xff\"}"), Err(Malformed::NotUtf8(9)));
        assert_eq!(read("[".repeat(9).as_bytes()), Err(Malformed::TooDeep));
        assert_eq!(read("{\"a\":".repeat(200_000).as_bytes()), Err(Malformed::TooDeep));
        assert!(matches!(read(b"{\"amount\":NaN}"), Err(Malformed::NotJson(_))));
        assert!(matches!(read(b"{} {}"), Err(Malformed::NotJson(_))));
        assert!(matches!(read(br#""\ud800""#), Err(Malformed::NotJson(_))));
    }

    #[test]
    fn eight_levels_are_read() {
        let text = format!("{}1{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
        assert!(read(text.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn plain_values_come_out_as_serde_json_reads_them(name in "[a-z]{1,8}", text in ".{0,40}", number in any::<i64>()) {
            let value = json!({ name: [text, number, null, true, { "deep": "er" }] });
            let (read, twice) = read(value.to_string().as_bytes()).unwrap();
            prop_assert_eq!(read, value);
            prop_assert!(twice.is_empty());
        }

        #[test]
        fn no_bytes_make_the_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
