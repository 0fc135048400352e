//! Roles in memory: one process, so every role is its own.

use super::memory_store::MemoryStore;
use crate::ports::{Role, Roles, StoreFault};
use async_trait::async_trait;

#[async_trait]
impl Roles for MemoryStore {
    async fn take_role(&self, _: Role, _: u32) -> Result<Option<i64>, StoreFault> {
        Ok(Some(1))
    }

    async fn held_by_others_until_ms(&self) -> Result<Option<i64>, StoreFault> {
        Ok(None)
    }

    async fn leave_role(&self, _: Role) -> Result<(), StoreFault> {
        Ok(())
    }
}
