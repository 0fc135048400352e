//! People's decisions on single payouts: cancel, release, reject, resolve (F-P10).

use super::Desk;
use crate::domain::access::Reached;
use crate::domain::identity::PayoutId;
use crate::domain::journal::Cause;
use crate::domain::limits::LimitBroken;
use crate::domain::payout::{Command, Payout, Reason, Refusal, Reservation, Stage};
use crate::ledger::Outcome;
use crate::metrics_names as names;
use crate::ports::{Gate, StoreFault};
use crate::recollection::Unsaid;
use actix::Message;
use std::rc::Rc;
use thiserror::Error;

/// A person's decision on one payout.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Payout, DecisionRefusal>")]
pub struct DecidePayout {
    /// Which payout.
    pub id: PayoutId,
    /// Whose it must be; a payout of anybody else is unknown to whoever asks.
    pub whose: Reached,
    /// What was decided.
    pub decision: Decision,
    /// Who decides, and in which request, for the journal.
    pub cause: Cause,
}

/// What a person may decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Call it off before anything is signed.
    Cancel,
    /// Let a held one go on.
    Release {
        /// Who says so.
        by: String,
    },
    /// Refuse a held one for good.
    Reject {
        /// Their words.
        note: String,
    },
    /// Their word on a mismatch.
    Resolve {
        /// Whether it counts as paid.
        paid: bool,
        /// Their words.
        note: String,
    },
}

impl Decision {
    fn word(&self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Release { .. } => "release",
            Self::Reject { .. } => "reject",
            Self::Resolve { .. } => "resolve",
        }
    }

    fn command(&self) -> Command {
        match self.clone() {
            Self::Cancel => Command::Cancel(Reason::CancelledBySender),
            Self::Release { by } => Command::Release { by },
            Self::Reject { note } => Command::Reject { note },
            Self::Resolve { paid, note } => Command::Resolve { paid, note },
        }
    }
}

/// Why a decision was not carried out. Nothing was written.
#[derive(Debug, Clone, Error)]
pub enum DecisionRefusal {
    /// There is no such payout of this account.
    #[error("there is no such payout")]
    Unknown,
    /// The life cycle refuses it; the payout as it is now.
    #[error("{refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The payout.
        payout: Box<Payout>,
    },
    /// There is no room under this limit to release it.
    #[error("the limits leave no room for it")]
    NoRoom(LimitBroken),
    /// Nobody can say now that it is not paid: ask again soon.
    #[error("nobody can say now whether it was paid: {0}")]
    Unsaid(Unsaid),
    /// Somebody else moved the payout, again and again: ask once more.
    #[error("the payout is being moved by somebody else")]
    Contended,
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// How often a decision that lost a race is tried anew upon what the payout has become.
const TRIES_MAX: u32 = 5;

pub(super) async fn carry_out(desk: Rc<Desk>, request: DecidePayout) -> Result<Payout, DecisionRefusal> {
    let _in_hand = desk.deciding.take(1);
    let result = try_to(&desk, &request).await;
    let outcome = match &result {
        Ok(_) => "done",
        Err(DecisionRefusal::Store(_)) => "store_fault",
        Err(_) => "refused",
    };
    metrics::counter!(names::DECISIONS_TOTAL, "decision" => request.decision.word(), "outcome" => outcome)
        .increment(1);
    if result.is_ok() {
        desk.view.borrow_mut().decisions += 1;
        desk.tools.audit_writer.nudge();
        if matches!(request.decision, Decision::Release { .. }) {
            desk.tools.payout_worker.nudge();
        }
    }
    result
}

/// Reads, decides and writes under the version that was read: of two who decide, the first commit wins and the second
/// decides anew upon what it finds.
async fn try_to(desk: &Desk, request: &DecidePayout) -> Result<Payout, DecisionRefusal> {
    let (mut lost_at, mut was_known) = (None, false);
    for _ in 0..TRIES_MAX {
        let Some(payout) = own(desk, request).await? else { return Err(DecisionRefusal::Unknown) };
        let wants_room =
            matches!(request.decision, Decision::Release { .. }) && payout.reservation == Reservation::None;
        if wants_room && lost_at == Some(payout.version) {
            // Nobody has moved it since: it was the gate that was shut.
            room(desk, &payout).await?;
        }
        if was_known && payout.stage == Stage::Held {
            // It was held a moment ago for what the chain shows: whoever ends it shall have read that.
            return Err(DecisionRefusal::Contended);
        }
        let ends = ends_unpaid(&request.decision, &payout);
        if ends && known_again(desk, &payout).await? {
            was_known = true;
            continue;
        }
        lost_at = Some(payout.version);
        let gate = match (wants_room, ends) {
            (true, _) => Gate::RoomUnder(desk.tools.limits),
            (false, true) => Gate::NothingLost,
            (false, false) => Gate::Open,
        };
        let batch = vec![(payout.clone(), request.decision.command())];
        let now_ms = desk.tools.clock.now_ms();
        match desk.tools.ledger.carry_out_for(&request.cause, batch, gate, now_ms).await?.pop() {
            Some(Outcome::Done(payout, _)) => return Ok(*payout),
            Some(Outcome::Refused(refusal)) => {
                return Err(DecisionRefusal::Refused { refusal, payout: Box::new(payout) });
            }
            Some(Outcome::Lost) | None => {}
        }
    }
    Err(DecisionRefusal::Contended)
}

/// Whether the decision tells its sender that it is not paid, and will not be. What is held because the chain shows its mark on
/// something else is before a person who knows.
fn ends_unpaid(decision: &Decision, payout: &Payout) -> bool {
    matches!(decision, Decision::Cancel | Decision::Reject { .. })
        && matches!(payout.stage, Stage::Admitted | Stage::Held)
        && payout.reason != Some(Reason::PaidOtherwise)
}

/// Adopts what the chain shows of its own, or holds it; whoever decides looks again then.
async fn known_again(desk: &Desk, payout: &Payout) -> Result<bool, DecisionRefusal> {
    let now_ms = desk.tools.clock.now_ms();
    let mut found = desk.tools.recollection.own_transfers_of(&[payout], now_ms).await?;
    let Some(command) = found.pop().flatten() else { return Ok(false) };
    desk.tools.ledger.carry_out(vec![(payout.clone(), command)], Gate::Open, now_ms).await?;
    Ok(true)
}

impl From<Unsaid> for DecisionRefusal {
    fn from(why: Unsaid) -> Self {
        match why {
            Unsaid::Store(fault) => Self::Store(fault),
            why @ (Unsaid::GateShut | Unsaid::NotRead) => Self::Unsaid(why),
        }
    }
}

async fn own(desk: &Desk, request: &DecidePayout) -> Result<Option<Payout>, StoreFault> {
    let found = desk.tools.ledger.payouts().find(request.id).await?;
    Ok(found.filter(|payout| request.whose.has(&payout.account)))
}

async fn room(desk: &Desk, payout: &Payout) -> Result<(), DecisionRefusal> {
    let now_ms = desk.tools.clock.now_ms();
    let book = desk.tools.ledger.payouts().limit_book(now_ms).await?;
    book.room_for(payout.spender(), payout.order.amount, &desk.tools.limits, now_ms)
        .map_err(DecisionRefusal::NoRoom)
}
