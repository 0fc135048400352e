//! The books that are kept beside the payouts: what the limits have reserved and settled, and how many payouts stand where.
//!
//! Each batch adds up what it moves and writes it once, in its own transaction (F-P05, F002-03). The books can always be
//! counted anew from the payouts; the exam does.

use std::collections::BTreeMap;

use payoutd_actors::{
    domain::{
        limits::{DAY_MS, minute_of},
        payout::{Payout, Reservation, Stage},
    },
    ports::{Step, StoreFault},
};
use sqlx::{Executor, SqliteConnection};

use super::{fault, rows::Rows};

/// The scope of the whole house.
const HOUSE: &str = "";

/// Minutes older than this are forgotten at the start; no window reaches back so far.
const MINUTES_KEPT_MS: i64 = 8 * DAY_MS;

/// Five statements in one go, each with the next of the arguments.
const KEEP: &str = "\
    INSERT INTO reserved (scope, reserved_micro_usdt) \
        SELECT value ->> 0, 0 FROM jsonb_each(?) WHERE TRUE ON CONFLICT DO NOTHING; \
    UPDATE reserved SET reserved_micro_usdt = reserved_micro_usdt + (moved.value ->> 1) \
        FROM jsonb_each(?) AS moved WHERE scope = moved.value ->> 0; \
    INSERT INTO spending (scope, minute_ms, settled_micro_usdt) \
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?) WHERE TRUE \
        ON CONFLICT (scope, minute_ms) DO UPDATE SET settled_micro_usdt = settled_micro_usdt + excluded.settled_micro_usdt; \
    UPDATE tally SET payouts = payouts + (moved.value ->> 1), \
            amount_micro_usdt = amount_micro_usdt + (moved.value ->> 2), fee_limit_sun = fee_limit_sun + (moved.value ->> 3) \
        FROM jsonb_each(?) AS moved WHERE stage = moved.value ->> 0; \
    UPDATE house SET value = ? WHERE fact = 'latest_ms'";

/// What a batch moves.
#[derive(Debug, Default)]
pub(super) struct Books<'a> {
    reserved: BTreeMap<&'a str, i128>,
    settled: BTreeMap<(&'a str, i64), i128>,
    tally: BTreeMap<Stage, Tally>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    payouts: i128,
    amount_micro_usdt: i128,
    fee_limit_sun: i128,
}

impl<'a> Books<'a> {
    /// A payout is born.
    pub(super) fn birth(&mut self, payout: &'a Payout) {
        self.stands(payout, payout.stage, 1);
        self.moves(payout, Reservation::None);
    }

    /// A payout has taken a step.
    pub(super) fn step(&mut self, step: &'a Step) {
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

    /// Writes it all, and the latest moment with it.
    pub(super) async fn keep(
        self,
        connection: &mut SqliteConnection,
        latest_ms: i64,
    ) -> Result<(), StoreFault> {
        let (mut reserved, mut settled) = (Rows::with_room_for(2, 60), Rows::with_room_for(2, 80));
        let mut tally = Rows::with_room_for(self.tally.len(), 80);
        for (scope, moved) in self.reserved {
            reserved.row().text(scope).whole(moved).end();
        }
        for ((scope, minute_ms), amount) in self.settled {
            settled.row().text(scope).whole(minute_ms).whole(amount).end();
        }
        for (stage, moved) in self.tally {
            let row = tally.row().text(stage.word()).whole(moved.payouts);
            row.whole(moved.amount_micro_usdt).whole(moved.fee_limit_sun).end();
        }
        let reserved = reserved.into_json();
        let keep = sqlx::query(KEEP)
            .bind(reserved.clone())
            .bind(reserved)
            .bind(settled.into_json())
            .bind(tally.into_json())
            .bind(latest_ms.to_string());
        connection.execute(keep).await.map(|_| ()).map_err(fault::of)
    }
}

/// Minutes that no window reaches any more.
pub(super) async fn forget_old_minutes(
    connection: &mut SqliteConnection,
    latest_ms: i64,
) -> Result<(), StoreFault> {
    let forget = sqlx::query("DELETE FROM spending WHERE minute_ms < ?1")
        .bind(latest_ms.saturating_sub(MINUTES_KEPT_MS));
    connection.execute(forget).await.map(|_| ()).map_err(fault::of)
}
