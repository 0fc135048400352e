//! The judge: what really happened on the simulated chain, held against what was ordered and what the store says.

use super::Town;
use payoutd_actors::domain::invariants;
use payoutd_actors::domain::journal::{JournalKey, JournalRecord, Verifier, VerifyOptions};
use payoutd_actors::domain::payout::{Payout, Reservation, Stage};
use payoutd_actors::domain::tron::DecodedTransfer;
use payoutd_actors::fakes::look;
use payoutd_actors::fakes::sim_chain::{BookedTransfer, Finality, NodeId, genesis};
use payoutd_actors::ports::{House, Journal, Payouts};
use std::collections::BTreeMap;

/// Everything that must be true of a town in which all payouts have had their time; the first thing that is not, in words.
pub(crate) fn judge(town: &Town) -> Result<(), String> {
    town.store.heal();
    let payouts = town.payouts();
    let wallet = genesis().accounts[0].address;
    let book = look(&town.chain).book();
    let outgoing: Vec<BookedTransfer> =
        book.transfers.into_iter().filter(|row| row.from == wallet && row.amount_micro_usdt > 0).collect();
    let mut by_txid: BTreeMap<String, Vec<&BookedTransfer>> = BTreeMap::new();
    for row in &outgoing {
        by_txid.entry(row.txid.to_string()).or_default().push(row);
    }
    for payout in &payouts {
        judge_payout(payout, &mut by_txid)?;
    }
    if let Some((txid, _)) = by_txid.first_key_value() {
        return Err(format!("transfer {txid} left the wallet and is nobody's"));
    }
    actix::System::new().block_on(judge_store(town, &payouts))
}

fn judge_payout(payout: &Payout, by_txid: &mut BTreeMap<String, Vec<&BookedTransfer>>) -> Result<(), String> {
    if let Some(broken) = invariants::broken_by(payout) {
        return Err(format!("{}: {broken}", payout.id));
    }
    let moved: Vec<&BookedTransfer> = payout
        .attempts
        .iter()
        .filter_map(|attempt| by_txid.remove(&attempt.txid.to_string()))
        .flatten()
        .collect();
    if moved.len() > 1 {
        return Err(format!("{} was paid {} times (it is {})", payout.id, moved.len(), payout.stage.word()));
    }
    let paid = moved.first().is_some_and(|row| {
        row.to == payout.order.recipient && row.amount_micro_usdt == payout.order.amount.micro()
    });
    match payout.stage {
        Stage::Settled if !paid => Err(format!("{} is settled and was not paid", payout.id)),
        Stage::Settled => Ok(()),
        stage if stage.is_final() && !moved.is_empty() => {
            Err(format!("{} is {} and was paid", payout.id, stage.word()))
        }
        stage if stage.is_final() => Ok(()),
        stage => Err(format!(
            "{} is still {} ({:?}); paid on chain: {paid}",
            payout.id,
            stage.word(),
            payout.reason
        )),
    }
}

async fn judge_store(town: &Town, payouts: &[Payout]) -> Result<(), String> {
    let said = |fault: payoutd_actors::ports::StoreFault| fault.to_string();
    let book = town.store.limit_book(i64::MAX / 4).await.map_err(said)?;
    let reserved: u64 = payouts
        .iter()
        .filter(|payout| payout.reservation == Reservation::Reserved)
        .map(|payout| payout.order.amount.micro())
        .sum();
    if book.house.reserved_micro_usdt != reserved {
        return Err(format!(
            "the limits' book has {} reserved, the payouts {reserved}",
            book.house.reserved_micro_usdt
        ));
    }
    judge_journal(town, payouts).await
}

/// Blocks that must stand on a block before it is solidified: 19 of 27 producers, the block's own counted.
const BLOCKS_ON_TOP: u64 = 18;

/// The law itself, read from the journal: every burial names a block of the chain that was solidified when it was written.
/// (The office's clock may be ahead of the town's; then its own time says nothing, and only the block is looked at.)
fn judge_burial(town: &Town, payouts: &[Payout], row: &JournalRecord) -> Result<(), String> {
    let body: serde_json::Value = row.body.read().map_err(|why| why.to_string())?;
    let to = &body["proof"]["to"];
    let (number, id) = (to["number"].as_u64().unwrap_or(0), to["id"].as_str().unwrap_or_default());
    let buried = payouts
        .iter()
        .flat_map(|payout| &payout.attempts)
        .find(|attempt| body["proof"]["txid"] == attempt.txid.to_string());
    // The bytes themselves say until when they could be included.
    let read = buried.and_then(|attempt| DecodedTransfer::read(&attempt.raw_data).ok());
    let expires_at_ms = read.map_or(i64::MAX, |read| read.expires_at_ms);
    if body["proof"]["to_timestamp_ms"].as_i64().unwrap_or(0) < expires_at_ms {
        return Err(format!(
            "row {}: a transfer was buried under block {number}, which is not past its expiration",
            row.seq
        ));
    }
    let chain = look(&town.chain);
    let view = chain.view(NodeId(0), Finality::Head);
    let stands = view.block_by_num(number).is_some_and(|block| block.id.to_string() == id);
    if !stands {
        return Err(format!(
            "row {}: a transfer was buried under block {number}, which the chain has not",
            row.seq
        ));
    }
    let solidified_at_ms =
        view.block_by_num(number + BLOCKS_ON_TOP).map_or(u64::MAX, |block| block.timestamp_ms);
    let clocks_agree = town.clock_was_always_right;
    if clocks_agree && solidified_at_ms > row.at_ms.unsigned_abs() {
        return Err(format!(
            "row {}: a transfer was buried under block {number} before that was solidified",
            row.seq
        ));
    }
    Ok(())
}

async fn judge_journal(town: &Town, payouts: &[Payout]) -> Result<(), String> {
    let said = |fault: payoutd_actors::ports::StoreFault| fault.to_string();
    let store_id = town.store.facts().await.map_err(said)?.store_id;
    let options =
        VerifyOptions::new(&store_id).trusting(JournalKey::from_seed(&[7; 32]).public_key().clone());
    let mut verifier = Verifier::new(options);
    let rows = town.store.records(1, u32::MAX).await.map_err(said)?;
    let seals = town.store.seals(1, u32::MAX).await.map_err(said)?;
    let mut seals = seals.iter().peekable();
    for row in &rows {
        if row.kind == "transfer_expired" {
            judge_burial(town, payouts, row)?;
        }
        while let Some(seal) = seals.next_if(|seal| seal.last_seq < row.seq) {
            verifier.seal(seal);
        }
        verifier.row(row);
    }
    seals.for_each(|seal| verifier.seal(seal));
    let report = verifier.finish();
    if report.sound { Ok(()) } else { Err(format!("the journal does not hold:\n{report}")) }
}
