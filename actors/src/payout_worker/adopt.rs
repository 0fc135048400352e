//! Before anything is signed, or called off because its time is over: does the chain already show this payout's own transfer (F-N24)?
//! It is adopted then, and watched like any other; it is never signed again. One that carries the mark and pays something else is put
//! before a person.

use super::Desk;
use super::build::BuildBasis;
use crate::domain::payout::{Command, Payout};
use crate::ledger::Outcome;
use crate::ports::{Gate, StoreFault};
use std::rc::Rc;

/// Takes out of a batch what the chain shows already; answers the rest, and how many were dealt with.
pub(super) async fn known_again<T>(
    desk: &Rc<Desk>,
    batch: Vec<(Payout, T)>,
    basis: &BuildBasis,
) -> Result<(Vec<(Payout, T)>, usize), StoreFault> {
    let recollection = &desk.tools.recollection;
    if !recollection.read_on().await? {
        return Ok((batch, 0));
    }
    let (mut rest, mut found) = (Vec::with_capacity(batch.len()), Vec::new());
    for (payout, with_it) in batch {
        match recollection.command_for(&payout, &basis.marks).await? {
            Some(command) => found.push((payout, command)),
            None => rest.push((payout, with_it)),
        }
    }
    Ok((rest, carry_out(desk, found, basis.now_ms).await?))
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
