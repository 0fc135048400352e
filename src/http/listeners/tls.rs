//! The servers for whoever is not on this machine: TLS 1.3 and nothing below it (F001-02). Gateways have shown a certificate, too.
//!
//! It is put together from the parts that actix-web's own TLS listener is made of, because that one drops what becomes of a
//! handshake, and a certificate that every client refuses would be seen by nobody.

use std::{io, net::TcpListener, sync::Arc};

use actix_http::{HttpService, Protocol};
use actix_server::{Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory as _, Service as _, ServiceFactoryExt as _, apply_fn_factory, map_config,
};
use actix_tls::accept::{
    TlsError,
    rustls_0_23::{Acceptor, TlsStream},
};
use actix_web::{dev::Extensions, rt::net::TcpStream, web::Data};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::TLS13,
};

use super::{Arrival, Certificates, app, app_config, crowd::Crowd, handshake::NoHandshake, workers};
use crate::{
    http::{
        door::Door,
        settings::{
            CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, DRAIN_WITHIN, HANDSHAKE_WITHIN, HEADERS_WITHIN,
            KEEP_ALIVE, LINGER,
        },
    },
    identity::gateway::Gateways,
};

/// Serves a listener.
///
/// # Errors
/// When the listener can not be used, or this system's cryptography does not do TLS 1.3.
pub(super) fn serve(
    door: &Data<Door>,
    certificates: &Arc<Certificates>,
    listener: TcpListener,
) -> io::Result<Server> {
    let config = server_config(certificates, WebPkiClientVerifier::no_client_auth())?;
    let crowd = Crowd::at("tls", CONNECTIONS_PER_ADDRESS_MAX, &door.settings.trusted_proxies);
    serve_with(door, config, crowd, listener, |_, data| {
        data.insert(Arrival::Tls);
    })
}

/// Serves the listener for gateways: who has a certificate of theirs is one.
///
/// # Errors
/// As [`serve`].
pub(super) fn serve_gateways(
    door: &Data<Door>,
    certificates: &Arc<Certificates>,
    (clients, gateways): (Arc<dyn ClientCertVerifier>, Arc<Gateways>),
    listener: TcpListener,
) -> io::Result<Server> {
    let mut config = server_config(certificates, clients)?;
    // Each connection shows its certificate anew: a session that goes on would outlive it.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    // A gateway brings many people; who is none is known by his certificate alone.
    let crowd = Crowd::at("internal", CONNECTIONS_MAX, &[]);
    serve_with(door, config, crowd, listener, move |stream, data| {
        let chain = stream.get_ref().1.peer_certificates();
        data.insert(gateways.with_certificate(chain.and_then(|chain| chain.first()).map(AsRef::as_ref)));
        data.insert(Arrival::Internal);
    })
}

/// What is kept of a connection for its requests.
type Stream = TlsStream<TcpStream>;

fn serve_with(
    door: &Data<Door>,
    config: ServerConfig,
    crowd: Arc<Crowd>,
    listener: TcpListener,
    note: impl Fn(&Stream, &mut Extensions) + Clone + Send + 'static,
) -> io::Result<Server> {
    let workers = workers(door);
    let builder = ServerBuilder::new()
        .workers(workers)
        .max_concurrent_connections(CONNECTIONS_MAX.div_ceil(workers))
        .shutdown_timeout(DRAIN_WITHIN.as_secs())
        .disable_signals();
    let (data, closing) = (door.clone(), builder.graceful_shutdown_signal());
    let builder = builder.listen("payoutd-tls", listener, move || {
        let (closing, note, crowd) = (closing.clone(), note.clone(), crowd.clone());
        let served = app(&data).into_factory().map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let closing = closing.clone();
                async move { closing.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEADERS_WITHIN)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(note)
            .finish(map_config(served, |()| app_config()));
        let served = acceptor(&config)
            .map_err(count)
            .and_then(|stream: Stream| async move {
                let peer = stream.get_ref().0.peer_addr().ok();
                Ok((stream, Protocol::Http1, peer))
            })
            .and_then(http.map_err(|_| ()));
        apply_fn_factory(served, move |stream: TcpStream, served| {
            let place = stream.peer_addr().ok().and_then(|peer| crowd.take(peer.ip()));
            let serving = place.is_some().then(|| served.call(stream));
            async move {
                // The place is free when the connection has ended.
                let _place = place;
                match serving {
                    Some(serving) => serving.await,
                    None => {
                        NoHandshake::TooMany.count();
                        Ok(())
                    }
                }
            }
        })
    })?;
    Ok(builder.run())
}

fn server_config(
    certificates: &Arc<Certificates>,
    clients: Arc<dyn ClientCertVerifier>,
) -> io::Result<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&TLS13]).map_err(io::Error::other)?;
    let mut config = builder.with_client_cert_verifier(clients).with_cert_resolver(certificates.clone());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn acceptor(config: &ServerConfig) -> Acceptor {
    let mut acceptor = Acceptor::new(config.clone());
    acceptor.set_handshake_timeout(HANDSHAKE_WITHIN);
    acceptor
}

fn count<E>(error: TlsError<io::Error, E>) {
    let why = match error {
        TlsError::Timeout => NoHandshake::TimedOut,
        TlsError::Tls(error) => NoHandshake::of(&error),
        TlsError::Service(_) => NoHandshake::Broken,
    };
    why.count();
}
