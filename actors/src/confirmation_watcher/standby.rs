//! Standing by: another process of the fleet holds the watcher's role, and this one only sees.
//!
//! It judges nothing and writes nothing. It shows the sight by which its own house signs, upon the block that the watcher has
//! judged last; and it is ready to go on from there when the role is free.

use super::Desk;
use super::eyes::{Eyes, LAG_BLOCKS_MAX, mark_of};
use super::gate;
use crate::ports::{HouseFacts, ROLE_LEASE_MS, Role, View};
use crate::rounds::Found;
use std::rc::Rc;

/// Takes the role, or keeps it. `false`: another process holds it.
pub(super) async fn take_role(desk: &Desk) -> Result<bool, String> {
    let taken = desk.tools.roles.take_role(Role::ConfirmationWatcher, ROLE_LEASE_MS).await;
    let is_ours = taken.map_err(|fault| fault.to_string())?.is_some();
    desk.holds_role.set(is_ours);
    desk.view.borrow_mut().stands_by = !is_ours;
    Ok(is_ours)
}

/// One round of whoever stands by.
pub(super) async fn look(desk: &Rc<Desk>) -> Result<Found, String> {
    let facts = facts(desk).await?;
    // Where the store was born and how far it is read is the watcher's to say first.
    if facts.last_solid.is_none() {
        return Ok(Found::Nothing);
    }
    let eyes = super::eyes::open(desk, &facts).await?;
    gate::look(desk, &eyes, &facts).await?;
    stand_where_it_is_judged(desk, &eyes).await?;
    gate::show_sight(desk, &eyes, LAG_BLOCKS_MAX).await?;
    Ok(Found::Nothing)
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
