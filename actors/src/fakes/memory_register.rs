//! The register, in memory.

use super::memory_journal::count;
use super::memory_store::{Cabinet, MemoryStore};
use crate::ports::{
    Entry, EntryKind, KeyUsage, KeyUses, Register, RegisterChange, Registered, StoreFault, USAGE_HOUR_MS,
    Use, usage_hour_of,
};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

/// What would be in the register's tables.
#[derive(Debug, Clone, Default)]
pub(super) struct Drawer {
    entries: BTreeMap<(EntryKind, String), Entry>,
    used: BTreeMap<String, i64>,
    usage: BTreeMap<String, Counted>,
}

/// The uses of one key.
#[derive(Debug, Clone, Default)]
struct Counted {
    uses: u64,
    last_used_at_ms: i64,
    by_hour: BTreeMap<i64, u64>,
}

impl Drawer {
    /// The limits that were set: texts of their scopes, and what they say.
    pub(super) fn limits(&self) -> impl Iterator<Item = (&str, &str)> {
        let limits = self.entries.values().filter(|entry| entry.kind == EntryKind::Limit);
        limits.map(|entry| (entry.id.as_str(), entry.body.as_str()))
    }

    /// Whether a change finds everything as it was read.
    fn takes(&self, change: &RegisterChange) -> Registered {
        let version = |kind: EntryKind, id: &str| {
            self.entries.get(&(kind, id.to_owned())).map_or(0, |entry| entry.version)
        };
        let put = change.put.iter().all(|entry| version(entry.kind, &entry.id) == entry.version);
        let gone = change.remove.iter().all(|(kind, id, read)| *read > 0 && version(*kind, id) == *read);
        let free = change.put.iter().filter_map(|entry| entry.name.as_ref().map(|name| (entry, name))).all(
            |(entry, name)| {
                let namesake = |other: &Entry| {
                    other.kind == entry.kind && other.name.as_ref() == Some(name) && other.id != entry.id
                };
                !self.entries.values().any(namesake)
            },
        );
        if !(put && gone && free) {
            return Registered::Outdated;
        }
        let mut met = BTreeSet::new();
        let fresh = change.uses.iter().all(|one| !self.used.contains_key(&one.what) && met.insert(&one.what));
        if fresh { Registered::Done } else { Registered::UsedBefore }
    }
}

#[async_trait]
impl Register for MemoryStore {
    async fn entry(&self, kind: EntryKind, id: &str) -> Result<Option<Entry>, StoreFault> {
        self.read(|cabinet| cabinet.register.entries.get(&(kind, id.to_owned())).cloned()).await
    }

    async fn entry_named(&self, kind: EntryKind, name: &str) -> Result<Option<Entry>, StoreFault> {
        self.read(|cabinet| {
            let mut all = cabinet.register.entries.values();
            all.find(|entry| entry.kind == kind && entry.name.as_deref() == Some(name)).cloned()
        })
        .await
    }

    async fn entries(
        &self,
        kind: EntryKind,
        owner: Option<&str>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreFault> {
        self.read(|cabinet| {
            let all = cabinet.register.entries.values().filter(|entry| entry.kind == kind);
            let theirs = all.filter(|entry| owner.is_none_or(|owner| entry.owner.as_deref() == Some(owner)));
            theirs.filter(|entry| entry.id.as_str() > after).take(count(limit)).cloned().collect()
        })
        .await
    }

    async fn register(&self, change: RegisterChange, now_ms: i64) -> Result<Registered, StoreFault> {
        self.write(|cabinet| {
            let verdict = cabinet.register.takes(&change);
            if verdict != Registered::Done {
                return Ok((verdict, false));
            }
            cabinet.pass_to(now_ms);
            take(cabinet, change);
            Ok((verdict, true))
        })
        .await
    }

    async fn use_once(&self, uses: &[Use]) -> Result<Vec<bool>, StoreFault> {
        self.write(|cabinet| {
            let used = &mut cabinet.register.used;
            let first: Vec<bool> =
                uses.iter().map(|one| used.insert(one.what.clone(), one.until_ms).is_none()).collect();
            let changed = first.contains(&true);
            Ok((first, changed))
        })
        .await
    }

    async fn count_uses(&self, uses: &BTreeMap<String, KeyUses>) -> Result<(), StoreFault> {
        self.write(|cabinet| {
            for (key, more) in uses {
                let counted = cabinet.register.usage.entry(key.clone()).or_default();
                counted.uses += more.uses;
                counted.last_used_at_ms = counted.last_used_at_ms.max(more.last_used_at_ms);
                *counted.by_hour.entry(usage_hour_of(more.last_used_at_ms)).or_default() += more.uses;
            }
            Ok(((), !uses.is_empty()))
        })
        .await
    }

    async fn usage(&self, keys: &[String], now_ms: i64) -> Result<BTreeMap<String, KeyUsage>, StoreFault> {
        let since = usage_hour_of(now_ms) - 23 * USAGE_HOUR_MS;
        self.read(|cabinet| {
            let found = keys.iter().filter_map(|key| Some((key, cabinet.register.usage.get(key)?)));
            let told = found.map(|(key, counted)| {
                let uses_24h = counted.by_hour.range(since..).map(|(_, uses)| uses).sum();
                let Counted { uses, last_used_at_ms, .. } = *counted;
                (key.clone(), KeyUsage { uses, uses_24h, last_used_at_ms })
            });
            told.collect()
        })
        .await
    }

    async fn forget_expired(&self, now_ms: i64, limit: u32) -> Result<u64, StoreFault> {
        self.write(|cabinet| {
            let drawer = &mut cabinet.register;
            let is_over = |entry: &Entry| entry.expires_at_ms.is_some_and(|at_ms| at_ms <= now_ms);
            let over: Vec<_> =
                drawer.entries.values().filter(|entry| is_over(entry)).take(count(limit)).collect();
            let over: Vec<_> = over.into_iter().map(|entry| (entry.kind, entry.id.clone())).collect();
            let spent: Vec<_> =
                drawer.used.iter().filter(|(_, until)| **until <= now_ms).take(count(limit)).collect();
            let spent: Vec<_> = spent.into_iter().map(|(what, _)| what.clone()).collect();
            for entry in &over {
                drawer.entries.remove(entry);
            }
            for what in &spent {
                drawer.used.remove(what);
            }
            let gone = (over.len() + spent.len()) as u64;
            Ok((gone, gone > 0))
        })
        .await
    }
}

fn take(cabinet: &mut Cabinet, change: RegisterChange) {
    for mut entry in change.put {
        entry.version = entry.version.saturating_add(1);
        cabinet.register.entries.insert((entry.kind, entry.id.clone()), entry);
    }
    for (kind, id, _) in change.remove {
        cabinet.register.entries.remove(&(kind, id));
    }
    cabinet.register.used.extend(change.uses.into_iter().map(|one| (one.what, one.until_ms)));
    for draft in change.journal {
        cabinet.record(draft);
    }
}
