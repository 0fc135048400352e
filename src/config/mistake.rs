//! What is wrong in a configuration: every mistake names the key, where it stands, what was wrong and what would be right.

use std::fmt;

use serde::Serialize;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Origin {
    /// A line of the configuration file, counted from 1.
    File {
        /// The line.
        line: usize,
    },
    /// A variable of the environment.
    Environment {
        /// The variable's name.
        variable: String,
    },
    /// Nobody said anything; the default holds.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line } => write!(f, "line {line}"),
            Self::Environment { variable } => f.write_str(variable),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One mistake. Never holds a secret: values of secret files are not quoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The key, as it is written in the file: `limits.hourly_usdt`.
    pub key: String,
    /// Where the value stands; [`Origin::Default`] when nobody gave one.
    pub origin: Origin,
    /// What is wrong.
    pub wrong: String,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, origin, wrong, right } = self;
        match origin {
            Origin::Default => write!(f, "{key}: {wrong}; {right}"),
            origin => write!(f, "{key} ({origin}): {wrong}; {right}"),
        }
    }
}

/// All mistakes of one configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    /// The file that was read, where there was one.
    pub file: Option<String>,
    /// The mistakes, in the order of the keys in the documentation; unknown keys last.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.mistakes.len();
        let plural = if count == 1 { "mistake" } else { "mistakes" };
        match &self.file {
            Some(file) => write!(f, "{count} {plural} in the configuration ({file} and the environment)")?,
            None => write!(f, "{count} {plural} in the configuration (no file, the environment alone)")?,
        }
        for mistake in &self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}
