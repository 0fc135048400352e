//! Room under the limits for payouts that were admitted already, asked again: before each signature (F002-04), and before one
//! that is held for want of room goes on.
//!
//! Promises: whoever goes on fits under today's limits together with all who move; whoever is held keeps what is set aside for
//! him, stands still meanwhile, and takes no room from the others. (Limits that were made tighter than what is set aside would else
//! let those who wait keep one another there for ever.) Never here: new reservations, which the store makes within its own
//! transaction, and beside everything that is set aside.

use crate::domain::limits::{LimitBook, LimitBroken, LimitRules, SpenderRef};
use crate::domain::payout::{Payout, Reservation};
use crate::ports::{Payouts, StoreFault};

/// The room that there is at one moment, as it is given away.
pub(crate) struct Room {
    set_aside: LimitBook,
    moving: LimitBook,
    rules: LimitRules,
    now_ms: i64,
}

impl Room {
    /// For those who move. Only where the limits were made tighter than what is set aside does it matter who stands still.
    pub(crate) async fn of_those_who_move<'a>(
        payouts: &dyn Payouts,
        mut spenders: impl Iterator<Item = SpenderRef<'a>>,
        rules: LimitRules,
        now_ms: i64,
    ) -> Result<Self, StoreFault> {
        let set_aside = payouts.limit_book(now_ms).await?;
        let fits = spenders.all(|spender| set_aside.holds(spender, &rules, now_ms).is_ok());
        let moving = match fits {
            true => set_aside.clone(),
            false => set_aside.clone().without(&payouts.waiting_for_room().await?),
        };
        Ok(Self { set_aside, moving, rules, now_ms })
    }

    /// For those who wait.
    pub(crate) async fn of_those_who_wait(
        payouts: &dyn Payouts,
        rules: LimitRules,
        now_ms: i64,
    ) -> Result<Self, StoreFault> {
        // The book before those who wait: who ends between the two looks counts as if he still moved.
        let set_aside = payouts.limit_book(now_ms).await?;
        let moving = set_aside.clone().without(&payouts.waiting_for_room().await?);
        Ok(Self { set_aside, moving, rules, now_ms })
    }

    /// Whether one who moves may go on moving. Who may not is to be held, and stands still from here on.
    pub(crate) fn keep(&mut self, payout: &Payout) -> Result<(), LimitBroken> {
        let (spender, amount) = (payout.spender(), payout.order.amount);
        let allowed = self.moving.allows(spender, amount, &self.rules, self.now_ms);
        allowed.and_then(|()| self.moving.holds(spender, &self.rules, self.now_ms)).inspect_err(|_| {
            self.moving.release(spender, amount);
        })
    }

    /// Whether one who waits may move on, beside those who do and those who were let go on before.
    pub(crate) fn let_go_on(&mut self, payout: &Payout) -> bool {
        let (spender, amount, rules) = (payout.spender(), payout.order.amount, &self.rules);
        if payout.reservation == Reservation::Reserved {
            return self.moving.reserve(spender, amount, rules, self.now_ms).is_ok();
        }
        let fits = self.set_aside.reserve(spender, amount, rules, self.now_ms).is_ok();
        if fits {
            self.moving.set_aside(spender, amount);
        }
        fits
    }
}

#[cfg(test)]
mod tests;
