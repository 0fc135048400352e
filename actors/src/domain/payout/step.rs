//! A payout, and how an event changes it.

use super::event::{Attempt, AttemptOutcome, Event, EventName};
use super::stage::{Reason, Reservation, Stage};
use crate::domain::access::Orderer;
use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::limits::SpenderRef;
use crate::domain::order::Order;
use thiserror::Error;

/// An order on its way to being paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// Its id.
    pub id: PayoutId,
    /// Whose money it spends.
    pub account: AccountId,
    /// Who ordered it; `None` for what was taken in before that was written down.
    pub ordered_by: Option<Orderer>,
    /// Its sender's name for it.
    pub idempotency_key: IdempotencyKey,
    /// sha256 over what the sender asked for: the same key with another digest is refused (F-P01).
    pub request_digest: [u8; 32],
    /// What was asked for.
    pub order: Order,
    /// The keyed digest of the order as it was admitted; compared with the journal's before signing.
    pub order_digest: [u8; 32],
    /// Where it stands.
    pub stage: Stage,
    /// Why it stands there, where a reason is due.
    pub reason: Option<Reason>,
    /// What became of the money set aside for it.
    pub reservation: Reservation,
    /// Its transfers, oldest first. All but the last are proved dead.
    pub attempts: Vec<Attempt>,
    /// Grows by one with each event; every write is guarded by it.
    pub version: u32,
    /// When it was taken in, unix ms.
    pub created_at_ms: i64,
    /// When the last event happened, unix ms.
    pub updated_at_ms: i64,
    /// When it was proved paid, unix ms.
    pub settled_at_ms: Option<i64>,
}

/// How a payout stood: its stage, and what had become of its money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where it stood.
    pub stage: Stage,
    /// What had become of the money set aside for it.
    pub reservation: Reservation,
}

/// An arrow that the life cycle does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a payout that is {} takes no {}", stage.word(), event.word())]
pub struct NoSuchStep {
    /// Where the payout stands.
    pub stage: Stage,
    /// What can not happen to it there.
    pub event: EventName,
}

impl Payout {
    /// How it stands.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        Standing { stage: self.stage, reservation: self.reservation }
    }

    /// Who spends by it, as far as limits ask.
    #[must_use]
    pub fn spender(&self) -> SpenderRef<'_> {
        SpenderRef { account: &self.account, ordered_by: self.ordered_by.as_ref(), route: self.order.route }
    }

    /// The transfer that may still be, or become, part of the chain.
    #[must_use]
    pub fn live_attempt(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.outcome == AttemptOutcome::Pending)
    }

    /// The number that the next transfer would have.
    #[must_use]
    pub fn next_attempt_number(&self) -> u32 {
        self.attempts.last().map_or(1, |attempt| attempt.number.saturating_add(1))
    }
}

/// The stage to which an event leads from a stage, or `None` where the life cycle has no such arrow.
#[must_use]
pub fn arrow(from: Stage, event: EventName, paid: bool) -> Option<Stage> {
    use EventName as E;
    use Stage as S;
    match (event, from) {
        (E::PayoutAdmitted, S::Admitted) => Some(S::Admitted),
        (E::PayoutHeld, S::Admitted | S::Held) => Some(S::Held),
        (E::HoldReleased, S::Held) => Some(S::Admitted),
        (E::PayoutRejected, S::Held) => Some(S::Rejected),
        (E::PayoutCancelled, S::Admitted | S::Held) => Some(S::Cancelled),
        (E::TransferSigned, S::Admitted) => Some(S::Signed),
        (E::TransferAdopted, S::Admitted | S::Held) => Some(S::Broadcast),
        (E::TransferBroadcast, S::Signed) => Some(S::Broadcast),
        (E::TransferIncluded, S::Signed | S::Broadcast | S::Unknown | S::Included) => Some(S::Included),
        (E::InclusionLost, S::Included) => Some(S::Broadcast),
        (E::FateUnknown, S::Signed | S::Broadcast | S::Unknown) => Some(S::Unknown),
        (E::TransferExpired, S::Signed | S::Broadcast | S::Unknown) => Some(S::Admitted),
        (E::PayoutSettled, S::Signed | S::Broadcast | S::Included | S::Unknown) => Some(S::Settled),
        (E::TransferFailed, S::Signed | S::Broadcast | S::Included | S::Unknown) => Some(S::Failed),
        (E::TransferMismatched, S::Signed | S::Broadcast | S::Included | S::Unknown) => Some(S::Mismatched),
        (E::MismatchResolved, S::Mismatched) => Some(if paid { S::Settled } else { S::Failed }),
        _ => None,
    }
}

/// The payout after an event at a moment (unix ms). The first event of a payout (admitted, or held at the door) is
/// applied to itself as it is born.
pub fn apply(mut payout: Payout, event: &Event, at_ms: i64) -> Result<Payout, NoSuchStep> {
    let paid = matches!(event, Event::MismatchResolved { paid: true, .. });
    let refusal = NoSuchStep { stage: payout.stage, event: event.name() };
    payout.stage = arrow(payout.stage, event.name(), paid).ok_or(refusal)?;
    payout.reason = None;
    payout.version = payout.version.saturating_add(1);
    payout.updated_at_ms = payout.updated_at_ms.max(at_ms);
    match event {
        Event::PayoutAdmitted | Event::HoldReleased { .. } => payout.reservation = Reservation::Reserved,
        Event::PayoutHeld { reason } | Event::FateUnknown { reason } => payout.reason = Some(*reason),
        Event::PayoutRejected { reason, .. } | Event::PayoutCancelled { reason } => {
            payout.reason = Some(*reason);
            release(&mut payout);
        }
        Event::TransferSigned { attempt } | Event::TransferAdopted { attempt } => {
            // A payout that was held for want of room and turns out to be paid already has spent money all the same.
            payout.reservation = Reservation::Reserved;
            payout.attempts.push((**attempt).clone());
        }
        Event::TransferBroadcast { .. } => {}
        Event::TransferIncluded { block } => on_live(&mut payout, |attempt| attempt.block = Some(*block)),
        Event::InclusionLost { .. } => on_live(&mut payout, |attempt| attempt.block = None),
        Event::TransferExpired { .. } => on_live(&mut payout, |attempt| {
            attempt.outcome = AttemptOutcome::Expired;
            attempt.block = None;
        }),
        Event::PayoutSettled { proof } => {
            payout.reservation = Reservation::Settled;
            payout.settled_at_ms = Some(payout.updated_at_ms);
            end(&mut payout, AttemptOutcome::Settled, proof.block);
        }
        Event::TransferFailed { reason, block, .. } => {
            payout.reason = Some(*reason);
            release(&mut payout);
            end(&mut payout, AttemptOutcome::Failed, *block);
        }
        Event::TransferMismatched { reason, block, .. } => {
            payout.reason = Some(*reason);
            payout.reservation = Reservation::Settled;
            end(&mut payout, AttemptOutcome::Mismatched, *block);
        }
        Event::MismatchResolved { paid, .. } => {
            payout.reason = Some(Reason::Operator);
            payout.settled_at_ms = paid.then_some(payout.updated_at_ms);
        }
    }
    Ok(payout)
}

fn release(payout: &mut Payout) {
    if payout.reservation == Reservation::Reserved {
        payout.reservation = Reservation::Released;
    }
}

fn end(payout: &mut Payout, outcome: AttemptOutcome, block: super::event::BlockRef) {
    on_live(payout, |attempt| {
        attempt.outcome = outcome;
        attempt.block = Some(block);
    });
}

fn on_live(payout: &mut Payout, change: impl FnOnce(&mut Attempt)) {
    if let Some(attempt) = payout.attempts.last_mut().filter(|a| a.outcome == AttemptOutcome::Pending) {
        change(attempt);
    }
}
