//! What the stories share: orders, transfers and proofs that are in order, and the steps that they make.

use super::{Examinee, Trouble};
use crate::domain::access::{Orderer, Role};
use crate::domain::address::Address;
use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::journal::Cause;
use crate::domain::limits::{LimitRules, OnExcess};
use crate::domain::money::MicroUsdt;
use crate::domain::order::{Order, Route};
use crate::domain::payout::{
    AbsenceProof, Attempt, AttemptOutcome, BlockRef, Command, Payout, Reservation, Settlement, Stage, apply,
    decide, journal_draft,
};
use crate::domain::tron::hash::sha256;
use crate::domain::tron::{BlockId, RefBlock, TxId};
use crate::ports::{Admitted, Gate, NewPayout, Step, StepResult};
use std::collections::BTreeMap;

/// When the stories begin: 2025-11-21T08:00:00Z, unix ms.
pub const MORNING_MS: i64 = 1_763_712_000_000;

/// Limits that nobody reaches.
pub const AMPLE: LimitRules = rules(1_000_000_000, 1_000_000_000);

/// Limits in whole USDT, the same for an account as for the house.
#[must_use]
pub const fn rules(hourly: u64, daily: u64) -> LimitRules {
    let (hourly, daily) = (usdt(hourly), usdt(daily));
    LimitRules { hourly, daily, account_hourly: hourly, account_daily: daily, on_excess: OnExcess::Hold }
}

/// Whole USDT.
#[must_use]
pub const fn usdt(whole: u64) -> MicroUsdt {
    MicroUsdt::new(whole * 1_000_000)
}

/// Payouts that are new, as nobody in particular orders them.
pub fn newly(payouts: impl IntoIterator<Item = Payout>) -> Vec<NewPayout> {
    payouts.into_iter().map(NewPayout::from).collect()
}

/// A new payout of 25.5 USDT; `n` makes its id, its key and its recipient.
#[must_use]
pub fn payout(n: u32) -> Payout {
    payout_at(n, MORNING_MS)
}

/// A new payout that comes at a moment.
#[must_use]
pub fn payout_at(n: u32, now_ms: i64) -> Payout {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.to_be_bytes());
    let mut recipient = [0x11; 20];
    recipient[16..].copy_from_slice(&n.to_be_bytes());
    Payout {
        id: PayoutId::new(now_ms, random),
        account: AccountId::house(),
        ordered_by: Some(Orderer { principal: "key:1".to_owned(), role: Role::Service }),
        idempotency_key: IdempotencyKey::restored(format!("key-{n}")),
        request_digest: sha256(&n.to_be_bytes()),
        order: Order {
            recipient: Address::from_evm(recipient),
            amount: MicroUsdt::new(25_500_000),
            route: Route::Transfer,
            reference: Some(format!("inv-{n}")),
            memo: None,
            kyc: None,
            not_before_ms: None,
            not_after_ms: None,
            priority: 0,
            metadata: BTreeMap::new(),
        },
        order_digest: sha256(&[n.to_be_bytes(), [1; 4]].concat()),
        stage: Stage::Admitted,
        reason: None,
        reservation: Reservation::None,
        attempts: Vec::new(),
        version: 0,
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
        settled_at_ms: None,
    }
}

/// A new payout of some whole USDT.
#[must_use]
pub fn payout_of(n: u32, whole_usdt: u64) -> Payout {
    let mut new = payout(n);
    new.order.amount = usdt(whole_usdt);
    new
}

/// The block at a height of the one chain that the stories know.
#[must_use]
pub fn block(number: u64) -> BlockRef {
    BlockRef { number, id: BlockId::of(number, &sha256(&number.to_be_bytes())) }
}

/// The next transfer of a payout, signed at a moment, good for five minutes, leaning on block 1000.
#[must_use]
pub fn transfer(payout: &Payout, signed_at_ms: i64) -> Attempt {
    let number = payout.next_attempt_number();
    let raw_data = [payout.id.bytes().as_slice(), &number.to_be_bytes(), &[0xab; 180]].concat();
    Attempt {
        number,
        txid: TxId::of_raw_data(&raw_data),
        raw_data,
        signature: vec![0xcd; 65],
        owner: Address::from_evm([0x22; 20]),
        token: Address::from_evm([0x33; 20]),
        contract: Address::from_evm([0x33; 20]),
        route: payout.order.route,
        ref_block: RefBlock::new(block(1_000).id),
        expires_at_ms: signed_at_ms + 300_000,
        fee_limit_sun: 30_000_000 + u64::from(number),
        signed_at_ms,
        outcome: AttemptOutcome::Pending,
        block: None,
    }
}

/// The command that files the next transfer of a payout.
#[must_use]
pub fn sign(payout: &Payout, now_ms: i64) -> Command {
    Command::Sign(Box::new(transfer(payout, now_ms)))
}

/// The command that closes a payout as paid in a block.
pub fn settle(payout: &Payout, in_block: u64) -> Result<Command, Trouble> {
    let attempt = payout.live_attempt().ok_or("nothing is alive that could be settled")?;
    Ok(Command::Settle(Box::new(Settlement {
        txid: attempt.txid,
        block: block(in_block),
        block_timestamp_ms: attempt.signed_at_ms + 6_000,
        amount_micro_usdt: payout.order.amount.micro(),
        confirmations: 20,
        fee_sun: 345_000,
        energy: 64_285,
        sources: vec!["node-a".to_owned(), "tronscan".to_owned()],
    })))
}

/// The command that buries the live transfer of a payout.
pub fn bury(payout: &Payout) -> Result<Command, Trouble> {
    let attempt = payout.live_attempt().ok_or("nothing is alive that could be buried")?;
    Ok(Command::Expire(AbsenceProof {
        txid: attempt.txid,
        from: BlockRef { number: attempt.ref_block.number, id: attempt.ref_block.id },
        to: block(attempt.ref_block.number + 120),
        to_timestamp_ms: attempt.expires_at_ms + 3_000,
        sources: 2,
    }))
}

/// The step that a command makes of a payout.
pub fn step(payout: &Payout, command: Command, now_ms: i64) -> Result<Step, Trouble> {
    let event = decide(payout, command, now_ms)?;
    let after = apply(payout.clone(), &event, now_ms)?;
    let draft = journal_draft(Some(payout.standing()), &after, &event, &Cause::nobody())?;
    Ok(Step { version_before: payout.version, before: payout.standing(), after, event, draft })
}

/// Takes one new payout in; it must be new.
pub async fn admit(store: &impl Examinee, new: Payout) -> Result<Payout, Trouble> {
    let now_ms = new.created_at_ms;
    admit_under(store, AMPLE, new, now_ms).await
}

/// Takes one new payout in under some limits; it must be new.
pub async fn admit_under(
    store: &impl Examinee,
    rules: LimitRules,
    new: Payout,
    now_ms: i64,
) -> Result<Payout, Trouble> {
    match store.admit(newly([new]), &rules, now_ms, false).await?.pop() {
        Some(Admitted::New(payout)) => Ok(payout),
        other => Err(format!("a new payout was to be taken in, and the answer is {other:?}").into()),
    }
}

/// Carries one command out, through an open gate; it must be taken.
pub async fn go(
    store: &impl Examinee,
    payout: &Payout,
    command: Command,
    now_ms: i64,
) -> Result<Payout, Trouble> {
    let step = step(payout, command, now_ms)?;
    let after = step.after.clone();
    match store.commit(&[step], Gate::Open).await?.as_slice() {
        [StepResult::Taken] => Ok(after),
        other => Err(format!("a step was to be taken, and the answer is {other:?}").into()),
    }
}

/// A payout that is taken in, signed, sent, seen in a block and settled there.
pub async fn pay(store: &impl Examinee, new: Payout, in_block: u64) -> Result<Payout, Trouble> {
    let now_ms = new.created_at_ms;
    let payout = admit(store, new).await?;
    let payout = go(store, &payout, sign(&payout, now_ms), now_ms).await?;
    let payout = go(store, &payout, Command::NoteBroadcast { nodes: 2 }, now_ms).await?;
    let payout = go(store, &payout, Command::NoteInclusion(block(in_block)), now_ms).await?;
    go(store, &payout, settle(&payout, in_block)?, now_ms).await
}

/// The payout of an id; it must be there.
pub async fn found(store: &impl Examinee, id: PayoutId) -> Result<Payout, Trouble> {
    store.find(id).await?.ok_or_else(|| format!("payout {id} is gone").into())
}

/// Every payout of a store, newest first.
pub async fn all(store: &impl Examinee) -> Result<Vec<Payout>, Trouble> {
    Ok(store.list(&crate::ports::PayoutFilter::default(), 100_000).await?)
}
