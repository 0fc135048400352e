//! The questions that are asked of payouts in memory. Each looks at every row: simulations have few.

use super::memory_journal::count;
use super::memory_store::{Cabinet, Kept};
use crate::domain::identity::PayoutId;
use crate::domain::limits::Spender;
use crate::domain::money::MicroUsdt;
use crate::domain::payout::{
    Attempt, AttemptOutcome, EventName, Payout, Reason, Reservation, Settlement, Stage,
};
use crate::domain::tron::{BlockId, TransferKey};
use crate::ports::{InFlight, LiveTransfer, PayoutFilter, StageCount, StoreFault, Urgency};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// As much of a record's body as is read back.
#[derive(Deserialize)]
struct Facts {
    order_digest: Option<String>,
    proof: Option<Settlement>,
}

pub(super) fn of_ids(cabinet: &Cabinet, ids: impl Iterator<Item = PayoutId>) -> Vec<Payout> {
    let ids: BTreeSet<PayoutId> = ids.collect();
    ids.iter().filter_map(|id| cabinet.payouts.get(id)).map(|kept| kept.payout.clone()).collect()
}

pub(super) fn of_transfers(cabinet: &Cabinet, keys: &[TransferKey]) -> Vec<Payout> {
    let has = |id: &PayoutId, key: &TransferKey| {
        let attempts = cabinet.payouts.get(id).map(|kept| &kept.payout.attempts);
        attempts.is_some_and(|attempts| attempts.iter().any(|attempt| attempt.key() == *key))
    };
    let found = |key: &TransferKey| cabinet.txids.get(&key.txid).copied().filter(|id| has(id, key));
    of_ids(cabinet, keys.iter().filter_map(found))
}

pub(super) fn settlement(cabinet: &Cabinet, id: PayoutId) -> Result<Option<Settlement>, StoreFault> {
    let Some(kept) = cabinet.payouts.get(&id).filter(|kept| kept.payout.stage == Stage::Settled) else {
        return Ok(None);
    };
    let record = cabinet.journal.get(place(kept.last_seq));
    let Some(record) = record.filter(|record| record.kind == EventName::PayoutSettled.word()) else {
        return Ok(None);
    };
    let facts: Facts =
        record.body.read().map_err(|why| StoreFault::Corrupt(format!("payout {id}: {why}")))?;
    Ok(facts.proof)
}

pub(super) fn list(cabinet: &Cabinet, filter: &PayoutFilter, limit: u32) -> Vec<Payout> {
    let newest_first = cabinet.payouts.values().rev().map(|kept| &kept.payout);
    newest_first.filter(|payout| passes(payout, filter)).take(count(limit)).cloned().collect()
}

fn passes(payout: &Payout, filter: &PayoutFilter) -> bool {
    let least = |at_ms: i64| PayoutId::new(at_ms, [0; 10]);
    filter.whose.has(&payout.account)
        && filter.stage.is_none_or(|stage| payout.stage == stage)
        && filter.recipient.is_none_or(|recipient| payout.order.recipient == recipient)
        && filter.reference.as_ref().is_none_or(|word| payout.order.reference.as_ref() == Some(word))
        && filter.from_ms.is_none_or(|from_ms| payout.id >= least(from_ms))
        && filter.to_ms.is_none_or(|to_ms| payout.id < least(to_ms))
        && filter.before.is_none_or(|before| payout.id < before)
}

pub(super) fn payable(
    cabinet: &Cabinet,
    now_ms: i64,
    limit: u32,
    except: &[PayoutId],
) -> Vec<(Payout, [u8; 32])> {
    let due = |payout: &Payout| {
        payout.order.not_before_ms.is_none_or(|from_ms| from_ms <= now_ms) && !except.contains(&payout.id)
    };
    let mut found: Vec<&Kept> = in_stage(cabinet, Stage::Admitted).filter(|kept| due(&kept.payout)).collect();
    found.sort_by_key(|kept| Urgency::of(&kept.payout));
    let with_digest = |kept: &Kept| (kept.payout.clone(), recorded_digest(cabinet, kept));
    found.into_iter().take(count(limit)).map(with_digest).collect()
}

/// The digest that the admission's record has of an order; zeros where that can not be read.
fn recorded_digest(cabinet: &Cabinet, kept: &Kept) -> [u8; 32] {
    let record = cabinet.journal.get(place(kept.admitted_seq));
    let facts = record.and_then(|record| record.body.read::<Facts>().ok());
    let mut digest = [0; 32];
    match facts.and_then(|facts| facts.order_digest).map(|text| hex::decode_to_slice(text, &mut digest)) {
        Some(Ok(())) => digest,
        Some(Err(_)) | None => [0; 32],
    }
}

pub(super) fn expired(
    cabinet: &Cabinet,
    until_ms: i64,
    after: Option<(i64, PayoutId)>,
    limit: u32,
) -> Vec<LiveTransfer> {
    let place = |one: &LiveTransfer| (one.expires_at_ms, one.payout_id);
    let later = |one: &LiveTransfer| after.is_none_or(|after| place(one) > after);
    let found = unseen(cabinet).filter(|one| one.expires_at_ms <= until_ms && later(one));
    let mut found: Vec<LiveTransfer> = found.collect();
    found.sort_by_key(place);
    found.truncate(count(limit));
    found
}

pub(super) fn unincluded(
    cabinet: &Cabinet,
    expires_after_ms: i64,
    after: Option<PayoutId>,
    limit: u32,
) -> Vec<LiveTransfer> {
    let later = |one: &LiveTransfer| after.is_none_or(|after| one.payout_id > after);
    let found = unseen(cabinet).filter(|one| one.expires_at_ms > expires_after_ms && later(one));
    found.take(count(limit)).collect()
}

pub(super) fn included_between(cabinet: &Cabinet, first: u64, last: u64, limit: u32) -> Vec<Payout> {
    let seen = |(payout, attempt): (&Payout, &Attempt)| {
        let block = attempt.block.filter(|block| (first..=last).contains(&block.number))?;
        Some((block.number, payout.id))
    };
    let mut found: Vec<(u64, PayoutId)> = live(cabinet).filter_map(seen).collect();
    found.sort_unstable();
    let ids = found.into_iter().take(count(limit)).map(|(_, id)| id);
    ids.filter_map(|id| cabinet.payouts.get(&id)).map(|kept| kept.payout.clone()).collect()
}

pub(super) fn seen_blocks(cabinet: &Cabinet, number: u64) -> Vec<BlockId> {
    let seen = live(cabinet).filter_map(|(_, attempt)| attempt.block);
    let ids: BTreeSet<BlockId> = seen.filter(|block| block.number == number).map(|block| block.id).collect();
    ids.into_iter().collect()
}

pub(super) fn held_for(
    cabinet: &Cabinet,
    reasons: &[Reason],
    after: Option<Urgency>,
    limit: u32,
) -> Vec<Payout> {
    let wanted = |payout: &&Payout| payout.reason.is_some_and(|reason| reasons.contains(&reason));
    let behind = |payout: &&Payout| after.is_none_or(|after| Urgency::of(payout) > after);
    let held = in_stage(cabinet, Stage::Held).map(|kept| &kept.payout);
    let mut found: Vec<&Payout> = held.filter(wanted).filter(behind).collect();
    found.sort_by_key(|payout| Urgency::of(payout));
    found.into_iter().take(count(limit)).cloned().collect()
}

pub(super) fn overdue(cabinet: &Cabinet, now_ms: i64, limit: u32) -> Vec<Payout> {
    let resting = in_stage(cabinet, Stage::Held).chain(in_stage(cabinet, Stage::Admitted));
    let ends = |payout: &Payout| payout.order.not_after_ms.filter(|until_ms| *until_ms <= now_ms);
    let mut found: Vec<(i64, &Payout)> =
        resting.filter_map(|kept| Some((ends(&kept.payout)?, &kept.payout))).collect();
    found.sort_by_key(|(until_ms, payout)| (*until_ms, payout.id));
    found.into_iter().take(count(limit)).map(|(_, payout)| payout.clone()).collect()
}

pub(super) fn waiting_for_room(cabinet: &Cabinet) -> BTreeMap<Spender, MicroUsdt> {
    let mut waiting: BTreeMap<Spender, MicroUsdt> = BTreeMap::new();
    for Kept { payout, .. } in in_stage(cabinet, Stage::Held) {
        let waits = payout.reason.is_some_and(|reason| Reason::WANT_OF_ROOM.contains(&reason));
        if waits && payout.reservation == Reservation::Reserved {
            let sum = waiting.entry(payout.spender().kept()).or_default();
            *sum = MicroUsdt::new(sum.micro().saturating_add(payout.order.amount.micro()));
        }
    }
    waiting
}

pub(super) fn in_flight(cabinet: &Cabinet) -> InFlight {
    let spent = cabinet.payouts.values().filter(|kept| kept.payout.stage.is_spent());
    let spent = spent.fold(0_u64, |sum, kept| sum.saturating_add(kept.payout.order.amount.micro()));
    let begin = InFlight { spent_micro_usdt: spent, ..InFlight::default() };
    live(cabinet).fold(begin, |sum, (payout, attempt)| InFlight {
        transfers: sum.transfers + 1,
        amount_micro_usdt: sum.amount_micro_usdt.saturating_add(payout.order.amount.micro()),
        fee_limit_sun: sum.fee_limit_sun.saturating_add(attempt.fee_limit_sun),
        ..sum
    })
}

pub(super) fn held_by_reason(cabinet: &Cabinet) -> BTreeMap<Reason, u64> {
    let mut counts = BTreeMap::new();
    for reason in in_stage(cabinet, Stage::Held).filter_map(|kept| kept.payout.reason) {
        *counts.entry(reason).or_insert(0) += 1;
    }
    counts
}

pub(super) fn counts(cabinet: &Cabinet) -> BTreeMap<Stage, StageCount> {
    let mut counts: BTreeMap<Stage, StageCount> =
        Stage::ALL.into_iter().map(|stage| (stage, StageCount::default())).collect();
    for Kept { payout, .. } in cabinet.payouts.values() {
        let count = counts.entry(payout.stage).or_default();
        count.payouts += 1;
        count.amount_micro_usdt = count.amount_micro_usdt.saturating_add(payout.order.amount.micro());
        if !payout.stage.is_final() {
            let due_ms = payout.order.not_before_ms.filter(|_| payout.stage == Stage::Admitted);
            let since_ms = payout.updated_at_ms.max(due_ms.unwrap_or(i64::MIN));
            count.oldest_updated_at_ms = Some(count.oldest_updated_at_ms.unwrap_or(since_ms).min(since_ms));
        }
    }
    counts
}

pub(super) fn in_blocks(
    cabinet: &Cabinet,
    first: u64,
    last: u64,
    after: Option<PayoutId>,
    limit: u32,
) -> Vec<Payout> {
    let seen = |payout: &&Payout| {
        let mut blocks = payout.attempts.iter().filter_map(|attempt| attempt.block);
        blocks.any(|block| (first..=last).contains(&block.number))
    };
    let payouts = cabinet.payouts.values().map(|kept| &kept.payout);
    let later = payouts.filter(|payout| after.is_none_or(|after| payout.id > after));
    later.filter(seen).take(count(limit)).cloned().collect()
}

fn in_stage(cabinet: &Cabinet, stage: Stage) -> impl Iterator<Item = &Kept> {
    cabinet.payouts.values().filter(move |kept| kept.payout.stage == stage)
}

/// Payouts with a transfer that may still be, or become, part of the chain.
fn live(cabinet: &Cabinet) -> impl Iterator<Item = (&Payout, &Attempt)> {
    cabinet.payouts.values().filter_map(|kept| Some((&kept.payout, kept.payout.live_attempt()?)))
}

/// Live transfers that no block is known to hold, by their payout's id.
fn unseen(cabinet: &Cabinet) -> impl Iterator<Item = LiveTransfer> {
    let unseen = live(cabinet)
        .filter(|(_, attempt)| attempt.outcome == AttemptOutcome::Pending && attempt.block.is_none());
    unseen.map(|(payout, attempt)| LiveTransfer {
        payout_id: payout.id,
        txid: attempt.txid,
        ref_block: attempt.ref_block,
        expires_at_ms: attempt.expires_at_ms,
        signed_at_ms: attempt.signed_at_ms,
        stage: payout.stage,
    })
}

/// The index of a journal's record: records are numbered from 1.
fn place(seq: i64) -> usize {
    usize::try_from(seq.saturating_sub(1)).unwrap_or(usize::MAX)
}
