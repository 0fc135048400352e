//! The wires to TRON: [`TronNode`] asks a node, [`TronScan`] asks an index. Each is one provider of several, and none is
//! believed alone.
//!
//! Promises: an answer is about what was asked (ids and numbers are compared), or it is a
//! [`ChainFault`](payoutd_actors::ports::ChainFault); no fault ever means "it did not happen"; every call ends within named
//! limits of time and size; how long a provider asks to be left alone is told (F-P16). Keys are in no log, error or metric
//! (F003-24).
//!
//! - `wire/`: JSON and its meaning.
//! - `provider`: what all calls have in common: the key, the weather, the counting, the second try.
//! - `node`, `scan`: the calls.
//!
//! **Never here:** opening connections (that is [`crate::egress`]), the circuit breaker and the choice between nodes (those are the
//! office's), and any conclusion from silence.

mod call;
mod limits;
mod meters;
mod node;
mod provider;
mod retry;
mod retry_after;
mod scan;
#[cfg(test)]
mod tests;
mod wire;

use thiserror::Error;

pub use self::{
    limits::{BLOCKS_PER_CALL_MAX, ProviderLimits},
    node::{NodeSettings, TronNode},
    scan::{ScanSettings, TronScan},
};
use crate::{
    config::Secret,
    egress::{ApiKey, OpenError},
};

/// A client can not be made. Nothing was sent.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The way out of the house.
    #[error(transparent)]
    Way(#[from] OpenError),
    /// The key is not repeated.
    #[error("the API key can not stand in a header")]
    ApiKey,
}

fn api_key_of(secret: Option<&Secret>) -> Result<Option<ApiKey>, ClientError> {
    secret.map(|secret| ApiKey::new(secret.expose())).transpose().map_err(|_| ClientError::ApiKey)
}
