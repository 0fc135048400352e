//! Standing by: another process of the fleet holds the watcher's role, and this one only sees.
//!
//! It judges nothing and writes nothing. It shows the sight by which its own house signs, upon the block that the watcher has
//! judged last; and it is ready to go on from there when the role is free. The role is free also when whoever holds it sees no
//! node, or reads no further: one daemon that is cut from the chain must not stop a fleet that sees it.

use super::Desk;
use super::eyes::{Eyes, LAG_BLOCKS_MAX, mark_of};
use super::gate;
use crate::ports::{HouseFacts, View};
use crate::rounds::Found;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Takes the role, or keeps it. `false`: another process holds it, or is to take it.
pub(super) async fn take_role(desk: &Desk) -> Result<bool, String> {
    let held_before = desk.tenure.holds();
    let taken = desk.tenure.take(desk.tools.roles.as_ref()).await;
    let is_ours = taken.map_err(|fault| fault.to_string())?.is_some();
    if is_ours && !held_before {
        desk.read_on_at.set(Instant::now());
    }
    desk.view.borrow_mut().stands_by = !is_ours;
    Ok(is_ours)
}

/// No node answers: for a moment the role is kept, then it is left to whoever sees more.
pub(super) async fn sees_nothing(desk: &Desk, why: &str) {
    desk.is_blind.set(true);
    let patience = Duration::from_millis(desk.tools.settings.blind_max_ms);
    desk.tenure.fails(desk.tools.roles.as_ref(), patience, why).await;
}

/// A node answers. `true`: before, none did.
pub(super) fn sees(desk: &Desk) -> bool {
    let was_blind = desk.is_blind.replace(false);
    if was_blind {
        desk.tenure.works();
    }
    was_blind
}

/// Nodes answer, and nothing more is read: they stand still, or what they say can not be used. Others may have better ones.
pub(super) async fn leave_where_it_stands_still(desk: &Desk, read_before: u64) {
    if desk.last_solid.get().is_some_and(|mark| mark.block.number > read_before) {
        desk.read_on_at.set(Instant::now());
        desk.tenure.works();
        return;
    }
    let stands_still = desk.read_on_at.get().elapsed();
    if stands_still >= Duration::from_millis(desk.tools.settings.stands_still_max_ms) {
        let why = format!("no block was read for {} s", stands_still.as_secs());
        desk.tenure.fails(desk.tools.roles.as_ref(), Duration::ZERO, &why).await;
    }
}

/// One round of whoever stands by.
pub(super) async fn look(desk: &Rc<Desk>) -> Result<Found, String> {
    let facts = facts(desk).await?;
    // Where the store was born and how far it is read is the watcher's to say first.
    if facts.last_solid.is_none() {
        return Ok(Found::Nothing);
    }
    let eyes = match super::eyes::open(desk, &facts).await {
        Ok(eyes) => eyes,
        Err(why) => {
            sees_nothing(desk, &why).await;
            return Err(why);
        }
    };
    let asks_at_once = sees(desk);
    gate::look(desk, &eyes, &facts).await?;
    stand_where_it_is_judged(desk, &eyes).await?;
    gate::show_sight(desk, &eyes, LAG_BLOCKS_MAX).await?;
    Ok(if asks_at_once { Found::More } else { Found::Nothing })
}

async fn facts(desk: &Desk) -> Result<HouseFacts, String> {
    desk.tools.house.facts().await.map_err(|fault| fault.to_string())
}

/// The block that was judged last, and the one on which it is seen to stand: read by ourselves, believed to nobody.
async fn stand_where_it_is_judged(desk: &Rc<Desk>, eyes: &Eyes) -> Result<(), String> {
    let Some(judged) = facts(desk).await?.last_solid else { return Ok(()) };
    if desk.last_solid.get() == Some(judged) && desk.linked.get().is_some() {
        return Ok(());
    }
    let node = &eyes.lead().node;
    let below = judged.block.number.saturating_sub(1);
    let blocks = node.blocks(View::Solid, below, judged.block.number).await;
    let blocks = blocks.map_err(|fault| format!("{}: {fault}", node.name()))?;
    let [lower, upper] = blocks.as_slice() else {
        // A node that lags has not seen it yet.
        return Ok(());
    };
    let stands = upper.id == judged.block.id
        && lower.check_id().is_ok()
        && upper.check_follows(lower.number(), lower.id, Some(lower.timestamp_ms())).is_ok();
    if !stands {
        return Err(format!("{}: it does not show the block that was judged last", node.name()));
    }
    desk.linked.set(Some(mark_of(lower)));
    desk.last_solid.set(Some(judged));
    let mut view = desk.view.borrow_mut();
    view.solid_number = judged.block.number;
    view.solid_timestamp_ms = judged.timestamp_ms;
    Ok(())
}
