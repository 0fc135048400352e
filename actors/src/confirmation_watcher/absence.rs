//! Burying the dead: transfers whose time is over and that stand in no block, by the walk through the solidified blocks of
//! every configured node. What can not be proved is called unknown, and looked for again.

use super::Desk;
use super::alarm::{Alarm, raise};
use super::eyes::{Eye, Eyes};
use crate::domain::absence::{Finding, Walk, WalkBroken, judge_absence};
use crate::domain::identity::PayoutId;
use crate::domain::payout::{BlockRef, Command, Payout, Reason, Stage};
use crate::ports::{Gate, LiveTransfer, View};
use serde_json::json;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Blocks of one call, as java-tron bounds it.
const BLOCKS_A_CALL: u64 = 100;

/// Walks for the transfers that the solidified chain has outlived, and says which are dead.
pub(super) async fn bury(desk: &Rc<Desk>, eyes: &Eyes) -> Result<(), String> {
    let Some(solid) = desk.last_solid.get() else { return Ok(()) };
    let payouts = desk.tools.ledger.payouts();
    let buried_max = desk.tools.settings.buried_max;
    let expired = payouts.expired(solid.timestamp_ms, buried_max).await.map_err(|fault| fault.to_string())?;
    let result = if expired.is_empty() { Ok(()) } else { bury_these(desk, eyes, expired).await };
    call_unknown(desk).await?;
    result
}

async fn bury_these(desk: &Rc<Desk>, eyes: &Eyes, expired: Vec<LiveTransfer>) -> Result<(), String> {
    if eyes.open.len() < desk.tools.nodes.len() {
        return note_unknown(desk, &expired, Reason::ChainSilent).await;
    }
    let Some(start) = expired.iter().map(|live| live.ref_block).min_by_key(|block| block.number) else {
        return Ok(());
    };
    let start = anchor(desk, eyes, BlockRef { number: start.number, id: start.id }).await?;
    // The most recent expiration among those that one walk can serve.
    let reach = start.number.saturating_add(desk.tools.settings.walk_blocks_max);
    let group: Vec<LiveTransfer> = expired.into_iter().filter(|live| live.ref_block.number < reach).collect();
    let until_ms = group.iter().map(|live| live.expires_at_ms).max().unwrap_or(0);
    let mut walks = Vec::with_capacity(eyes.open.len());
    for eye in &eyes.open {
        match walk(desk, eye, start, until_ms).await {
            Ok(walk) => walks.push(walk),
            Err(WalkFailed::Silent(why)) => {
                tracing::warn!(node = eye.node.name(), why, "the walk met silence");
                return note_unknown(desk, &group, Reason::ChainSilent).await;
            }
            Err(WalkFailed::Broken(broken)) => {
                let facts = json!({ "node": eye.node.name(), "why": broken.to_string() });
                raise(desk, Alarm::DoctoredBlock, &format!("{} {broken}", eye.node.name()), None, facts)
                    .await;
                return note_unknown(desk, &group, Reason::AbsenceUnproven).await;
            }
        }
    }
    judge_all(desk, &walks, group).await
}

/// Where a walk begins: at the reference block, as every node shows it. A node may have lied about that block when the
/// transfer was built; then no chain has it, the transfer can stand nowhere, and the walk begins at the block that every
/// node shows in its place.
async fn anchor(desk: &Rc<Desk>, eyes: &Eyes, start: BlockRef) -> Result<BlockRef, String> {
    let mut shown = std::collections::BTreeSet::new();
    for eye in &eyes.open {
        let block = eye
            .node
            .block(View::Solid, start.number)
            .await
            .map_err(|fault| format!("{}: {fault}", eye.node.name()))?;
        let block = block.filter(|block| block.check_id().is_ok());
        shown.insert(
            block.ok_or_else(|| format!("{}: it shows no block {}", eye.node.name(), start.number))?.id,
        );
    }
    match shown.first() {
        Some(id) if shown.len() == 1 && *id != start.id => {
            let facts = json!({ "block": start, "shown": id });
            raise(desk, Alarm::DoctoredBlock, &start.id.to_string(), None, facts).await;
            Ok(BlockRef { number: start.number, id: *id })
        }
        _ => Ok(start),
    }
}

enum WalkFailed {
    Silent(String),
    Broken(WalkBroken),
}

/// Walks one node's solidified blocks from a start until one is past a moment, or the solidified chain ends.
async fn walk(desk: &Desk, eye: &Eye, start: BlockRef, until_ms: i64) -> Result<Walk, WalkFailed> {
    let mut walk = Walk::from(start);
    let last = eye.solid.block.number.min(start.number.saturating_add(desk.tools.settings.walk_blocks_max));
    while walk.end().number < last && walk.end_timestamp_ms().is_none_or(|reached| reached < until_ms) {
        let first = walk.end().number + 1;
        let upto = last.min(first + BLOCKS_A_CALL - 1);
        let blocks = eye
            .node
            .blocks(View::Solid, first, upto)
            .await
            .map_err(|fault| WalkFailed::Silent(fault.to_string()))?;
        if blocks.is_empty() {
            return Err(WalkFailed::Silent(format!("it shows no block {first}")));
        }
        for block in &blocks {
            walk.step(block).map_err(WalkFailed::Broken)?;
        }
    }
    Ok(walk)
}

async fn judge_all(desk: &Rc<Desk>, walks: &[Walk], group: Vec<LiveTransfer>) -> Result<(), String> {
    let ids: Vec<PayoutId> = group.iter().map(|live| live.payout_id).collect();
    let found = desk.tools.ledger.payouts().find_many(&ids).await.map_err(|fault| fault.to_string())?;
    let mut payouts: BTreeMap<PayoutId, Payout> =
        found.into_iter().map(|payout| (payout.id, payout)).collect();
    let (mut batch, mut unproven) = (Vec::new(), Vec::new());
    for live in group {
        let finding = judge_absence(walks, live.txid, live.ref_block, live.expires_at_ms);
        let command = match finding {
            Ok(Finding::Absent(proof)) => Command::Expire(proof),
            Ok(Finding::Present(block)) => Command::NoteInclusion(block),
            Ok(Finding::TooShort) => continue,
            Err(broken) => {
                let facts = json!({ "why": broken.to_string(), "txid": live.txid });
                raise(desk, Alarm::SourcesDisagree, &broken.to_string(), Some(live.payout_id), facts).await;
                unproven.push(live);
                continue;
            }
        };
        if let Some(payout) = payouts.remove(&live.payout_id) {
            batch.push((payout, command));
        }
    }
    let buried = batch.iter().filter(|(_, command)| matches!(command, Command::Expire(_))).count();
    if !batch.is_empty() {
        desk.tools
            .ledger
            .carry_out(batch, Gate::Open, desk.tools.clock.now_ms())
            .await
            .map_err(|fault| fault.to_string())?;
        desk.view.borrow_mut().buried += buried as u64;
        if buried > 0 {
            desk.tools.worker.nudge();
        }
    }
    note_unknown(desk, &unproven, Reason::AbsenceUnproven).await
}

/// F-N01: a transfer that is overdue and of which nothing can be proved says so.
pub(super) async fn call_unknown(desk: &Rc<Desk>) -> Result<(), String> {
    let settings = &desk.tools.settings;
    let overdue_ms = desk.tools.clock.now_ms().saturating_sub(settings.unknown_after_ms);
    let payouts = desk.tools.ledger.payouts();
    let overdue =
        payouts.expired(overdue_ms, settings.buried_max).await.map_err(|fault| fault.to_string())?;
    let silent: Vec<LiveTransfer> = overdue.into_iter().filter(|live| live.stage != Stage::Unknown).collect();
    note_unknown(desk, &silent, Reason::ChainSilent).await
}

async fn note_unknown(desk: &Rc<Desk>, lives: &[LiveTransfer], reason: Reason) -> Result<(), String> {
    let ids: Vec<PayoutId> =
        lives.iter().filter(|live| live.stage != Stage::Unknown).map(|live| live.payout_id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let ledger = &desk.tools.ledger;
    let found = ledger.payouts().find_many(&ids).await.map_err(|fault| fault.to_string())?;
    let batch = found.into_iter().map(|payout| (payout, Command::NoteUnknown(reason))).collect();
    ledger
        .carry_out(batch, Gate::Open, desk.tools.clock.now_ms())
        .await
        .map_err(|fault| fault.to_string())?;
    Ok(())
}
