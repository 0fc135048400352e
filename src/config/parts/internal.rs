//! The keys of the internal listener, below `[http]`: where gateways come, and who they are (F000-05).

use super::http::fits_an_address;
use crate::{
    config::{
        forms::{GatewayNames, InternalListen, InternalPlace, Place, SecretPath},
        key::{Fallback, Key, Wrong},
        reader::Reader,
        secret_file::SecretFile,
    },
    identity::gateway::GatewayName,
};

use std::path::PathBuf;

/// The listener for gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Internal {
    /// Where they come.
    pub listen: InternalPlace,
    /// Who they are.
    pub peers: Vec<GatewayName>,
    /// Whose certificates are taken, over TLS.
    pub client_ca_file: Option<PathBuf>,
    /// What they show besides.
    pub token_file: Option<SecretFile>,
}

impl Internal {
    /// Whether it is spoken to over TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self.listen, InternalPlace::Address(_))
    }
}

pub(super) const LISTEN: Key<InternalListen> = Key {
    name: "http.internal_listen",
    form: InternalListen,
    fallback: Fallback::Absent {
        example: "\"unix:/run/payoutd/gateway.sock\"",
        without: "the headers of gateways count nowhere",
    },
    about: "Where gateways come that have signed people in elsewhere, and say by X-User-ID for whom they ask: a unix socket, or an address \
            with TLS 1.3 and certificates on both sides (its own is that of http.tls_certificate_file). At every other listener these \
            headers are taken off unread.",
};

const PEERS: Key<GatewayNames> = Key {
    name: "http.internal_peers",
    form: GatewayNames,
    fallback: Fallback::Absent { example: "[\"uid:998\"]", without: "there is no listener for gateways" },
    about: "Who is a gateway: at a unix socket the user or the group of its process, by number; over TLS a name in its certificate, of a \
            host, as a URI, or the subject's common name. Whoever is a gateway may ask for everybody in the register, within what \
            they may do.",
};

const CLIENT_CA_FILE: Key<Place> = Key {
    name: "http.internal_client_ca_file",
    form: Place,
    fallback: Fallback::Absent {
        example: "\"gateways-ca.pem\"",
        without: "gateways come over a unix socket",
    },
    about: "The authority that has signed the gateways' certificates, in PEM. Over TLS it is wanted. Take one of your own: whatever else \
            it signs knocks at this listener, too, and only http.internal_peers keeps it out.",
};

const TOKEN_FILE: Key<SecretPath> = Key {
    name: "http.internal_token_file",
    form: SecretPath,
    fallback: Fallback::Absent { example: "\"internal-token\"", without: "gateways show no token besides" },
    about: "A token that gateways show besides, in X-Internal-Token: at least 32 visible characters, from `openssl rand -hex 32`. It is \
            compared in constant time. By itself it opens nothing.",
};

/// The outer `None`: there is a mistake, and it is written down.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Option<Internal>> {
    let listen = reader.ask_maybe(&LISTEN);
    let peers = reader.ask_maybe(&PEERS);
    let client_ca_file = reader.ask_maybe(&CLIENT_CA_FILE);
    let token_file = reader.ask_maybe(&TOKEN_FILE);
    let (listen, peers, client_ca_file, token_file) = (listen?, peers?, client_ca_file?, token_file?);
    let Some(listen) = listen else {
        let written = [
            (PEERS.name, peers.is_some()),
            (CLIENT_CA_FILE.name, client_ca_file.is_some()),
            (TOKEN_FILE.name, token_file.is_some()),
        ];
        let mut idle = written.into_iter().filter(|(_, is_written)| *is_written).peekable();
        let is_whole = idle.peek().is_none();
        for (name, _) in idle {
            let right = "write http.internal_listen, too, or drop it";
            reader.mistake(name, Wrong::new("stands without a listener for gateways", right));
        }
        return is_whole.then_some(None);
    };
    let internal = Internal { listen, peers: peers.unwrap_or_default(), client_ca_file, token_file };
    fits_together(reader, &internal).then_some(Some(internal))
}

fn fits_together(reader: &mut Reader<'_>, internal: &Internal) -> bool {
    let before = reader.mistakes.len();
    let is_tls = internal.is_tls();
    if internal.peers.is_empty() {
        let right = if is_tls {
            "write, for example, internal_peers = [\"dns:gateway.internal\"]"
        } else {
            "write, for example, internal_peers = [\"uid:998\"]"
        };
        reader.mistake(PEERS.name, Wrong::new("is missing: nobody would be a gateway", right));
    }
    if let Some(name) = internal.peers.iter().find(|name| name.is_of_a_socket() == is_tls) {
        let right = match is_tls {
            true => "over TLS a gateway is known by its certificate: write \"dns:…\", \"uri:…\" or \"cn:…\"",
            false => "at a unix socket a gateway is known by its user: write \"uid:…\" or \"gid:…\"",
        };
        reader.mistake(PEERS.name, Wrong::new(format!("{name} is nobody there"), right));
    }
    match (is_tls, internal.client_ca_file.is_some()) {
        (true, false) => {
            let right = "name the authority that has signed the gateways' certificates";
            reader.mistake(
                CLIENT_CA_FILE.name,
                Wrong::new("is missing: http.internal_listen is spoken to over TLS", right),
            );
        }
        (false, true) => {
            let right = "drop it, or let gateways come over TLS";
            reader.mistake(
                CLIENT_CA_FILE.name,
                Wrong::new("stands beside a unix socket, at which no certificate is shown", right),
            );
        }
        _ => {}
    }
    if let InternalPlace::UnixSocket(path) = &internal.listen {
        fits_an_address(reader, LISTEN.name, path);
    }
    reader.mistakes.len() == before
}
