//! `[journal]`: the record of every step, sealed.

use std::path::PathBuf;

use crate::config::{
    forms::{Place, SecretPath},
    key::{Fallback, Key},
    reader::Reader,
    secret_file::SecretFile,
};

/// The record of every step, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The key that signs checkpoints.
    pub key_file: SecretFile,
    /// Where the newest checkpoint is kept, outside of the database.
    pub checkpoint_file: Option<PathBuf>,
}

const KEY_FILE: Key<SecretPath> = Key {
    name: "journal.key_file",
    form: SecretPath,
    fallback: Fallback::Required("\"journal.pem\""),
    about: "The Ed25519 key (PEM, PKCS#8) that signs the journal's checkpoints. `payoutd keys new journal --out FILE` \
            makes one. Keep its public half elsewhere: it is what an auditor checks with.",
};

const CHECKPOINT_FILE: Key<Place> = Key {
    name: "journal.checkpoint_file",
    form: Place,
    fallback: Fallback::Absent {
        example: "\"payoutd.checkpoint\"",
        without: "it stands beside an SQLite store; a PostgreSQL wants it named",
    },
    about: "Where the newest checkpoint is kept outside of the database. A database that was restored from an older copy is \
            known by it, and nothing is signed before the chain has told what was paid since: keep it on another disk than \
            the database.",
};

impl Journal {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("journal", "The record of every step, sealed.");
        let key_file = reader.ask(&KEY_FILE);
        let checkpoint_file = reader.ask_maybe(&CHECKPOINT_FILE);
        Some(Self { key_file: key_file?, checkpoint_file: checkpoint_file? })
    }
}
