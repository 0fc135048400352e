//! The sentences that must always be true, each with its name, as predicates: unit tests, simulations, the ledger before
//! every write and the exam of every store ask the same ones.

use super::payout::{AttemptOutcome, Payout, Reservation, Stage};

/// A sentence, and the predicate that says whether it is true of a payout.
pub type Invariant = (&'static str, fn(&Payout) -> bool);

/// The invariants of one payout.
pub const OF_A_PAYOUT: [Invariant; 6] = [
    ("ONE-PAYMENT: at most one transfer is not proved dead, and it is the last", one_payment),
    ("NUMBERED: attempts are numbered 1, 2, 3 …", numbered),
    (
        "LIVE-IN-FLIGHT: a payout in flight has a live transfer, and only such a payout has one",
        live_in_flight,
    ),
    ("RESERVED-ONCE: money is set aside until the end, then settled or released", reserved_until_the_end),
    (
        "SETTLED-PROVED: a settled payout has a settled transfer, or a person's word on a mismatch",
        settled_is_proved,
    ),
    ("HELD-WITH-REASON: held, unknown and ended badly name a reason", reasons_are_due),
];

/// The first invariant that a payout breaks, if any.
#[must_use]
pub fn broken_by(payout: &Payout) -> Option<&'static str> {
    OF_A_PAYOUT.iter().find(|(_, holds)| !holds(payout)).map(|(sentence, _)| *sentence)
}

/// ONE-PAYMENT (F-P03).
fn one_payment(payout: &Payout) -> bool {
    let Some((_, earlier)) = payout.attempts.split_last() else { return true };
    earlier.iter().all(|attempt| attempt.outcome == AttemptOutcome::Expired)
}

fn numbered(payout: &Payout) -> bool {
    payout.attempts.iter().zip(1u32..).all(|(attempt, number)| attempt.number == number)
}

fn live_in_flight(payout: &Payout) -> bool {
    payout.stage.is_in_flight() == payout.live_attempt().is_some()
}

/// F002-03: every reservation ends in exactly one of settled and released.
fn reserved_until_the_end(payout: &Payout) -> bool {
    match (payout.stage, payout.reservation) {
        (
            Stage::Admitted | Stage::Signed | Stage::Broadcast | Stage::Included | Stage::Unknown,
            reservation,
        ) => reservation == Reservation::Reserved,
        (Stage::Held, reservation) => matches!(reservation, Reservation::None | Reservation::Reserved),
        (Stage::Settled | Stage::Mismatched, reservation) => reservation == Reservation::Settled,
        (Stage::Cancelled | Stage::Rejected, reservation) => {
            matches!(reservation, Reservation::None | Reservation::Released)
        }
        // A mismatch that a person calls failed has spent its money all the same.
        (Stage::Failed, reservation) => matches!(reservation, Reservation::Released | Reservation::Settled),
    }
}

fn settled_is_proved(payout: &Payout) -> bool {
    let last = payout.attempts.last().map(|attempt| attempt.outcome);
    payout.stage != Stage::Settled
        || matches!(last, Some(AttemptOutcome::Settled | AttemptOutcome::Mismatched))
}

fn reasons_are_due(payout: &Payout) -> bool {
    match payout.stage {
        Stage::Held
        | Stage::Unknown
        | Stage::Rejected
        | Stage::Cancelled
        | Stage::Failed
        | Stage::Mismatched => payout.reason.is_some(),
        Stage::Admitted | Stage::Signed | Stage::Broadcast | Stage::Included | Stage::Settled => true,
    }
}
