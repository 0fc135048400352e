//! The first event of a payout, the same in every store: admitted, or held at the door for a limit. Where the house refuses what is
//! in excess, it has none.
//!
//! A store asks [`born`] inside its transaction, for the limits are decided there (F000-17), and writes what it gives.

use super::payouts::{NewPayout, StoreFault};
use crate::domain::journal::JournalDraft;
use crate::domain::limits::{LimitBroken, OnExcess};
use crate::domain::payout::{Event, Payout, apply, journal_draft};

/// A payout as it is after its first event, and the journal's record of it.
#[derive(Debug, Clone)]
pub struct Birth {
    /// The payout, version 1.
    pub payout: Payout,
    /// What the journal will say.
    pub draft: JournalDraft,
}

/// Which limit keeps an order from being taken in at all, given whether the limits have room.
#[must_use]
pub fn kept_out(room: Result<(), LimitBroken>, on_excess: OnExcess) -> Option<LimitBroken> {
    room.err().filter(|_| on_excess == OnExcess::Refuse)
}

/// The birth of a payout at a moment (unix ms, the later of stored and present time), given whether the limits have room.
///
/// # Errors
/// [`StoreFault::Corrupt`] for a payout that is not new, or one that can not be written down.
pub fn born(
    NewPayout { payout: new, cause }: NewPayout,
    room: Result<(), LimitBroken>,
    now_ms: i64,
) -> Result<Birth, StoreFault> {
    let id = new.id;
    let corrupt = |why: String| StoreFault::Corrupt(format!("payout {id} can not be taken in: {why}"));
    if new.version != 0 {
        return Err(corrupt("it is not new".to_owned()));
    }
    let event = match room {
        Ok(()) => Event::PayoutAdmitted,
        Err(broken) => Event::PayoutHeld { reason: broken.into() },
    };
    let payout = apply(new, &event, now_ms).map_err(|why| corrupt(why.to_string()))?;
    let draft = journal_draft(None, &payout, &event, &cause).map_err(|why| corrupt(why.to_string()))?;
    Ok(Birth { payout, draft })
}
