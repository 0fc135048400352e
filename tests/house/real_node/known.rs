//! `docs/sandbox-differences.md`, as the replay reads it: what differs and why, and what is not replayed and why.
//!
//! A line that no longer differs, or an exchange that could be replayed after all, fails the test: the page stays true.

use std::{cell::Cell, path::PathBuf};

use super::compare::Difference;

/// One line of a table of the page.
#[derive(Debug)]
pub(super) struct Line {
    recording: String,
    exchange: String,
    place: String,
    says: String,
    text: String,
    met: Cell<bool>,
}

/// The page.
#[derive(Debug)]
pub(super) struct Page {
    differences: Vec<Line>,
    not_replayed: Vec<Line>,
}

impl Page {
    pub(super) fn read() -> Page {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox-differences.md");
        let text = std::fs::read_to_string(path).unwrap();
        Page { differences: lines(&text, 5), not_replayed: lines(&text, 3) }
    }

    /// Whether the page knows a difference.
    pub(super) fn knows(&self, recording: &str, exchange: &str, difference: &Difference) -> bool {
        let known = |line: &&Line| {
            fits(&line.recording, recording)
                && fits(&line.exchange, exchange)
                && fits(&line.place, &difference.place)
                && fits(&line.says, &difference.says)
        };
        mark(self.differences.iter().filter(known))
    }

    /// Whether the page says why an exchange is not replayed.
    pub(super) fn leaves_out(&self, recording: &str, exchange: &str) -> bool {
        let known = |line: &&Line| fits(&line.recording, recording) && fits(&line.exchange, exchange);
        mark(self.not_replayed.iter().filter(known))
    }

    /// Lines that nothing met.
    pub(super) fn stale(&self) -> Vec<&str> {
        let lines = self.differences.iter().chain(&self.not_replayed);
        lines.filter(|line| !line.met.get()).map(|line| line.text.as_str()).collect()
    }
}

fn mark<'a>(lines: impl Iterator<Item = &'a Line>) -> bool {
    lines.map(|line| line.met.set(true)).count() > 0
}

/// The rows of all tables of so many columns; the last column is the reason and has to be there.
fn lines(text: &str, columns: usize) -> Vec<Line> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| recording"));
    rows.filter_map(|row| {
        let cells =
            row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>();
        if cells.len() != columns {
            return None;
        }
        assert!(!cells[columns - 1].is_empty(), "no reason is given: {row}");
        let cell = |index: usize| cells[index].replace("\\|", "|");
        Some(Line {
            recording: cell(0),
            exchange: cell(1),
            place: if columns == 5 { cell(2) } else { String::new() },
            says: if columns == 5 { cell(3) } else { String::new() },
            text: row.to_owned(),
            met: Cell::new(false),
        })
    })
    .collect()
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(fits("*", "anything"));
        assert!(fits("POST wallet/*: node info", "POST wallet/getnodeinfo: node info"));
        assert!(!fits("POST wallet/*: node info", "POST wallet/getnodeinfo: other"));
        assert!(!fits("POST", "POST wallet"));
    }

    #[test]
    fn a_page_is_read_by_its_columns() {
        let text = "| recording | exchange | why |\n|---|---|---|\n| `a` | `b*` | because |\n";
        let read = lines(text, 3);
        assert_eq!((read[0].recording.as_str(), read[0].exchange.as_str()), ("a", "b*"));
        assert!(lines(text, 5).is_empty());
    }
}
