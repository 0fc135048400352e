//! The restore gate: before a house that slept, or that stands upon an older copy of its store, signs anything, it reads what
//! left the wallet meanwhile (F-N06).
//!
//! Behind its checkpoint it also waits: a transfer that the lost copy had signed may enter a block until its expiration, so
//! nothing is signed before the *solidified* chain has passed every moment at which such a transfer could expire. Shutting the gate
//! is durable, so that no restart shortens it.

use super::Desk;
use super::eyes::{Eyes, mark_of};
use super::strangers;
use crate::chain_sight::{CLOCK_AND_CHAIN_APART_MAX_MS, ChainSight};
use crate::ports::{HouseChange, HouseFacts};
use std::rc::Rc;
use tracing::{info, warn};

/// A gate that is shut, and of which nobody can say yet when it may open.
const NOT_KNOWN_YET: i64 = i64::MAX;

/// How the gate stands in this round.
pub(super) async fn look(desk: &Rc<Desk>, eyes: &Eyes, facts: &HouseFacts) -> Result<(), String> {
    let Some(gate) = &facts.restore_gate else {
        stand(desk, None);
        return Ok(());
    };
    if let Some(until_ms) = gate.until_ms {
        stand(desk, Some(until_ms));
        return Ok(());
    }
    stand(desk, Some(NOT_KNOWN_YET));
    // The lost copy signed by its chain's head, which was at most so far from its clock. Where clock and chain are further apart
    // now, nothing is signed anyway, and neither tells how late it may have been.
    let head_ms = eyes.open.iter().map(|eye| eye.head.timestamp_ms()).max().unwrap_or(0);
    let wall_ms = desk.tools.wall.now_ms();
    let apart_ms = wall_ms.saturating_sub(head_ms);
    if apart_ms.abs() > CLOCK_AND_CHAIN_APART_MAX_MS {
        return Err(format!("the restore gate is shut, and the clock and the chain are {apart_ms} ms apart"));
    }
    let longest_ms = desk.tools.settings.longest_lifetime_ms.saturating_add(CLOCK_AND_CHAIN_APART_MAX_MS);
    let (now_ms, fresh_ms) = (head_ms.max(wall_ms), head_ms.max(wall_ms).saturating_add(longest_ms));
    // Shut once more before it was passed: the store in which it stands has signed nothing in between, and a restart does not make it
    // longer. (That the store which this is a copy of runs no more is for people to see to: docs/restore.md.)
    // Whether it was passed the chain says, and not what stands in this copy.
    let until_ms = gate.said_ms.filter(|said_ms| *said_ms > now_ms).unwrap_or(fresh_ms);
    warn!(
        why = gate.why,
        until_ms, "the restore gate is shut: nothing is signed before the solidified chain is past it"
    );
    change(desk, HouseChange::GateUntil(until_ms)).await?;
    stand(desk, Some(until_ms));
    Ok(())
}

fn stand(desk: &Desk, until_ms: Option<i64>) {
    desk.gate_until_ms.set(until_ms);
    let known_ms = until_ms.filter(|until_ms| *until_ms != NOT_KNOWN_YET);
    let mut view = desk.view.borrow_mut();
    view.restore_gate_until_ms = known_ms;
    view.restore_gate = until_ms.map(|_| match known_ms {
        None => "shut; until when shows when the clock and the chain agree".to_owned(),
        Some(_) => "shut until the solidified chain is past its end".to_owned(),
    });
}

/// Shows the sight to everybody who signs, once the house has caught up with the chain and the gate is open. Whoever stands by
/// sees the watcher's last word some blocks late (`lag_blocks`).
pub(super) async fn show_sight(desk: &Rc<Desk>, eyes: &Eyes, lag_blocks: u64) -> Result<(), String> {
    let Some(read) = desk.last_solid.get() else { return Ok(()) };
    let target = eyes.lead().solid.block.number.saturating_sub(lag_blocks).max(desk.read_first.get());
    let behind = read.block.number < target;
    let waits = desk.gate_until_ms.get().is_some_and(|until_ms| read.timestamp_ms < until_ms);
    if behind || waits {
        return Ok(());
    }
    if desk.catching_up.get()
        && let Some(number) = strangers::ahead(desk, eyes, read.block.number).await?
    {
        desk.read_first.set(number);
        return Ok(());
    }
    if desk.gate_until_ms.get().is_some() {
        info!("the restore gate is passed");
        change(desk, HouseChange::OpenGate).await?;
        stand(desk, None);
    }
    desk.catching_up.set(false);
    // The reference block must stand on the chain whoever lied in this round: another block was seen to stand on it.
    let solid = desk.linked.get();
    let head = eyes.open.iter().map(|eye| mark_of(&eye.head)).max_by_key(|mark| mark.block.number);
    if let (Some(solid), Some(head)) = (solid, head) {
        let sight = ChainSight { head, solid, seen_at_ms: desk.tools.clock.now_ms() };
        desk.tools.sight.send_replace(Some(sight));
    }
    Ok(())
}

async fn change(desk: &Desk, change: HouseChange) -> Result<(), String> {
    let now_ms = desk.tools.clock.now_ms();
    desk.tools.house.change(vec![change], now_ms).await.map_err(|fault| fault.to_string())
}
