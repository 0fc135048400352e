//! Judging: solidified transfers with 19 confirmations are held against what was ordered, by two pairs of eyes.
//!
//! Only agreement closes a payout. A second source that knows nothing yet is waited for; one that tells another story is
//! an alarm, and the payout stays where it is.

use super::Desk;
use super::alarm::{Alarm, raise};
use super::eyes::{Eye, Eyes};
use super::head::lose;
use crate::domain::address::Address;
use crate::domain::fate::{reason_of_failure, reason_of_mismatch};
use crate::domain::payout::{Attempt, BlockRef, Command, Payout, Settlement};
use crate::domain::tron::TransactionInfo;
use crate::domain::tron::TxId;
use crate::domain::tron::proof::{Ordered, Verdict, bytes_above_own, judge as judge_info};
use crate::domain::tron::transaction::signed_len;
use crate::metrics_names;
use crate::ports::{Gate, IndexedTransfer, SecondOpinion, View};
use crate::rounds::Found;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A transfer whose fate one node has shown, and where.
struct Shown {
    payout: Payout,
    attempt: Attempt,
    info: TransactionInfo,
    verdict: Verdict,
    block: BlockRef,
}

/// What the second pair of eyes says.
enum Second {
    /// The same.
    Agrees(String),
    /// Nothing yet.
    Silent,
    /// Something else.
    Differs(String),
}

/// Judges a block that was just read as solidified, with the receipts that came with it, if it has its confirmations: the usual
/// way. What can not be closed now is due in later rounds.
pub(super) async fn judge_read(
    desk: &Rc<Desk>,
    eyes: &Eyes,
    block: BlockRef,
    payouts: Vec<Payout>,
    infos: Vec<TransactionInfo>,
) -> Result<(), String> {
    if payouts.is_empty() || block.number > last_confirmed(desk, eyes) {
        return Ok(());
    }
    judge_shown(desk, eyes, block, show(block, payouts, infos)).await.map(|_| ())
}

/// The last block that has its confirmations.
fn last_confirmed(desk: &Desk, eyes: &Eyes) -> u64 {
    (eyes.lead().head.number() + 1).saturating_sub(desk.tools.settings.confirmations_min)
}

/// Judges what is due up to a block, block by block: what could not be judged when its block was read. A block that can not be
/// judged now keeps no other waiting.
pub(super) async fn judge(desk: &Rc<Desk>, eyes: &Eyes, upto: u64) -> Result<Found, String> {
    let due = due(desk, upto.min(last_confirmed(desk, eyes))).await?;
    let full = due.len() >= desk.tools.settings.judged_max as usize;
    let mut by_block: BTreeMap<BlockRef, Vec<Payout>> = BTreeMap::new();
    for payout in due {
        if let Some(block) = payout.live_attempt().and_then(|attempt| attempt.block) {
            by_block.entry(block).or_default().push(payout);
        }
    }
    let (mut judged, mut trouble) = (Judged::default(), None);
    for (block, payouts) in by_block {
        match judge_block(desk, eyes, block, payouts).await {
            Ok(more) => judged.add(more),
            Err(why) => trouble = Some(why),
        }
    }
    desk.view.borrow_mut().waiting_for_second_source = judged.waiting;
    match trouble {
        Some(why) => Err(why),
        None => Ok(if full && judged.closed > 0 { Found::More } else { Found::Nothing }),
    }
}

/// What became of what was due.
#[derive(Debug, Clone, Copy, Default)]
struct Judged {
    closed: u64,
    waiting: u64,
}

impl Judged {
    fn add(&mut self, more: Self) {
        self.closed = self.closed.saturating_add(more.closed);
        self.waiting = self.waiting.saturating_add(more.waiting);
    }
}

/// A round's worth of what is due. Payouts that wait for their second source must not keep others from being judged, so
/// each round begins where the last one ended.
async fn due(desk: &Desk, last: u64) -> Result<Vec<Payout>, String> {
    let payouts = desk.tools.ledger.payouts();
    let (first, judged_max) = (desk.judge_from.get(), desk.tools.settings.judged_max);
    let due = payouts.included_between(first, last, judged_max).await.map_err(|fault| fault.to_string())?;
    let ended = due.last().and_then(|payout| payout.live_attempt()).and_then(|attempt| attempt.block);
    let full = due.len() >= judged_max as usize;
    desk.judge_from.set(match ended {
        Some(block) if full && block.number > first => block.number,
        // One block fills the page: it is not to be the only one that is ever looked at.
        Some(block) if full && block.number < last => block.number + 1,
        _ => 0,
    });
    Ok(due)
}

/// Judges the payouts of one solidified block.
async fn judge_block(
    desk: &Rc<Desk>,
    eyes: &Eyes,
    block: BlockRef,
    payouts: Vec<Payout>,
) -> Result<Judged, String> {
    if !stands(desk, eyes.lead(), block).await? {
        return Ok(Judged::default());
    }
    let lead = &eyes.lead().node;
    let infos = lead.transaction_infos(View::Solid, block.number).await;
    let infos = infos.map_err(|fault| format!("{}: {fault}", lead.name()))?;
    let due = payouts.len();
    let shown = show(block, payouts, infos);
    let missing = due.saturating_sub(shown.len());
    let judged = judge_shown(desk, eyes, block, shown).await?;
    if missing > 0 && judged.closed == 0 {
        let node = lead.name();
        return Err(format!("{node}: it shows no receipt of {missing} transfers in block {}", block.number));
    }
    Ok(judged)
}

/// Closes what a second source says the same of.
async fn judge_shown(
    desk: &Rc<Desk>,
    eyes: &Eyes,
    block: BlockRef,
    shown: Vec<Shown>,
) -> Result<Judged, String> {
    if shown.is_empty() {
        return Ok(Judged::default());
    }
    let second = second_look(desk, eyes, block, &shown).await;
    let (mut batch, mut waiting) = (Vec::new(), 0);
    for (shown, second) in shown.into_iter().zip(second) {
        match second {
            Second::Agrees(by) => {
                check_padding(desk, eyes, &shown).await?;
                let command = close(eyes, &shown, by);
                if matches!(command, Command::Mismatch { .. }) {
                    tell(desk, Alarm::Mismatched, &shown, json!({})).await?;
                }
                batch.push((shown.payout, command));
            }
            Second::Silent => waiting += 1,
            Second::Differs(how) => {
                waiting += 1;
                tell(desk, Alarm::SourcesDisagree, &shown, json!({ "how": how })).await?;
            }
        }
    }
    if batch.is_empty() {
        return Ok(Judged { closed: 0, waiting });
    }
    let outcomes = desk
        .tools
        .ledger
        .carry_out(batch, Gate::Open, desk.tools.clock.now_ms())
        .await
        .map_err(|fault| fault.to_string())?;
    Ok(Judged { closed: note_closed(desk, outcomes), waiting })
}

async fn tell(desk: &Desk, alarm: Alarm, shown: &Shown, mut facts: Value) -> Result<(), String> {
    facts["txid"] = json!(shown.attempt.txid);
    facts["block"] = json!(shown.block);
    raise(desk, alarm, &shown.attempt.txid.to_string(), Some(shown.payout.id), facts).await
}

/// Whether a block is part of the solidified chain, as the node that is read shows it. A payout may have been noted in one that
/// never came to stand (a watcher died between a fork and its note; a node lied). Nobody would ever judge it there, nor bury
/// it: where the chain has another block of that number, it is taken back.
async fn stands(desk: &Rc<Desk>, eye: &Eye, block: BlockRef) -> Result<bool, String> {
    let said = |fault: crate::ports::ChainFault| format!("{}: {fault}", eye.node.name());
    let Some(shown) = eye.node.block(View::Solid, block.number).await.map_err(said)? else {
        return Ok(false);
    };
    if shown.id != block.id && shown.check_id().is_ok() {
        lose(desk, block).await?;
    }
    Ok(shown.id == block.id)
}

/// F-P18: how long the whole way took.
fn observe_end(payout: &Payout) {
    if let Some(settled_at_ms) = payout.settled_at_ms {
        let took_ms = u64::try_from(settled_at_ms.saturating_sub(payout.created_at_ms)).unwrap_or(0);
        let took = std::time::Duration::from_millis(took_ms);
        metrics::histogram!(metrics_names::CREATION_TO_CONFIRMATION_SECONDS).record(took);
    }
}

fn note_closed(desk: &Desk, outcomes: Vec<crate::ledger::Outcome>) -> u64 {
    let mut closed = 0;
    for payout in outcomes.into_iter().filter_map(crate::ledger::Outcome::done) {
        closed += 1;
        if payout.settled_at_ms.is_some() {
            desk.view.borrow_mut().settled += 1;
        }
        observe_end(&payout);
    }
    closed
}

/// What the receipts of the node that is read show of a block's payouts.
fn show(block: BlockRef, payouts: Vec<Payout>, infos: Vec<TransactionInfo>) -> Vec<Shown> {
    let mut infos = by_txid(infos);
    let shown = payouts.into_iter().filter_map(|payout| {
        let attempt = payout.live_attempt()?.clone();
        let info = infos.remove(&attempt.txid).filter(|info| info.block_number == block.number)?;
        let verdict = verdict_on(&attempt, &info)?;
        Some(Shown { payout, attempt, info, verdict, block })
    });
    shown.collect()
}

/// An attempt's own bytes judge it, not today's configuration. `None`: the answer is about something else.
fn verdict_on(attempt: &Attempt, info: &TransactionInfo) -> Option<Verdict> {
    let ordered = Ordered::from_raw_data(&attempt.raw_data, attempt.token).ok()?;
    judge_info(&ordered, info).ok()
}

fn by_txid(infos: Vec<TransactionInfo>) -> BTreeMap<TxId, TransactionInfo> {
    infos.into_iter().map(|info| (info.txid, info)).collect()
}

/// The index where there is one and it can know (it lists payments, not failures), else the second node.
async fn second_look(desk: &Rc<Desk>, eyes: &Eyes, block: BlockRef, shown: &[Shown]) -> Vec<Second> {
    let Some(index) = &desk.tools.second else { return node_look(desk, eyes, block, shown, None).await };
    let listed = index_look(index.as_ref(), shown).await;
    let of_index = shown.iter().map(|shown| match &listed {
        Some(listed) => compare_with_index(index.name(), shown, listed.get(&shown.attempt.txid)),
        None => Second::Silent,
    });
    let mut looks: Vec<Second> = of_index.collect();
    if shown.iter().all(|shown| matches!(shown.verdict, Verdict::Paid(_))) {
        return looks;
    }
    let node_looks = node_look(desk, eyes, block, shown, listed.as_ref()).await;
    for ((look, shown), node_look) in looks.iter_mut().zip(shown).zip(node_looks) {
        if matches!(look, Second::Silent) && !matches!(shown.verdict, Verdict::Paid(_)) {
            *look = node_look;
        }
    }
    looks
}

/// The index is asked by page, for each wallet and token that these attempts were made for: today's configuration may name others.
/// `None`: it did not answer, which says nothing of anything.
async fn index_look(index: &dyn SecondOpinion, shown: &[Shown]) -> Option<BTreeMap<TxId, IndexedTransfer>> {
    let times = || shown.iter().map(|shown| shown.info.block_timestamp_ms);
    let (from_ms, to_ms) = (times().min()?, times().max()?);
    let books: BTreeSet<(Address, Address)> =
        shown.iter().map(|shown| (shown.attempt.owner, shown.attempt.token)).collect();
    let mut listed: BTreeMap<TxId, IndexedTransfer> = BTreeMap::new();
    for (wallet, token) in books {
        let rows = index.outgoing(wallet, token, from_ms, to_ms).await.ok()?;
        listed.extend(rows.into_iter().map(|row| (row.txid, row)));
    }
    Some(listed)
}

fn compare_with_index(name: &str, shown: &Shown, row: Option<&IndexedTransfer>) -> Second {
    let Some(row) = row.filter(|row| row.confirmed) else { return Second::Silent };
    let order = &shown.payout.order;
    let paid = row.succeeded
        && row.token == shown.attempt.token
        && row.from == shown.attempt.owner
        && row.to == order.recipient
        && row.amount == Some(order.amount)
        && row.block_number == shown.block.number;
    let same = match shown.verdict {
        Verdict::Paid(_) => paid,
        Verdict::Failed(_) => !row.succeeded && row.block_number == shown.block.number,
        // What it lists of a mismatch is not all that happened.
        Verdict::Mismatched(_) => return Second::Silent,
    };
    if same { Second::Agrees(name.to_owned()) } else { Second::Differs(format!("{name} lists {row:?}")) }
}

/// Any other node that shows the same block with the same verdict agrees. Where the operator wrote that one source is enough, the
/// node that is read is believed. Where the only other one is an index, which does not list failures, it must at least have
/// answered, had its time to list a payment, and list none.
async fn node_look(
    desk: &Desk,
    eyes: &Eyes,
    block: BlockRef,
    shown: &[Shown],
    listed: Option<&BTreeMap<TxId, IndexedTransfer>>,
) -> Vec<Second> {
    if desk.tools.nodes.len() < 2 {
        let patience_ms = desk.tools.settings.second_source_patience_ms;
        let had_its_time = |shown: &Shown| {
            eyes.lead().solid.timestamp_ms.saturating_sub(shown.info.block_timestamp_ms) >= patience_ms
        };
        let alone = |shown: &Shown| match (&desk.tools.second, listed) {
            (None, _) => desk.tools.single_source,
            (Some(_), None) => false,
            (Some(_), Some(_)) => had_its_time(shown),
        };
        let by_configuration = || Second::Agrees("one node, by configuration".to_owned());
        let looks = shown.iter().map(|shown| if alone(shown) { by_configuration() } else { Second::Silent });
        return looks.collect();
    }
    for eye in eyes.open.iter().skip(1).filter(|eye| eye.solid.block.number >= block.number) {
        let Ok(Some(theirs)) = eye.node.block(View::Solid, block.number).await else { continue };
        if theirs.id != block.id {
            return shown
                .iter()
                .map(|_| Second::Differs(format!("{} has another block {}", eye.node.name(), block.number)))
                .collect();
        }
        let Ok(infos) = eye.node.transaction_infos(View::Solid, block.number).await else { continue };
        let mut infos = by_txid(infos);
        return shown
            .iter()
            .map(|shown| match infos.remove(&shown.attempt.txid) {
                None => Second::Silent,
                Some(info) => {
                    let theirs = verdict_on(&shown.attempt, &info);
                    if theirs.as_ref() == Some(&shown.verdict) {
                        Second::Agrees(eye.node.name().to_owned())
                    } else {
                        Second::Differs(format!("{} says {theirs:?}", eye.node.name()))
                    }
                }
            })
            .collect();
    }
    shown.iter().map(|_| Second::Silent).collect()
}

/// The command that closes a payout on which two sources agree.
fn close(eyes: &Eyes, shown: &Shown, agreed_by: String) -> Command {
    let Shown { attempt, info, verdict, block, .. } = shown;
    match verdict {
        Verdict::Paid(proof) => Command::Settle(Box::new(Settlement {
            txid: attempt.txid,
            block: *block,
            block_timestamp_ms: info.block_timestamp_ms,
            amount_micro_usdt: proof.amount.micro(),
            confirmations: (eyes.lead().head.number() + 1).saturating_sub(block.number),
            fee_sun: info.fee_sun,
            energy: info.receipt.energy_usage_total,
            sources: vec![eyes.lead().node.name().to_owned(), agreed_by],
        })),
        Verdict::Failed(failure) => {
            let reason = reason_of_failure(failure);
            Command::Fail { txid: attempt.txid, reason, block: *block, fee_sun: info.fee_sun }
        }
        Verdict::Mismatched(mismatch) => {
            let (reason, paid) = reason_of_mismatch(mismatch);
            Command::Mismatch { txid: attempt.txid, reason, block: *block, paid }
        }
    }
}

/// F-N21: bandwidth above what our own bytes cost means that somebody padded the transaction on its way.
async fn check_padding(desk: &Rc<Desk>, eyes: &Eyes, shown: &Shown) -> Result<(), String> {
    let Some(price_sun) = byte_price(desk, eyes).await else { return Ok(()) };
    let signed_len = signed_len(shown.attempt.raw_data.len());
    let Some(extra_bytes) = bytes_above_own(&shown.info.receipt, signed_len, price_sun) else {
        return Ok(());
    };
    let nodes: Vec<&str> = desk.tools.nodes.iter().map(|node| node.name()).collect();
    let facts = json!({
        "txid": shown.attempt.txid,
        "extra_bytes": extra_bytes,
        "net_fee_sun": shown.info.receipt.net_fee_sun,
        "sent_to": nodes,
    });
    raise(desk, Alarm::TransferPadded, &shown.attempt.txid.to_string(), Some(shown.payout.id), facts).await
}

async fn byte_price(desk: &Rc<Desk>, eyes: &Eyes) -> Option<u64> {
    let now_ms = desk.tools.clock.now_ms();
    if let Some((price, at)) = desk.byte_price.get()
        && now_ms.saturating_sub(at) < desk.tools.settings.recheck_every_ms
    {
        return Some(price);
    }
    let price = eyes.lead().node.parameters().await.ok()?.bandwidth_price_sun;
    desk.byte_price.set(Some((price, now_ms)));
    Some(price)
}
