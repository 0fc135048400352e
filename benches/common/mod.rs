//! What the benches share: processes that play one part each, a simulated network that counts what it is asked, a house that is
//! open, and figures with their aims.

#![allow(dead_code, reason = "each bench uses its part of it")]

pub(crate) mod figures;
pub(crate) mod house;
pub(crate) mod network;
pub(crate) mod stage;
pub(crate) mod usage;
