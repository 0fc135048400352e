//! Who ordered a payout.

use super::Role;
use serde::Serialize;

/// Who ordered a payout, and as what: written down with it, so that what it spends is counted for them to the end (F000-17),
/// whatever becomes of them meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Orderer {
    /// What the journal calls them: `key:…`, `user:…` or `house`.
    pub principal: String,
    /// What they were when they ordered.
    pub role: Role,
}

impl Orderer {
    /// The house itself: whoever has its one token.
    #[must_use]
    pub fn house() -> Self {
        Self { principal: "house".to_owned(), role: Role::Admin }
    }
}
