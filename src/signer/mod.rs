//! The wallet's key in this process: read from a file at the start, wiped at the end.
//!
//! Promises: it signs payouts of its own wallet and nothing else; the same bytes give the same signature (RFC 6979).
//!
//! **Never here:** whether a payout may be signed. That is the office's, and so is what becomes of the signature.

use payoutd_actors::{
    domain::{
        address::Address,
        tron::{PrivateKey, SignedTransfer, Unsigned},
    },
    ports::{Signer, SignerFault},
};

/// A signer that holds the key of a key file itself.
#[derive(Debug)]
pub struct FileSigner {
    key: PrivateKey,
}

impl FileSigner {
    /// Takes the key over.
    #[must_use]
    pub const fn new(key: PrivateKey) -> Self {
        Self { key }
    }
}

impl Signer for FileSigner {
    fn address(&self) -> Address {
        self.key.address()
    }

    fn sign(&self, unsigned: Unsigned) -> Result<SignedTransfer, SignerFault> {
        unsigned.sign(&self.key).map_err(|error| SignerFault(error.to_string()))
    }

    fn derived_key(&self, purpose: &str) -> [u8; 32] {
        self.key.derive_key(purpose)
    }
}
