//! What is known of an entry for a moment: the register is asked again after [`KNOWN_FOR_MS`], so that what another daemon has
//! ended opens nothing longer (F001-06: 100 ms).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use payoutd_actors::ports::{Entry, EntryKind, Register, StoreFault};

/// For so long it is known, ms.
const KNOWN_FOR_MS: i64 = 50;
/// So many entries are known at once.
const KNOWN_MAX: usize = 10_000;

/// What was found, and when.
type Found<T> = (Option<T>, i64);

/// Entries of one kind that are known for a moment.
pub(super) struct Known<T> {
    kind: EntryKind,
    read: fn(&Entry) -> Option<T>,
    entries: Mutex<HashMap<String, Found<T>>>,
}

impl<T: Clone> Known<T> {
    pub(super) fn new(kind: EntryKind, read: fn(&Entry) -> Option<T>) -> Self {
        Self { kind, read, entries: Mutex::default() }
    }

    /// An entry as it stands, or stood a moment ago.
    pub(super) async fn find(
        &self,
        register: &dyn Register,
        id: &str,
        now_ms: i64,
    ) -> Result<Option<T>, StoreFault> {
        if let Some((found, at_ms)) = self.entries().get(id)
            && (0..KNOWN_FOR_MS).contains(&now_ms.saturating_sub(*at_ms))
        {
            return Ok(found.clone());
        }
        let found = register.entry(self.kind, id).await?.as_ref().and_then(self.read);
        let mut entries = self.entries();
        if entries.len() >= KNOWN_MAX {
            // What is known is known again within a moment; nothing is lost with it.
            entries.clear();
        }
        entries.insert(id.to_owned(), (found.clone(), now_ms));
        Ok(found)
    }

    /// It was changed by this very daemon: it is asked for again.
    pub(super) fn forget(&self, id: &str) {
        self.entries().remove(id);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Found<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
