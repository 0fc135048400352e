//! What time does to held payouts: room under the limits or money in the wallet lets them go on. A deadline ends them, which is the
//! worker's to see: it knows what the chain has paid already.

use super::Desk;
use crate::domain::payout::{Command, Payout, Reason};
use crate::ledger::Outcome;
use crate::metrics_names as names;
use crate::ports::{Gate, StoreFault, Urgency};
use crate::room::Room;
use crate::rounds::Found;
use crate::treasurer::WouldCover;
use std::rc::Rc;
use tracing::{info, warn};

/// Who releases them, in the journal's words.
const BY_ROOM: &str = "room under the limits";
const BY_FUNDS: &str = "money in the wallet";

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
    let released = release_what_has_room(desk, now_ms)
        .await?
        .saturating_add(release_what_is_covered(desk, now_ms).await?);
    desk.view.borrow_mut().released += released;
    if released > 0 {
        desk.tools.payout_worker.nudge();
        desk.tools.audit_writer.nudge();
        return Ok(Found::More);
    }
    Ok(Found::Nothing)
}

/// The most urgent and oldest first, and whoever does not fit lets the next one pass: one account's excess stops nobody
/// else (F-N13).
/// The worker asks the same [`Room`] before it signs: whoever was let go on here and held again there would go round and round.
async fn release_what_has_room(desk: &Desk, now_ms: i64) -> Result<u64, StoreFault> {
    let mut held = held_for(desk, &Reason::WANT_OF_ROOM).await?;
    if held.is_empty() {
        return Ok(0);
    }
    let mut room = Room::of_those_who_wait(desk.tools.ledger.payouts(), desk.tools.limits, now_ms).await?;
    held.retain(|payout| room.let_go_on(payout));
    release(desk, held, BY_ROOM, now_ms).await
}

/// What was held for want of money goes on when the newest look at the wallet would cover it. The treasurer is asked once more
/// before anything is signed.
async fn release_what_is_covered(desk: &Desk, now_ms: i64) -> Result<u64, StoreFault> {
    let held = held_for(desk, &Reason::WANT_OF_FUNDS).await?;
    if held.is_empty() {
        return Ok(0);
    }
    let orders = held.iter().map(|payout| payout.order.clone()).collect();
    // A treasurer who is away covers nothing: the next look asks again.
    let Ok(covered) = desk.tools.treasurer.ask(WouldCover(orders)).await else { return Ok(0) };
    let covered = held.into_iter().zip(covered).filter_map(|(payout, covered)| covered.then_some(payout));
    release(desk, covered.collect(), BY_FUNDS, now_ms).await
}

/// Held payouts, the most urgent and then the oldest first. Where they fill a page, they are read reason by reason, so that
/// what waits for one account's limit can not fill the page of what waits for the house's.
async fn held_for(desk: &Desk, reasons: &[Reason]) -> Result<Vec<Payout>, StoreFault> {
    let (payouts, page) = (desk.tools.ledger.payouts(), desk.tools.settings.release_max);
    let all = payouts.held_for(reasons, None, page).await?;
    if all.len() < page as usize {
        return Ok(all);
    }
    let mut held = Vec::new();
    for reason in reasons {
        held.extend(most_urgent_and_next_in_turn(desk, *reason).await?);
    }
    held.sort_by_key(Urgency::of);
    Ok(held)
}

/// The most urgent at every look, and of those behind them another page at each: a first page that can not move keeps nobody
/// waiting for ever.
async fn most_urgent_and_next_in_turn(desk: &Desk, reason: Reason) -> Result<Vec<Payout>, StoreFault> {
    let (payouts, page) = (desk.tools.ledger.payouts(), desk.tools.settings.release_max);
    let is_full = |found: &[Payout]| found.len() >= page as usize;
    let mut held = payouts.held_for(&[reason], None, page).await?;
    let turn = desk.turns.borrow_mut().remove(&reason);
    let Some(last) = held.last().filter(|_| is_full(&held)).map(Urgency::of) else { return Ok(held) };
    let next = payouts.held_for(&[reason], Some(turn.map_or(last, |turn| turn.max(last))), page).await?;
    if let Some(turn) = next.last().filter(|_| is_full(&next)).map(Urgency::of) {
        desk.turns.borrow_mut().insert(reason, turn);
    }
    held.extend(next);
    Ok(held)
}

async fn release(desk: &Desk, held: Vec<Payout>, by: &str, now_ms: i64) -> Result<u64, StoreFault> {
    let reasons: Vec<_> = held.iter().map(|payout| payout.reason.unwrap_or(Reason::Operator)).collect();
    let batch = held.into_iter().map(|payout| (payout, Command::Release { by: by.to_owned() })).collect();
    let done = carry_out(desk, batch, Gate::RoomUnder(desk.tools.limits), now_ms).await?;
    for (reason, done) in reasons.iter().zip(&done) {
        metrics::counter!(names::HOLDS_RELEASED_TOTAL, "reason" => reason.word()).increment(u64::from(*done));
    }
    let released = count(&done);
    if released > 0 {
        info!(payouts = released, by, "held payouts were released");
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
