//! The life cycle of a payout: its stages, the events that happened to it, and the commands that may be refused.
//!
//! ```text
//!   ┌─ held ◄──┐            ┌────────── TransferExpired (proved absent) ─────────┐
//!   │          ▼            ▼                                                    │
//!   ├──────► admitted ──► signed ──► broadcast ──► included ──► settled          │
//!   │          │            └──────────┴───────┬──────┘ │  └──► failed           │
//!   ▼          ▼                               ▼        │  └──► mismatched       │
//! rejected  cancelled                        unknown ───┴────────────────────────┘
//! ```
//!
//! Promises: [`decide`] and [`apply`] are pure and exhaustive; the one road on which a second transfer may be signed is
//! [`Event::TransferExpired`], which carries its proof. Never here: time, chance, storage.

mod command;
mod event;
mod record;
mod stage;
mod step;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;

pub use command::{CONFIRMATIONS_FLOOR, Command, Refusal, decide};
pub use event::{AbsenceProof, Attempt, AttemptOutcome, BlockRef, Event, EventName, Settlement};
pub use record::{ORDER_DIGEST_PURPOSE, Posting, journal_draft, order_digest, postings};
pub use stage::{HoldReason, Reason, Reservation, Stage};
pub use step::{NoSuchStep, Payout, Standing, apply, arrow};
