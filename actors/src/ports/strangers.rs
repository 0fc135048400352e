//! Where strangers are kept: transfers of the wallet that no payout of this store knows, until one knows its own again.

use super::payouts::StoreFault;
use crate::domain::stranger::Stranger;
use async_trait::async_trait;

/// A stranger and its place in the order in which they were noted (1, 2, 3 …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedStranger {
    /// Its place; it never changes.
    pub place: i64,
    /// The transfer.
    pub stranger: Stranger,
}

/// The strangers' book.
#[async_trait]
pub trait Strangers: Send + Sync {
    /// Notes them, durably. One that is noted already keeps its place, and its block is the one that is told now.
    async fn note_strangers(&self, strangers: Vec<Stranger>) -> Result<(), StoreFault>;

    /// Those noted behind a place (0 is the beginning), in order.
    async fn strangers(&self, behind: i64, limit: u32) -> Result<Vec<NotedStranger>, StoreFault>;
}
