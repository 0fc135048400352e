//! The two streams: stdout for the answer, stderr for the talk. Colour only where a person looks.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use serde::Serialize;

use super::{exit::Exit, failure::Failure};

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always, also into pipes and files.
    Always,
    /// Never.
    Never,
}

/// What a colour means here; the terminal's own theme decides how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// As it should be: settled, verified.
    Good,
    /// On its way, or wants a look.
    Care,
    /// Wrong: failed, mismatched, an error.
    Bad,
    /// Less important than its neighbours.
    Faint,
    /// More important than its neighbours.
    Strong,
}

/// stdout and stderr, and whether each may have colour.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    colour_on_stdout: bool,
    colour_on_stderr: bool,
}

impl Terminal {
    /// Looks at the streams once; `NO_COLOR` counts when it is set to anything but the empty string (no-color.org).
    #[must_use]
    pub fn new(colour: Colour) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let may = |is_terminal: bool| match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => is_terminal && !no_color && !dumb,
        };
        Self {
            colour_on_stdout: may(io::stdout().is_terminal()),
            colour_on_stderr: may(io::stderr().is_terminal()),
        }
    }

    /// A line of the answer.
    ///
    /// # Errors
    /// When nobody reads any more (exit 141, silent) or writing fails (exit 74).
    pub fn line(&self, text: impl fmt::Display) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(not_written)
    }

    /// The answer as one JSON value on one line.
    ///
    /// # Errors
    /// As [`line`](Self::line); a value that has no JSON is a fault in payoutd (exit 70).
    pub fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::because(Exit::Software, "the answer has no JSON", &error))?;
        self.line(text)
    }

    /// A line of talk, on stderr: progress, warnings. Losing it loses nothing.
    pub fn note(&self, text: impl fmt::Display) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Text for stdout in a meaning's colour.
    pub fn on_stdout<T: fmt::Display>(&self, ink: Ink, text: T) -> Painted<T> {
        Painted { ink: self.colour_on_stdout.then_some(ink), text }
    }

    /// Text for stderr in a meaning's colour.
    pub fn on_stderr<T: fmt::Display>(&self, ink: Ink, text: T) -> Painted<T> {
        Painted { ink: self.colour_on_stderr.then_some(ink), text }
    }

    /// Whether the answer may have colour.
    #[must_use]
    pub fn has_colour(&self) -> bool {
        self.colour_on_stdout
    }
}

/// What somebody else wrote, without what a terminal would obey.
#[must_use]
pub fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn not_written(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::hung_up(),
        _ => Failure::because(Exit::Io, "cannot write the answer", &error),
    }
}

/// Text that knows whether it has colour.
#[derive(Debug, Clone, Copy)]
pub struct Painted<T> {
    ink: Option<Ink>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(ink) = self.ink else { return self.text.fmt(f) };
        let code = match ink {
            Ink::Good => "32",
            Ink::Care => "33",
            Ink::Bad => "31;1",
            Ink::Faint => "2",
            Ink::Strong => "1",
        };
        write!(f, "\u{1b}[{code}m")?;
        self.text.fmt(f)?;
        f.write_str("\u{1b}[0m")
    }
}
