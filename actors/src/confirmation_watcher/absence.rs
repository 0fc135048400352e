//! Burying the dead: transfers whose time is over and that stand in no block, by the walk through the solidified blocks of
//! every configured node. What can not be proved is called unknown, and looked for again.

use super::Desk;
use super::alarm::{Alarm, raise};
use super::eyes::{Eye, Eyes};
use crate::domain::absence::{Finding, Walk, WalkBroken, judge_absence};
use crate::domain::identity::PayoutId;
use crate::domain::payout::{BlockRef, Command, Event, Payout, Reason, Stage};
use crate::domain::tron::{RefBlock, TxId};
use crate::ledger::Outcome;
use crate::ports::{Gate, LiveTransfer, View};
use crate::rounds::Found;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Blocks of one call, as java-tron bounds it.
const BLOCKS_A_CALL: u64 = 100;

/// Walks for the transfers that the solidified chain has outlived, and says which are dead.
pub(super) async fn bury(desk: &Rc<Desk>, eyes: &Eyes) -> Result<Found, String> {
    let Some(solid) = desk.last_solid.get() else { return Ok(Found::Nothing) };
    let expired = expired(desk, solid.timestamp_ms).await?;
    let full = expired.len() >= desk.tools.settings.buried_max as usize;
    let result = if expired.is_empty() { Ok(0) } else { bury_these(desk, eyes, expired).await };
    call_unknown(desk).await?;
    Ok(if full && result? > 0 { Found::More } else { Found::Nothing })
}

/// A round's worth of what has expired. What could not be proved a moment ago must not keep the others from being walked for.
async fn expired(desk: &Desk, until_ms: i64) -> Result<Vec<LiveTransfer>, String> {
    let now_ms = desk.tools.clock.now_ms();
    let set_aside: BTreeSet<PayoutId> = {
        let mut set_aside = desk.unproved.borrow_mut();
        set_aside.retain(|_, until_ms| *until_ms > now_ms);
        set_aside.keys().copied().collect()
    };
    let more = u32::try_from(set_aside.len()).unwrap_or(u32::MAX);
    let limit = desk.tools.settings.buried_max.saturating_add(more);
    let mut expired = desk
        .tools
        .ledger
        .payouts()
        .expired(until_ms, None, limit)
        .await
        .map_err(|fault| fault.to_string())?;
    expired.retain(|live| !set_aside.contains(&live.payout_id));
    expired.truncate(desk.tools.settings.buried_max as usize);
    Ok(expired)
}

/// Rounds for which a transfer that could not be proved is left alone.
const UNPROVED_ROUNDS: i64 = 3;

fn set_aside(desk: &Desk, lives: &[LiveTransfer]) {
    let round_ms = i64::try_from(desk.tools.settings.look_every_ms).unwrap_or(i64::MAX);
    let until_ms = desk.tools.clock.now_ms().saturating_add(round_ms.saturating_mul(UNPROVED_ROUNDS));
    desk.unproved.borrow_mut().extend(lives.iter().map(|live| (live.payout_id, until_ms)));
}

/// Answers how many were dealt with.
async fn bury_these(desk: &Rc<Desk>, eyes: &Eyes, expired: Vec<LiveTransfer>) -> Result<usize, String> {
    if eyes.open.len() < desk.tools.nodes.len() {
        return note_unknown(desk, &expired, Reason::ChainSilent).await.map(|()| 0);
    }
    let Some(start) = expired.iter().map(|live| live.ref_block).min_by_key(|block| block.number) else {
        return Ok(0);
    };
    // One walk serves all that refer to blocks not far behind its start.
    let reach = start.number.saturating_add(desk.tools.settings.walk_blocks_max);
    let group: Vec<LiveTransfer> = expired.into_iter().filter(|live| live.ref_block.number < reach).collect();
    match walk_all(desk, eyes, start, &group).await {
        Ok(walks) => judge_all(desk, eyes, &walks, group).await,
        Err(failed) => {
            // Whoever the walk began for waits, so that the next one begins elsewhere.
            let first: Vec<LiveTransfer> =
                group.iter().filter(|live| live.ref_block == start).cloned().collect();
            set_aside(desk, &first);
            note_unknown(desk, &group, failed.reason()).await?;
            match failed {
                WalkFailed::Silent(why) => Err(why),
                WalkFailed::Broken(_) => Ok(0),
            }
        }
    }
}

async fn walk_all(
    desk: &Rc<Desk>,
    eyes: &Eyes,
    start: RefBlock,
    group: &[LiveTransfer],
) -> Result<Vec<Walk>, WalkFailed> {
    let start = anchor(desk, eyes, BlockRef { number: start.number, id: start.id })
        .await
        .map_err(WalkFailed::Silent)?;
    let until_ms = group.iter().map(|live| live.expires_at_ms).max().unwrap_or(0);
    let wanted: BTreeSet<TxId> = group.iter().map(|live| live.txid).collect();
    let mut walks = Vec::with_capacity(eyes.open.len());
    for eye in &eyes.open {
        let name = eye.node.name();
        match walk(eye, Walk::from(start, wanted.iter().copied()), until_ms).await {
            Ok(walk) => walks.push(walk),
            Err(WalkFailed::Silent(why)) => return Err(WalkFailed::Silent(format!("{name}: {why}"))),
            Err(WalkFailed::Broken(broken)) => {
                let facts = json!({ "node": name, "why": broken.to_string() });
                raise(desk, Alarm::DoctoredBlock, &format!("{name} {broken}"), None, facts)
                    .await
                    .map_err(WalkFailed::Silent)?;
                return Err(WalkFailed::Broken(broken));
            }
        }
    }
    Ok(walks)
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
            raise(desk, Alarm::DoctoredBlock, &start.id.to_string(), None, facts).await?;
            Ok(BlockRef { number: start.number, id: *id })
        }
        _ => Ok(start),
    }
}

enum WalkFailed {
    Silent(String),
    Broken(WalkBroken),
}

impl WalkFailed {
    fn reason(&self) -> Reason {
        match self {
            Self::Silent(_) => Reason::ChainSilent,
            Self::Broken(_) => Reason::AbsenceUnproven,
        }
    }
}

/// Walks one node's solidified blocks until one is past a moment, or the solidified chain ends.
async fn walk(eye: &Eye, mut walk: Walk, until_ms: i64) -> Result<Walk, WalkFailed> {
    let last = eye.solid.block.number;
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

/// Answers how many were dealt with.
async fn judge_all(
    desk: &Rc<Desk>,
    eyes: &Eyes,
    walks: &[Walk],
    group: Vec<LiveTransfer>,
) -> Result<usize, String> {
    let ids: Vec<PayoutId> = group.iter().map(|live| live.payout_id).collect();
    let found = desk.tools.ledger.payouts().find_many(&ids).await.map_err(|fault| fault.to_string())?;
    let mut payouts: BTreeMap<PayoutId, Payout> =
        found.into_iter().map(|payout| (payout.id, payout)).collect();
    let (mut batch, mut unproven) = (Vec::new(), Vec::new());
    for live in group {
        let finding = judge_absence(walks, live.txid, live.ref_block, live.expires_at_ms);
        let command = match finding {
            Ok(Finding::Absent(proof)) => match nobody_shows(desk, eyes, &live).await {
                Ok(true) => Command::Expire(proof),
                Ok(false) => {
                    unproven.push(live);
                    continue;
                }
                Err(why) => {
                    tracing::warn!(why, txid = %live.txid, "the walk shows it nowhere, and a node can not be asked for it");
                    unproven.push(live);
                    continue;
                }
            },
            Ok(Finding::Present(block)) => Command::NoteInclusion(block),
            Ok(Finding::TooShort) => continue,
            Err(broken) => {
                let facts = json!({ "why": broken.to_string(), "txid": live.txid });
                raise(desk, Alarm::SourcesDisagree, &broken.to_string(), Some(live.payout_id), facts).await?;
                unproven.push(live);
                continue;
            }
        };
        if let Some(payout) = payouts.remove(&live.payout_id) {
            batch.push((payout, command));
        }
    }
    let mut dealt_with = 0;
    if !batch.is_empty() {
        let now_ms = desk.tools.clock.now_ms();
        let outcomes = desk.tools.ledger.carry_out(batch, Gate::Open, now_ms).await;
        let outcomes = outcomes.map_err(|fault| fault.to_string())?;
        let happened = |wanted: fn(&Event) -> bool| {
            outcomes
                .iter()
                .filter(|outcome| matches!(outcome, Outcome::Done(_, event) if wanted(event)))
                .count()
        };
        dealt_with = happened(|_| true);
        let buried = happened(|event| matches!(event, Event::TransferExpired { .. }));
        desk.view.borrow_mut().buried += buried as u64;
        if buried > 0 {
            desk.tools.worker.nudge();
        }
    }
    set_aside(desk, &unproven);
    note_unknown(desk, &unproven, Reason::AbsenceUnproven).await?;
    Ok(dealt_with)
}

/// Defence in depth: whom the walk shows nowhere is asked for by name as well. Two sources that leave the same transfer out of a
/// list whose root can not be recomputed would bury it; whoever shows its receipt on the solidified chain keeps it alive.
async fn nobody_shows(desk: &Desk, eyes: &Eyes, live: &LiveTransfer) -> Result<bool, String> {
    for eye in &eyes.open {
        let name = eye.node.name();
        let receipt = eye.node.transaction_info(View::Solid, &live.txid).await;
        if let Some(receipt) = receipt.map_err(|fault| format!("{name}: {fault}"))? {
            let facts = json!({ "node": name, "txid": live.txid, "block_number": receipt.block_number,
                "why": "it shows a receipt of a transfer that is in no block of the walk" });
            raise(desk, Alarm::SourcesDisagree, &live.txid.to_string(), Some(live.payout_id), facts).await?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// F-N01: a transfer that is overdue and of which nothing can be proved says so.
pub(super) async fn call_unknown(desk: &Rc<Desk>) -> Result<(), String> {
    let settings = &desk.tools.settings;
    let overdue_ms = desk.tools.clock.now_ms().saturating_sub(settings.unknown_after_ms);
    let (payouts, page_max) = (desk.tools.ledger.payouts(), settings.buried_max);
    let mut after = None;
    loop {
        let page = payouts.expired(overdue_ms, after, page_max).await.map_err(|fault| fault.to_string())?;
        note_unknown(desk, &page, Reason::ChainSilent).await?;
        after = page.last().map(|live| (live.expires_at_ms, live.payout_id));
        if page.len() < page_max as usize {
            return Ok(());
        }
    }
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
