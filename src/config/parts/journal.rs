//! `[journal]`: the record of every step, sealed.

use crate::config::{
    forms::SecretPath,
    key::{Fallback, Key},
    reader::Reader,
    secret_file::SecretFile,
};

/// The record of every step, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The key that signs checkpoints.
    pub key_file: SecretFile,
}

const KEY_FILE: Key<SecretPath> = Key {
    name: "journal.key_file",
    form: SecretPath,
    fallback: Fallback::Required("\"journal.pem\""),
    about: "The Ed25519 key (PEM, PKCS#8) that signs the journal's checkpoints. `payoutd keys new journal --out FILE` \
            makes one. Keep its public half elsewhere: it is what an auditor checks with.",
};

impl Journal {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("journal", "The record of every step, sealed.");
        let key_file = reader.ask(&KEY_FILE);
        Some(Self { key_file: key_file? })
    }
}
