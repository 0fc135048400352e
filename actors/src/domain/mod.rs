//! What payoutd knows: values and pure rules. Nothing in here waits, reads or writes.

pub mod address;
pub mod journal;
pub mod money;
pub mod tron;
