//! Who does what in a fleet of offices that share one store, decided by the test.

use crate::ports::{Role, Roles, StoreFault};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The table of roles, as one office sees it. Leases never end by themselves; the test puts an office to sleep.
#[derive(Debug, Clone)]
pub struct PocketRoles {
    name: &'static str,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    /// Who holds a role, with its token.
    held: BTreeMap<Role, (&'static str, i64)>,
    /// How often a role was taken or kept: a lease that is kept ends later.
    kept: i64,
    /// Whose leases have ended, and who gets no new ones.
    asleep: BTreeSet<&'static str>,
}

impl PocketRoles {
    /// A new table, as the office of this name sees it.
    #[must_use]
    pub fn of(name: &'static str) -> Self {
        Self { name, table: Arc::default() }
    }

    /// The same table, as another office sees it.
    #[must_use]
    pub fn seen_by(&self, name: &'static str) -> Self {
        Self { name, table: self.table.clone() }
    }

    /// The leases of an office have ended, and it gets none until [`Self::wake`].
    pub fn put_to_sleep(&self, name: &'static str) {
        self.table().asleep.insert(name);
    }

    /// An office may hold roles again.
    pub fn wake(&self, name: &'static str) {
        self.table().asleep.remove(name);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Roles for PocketRoles {
    async fn take_role(&self, role: Role, _: u32) -> Result<Option<i64>, StoreFault> {
        let mut table = self.table();
        if table.asleep.contains(self.name) {
            return Ok(None);
        }
        let token = match table.held.get(&role).copied() {
            Some((holder, token)) if holder == self.name => token,
            Some((holder, _)) if !table.asleep.contains(holder) => return Ok(None),
            Some((_, token)) => token + 1,
            None => 1,
        };
        table.held.insert(role, (self.name, token));
        table.kept += 1;
        Ok(Some(token))
    }

    async fn held_by_others_until_ms(&self) -> Result<Option<i64>, StoreFault> {
        let table = self.table();
        let is_others = |name: &str| name != self.name && !table.asleep.contains(name);
        Ok(table.held.values().any(|(name, _)| is_others(name)).then_some(table.kept))
    }

    async fn leave_role(&self, role: Role) -> Result<(), StoreFault> {
        let mut table = self.table();
        if table.held.get(&role).is_some_and(|(holder, _)| *holder == self.name) {
            table.held.remove(&role);
        }
        Ok(())
    }
}
