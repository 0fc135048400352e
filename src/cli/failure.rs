//! How a command fails: one line with the whole chain of causes, the next step, an exit code.

use std::{error::Error, fmt};

use super::{
    exit::Exit,
    terminal::{Ink, Terminal},
};
use crate::telemetry::Chain;

/// The end of a command that could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// The code that the process ends with.
    pub exit: Exit,
    message: String,
    next: Option<String>,
}

impl Failure {
    /// A failure that says what went wrong: lower case, no full stop, never a secret.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), next: None }
    }

    /// A failure with the cause that it came from: `message: cause: its cause …`.
    pub fn because(exit: Exit, message: impl fmt::Display, cause: &(dyn Error + 'static)) -> Self {
        Self::new(exit, format_args!("{message}: {}", Chain(cause)))
    }

    /// The reader of stdout is gone; there is nobody to tell.
    #[must_use]
    pub fn hung_up() -> Self {
        Self::new(Exit::HungUp, "")
    }

    /// What the person can do now, as a sentence or a command.
    #[must_use]
    pub fn next(mut self, next: impl fmt::Display) -> Self {
        self.next = Some(next.to_string());
        self
    }

    /// What went wrong, without the next step.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Prints the failure on stderr; a failure without words stays silent.
    pub fn print(&self, terminal: &Terminal) {
        if self.message.is_empty() {
            return;
        }
        terminal.note(format_args!("{} {}", terminal.on_stderr(Ink::Bad, "error:"), self.message));
        if let Some(next) = &self.next {
            terminal.note(format_args!("{} {next}", terminal.on_stderr(Ink::Good, " next:")));
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_stands_behind_the_sentence() {
        let failure = Failure::because(Exit::Io, "migrate", &std::io::Error::other("disk full"));
        assert_eq!(failure.message(), "migrate: disk full");
    }
}
