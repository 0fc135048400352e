//! The internal listener: for gateways alone, over a unix socket or over TLS with a certificate of their own (F000-05).
//!
//! Promises: who is at the other end is told by the kernel or by a certificate that the named authority has signed, once for each
//! connection. Whoever shows no certificate gets as far as an answer, so that they hear why; one of another authority ends the handshake.

use std::{any::Any, fmt, io, net::SocketAddr, net::TcpListener, os::unix::net::UnixListener, sync::Arc};

use actix_web::{
    HttpRequest, HttpServer,
    dev::{Extensions, Server},
    rt::net::UnixStream,
    web::Data,
};
use rustls::server::danger::ClientCertVerifier;

use super::{
    Arrival, CannotListen, Certificates, SocketFile, UnixSocketSettings, app, at, tls, unix_socket, workers,
};
use crate::{
    http::{
        door::Door,
        settings::{CONNECTIONS_MAX, DRAIN_WITHIN, HEADERS_WITHIN, KEEP_ALIVE, LINGER},
        token::TokenDigest,
    },
    identity::gateway::{Gateway, Gateways, Visitor},
};

/// The listener for gateways.
#[derive(Debug, Clone)]
pub struct InternalSettings {
    /// Where they come.
    pub listener: InternalListener,
    /// Who they are.
    pub gateways: Arc<Gateways>,
    /// What they show besides, in `X-Internal-Token`.
    pub token: Option<TokenDigest>,
}

/// Where gateways come.
#[derive(Clone)]
pub enum InternalListener {
    /// Over TLS, with a certificate.
    Tls {
        /// Where to listen; port 0 takes a free one.
        listen: SocketAddr,
        /// What handshakes are answered with.
        certificates: Arc<Certificates>,
        /// Whose certificates are taken.
        clients: Arc<dyn ClientCertVerifier>,
    },
    /// Over a socket of this machine.
    UnixSocket(UnixSocketSettings),
}

impl fmt::Debug for InternalListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls { listen, .. } => write!(f, "Tls({listen})"),
            Self::UnixSocket(socket) => write!(f, "UnixSocket({})", socket.path.display()),
        }
    }
}

/// The internal listener at work.
pub struct OpenedInternal {
    /// To be awaited or spawned.
    pub server: Server,
    /// Where it is: an address, or `unix:` and a path.
    pub place: String,
    /// Where it is, over TLS.
    pub tls_address: Option<SocketAddr>,
    /// The socket's file, which goes when this goes.
    pub socket_file: Option<SocketFile>,
}

/// Whoever is at the other end of a request's connection; `None` where it did not come over the internal listener.
#[must_use]
pub fn visitor_of(request: &HttpRequest) -> Option<&Visitor> {
    request.conn_data::<Visitor>()
}

/// The gateway that has brought a request; `None` for everybody else.
#[must_use]
pub fn gateway_of(request: &HttpRequest) -> Option<&Gateway> {
    match visitor_of(request)? {
        Visitor::Gateway(gateway) => Some(gateway),
        Visitor::Stranger(_) => None,
    }
}

/// A listener that is bound, and not served yet.
pub(super) enum Bound {
    Tls(TcpListener, SocketAddr, Arc<Certificates>, Arc<dyn ClientCertVerifier>),
    UnixSocket(UnixListener, SocketFile),
}

/// Listens.
///
/// # Errors
/// With the place that can not be listened on.
pub(super) fn bind(settings: &InternalSettings) -> Result<Bound, CannotListen> {
    match &settings.listener {
        InternalListener::Tls { listen, certificates, clients } => {
            let listener = TcpListener::bind(listen).map_err(at(listen))?;
            let address = listener.local_addr().map_err(at(listen))?;
            Ok(Bound::Tls(listener, address, certificates.clone(), clients.clone()))
        }
        InternalListener::UnixSocket(socket) => {
            let (listener, file) = unix_socket::bind(socket).map_err(at(place_of(socket)))?;
            Ok(Bound::UnixSocket(listener, file))
        }
    }
}

/// Serves.
///
/// # Errors
/// When the listener can not be used.
pub(super) fn serve(
    door: &Data<Door>,
    settings: &InternalSettings,
    bound: Bound,
) -> Result<OpenedInternal, CannotListen> {
    let gateways = settings.gateways.clone();
    match bound {
        Bound::Tls(listener, address, certificates, clients) => {
            let server = tls::serve_gateways(door, &certificates, (clients, gateways), listener);
            Ok(OpenedInternal {
                server: server.map_err(at(address))?,
                place: address.to_string(),
                tls_address: Some(address),
                socket_file: None,
            })
        }
        Bound::UnixSocket(listener, file) => {
            let place = format!("unix:{}", file.path().display());
            let server = serve_socket(door, gateways, listener).map_err(at(&place))?;
            Ok(OpenedInternal { server, place, tls_address: None, socket_file: Some(file) })
        }
    }
}

fn place_of(socket: &UnixSocketSettings) -> String {
    format!("unix:{}", socket.path.display())
}

fn serve_socket(door: &Data<Door>, gateways: Arc<Gateways>, listener: UnixListener) -> io::Result<Server> {
    let (data, workers) = (door.clone(), workers(door));
    let server = HttpServer::new(move || app(&data))
        .workers(workers)
        .max_connections(CONNECTIONS_MAX.div_ceil(workers))
        .client_request_timeout(HEADERS_WITHIN)
        .client_disconnect_timeout(LINGER)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(DRAIN_WITHIN.as_secs())
        .disable_signals()
        .on_connect(move |connection, data| note(connection, &gateways, data))
        .listen_uds(listener)?;
    Ok(server.run())
}

fn note(connection: &dyn Any, gateways: &Gateways, data: &mut Extensions) {
    let credentials = connection.downcast_ref::<UnixStream>().and_then(|stream| stream.peer_cred().ok());
    let visitor = match credentials {
        Some(credentials) => gateways.at_socket(credentials.uid(), credentials.gid()),
        None => Visitor::Stranger(None),
    };
    data.insert(visitor);
    data.insert(Arrival::Internal);
}
