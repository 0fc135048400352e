//! A keeper of checkpoints that outlives the store beside it, in memory.

use crate::domain::journal::Checkpoint;
use crate::ports::CheckpointKeeper;
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Keeps the newest checkpoint; can be told to be away.
#[derive(Debug, Default)]
pub struct PocketKeeper {
    kept: Mutex<Option<Checkpoint>>,
    away: AtomicBool,
}

impl PocketKeeper {
    /// From now on it keeps nothing, or keeps again.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    fn is_there(&self) -> Result<(), String> {
        if self.away.load(Ordering::Relaxed) { Err("the keeper is away".to_owned()) } else { Ok(()) }
    }
}

#[async_trait]
impl CheckpointKeeper for PocketKeeper {
    async fn keep(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        self.is_there()?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(checkpoint.clone());
        Ok(())
    }

    async fn kept(&self) -> Result<Option<Checkpoint>, String> {
        self.is_there()?;
        Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
