//! `[http]`: the front door.

use std::{
    net::SocketAddr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use ipnet::IpNet;

use super::internal::{self, Internal};
use crate::config::{
    forms::{Count, Listen, Networks, OneOf, Origins, Place, SecretPath},
    key::{Fallback, Key, Wrong},
    reader::Reader,
    secret_file::SecretFile,
    tls_files::TlsFiles,
};
use crate::http::listeners::is_loopback;

/// The front door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where to listen for plaintext, on loopback.
    pub listen: SocketAddr,
    /// The listener for whoever is not on this machine.
    pub tls_listen: Option<SocketAddr>,
    /// The certificate of the listeners that speak TLS, and its key.
    pub tls_files: Option<TlsFiles>,
    /// The listener for who has the right to a file.
    pub unix_socket: Option<UnixSocket>,
    /// The mode of the sockets.
    pub unix_socket_mode: u32,
    /// The listener for gateways.
    pub internal: Option<Internal>,
    /// The bearer token of the one account.
    pub token_file: SecretFile,
    /// Threads that read requests.
    pub workers: u32,
    /// A longer body is answered with 413.
    pub body_bytes_max: u32,
    /// The origins whose pages may ask.
    pub cors_origins: Vec<String>,
    /// Whose word about a caller's address is taken.
    pub trusted_proxies: Vec<IpNet>,
}

/// The listener for who has the right to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocket {
    /// Where it stands.
    pub path: PathBuf,
    /// Its mode.
    pub mode: u32,
}

/// A socket's address holds so many bytes of its path (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;

const LISTEN: Key<Listen> = Key {
    name: "http.listen",
    form: Listen,
    fallback: Fallback::Is("\"127.0.0.1:8080\""),
    about: "Where the API listens on this machine, in plain HTTP: for the commands, for scripts, for Prometheus, for a proxy \
            here. Loopback alone is taken; whoever is elsewhere comes over http.tls_listen.",
};

const TLS_LISTEN: Key<Listen> = Key {
    name: "http.tls_listen",
    form: Listen,
    fallback: Fallback::Absent { example: "\"0.0.0.0:8443\"", without: "nobody elsewhere reaches the API" },
    about: "Where the API listens for everybody else, over TLS 1.3 and nothing older.",
};

const TLS_CERTIFICATE_FILE: Key<Place> = Key {
    name: "http.tls_certificate_file",
    form: Place,
    fallback: Fallback::Absent { example: "\"tls.pem\"", without: "there is no TLS listener" },
    about: "The certificates of http.tls_listen, and of http.internal_listen over TLS, in PEM, the server's own first, then those that lead to its issuer. The files are \
            looked at every two seconds and at SIGHUP (systemctl reload): a new pair is served without a restart, one that does not \
            fit together is refused in the log and the one before stays.",
};

const TLS_KEY_FILE: Key<SecretPath> = Key {
    name: "http.tls_key_file",
    form: SecretPath,
    fallback: Fallback::Absent { example: "\"tls.key\"", without: "there is no TLS listener" },
    about: "The private key of that certificate, in PEM and without a passphrase.",
};

const UNIX_SOCKET: Key<Place> = Key {
    name: "http.unix_socket",
    form: Place,
    fallback: Fallback::Absent { example: "\"/run/payoutd/payoutd.sock\"", without: "there is no socket" },
    about: "A unix socket at which the API listens, too. Who may write to its file may connect. One that a killed daemon left \
            behind is taken away at the start.",
};

const UNIX_SOCKET_MODE: Key<OneOf<u32>> = Key {
    name: "http.unix_socket_mode",
    form: OneOf { words: &[("0600", 0o600), ("0660", 0o660), ("0666", 0o666)], not_yet: &[] },
    fallback: Fallback::Is("\"0660\""),
    about: "Who may connect to the sockets: payoutd's user, its group too, or everybody on this machine.",
};

const TOKEN_FILE: Key<SecretPath> = Key {
    name: "http.token_file",
    form: SecretPath,
    fallback: Fallback::Required("\"token\""),
    about: "The file with the bearer token of the house itself, which may do everything: at least 32 visible characters, for \
            example from `openssl rand -hex 32`. There is no default token. It counts for whoever is on this machine (http.listen, \
            http.unix_socket) and is unknown to everybody else: over TLS, and behind one of http.trusted_proxies, an API key is shown.",
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
            last one in X-Forwarded-For that is none of them: name only proxies that append to this header. Of any other \
            address 32 connections over TLS are held at a time.",
};

const CORS_ORIGINS: Key<Origins> = Key {
    name: "http.cors_origins",
    form: Origins,
    fallback: Fallback::Absent {
        example: "[\"https://desk.example\"]",
        without: "no page of another origin may ask from a browser",
    },
    about: "The origins whose pages may ask this API from a browser. They send Authorization, Content-Type, Idempotency-Key and \
            X-Request-ID; no cookie goes with it, and * is not taken.",
};

impl Http {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("http", "The front door.");
        let listen = reader.ask(&LISTEN).filter(|listen| keep_at_home(reader, *listen));
        let tls_listen = reader.ask_maybe(&TLS_LISTEN);
        let certificate = reader.ask_maybe(&TLS_CERTIFICATE_FILE);
        let key = reader.ask_maybe(&TLS_KEY_FILE);
        let unix_socket = reader.ask_maybe(&UNIX_SOCKET);
        let unix_socket_mode = reader.ask(&UNIX_SOCKET_MODE);
        let internal = internal::read(reader);
        let token_file = reader.ask(&TOKEN_FILE);
        let workers = reader.ask(&WORKERS);
        let body_bytes_max = reader.ask(&BODY_BYTES_MAX);
        let cors_origins = reader.ask_maybe(&CORS_ORIGINS);
        let trusted_proxies = reader.ask_maybe(&TRUSTED_PROXIES);
        let is_tls_spoken = internal.as_ref().map(|internal| internal.as_ref().is_some_and(Internal::is_tls));
        let tls_files = tls_listen
            .zip(is_tls_spoken)
            .and_then(|(listen, internally)| tls_files(reader, (listen, internally), certificate?, key?));
        let unix_socket =
            unix_socket.zip(unix_socket_mode).and_then(|(path, mode)| socket_at(reader, path, mode));
        Some(Self {
            listen: listen?,
            tls_listen: tls_listen?,
            tls_files: tls_files?,
            unix_socket: unix_socket?,
            unix_socket_mode: unix_socket_mode?,
            internal: internal?,
            token_file: token_file?,
            workers: workers?,
            body_bytes_max: body_bytes_max?,
            cors_origins: cors_origins?.unwrap_or_default(),
            trusted_proxies: trusted_proxies?.unwrap_or_default(),
        })
    }
}

/// F001-02: plaintext is spoken on this machine alone.
fn keep_at_home(reader: &mut Reader<'_>, listen: SocketAddr) -> bool {
    if !is_loopback(listen) {
        let wrong = format!("{listen} is reached from elsewhere, and plain HTTP is spoken there");
        let right =
            "write a loopback address, like \"127.0.0.1:8080\", and let others come over http.tls_listen";
        reader.mistake(LISTEN.name, Wrong::new(wrong, right));
    }
    is_loopback(listen)
}

/// The certificate and its key: both beside a listener that speaks TLS, none without. The outer `None`: there is a mistake, and it is
/// written down.
fn tls_files(
    reader: &mut Reader<'_>,
    (listen, internally): (Option<SocketAddr>, bool),
    certificate: Option<PathBuf>,
    key: Option<SecretFile>,
) -> Option<Option<TlsFiles>> {
    let is_spoken = listen.is_some() || internally;
    match (is_spoken, certificate, key) {
        (false, None, None) => Some(None),
        (true, Some(certificate), Some(key)) => Some(Some(TlsFiles { certificate, key })),
        (_, certificate, key) => {
            let missing = [
                (TLS_LISTEN.name, !is_spoken, "write, for example, tls_listen = \"0.0.0.0:8443\""),
                (
                    TLS_CERTIFICATE_FILE.name,
                    certificate.is_none(),
                    "name the certificate of the TLS listener",
                ),
                (TLS_KEY_FILE.name, key.is_none(), "name the private key of http.tls_certificate_file"),
            ];
            for (name, _, right) in missing.into_iter().filter(|(_, missing, _)| *missing) {
                reader
                    .mistake(name, Wrong::new("is missing beside the other keys of the TLS listener", right));
            }
            None
        }
    }
}

/// The outer `None`: there is a mistake, and it is written down.
fn socket_at(reader: &mut Reader<'_>, path: Option<PathBuf>, mode: u32) -> Option<Option<UnixSocket>> {
    let Some(path) = path else { return Some(None) };
    fits_an_address(reader, UNIX_SOCKET.name, &path).then_some(Some(UnixSocket { path, mode }))
}

/// Whether a socket's path is short enough; a longer one is written down.
pub(super) fn fits_an_address(reader: &mut Reader<'_>, name: &str, path: &Path) -> bool {
    let length = path.as_os_str().as_bytes().len();
    if length > SOCKET_PATH_BYTES_MAX {
        let wrong = format!(
            "{} is {length} bytes long, and a socket's address holds {SOCKET_PATH_BYTES_MAX}",
            path.display()
        );
        reader.mistake(name, Wrong::new(wrong, "name a shorter path, like /run/payoutd/payoutd.sock"));
    }
    length <= SOCKET_PATH_BYTES_MAX
}
