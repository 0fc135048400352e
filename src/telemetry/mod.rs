//! What the daemon says about itself: one line per event on stderr or one entry in systemd's journal, numbers for Prometheus.
//!
//! **Never here:** secrets, at any level. Keys and tokens have types whose Debug is dots.

mod chain;
pub mod journald;
mod log;
mod metrics;
pub mod names;

pub use self::{
    chain::Chain,
    log::{TelemetryError, start_log},
    metrics::{Metrics, UPKEEP_EVERY},
};
