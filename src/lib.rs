//! The house around the office: doors (HTTP, AMQP), wires (TRON, TronScan), cellar (SQLite, PostgreSQL), configuration, wiring, command line.
//!
//! Arrows point from here to `payoutd-actors` and never back.

pub mod amqp;
pub mod cli;
pub mod config;
pub mod egress;
pub mod http;
pub mod identity;
pub mod limits;
pub mod nodes;
pub mod record;
pub mod sandbox;
pub mod service_manager;
pub mod signer;
pub mod store;
pub mod telemetry;
pub mod tron;
pub mod wire;
pub mod wiring;
pub mod world;

/// Payouts live and die by the thousand, here and in SQLite, which takes its memory from the same place: measured, glibc's
/// allocator costs a quarter of all processor time more.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
