//! Strangers: what left the wallet and no payout of this store ordered (F-N24).
//!
//! Each is an alarm. While the house catches up with what it missed, it also pauses the house: an older copy of the store would
//! sign the same payouts again. What the wallet signed itself is noted, so that a payout can know its own transfer again.

use super::Desk;
use super::alarm::{Alarm, raise};
use super::eyes::Eyes;
use crate::domain::journal::Cause;
use crate::domain::payout::BlockRef;
use crate::domain::stranger::OwnTransfer;
use crate::domain::tron::block::Block;
use crate::domain::tron::{TransactionInfo, TransferKey, TxId};
use crate::outgoing::{Outgoing, moved_by, outgoing_of, stranger_of};
use crate::payout_worker::PauseHouse;
use crate::ports::{ChainFault, View};
use serde_json::json;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Blocks of one call, as java-tron bounds it.
const BLOCKS_A_CALL: u64 = 100;

/// Looks for strangers in a solidified block, given its receipts and which of its transactions are transfers of the store's
/// payouts.
pub(super) async fn look(
    desk: &Rc<Desk>,
    eyes: &Eyes,
    block: &Block,
    infos: &[TransactionInfo],
    ours: &BTreeSet<TxId>,
) -> Result<(), String> {
    let node = &eyes.lead().node;
    let said = |fault: ChainFault| format!("{}: {fault}", node.name());
    let policy = &desk.tools.policy;
    let outgoing = outgoing_of(block, &moved_by(infos, policy), policy, ours);
    if outgoing.is_empty() {
        return Ok(());
    }
    let at = BlockRef { number: block.number(), id: block.id };
    let mut noted = Vec::new();
    for one in &outgoing {
        noted.extend(stranger_of(node.as_ref(), one, at, desk.tools.clock.now_ms()).await.map_err(said)?);
    }
    desk.tools.strangers.note_strangers(noted).await.map_err(|fault| fault.to_string())?;
    if desk.catching_up.get() {
        pause(desk, outgoing[0].key.txid).await?;
    }
    for one in outgoing {
        tell(desk, &one, at).await?;
    }
    Ok(())
}

/// Which of these transactions are transfers of the store's payouts.
async fn known_among(desk: &Desk, keys: &[TransferKey]) -> Result<BTreeSet<TxId>, String> {
    if keys.is_empty() {
        return Ok(BTreeSet::new());
    }
    let ours =
        desk.tools.ledger.payouts().find_by_transfers(keys).await.map_err(|fault| fault.to_string())?;
    Ok(ours.iter().flat_map(|payout| &payout.attempts).map(|attempt| attempt.txid).collect())
}

async fn tell(desk: &Desk, one: &Outgoing, at: BlockRef) -> Result<(), String> {
    let facts = json!({
        "txid": one.key.txid,
        "block": at,
        "signed_by_wallet": one.own.is_some(),
        "to": one.moved.map(|log| log.to),
        "amount_micro_usdt": one.moved.map(|log| log.amount.to_string()),
    });
    raise(desk, Alarm::StrangerTransfer, &one.key.txid.to_string(), None, facts).await
}

/// Pulls the switch, once: a switch that is pulled already keeps its reason.
async fn pause(desk: &Desk, txid: TxId) -> Result<(), String> {
    let facts = desk.tools.house.facts().await.map_err(|fault| fault.to_string())?;
    if facts.pause.is_some() {
        return Ok(());
    }
    let reason = format!(
        "restore gate: transfer {txid} left the wallet and no payout of this store ordered it; see docs/restore.md"
    );
    let paused = desk.tools.worker.ask(PauseHouse { reason, cause: Cause::nobody() }).await;
    let paused = paused.map_err(|gone| format!("the house can not be paused: {gone}"))?;
    paused.map(|_| ()).map_err(|fault| format!("the house can not be paused: {fault}"))
}

/// Before a house that was away signs anything: is there something of the wallet's in the blocks that are not solidified yet?
/// Answers the number of the last block that holds such a stranger: it is read as solidified first.
pub(super) async fn ahead(desk: &Rc<Desk>, eyes: &Eyes, solid_number: u64) -> Result<Option<u64>, String> {
    let lead = eyes.lead();
    let mut found: Option<(u64, TxId)> = None;
    let mut first = solid_number + 1;
    while first <= lead.head.number() {
        let upto = lead.head.number().min(first + BLOCKS_A_CALL - 1);
        let blocks = lead.node.blocks(View::Head, first, upto).await;
        let blocks = blocks.map_err(|fault| format!("{}: {fault}", lead.node.name()))?;
        let Some(last) = blocks.last().map(Block::number) else {
            return Err(format!("{}: it shows no block {first}", lead.node.name()));
        };
        for block in &blocks {
            let policy = &desk.tools.policy;
            let own = block
                .transactions
                .iter()
                .filter(|one| OwnTransfer::of(one, policy.wallet, policy.token).is_some());
            let keys: Vec<TransferKey> = own.map(|transaction| transaction.key()).collect();
            let known = known_among(desk, &keys).await?;
            if let Some(unknown) = keys.into_iter().find(|key| !known.contains(&key.txid)) {
                found = Some((block.number(), unknown.txid));
            }
        }
        first = last + 1;
    }
    let Some((number, txid)) = found else { return Ok(None) };
    pause(desk, txid).await?;
    Ok(Some(number))
}
