//! What time does to those who wait: `not_after` ends them, held or admitted, paused or not.
//!
//! Promises that nothing is called off which the chain may have paid. What was paid after a copy of the store was made stands in that
//! copy as one who waits; so nobody's time is over while the restore gate is shut or the chain is not seen, and each is asked for
//! among the chain's own transfers first, as before a signature.

use super::Desk;
use super::adopt::known_again;
use super::build::BuildBasis;
use crate::domain::payout::{Command, Reason};
use crate::ledger::Outcome;
use crate::ports::{Gate, StoreFault};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::info;

/// Whether it is time to look at them again.
pub(super) fn is_due(desk: &Desk) -> bool {
    let every = Duration::from_millis(desk.tools.settings.lapse_every_ms);
    desk.lapse_looked_at.get().is_none_or(|looked_at| looked_at.elapsed() >= every)
}

/// Calls off whose time is over. The round does the same with whatever it is about to sign; of the two who see one the version of its
/// row lets one through.
pub(super) async fn end_the_overdue(desk: &Rc<Desk>, basis: &BuildBasis) -> Result<(), StoreFault> {
    desk.lapse_looked_at.set(Some(Instant::now()));
    let (ledger, lapse_max) = (&desk.tools.ledger, desk.tools.settings.lapse_max);
    let mut over = ledger.payouts().overdue(basis.now_ms, lapse_max).await?;
    // Of these the chain shows something: a person ends them.
    over.retain(|payout| !matches!(payout.reason, Some(Reason::PaidOtherwise | Reason::PaidAfterAll)));
    if over.is_empty() {
        return Ok(());
    }
    let (over, _) = known_again(desk, over.into_iter().map(|payout| (payout, ())).collect(), basis).await?;
    let batch = over.into_iter().map(|(payout, ())| (payout, Command::Cancel(Reason::Deadline))).collect();
    let outcomes = ledger.carry_out(batch, Gate::NothingLost, basis.now_ms).await?;
    let lapsed = outcomes.into_iter().filter(|outcome| matches!(outcome, Outcome::Done(..))).count() as u64;
    if lapsed > 0 {
        info!(payouts = lapsed, "payouts were cancelled: their not_after has passed");
        desk.tools.audit_writer.nudge();
    }
    let mut view = desk.view.borrow_mut();
    view.lapsed = view.lapsed.saturating_add(lapsed);
    Ok(())
}
