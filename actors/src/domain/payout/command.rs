//! What may be asked of a payout, and the rules that say no.

use super::event::{AbsenceProof, Attempt, BlockRef, Event, EventName, Settlement};
use super::stage::{Reason, Reservation, Stage};
use super::step::{NoSuchStep, Payout, arrow};
use crate::domain::money::MicroUsdt;
use crate::domain::tron::TxId;
use std::collections::BTreeSet;
use thiserror::Error;

/// A command to one payout. It may be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Put it aside.
    Hold(Reason),
    /// Let it go on.
    Release {
        /// Who or what says so.
        by: String,
    },
    /// Refuse it for good.
    Reject {
        /// The person's words.
        note: String,
    },
    /// Call it off.
    Cancel(Reason),
    /// Put a signed transfer on file.
    Sign(Box<Attempt>),
    /// Take over a transfer that an older copy of the store made.
    Adopt(Box<Attempt>),
    /// Note that nodes may have taken the bytes.
    NoteBroadcast {
        /// How many nodes.
        nodes: u32,
    },
    /// Note that a block holds it.
    NoteInclusion(BlockRef),
    /// Note that the block that held it is gone.
    NoteInclusionLost(BlockRef),
    /// Note that its fate can not be proved yet.
    NoteUnknown(Reason),
    /// Bury its live transfer, by proof.
    Expire(AbsenceProof),
    /// Close it as paid, by proof.
    Settle(Box<Settlement>),
    /// Close it as executed and reverted on the solidified chain.
    Fail {
        /// The transfer.
        txid: TxId,
        /// Why.
        reason: Reason,
        /// Where.
        block: BlockRef,
        /// TRX burned, in sun.
        fee_sun: u64,
    },
    /// Put it before a person: it executed, but not as ordered.
    Mismatch {
        /// The transfer.
        txid: TxId,
        /// How it differs.
        reason: Reason,
        /// Where.
        block: BlockRef,
        /// What the recipient got, where that is known.
        paid: Option<MicroUsdt>,
    },
    /// A person's word on a mismatch.
    Resolve {
        /// Whether it counts as paid.
        paid: bool,
        /// Their words.
        note: String,
    },
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The life cycle has no such arrow.
    #[error(transparent)]
    NoSuchStep(#[from] NoSuchStep),
    /// It has happened already; nothing is to be done.
    #[error("that has already happened")]
    AlreadyDone,
    /// A transfer of this payout may still enter a block (one payment: G3 of TRON's rules).
    #[error("transfer {0} may still enter a block")]
    TransferStillAlive(TxId),
    /// The attempt's number does not follow the last one.
    #[error("attempt {given} does not follow: {expected} is next")]
    WrongAttempt {
        /// Its number.
        given: u32,
        /// The number that is next.
        expected: u32,
    },
    /// Nothing is set aside for it.
    #[error("no money is set aside for it")]
    NotReserved,
    /// It is too early or too late to sign it.
    #[error("the moment is outside of its window (not_before to not_after)")]
    OutsideItsWindow,
    /// It is paid by a transfer that was taken for dead: whatever ended it, or sent it on, would have it paid again.
    #[error(
        "a transfer of its own that was proved dead was executed after all: it is paid, and stays as it is"
    )]
    PaidAfterAll,
    /// What is said is about another transfer.
    #[error("transfer {given} is not the live one")]
    OtherTransfer {
        /// The transfer that was named.
        given: TxId,
    },
    /// The proof does not prove it.
    #[error("the proof does not hold: {0}")]
    ProofDoesNotHold(&'static str),
}

/// Whether a command may be carried out now (unix ms), and the event that records it.
pub fn decide(payout: &Payout, command: Command, now_ms: i64) -> Result<Event, Refusal> {
    if payout.reason == Some(Reason::PaidAfterAll) {
        return Err(Refusal::PaidAfterAll);
    }
    let event = match command {
        Command::Hold(reason) => hold(payout, reason)?,
        Command::Release { by } => Event::HoldReleased { by },
        Command::Reject { note } => Event::PayoutRejected { reason: Reason::Operator, note },
        Command::Cancel(reason) => Event::PayoutCancelled { reason },
        Command::Sign(attempt) => {
            may_sign(payout, &attempt, now_ms)?;
            Event::TransferSigned { attempt }
        }
        Command::Adopt(attempt) => {
            follows(payout, &attempt)?;
            Event::TransferAdopted { attempt }
        }
        Command::NoteBroadcast { nodes } => note_broadcast(payout, nodes)?,
        Command::NoteInclusion(block) => note_inclusion(payout, block)?,
        Command::NoteInclusionLost(block) => note_lost(payout, block)?,
        Command::NoteUnknown(reason) => note_unknown(payout, reason)?,
        Command::Expire(proof) => {
            must_prove_absence(payout, &proof)?;
            Event::TransferExpired { proof }
        }
        Command::Settle(proof) => {
            must_prove_payment(payout, &proof)?;
            Event::PayoutSettled { proof }
        }
        Command::Fail { txid, reason, block, fee_sun } => {
            must_be_live(payout, txid, EventName::TransferFailed)?;
            Event::TransferFailed { reason, block, fee_sun }
        }
        Command::Mismatch { txid, reason, block, paid } => {
            must_be_live(payout, txid, EventName::TransferMismatched)?;
            Event::TransferMismatched { reason, block, paid }
        }
        Command::Resolve { paid, note } => Event::MismatchResolved { paid, note },
    };
    let paid = matches!(event, Event::MismatchResolved { paid: true, .. });
    match arrow(payout.stage, event.name(), paid) {
        Some(_) => Ok(event),
        None => Err(no_such(payout, event.name()).into()),
    }
}

fn no_such(payout: &Payout, event: EventName) -> NoSuchStep {
    NoSuchStep { stage: payout.stage, event }
}

fn hold(payout: &Payout, reason: Reason) -> Result<Event, Refusal> {
    if payout.stage == Stage::Held && payout.reason == Some(reason) {
        return Err(Refusal::AlreadyDone);
    }
    Ok(Event::PayoutHeld { reason })
}

/// F-P03: a transfer is signed only when every earlier one is proved dead.
fn may_sign(payout: &Payout, attempt: &Attempt, now_ms: i64) -> Result<(), Refusal> {
    follows(payout, attempt)?;
    if payout.stage != Stage::Admitted {
        return Err(no_such(payout, EventName::TransferSigned).into());
    }
    if payout.reservation != Reservation::Reserved {
        return Err(Refusal::NotReserved);
    }
    let early = payout.order.not_before_ms.is_some_and(|from| now_ms < from);
    let late = payout.order.not_after_ms.is_some_and(|until| now_ms >= until);
    if early || late { Err(Refusal::OutsideItsWindow) } else { Ok(()) }
}

fn follows(payout: &Payout, attempt: &Attempt) -> Result<(), Refusal> {
    let alive = payout.attempts.iter().find(|a| a.outcome != super::event::AttemptOutcome::Expired);
    if let Some(alive) = alive {
        return Err(Refusal::TransferStillAlive(alive.txid));
    }
    let expected = payout.next_attempt_number();
    if attempt.number == expected {
        Ok(())
    } else {
        Err(Refusal::WrongAttempt { given: attempt.number, expected })
    }
}

fn note_broadcast(payout: &Payout, nodes: u32) -> Result<Event, Refusal> {
    match payout.stage {
        Stage::Broadcast | Stage::Included | Stage::Unknown => Err(Refusal::AlreadyDone),
        _ => Ok(Event::TransferBroadcast { nodes }),
    }
}

fn note_inclusion(payout: &Payout, block: BlockRef) -> Result<Event, Refusal> {
    let known = payout.live_attempt().and_then(|attempt| attempt.block);
    if payout.stage == Stage::Included && known == Some(block) {
        return Err(Refusal::AlreadyDone);
    }
    Ok(Event::TransferIncluded { block })
}

fn note_lost(payout: &Payout, block: BlockRef) -> Result<Event, Refusal> {
    let known = payout.live_attempt().and_then(|attempt| attempt.block);
    if payout.stage == Stage::Included && known != Some(block) {
        return Err(Refusal::AlreadyDone);
    }
    Ok(Event::InclusionLost { block })
}

fn note_unknown(payout: &Payout, reason: Reason) -> Result<Event, Refusal> {
    if payout.stage == Stage::Unknown && payout.reason == Some(reason) {
        return Err(Refusal::AlreadyDone);
    }
    Ok(Event::FateUnknown { reason })
}

fn must_be_live(payout: &Payout, txid: TxId, event: EventName) -> Result<&Attempt, Refusal> {
    match payout.live_attempt() {
        Some(attempt) if attempt.txid == txid => Ok(attempt),
        Some(_) => Err(Refusal::OtherTransfer { given: txid }),
        None => Err(no_such(payout, event).into()),
    }
}

/// TRON's theorem "dead by expiry": absent from every block after its reference block, up to and including a solidified
/// block whose time is at or past its expiration. Who walked the blocks is the watcher's matter; the ends are checked here.
fn must_prove_absence(payout: &Payout, proof: &AbsenceProof) -> Result<(), Refusal> {
    let attempt = must_be_live(payout, proof.txid, EventName::TransferExpired)?;
    // A node may have lied about the reference block; that no chain has it takes two sources to say.
    let same_block = proof.from.id == attempt.ref_block.id || proof.sources >= 2;
    if proof.from.number != attempt.ref_block.number || !same_block {
        return Err(Refusal::ProofDoesNotHold("the walk does not begin at the reference block"));
    }
    if proof.to_timestamp_ms < attempt.expires_at_ms {
        return Err(Refusal::ProofDoesNotHold("the walk ends before the expiration"));
    }
    if proof.to.number <= proof.from.number {
        return Err(Refusal::ProofDoesNotHold("the walk goes nowhere"));
    }
    if proof.sources == 0 {
        return Err(Refusal::ProofDoesNotHold("no source showed the blocks"));
    }
    Ok(())
}

/// F000 (values agreed once): settled means 19 confirmations, the solidified view, success, the exact amount, two sources.
pub const CONFIRMATIONS_FLOOR: u64 = 19;

fn must_prove_payment(payout: &Payout, proof: &Settlement) -> Result<(), Refusal> {
    must_be_live(payout, proof.txid, EventName::PayoutSettled)?;
    if proof.amount_micro_usdt != payout.order.amount.micro() {
        return Err(Refusal::ProofDoesNotHold("the amount is not the ordered one"));
    }
    if proof.confirmations < CONFIRMATIONS_FLOOR {
        return Err(Refusal::ProofDoesNotHold("fewer than 19 confirmations"));
    }
    let sources: BTreeSet<&String> = proof.sources.iter().collect();
    if sources.len() < 2 {
        return Err(Refusal::ProofDoesNotHold("fewer than two sources"));
    }
    Ok(())
}
