//! Connections to the broker. Who needs one asks for its own: what is published must not wait behind what is consumed.
//!
//! Promises: an attempt ends within [`CONNECT_WITHIN`]; the certificate is checked against the system's authorities and the
//! operator's own; no error holds the password. Reconnecting is the owner's ([`super::Backoff`]): what must be declared,
//! consumed or published again is known there and not here.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use lapin::{Connection, ConnectionProperties, ErrorKind, runtime, tcp::OwnedTLSConfig};
use thiserror::Error;

use crate::config::{Amqp, AmqpUrl, Secret};

/// How long one attempt may take: name, TCP, TLS, login.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(4);
/// A longer file holds no authority's certificate.
const CA_BYTES_MAX: u64 = 1024 * 1024;

/// Why there is no connection. The caller tries again; which of these it is, a person wants to know.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unreachable {
    /// Nobody answered in time.
    #[error("the broker did not answer within {} s", CONNECT_WITHIN.as_secs())]
    Silent,
    /// The broker answered and refuses this user or this virtual host.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// Nothing listens there, the network is away, or the certificate is not believed.
    #[error("the broker can not be reached: {0}")]
    Away(String),
    /// The authority's certificate can not be read.
    #[error("amqp.ca_file can not be read: {0}")]
    Authority(String),
}

struct Settings {
    url: AmqpUrl,
    password: Option<Secret>,
    ca_file: Option<PathBuf>,
    heartbeat: Duration,
}

/// Where the broker is and how one gets in. Cloning it costs nothing.
#[derive(Clone)]
pub struct Broker(Arc<Settings>);

impl Broker {
    /// The broker of a configuration; `None` where there is none.
    #[must_use]
    pub fn of(config: &Amqp, password: Option<Secret>) -> Option<Self> {
        let url = config.url.clone()?;
        let ca_file = config.ca_file.clone();
        Some(Self(Arc::new(Settings { url, password, ca_file, heartbeat: config.heartbeat })))
    }

    /// A new connection. `purpose` is what the broker's own pages call it.
    ///
    /// # Errors
    /// See [`Unreachable`]; trying again is always right.
    pub async fn connect(&self, purpose: &str) -> Result<Connection, Unreachable> {
        let tls = OwnedTLSConfig { identity: None, cert_chain: self.authority()? };
        let mut uri = self.0.url.uri(self.0.password.as_ref()).map_err(Unreachable::Away)?;
        uri.query.heartbeat = Some(u16::try_from(self.0.heartbeat.as_secs()).unwrap_or(u16::MAX));
        let name = format!("payoutd {purpose} (process {})", std::process::id());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let runtime = runtime::default_runtime().map_err(|why| unreachable(&why))?;
        let attempt = Connection::connect_uri_with_config(uri, properties, tls, runtime);
        match tokio::time::timeout(CONNECT_WITHIN, attempt).await {
            Ok(connected) => connected.map_err(|why| unreachable(&why)),
            Err(_) => Err(Unreachable::Silent),
        }
    }

    /// The operator's own authority, read anew each time: it may have been exchanged.
    fn authority(&self) -> Result<Option<String>, Unreachable> {
        let read = |file: &PathBuf| match std::fs::metadata(file)?.len() > CA_BYTES_MAX {
            true => Err(io::Error::other("it is too long for a certificate")),
            false => std::fs::read_to_string(file),
        };
        self.0.ca_file.as_ref().map(read).transpose().map_err(|why| Unreachable::Authority(why.to_string()))
    }
}

/// Without the password.
impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Broker({})", self.0.url)
    }
}

fn unreachable(why: &lapin::Error) -> Unreachable {
    match why.kind() {
        ErrorKind::ProtocolError(said) => Unreachable::Refused(said.get_message().to_string()),
        ErrorKind::IOError(cause) => Unreachable::Away(cause.to_string()),
        _ => Unreachable::Away(why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn broker(url: &str, ca_file: Option<PathBuf>) -> Broker {
        let url = AmqpUrl::parse(url).unwrap();
        Broker(Arc::new(Settings { url, password: None, ca_file, heartbeat: Duration::from_secs(10) }))
    }

    async fn refusal(broker: &Broker) -> String {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let refused = broker.connect("test").await.err().unwrap();
        assert!(!format!("{refused} {refused:?} {broker:?}").contains("s3cret"), "{refused:?}");
        refused.to_string()
    }

    /// Whatever goes wrong, the password stays where it is.
    #[tokio::test]
    async fn a_broker_that_is_away_is_told_without_the_password() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let told = refusal(&broker(&format!("amqp://me:s3cret@127.0.0.1:{port}"), None)).await;
        assert!(told.starts_with("the broker can not be reached"), "{told}");
        let nowhere = Some(PathBuf::from("/nowhere/ca.pem"));
        let told = refusal(&broker("amqps://me:s3cret@127.0.0.1:1", nowhere)).await;
        assert!(told.starts_with("amqp.ca_file can not be read"), "{told}");
    }

    /// Whoever takes the connection and says nothing must not hold the daemon for ever.
    #[tokio::test]
    async fn a_broker_that_says_nothing_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        tokio::time::pause();
        let told = refusal(&broker(&format!("amqp://me:s3cret@{address}"), None)).await;
        assert!(told.contains("did not answer"), "{told}");
    }
}
