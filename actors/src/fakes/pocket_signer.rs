//! A signer with its key in its pocket.

use crate::domain::address::Address;
use crate::domain::tron::{PrivateKey, SignedTransfer, Unsigned};
use crate::ports::{Signer, SignerFault};
use std::sync::atomic::{AtomicBool, Ordering};

/// Signs with a key in memory; can be told to be away.
#[derive(Debug)]
pub struct PocketSigner {
    key: PrivateKey,
    away: AtomicBool,
}

impl PocketSigner {
    /// A signer with this key.
    #[must_use]
    pub fn new(key: PrivateKey) -> Self {
        Self { key, away: AtomicBool::new(false) }
    }

    /// From now on it does not sign, or signs again.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }
}

impl Signer for PocketSigner {
    fn address(&self) -> Address {
        self.key.address()
    }

    fn sign(&self, unsigned: Unsigned) -> Result<SignedTransfer, SignerFault> {
        if self.away.load(Ordering::Relaxed) {
            return Err(SignerFault("it is away".to_owned()));
        }
        unsigned.sign(&self.key).map_err(|why| SignerFault(why.to_string()))
    }

    fn derived_key(&self, purpose: &str) -> [u8; 32] {
        self.key.derive_key(purpose)
    }
}
