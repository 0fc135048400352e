//! Before anything is signed, or called off because its time is over: does the chain already show this payout's own transfer (F-N24)?
//!
//! After an older copy of the store was put back, or an order came again that the copy has never heard of, the transfer that paid
//! it stands among the strangers and carries its mark. It is adopted, and watched like any other; it is never signed again. One
//! that carries the mark and pays something else is put before a person.

use super::Desk;
use super::build::BuildBasis;
use crate::domain::payout::{Command, Payout, Reason};
use crate::domain::stranger::{Kin, NotKin};
use crate::domain::tron::Fingerprint;
use crate::ledger::Outcome;
use crate::ports::{Gate, NotedStranger, StoreFault};
use std::collections::BTreeMap;
use std::rc::Rc;
use tracing::{error, warn};

/// Strangers that are read at a time.
const READ_MAX: u32 = 1_000;

/// The strangers' marks, and how far their book is read. Marks are all that is kept of them in memory.
#[derive(Debug, Default)]
pub(super) struct KnownMarks {
    read_to: i64,
    places: BTreeMap<Fingerprint, Vec<i64>>,
}

/// Takes out of a batch what the chain shows already; answers the rest, and how many were dealt with.
pub(super) async fn known_again<T>(
    desk: &Rc<Desk>,
    batch: Vec<(Payout, T)>,
    basis: &BuildBasis,
) -> Result<(Vec<(Payout, T)>, usize), StoreFault> {
    read_on(desk).await?;
    if desk.known_marks.borrow().places.is_empty() {
        return Ok((batch, 0));
    }
    let (mut rest, mut found) = (Vec::with_capacity(batch.len()), Vec::new());
    for (payout, with_it) in batch {
        match command_for(desk, &payout, basis).await? {
            Some(command) => found.push((payout, command)),
            None => rest.push((payout, with_it)),
        }
    }
    Ok((rest, carry_out(desk, found, basis.now_ms).await?))
}

async fn read_on(desk: &Rc<Desk>) -> Result<(), StoreFault> {
    loop {
        let read_to = desk.known_marks.borrow().read_to;
        let noted = desk.tools.strangers.strangers(read_to, READ_MAX).await?;
        let mut known = desk.known_marks.borrow_mut();
        for NotedStranger { place, stranger } in &noted {
            known.read_to = known.read_to.max(*place);
            if let Some(mark) = stranger.mark() {
                known.places.entry(mark).or_default().push(*place);
            }
        }
        if noted.len() < READ_MAX as usize {
            return Ok(());
        }
    }
}

/// What is to be done with a payout whose mark is among the strangers'.
async fn command_for(
    desk: &Rc<Desk>,
    payout: &Payout,
    basis: &BuildBasis,
) -> Result<Option<Command>, StoreFault> {
    let mut places: Vec<i64> = {
        let known = desk.known_marks.borrow();
        let ahead = basis.marks.marks_ahead(payout);
        ahead.filter_map(|(_, mark)| known.places.get(&mark)).flatten().copied().collect()
    };
    places.sort_unstable();
    let mut otherwise = None;
    for place in places {
        let noted = desk.tools.strangers.strangers(place.saturating_sub(1), 1).await?;
        let Some(NotedStranger { stranger, .. }) = noted.first().filter(|noted| noted.place == place) else {
            continue;
        };
        let policy = &desk.tools.policy;
        match stranger.kin_of(payout, &basis.marks, policy.wallet, policy.token) {
            Ok(Kin { attempt, marked_as }) => {
                let (txid, block) = (stranger.txid, stranger.block.number);
                warn!(payout = %payout.id, %txid, block, marked_as, "the chain shows its transfer: adopted, not signed again");
                return Ok(Some(Command::Adopt(Box::new(attempt))));
            }
            Err(why @ NotKin::PaysOtherwise { .. }) => otherwise = Some((stranger.txid, why)),
            Err(NotKin::NotOurs | NotKin::OtherMark) => {}
        }
    }
    Ok(otherwise.map(|(txid, why)| {
        error!(payout = %payout.id, %txid, %why, "held before signing");
        Command::Hold(Reason::PaidOtherwise)
    }))
}

/// Writes what was found. An adopted transfer's block is looked up by the watcher: by its own walk, from its own sources.
async fn carry_out(desk: &Rc<Desk>, found: Vec<(Payout, Command)>, now_ms: i64) -> Result<usize, StoreFault> {
    if found.is_empty() {
        return Ok(0);
    }
    let outcomes = desk.tools.ledger.carry_out(found, Gate::Open, now_ms).await?;
    let done = outcomes.into_iter().filter(|outcome| matches!(outcome, Outcome::Done(..))).count();
    let mut view = desk.view.borrow_mut();
    view.put_aside = view.put_aside.saturating_add(done as u64);
    Ok(done)
}
