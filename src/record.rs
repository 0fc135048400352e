//! The record: whatever a request causes to be written bears its names (F000-14).
//!
//! Around each request stands its [`Cause`], as tracing's spans do: who writes into the register within it says nothing of it, and can
//! forget nothing. What is handed to actors takes the cause along in its message. Whoever does a request's work in a task of its own is
//! outside: that is for what no request waits for.
//!
//! **Never here:** who somebody is (the rows say it themselves), what is written.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use payoutd_actors::{
    domain::journal::{BodyError, Cause},
    ports::{Entry, EntryKind, KeyUsage, KeyUses, Register, RegisterChange, Registered, StoreFault, Use},
};

tokio::task_local! {
    static CAUSE: Cause;
}

/// Does a request's work under its names.
pub async fn caused_by<F: Future>(cause: Cause, work: F) -> F::Output {
    CAUSE.scope(cause, work).await
}

/// The names of the request that is worked on here; nobody's outside of any.
#[must_use]
pub fn cause() -> Cause {
    CAUSE.try_with(Clone::clone).unwrap_or_default()
}

/// A register whose journal says in which request each change was made.
pub struct Recorded(Arc<dyn Register>);

impl Recorded {
    /// The register behind it.
    #[must_use]
    pub fn new(register: Arc<dyn Register>) -> Self {
        Self(register)
    }
}

#[async_trait]
impl Register for Recorded {
    async fn entry(&self, kind: EntryKind, id: &str) -> Result<Option<Entry>, StoreFault> {
        self.0.entry(kind, id).await
    }

    async fn entry_named(&self, kind: EntryKind, name: &str) -> Result<Option<Entry>, StoreFault> {
        self.0.entry_named(kind, name).await
    }

    async fn entries(
        &self,
        kind: EntryKind,
        owner: Option<&str>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreFault> {
        self.0.entries(kind, owner, after, limit).await
    }

    async fn register(&self, change: RegisterChange, now_ms: i64) -> Result<Registered, StoreFault> {
        let cause = cause();
        let journal = change.journal.into_iter().map(|draft| draft.caused_by(&cause));
        let journal = journal.collect::<Result<_, _>>().map_err(unwritable)?;
        self.0.register(RegisterChange { journal, ..change }, now_ms).await
    }

    async fn use_once(&self, uses: &[Use]) -> Result<Vec<bool>, StoreFault> {
        self.0.use_once(uses).await
    }

    async fn count_uses(&self, uses: &BTreeMap<String, KeyUses>) -> Result<(), StoreFault> {
        self.0.count_uses(uses).await
    }

    async fn usage(&self, keys: &[String], now_ms: i64) -> Result<BTreeMap<String, KeyUsage>, StoreFault> {
        self.0.usage(keys, now_ms).await
    }

    async fn forget_expired(&self, now_ms: i64, limit: u32) -> Result<u64, StoreFault> {
        self.0.forget_expired(now_ms, limit).await
    }
}

fn unwritable(why: BodyError) -> StoreFault {
    StoreFault::Corrupt(format!("what has caused a change can not be written down: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use payoutd_actors::{
        domain::journal::{Body, CorrelationId, JournalDraft},
        fakes::MemoryStore,
        ports::Journal,
    };

    /// A change says in which request it was made, and what the house does by itself names none.
    #[tokio::test]
    async fn a_change_is_found_by_the_request_that_made_it() {
        let store = MemoryStore::new("record");
        let register = Recorded::new(Arc::new(store.clone()));
        let change = || RegisterChange {
            journal: vec![JournalDraft::new(1, "tokens_revoked", Body::empty())],
            ..RegisterChange::default()
        };
        let cause = Cause { correlation_id: CorrelationId::parse("r-1"), ..Cause::nobody() };
        caused_by(cause, register.register(change(), 1)).await.unwrap();
        register.register(change(), 2).await.unwrap();
        let rows = store.records(1, 9).await.unwrap();
        let bodies: Vec<_> = rows.iter().map(|row| row.body.as_str()).collect();
        assert_eq!(bodies, ["{\"correlation_id\":\"r-1\"}", "{}"]);
    }
}
