//! Who is read. The first node of the configuration, as long as its chain links to what the store knows and it can be read; else
//! the next one that does better, loudly.
//!
//! Whoever is read settles nothing and buries nothing by himself: both need a second source. To read another node only keeps one
//! that lies, hangs or stands still from stopping the house.

use super::Desk;
use super::alarm::{Alarm, raise};
use super::eyes::{Eye, Eyes};
use crate::domain::payout::BlockRef;
use crate::domain::tron::block::Block;
use crate::metrics_names;
use crate::ports::View;
use serde_json::json;
use std::rc::Rc;
use tracing::error;

/// Until when a node is not read if another can be, unix ms; 0 where it may be.
pub(super) fn aside_until_ms(desk: &Desk, name: &str) -> i64 {
    let now_ms = desk.tools.clock.now_ms();
    desk.put_aside.borrow().get(name).copied().filter(|until_ms| *until_ms > now_ms).unwrap_or(0)
}

/// A round's troubles that are about the node that is read: when they go on for too long, another one is read.
pub(super) async fn judge_round(desk: &Rc<Desk>, eyes: &Eyes, troubles: [Option<&String>; 2]) {
    let about_lead = format!("{}: ", eyes.lead().node.name());
    let Some(why) = troubles.into_iter().flatten().find(|why| why.starts_with(&about_lead)) else {
        desk.lead_fails_since_ms.set(None);
        return;
    };
    let now_ms = desk.tools.clock.now_ms();
    let since_ms = desk.lead_fails_since_ms.get().unwrap_or(now_ms);
    desk.lead_fails_since_ms.set(Some(since_ms));
    if now_ms.saturating_sub(since_ms) >= desk.tools.settings.lead_patience_ms {
        put_aside(desk, eyes, why).await;
    }
}

/// Reads another node from the next round on, if there is one.
pub(super) async fn put_aside(desk: &Rc<Desk>, eyes: &Eyes, why: &str) {
    let node = eyes.lead().node.name();
    let is_better = |eye: &Eye| aside_until_ms(desk, eye.node.name()) == 0;
    let Some(next) = eyes.open.iter().skip(1).find(|eye| is_better(eye)) else { return };
    let until_ms = desk.tools.clock.now_ms().saturating_add(desk.tools.settings.put_aside_ms);
    desk.put_aside.borrow_mut().insert(node.to_owned(), until_ms);
    desk.lead_fails_since_ms.set(None);
    let next = next.node.name();
    error!(node, next, why, "this node is not read for now: another one is");
    metrics::counter!(metrics_names::NODES_PUT_ASIDE_TOTAL, "node" => node.to_owned()).increment(1);
    let facts = json!({ "node": node, "read_now": next, "why": why });
    // It rang; where the store is away there is nobody to read it there, and the other node is read all the same.
    let _ = raise(desk, Alarm::NodePutAside, node, None, facts).await;
}

/// What the nodes say of the block that was read last, when the node that is read does not link to it.
pub(super) enum Weighed {
    /// It was a lie: every node that does not contradict itself shows this one in its place, the node that is read among them.
    /// With the names of those who contradict themselves.
    WasALie(Box<Block>, Vec<String>),
    /// Nobody can tell, or it stands.
    Stands,
}

/// What is solidified is never undone, so of two blocks of one number one is a lie. A node that shows a block and, on top of it,
/// one that stands on another block contradicts itself: its word weighs nothing. Where all the others agree against what was read,
/// reading goes on from what they show; one node that does not answer, and nothing is decided. (Nobody was settled or buried by
/// that block alone: both need a second source.)
pub(super) async fn weigh(desk: &Rc<Desk>, eyes: &Eyes, read: BlockRef) -> Weighed {
    if eyes.open.len() < desk.tools.nodes.len() {
        return Weighed::Stands;
    }
    let (mut shown, mut liars): (Option<Block>, Vec<String>) = (None, Vec::new());
    for (place, eye) in eyes.open.iter().enumerate() {
        let Some((block, next)) = two_blocks(eye, read.number).await else { return Weighed::Stands };
        let follows = next.check_follows(block.number(), block.id, Some(block.timestamp_ms())).is_ok();
        match block.check_id().is_ok() && follows {
            // The node that is read is caught, or what was read is upheld.
            false if place == 0 => return Weighed::Stands,
            true if block.id == read.id => return Weighed::Stands,
            false => liars.push(eye.node.name().to_owned()),
            true if shown.as_ref().is_some_and(|shown| shown.id != block.id) => return Weighed::Stands,
            true => shown = Some(block),
        }
    }
    shown.map_or(Weighed::Stands, |block| Weighed::WasALie(Box::new(block), liars))
}

/// A solidified block and the one on top of it, as one node shows them.
async fn two_blocks(eye: &Eye, number: u64) -> Option<(Block, Block)> {
    let block = eye.node.block(View::Solid, number).await.ok()??;
    let next = eye.node.block(View::Solid, number.saturating_add(1)).await.ok()??;
    Some((block, next))
}
