//! `[http]`: the front door.

use std::net::SocketAddr;

use ipnet::IpNet;

use crate::config::{
    forms::{Count, Listen, Networks, SecretPath},
    key::{Fallback, Key},
    reader::Reader,
    secret_file::SecretFile,
};

/// The front door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The bearer token of the one account.
    pub token_file: SecretFile,
    /// Threads that read requests.
    pub workers: u32,
    /// A longer body is answered with 413.
    pub body_bytes_max: u32,
    /// Whose word about a caller's address is taken.
    pub trusted_proxies: Vec<IpNet>,
}

const LISTEN: Key<Listen> = Key {
    name: "http.listen",
    form: Listen,
    fallback: Fallback::Is("\"127.0.0.1:8080\""),
    about: "Where the API listens. Loopback by default, because the door speaks plain HTTP: put a TLS proxy before it \
            when others are to reach it.",
};

const TOKEN_FILE: Key<SecretPath> = Key {
    name: "http.token_file",
    form: SecretPath,
    fallback: Fallback::Required("\"token\""),
    about: "The file with the bearer token that every call to the API shows: at least 32 visible characters, for \
            example from `openssl rand -hex 32`. There is no default token.",
};

const WORKERS: Key<Count> = Key {
    name: "http.workers",
    form: Count { of: "threads", from: 1, to: 64 },
    fallback: Fallback::Is("2"),
    about: "Threads that read requests. Two are enough: a request waits for the store's commit, not for the processor.",
};

const BODY_BYTES_MAX: Key<Count> = Key {
    name: "http.body_bytes_max",
    form: Count { of: "bytes", from: 1024, to: 16 * 1024 * 1024 },
    fallback: Fallback::Is("1048576"),
    about: "The longest body that is taken; a longer one is answered with 413. A batch of 500 payouts with memos fits \
            into 1 MiB.",
};

const TRUSTED_PROXIES: Key<Networks> = Key {
    name: "http.trusted_proxies",
    form: Networks,
    fallback: Fallback::Absent {
        example: "[\"10.0.0.7\", \"10.1.0.0/16\"]",
        without: "a caller's address is that of its connection, whatever its headers say",
    },
    about: "The proxies that stand before this daemon. Of a connection that comes from one of them, the caller's address is the \
            last one in X-Forwarded-For that is none of them: name only proxies that append to this header.",
};

impl Http {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("http", "The front door.");
        let listen = reader.ask(&LISTEN);
        let token_file = reader.ask(&TOKEN_FILE);
        let workers = reader.ask(&WORKERS);
        let body_bytes_max = reader.ask(&BODY_BYTES_MAX);
        let trusted_proxies = reader.ask_maybe(&TRUSTED_PROXIES);
        if let Some(listen) = listen.filter(|listen| !listen.ip().is_loopback()) {
            reader.warn(format!(
                "http.listen is {listen}: the token travels in clear text unless a TLS proxy stands before it"
            ));
        }
        Some(Self {
            listen: listen?,
            token_file: token_file?,
            workers: workers?,
            body_bytes_max: body_bytes_max?,
            trusted_proxies: trusted_proxies?.unwrap_or_default(),
        })
    }
}
