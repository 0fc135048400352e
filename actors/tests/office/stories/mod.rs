//! The fears, by name: what nodes, networks, issuers, thieves and people can do to a payout, one story each.
//!
//! The simulated chain's own book says what really happened; the office is never asked whether it did well.

mod alarms;
mod clocks;
mod crowds;
mod failures;
mod fleet;
mod forks;
mod kit;
mod liars;
mod lines;
mod nodes;
mod pauses;
mod people;
mod routes;
mod sends;
mod silence;
