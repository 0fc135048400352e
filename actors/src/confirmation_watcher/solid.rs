//! Reading the solidified chain: each block once, in order, hash-linked to the one before.
//!
//! Here it shows whether a transfer stands where it can not be undone, whether one stands there twice, and whether
//! something left the wallet that nobody ordered.

use super::Desk;
use super::alarm::{Alarm, raise, stop_the_house};
use super::eyes::{Eyes, mark_of};
use super::head::{lose_all_in, note, standing_in};
use super::judge::judge_read;
use super::lead::{Weighed, put_aside, weigh};
use super::strangers;
use crate::domain::payout::{Attempt, AttemptOutcome, BlockRef, Command, Payout, Reason, Stage};
use crate::domain::tron::block::{Block, DoctoredBlock, RootCheck};
use crate::domain::tron::{TransferKey, TxId};
use crate::ledger::Outcome;
use crate::outgoing::receipts_of;
use crate::ports::{BlockMark, Gate, HouseChange, View};
use crate::rounds::Found;
use serde_json::json;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Blocks that are fetched at a time: what a node gives in one call.
const BLOCKS_A_CALL: u64 = 50;

/// Reads on from the last block that was judged, at most a round's worth.
pub(super) async fn read(desk: &Rc<Desk>, eyes: &Eyes) -> Result<Found, String> {
    let Some(mut last) = desk.last_solid.get() else { return Ok(Found::Nothing) };
    let target = eyes.lead().solid.block.number;
    let until = target.min(last.block.number.saturating_add(desk.tools.settings.solid_blocks_max));
    while last.block.number < until {
        let upto = until.min(last.block.number.saturating_add(BLOCKS_A_CALL));
        let node = &eyes.lead().node;
        let first = last.block.number + 1;
        let blocks = node
            .blocks(View::Solid, first, upto)
            .await
            .map_err(|fault| format!("{}: {fault}", node.name()))?;
        if blocks.is_empty() {
            return Err(format!(
                "{}: it shows no block {first}, though its solidified head is {target}",
                node.name()
            ));
        }
        let mut read_now = None;
        for block in &blocks {
            check_link(desk, eyes, last, block).await?;
            must_be_whole(desk, eyes, block).await?;
            read_block(desk, eyes, block).await?;
            desk.linked.set(Some(last));
            last = mark_of(block);
            read_now = Some(last);
        }
        if let Some(mark) = read_now {
            note_read(desk, mark).await?;
        }
    }
    Ok(if until < target { Found::More } else { Found::Nothing })
}

/// G5 and G7 of TRON's rules: a solidified chain grows at its end and nowhere else. Where it does not, either what was read was a
/// lie, or this node is not to be read.
async fn check_link(desk: &Rc<Desk>, eyes: &Eyes, last: BlockMark, block: &Block) -> Result<(), String> {
    let Err(doctored) = block.check_follows(last.block.number, last.block.id, Some(last.timestamp_ms)) else {
        return Ok(());
    };
    let node = eyes.lead().node.name();
    let why = format!("{node}: {doctored}");
    let other_parent = matches!(doctored, DoctoredBlock::Parent { .. }) && block.check_id().is_ok();
    if other_parent && let Weighed::WasALie(shown, liars) = weigh(desk, eyes, last.block).await {
        // Where all agree against what was read, nobody stands by it any more: it is told with the name of who is read.
        let told_by = if liars.is_empty() { vec![node.to_owned()] } else { liars };
        for node in told_by {
            tell_of_lie(desk, &node, block, &format!("it showed {} for {}", last.block.id, shown.id)).await?;
        }
        read_block(desk, eyes, &shown).await?;
        note_read(desk, mark_of(&shown)).await?;
        return Err(format!("block {} was not the one that was read: {}", last.block.number, shown.id));
    }
    put_aside(desk, eyes, &why).await;
    tell_of_lie(desk, node, block, &doctored.to_string()).await?;
    Err(why)
}

/// While it is read what the wallet has paid and the store has lost, nobody leaves a transaction out: the list is the one that the
/// block's producer signed, or another node shows the same. (To settle and to bury wants two sources at any time.)
async fn must_be_whole(desk: &Rc<Desk>, eyes: &Eyes, block: &Block) -> Result<(), String> {
    let looks_for_the_lost = desk.catching_up.get() || desk.gate_until_ms.get().is_some();
    if !looks_for_the_lost || block.check_root() == RootCheck::Holds {
        return Ok(());
    }
    let node = eyes.lead().node.name();
    let others = &eyes.open[1..];
    for other in others {
        if let Ok(Some(shown)) = other.node.block(View::Solid, block.number()).await
            && shown.id == block.id
            && list_of(&shown) == list_of(block)
        {
            return Ok(());
        }
    }
    let why = format!("{node}: its list of the transactions of block {} is not proved", block.number());
    if matches!(block.check_root(), RootCheck::Differs { .. }) {
        tell_of_lie(desk, node, block, &why).await?;
        put_aside(desk, eyes, &why).await;
    }
    match desk.tools.nodes.len() {
        // Somebody's transaction may have fields that no node shows in its answers, and the only node that there is can not do better.
        1 => Ok(()),
        _ => Err(why),
    }
}

fn list_of(block: &Block) -> Vec<TxId> {
    block.transactions.iter().map(|transaction| transaction.txid()).collect()
}

async fn tell_of_lie(desk: &Desk, node: &str, block: &Block, why: &str) -> Result<(), String> {
    let facts = json!({ "node": node, "why": why });
    raise(desk, Alarm::DoctoredBlock, &format!("{node} {}", block.id), None, facts).await
}

async fn note_read(desk: &Rc<Desk>, mark: BlockMark) -> Result<(), String> {
    let change = vec![HouseChange::LastSolid(mark)];
    desk.tools.house.change(change, desk.tools.clock.now_ms()).await.map_err(|fault| fault.to_string())?;
    desk.last_solid.set(Some(mark));
    let mut view = desk.view.borrow_mut();
    view.solid_number = mark.block.number;
    view.solid_timestamp_ms = mark.timestamp_ms;
    Ok(())
}

/// Notes what of ours a solidified block holds, and what it does not hold although the head's view said so; looks for what is
/// nobody's; judges at once whatever has its confirmations.
async fn read_block(desk: &Rc<Desk>, eyes: &Eyes, block: &Block) -> Result<(), String> {
    let at = BlockRef { number: block.number(), id: block.id };
    lose_what_is_not_here(desk, at).await?;
    if block.transactions.is_empty() {
        return Ok(());
    }
    let keys: Vec<TransferKey> = block.transactions.iter().map(|transaction| transaction.key()).collect();
    let here: BTreeSet<TxId> = keys.iter().map(|key| key.txid).collect();
    if here.len() < keys.len() {
        stop_for_twins(desk, &keys, at).await?;
    }
    let ours =
        desk.tools.ledger.payouts().find_by_transfers(&keys).await.map_err(|fault| fault.to_string())?;
    let mut known = BTreeSet::new();
    for payout in &ours {
        for attempt in payout.attempts.iter().filter(|attempt| here.contains(&attempt.txid)) {
            inspect_seen(desk, eyes, payout, attempt, at).await?;
            known.insert(attempt.txid);
        }
    }
    let included = note(desk, standing_in(ours, &here), at).await?;
    let node = &eyes.lead().node;
    let infos =
        receipts_of(node.as_ref(), block).await.map_err(|fault| format!("{}: {fault}", node.name()))?;
    strangers::look(desk, eyes, block, &infos, &known).await?;
    judge_read(desk, eyes, at, included, infos).await
}

/// Our own txid twice in one block.
async fn stop_for_twins(desk: &Rc<Desk>, keys: &[TransferKey], at: BlockRef) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let twins: Vec<TransferKey> = keys.iter().copied().filter(|key| !seen.insert(*key)).collect();
    let ours =
        desk.tools.ledger.payouts().find_by_transfers(&twins).await.map_err(|fault| fault.to_string())?;
    for payout in ours {
        let facts = json!({ "block": at, "again_in": at });
        stop_the_house(desk, Alarm::TwiceInChain, &payout.id.to_string(), Some(payout.id), facts).await?;
    }
    Ok(())
}

/// F-N22: what ended in one block must not stand in another, and what was proved dead must not stand anywhere.
async fn inspect_seen(
    desk: &Rc<Desk>,
    eyes: &Eyes,
    payout: &Payout,
    attempt: &Attempt,
    at: BlockRef,
) -> Result<(), String> {
    let about = attempt.txid.to_string();
    match (attempt.outcome, attempt.block) {
        (AttemptOutcome::Expired, _) => {
            let facts = json!({ "txid": attempt.txid, "block": at });
            // It is kept from being paid anew, and from being called off while the house stands still; which stands still in any case.
            let held = hold_as_paid(desk, payout).await;
            stop_the_house(desk, Alarm::BuriedTransferExecuted, &about, Some(payout.id), facts).await?;
            held
        }
        // Two blocks of one number are not both of one chain; and a block that was told once may have been a lie.
        (_, Some(seen))
            if seen.number != at.number && stands(eyes, seen).await? && stands(eyes, at).await? =>
        {
            let facts = json!({ "txid": attempt.txid, "block": seen, "again_in": at });
            stop_the_house(desk, Alarm::TwiceInChain, &about, Some(payout.id), facts).await
        }
        _ => Ok(()),
    }
}

/// Holds for good a payout that waits to be signed and is paid all the same.
async fn hold_as_paid(desk: &Desk, payout: &Payout) -> Result<(), String> {
    let is_held = payout.reason == Some(Reason::PaidAfterAll);
    if !matches!(payout.stage, Stage::Admitted | Stage::Held) || is_held {
        return Ok(());
    }
    let hold = vec![(payout.clone(), Command::Hold(Reason::PaidAfterAll))];
    let held = desk.tools.ledger.carry_out(hold, Gate::Open, desk.tools.clock.now_ms()).await;
    match held.map_err(|fault| fault.to_string())?.pop() {
        Some(Outcome::Lost) => Err(format!("payout {}: it was moved while it was to be held", payout.id)),
        Some(Outcome::Done(..) | Outcome::Refused(_)) | None => Ok(()),
    }
}

/// Whether a block that was noted earlier is part of the solidified chain. One that a fork dropped is not.
async fn stands(eyes: &Eyes, seen: BlockRef) -> Result<bool, String> {
    let node = &eyes.lead().node;
    let block =
        node.block(View::Solid, seen.number).await.map_err(|fault| format!("{}: {fault}", node.name()))?;
    Ok(block.is_some_and(|block| block.id == seen.id))
}

/// The head's view put some into another block of this number than the one that was solidified.
async fn lose_what_is_not_here(desk: &Rc<Desk>, at: BlockRef) -> Result<(), String> {
    let payouts = desk.tools.ledger.payouts();
    let seen = payouts.seen_blocks(at.number).await.map_err(|fault| fault.to_string())?;
    match seen.iter().any(|id| *id != at.id) {
        true => lose_all_in(desk, at.number, |block| block != at).await,
        false => Ok(()),
    }
}
