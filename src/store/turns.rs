//! What every engine asks of a batch of steps before it writes them: whose turn it is, and what a step says of a transfer.

use std::collections::BTreeSet;

use payoutd_actors::{
    domain::payout::{Attempt, Event},
    ports::{InFlight, Step},
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

/// The places of the steps that commit no more than there is: those that come first have it first.
pub(in crate::store) fn covered(
    steps: &[Step],
    in_flight: &InFlight,
    committed_max_micro_usdt: u64,
) -> Vec<usize> {
    let mut left_micro_usdt = committed_max_micro_usdt.checked_sub(in_flight.committed_micro_usdt());
    let mut is_covered = |step: &Step| match step.commits_micro_usdt() {
        0 => true,
        amount => {
            let after = left_micro_usdt.and_then(|left| left.checked_sub(amount));
            left_micro_usdt = after.or(left_micro_usdt);
            after.is_some()
        }
    };
    steps.iter().enumerate().filter(|(_, step)| is_covered(step)).map(|(place, _)| place).collect()
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
