//! Taking over what the mark proves: transfers that an older copy of the store has made come back to their payouts.
//!
//! What is adopted is watched and settled like any other transfer. Whatever is not certain is left for a person, in words.

use super::kin::relate;
use super::{ChainBook, NotCompared, Tools};
use crate::domain::identity::PayoutId;
use crate::domain::payout::{AttemptOutcome, Command, Payout, Stage};
use crate::domain::tron::TxId;
use crate::ledger::{Ledger, Outcome};
use crate::ports::{Gate, StoreFault};
use serde::Serialize;
use std::collections::BTreeSet;

/// Adoptions that are written in one transaction.
const BATCH_MAX: usize = 200;

/// A transfer that a payout has taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adopted {
    /// The payout.
    pub payout_id: PayoutId,
    /// Its transfer.
    pub txid: TxId,
    /// The block that holds it.
    pub block: u64,
    /// Which attempt its mark says that it was.
    pub marked_as: u32,
}

/// A transfer about which a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undecided {
    /// The transfer.
    pub txid: TxId,
    /// The block that holds it.
    pub block: u64,
    /// The payout whose mark it carries, if it carries one.
    pub payout_id: Option<PayoutId>,
    /// Why it was not adopted, and what can be done.
    pub why: String,
}

/// What became of the unknown transfers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Adoption {
    /// Taken over.
    pub adopted: Vec<Adopted>,
    /// Left for a person.
    pub undecided: Vec<Undecided>,
}

/// Notes every unknown transfer of the wallet's, and adopts those whose mark and call prove whose they are.
///
/// # Errors
/// See [`NotCompared`]. What was adopted until then stays so; asking again goes on from there.
pub async fn adopt(tools: Tools<'_>, ledger: &Ledger, book: &ChainBook) -> Result<Adoption, NotCompared> {
    let strangers = book.unknown.iter().filter_map(|unknown| unknown.stranger.clone()).collect();
    tools.strangers.note_strangers(strangers).await?;
    let mut relations = relate(book, tools.payouts, tools.marks, tools.policy).await?;
    let mut adoption = Adoption::default();
    let mut batch = Vec::new();
    let mut spoken_for: BTreeSet<PayoutId> = BTreeSet::new();
    for unknown in &book.unknown {
        let txid = unknown.outgoing.key.txid;
        let relation = relations.remove(&txid);
        let payout_id = relation.as_ref().map(|relation| relation.payout.id);
        let undecided = |why: String| Undecided { txid, block: unknown.block.number, payout_id, why };
        match relation {
            None if unknown.outgoing.moved.is_none() => {}
            None => adoption.undecided.push(undecided(
                "it carries the mark of no payout of this store: who sent it, and for what?".to_owned(),
            )),
            Some(relation) => match (relation.kin, obstacle(&relation.payout)) {
                (Err(why), _) => adoption.undecided.push(undecided(why.to_string())),
                (Ok(_), Some(why)) => adoption.undecided.push(undecided(why)),
                (Ok(_), None) if !spoken_for.insert(relation.payout.id) => {
                    adoption.undecided.push(undecided("its payout has another transfer already".to_owned()));
                }
                (Ok((attempt, marked_as)), None) => {
                    let payout_id = relation.payout.id;
                    let adopted = Adopted { payout_id, txid, block: unknown.block.number, marked_as };
                    batch.push((relation.payout, Command::Adopt(Box::new(attempt)), adopted, unknown.block));
                }
            },
        }
    }
    while !batch.is_empty() {
        let now: Vec<_> = batch.drain(..batch.len().min(BATCH_MAX)).collect();
        write(tools, ledger, now, &mut adoption).await?;
    }
    Ok(adoption)
}

type Ready = (Payout, Command, Adopted, crate::domain::payout::BlockRef);

/// One batch: adopted in one transaction, then noted as included where the chain shows it.
async fn write(
    tools: Tools<'_>,
    ledger: &Ledger,
    batch: Vec<Ready>,
    adoption: &mut Adoption,
) -> Result<(), StoreFault> {
    let (mut commands, mut stories) = (Vec::new(), Vec::new());
    for (payout, command, adopted, block) in batch {
        commands.push((payout, command));
        stories.push((adopted, block));
    }
    let outcomes = ledger.carry_out(commands, Gate::Open, tools.now_ms).await?;
    let mut inclusions = Vec::new();
    for (outcome, (adopted, block)) in outcomes.into_iter().zip(stories) {
        let why = match outcome {
            Outcome::Done(payout, _) => {
                inclusions.push((*payout, Command::NoteInclusion(block)));
                adoption.adopted.push(adopted);
                continue;
            }
            Outcome::Refused(refusal) => refusal.to_string(),
            Outcome::Lost => "somebody else moved its payout meanwhile: ask again".to_owned(),
        };
        let Adopted { payout_id, txid, block, .. } = adopted;
        adoption.undecided.push(Undecided { txid, block, payout_id: Some(payout_id), why });
    }
    if !inclusions.is_empty() {
        ledger.carry_out(inclusions, Gate::Open, tools.now_ms).await?;
    }
    Ok(())
}

/// Why a payout can not take a transfer over now.
fn obstacle(payout: &Payout) -> Option<String> {
    let alive = payout.attempts.iter().find(|attempt| attempt.outcome != AttemptOutcome::Expired);
    let stage = payout.stage.word();
    match (payout.stage, alive) {
        (Stage::Admitted | Stage::Held, None) => None,
        (stage, Some(alive)) if stage.is_in_flight() => Some(format!(
            "transfer {} of its payout is not proved dead yet: let the house run, it adopts this one when that is proved",
            alive.txid
        )),
        (_, Some(alive)) => Some(format!(
            "its payout is {stage} by transfer {}: it was paid twice, or two payouts share a mark",
            alive.txid
        )),
        (_, None) => {
            Some(format!("its payout is {stage}: it was called off here, and paid by a copy of this store"))
        }
    }
}
