//! Who is connected: so many connections of one address, so that a stranger does not take all the places there are.
//!
//! A place is taken before the handshake, which costs more than the refusal, and is free again with the connection. An address of IPv6
//! is its first 64 bits: whoever has one has all that begin so.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use ipnet::IpNet;

use crate::telemetry::names;

/// The bits of an IPv6 address that tell one customer from another.
const IPV6_NETWORK: u128 = u128::MAX << 64;

/// The connections of a listener.
pub(super) struct Crowd {
    listener: &'static str,
    per_address_max: usize,
    /// Who brings many people over one address each.
    trusted: Vec<IpNet>,
    open: Mutex<BTreeMap<IpAddr, usize>>,
}

/// A place of one connection.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    address: IpAddr,
}

impl Crowd {
    /// Nobody yet. `listener` is the metric's label.
    pub(super) fn at(listener: &'static str, per_address_max: usize, trusted: &[IpNet]) -> Arc<Self> {
        let (trusted, open) = (trusted.to_vec(), Mutex::default());
        let crowd = Self { listener, per_address_max, trusted, open };
        crowd.show(0);
        Arc::new(crowd)
    }

    /// A place for one more connection from here, where there is one.
    pub(super) fn take(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let from = from.to_canonical();
        let is_trusted = self.trusted.iter().any(|network| network.contains(&from));
        let address = counted_as(from);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = open.entry(address).or_insert(0);
        if *of_address >= self.per_address_max && !is_trusted {
            return None;
        }
        *of_address += 1;
        self.show(open.values().sum());
        drop(open);
        Some(Place { crowd: self.clone(), address })
    }

    fn show(&self, open: usize) {
        let open = u32::try_from(open).unwrap_or(u32::MAX);
        metrics::gauge!(names::TLS_CONNECTIONS, "listener" => self.listener).set(open);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_address) = open.get_mut(&self.address) {
            *of_address = of_address.saturating_sub(1);
        }
        open.retain(|_, of_address| *of_address > 0);
        self.crowd.show(open.values().sum());
    }
}

fn counted_as(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// One address has its share, another has its own, and a place that is left is free again.
    #[test]
    fn nobody_has_more_places_than_his_share() {
        let crowd = Crowd::at("tls", 2, &[]);
        let mut held: Vec<_> = (0..2).map(|_| crowd.take(ip("203.0.113.9")).unwrap()).collect();
        assert!(crowd.take(ip("203.0.113.9")).is_none());
        assert!(crowd.take(ip("::ffff:203.0.113.9")).is_none(), "the same, written otherwise");
        assert!(crowd.take(ip("203.0.113.10")).is_some());
        held.pop();
        assert!(crowd.take(ip("203.0.113.9")).is_some());
        drop(held);
        assert!(crowd.open.lock().unwrap().is_empty());
    }

    /// A customer's whole network is one; a proxy that is trusted brings many.
    #[test]
    fn a_network_is_one_and_a_trusted_proxy_is_many() {
        let crowd = Crowd::at("tls", 1, &["198.51.100.0/24".parse().unwrap()]);
        let _held = crowd.take(ip("2001:db8:1:2::1")).unwrap();
        assert!(crowd.take(ip("2001:db8:1:2:ffff::9")).is_none());
        let _other = crowd.take(ip("2001:db8:1:3::1")).unwrap();
        let _many: Vec<_> = (0..50).map(|_| crowd.take(ip("198.51.100.7")).unwrap()).collect();
    }
}
