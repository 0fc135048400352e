//! Words: one of a few, or a filter for the log.

use std::path::Path;

use crate::config::key::{Form, Written, Wrong, quoted};

/// One of a few words, each with its meaning in the program. Words that are planned get a sentence of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneOf<T: 'static> {
    /// What may be written.
    pub(crate) words: &'static [(&'static str, T)],
    /// What one might expect and cannot have yet: the word and why.
    pub(crate) not_yet: &'static [(&'static str, &'static str)],
}

impl<T: Copy + PartialEq> Form for OneOf<T> {
    type Value = T;

    fn words(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|(word, _)| quoted(word)).collect();
        words.join(" or ")
    }

    fn read(&self, written: &Written, _: &Path) -> Result<T, Wrong> {
        let text = written.text()?;
        if let Some((_, meaning)) = self.words.iter().find(|(word, _)| *word == text) {
            return Ok(*meaning);
        }
        let planned = self.not_yet.iter().find(|(word, _)| *word == text);
        let wrong = match planned {
            Some((word, why)) => format!("\"{word}\" {why}"),
            None => format!("\"{text}\" is not a choice"),
        };
        Err(Wrong::new(wrong, format!("write {}", self.words())))
    }

    fn show(&self, value: &T) -> String {
        self.words
            .iter()
            .find(|(_, meaning)| meaning == value)
            .map_or_else(String::new, |(word, _)| quoted(word))
    }
}

/// A name that others have chosen, compared letter by letter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name;

/// A longer one is none.
const NAME_BYTES_MAX: usize = 255;

impl Form for Name {
    type Value = String;

    fn words(&self) -> String {
        format!("1 to {NAME_BYTES_MAX} visible characters of ASCII")
    }

    fn read(&self, written: &Written, _: &Path) -> Result<String, Wrong> {
        let text = written.text()?;
        let fits = text.len() <= NAME_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        match fits {
            true => Ok(text.to_owned()),
            false => Err(Wrong::new(
                "has blanks, characters beyond ASCII, or too many of them",
                "write it letter by letter",
            )),
        }
    }

    fn show(&self, value: &String) -> String {
        quoted(value)
    }
}

/// Which lines the log takes, as tracing's directives: `info,payoutd=debug`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter;

impl Form for Filter {
    type Value = String;

    fn words(&self) -> String {
        "tracing directives: a level (error, warn, info, debug, trace), or target=level, with commas between"
            .into()
    }

    fn read(&self, written: &Written, _: &Path) -> Result<String, Wrong> {
        let text = written.text()?;
        tracing_subscriber::EnvFilter::try_new(text).map_err(|error| {
            Wrong::new(
                format!("\"{text}\" is not a filter ({error})"),
                "write, for example, \"info,payoutd=debug\"",
            )
        })?;
        Ok(text.to_owned())
    }

    fn show(&self, value: &String) -> String {
        quoted(value)
    }
}
