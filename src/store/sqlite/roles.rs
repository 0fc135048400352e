//! Roles: a store on SQLite has one process (its lock sees to it), so that every role is its own.

use async_trait::async_trait;
use payoutd_actors::ports::{Role, Roles, StoreFault};

use super::SqliteStore;

/// Nobody else ever holds a role, so that there is one token.
const THE_ONE_TOKEN: i64 = 1;

#[async_trait]
impl Roles for SqliteStore {
    async fn take_role(&self, _: Role, _: u32) -> Result<Option<i64>, StoreFault> {
        Ok(Some(THE_ONE_TOKEN))
    }

    async fn held_by_others_until_ms(&self) -> Result<Option<i64>, StoreFault> {
        Ok(None)
    }

    async fn leave_role(&self, _: Role) -> Result<(), StoreFault> {
        Ok(())
    }
}
