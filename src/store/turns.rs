//! What every engine asks of a batch of steps before it writes them: whose turn it is, and what a step says of a transfer.

use std::collections::BTreeSet;

use payoutd_actors::{
    domain::payout::{Attempt, Event},
    ports::Step,
};

/// Steps of one payout take turns: each round has one of it at most, in the batch's order.
pub(in crate::store) fn rounds(steps: &[Step], places: Vec<usize>) -> Vec<Vec<usize>> {
    let (mut rounds, mut rest) = (Vec::new(), places);
    while !rest.is_empty() {
        let mut met = BTreeSet::new();
        let (round, later) = rest.into_iter().partition(|place| met.insert(steps[*place].after.id));
        rounds.push(round);
        rest = later;
    }
    rounds
}

/// The transfer that a step puts on file.
pub(in crate::store) fn filing(step: &Step) -> Option<&Attempt> {
    match &step.event {
        Event::TransferSigned { attempt } | Event::TransferAdopted { attempt } => Some(attempt),
        _ => None,
    }
}

/// The transfer of which a step says something new.
pub(in crate::store) fn judged(step: &Step) -> Option<&Attempt> {
    match &step.event {
        Event::TransferIncluded { .. }
        | Event::InclusionLost { .. }
        | Event::TransferExpired { .. }
        | Event::PayoutSettled { .. }
        | Event::TransferFailed { .. }
        | Event::TransferMismatched { .. } => step.after.attempts.last(),
        Event::PayoutAdmitted
        | Event::PayoutHeld { .. }
        | Event::HoldReleased { .. }
        | Event::PayoutRejected { .. }
        | Event::PayoutCancelled { .. }
        | Event::TransferSigned { .. }
        | Event::TransferAdopted { .. }
        | Event::TransferBroadcast { .. }
        | Event::FateUnknown { .. }
        | Event::MismatchResolved { .. } => None,
    }
}
