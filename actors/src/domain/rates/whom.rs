//! Whom a rate is counted for: a known principal by its name, a stranger by the address that it comes from.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Bytes that a name has at most, so that nobody makes what is remembered of them long.
pub const NAME_BYTES_MAX: usize = 128;

/// A principal's name, of [`NAME_BYTES_MAX`] bytes at most: for a longer one its SHA-256 stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        if text.len() <= NAME_BYTES_MAX {
            return Self(text.into());
        }
        let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("sha256:{digest}").into())
    }
}

/// Whom a rate is counted for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// Somebody who is known, by name.
    Named(Name),
    /// A stranger, by address. Of IPv6 the first 64 bits: whoever has one address of such a network has all of them.
    Peer(IpAddr),
    /// Strangers from this very machine: loopback and local sockets say nothing about who they are, so they share (D-60).
    Nearby,
}

impl Whom {
    /// Somebody who is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::Named(name.into())
    }

    /// A stranger at an address.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            near if near.is_loopback() => Self::Nearby,
            IpAddr::V6(six) => Self::Peer(IpAddr::V6((six.to_bits() >> 64 << 64).into())),
            four => Self::Peer(four),
        }
    }

    /// Whether what is counted here is one place's: strangers of this machine are many behind one address.
    #[must_use]
    pub fn has_address(&self) -> bool {
        matches!(self, Self::Peer(_))
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(Name(name)) => f.write_str(name),
            Self::Peer(network @ IpAddr::V6(_)) => write!(f, "address {network}/64"),
            Self::Peer(address) => write!(f, "address {address}"),
            Self::Nearby => f.write_str("this machine"),
        }
    }
}

/// A principal as the book knows it: a keyed hash of its name. Nobody can make two names that meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(u128);

impl Principal {
    /// One of so many shares, the same each time.
    #[must_use]
    pub fn share_of(self, shares: usize) -> usize {
        // The upper half: the lower one chooses the place within a share's own map.
        let upper = usize::try_from(self.0 >> 64 & u128::from(u32::MAX)).unwrap_or(0);
        upper % shares.max(1)
    }

    /// What the journal calls a name that must not stand there: nobody without the key finds out whose this is.
    pub(crate) fn pseudonym(self) -> String {
        format!("name {:016x}", self.0 >> 64)
    }
}

/// What makes principals of names.
#[derive(Clone)]
pub struct PrincipalKey(Hmac<Sha256>);

impl PrincipalKey {
    /// A key from 32 secret bytes.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        // RFC 2104 fills a short key with zeros up to the hash's block, 64 bytes; done here, nothing can fail.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&secret);
        Self(Hmac::new((&*block).into()))
    }

    /// The principal that is meant.
    #[must_use]
    pub fn principal(&self, whom: &Whom) -> Principal {
        let mut mac = self.0.clone();
        match whom {
            Whom::Named(Name(name)) => {
                mac.update(b"n");
                mac.update(name.as_bytes());
            }
            Whom::Peer(IpAddr::V4(four)) => {
                mac.update(b"4");
                mac.update(&four.octets());
            }
            Whom::Peer(IpAddr::V6(six)) => {
                mac.update(b"6");
                mac.update(&six.octets());
            }
            Whom::Nearby => mac.update(b"l"),
        }
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let mut half = [0; 16];
        half.copy_from_slice(&whole[..16]);
        Principal(u128::from_le_bytes(half))
    }
}

impl fmt::Debug for PrincipalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrincipalKey(…)")
    }
}
