//! The wallet's signature, and the keyed secrets that go with the wallet.

use crate::domain::address::Address;
use crate::domain::tron::{SignedTransfer, Unsigned};
use thiserror::Error;

/// The signer did not sign.
#[derive(Debug, Clone, Error)]
#[error("the signer does not sign: {0}")]
pub struct SignerFault(pub String);

/// Whoever holds the wallet's key.
pub trait Signer: Send + Sync {
    /// The wallet's address.
    fn address(&self) -> Address;

    /// Signs what was built.
    fn sign(&self, unsigned: Unsigned) -> Result<SignedTransfer, SignerFault>;

    /// A secret derived from the wallet's key for one purpose, e.g. the order digest or the fingerprint.
    fn derived_key(&self, purpose: &str) -> [u8; 32];
}
