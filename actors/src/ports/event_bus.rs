//! The bus on which others hear what happened.

use crate::domain::journal::Checkpoint;
use crate::domain::outbox::OutboxEvent;
use async_trait::async_trait;
use thiserror::Error;

/// Why the bus did not take it, or not for certain: whoever publishes publishes again, and consumers know a repetition by its
/// sequence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the bus does not take the events: {0}")]
pub struct BusFault(pub String);

/// Where events go out.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// What it is called in views and logs.
    fn name(&self) -> &str;

    /// Publishes events of the store of this name in their order. Answers when the bus has confirmed every one of them.
    async fn publish(&self, store_id: &str, events: &[OutboxEvent]) -> Result<(), BusFault>;

    /// Whether anything can be published now; connects where that must be tried. Asked by whoever gave its role up because nothing
    /// could.
    async fn reach(&self) -> Result<(), BusFault>;

    /// Publishes a signed statement about the journal, for whoever keeps one outside of the house (F002-05).
    async fn publish_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), BusFault>;
}
