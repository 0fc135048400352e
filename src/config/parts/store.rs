//! `[store]`: where payouts and the journal live.

use std::time::Duration;

use crate::config::{
    forms::{Count, Millis, SecretPath, StoreForm, StoreUrl},
    key::{Fallback, Key, Wrong},
    reader::Reader,
    secret_file::SecretFile,
};

/// Where payouts and the journal live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The database.
    pub url: StoreUrl,
    /// The password of a PostgreSQL's user.
    pub password_file: Option<SecretFile>,
    /// Connections to a PostgreSQL.
    pub connections_max: u32,
    /// How long a statement of PostgreSQL may take.
    pub statement_timeout: Duration,
    /// How long a statement of PostgreSQL waits for a lock.
    pub lock_timeout: Duration,
}

const URL: Key<StoreForm> = Key {
    name: "store.url",
    form: StoreForm,
    fallback: Fallback::Required("\"sqlite:payoutd.db\""),
    about: "The database that holds payouts, reservations and the journal. An SQLite file is made and migrated at the \
            first start; one process holds it at a time. Keep it on a local disk: network file systems break its locks. \
            A PostgreSQL (14 or newer) is shared by any number of daemons; its tables are made and migrated at the first \
            start, or by `payoutd migrate`. Over a network add ?sslmode=verify-full (and &sslrootcert=FILE for a CA of \
            your own).",
};

const PASSWORD_FILE: Key<SecretPath> = Key {
    name: "store.password_file",
    form: SecretPath,
    fallback: Fallback::Absent {
        example: "\"postgres.password\"",
        without: "the password is in the URL, or none is asked for",
    },
    about: "The password of the PostgreSQL user that store.url names. In a file of its own it is in no process list and in \
            no copy of this configuration.",
};

const CONNECTIONS_MAX: Key<Count> = Key {
    name: "store.connections_max",
    form: Count { of: "connections", from: 4, to: 200 },
    fallback: Fallback::Is("16"),
    about: "How many connections one daemon opens to a PostgreSQL. Writers follow one another anyway; the others read for \
            those who ask over HTTP. Times the number of daemons it must fit into the server's max_connections.",
};

const STATEMENT_TIMEOUT_MS: Key<Millis> = Key {
    name: "store.statement_timeout_ms",
    form: Millis { from: 1_000, to: 600_000 },
    fallback: Fallback::Is("4500"),
    about: "How long a statement may take on a PostgreSQL before it is given up. All of them are short; one that takes long \
            is a database in trouble, and giving up frees what it holds. An answer that does not come is waited for half a \
            second longer: then the wire is silent, and another connection is made.",
};

const LOCK_TIMEOUT_MS: Key<Millis> = Key {
    name: "store.lock_timeout_ms",
    form: Millis { from: 500, to: 60_000 },
    fallback: Fallback::Is("4000"),
    about: "How long a statement waits on a PostgreSQL for its turn. It must outlast a daemon that stops in the middle of a \
            write: the database ends such a write after 3 seconds.",
};

impl Store {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("store", "Where payouts and the journal live.");
        let url = reader.ask(&URL);
        let password_file = reader.ask_maybe(&PASSWORD_FILE);
        let connections_max = reader.ask(&CONNECTIONS_MAX);
        let statement_timeout = reader.ask(&STATEMENT_TIMEOUT_MS);
        let lock_timeout = reader.ask(&LOCK_TIMEOUT_MS);
        let store = Self {
            url: url?,
            password_file: password_file?,
            connections_max: connections_max?,
            statement_timeout: statement_timeout?,
            lock_timeout: lock_timeout?,
        };
        store.is_one_whole(reader).then_some(store)
    }

    /// Whether the keys fit together.
    fn is_one_whole(&self, reader: &mut Reader<'_>) -> bool {
        if let StoreUrl::Postgres(url) = &self.url
            && url.may_be_overheard()
        {
            reader.warn(format!(
                "store.url is {url}: without ?sslmode=verify-full the books may travel in clear text, and nobody notices"
            ));
        }
        match (&self.url, &self.password_file) {
            (StoreUrl::Sqlite(_), Some(_)) => {
                let wrong = Wrong::new("is for a PostgreSQL, and store.url is a file", "leave it out");
                reader.mistake(PASSWORD_FILE.name, wrong);
                false
            }
            (StoreUrl::Postgres(url), Some(_)) if url.holds_password() => {
                let wrong = Wrong::new("stands beside a password in store.url", "take one of them away");
                reader.mistake(PASSWORD_FILE.name, wrong);
                false
            }
            (StoreUrl::Postgres(url), None) if url.holds_password() => {
                reader.warn(
                    "store.url holds a password: whoever reads the configuration has it (store.password_file)".to_owned(),
                );
                true
            }
            _ => true,
        }
    }
}
