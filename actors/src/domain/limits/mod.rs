//! Spending limits over rolling windows, with reservations (F000-17, F-P05).
//!
//! Money is reserved when an order is admitted, and that reservation is settled or released exactly once. A window's
//! use is everything reserved plus everything settled within it: for the whole house, for each account, principal and role, and
//! for each route. All that measure a payout must have room for it, so that the strictest wins.
//! Settled money is remembered by the minute and counted until its whole minute has left the window, so that rounding
//! only ever makes the limit tighter. Never here: the store, the clock.

mod scope;
mod set;

pub use scope::{LimitBroken, NotAScope, PRINCIPAL_CHARS_MAX, Scope, Spender, SpenderRef, Whose, Window};
pub use set::{Ceilings, SetLimit};

use super::access::Role;
use super::identity::AccountId;
use super::money::MicroUsdt;
use super::order::Route;
use std::collections::BTreeMap;

/// The short window, ms.
pub const HOUR_MS: i64 = 3_600_000;
/// The long window, ms.
pub const DAY_MS: i64 = 86_400_000;
/// Settled money is remembered by the minute.
pub const MINUTE_MS: i64 = 60_000;

/// What becomes of an order that a limit has no room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnExcess {
    /// It is taken in and held, and goes on by itself when there is room.
    #[default]
    Hold,
    /// It is not taken in: its sender hears which limit, and may come again with the same key.
    Refuse,
}

/// The limits of F000-17 as the configuration says them, in micro-USDT: what holds where nothing else was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRules {
    /// All accounts together, any hour.
    pub hourly: MicroUsdt,
    /// All accounts together, any 24 hours.
    pub daily: MicroUsdt,
    /// One account, any hour.
    pub account_hourly: MicroUsdt,
    /// One account, any 24 hours.
    pub account_daily: MicroUsdt,
    /// What becomes of what they have no room for, at the door.
    pub on_excess: OnExcess,
}

impl LimitRules {
    /// What the configuration says of a kind of scope. Principals, roles and routes have the limits that somebody sets.
    #[must_use]
    pub const fn of(&self, whose: Whose) -> Ceilings {
        match whose {
            Whose::House => Ceilings { per_payout: None, hourly: Some(self.hourly), daily: Some(self.daily) },
            Whose::Account => Ceilings {
                per_payout: None,
                hourly: Some(self.account_hourly),
                daily: Some(self.account_daily),
            },
            Whose::Principal | Whose::Role | Whose::Route => {
                Ceilings { per_payout: None, hourly: None, daily: None }
            }
        }
    }
}

/// What one scope has reserved and settled, and what was set for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spending {
    /// Reserved and neither settled nor released, micro-USDT.
    pub reserved_micro_usdt: u64,
    /// Settled money by the minute (unix ms of the minute's start), micro-USDT.
    pub settled_by_minute: BTreeMap<i64, u64>,
    /// The limits that somebody has set for it.
    pub set: Option<SetLimit>,
}

impl Spending {
    /// Reserved plus settled within the window that ends now, micro-USDT.
    #[must_use]
    pub fn used_micro_usdt(&self, window_ms: i64, now_ms: i64) -> u64 {
        let oldest_minute = now_ms.saturating_sub(window_ms).saturating_sub(MINUTE_MS);
        let settled = self.settled_by_minute.range(oldest_minute.saturating_add(1)..);
        settled.fold(self.reserved_micro_usdt, |sum, (_, amount)| sum.saturating_add(*amount))
    }

    /// The limits that hold at a moment: those that were set, and the configuration's where they say nothing.
    #[must_use]
    pub fn ceilings(&self, configured: Ceilings, now_ms: i64) -> Ceilings {
        let set = self.set.as_ref().filter(|set| set.holds_at(now_ms));
        set.map_or(configured, |set| set.ceilings.or(configured))
    }
}

/// The book of all scopes at one moment: loaded by the store inside its transaction, asked, and changed along with it. Of
/// principals, roles and routes a store loads those for which a limit is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitBook {
    /// The whole house.
    pub house: Spending,
    /// Each account.
    pub accounts: BTreeMap<AccountId, Spending>,
    /// Each principal, by name.
    pub principals: BTreeMap<String, Spending>,
    /// Each role.
    pub roles: BTreeMap<Role, Spending>,
    /// Each route.
    pub routes: BTreeMap<Route, Spending>,
}

/// The page of an account that has spent nothing so far.
static NOTHING_SPENT: Spending =
    Spending { reserved_micro_usdt: 0, settled_by_minute: BTreeMap::new(), set: None };

/// The minute in which a moment lies, unix ms.
#[must_use]
pub fn minute_of(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(MINUTE_MS)
}

impl LimitBook {
    /// Whether an amount more would still be within every limit.
    ///
    /// # Errors
    /// With the first limit that it would break.
    pub fn room_for(
        &self,
        spender: SpenderRef<'_>,
        amount: MicroUsdt,
        rules: &LimitRules,
        now_ms: i64,
    ) -> Result<(), LimitBroken> {
        for (whose, page) in self.asked(spender) {
            let ceilings = page.ceilings(rules.of(whose), now_ms);
            ceilings.room(page, amount, now_ms).map_err(|window| LimitBroken { whose, window })?;
        }
        Ok(())
    }

    /// Whether one payout of this amount may be, whatever else is spent.
    ///
    /// # Errors
    /// With the limit that it is above.
    pub fn allows(
        &self,
        spender: SpenderRef<'_>,
        amount: MicroUsdt,
        rules: &LimitRules,
        now_ms: i64,
    ) -> Result<(), LimitBroken> {
        let is_above = |(whose, page): &(Whose, &Spending)| {
            page.ceilings(rules.of(*whose), now_ms).per_payout.is_some_and(|most| amount > most)
        };
        match self.asked(spender).find(is_above) {
            Some((whose, _)) => Err(LimitBroken { whose, window: Window::PerPayout }),
            None => Ok(()),
        }
    }

    /// Reserves an amount, if there is room.
    ///
    /// # Errors
    /// As [`Self::room_for`].
    pub fn reserve(
        &mut self,
        spender: SpenderRef<'_>,
        amount: MicroUsdt,
        rules: &LimitRules,
        now_ms: i64,
    ) -> Result<(), LimitBroken> {
        self.room_for(spender, amount, rules, now_ms)?;
        self.set_aside(spender, amount);
        Ok(())
    }

    /// Reserves an amount whether there is room or not: money that a transfer found on the chain has taken already.
    pub fn set_aside(&mut self, spender: SpenderRef<'_>, amount: MicroUsdt) {
        for spending in self.pages_of(spender) {
            spending.reserved_micro_usdt = spending.reserved_micro_usdt.saturating_add(amount.micro());
        }
    }

    /// Turns a reservation into settled money.
    pub fn settle(&mut self, spender: SpenderRef<'_>, amount: MicroUsdt, now_ms: i64) {
        self.release(spender, amount);
        for spending in self.pages_of(spender) {
            let minute = spending.settled_by_minute.entry(minute_of(now_ms)).or_default();
            *minute = minute.saturating_add(amount.micro());
        }
    }

    /// Gives a reservation back.
    pub fn release(&mut self, spender: SpenderRef<'_>, amount: MicroUsdt) {
        for spending in self.pages_of(spender) {
            spending.reserved_micro_usdt = spending.reserved_micro_usdt.saturating_sub(amount.micro());
        }
    }

    /// The book as it would be without what is set aside for those who are held for want of room. They stand still: once the
    /// rules are made tighter than what is set aside, they would else keep one another there for ever.
    #[must_use]
    pub fn without(mut self, waiting: &BTreeMap<Spender, MicroUsdt>) -> Self {
        for (spender, amount) in waiting {
            self.release(spender.by_ref(), *amount);
        }
        self
    }

    /// Whether what is set aside and settled is within every limit.
    ///
    /// # Errors
    /// With the first limit that is broken.
    pub fn holds(&self, spender: SpenderRef<'_>, rules: &LimitRules, now_ms: i64) -> Result<(), LimitBroken> {
        self.room_for(spender, MicroUsdt::new(0), rules, now_ms)
    }

    /// Notes which limits are set, by the texts of their scopes and what they say, in place of those that were noted before.
    ///
    /// # Errors
    /// With what can not be read: a limit that is not understood is never passed over.
    pub fn put_up<'a>(&mut self, limits: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), String> {
        let pages = [&mut self.house].into_iter().chain(self.accounts.values_mut());
        let pages = pages.chain(self.principals.values_mut()).chain(self.roles.values_mut());
        pages.chain(self.routes.values_mut()).for_each(|page| page.set = None);
        for (scope, says) in limits {
            let (scope, set) = SetLimit::read(scope, says)?;
            self.page_mut(scope).set = Some(set);
        }
        Ok(())
    }

    /// What one scope has reserved and settled, and what was set for it; opened where it is not there.
    pub fn page_mut(&mut self, scope: Scope) -> &mut Spending {
        match scope {
            Scope::House => &mut self.house,
            Scope::Account(account) => self.accounts.entry(account).or_default(),
            Scope::Principal(name) => self.principals.entry(name).or_default(),
            Scope::Role(role) => self.roles.entry(role).or_default(),
            Scope::Route(route) => self.routes.entry(route).or_default(),
        }
    }

    /// What one scope has reserved and settled, and what was set for it.
    #[must_use]
    pub fn page(&self, scope: &Scope) -> Option<&Spending> {
        match scope {
            Scope::House => Some(&self.house),
            Scope::Account(account) => self.accounts.get(account),
            Scope::Principal(name) => self.principals.get(name),
            Scope::Role(role) => self.roles.get(role),
            Scope::Route(route) => self.routes.get(route),
        }
    }

    /// The pages that are asked for a spender. Those of principal, role and route are not there while no limit is set for them.
    fn asked<'a>(&'a self, spender: SpenderRef<'_>) -> impl Iterator<Item = (Whose, &'a Spending)> {
        let by = spender.ordered_by;
        let own = self.accounts.get(spender.account).unwrap_or(&NOTHING_SPENT);
        let pages = [
            (Whose::House, Some(&self.house)),
            (Whose::Account, Some(own)),
            (Whose::Principal, by.and_then(|by| self.principals.get(&by.principal))),
            (Whose::Role, by.and_then(|by| self.roles.get(&by.role))),
            (Whose::Route, by.and_then(|_| self.routes.get(&spender.route))),
        ];
        pages.into_iter().filter_map(|(whose, page)| Some((whose, page?)))
    }

    /// The pages that a spender's money stands on.
    fn pages_of(&mut self, spender: SpenderRef<'_>) -> impl Iterator<Item = &mut Spending> {
        if !self.accounts.contains_key(spender.account) {
            self.accounts.insert(spender.account.clone(), Spending::default());
        }
        let by = spender.ordered_by;
        if let Some(by) = by.filter(|by| !self.principals.contains_key(&by.principal)) {
            self.principals.insert(by.principal.clone(), Spending::default());
        }
        let of_principal = by.and_then(|by| self.principals.get_mut(&by.principal));
        let of_role = by.map(|by| self.roles.entry(by.role).or_default());
        let of_route = by.map(|_| self.routes.entry(spender.route).or_default());
        let own = self.accounts.get_mut(spender.account);
        [Some(&mut self.house), own, of_principal, of_role, of_route].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests;
