//! What payoutd knows: values and pure rules. Nothing in here waits, reads or writes.

pub mod absence;
pub mod access;
pub mod address;
pub mod breaker;
pub mod fate;
pub mod funds;
pub mod identity;
pub mod invariants;
pub mod journal;
pub mod limits;
pub mod money;
pub mod order;
pub mod outbox;
pub mod payout;
pub mod rates;
pub mod reconcile;
pub mod refusals;
pub mod stranger;
pub mod tron;
