//! Straight to the provider's address, by HTTP/1.1 or, where TLS agrees on it, HTTP/2.

use async_trait::async_trait;
use reqwest::{Client, Url, redirect::Policy};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::{error::Error, mem, sync::Arc, time::Duration};

use super::{EgressError, EgressLimits, OpenError, Reach, Request, Response, Transport, reach::PublicNames};
use crate::telemetry::Chain;

/// Finds out about a peer that vanished without a word.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);
/// The same on a connection that many questions share: without it each of them would wait in vain for its own time.
const HTTP2_PING_EVERY: Duration = Duration::from_secs(2);
/// How long such a ping may take.
const HTTP2_PING_WITHIN: Duration = Duration::from_secs(2);
/// No more is set aside for an answer because of what its header promises.
const RESERVE_BYTES_MAX: usize = 1 << 20;

/// Connections straight to the provider.
#[derive(Debug)]
pub struct Direct {
    client: Client,
}

impl Direct {
    /// Opens the way to these addresses. Where none of them is https, no certificate of the system is needed or trusted.
    ///
    /// # Errors
    /// When TLS is wanted and the system has no root certificates.
    pub fn open(addresses: &[&Url], limits: &EgressLimits, reach: Reach) -> Result<Self, OpenError> {
        // `main` installs the provider; a test or a library user may not have. Losing the race is as good as winning it.
        if CryptoProvider::get_default().is_none() {
            let _ = aws_lc_rs::default_provider().install_default();
        }
        let builder = Client::builder()
            .user_agent(concat!("payoutd/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(limits.connect_timeout)
            .timeout(limits.request_timeout)
            .pool_max_idle_per_host(limits.idle_connections_max)
            .pool_idle_timeout(limits.idle_timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(TCP_KEEPALIVE)
            .http2_keep_alive_interval(HTTP2_PING_EVERY)
            .http2_keep_alive_timeout(HTTP2_PING_WITHIN)
            .http2_adaptive_window(true);
        let builder = match reach {
            Reach::Anywhere => builder,
            Reach::Public => builder.dns_resolver(Arc::new(PublicNames)),
        };
        let encrypted = addresses.iter().any(|address| address.scheme() == "https");
        let builder = if encrypted { builder } else { builder.tls_certs_only([]) };
        let client = builder.build().map_err(|error| OpenError::Transport(Chain(&error).to_string()))?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Transport for Direct {
    async fn carry(&self, request: Request) -> Result<Response, EgressError> {
        let limit = request.answer_bytes_max;
        let mut outgoing = reqwest::Request::new(request.method, request.url);
        *outgoing.headers_mut() = request.headers;
        if !request.body.is_empty() {
            *outgoing.body_mut() = Some(request.body.into());
        }
        let mut answer = self.client.execute(outgoing).await.map_err(fault)?;
        let promised = answer.content_length().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        if promised > limit {
            return Err(EgressError::TooLong { limit });
        }
        let mut body = Vec::with_capacity(promised.min(RESERVE_BYTES_MAX));
        while let Some(chunk) = answer.chunk().await.map_err(fault)? {
            if body.len() + chunk.len() > limit {
                return Err(EgressError::TooLong { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: answer.status(), headers: mem::take(answer.headers_mut()), body })
    }
}

/// reqwest's sentence names the URL, ours does not.
fn fault(error: reqwest::Error) -> EgressError {
    let error = error.without_url();
    let cause = error.source().map_or_else(|| error.to_string(), |cause| Chain(cause).to_string());
    if error.is_timeout() {
        EgressError::TimedOut
    } else if error.is_connect() {
        EgressError::Unreachable(cause)
    } else {
        EgressError::Broken(cause)
    }
}
