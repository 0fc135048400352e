//! The office of payoutd: the domain, the ports and the supervised actors.
//!
//! **Never here:** sockets, files, SQL, environment variables, wall clocks. The outside world arrives through [`ports`].

pub mod admission;
pub mod audit_writer;
pub mod chain_sight;
pub mod circuit_breaker;
pub mod confirmation_watcher;
pub mod domain;
#[cfg(feature = "fakes")]
pub mod fakes;
pub mod guardian;
pub mod house_clock;
pub mod ledger;
pub mod metrics_names;
pub mod payout_worker;
pub mod ports;
pub mod roster;
pub mod rounds;
pub mod treasurer;
