//! Rows on their way into a statement: one JSON text of arrays, which `jsonb_each` takes apart again.
//!
//! One text a table and batch, because a statement a row costs six times as much. Blobs travel as hex (`unhex`), whole numbers
//! as they are: one that does not fit SQLite's 64 bits becomes a float there, which a STRICT table refuses.

use std::fmt::Display;
use std::io::Write;

/// A JSON array of rows.
#[derive(Debug)]
pub(super) struct Rows {
    json: Vec<u8>,
    count: u64,
}

/// A row that is being written; [`Row::end`] closes it.
#[must_use]
pub(super) struct Row<'a> {
    json: &'a mut Vec<u8>,
    first: bool,
}

impl Rows {
    /// No rows yet; room for `rows` of `bytes_each`.
    pub(super) fn with_room_for(rows: usize, bytes_each: usize) -> Self {
        let mut json = Vec::with_capacity(rows.saturating_mul(bytes_each).saturating_add(2));
        json.push(b'[');
        Self { json, count: 0 }
    }

    /// Begins a row.
    pub(super) fn row(&mut self) -> Row<'_> {
        if self.count > 0 {
            self.json.push(b',');
        }
        self.count += 1;
        self.json.push(b'[');
        Row { json: &mut self.json, first: true }
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The text that is bound.
    pub(super) fn into_json(mut self) -> String {
        self.json.push(b']');
        // Only JSON was pushed, and JSON of a `str` is a `str`.
        String::from_utf8(self.json).unwrap_or_default()
    }
}

impl Row<'_> {
    /// A text.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.comma();
        push_text(self.json, text);
        self
    }

    /// A text that is written down in its usual form.
    pub(super) fn display(self, value: impl Display) -> Self {
        let text = value.to_string();
        self.text(&text)
    }

    /// A text or NULL.
    pub(super) fn maybe_text(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    /// A whole number.
    pub(super) fn whole(mut self, number: impl Into<i128>) -> Self {
        self.comma();
        // Writing into memory does not fail.
        let _ = write!(self.json, "{}", number.into());
        self
    }

    /// A whole number or NULL.
    pub(super) fn maybe_whole(self, number: Option<impl Into<i128>>) -> Self {
        match number {
            Some(number) => self.whole(number),
            None => self.null(),
        }
    }

    /// A blob.
    pub(super) fn blob(mut self, bytes: &[u8]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.comma();
        self.json.push(b'"');
        for byte in bytes {
            self.json.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        self.json.push(b'"');
        self
    }

    /// A blob or NULL.
    pub(super) fn maybe_blob(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.blob(bytes),
            None => self.null(),
        }
    }

    /// NULL.
    pub(super) fn null(mut self) -> Self {
        self.comma();
        self.json.extend(b"null");
        self
    }

    /// Closes the row.
    pub(super) fn end(self) {
        self.json.push(b']');
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.json.push(b',');
        }
    }
}

/// A JSON array of texts, for statements that are asked about many ids.
pub(super) fn texts(texts: impl IntoIterator<Item = impl Display>) -> String {
    let mut json = vec![b'['];
    for text in texts {
        if json.len() > 1 {
            json.push(b',');
        }
        push_text(&mut json, &text.to_string());
    }
    json.push(b']');
    String::from_utf8(json).unwrap_or_default()
}

/// Characters of a text that a pattern looks for: SQLite takes no pattern that is longer than 50,000 bytes.
const PATTERN_CHARS_MAX: usize = 1_000;

/// What a text is looked for by: a pattern that `GLOB` finds wherever the text stands, or its first characters where it is very long. `GLOB`
/// leaps from one place where a text may begin to the next, and `instr` walks: it takes up to twice as long.
pub(super) fn containing(text: &str) -> String {
    let mut pattern = String::from("*");
    for one in text.chars().take(PATTERN_CHARS_MAX) {
        match one {
            '*' | '?' | '[' => pattern.extend(['[', one, ']']),
            plain => pattern.push(plain),
        }
    }
    pattern.push('*');
    pattern
}

fn push_text(json: &mut Vec<u8>, text: &str) {
    // A text is always JSON, and writing into memory does not fail.
    let _ = serde_json::to_writer(json, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_looked_for_letter_for_letter() {
        assert_eq!(containing(r#"a"*b[c]?\"#), r#"*a"[*]b[[]c][?]\*"#);
        assert_eq!(containing(&"*".repeat(60_000)).len(), 3_002);
    }

    #[test]
    fn rows_are_the_json_that_they_should_be() {
        let mut rows = Rows::with_room_for(2, 10);
        rows.row().text("a\"b\\\u{1f4b8}").whole(u64::MAX).maybe_text(None).end();
        rows.row().blob(&[0, 255]).maybe_whole(None::<i64>).maybe_blob(Some(&[16])).end();
        assert_eq!(rows.count(), 2);
        assert_eq!(rows.into_json(), r#"[["a\"b\\💸",18446744073709551615,null],["00ff",null,"10"]]"#);
        assert_eq!(texts(["x", "y"]), r#"["x","y"]"#);
        assert_eq!(texts(Vec::<String>::new()), "[]");
    }
}
