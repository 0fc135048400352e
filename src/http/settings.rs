//! The door's own limits, each with its name and unit (F-P24).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use ipnet::IpNet;

use super::{
    cursor::CursorKey,
    listeners::{Certificates, InternalListener, InternalSettings, TlsSettings, UnixSocketSettings},
    token::TokenDigest,
};

/// Connections that are open at once, all workers together: so many of this machine, so many from elsewhere, so many of gateways.
pub const CONNECTIONS_MAX: usize = 256;
/// Of those from elsewhere, so many of one address, unless it is a trusted proxy's.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 32;
/// How long a client may take for a TLS handshake.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// How long a client may take to send its headers.
pub const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take to send its body.
pub const BODY_WITHIN: Duration = Duration::from_secs(30);
/// How long a connection without a request stays open.
pub const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// An answer that is known before its request's body is read to the end (a 413, a 401) waits so long for the rest: a body that has
/// arrived, or comes at once, does not cost the connection.
pub const REST_WITHIN: Duration = Duration::from_millis(200);
/// After an answer that did not wait longer for the body, what still comes of it is read and dropped for so long, so that a slow
/// client reads the answer and not a reset. A client that closes is not waited for.
pub const LINGER: Duration = Duration::from_secs(30);
/// How long requests in flight may take when the daemon stops.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// The longest body that is taken, unless the configuration says otherwise.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What the door is given when it opens.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen for plaintext, on loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The listener for whoever is not on this machine.
    pub tls: Option<TlsSettings>,
    /// The listener for who has the right to a file.
    pub unix_socket: Option<UnixSocketSettings>,
    /// The listener for gateways.
    pub internal: Option<InternalSettings>,
    /// The origins whose pages may ask.
    pub cors_origins: Vec<String>,
    /// What opens the door.
    pub token: TokenDigest,
    /// Whether API keys are taken: they are known once the store is open.
    pub takes_keys: bool,
    /// Makes the cursors of lists.
    pub cursor_key: CursorKey,
    /// The longest body that is taken.
    pub body_bytes_max: usize,
    /// Threads that read requests, of each server.
    pub workers: usize,
    /// How long a body may take.
    pub body_within: Duration,
    /// The proxies whose word about a caller's address is taken.
    pub trusted_proxies: Vec<IpNet>,
}

impl Settings {
    /// What handshakes are answered with, where a listener speaks TLS.
    #[must_use]
    pub fn certificates(&self) -> Option<Arc<Certificates>> {
        let internal = match self.internal.as_ref().map(|internal| &internal.listener) {
            Some(InternalListener::Tls { certificates, .. }) => Some(certificates),
            Some(InternalListener::UnixSocket(_)) | None => None,
        };
        self.tls.as_ref().map(|tls| &tls.certificates).or(internal).cloned()
    }

    /// The defaults with a place to listen and a token.
    #[must_use]
    pub fn new(listen: SocketAddr, token: TokenDigest, cursor_key: CursorKey) -> Self {
        Self {
            listen,
            tls: None,
            unix_socket: None,
            internal: None,
            cors_origins: Vec::new(),
            token,
            takes_keys: false,
            cursor_key,
            body_bytes_max: BODY_BYTES_MAX,
            workers: 2,
            body_within: BODY_WITHIN,
            trusted_proxies: Vec::new(),
        }
    }
}
