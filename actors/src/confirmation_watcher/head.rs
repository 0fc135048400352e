//! Following the head: who was included, and whose block a fork has dropped. Nothing here is final.

use super::Desk;
use super::eyes::Eyes;
use crate::domain::payout::{BlockRef, Command, Payout, Stage};
use crate::domain::tron::block::Block;
use crate::domain::tron::{BlockId, TransferKey, TxId};
use crate::ledger::Outcome;
use crate::ports::{Gate, StoreFault, View};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The head's last blocks, as they were read.
#[derive(Debug, Default)]
pub(crate) struct RecentChain {
    ids: BTreeMap<u64, BlockId>,
}

impl RecentChain {
    fn forget_before(&mut self, number: u64) {
        self.ids = self.ids.split_off(&number);
    }
}

/// Reads the head's new blocks; where they do not stand on what was read, goes back to where they do.
pub(super) async fn follow(desk: &Rc<Desk>, eyes: &Eyes) -> Result<(), String> {
    let head = &eyes.lead().head;
    // At or below what was judged as solidified, a head view that lags has nothing to say.
    let judged = desk.last_solid.get().map_or(0, |mark| mark.block.number);
    let solid_number = eyes.lead().solid.block.number.max(judged);
    if head.number() <= solid_number {
        return Ok(());
    }
    let floor = solid_number.max(head.number().saturating_sub(desk.tools.settings.head_blocks_max));
    desk.recent.borrow_mut().forget_before(floor);
    if desk.recent.borrow().ids.get(&head.number()) == Some(&head.id) {
        // Nothing new; or a node that lags, and has not seen what another has shown above.
        return Ok(());
    }
    let mut branch = vec![head.clone()];
    loop {
        let Some(lowest) = branch.last() else { return Ok(()) };
        if lowest.number() <= floor.saturating_add(1) || stands_on_what_was_read(desk, lowest) {
            break;
        }
        let wanted = lowest.number() - 1;
        let parent = eyes.lead().node.block(View::Head, wanted).await.map_err(|fault| fault.to_string())?;
        let Some(parent) = parent.filter(|block| block.id == lowest.header.parent_id) else {
            // The branch changed under our hands: the next round sees it whole.
            return Ok(());
        };
        branch.push(parent);
    }
    branch.reverse();
    drop_lost(desk, &branch).await?;
    for block in &branch {
        note_included(desk, block).await?;
        desk.recent.borrow_mut().ids.insert(block.number(), block.id);
    }
    Ok(())
}

fn stands_on_what_was_read(desk: &Desk, block: &Block) -> bool {
    let recent = desk.recent.borrow();
    let known = recent.ids.get(&block.number()) == Some(&block.id);
    known || recent.ids.get(&(block.number() - 1)) == Some(&block.header.parent_id)
}

/// Blocks that were read and are not part of this branch have taken their inclusions with them.
async fn drop_lost(desk: &Rc<Desk>, branch: &[Block]) -> Result<(), String> {
    let Some(first) = branch.first() else { return Ok(()) };
    let lost: Vec<BlockRef> = {
        let recent = desk.recent.borrow();
        let stands = |number: u64, id: &BlockId| {
            branch.iter().any(|block| block.number() == number && block.id == *id)
        };
        recent
            .ids
            .range(first.number()..)
            .filter(|(number, id)| !stands(**number, id))
            .map(|(number, id)| BlockRef { number: *number, id: *id })
            .collect()
    };
    for block in lost {
        desk.recent.borrow_mut().ids.remove(&block.number);
        lose(desk, block).await?;
    }
    Ok(())
}

/// Takes back the inclusions of one block.
pub(super) async fn lose(desk: &Rc<Desk>, lost: BlockRef) -> Result<(), String> {
    lose_all_in(desk, lost.number, |block| block == lost).await
}

/// Takes back the inclusions in those blocks of a number that are not part of the chain. A block may hold more payouts than one
/// look at the store: they are read page by page.
pub(super) async fn lose_all_in(
    desk: &Rc<Desk>,
    number: u64,
    is_lost: impl Fn(BlockRef) -> bool,
) -> Result<(), String> {
    let (ledger, page_max) = (&desk.tools.ledger, desk.tools.settings.judged_max);
    let said = |fault: StoreFault| fault.to_string();
    let mut after = None;
    loop {
        let page = ledger.payouts().in_blocks(number, number, after, page_max).await.map_err(said)?;
        after = page.last().map(|payout| payout.id);
        let full = page.len() >= page_max as usize;
        let included = |payout: &Payout| {
            payout.live_attempt()?.block.filter(|block| block.number == number && is_lost(*block))
        };
        let lost = page.into_iter().filter_map(|payout| included(&payout).map(|block| (payout, block)));
        let batch: Vec<_> = lost.map(|(payout, block)| (payout, Command::NoteInclusionLost(block))).collect();
        if !batch.is_empty() {
            ledger.carry_out(batch, Gate::Open, desk.tools.clock.now_ms()).await.map_err(said)?;
        }
        if !full {
            return Ok(());
        }
    }
}

/// Notes which of ours stand in a block.
async fn note_included(desk: &Rc<Desk>, block: &Block) -> Result<(), String> {
    if desk.recent.borrow().ids.get(&block.number()) == Some(&block.id) {
        return Ok(());
    }
    let keys: Vec<_> = block.transactions.iter().map(|transaction| transaction.key()).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let at = BlockRef { number: block.number(), id: block.id };
    let ours =
        desk.tools.ledger.payouts().find_by_transfers(&keys).await.map_err(|fault| fault.to_string())?;
    let here: BTreeSet<TxId> = keys.into_iter().map(|key| key.txid).collect();
    note(desk, standing_in(ours, &here), at).await.map(|_| ())
}

/// Those whose live transfer is one of a block's.
pub(super) fn standing_in(ours: Vec<Payout>, here: &BTreeSet<TxId>) -> Vec<Payout> {
    let stands = |payout: &Payout| payout.live_attempt().is_some_and(|live| here.contains(&live.txid));
    ours.into_iter().filter(stands).collect()
}

/// How often somebody who was overtaken reads again.
const TRIES_MAX: u32 = 5;

/// Notes that the live transfers of these payouts stand in a block; answers the payouts as they are then. Whom somebody else
/// moved meanwhile (the worker notes its sends at the same time) is read again: a block is not read a second time.
pub(super) async fn note(desk: &Rc<Desk>, live: Vec<Payout>, at: BlockRef) -> Result<Vec<Payout>, String> {
    let ledger = &desk.tools.ledger;
    let said = |fault: crate::ports::StoreFault| fault.to_string();
    let mut noted = Vec::with_capacity(live.len());
    let mut wanted = live;
    for _ in 0..TRIES_MAX {
        let known = |payout: &Payout| payout.live_attempt().and_then(|live| live.block) == Some(at);
        let (known, new): (Vec<Payout>, Vec<Payout>) =
            wanted.into_iter().partition(|payout| payout.stage == Stage::Included && known(payout));
        noted.extend(known);
        if new.is_empty() {
            return Ok(noted);
        }
        let keys: Vec<TransferKey> =
            new.iter().filter_map(|payout| Some(payout.live_attempt()?.key())).collect();
        let batch = new.into_iter().map(|payout| (payout, Command::NoteInclusion(at))).collect();
        let outcomes = ledger.carry_out(batch, Gate::Open, desk.tools.clock.now_ms()).await.map_err(said)?;
        let mut lost: Vec<TransferKey> = Vec::new();
        for (key, outcome) in keys.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Done(payout, _) => noted.push(*payout),
                Outcome::Lost => lost.push(key),
                Outcome::Refused(_) => {}
            }
        }
        if lost.is_empty() {
            return Ok(noted);
        }
        let again = ledger.payouts().find_by_transfers(&lost).await.map_err(said)?;
        wanted = standing_in(again, &lost.into_iter().map(|key| key.txid).collect());
    }
    Err(format!("{} payouts of block {} are being moved by somebody else", wanted.len(), at.number))
}
