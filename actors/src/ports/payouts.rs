//! Where payouts are kept: the table that is the queue.
//!
//! Every write is one transaction that holds the step, its journal record and its effect on the limits, or nothing.
//! A batch loses the row that fails its guard, not its others. Whoever implements this sits the exam beside it.

use crate::domain::access::Reached;
use crate::domain::address::Address;
use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::journal::{Cause, JournalDraft};
use crate::domain::limits::{LimitBook, LimitBroken, LimitRules, Spender};
use crate::domain::money::MicroUsdt;
use crate::domain::payout::{Event, Payout, Reason, Settlement, Stage, Standing};
use crate::domain::tron::{BlockId, RefBlock, TransferKey, TxId};
use async_trait::async_trait;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use thiserror::Error;

/// Why the store did not do it. Nothing was written; only where it was away, a write that was under way may stand all the
/// same: whoever asks again finds out.
#[derive(Debug, Clone, Error)]
pub enum StoreFault {
    /// The disk is full: stop paying, say so, lose nothing.
    #[error("the disk that holds the store is full")]
    Full,
    /// It does not answer, or not in time.
    #[error("the store does not answer: {0}")]
    Away(String),
    /// What it holds can not be right.
    #[error("the store holds something that can not be: {0}")]
    Corrupt(String),
    /// It was asked for something that it must never do: pin a second chain, write where it was opened for reading.
    #[error("the store refuses: {0}")]
    Refused(String),
}

/// A new payout. The store decides with the pure rules, inside its transaction, between admitted and held for want of room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayout {
    /// As it would be admitted: stage [`Stage::Admitted`], reservation none, version 0.
    pub payout: Payout,
    /// The request or the job that ordered it, for the journal.
    pub cause: Cause,
}

impl From<Payout> for NewPayout {
    fn from(payout: Payout) -> Self {
        Self { payout, cause: Cause::nobody() }
    }
}

/// What became of one new payout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// Taken in; its stage says whether it is admitted, or held for a limit.
    New(Payout),
    /// The same key with the same digest was there already: here is what it made then, as it is now.
    Repeated(Payout),
    /// The same key with another digest was there already. (A batch's first item has the batch's own key, so that this also
    /// tells a batch from a single order.)
    KeyReused(PayoutId),
    /// A limit has no room for it, and the house refuses what is in excess: it was not written, and its key is free.
    OverLimit(LimitBroken),
    /// Nothing is wrong with it, and it was not written: it came in an `all_or_none` batch with one that was refused.
    NotTaken,
}

/// One arrow of one payout's life, ready to be written.
#[derive(Debug, Clone)]
pub struct Step {
    /// The version that must still stand; else the step is lost.
    pub version_before: u32,
    /// How the payout stood: with `after.reservation` it says what moves between the books of the limits.
    pub before: Standing,
    /// The payout after the event (its version is `version_before + 1`).
    pub after: Payout,
    /// What happened.
    pub event: Event,
    /// What the journal will say.
    pub draft: JournalDraft,
}

impl Step {
    /// What it commits that was not committed before, micro-USDT.
    #[must_use]
    pub fn commits_micro_usdt(&self) -> u64 {
        let is_committed = |stage: Stage| stage.is_in_flight() || stage.is_spent();
        let commits = !is_committed(self.before.stage) && is_committed(self.after.stage);
        if commits { self.after.order.amount.micro() } else { 0 }
    }
}

/// What must hold in the same transaction besides each row's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Nothing else.
    Open,
    /// The restore gate is open: for steps which say that something was not paid.
    NothingLost,
    /// The house is not paused: for steps after which money may leave.
    NotPaused,
    /// The house is not paused, and the wallet was seen to have what is committed with these: rows beyond it are lost, the first
    /// come first. Committed is whatever is on its way or has left, over all time ([`InFlight::committed_micro_usdt`]); so two
    /// daemons that looked at the same balance do not promise it twice.
    Covered {
        /// The most that may be committed, micro-USDT.
        committed_max_micro_usdt: u64,
    },
    /// There is room under the limits for each row that gains a reservation; rows without room are lost.
    RoomUnder(LimitRules),
}

/// What became of one step of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    /// Written, with its journal record.
    Taken,
    /// Its version had moved on, its txid was taken or its gate was shut: nothing of it was written.
    Lost,
}

/// Which payouts to list, newest first.
#[derive(Debug, Clone)]
pub struct PayoutFilter {
    /// Only theirs, all accounts in one order.
    pub whose: Reached,
    /// Only in this stage.
    pub stage: Option<Stage>,
    /// Only to this recipient.
    pub recipient: Option<Address>,
    /// Only with this reference.
    pub reference: Option<String>,
    /// Taken in at or after, unix ms: by the moment in its id.
    pub from_ms: Option<i64>,
    /// Taken in before, unix ms: by the moment in its id.
    pub to_ms: Option<i64>,
    /// Only ids below this one (the page's cursor).
    pub before: Option<PayoutId>,
}

impl PayoutFilter {
    /// Every payout of these.
    #[must_use]
    pub fn of(whose: Reached) -> Self {
        Self {
            whose,
            stage: None,
            recipient: None,
            reference: None,
            from_ms: None,
            to_ms: None,
            before: None,
        }
    }
}

impl Default for PayoutFilter {
    /// Every payout of everybody.
    fn default() -> Self {
        Self::of(Reached::Everybody)
    }
}

/// One live transfer, as much of it as the watcher needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveTransfer {
    /// Whose transfer it is.
    pub payout_id: PayoutId,
    /// Which.
    pub txid: TxId,
    /// The block that it referred to.
    pub ref_block: RefBlock,
    /// When it expires, unix ms.
    pub expires_at_ms: i64,
    /// When it was signed, unix ms.
    pub signed_at_ms: i64,
    /// Where its payout stands.
    pub stage: Stage,
}

/// A payout's place among those that wait: the most urgent first, then the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Urgency {
    /// Its order's priority.
    pub priority: u8,
    /// Its id, which begins with the moment of its admission.
    pub id: PayoutId,
}

impl Urgency {
    /// The place of a payout.
    #[must_use]
    pub fn of(payout: &Payout) -> Self {
        Self { priority: payout.order.priority, id: payout.id }
    }
}

impl Ord for Urgency {
    fn cmp(&self, other: &Self) -> Ordering {
        other.priority.cmp(&self.priority).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Urgency {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How many payouts stand in a stage, how much they are worth, and how old the oldest is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageCount {
    /// Payouts.
    pub payouts: u64,
    /// Their amounts, micro-USDT.
    pub amount_micro_usdt: u64,
    /// When the one that has stood there longest came, unix ms (final stages: not measured). What is admitted for later stands there
    /// from its `not_before` on: until then this is in the future.
    pub oldest_updated_at_ms: Option<i64>,
}

/// How long payouts that were given to be paid are kept for whom they were given to, ms: several rounds of a worker's.
pub const CLAIM_LEASE_MS: u32 = 15_000;
/// How long what was not paid within its lease is for others only, ms: each of them looks within it.
pub const CLAIM_PASSES_MS: u32 = 2_000;

/// The store of payouts.
#[async_trait]
pub trait Payouts: Send + Sync {
    /// Takes in a batch, each payout by itself: admitted if the limits leave room, else held with the limit's name. The limits are
    /// those of `rules` and, over them, those that stand in the register at that moment ([`SetLimit`]).
    ///
    /// [`SetLimit`]: crate::domain::limits::SetLimit
    ///
    /// `all_or_none` writes nothing unless every one is new or repeated. The answers keep the batch's order.
    async fn admit(
        &self,
        batch: Vec<NewPayout>,
        rules: &LimitRules,
        now_ms: i64,
        all_or_none: bool,
    ) -> Result<Vec<Admitted>, StoreFault>;

    /// Writes a batch of steps in one transaction. The answers keep the batch's order.
    async fn commit(&self, steps: &[Step], gate: Gate) -> Result<Vec<StepResult>, StoreFault>;

    /// One payout, whole.
    async fn find(&self, id: PayoutId) -> Result<Option<Payout>, StoreFault>;

    /// Many payouts, whole, in no order; unknown ids are left out.
    async fn find_many(&self, ids: &[PayoutId]) -> Result<Vec<Payout>, StoreFault>;

    /// The proof of a settled payout, as the journal's record of its settlement has it; `None` for one that is not settled by
    /// proof.
    async fn settlement(&self, id: PayoutId) -> Result<Option<Settlement>, StoreFault>;

    /// The payout of a key.
    async fn find_by_key(
        &self,
        account: &AccountId,
        key: &IdempotencyKey,
    ) -> Result<Option<Payout>, StoreFault>;

    /// The payouts of these transfers (live or ended), whole; keys that are nobody's are left out. At most a block's worth.
    async fn find_by_transfers(&self, keys: &[TransferKey]) -> Result<Vec<Payout>, StoreFault>;

    /// A page, newest first.
    async fn list(&self, filter: &PayoutFilter, limit: u32) -> Result<Vec<Payout>, StoreFault>;

    /// Admitted payouts whose `not_before` has come, but not these, most urgent and then oldest first; each with the digest that the
    /// journal's admission record has of its order. Where that record is gone or unreadable the digest is 32 zero bytes,
    /// which is no order's.
    ///
    /// Where several processes share a store, what one of them is given here is its own for a while ([`CLAIM_LEASE_MS`]): the
    /// others are given what comes after. Whoever could not pay it by then lets it pass: it is given to nobody for longer by being
    /// asked for again, and for [`CLAIM_PASSES_MS`] to others alone. The claim saves them work in vain; that no payout is signed
    /// twice rests on its version alone.
    async fn payable(
        &self,
        now_ms: i64,
        limit: u32,
        except: &[PayoutId],
    ) -> Result<Vec<(Payout, [u8; 32])>, StoreFault>;

    /// Live transfers that are in no block and expire at or before a moment, the earliest first; after that of a moment and an
    /// id, where a page came before.
    async fn expired(
        &self,
        until_ms: i64,
        after: Option<(i64, PayoutId)>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault>;

    /// Live transfers that are in no block and expire after a moment, with their payout's id above `after`, by id.
    async fn unincluded(
        &self,
        expires_after_ms: i64,
        after: Option<PayoutId>,
        limit: u32,
    ) -> Result<Vec<LiveTransfer>, StoreFault>;

    /// Payouts whose live transfer was seen in a block with a number in the range (inclusive), oldest block first.
    async fn included_between(&self, first: u64, last: u64, limit: u32) -> Result<Vec<Payout>, StoreFault>;

    /// The ids of the blocks of one number in which live transfers were seen: more than one after a fork.
    async fn seen_blocks(&self, number: u64) -> Result<Vec<BlockId>, StoreFault>;

    /// Held payouts that time may release, most urgent and oldest first; those behind a place, where a page came before.
    async fn held_for(
        &self,
        reasons: &[Reason],
        after: Option<Urgency>,
        limit: u32,
    ) -> Result<Vec<Payout>, StoreFault>;

    /// Held and admitted payouts whose `not_after` has come, the longest overdue first.
    async fn overdue(&self, now_ms: i64, limit: u32) -> Result<Vec<Payout>, StoreFault>;

    /// What is set aside for payouts that are held for want of room ([`Reason::WANT_OF_ROOM`]), by who spends.
    async fn waiting_for_room(&self) -> Result<BTreeMap<Spender, MicroUsdt>, StoreFault>;

    /// The sum of live transfers' amounts, micro-USDT, and their fee limits, sun.
    async fn in_flight(&self) -> Result<InFlight, StoreFault>;

    /// What the limits have reserved and settled, windows ending now, and which are set: of house and accounts all, of principals,
    /// roles and routes at least those for which somebody has set a limit.
    async fn limit_book(&self, now_ms: i64) -> Result<LimitBook, StoreFault>;

    /// How many payouts are held for each reason; a reason that holds none is left out.
    async fn held_by_reason(&self) -> Result<BTreeMap<Reason, u64>, StoreFault>;

    /// How many payouts stand where.
    async fn counts(&self) -> Result<BTreeMap<Stage, StageCount>, StoreFault>;

    /// All transfers that were seen in, or ended in, a block of the range, for reconciling: with their payouts.
    async fn in_blocks(
        &self,
        first: u64,
        last: u64,
        after: Option<PayoutId>,
        limit: u32,
    ) -> Result<Vec<Payout>, StoreFault>;
}

/// What is on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Live transfers.
    pub transfers: u64,
    /// Their amounts, micro-USDT.
    pub amount_micro_usdt: u64,
    /// Their fee limits, sun.
    pub fee_limit_sun: u64,
    /// What has left, or may have, over all time: the amounts of what is settled or mismatched, micro-USDT.
    pub spent_micro_usdt: u64,
}

impl InFlight {
    /// What is on its way and what has left, over all time, micro-USDT.
    #[must_use]
    pub const fn committed_micro_usdt(&self) -> u64 {
        self.amount_micro_usdt.saturating_add(self.spent_micro_usdt)
    }
}
