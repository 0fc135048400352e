//! What time does to held payouts: room under the limits lets them go on, a deadline ends them.

use super::Desk;
use crate::domain::payout::{Command, Payout, Reason, Reservation, Stage};
use crate::ledger::Outcome;
use crate::metrics_names as names;
use crate::ports::{Gate, StoreFault};
use crate::rounds::Found;
use std::rc::Rc;
use tracing::{info, warn};

/// Held for want of room under a limit.
const WANT_OF_ROOM: [Reason; 4] =
    [Reason::LimitHourly, Reason::LimitDaily, Reason::LimitAccountHourly, Reason::LimitAccountDaily];

/// Who releases them, in the journal's words.
const BY: &str = "room under the limits";

/// One look at the held payouts.
pub(super) async fn look(desk: Rc<Desk>) -> Found {
    match try_look(&desk).await {
        Ok(found) => found,
        Err(fault) => {
            warn!(%fault, "held payouts can not be looked at");
            desk.view.borrow_mut().trouble = Some(fault.to_string());
            Found::Nothing
        }
    }
}

async fn try_look(desk: &Desk) -> Result<Found, StoreFault> {
    let now_ms = desk.tools.clock.now_ms();
    let lapsed = end_the_overdue(desk, now_ms).await?;
    let released = release_what_has_room(desk, now_ms).await?;
    let mut view = desk.view.borrow_mut();
    view.lapsed += lapsed;
    view.released += released;
    if released > 0 {
        desk.tools.payout_worker.nudge();
    }
    if released + lapsed > 0 {
        desk.tools.audit_writer.nudge();
        return Ok(Found::More);
    }
    Ok(Found::Nothing)
}

/// `not_after` passed while it was held: cancelled, reason `deadline`. The worker does the same for admitted ones.
async fn end_the_overdue(desk: &Desk, now_ms: i64) -> Result<u64, StoreFault> {
    let held = desk.tools.ledger.payouts().held_for(Reason::ALL, desk.tools.settings.release_max).await?;
    let is_over = |payout: &Payout| payout.order.not_after_ms.is_some_and(|until| until <= now_ms);
    let over = held.into_iter().filter(|payout| payout.stage == Stage::Held && is_over(payout));
    let batch: Vec<_> = over.map(|payout| (payout, Command::Cancel(Reason::Deadline))).collect();
    let done = count(&carry_out(desk, batch, Gate::Open, now_ms).await?);
    if done > 0 {
        info!(payouts = done, "held payouts were cancelled: their not_after has passed");
    }
    Ok(done)
}

/// The most urgent and oldest first, and whoever does not fit lets the next one pass: one account's excess stops nobody
/// else (F-N13).
async fn release_what_has_room(desk: &Desk, now_ms: i64) -> Result<u64, StoreFault> {
    let payouts = desk.tools.ledger.payouts();
    let mut held = Vec::new();
    // Asked by reason: what waits for one account's limit can not fill the page of what waits for the house's.
    for reason in WANT_OF_ROOM {
        held.extend(payouts.held_for(&[reason], desk.tools.settings.release_max).await?);
    }
    if held.is_empty() {
        return Ok(0);
    }
    held.sort_by_key(|payout| (std::cmp::Reverse(payout.order.priority), payout.id));
    let mut book = payouts.limit_book(now_ms).await?;
    let limits = &desk.tools.limits;
    // Those that kept their reservation have their room already.
    held.retain(|payout| {
        payout.reservation == Reservation::Reserved
            || book.reserve(&payout.account, payout.order.amount, limits, now_ms).is_ok()
    });
    let reasons: Vec<_> = held.iter().map(|payout| payout.reason.unwrap_or(Reason::Operator)).collect();
    let batch: Vec<_> =
        held.into_iter().map(|payout| (payout, Command::Release { by: BY.to_owned() })).collect();
    let done = carry_out(desk, batch, Gate::RoomUnder(*limits), now_ms).await?;
    for (reason, done) in reasons.iter().zip(&done) {
        metrics::counter!(names::HOLDS_RELEASED_TOTAL, "reason" => reason.word()).increment(u64::from(*done));
    }
    let released = count(&done);
    if released > 0 {
        info!(payouts = released, "held payouts were released: there is room under the limits");
    }
    Ok(released)
}

fn count(done: &[bool]) -> u64 {
    done.iter().map(|done| u64::from(*done)).sum()
}

/// Carries out a batch, a transaction's worth at a time; says of each whether it was done.
async fn carry_out(
    desk: &Desk,
    mut batch: Vec<(Payout, Command)>,
    gate: Gate,
    now_ms: i64,
) -> Result<Vec<bool>, StoreFault> {
    let mut done = Vec::with_capacity(batch.len());
    while !batch.is_empty() {
        let rest = batch.split_off(batch.len().min(desk.tools.settings.batch_max));
        let outcomes = desk.tools.ledger.carry_out(batch, gate, now_ms).await?;
        done.extend(outcomes.iter().map(|outcome| matches!(outcome, Outcome::Done(..))));
        batch = rest;
    }
    Ok(done)
}
