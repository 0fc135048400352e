//! The server for whoever is not on this machine: TLS 1.3 and nothing below it (F001-02).
//!
//! It is put together from the parts that actix-web's own TLS listener is made of, because that one drops what becomes of a
//! handshake, and a certificate that every client refuses would be seen by nobody.

use std::{io, net::TcpListener, sync::Arc};

use actix_http::{HttpService, Protocol};
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, map_config};
use actix_tls::accept::{
    TlsError,
    rustls_0_23::{Acceptor, TlsStream},
};
use actix_web::{rt::net::TcpStream, web::Data};
use rustls::{ServerConfig, crypto::aws_lc_rs, version::TLS13};

use super::{Arrival, Certificates, app, app_config, handshake::NoHandshake, workers};
use crate::http::{
    door::Door,
    settings::{CONNECTIONS_MAX, DRAIN_WITHIN, HANDSHAKE_WITHIN, HEADERS_WITHIN, KEEP_ALIVE, LINGER},
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
    let config = server_config(certificates)?;
    let workers = workers(door);
    let builder = ServerBuilder::new()
        .workers(workers)
        .max_concurrent_connections(CONNECTIONS_MAX.div_ceil(workers))
        .shutdown_timeout(DRAIN_WITHIN.as_secs())
        .disable_signals();
    let (data, closing) = (door.clone(), builder.graceful_shutdown_signal());
    let builder = builder.listen("payoutd-tls", listener, move || {
        let closing = closing.clone();
        let served = app(&data).into_factory().map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let closing = closing.clone();
                async move { closing.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEADERS_WITHIN)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|_: &TlsStream<TcpStream>, data| {
                data.insert(Arrival::Tls);
            })
            .finish(map_config(served, |()| app_config()));
        acceptor(&config)
            .map_err(count)
            .and_then(|stream: TlsStream<TcpStream>| async move {
                let peer = stream.get_ref().0.peer_addr().ok();
                Ok((stream, Protocol::Http1, peer))
            })
            .and_then(http.map_err(|_| ()))
    })?;
    Ok(builder.run())
}

fn server_config(certificates: &Arc<Certificates>) -> io::Result<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&TLS13]).map_err(io::Error::other)?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(certificates.clone());
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
