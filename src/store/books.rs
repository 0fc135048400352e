//! The books that are kept beside the payouts: what the limits have reserved and settled, and how many payouts stand where.
//!
//! Each batch adds up what it moves and writes it once, in its own transaction (F-P05, F002-03); how it is written is each
//! engine's matter. The books can always be counted anew from the payouts; the exam does.

use std::collections::BTreeMap;

use payoutd_actors::{
    domain::{
        limits::{DAY_MS, minute_of},
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
        for scope in [HOUSE, payout.account.as_str()] {
            if reserved != 0 {
                *self.reserved.entry(scope).or_default() += reserved * amount;
            }
            if settled {
                *self.settled.entry((scope, minute_of(payout.updated_at_ms))).or_default() += amount;
            }
        }
    }
}
