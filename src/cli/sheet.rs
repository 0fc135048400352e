//! One thing shown to a person: a line for each of its properties, labels in one column, values in the other.

use std::fmt::Display;

use super::{
    failure::Failure,
    terminal::{Ink, Terminal},
};

/// Label and value, line by line.
pub struct Sheet<'a> {
    terminal: &'a Terminal,
    lines: Vec<(String, String)>,
}

impl<'a> Sheet<'a> {
    /// An empty sheet.
    #[must_use]
    pub fn new(terminal: &'a Terminal) -> Self {
        Self { terminal, lines: Vec::new() }
    }

    /// A property.
    pub fn put(&mut self, label: &str, value: impl Display) -> &mut Self {
        self.lines.push((label.to_owned(), value.to_string()));
        self
    }

    /// Another line under the property before.
    pub fn more(&mut self, value: impl Display) -> &mut Self {
        self.put("", value)
    }

    /// A gap between two groups.
    pub fn gap(&mut self) -> &mut Self {
        self.put("", "")
    }

    /// Prints the sheet.
    ///
    /// # Errors
    /// As [`Terminal::line`].
    pub fn print(&self) -> Result<(), Failure> {
        let width = self.lines.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        for (label, value) in &self.lines {
            if label.is_empty() && value.is_empty() {
                self.terminal.line("")?;
                continue;
            }
            let label = self.terminal.on_stdout(Ink::Faint, format!("{label:width$}"));
            self.terminal.line(format!("{label}  {value}"))?;
        }
        Ok(())
    }
}
