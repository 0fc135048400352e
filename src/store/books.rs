//! The books that are kept beside the payouts: what the limits have reserved and settled, and how many payouts stand where.
//!
//! Each batch adds up what it moves and writes it once, in its own transaction (F-P05, F002-03); how it is written is each
//! engine's matter. The books can always be counted anew from the payouts; the exam does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use payoutd_actors::{
    domain::{
        access::Role,
        limits::{DAY_MS, SpenderRef, minute_of},
        order::Route,
        payout::{Payout, Reservation, Stage},
    },
    ports::Step,
};

/// The scope of the whole house.
const HOUSE: &str = "";

/// Minutes older than this are forgotten at the start; no window reaches back so far.
pub(in crate::store) const MINUTES_KEPT_MS: i64 = 8 * DAY_MS;

/// What a batch moves.
#[derive(Debug, Default)]
pub(in crate::store) struct Books<'a> {
    /// What is set aside more, or less, by scope, micro-USDT.
    pub(in crate::store) reserved: BTreeMap<&'a str, i128>,
    /// What was settled, by scope and minute, micro-USDT.
    pub(in crate::store) settled: BTreeMap<(&'a str, i64), i128>,
    /// What is set aside more, or less, by principal, role and route, micro-USDT.
    pub(in crate::store) more_reserved: BTreeMap<MoreScope<'a>, i128>,
    /// What was settled, by principal, role and route, and by minute, micro-USDT.
    pub(in crate::store) more_settled: BTreeMap<(MoreScope<'a>, i64), i128>,
    /// How many payouts more, or fewer, stand in a stage.
    pub(in crate::store) tally: BTreeMap<Stage, Tally>,
}

/// What moves in or out of a stage.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::store) struct Tally {
    /// Payouts.
    pub(in crate::store) payouts: i128,
    /// Their amounts.
    pub(in crate::store) amount_micro_usdt: i128,
    /// The fee limits of their live transfers.
    pub(in crate::store) fee_limit_sun: i128,
}

/// A scope besides house and account. Their books are tables of their own: a daemon of an earlier version, which may be at work
/// on the same store, knows nothing of them and need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum MoreScope<'a> {
    /// Of a principal.
    Principal(&'a str),
    /// Of a role.
    Role(Role),
    /// Of a route.
    Route(Route),
}

impl<'a> MoreScope<'a> {
    /// Those that a payout's money is counted under; none where nobody knows who ordered it.
    pub(in crate::store) fn of(spender: SpenderRef<'a>) -> Option<[Self; 3]> {
        let by = spender.ordered_by?;
        Some([Self::Principal(&by.principal), Self::Role(by.role), Self::Route(spender.route)])
    }
}

/// As [`Scope`](payoutd_actors::domain::limits::Scope) has it.
impl fmt::Display for MoreScope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Principal(name) => write!(f, "principal:{name}"),
            Self::Role(role) => write!(f, "role:{}", role.word()),
            Self::Route(route) => write!(f, "route:{}", route.word()),
        }
    }
}

/// Whose books are asked for.
#[derive(Debug)]
pub(in crate::store) struct Asked {
    /// House and accounts, as the books call them.
    pub(in crate::store) scopes: Vec<String>,
    /// Principals, roles and routes.
    pub(in crate::store) more_scopes: Vec<String>,
}

impl Asked {
    /// For these.
    pub(in crate::store) fn of<'p>(spenders: impl Iterator<Item = SpenderRef<'p>>) -> Self {
        let (mut scopes, mut more) = (BTreeSet::from([HOUSE]), BTreeSet::new());
        for spender in spenders {
            scopes.insert(spender.account.as_str());
            more.extend(MoreScope::of(spender).into_iter().flatten());
        }
        let texts = scopes.into_iter().map(str::to_owned);
        Self { scopes: texts.collect(), more_scopes: more.iter().map(MoreScope::to_string).collect() }
    }
}

impl<'a> Books<'a> {
    /// A payout is born.
    pub(in crate::store) fn birth(&mut self, payout: &'a Payout) {
        self.stands(payout, payout.stage, 1);
        self.moves(payout, Reservation::None);
    }

    /// A payout has taken a step.
    pub(in crate::store) fn step(&mut self, step: &'a Step) {
        self.stands(&step.after, step.before.stage, -1);
        self.stands(&step.after, step.after.stage, 1);
        self.moves(&step.after, step.before.reservation);
    }

    /// One payout more, or fewer, in a stage; in flight it has a transfer that is not buried: its last.
    fn stands(&mut self, payout: &Payout, stage: Stage, more: i128) {
        let fee_limit_sun = match payout.attempts.last() {
            Some(attempt) if stage.is_in_flight() => attempt.fee_limit_sun,
            Some(_) | None => 0,
        };
        let tally = self.tally.entry(stage).or_default();
        tally.payouts += more;
        tally.amount_micro_usdt += more * i128::from(payout.order.amount.micro());
        tally.fee_limit_sun += more * i128::from(fee_limit_sun);
    }

    /// What became of the money that was, or was not, set aside.
    fn moves(&mut self, payout: &'a Payout, before: Reservation) {
        let reserved = match (before, payout.reservation) {
            (Reservation::None, Reservation::Reserved) => 1,
            (Reservation::Reserved, Reservation::Settled | Reservation::Released) => -1,
            _ => 0,
        };
        let settled = before != Reservation::Settled && payout.reservation == Reservation::Settled;
        let amount = i128::from(payout.order.amount.micro());
        let minute_ms = minute_of(payout.updated_at_ms);
        for scope in [HOUSE, payout.account.as_str()] {
            if reserved != 0 {
                *self.reserved.entry(scope).or_default() += reserved * amount;
            }
            if settled {
                *self.settled.entry((scope, minute_ms)).or_default() += amount;
            }
        }
        for scope in MoreScope::of(payout.spender()).into_iter().flatten() {
            if reserved != 0 {
                *self.more_reserved.entry(scope).or_default() += reserved * amount;
            }
            if settled {
                *self.more_settled.entry((scope, minute_ms)).or_default() += amount;
            }
        }
    }
}
