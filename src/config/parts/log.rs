//! `[log]`: what the daemon says while it works.

use crate::config::{
    forms::{Filter, OneOf},
    key::{Fallback, Key},
    reader::Reader,
};

/// What the daemon says while it works, on stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Which lines are written.
    pub filter: String,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, systemd's journal where stderr goes there, JSON elsewhere.
    Auto,
    /// One line for people.
    Human,
    /// One JSON object a line.
    Json,
    /// An entry in systemd's journal, with its priority and its fields.
    Journald,
}

const FORMAT: Key<OneOf<LogFormat>> = Key {
    name: "log.format",
    form: OneOf {
        words: &[
            ("auto", LogFormat::Auto),
            ("human", LogFormat::Human),
            ("json", LogFormat::Json),
            ("journald", LogFormat::Journald),
        ],
        not_yet: &[],
    },
    fallback: Fallback::Is("\"auto\""),
    about: "How the log is written: on stderr, for people on a terminal and JSON elsewhere; where systemd has connected stderr to its \
            journal, as entries there with their priority and fields. Unless it is said here.",
};

const FILTER: Key<Filter> = Key {
    name: "log.filter",
    form: Filter,
    fallback: Fallback::Is("\"info,actix_server=warn\""),
    about: "Which lines are written; the web server's talk about its own threads is left out. Secrets are in none of them, at any \
            level.",
};

impl Log {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("log", "What the daemon says while it works.");
        let format = reader.ask(&FORMAT);
        let filter = reader.ask(&FILTER);
        Some(Self { format: format?, filter: filter? })
    }
}
