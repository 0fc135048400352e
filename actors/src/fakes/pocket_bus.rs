//! A bus in memory: what was confirmed, in order, and faults as the test wants them.

use crate::domain::journal::Checkpoint;
use crate::domain::outbox::OutboxEvent;
use crate::ports::{BusFault, EventBus};
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps everything that it took, repetitions too.
#[derive(Debug, Default)]
pub struct PocketBus {
    taken: Mutex<Vec<OutboxEvent>>,
    checkpoints: Mutex<Vec<Checkpoint>>,
    away: AtomicBool,
    loses_confirms: AtomicBool,
}

impl PocketBus {
    /// From now on it takes nothing, or takes again.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// From now on it takes everything and its confirms are lost on the way, or not any more.
    pub fn lose_confirms(&self, lost: bool) {
        self.loses_confirms.store(lost, Ordering::Relaxed);
    }

    /// Everything that it took.
    #[must_use]
    pub fn taken(&self) -> Vec<OutboxEvent> {
        lock(&self.taken).clone()
    }

    /// The checkpoints that it took.
    #[must_use]
    pub fn checkpoints(&self) -> Vec<Checkpoint> {
        lock(&self.checkpoints).clone()
    }

    fn take<T: Clone>(&self, into: &Mutex<Vec<T>>, what: &[T]) -> Result<(), BusFault> {
        if self.away.load(Ordering::Relaxed) {
            return Err(BusFault("it is away".to_owned()));
        }
        lock(into).extend_from_slice(what);
        match self.loses_confirms.load(Ordering::Relaxed) {
            true => Err(BusFault("no confirm came".to_owned())),
            false => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl EventBus for PocketBus {
    fn name(&self) -> &str {
        "pocket"
    }

    async fn publish(&self, _: &str, events: &[OutboxEvent]) -> Result<(), BusFault> {
        self.take(&self.taken, events)
    }

    async fn reach(&self) -> Result<(), BusFault> {
        self.take::<OutboxEvent>(&self.taken, &[])
    }

    async fn publish_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), BusFault> {
        self.take(&self.checkpoints, std::slice::from_ref(checkpoint))
    }
}
