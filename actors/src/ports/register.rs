//! The register: who may come in, and with what. People, invitations, sessions, keys, the limits that were set for them and
//! the nodes that their accounts are of.
//!
//! Each entry is a JSON text under its kind and id, guarded by its version; what it says is the matter of whoever keeps it.
//! Promises that a change is taken whole or not at all, in one transaction with the journal's word about it; that a name is
//! one entry's; that what may be used once is used once, however many try at the same time. Never here: a secret in clear.

use super::payouts::StoreFault;
use crate::domain::journal::JournalDraft;
use async_trait::async_trait;
use std::collections::BTreeMap;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// Somebody who signs in.
    Person,
    /// A place that waits for a person.
    Invitation,
    /// A sign-in, as long as it lasts: a family of refresh tokens.
    Session,
    /// What a program shows.
    ApiKey,
    /// A spending limit that was set for somebody.
    Limit,
    /// Tokens that are not believed any more.
    Revocation,
    /// Who somebody is whom an issuer elsewhere knows.
    Link,
    /// Of which node an account is: the account is its id, the node its owner.
    NodeAccount,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Person,
        Self::Invitation,
        Self::Session,
        Self::ApiKey,
        Self::Limit,
        Self::Revocation,
        Self::Link,
        Self::NodeAccount,
    ];

    /// Its name in SQL.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Invitation => "invitation",
            Self::Session => "session",
            Self::ApiKey => "api_key",
            Self::Limit => "limit",
            Self::Revocation => "revocation",
            Self::Link => "link",
            Self::NodeAccount => "node_account",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is about.
    pub kind: EntryKind,
    /// Its id within its kind.
    pub id: String,
    /// Another name by which it is found, its own alone within the kind.
    pub name: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// Grows by one with each change; 0 for one that is not written yet.
    pub version: u32,
    /// What it says: a JSON text.
    pub body: String,
    /// From then on it may be forgotten, unix ms.
    pub expires_at_ms: Option<i64>,
}

/// Something that may be used once: a nonce, a code, a step of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// What, with whose it is.
    pub what: String,
    /// From then on it can not be used anyway, and need not be remembered, unix ms.
    pub until_ms: i64,
}

/// A change of the register.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegisterChange {
    /// Entries as they shall be. Each has the version that it was read with: 0 adds it, and it is added only once.
    pub put: Vec<Entry>,
    /// Entries that go: kind, id and the version that they were read with.
    pub remove: Vec<(EntryKind, String, u32)>,
    /// What is used up by it.
    pub uses: Vec<Use>,
    /// What the journal says of it.
    pub journal: Vec<JournalDraft>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It stands.
    Done,
    /// Somebody changed an entry first, or added it, or took its name. Nothing was written.
    Outdated,
    /// Something of it had been used before. Nothing was written.
    UsedBefore,
}

/// How often a key was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyUsage {
    /// Uses since it was made.
    pub uses: u64,
    /// Uses within the last 24 hours, by the whole hour.
    pub uses_24h: u64,
    /// When it was used last, unix ms.
    pub last_used_at_ms: i64,
}

/// Uses of a key that are not counted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUses {
    /// How many.
    pub uses: u64,
    /// When the last of them was, unix ms.
    pub last_used_at_ms: i64,
}

/// The store of the register.
#[async_trait]
pub trait Register: Send + Sync {
    /// An entry by its id.
    async fn entry(&self, kind: EntryKind, id: &str) -> Result<Option<Entry>, StoreFault>;

    /// An entry by its name.
    async fn entry_named(&self, kind: EntryKind, name: &str) -> Result<Option<Entry>, StoreFault>;

    /// Entries of a kind by their ids, those behind `after`; of one owner, or of all.
    async fn entries(
        &self,
        kind: EntryKind,
        owner: Option<&str>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreFault>;

    /// Makes a change, whole or not at all; `now_ms` also moves the house's time forward.
    async fn register(&self, change: RegisterChange, now_ms: i64) -> Result<Registered, StoreFault>;

    /// Uses things up; of each, whether it had not been used before. Of the same thing twice in one call the first counts. This need
    /// not be on the disk when it is answered: it is there no later than whatever is written after it, so that nothing outlives the
    /// nonce that let it in.
    async fn use_once(&self, uses: &[Use]) -> Result<Vec<bool>, StoreFault>;

    /// Counts uses of keys.
    async fn count_uses(&self, uses: &BTreeMap<String, KeyUses>) -> Result<(), StoreFault>;

    /// How often keys were used; one that never was is not in the answer.
    async fn usage(&self, keys: &[String], now_ms: i64) -> Result<BTreeMap<String, KeyUsage>, StoreFault>;

    /// Forgets entries that have expired and uses that need not be remembered, so many of each at most; gives how many went.
    async fn forget_expired(&self, now_ms: i64, limit: u32) -> Result<u64, StoreFault>;
}

/// Uses of keys are counted by the hour, ms.
pub const USAGE_HOUR_MS: i64 = 3_600_000;

/// The hour in which a moment lies, unix ms.
#[must_use]
pub const fn usage_hour_of(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(USAGE_HOUR_MS)
}
