//! How the opening of a store ends.

use payoutd_actors::ports::StoreFault;
use serde::Serialize;
use thiserror::Error;

use super::lock::LockError;

/// The schema that a store had when it was opened, and has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// 0 for a store that was not there.
    pub found: i64,
    /// The newest that this program knows.
    pub now: i64,
}

/// Why a store can not be opened.
#[derive(Debug, Error)]
pub enum StoreOpenError {
    /// Another process holds it.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// A newer payoutd has written it; this one would not understand what it reads.
    #[error(
        "the store {store} was written by a newer payoutd: its schema is {found}, this program knows {known}"
    )]
    Newer {
        /// Which.
        store: String,
        /// The schema that it has.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// It was only to be looked at, and wants to be migrated first.
    #[error("the store {store} has schema {found}, this program wants {known}")]
    Older {
        /// Which.
        store: String,
        /// The schema that it has.
        found: i64,
        /// The schema that this program wants.
        known: i64,
    },
    /// It was only to be looked at, and is not there.
    #[error("there is no store at {0}")]
    Missing(String),
    /// Its house lives elsewhere now: two stores of one wallet would each pay the same payouts.
    #[error("the house of {store} has moved to {to}")]
    Moved {
        /// Which.
        store: String,
        /// Where it lives now.
        to: String,
    },
    /// The file with its password can not be read.
    #[error("the store's password is not known: {0}")]
    Password(String),
    /// Something else is in its place, or it is damaged.
    #[error("{store} is not a store of payoutd: {why}")]
    NotAStore {
        /// Which.
        store: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file or its folder can not be used.
    #[error("the store {store} can not be opened")]
    Io {
        /// Which.
        store: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database does not open.
    #[error("the store {store} can not be opened")]
    Fault {
        /// Which.
        store: String,
        /// Why.
        #[source]
        source: StoreFault,
    },
}

impl StoreOpenError {
    /// Whether another process holds the store: trying later makes sense.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked(LockError::Held { .. }))
    }
}
