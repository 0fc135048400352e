//! Roles: work that one process of a fleet does at a time, however many share the store.
//!
//! A role is held for a lease and kept by taking it again in time. The lease only says when others may take it over; what keeps
//! a process that slept longer than its lease from writing is the **fencing token**: each new holder gets a higher one, the
//! store remembers the one that this process was given, and every write that belongs to a role is checked against it in its
//! own transaction. Such a write without the role is [`StoreFault::Refused`].
//!
//! A store that only one process can open (the one on SQLite, the one in memory) gives every role to whoever asks.

use super::payouts::StoreFault;
use async_trait::async_trait;

/// A role, and with it the writes that want it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Puts the journal under its seal: `Journal::put_seal`.
    AuditWriter,
    /// Reads the solidified chain: `HouseChange::LastSolid`.
    ConfirmationWatcher,
    /// Tells others what happened: `HouseChange::EventsPublished`.
    EventPublisher,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::AuditWriter, Self::ConfirmationWatcher, Self::EventPublisher];

    /// Its name, the same in SQL, in views and in logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AuditWriter => "audit_writer",
            Self::ConfirmationWatcher => "confirmation_watcher",
            Self::EventPublisher => "event_publisher",
        }
    }
}

/// How long a role is held without being taken again, ms. Whoever waits for it takes over after so long; whoever works looks
/// several times within it.
pub const ROLE_LEASE_MS: u32 = 15_000;

/// Who does what.
#[async_trait]
pub trait Roles: Send + Sync {
    /// Takes a role for so long, or keeps it for so long from now on, by the store's own clock; gives the fencing token.
    /// `None`: another process holds it.
    async fn take_role(&self, role: Role, lease_ms: u32) -> Result<Option<i64>, StoreFault>;

    /// The latest moment until which another process holds a role, by the store's own clock; `None` where nobody else holds one. It
    /// grows whenever somebody keeps a role: a lease that stands still may be a dead one's, or an older copy's.
    async fn held_by_others_until_ms(&self) -> Result<Option<i64>, StoreFault>;

    /// Gives a role up, so that others need not wait for the lease to end. One that is not held is not touched.
    async fn leave_role(&self, role: Role) -> Result<(), StoreFault>;
}
