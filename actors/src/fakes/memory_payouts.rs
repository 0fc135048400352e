//! Payouts in memory: taking them in, and their steps.

use super::memory_reads as reads;
use super::memory_store::{Cabinet, Kept, MemoryStore};
use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::limits::{LimitBook, LimitRules, Spender};
use crate::domain::money::MicroUsdt;
use crate::domain::payout::{AttemptOutcome, Event, Payout, Reason, Reservation, Settlement, Stage};
use crate::domain::tron::{BlockId, TransferKey};
use crate::ports::birth::{born, kept_out};
use crate::ports::{
    Admitted, Gate, InFlight, LiveTransfer, NewPayout, PayoutFilter, Payouts, StageCount, Step, StepResult,
    StoreFault, Urgency,
};
use async_trait::async_trait;
use std::collections::BTreeMap;

#[async_trait]
impl Payouts for MemoryStore {
    async fn admit(
        &self,
        batch: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
        all_or_none: bool,
    ) -> Result<Vec<Admitted>, StoreFault> {
        self.write(|cabinet| admit(cabinet, batch, rules, now_ms, all_or_none)).await
    }

    async fn commit(&self, steps: &[Step], gate: Gate) -> Result<Vec<StepResult>, StoreFault> {
        self.write(|cabinet| {
            cabinet.limits = cabinet.limit_book()?;
            let results: Vec<StepResult> =
                steps.iter().map(|step| take(cabinet, step.clone(), gate)).collect();
            let changed = results.contains(&StepResult::Taken);
            Ok((results, changed))
        })
        .await
    }

    async fn find(&self, id: PayoutId) -> Result<Option<Payout>, StoreFault> {
        self.read(|cabinet| cabinet.payouts.get(&id).map(|kept| kept.payout.clone())).await
    }

    async fn find_many(&self, ids: &[PayoutId]) -> Result<Vec<Payout>, StoreFault> {
        self.read(|cabinet| reads::of_ids(cabinet, ids.iter().copied())).await
    }

    async fn settlement(&self, id: PayoutId) -> Result<Option<Settlement>, StoreFault> {
        self.read(|cabinet| reads::settlement(cabinet, id)).await?
    }

    async fn find_by_key(
        &self,
        account: &AccountId,
        key: &IdempotencyKey,
    ) -> Result<Option<Payout>, StoreFault> {
        self.read(|cabinet| {
            let id = cabinet.keys.get(&(account.clone(), key.clone()))?;
            cabinet.payouts.get(id).map(|kept| kept.payout.clone())
        })
        .await
    }

    async fn find_by_transfers(&self, keys: &[TransferKey]) -> Result<Vec<Payout>, StoreFault> {
        self.read(|cabinet| reads::of_transfers(cabinet, keys)).await
    }

    async fn list(&self, filter: &PayoutFilter, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        self.read(|cabinet| reads::list(cabinet, filter, limit)).await
    }

    async fn payable(
        &self,
        now_ms: i64,
        limit: u32,
        except: &[PayoutId],
    ) -> Result<Vec<(Payout, [u8; 32])>, StoreFault> {
        self.read(|cabinet| reads::payable(cabinet, now_ms, limit, except)).await
    }

    async fn expired(
        &self,
        until_ms: i64,
        after: Option<(i64, PayoutId)>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault> {
        self.read(|cabinet| reads::expired(cabinet, until_ms, after, limit)).await
    }

    async fn unincluded(
        &self,
        expires_after_ms: i64,
        after: Option<PayoutId>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault> {
        self.read(|cabinet| reads::unincluded(cabinet, expires_after_ms, after, limit)).await
    }

    async fn included_between(&self, first: u64, last: u64, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        self.read(|cabinet| reads::included_between(cabinet, first, last, limit)).await
    }

    async fn seen_blocks(&self, number: u64) -> Result<Vec<BlockId>, StoreFault> {
        self.read(|cabinet| reads::seen_blocks(cabinet, number)).await
    }

    async fn held_for(
        &self,
        reasons: &[Reason],
        after: Option<Urgency>,
        limit: u32,
    ) -> Result<Vec<Payout>, StoreFault> {
        self.read(|cabinet| reads::held_for(cabinet, reasons, after, limit)).await
    }

    async fn overdue(&self, now_ms: i64, limit: u32) -> Result<Vec<Payout>, StoreFault> {
        self.read(|cabinet| reads::overdue(cabinet, now_ms, limit)).await
    }

    async fn waiting_for_room(&self) -> Result<BTreeMap<Spender, MicroUsdt>, StoreFault> {
        self.read(reads::waiting_for_room).await
    }

    async fn in_flight(&self) -> Result<InFlight, StoreFault> {
        self.read(reads::in_flight).await
    }

    async fn limit_book(&self, _now_ms: i64) -> Result<LimitBook, StoreFault> {
        self.read(Cabinet::limit_book).await?
    }

    async fn held_by_reason(&self) -> Result<BTreeMap<Reason, u64>, StoreFault> {
        self.read(reads::held_by_reason).await
    }

    async fn counts(&self) -> Result<BTreeMap<Stage, StageCount>, StoreFault> {
        self.read(reads::counts).await
    }

    async fn in_blocks(
        &self,
        first: u64,
        last: u64,
        after: Option<PayoutId>,
        limit: u32,
    ) -> Result<Vec<Payout>, StoreFault> {
        self.read(|cabinet| reads::in_blocks(cabinet, first, last, after, limit)).await
    }
}

fn admit(
    cabinet: &mut Cabinet,
    batch: Vec<NewPayout>,
    rules: &LimitRules,
    now_ms: i64,
    all_or_none: bool,
) -> Result<(Vec<Admitted>, bool), StoreFault> {
    // Worked out on copies of what it changes, so that a fault halfway leaves nothing behind.
    let at_ms = now_ms.max(cabinet.facts.latest_ms);
    let (mut keys, mut limits) = (BTreeMap::new(), cabinet.limit_book()?);
    let (mut births, mut answers) = (BTreeMap::new(), Vec::with_capacity(batch.len()));
    let mut kept_outs = BTreeMap::new();
    for arriving in batch {
        let new = &arriving.payout;
        let find = |key: &IdempotencyKey| {
            let place = (new.account.clone(), key.clone());
            let id = keys.get(&place).or_else(|| cabinet.keys.get(&place)).copied()?;
            let young = births.get(&id).map(|(payout, _)| payout);
            young.or_else(|| cabinet.payouts.get(&id).map(|kept| &kept.payout))
        };
        if let Some(known) = find(&new.idempotency_key) {
            answers.push(match known.request_digest == new.request_digest {
                true => Admitted::Repeated(known.clone()),
                false => Admitted::KeyReused(known.id),
            });
            continue;
        }
        if let Some(broken) = kept_outs.get(&(new.account.clone(), new.idempotency_key.clone())) {
            answers.push(Admitted::OverLimit(*broken));
            continue;
        }
        let room = limits.reserve(new.spender(), new.order.amount, rules, at_ms);
        if let Some(broken) = kept_out(room, rules.on_excess) {
            kept_outs.insert((new.account.clone(), new.idempotency_key.clone()), broken);
            answers.push(Admitted::OverLimit(broken));
            continue;
        }
        let birth = born(arriving, room, at_ms)?;
        let payout = birth.payout;
        keys.insert((payout.account.clone(), payout.idempotency_key.clone()), payout.id);
        answers.push(Admitted::New(payout.clone()));
        if births.insert(payout.id, (payout.clone(), birth.draft)).is_some()
            || cabinet.payouts.contains_key(&payout.id)
        {
            return Err(StoreFault::Corrupt(format!("payout {}: its id is taken", payout.id)));
        }
    }
    let refused =
        answers.iter().any(|answer| matches!(answer, Admitted::KeyReused(_) | Admitted::OverLimit(_)));
    if all_or_none && refused {
        let not_taken = |answer| match answer {
            Admitted::New(_) => Admitted::NotTaken,
            Admitted::Repeated(payout) if births.contains_key(&payout.id) => Admitted::NotTaken,
            other => other,
        };
        return Ok((answers.into_iter().map(not_taken).collect(), false));
    }
    let changed = !births.is_empty();
    if changed {
        cabinet.pass_to(at_ms);
    }
    cabinet.limits = limits;
    cabinet.keys.extend(keys);
    for answer in &answers {
        let Admitted::New(payout) = answer else { continue };
        let Some((payout, draft)) = births.remove(&payout.id) else { continue };
        let seq = cabinet.record(draft);
        cabinet.payouts.insert(payout.id, Kept { payout, admitted_seq: seq, last_seq: seq });
    }
    Ok((answers, changed))
}

/// Takes one step, or loses it without a trace.
fn take(cabinet: &mut Cabinet, step: Step, gate: Gate) -> StepResult {
    let at_ms = step.after.updated_at_ms.max(cabinet.facts.latest_ms);
    let gains =
        step.before.reservation == Reservation::None && step.after.reservation == Reservation::Reserved;
    let must_not_be_paused = matches!(gate, Gate::NotPaused | Gate::Covered { .. });
    let must_have_lost_nothing = gate == Gate::NothingLost;
    if !stands(cabinet, &step)
        || (must_not_be_paused && cabinet.facts.pause.is_some())
        || (must_have_lost_nothing && cabinet.facts.restore_gate.is_some())
    {
        return StepResult::Lost;
    }
    if let Gate::Covered { committed_max_micro_usdt } = gate {
        let committed = reads::in_flight(cabinet).committed_micro_usdt();
        if committed.saturating_add(step.commits_micro_usdt()) > committed_max_micro_usdt {
            return StepResult::Lost;
        }
    }
    let (spender, amount) = (step.after.spender(), step.after.order.amount);
    match gate {
        Gate::RoomUnder(rules) if gains => {
            if cabinet.limits.reserve(spender, amount, &rules, at_ms).is_err() {
                return StepResult::Lost;
            }
        }
        Gate::Open | Gate::NothingLost | Gate::NotPaused | Gate::Covered { .. } | Gate::RoomUnder(_) => {
            move_money(cabinet, &step)
        }
    }
    cabinet.pass_to(at_ms);
    if let Event::TransferSigned { attempt } | Event::TransferAdopted { attempt } = &step.event {
        cabinet.txids.insert(attempt.txid, step.after.id);
    }
    let seq = cabinet.record(step.draft);
    if let Some(kept) = cabinet.payouts.get_mut(&step.after.id) {
        (kept.payout, kept.last_seq) = (step.after, seq);
    }
    StepResult::Taken
}

/// Whether a step's guard holds: the row is where the step believes it, and a new transfer is the only one alive.
fn stands(cabinet: &Cabinet, step: &Step) -> bool {
    let Some(Kept { payout, .. }) = cabinet.payouts.get(&step.after.id) else { return false };
    let same = payout.version == step.version_before
        && payout.stage == step.before.stage
        && payout.reservation == step.before.reservation;
    let may_be_filed = match &step.event {
        Event::TransferSigned { attempt } | Event::TransferAdopted { attempt } => {
            let dead = |one: &crate::domain::payout::Attempt| one.outcome == AttemptOutcome::Expired;
            !cabinet.txids.contains_key(&attempt.txid) && payout.attempts.iter().all(dead)
        }
        _ => true,
    };
    same && may_be_filed
}

fn move_money(cabinet: &mut Cabinet, step: &Step) {
    let (spender, amount) = (step.after.spender(), step.after.order.amount);
    match (step.before.reservation, step.after.reservation) {
        (Reservation::None, Reservation::Reserved) => cabinet.limits.set_aside(spender, amount),
        (Reservation::Reserved, Reservation::Settled) => {
            cabinet.limits.settle(spender, amount, step.after.updated_at_ms);
        }
        (Reservation::Reserved, Reservation::Released) => cabinet.limits.release(spender, amount),
        _ => {}
    }
}
