//! Where the house talks to the world: the one place that opens outgoing connections.
//!
//! Promises: a call ends, by an answer or by a named fault, within its limits of time and size; no redirect is followed,
//! no proxy is taken from the environment, nothing is sent to an address that the operator did not write (F003-13). What
//! fails is said without the URL, as a path may hold a provider's key.
//!
//! A [`Transport`] carries requests. Today there is [`Direct`]; SOCKS and Tor are further transports behind the same trait,
//! and nobody who holds an `Arc<dyn Transport>` will notice.
//!
//! **Never here:** what is asked, and what an answer means.

mod direct;
mod reach;

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{
    Method, StatusCode, Url,
    header::{HeaderMap, HeaderValue, InvalidHeaderValue},
};
use thiserror::Error;

pub use self::{
    direct::Direct,
    reach::{Reach, is_public},
};
use crate::config::Egress;

/// One question to a provider.
#[derive(Clone)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Where to; written by the operator, plus the call's path.
    pub url: Url,
    /// The headers, with the API key among them.
    pub headers: HeaderMap,
    /// The body; empty for GET.
    pub body: Vec<u8>,
    /// An answer of more bytes is not read to its end.
    pub answer_bytes_max: usize,
}

/// What came back, whole.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, all of it.
    pub body: Vec<u8>,
}

/// Why nothing whole came back. Whether the request arrived is unknown in every case but [`EgressError::Unreachable`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EgressError {
    /// There is no connection: nothing was sent.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The call took longer than it may.
    #[error("no answer in time")]
    TimedOut,
    /// The connection ended before the answer did.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer is longer than it may be; the rest was not read.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Carries requests out of the house.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Carries one request, and brings the answer whole or not at all.
    async fn carry(&self, request: Request) -> Result<Response, EgressError>;
}

/// How long a call may take and how many connections are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EgressLimits {
    /// Until a connection stands.
    pub connect_timeout: Duration,
    /// From the first byte sent to the last byte read; a slow trickle ends here.
    pub request_timeout: Duration,
    /// Idle connections that are kept for the next calls, to one host.
    pub idle_connections_max: usize,
    /// An idle connection is closed before the other side is likely to close it.
    pub idle_timeout: Duration,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            // As many as broadcasts go to one node at once: none of them waits for a handshake.
            idle_connections_max: 64,
            // Jetty, which java-tron's HTTP is made of, closes idle connections after 30 s.
            idle_timeout: Duration::from_secs(20),
        }
    }
}

/// The house's way out cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A URL that no connection can be made to.
    #[error("{0}")]
    Url(&'static str),
    /// The transport itself, such as a system without root certificates.
    #[error("the way out cannot be opened: {0}")]
    Transport(String),
}

/// Opens the way that the operator chose, for these addresses.
///
/// # Errors
/// [`OpenError`], before anything is sent.
pub fn open(way: Egress, addresses: &[&Url], limits: &EgressLimits) -> Result<Arc<dyn Transport>, OpenError> {
    open_to(way, addresses, limits, Reach::Anywhere)
}

/// The same, that leads so far and no further.
///
/// # Errors
/// [`OpenError`], before anything is sent.
pub fn open_to(
    way: Egress,
    addresses: &[&Url],
    limits: &EgressLimits,
    reach: Reach,
) -> Result<Arc<dyn Transport>, OpenError> {
    for address in addresses {
        check(address)?;
        if reach == Reach::Public && address_in(address).is_some_and(|address| !is_public(address)) {
            return Err(OpenError::Url("the URL names an address that is not public"));
        }
    }
    match way {
        Egress::Direct => Ok(Arc::new(Direct::open(addresses, limits, reach)?)),
    }
}

/// The address that stands in a URL in the place of a name.
#[must_use]
pub fn address_in(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Provider URLs are the operator's word (F003-13): loopback and plain http are allowed, secrets in them are not.
fn check(url: &Url) -> Result<(), OpenError> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(OpenError::Url("the URL of a provider is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(OpenError::Url("the URL of a provider holds a user or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(OpenError::Url(
            "the URL of a provider has a query or a fragment, which calls would lose",
        ));
    }
    Ok(())
}

/// The URL of a call below a provider's address: `wallet/getnowblock` below `http://host/path`.
#[must_use]
pub fn below(address: &Url, path: &str) -> Url {
    let mut url = address.clone();
    let whole = format!("{}/{path}", address.path().trim_end_matches('/'));
    url.set_path(&whole);
    url
}

/// What is shown in a key's place.
const DOTS: &str = "••••";
/// Fewer characters of a key than these tell nothing.
const CUT_KEY_CHARS_MIN: usize = 4;

/// A provider's API key: a header's value that is marked sensitive, so that neither `Debug` nor HTTP/2's tables keep it.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// From the text of the key file.
    ///
    /// # Errors
    /// When it cannot stand in a header. The text is not repeated.
    pub fn new(text: &str) -> Result<Self, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(text)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// As the header takes it.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Takes the key out of words that a provider sent, which may quote it; also the beginning of it, where the words were cut.
    #[must_use]
    pub fn redact(&self, words: String) -> String {
        let Some(key) = self.0.to_str().ok().filter(|key| !key.is_empty()) else {
            return words;
        };
        let words = if words.contains(key) { words.replace(key, DOTS) } else { words };
        let cut = words.trim_end_matches('…');
        let beginnings = (CUT_KEY_CHARS_MIN..key.len()).rev().filter_map(|chars| key.get(..chars));
        match beginnings.filter_map(|beginning| cut.strip_suffix(beginning)).next() {
            Some(before) => format!("{before}{DOTS}…"),
            None => words,
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({DOTS})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    /// F003-13: what an operator writes is checked again where connections are made.
    #[test]
    fn an_address_with_a_password_or_another_scheme_is_not_dialled() {
        for bad in [
            "ftp://node.example",
            "http://user:word@node.example",
            "https://user@node.example",
            "http://a/?k=1",
            "http://a/#f",
        ] {
            assert!(open(Egress::Direct, &[&url(bad)], &EgressLimits::default()).is_err(), "{bad}");
        }
        let to = |text: &str| {
            open_to(Egress::Direct, &[&url(text)], &EgressLimits::default(), Reach::Public).is_ok()
        };
        // As it is written, and as others write it.
        for private in [
            "http://127.0.0.1",
            "http://2130706433",
            "http://0x7f.1",
            "http://[::1]",
            "http://[::ffff:10.0.0.1]",
        ] {
            assert!(!to(private), "{private}");
        }
        assert!(to("http://1.1.1.1") && to("http://issuer.example"));
        for good in ["http://127.0.0.1:8090", "https://api.example/path", "http://[::1]:8090/"] {
            assert!(check(&url(good)).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_call_goes_below_the_path_that_the_operator_wrote() {
        for address in ["http://host:1/jsonrpc/KEY", "http://host:1/jsonrpc/KEY/"] {
            let call = below(&url(address), "wallet/getnowblock");
            assert_eq!(call.as_str(), "http://host:1/jsonrpc/KEY/wallet/getnowblock");
        }
        assert_eq!(below(&url("http://host"), "wallet/x").as_str(), "http://host/wallet/x");
    }

    /// F003-24: no key in what is printed, not even when the other side prints it first.
    #[test]
    fn a_key_is_printed_by_nobody() {
        let key = ApiKey::new("s3cret-key").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(••••)");
        assert!(!format!("{:?}", key.header()).contains("s3cret"));
        assert_eq!(key.redact("the key s3cret-key is used up".into()), "the key •••• is used up");
        assert_eq!(key.redact("the key s3cret-k…".into()), "the key ••••…");
        assert_eq!(key.redact("the keys".into()), "the keys");
        assert!(ApiKey::new("two\nlines").is_err());
    }
}
