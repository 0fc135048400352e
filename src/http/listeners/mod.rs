//! The listeners: a plain one on loopback, a unix socket where one is named, TLS for everybody else, and one for gateways alone.
//!
//! Promises: plaintext is spoken on this machine alone; what comes from elsewhere comes over TLS 1.3; how a request arrived is told
//! by the listener that took it and by nothing that a caller sends. Who is on this machine and who is elsewhere have servers of
//! their own, each with its connections: a flood from outside takes none of the operator's, and one address takes not all of those
//! from outside. **Never here:** who somebody is.

mod certificates;
mod crowd;
mod handshake;
mod internal;
mod tls;
mod unix_socket;

use std::{
    any::Any,
    fmt, io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
};

use actix_web::{
    App, Error, HttpRequest, HttpServer,
    body::BoxBody,
    dev::{AppConfig, Extensions, Server, ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::from_fn,
    rt::net::UnixStream,
    web::Data,
};

use super::{
    cors::cors,
    door::{Door, furnish},
    envelope::envelope,
    gate::gate,
    settings::{CONNECTIONS_MAX, DRAIN_WITHIN, HEADERS_WITHIN, KEEP_ALIVE, LINGER, Settings},
};

pub use self::{
    certificates::Certificates,
    internal::{InternalListener, InternalSettings, OpenedInternal, gateway_of, visitor_of},
    unix_socket::SocketFile,
};

/// The listener for whoever is not on this machine.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What handshakes are answered with.
    pub certificates: Arc<Certificates>,
}

/// The listener for who has the right to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocketSettings {
    /// Where the socket stands.
    pub path: PathBuf,
    /// Its mode: who may write to it may connect.
    pub mode: u32,
}

/// Over which listener a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Plain, from this machine.
    Loopback,
    /// Over the unix socket.
    UnixSocket,
    /// Over TLS, from anywhere.
    Tls,
    /// Over the listener for gateways, which brings people of anywhere.
    Internal,
}

impl Arrival {
    /// How a request came; `None` without a listener, which is a test's.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.conn_data::<Self>().copied()
    }

    /// Whether only who is on this machine comes this way.
    #[must_use]
    pub const fn is_local(self) -> bool {
        match self {
            Self::Loopback | Self::UnixSocket => true,
            Self::Tls | Self::Internal => false,
        }
    }
}

/// The servers of an open door, to be awaited or spawned.
pub struct Opened {
    /// Whoever is on this machine.
    pub local: Server,
    /// Whoever is not.
    pub tls: Option<Server>,
    /// Where the plain listener is.
    pub address: SocketAddr,
    /// Where the TLS listener is.
    pub tls_address: Option<SocketAddr>,
    /// Gateways.
    pub internal: Option<OpenedInternal>,
    /// The socket's file, which goes when this goes.
    pub socket_file: Option<SocketFile>,
}

/// Opens every listener, or none.
///
/// # Errors
/// With the place that can not be listened on; and for a plain listener that others could reach (F001-02).
pub(super) fn open(door: Door) -> Result<Opened, CannotListen> {
    let Settings { listen, tls, unix_socket, internal, .. } = door.settings.clone();
    if !is_loopback(listen) {
        let cause = io::Error::other("plaintext is spoken on loopback alone");
        return Err(CannotListen { place: listen.to_string(), cause });
    }
    let plain = TcpListener::bind(listen).map_err(at(listen))?;
    let address = plain.local_addr().map_err(at(listen))?;
    let outside = tls.map(|tls| {
        let listener = TcpListener::bind(tls.listen).map_err(at(tls.listen))?;
        let address = listener.local_addr().map_err(at(tls.listen))?;
        Ok((tls, listener, address))
    });
    let outside = outside.transpose()?;
    let socket = unix_socket
        .map(|socket| unix_socket::bind(&socket).map_err(at(format!("unix:{}", socket.path.display()))));
    let (socket, socket_file) = socket.transpose()?.unzip();
    let gateways = internal.as_ref().map(internal::bind).transpose()?;
    let data = Data::new(door);
    let local = serve_local(&data, plain, socket).map_err(at(address))?;
    let tls_address = outside.as_ref().map(|(.., address)| *address);
    let tls = outside
        .map(|(tls, listener, address)| tls::serve(&data, &tls.certificates, listener).map_err(at(address)));
    let internal = internal.zip(gateways).map(|(settings, bound)| internal::serve(&data, &settings, bound));
    let (tls, internal) = (tls.transpose()?, internal.transpose()?);
    Ok(Opened { local, tls, address, tls_address, internal, socket_file })
}

/// That a place can not be listened on.
fn at(place: impl fmt::Display) -> impl FnOnce(io::Error) -> CannotListen {
    let place = place.to_string();
    move |cause| CannotListen { place, cause }
}

/// A place at which nobody can listen.
#[derive(Debug, thiserror::Error)]
#[error("the door can not be opened on {place}")]
pub struct CannotListen {
    /// Where.
    pub place: String,
    /// Why not.
    #[source]
    pub cause: io::Error,
}

impl Opened {
    /// What stops the servers.
    #[must_use]
    pub fn handles(&self) -> Vec<ServerHandle> {
        let internal = self.internal.as_ref().map(|internal| &internal.server);
        [Some(&self.local), self.tls.as_ref(), internal].into_iter().flatten().map(Server::handle).collect()
    }
}

/// Whether nobody but this machine reaches an address.
#[must_use]
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn serve_local(
    door: &Data<Door>,
    plain: TcpListener,
    socket: Option<std::os::unix::net::UnixListener>,
) -> io::Result<Server> {
    let workers = workers(door);
    let data = door.clone();
    let server = HttpServer::new(move || app(&data))
        .workers(workers)
        .max_connections(CONNECTIONS_MAX.div_ceil(workers))
        .client_request_timeout(HEADERS_WITHIN)
        .client_disconnect_timeout(LINGER)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(DRAIN_WITHIN.as_secs())
        .disable_signals()
        .on_connect(note_arrival)
        .listen(plain)?;
    let server = match socket {
        Some(socket) => server.listen_uds(socket)?,
        None => server,
    };
    Ok(server.run())
}

fn workers(door: &Door) -> usize {
    door.settings.workers.max(1)
}

fn note_arrival(connection: &dyn Any, data: &mut Extensions) {
    let is_socket = connection.is::<UnixStream>();
    data.insert(if is_socket { Arrival::UnixSocket } else { Arrival::Loopback });
}

/// What every listener serves.
fn app(
    door: &Data<Door>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .configure(|config| furnish(config, door))
        .wrap(from_fn(gate))
        .wrap(cors(&door.settings.cors_origins))
        .wrap(from_fn(envelope))
}

/// What actix-web tells an application of its server; nothing here asks it.
fn app_config() -> AppConfig {
    AppConfig::default()
}
