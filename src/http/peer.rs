//! Where a request comes from: the connection's address, or what a trusted proxy says that it was (D-19, F001-24).
//!
//! Promises that nobody chooses their own address: `X-Forwarded-For` is read from the right, where the nearest proxy has written,
//! and only as far as those who wrote are trusted.

use std::net::{IpAddr, SocketAddr};

use actix_web::{HttpRequest, http::header::HeaderMap};
use ipnet::IpNet;

use super::listeners::Arrival;

/// What proxies append the address to that they see.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Hops that are read; a longer chain of trusted proxies is none.
const HOPS_MAX: usize = 32;

/// The address of whoever sends a request; `None` for a local socket.
#[must_use]
pub fn address_of(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let socket = request.peer_addr()?.ip().to_canonical();
    Some(behind(socket, request.headers(), trusted))
}

/// Whether a request comes from this machine: over a listener that no other reaches, and not for somebody behind a trusted proxy.
#[must_use]
pub fn is_at_home(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    let is_local = Arrival::of(request).is_some_and(Arrival::is_local);
    is_local && address_of(request, trusted).is_none_or(|address| address.is_loopback())
}

/// The last hop that is no trusted proxy. A hop that can not be read ends the walk: whoever passed it on is the caller then.
fn behind(socket: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let fields: Vec<_> = headers.get_all(FORWARDED_FOR).collect();
    let hops = fields.into_iter().rev().flat_map(|field| field.to_str().unwrap_or_default().rsplit(','));
    let mut caller = socket;
    for hop in hops.take(HOPS_MAX) {
        let (true, Some(next)) = (is_trusted(&caller), read(hop.trim())) else { break };
        caller = next;
    }
    caller
}

/// An address as proxies write it: alone, in brackets, or with a port.
fn read(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|place| place.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn seen(socket: &str, fields: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for field in fields {
            let value = HeaderValue::from_str(field).unwrap();
            headers.append(HeaderName::from_static(FORWARDED_FOR), value);
        }
        let trusted: Vec<_> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        behind(socket.parse().unwrap(), &headers, &trusted).to_string()
    }

    /// D-19, F001-24: what a caller writes into the header changes nothing.
    #[test]
    fn nobody_chooses_their_own_address() {
        let proxies = ["10.0.0.0/8"];
        assert_eq!(seen("203.0.113.7", &["198.51.100.1"], &[]), "203.0.113.7");
        assert_eq!(seen("203.0.113.7", &["198.51.100.1"], &proxies), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1"], &proxies), "198.51.100.1");
        // The caller wrote the first ones, the proxies appended the rest.
        assert_eq!(seen("10.0.0.1", &["1.1.1.1, 2.2.2.2, 198.51.100.1"], &proxies), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.0.0.9"], &proxies), "198.51.100.1");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1, junk"], &proxies), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["junk, 10.0.0.9"], &proxies), "10.0.0.9");
        assert_eq!(seen("10.0.0.1", &[], &proxies), "10.0.0.1");
        let long = vec!["10.0.0.2"; 1_000].join(",");
        assert_eq!(seen("10.0.0.1", &["198.51.100.1", &long], &proxies), "10.0.0.2");
    }

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_write() {
        for (hop, address) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
        ] {
            assert_eq!(seen("10.0.0.1", &[hop], &["10.0.0.1/32"]), address);
        }
    }
}
