//! `[limits]`: what may leave the wallet (F000-17, F001-26).

use payoutd_actors::domain::{
    limits::{LimitRules, OnExcess},
    money::{MICRO_PER_USDT, MicroUsdt},
    order::AMOUNT_CAP,
};

use crate::config::{
    forms::{OneOf, Usdt},
    key::{Fallback, Key},
    reader::Reader,
};

/// What may leave the wallet, per payout and in rolling windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// One payout.
    pub per_payout: MicroUsdt,
    /// Everybody together, in any 60 minutes.
    pub hourly: MicroUsdt,
    /// Everybody together, in any 24 hours.
    pub daily: MicroUsdt,
    /// One account, in any 60 minutes.
    pub account_hourly: MicroUsdt,
    /// One account, in any 24 hours.
    pub account_daily: MicroUsdt,
    /// What becomes of an order above a window.
    pub on_excess: OnExcess,
}

/// A window's largest limit: more USDT than was ever issued, and far below what 64 bits hold.
const WINDOW_MAX: MicroUsdt = MicroUsdt::new(1_000_000_000_000 * MICRO_PER_USDT);

const WINDOW: Usdt = Usdt { from: MicroUsdt::new(1), to: WINDOW_MAX };

const PER_PAYOUT_USDT: Key<Usdt> = Key {
    name: "limits.per_payout_usdt",
    form: Usdt { from: MicroUsdt::new(1), to: AMOUNT_CAP },
    fallback: Fallback::Is("\"1000\""),
    about: "The largest payout that is taken; no more than a million, whatever is written here. As large as the hourly limit by default: a larger one could never leave.",
};

const HOURLY_USDT: Key<Usdt> = Key {
    name: "limits.hourly_usdt",
    form: WINDOW,
    fallback: Fallback::Is("\"1000\""),
    about: "What may leave in any 60 minutes, all accounts together: settled, on its way and promised. A payout above \
            it is held until the window has room.",
};

const DAILY_USDT: Key<Usdt> = Key {
    name: "limits.daily_usdt",
    form: WINDOW,
    fallback: Fallback::Is("\"10000\""),
    about: "What may leave in any 24 hours, all accounts together.",
};

const ACCOUNT_HOURLY_USDT: Key<Usdt> = Key {
    name: "limits.account_hourly_usdt",
    form: WINDOW,
    fallback: Fallback::Is("\"1000\""),
    about: "What one account may send in any 60 minutes: an account over its limit holds its own payouts alone.",
};

const ACCOUNT_DAILY_USDT: Key<Usdt> = Key {
    name: "limits.account_daily_usdt",
    form: WINDOW,
    fallback: Fallback::Is("\"10000\""),
    about: "What one account may send in any 24 hours.",
};

const ON_EXCESS: Key<OneOf<OnExcess>> = Key {
    name: "limits.on_excess",
    form: OneOf { words: &[("hold", OnExcess::Hold), ("refuse", OnExcess::Refuse)], not_yet: &[] },
    fallback: Fallback::Is("\"hold\""),
    about: "What becomes of an order that a window has no room for. \"hold\" takes it in, and pays it by itself when there is \
            room. \"refuse\" does not take it: the sender hears which limit (limit-exceeded), and may come again with the same \
            key; a job goes to the dead queue. What is taken in already is held either way, when a limit is lowered.",
};

impl Limits {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section(
            "limits",
            "What may leave the wallet, per payout and in rolling windows. Amounts are text with at most six places.",
        );
        let per_payout = reader.ask(&PER_PAYOUT_USDT);
        let hourly = reader.ask(&HOURLY_USDT);
        let daily = reader.ask(&DAILY_USDT);
        let account_hourly = reader.ask(&ACCOUNT_HOURLY_USDT);
        let account_daily = reader.ask(&ACCOUNT_DAILY_USDT);
        let on_excess = reader.ask(&ON_EXCESS);
        let limits = Self {
            per_payout: per_payout?,
            hourly: hourly?,
            daily: daily?,
            account_hourly: account_hourly?,
            account_daily: account_daily?,
            on_excess: on_excess?,
        };
        limits.warn_of_what_can_never_be_used(reader);
        Some(limits)
    }

    /// The windows as the ledger asks them.
    #[must_use]
    pub fn rules(&self) -> LimitRules {
        LimitRules {
            hourly: self.hourly,
            daily: self.daily,
            account_hourly: self.account_hourly,
            account_daily: self.account_daily,
            on_excess: self.on_excess,
        }
    }

    /// A limit above a narrower one is no mistake, and it is rarely meant.
    fn warn_of_what_can_never_be_used(&self, reader: &mut Reader<'_>) {
        let pairs = [
            ("limits.per_payout_usdt", self.per_payout, "limits.hourly_usdt", self.hourly),
            ("limits.per_payout_usdt", self.per_payout, "limits.account_hourly_usdt", self.account_hourly),
            ("limits.hourly_usdt", self.hourly, "limits.daily_usdt", self.daily),
            (
                "limits.account_hourly_usdt",
                self.account_hourly,
                "limits.account_daily_usdt",
                self.account_daily,
            ),
        ];
        for (wide, wide_limit, narrow, narrow_limit) in pairs {
            if wide_limit > narrow_limit {
                reader.warn(format!(
                    "{wide} ({wide_limit}) is above {narrow} ({narrow_limit}) and can never be used up"
                ));
            }
        }
    }
}
