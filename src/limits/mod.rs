//! The spending limits that people set (F000-17, F000-21): kept in the register, over what the configuration says.
//!
//! - A limit is set for a [`Scope`], whole: what it leaves out is the configuration's. Set with nothing in it, it is taken back.
//! - Every store reads what is set behind the same lock as the books, in the statement that reads them: on each daemon of the house
//!   a limit holds for the first payout that is taken in after the answer.
//! - Each change is one transaction with the journal's word about it: what held before, what holds now, who says so and why.
//! - One that has an end passes away at that moment; the [`LimitClerk`] tells the journal of it soon after.
//!
//! **Never here:** whether a payout has room (the heart's matter), who may set limits (the door's).

mod clerk;

pub use clerk::{LIMIT_CLERK, LimitClerk};

use std::sync::Arc;

use payoutd_actors::{
    domain::{
        journal::{Body, JournalDraft},
        limits::{Ceilings, DAY_MS, HOUR_MS, LimitBook, LimitRules, Scope, SetLimit, Spending},
        money::{MICRO_PER_USDT, MicroUsdt},
    },
    ports::{Clock, Entry, EntryKind, Payouts, Register, RegisterChange, Registered, StoreFault},
};
use serde_json::{Value, json};
use thiserror::Error;

use crate::identity::By;

/// The largest limit that can be set: more USDT than was ever issued, and far below what 64 bits hold.
pub const LIMIT_MAX: MicroUsdt = MicroUsdt::new(1_000_000_000_000 * MICRO_PER_USDT);
/// A limit that has an end has it within a year, ms.
pub const LIFE_MS_MAX: i64 = 366 * DAY_MS;
/// So many limits may be set at a time. Those of one payout alone are read when it is taken in.
pub const SET_MAX: usize = 10_000;

/// What shall hold for a scope from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitChange {
    /// Whose limit.
    pub scope: Scope,
    /// The limits; with none of them, what was set is taken back.
    pub ceilings: Ceilings,
    /// Until when, unix ms.
    pub expires_at_ms: Option<i64>,
    /// Why, in a person's words.
    pub reason: String,
}

/// What holds for a scope, and what was used of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitView {
    /// Whose limit.
    pub scope: Scope,
    /// What holds now.
    pub ceilings: Ceilings,
    /// What was set, where that is what holds.
    pub set: Option<SetLimit>,
    /// Used of the last 60 minutes.
    pub used_hourly: MicroUsdt,
    /// Used of the last 24 hours.
    pub used_daily: MicroUsdt,
}

/// Why nothing was done.
#[derive(Debug, Clone, Error)]
pub enum LimitFault {
    /// What is wanted has mistakes: each with the field that it is in.
    #[error("{} mistakes in what the limit shall be", .0.len())]
    Invalid(Vec<(&'static str, String)>),
    /// Somebody was faster.
    #[error("somebody changed this limit at the same moment: look again")]
    Outdated,
    /// As many limits as may be are set.
    #[error("{SET_MAX} limits are set, which is as many as may be: take some back first")]
    TooMany,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Where limits are set and shown.
pub struct LimitDesk {
    register: Arc<dyn Register>,
    payouts: Arc<dyn Payouts>,
    clock: Arc<dyn Clock>,
    rules: LimitRules,
}

impl LimitDesk {
    /// The desk of a house; `rules` are those of its configuration.
    #[must_use]
    pub fn new(
        register: Arc<dyn Register>,
        payouts: Arc<dyn Payouts>,
        clock: Arc<dyn Clock>,
        rules: LimitRules,
    ) -> Self {
        Self { register, payouts, clock, rules }
    }

    /// What holds for the house, for each account that has spent, and for every scope that a limit is set for.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn views(&self) -> Result<Vec<LimitView>, LimitFault> {
        let now_ms = self.clock.now_ms();
        let book = self.payouts.limit_book(now_ms).await?;
        let scopes = scopes_of(&book).into_iter();
        Ok(scopes.map(|scope| self.view(&book, scope, now_ms)).collect())
    }

    /// Sets a limit, or takes it back; what holds from now on is in the answer.
    ///
    /// # Errors
    /// See [`LimitFault`]; nothing was changed.
    pub async fn set(&self, change: &LimitChange, by: &By) -> Result<LimitView, LimitFault> {
        let now_ms = self.clock.now_ms();
        must_be_sound(change, now_ms)?;
        let id = change.scope.to_string();
        let entry = self.register.entry(EntryKind::Limit, &id).await?;
        let before = entry.as_ref().map(read).transpose()?;
        let version = entry.as_ref().map_or(0, |entry| entry.version);
        let after = (!change.ceilings.is_empty()).then(|| SetLimit {
            ceilings: change.ceilings,
            expires_at_ms: change.expires_at_ms,
            set_by: by.name.clone(),
            set_at_ms: now_ms,
            reason: change.reason.clone(),
        });
        if version == 0 && after.is_some() && self.count().await? >= SET_MAX {
            return Err(LimitFault::TooMany);
        }
        let old = self.in_words(&change.scope, before.as_ref(), now_ms);
        let new = self.in_words(&change.scope, after.as_ref(), now_ms);
        let mut facts = json!({ "scope": id, "old": old, "new": new, "reason": change.reason });
        by.sign(&mut facts);
        let mut done = RegisterChange {
            journal: vec![word("limit_changed", &facts, now_ms)?],
            ..RegisterChange::default()
        };
        match &after {
            Some(set) => done.put.push(entry_of(id, version, set)?),
            None if version > 0 => done.remove.push((EntryKind::Limit, id, version)),
            // Nothing was set: that somebody wanted it gone stands in the journal all the same.
            None => {}
        }
        match self.register.register(done, now_ms).await? {
            Registered::Done => {}
            Registered::Outdated | Registered::UsedBefore => return Err(LimitFault::Outdated),
        }
        let book = self.payouts.limit_book(now_ms).await?;
        Ok(self.view(&book, change.scope.clone(), now_ms))
    }

    /// Forgets the limits whose moment has passed, and tells the journal of each, whichever daemon is first; gives how many.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn forget_expired(&self) -> Result<u64, LimitFault> {
        let now_ms = self.clock.now_ms();
        let mut gone = 0;
        for entry in self.entries().await? {
            let set = read(&entry)?;
            if set.holds_at(now_ms) {
                continue;
            }
            let Ok(scope) = entry.id.parse::<Scope>() else { continue };
            let facts = json!({
                "scope": entry.id,
                "old": json!(set.ceilings.or(self.rules.of(scope.whose()))),
                "new": self.in_words(&scope, None, now_ms),
                "set_by": set.set_by,
                "expired_at_ms": set.expires_at_ms,
            });
            let done = RegisterChange {
                remove: vec![(EntryKind::Limit, entry.id, entry.version)],
                journal: vec![word("limit_expired", &facts, now_ms)?],
                ..RegisterChange::default()
            };
            // Of several daemons one is first; and who has just set it anew was in time.
            gone += u64::from(self.register.register(done, now_ms).await? == Registered::Done);
        }
        Ok(gone)
    }

    fn view(&self, book: &LimitBook, scope: Scope, now_ms: i64) -> LimitView {
        let none = Spending::default();
        let page = book.page(&scope).unwrap_or(&none);
        let used = |window_ms| MicroUsdt::new(page.used_micro_usdt(window_ms, now_ms));
        LimitView {
            ceilings: page.ceilings(self.rules.of(scope.whose()), now_ms),
            set: page.set.clone().filter(|set| set.holds_at(now_ms)),
            used_hourly: used(HOUR_MS),
            used_daily: used(DAY_MS),
            scope,
        }
    }

    /// What holds for a scope with what is set for it, for the journal.
    fn in_words(&self, scope: &Scope, set: Option<&SetLimit>, now_ms: i64) -> Value {
        let page = Spending { set: set.cloned(), ..Spending::default() };
        let mut words = json!(page.ceilings(self.rules.of(scope.whose()), now_ms));
        if let Some(until_ms) = set.filter(|set| set.holds_at(now_ms)).and_then(|set| set.expires_at_ms) {
            words["expires_at_ms"] = until_ms.into();
        }
        words
    }

    async fn count(&self) -> Result<usize, StoreFault> {
        Ok(self.entries().await?.len())
    }

    /// Every limit that is kept.
    async fn entries(&self) -> Result<Vec<Entry>, StoreFault> {
        let most = u32::try_from(SET_MAX).unwrap_or(u32::MAX).saturating_add(1);
        self.register.entries(EntryKind::Limit, None, "", most).await
    }
}

/// The house, the accounts, then whatever else a limit is set for.
fn scopes_of(book: &LimitBook) -> Vec<Scope> {
    let mut scopes = vec![Scope::House];
    scopes.extend(book.accounts.keys().cloned().map(Scope::Account));
    let set = |page: &Spending| page.set.is_some();
    scopes.extend(
        book.principals.iter().filter(|(_, page)| set(page)).map(|(name, _)| Scope::Principal(name.clone())),
    );
    scopes.extend(book.roles.iter().filter(|(_, page)| set(page)).map(|(role, _)| Scope::Role(*role)));
    scopes.extend(book.routes.iter().filter(|(_, page)| set(page)).map(|(route, _)| Scope::Route(*route)));
    scopes
}

fn must_be_sound(change: &LimitChange, now_ms: i64) -> Result<(), LimitFault> {
    let Ceilings { per_payout, hourly, daily } = change.ceilings;
    let mut mistakes = Vec::new();
    for (field, amount) in [("per_payout_usdt", per_payout), ("hourly_usdt", hourly), ("daily_usdt", daily)] {
        if amount.is_some_and(|amount| amount > LIMIT_MAX) {
            mistakes.push((field, format!("at most {LIMIT_MAX} is taken")));
        }
    }
    let longest_ms = now_ms.saturating_add(LIFE_MS_MAX);
    match change.expires_at_ms {
        Some(_) if change.ceilings.is_empty() => {
            mistakes.push(("expires_at", "there is no limit that could end: name one".to_owned()));
        }
        Some(until_ms) if until_ms <= now_ms || until_ms > longest_ms => {
            mistakes.push(("expires_at", "a moment within the next 366 days is wanted".to_owned()));
        }
        Some(_) | None => {}
    }
    if mistakes.is_empty() { Ok(()) } else { Err(LimitFault::Invalid(mistakes)) }
}

fn read(entry: &Entry) -> Result<SetLimit, StoreFault> {
    SetLimit::read(&entry.id, &entry.body).map(|(_, set)| set).map_err(StoreFault::Corrupt)
}

fn entry_of(id: String, version: u32, set: &SetLimit) -> Result<Entry, StoreFault> {
    let body = serde_json::to_string(set).map_err(|why| StoreFault::Corrupt(why.to_string()))?;
    // Without an end of the register's own: what has passed away is forgotten with a word in the journal, not silently.
    Ok(Entry { kind: EntryKind::Limit, id, name: None, owner: None, version, body, expires_at_ms: None })
}

fn word(kind: &'static str, facts: &Value, now_ms: i64) -> Result<JournalDraft, StoreFault> {
    let body = Body::of(facts).map_err(|why| StoreFault::Corrupt(why.to_string()))?;
    Ok(JournalDraft::new(now_ms, kind, body))
}
