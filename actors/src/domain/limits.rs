//! Spending limits over rolling windows, with reservations (F000-17, F-P05).
//!
//! Money is reserved when an order is admitted, and that reservation is settled or released exactly once. A window's
//! use is everything reserved plus everything settled within it, for the whole house and for each account.
//! Settled money is remembered by the minute and counted until its whole minute has left the window, so that rounding
//! only ever makes the limit tighter. Never here: the store, the clock.

use super::identity::AccountId;
use super::money::MicroUsdt;
use serde::Serialize;
use std::collections::BTreeMap;

/// The short window, ms.
pub const HOUR_MS: i64 = 3_600_000;
/// The long window, ms.
pub const DAY_MS: i64 = 86_400_000;
/// Settled money is remembered by the minute.
pub const MINUTE_MS: i64 = 60_000;

/// The limits of F000-17, in micro-USDT.
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
}

/// Which limit an order would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitBroken {
    /// The house's hour.
    LimitHourly,
    /// The house's day.
    LimitDaily,
    /// The account's hour.
    LimitAccountHourly,
    /// The account's day.
    LimitAccountDaily,
}

/// What one scope (an account, or the whole house) has reserved and settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spending {
    /// Reserved and neither settled nor released, micro-USDT.
    pub reserved_micro_usdt: u64,
    /// Settled money by the minute (unix ms of the minute's start), micro-USDT.
    pub settled_by_minute: BTreeMap<i64, u64>,
}

impl Spending {
    /// Reserved plus settled within the window that ends now, micro-USDT.
    #[must_use]
    pub fn used_micro_usdt(&self, window_ms: i64, now_ms: i64) -> u64 {
        let oldest_minute = now_ms.saturating_sub(window_ms).saturating_sub(MINUTE_MS);
        let settled = self.settled_by_minute.range(oldest_minute.saturating_add(1)..);
        settled.fold(self.reserved_micro_usdt, |sum, (_, amount)| sum.saturating_add(*amount))
    }
}

/// The book of all scopes at one moment: loaded by the store inside its transaction, asked, and changed along with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitBook {
    /// The whole house.
    pub house: Spending,
    /// Each account.
    pub accounts: BTreeMap<AccountId, Spending>,
}

/// The minute in which a moment lies, unix ms.
#[must_use]
pub fn minute_of(at_ms: i64) -> i64 {
    at_ms - at_ms.rem_euclid(MINUTE_MS)
}

impl LimitBook {
    /// Whether an amount more would still be within every limit.
    pub fn room_for(
        &self,
        account: &AccountId,
        amount: MicroUsdt,
        rules: &LimitRules,
        now_ms: i64,
    ) -> Result<(), LimitBroken> {
        let none = Spending::default();
        let own = self.accounts.get(account).unwrap_or(&none);
        let checks = [
            (&self.house, HOUR_MS, rules.hourly, LimitBroken::LimitHourly),
            (&self.house, DAY_MS, rules.daily, LimitBroken::LimitDaily),
            (own, HOUR_MS, rules.account_hourly, LimitBroken::LimitAccountHourly),
            (own, DAY_MS, rules.account_daily, LimitBroken::LimitAccountDaily),
        ];
        for (spending, window_ms, limit, broken) in checks {
            let used = spending.used_micro_usdt(window_ms, now_ms);
            if used.saturating_add(amount.micro()) > limit.micro() {
                return Err(broken);
            }
        }
        Ok(())
    }

    /// Reserves an amount, if there is room.
    pub fn reserve(
        &mut self,
        account: &AccountId,
        amount: MicroUsdt,
        rules: &LimitRules,
        now_ms: i64,
    ) -> Result<(), LimitBroken> {
        self.room_for(account, amount, rules, now_ms)?;
        self.set_aside(account, amount);
        Ok(())
    }

    /// Reserves an amount whether there is room or not: money that a transfer found on the chain has taken already.
    pub fn set_aside(&mut self, account: &AccountId, amount: MicroUsdt) {
        for spending in self.scopes(account) {
            spending.reserved_micro_usdt = spending.reserved_micro_usdt.saturating_add(amount.micro());
        }
    }

    /// Turns a reservation into settled money.
    pub fn settle(&mut self, account: &AccountId, amount: MicroUsdt, now_ms: i64) {
        self.release(account, amount);
        for spending in self.scopes(account) {
            let minute = spending.settled_by_minute.entry(minute_of(now_ms)).or_default();
            *minute = minute.saturating_add(amount.micro());
        }
    }

    /// Gives a reservation back.
    pub fn release(&mut self, account: &AccountId, amount: MicroUsdt) {
        for spending in self.scopes(account) {
            spending.reserved_micro_usdt = spending.reserved_micro_usdt.saturating_sub(amount.micro());
        }
    }

    /// The book as it would be without what is set aside for those who are held for want of room. They stand still: once the
    /// rules are made tighter than what is set aside, they would else keep one another there for ever.
    #[must_use]
    pub fn without(mut self, waiting: &BTreeMap<AccountId, MicroUsdt>) -> Self {
        for (account, amount) in waiting {
            self.release(account, *amount);
        }
        self
    }

    /// Whether what is set aside and settled is within every limit.
    pub fn holds(&self, account: &AccountId, rules: &LimitRules, now_ms: i64) -> Result<(), LimitBroken> {
        self.room_for(account, MicroUsdt::new(0), rules, now_ms)
    }

    fn scopes(&mut self, account: &AccountId) -> [&mut Spending; 2] {
        if !self.accounts.contains_key(account) {
            self.accounts.insert(account.clone(), Spending::default());
        }
        let own = self.accounts.entry(account.clone()).or_default();
        [&mut self.house, own]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usdt(whole: u64) -> MicroUsdt {
        MicroUsdt::new(whole * 1_000_000)
    }

    fn rules() -> LimitRules {
        LimitRules {
            hourly: usdt(1_000),
            daily: usdt(10_000),
            account_hourly: usdt(600),
            account_daily: usdt(5_000),
        }
    }

    /// F000-17: what is reserved counts at once, and one account's excess is its own.
    #[test]
    fn a_flooding_account_leaves_room_for_others() {
        let (mut book, now) = (LimitBook::default(), 1_000_000_000);
        let (loud, quiet) = (AccountId::new("loud").unwrap(), AccountId::new("quiet").unwrap());
        assert_eq!(book.reserve(&loud, usdt(600), &rules(), now), Ok(()));
        assert_eq!(book.reserve(&loud, usdt(1), &rules(), now), Err(LimitBroken::LimitAccountHourly));
        assert_eq!(book.reserve(&quiet, usdt(400), &rules(), now), Ok(()));
        assert_eq!(book.reserve(&quiet, usdt(1), &rules(), now), Err(LimitBroken::LimitHourly));
    }

    #[test]
    fn settled_money_leaves_the_hour_but_stays_in_the_day() {
        let (mut book, account) = (LimitBook::default(), AccountId::house());
        let noon = 43_200_000;
        book.reserve(&account, usdt(500), &rules(), noon).unwrap();
        book.settle(&account, usdt(500), noon);
        assert_eq!(book.house.used_micro_usdt(HOUR_MS, noon + HOUR_MS), usdt(500).micro());
        assert_eq!(book.house.used_micro_usdt(HOUR_MS, noon + HOUR_MS + MINUTE_MS), 0);
        assert_eq!(book.house.used_micro_usdt(DAY_MS, noon + HOUR_MS + MINUTE_MS), usdt(500).micro());
    }

    proptest! {
        /// F000-17: in no hour and no day does settled plus reserved exceed a limit, whatever comes in which order.
        #[test]
        fn no_window_ever_holds_more_than_its_limit(steps in prop::collection::vec((0u8..3, 1u64..400, 0i64..1_800_000), 1..120)) {
            let (mut book, account, rules) = (LimitBook::default(), AccountId::house(), rules());
            let (mut now, mut open, mut settled) = (86_400_000_i64 - 120_000, Vec::new(), Vec::<(i64, u64)>::new());
            for (kind, amount, pause) in steps {
                now += pause;
                match kind {
                    0 => if book.reserve(&account, usdt(amount), &rules, now).is_ok() { open.push(amount); },
                    1 => if let Some(amount) = open.pop() { book.settle(&account, usdt(amount), now); settled.push((now, amount)); },
                    _ => if let Some(amount) = open.pop() { book.release(&account, usdt(amount)); },
                }
                let reserved: u64 = open.iter().sum();
                for (window, limit) in [(HOUR_MS, 600), (DAY_MS, 5_000)] {
                    let within: u64 = settled.iter().filter(|(at, _)| *at > now - window).map(|(_, amount)| amount).sum();
                    prop_assert!(within + reserved <= limit);
                }
            }
        }
    }
}
