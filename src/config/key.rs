//! A key: its name, what may be written, what holds when nobody writes it, and why it exists.
//!
//! One constant per key is the whole truth: reading, checking, `config/payoutd.toml` and `docs/configuration.md` come from it.

use super::secret_file::SecretFile;

/// A value as it was written, before anybody asked what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// TOML text.
    Text(String),
    /// A TOML whole number.
    Whole(i64),
    /// A TOML `true` or `false`.
    Flag(bool),
    /// A TOML list of texts.
    List(Vec<String>),
    /// Text without a type of its own: from the environment, or a default in this program.
    Bare(String),
    /// Anything else (a fraction, a date, a list), named for the mistake's sentence.
    Other(&'static str),
}

impl Written {
    /// The text, or what was written instead.
    pub(crate) fn text(&self) -> Result<&str, Wrong> {
        match self {
            Self::Text(text) | Self::Bare(text) if text.is_empty() => {
                Err(Wrong::new("is empty", "give a value or leave the key out"))
            }
            Self::Text(text) | Self::Bare(text) => Ok(text),
            other => Err(Wrong::new(format!("{} is not text", other.shown()), "put it in quotes")),
        }
    }

    /// The whole number, or what was written instead.
    pub(crate) fn whole(&self) -> Result<i64, Wrong> {
        let wrong =
            |shown: String| Wrong::new(format!("{shown} is not a whole number"), "write digits alone");
        match self {
            Self::Whole(number) => Ok(*number),
            Self::Bare(text) => text.trim().parse().map_err(|_| wrong(format!("\"{text}\""))),
            other => Err(wrong(other.shown())),
        }
    }

    /// The flag, or what was written instead.
    pub(crate) fn flag(&self) -> Result<bool, Wrong> {
        match self {
            Self::Flag(flag) => Ok(*flag),
            Self::Bare(text) if text == "true" => Ok(true),
            Self::Bare(text) if text == "false" => Ok(false),
            other => Err(Wrong::new(
                format!("{} is neither true nor false", other.shown()),
                "write true or false, without quotes",
            )),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) | Self::Bare(text) => format!("\"{text}\""),
            Self::Whole(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Other(kind) => format!("a {kind}"),
        }
    }
}

/// What is wrong with a value, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) wrong: String,
    pub(crate) right: String,
}

impl Wrong {
    pub(crate) fn new(wrong: impl Into<String>, right: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), right: right.into() }
    }
}

/// What may be written for a key, and what it means.
pub(crate) trait Form {
    /// What the program holds once the value is read.
    type Value;

    /// What may be written, for people: "whole seconds, 10 to 3600".
    fn words(&self) -> String;

    /// Reads what was written. `folder` is where relative paths start.
    ///
    /// # Errors
    /// When it cannot mean anything here.
    fn read(&self, written: &Written, folder: &std::path::Path) -> Result<Self::Value, Wrong>;

    /// The value as one would write it in TOML.
    fn show(&self, value: &Self::Value) -> String;

    /// The secret file that the value names, for the kinds that name one.
    fn secret_file<'v>(&self, _value: &'v Self::Value) -> Option<&'v SecretFile> {
        None
    }
}

/// What holds when nobody writes the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Nothing can hold: the key must be written. With an example, as it stands in TOML.
    Required(&'static str),
    /// Nothing holds and that is allowed: an example, as it stands in TOML, and what it means to leave it out.
    Absent {
        /// One would write it like this.
        example: &'static str,
        /// What leaving it out means.
        without: &'static str,
    },
    /// This value, as it stands in TOML.
    Is(&'static str),
}

/// A key of the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key<F> {
    /// Its full name; `[]` stands for the place in a list: `network.nodes[].url`.
    pub(crate) name: &'static str,
    /// What may be written.
    pub(crate) form: F,
    /// What holds without it.
    pub(crate) fallback: Fallback,
    /// What it does, and why the default is what it is. Sentences.
    pub(crate) about: &'static str,
}

/// A TOML text in double quotes, escaped.
pub(crate) fn quoted(text: &str) -> String {
    // A JSON string is a TOML basic string: the same quotes, the same escapes.
    serde_json::Value::from(text).to_string()
}
