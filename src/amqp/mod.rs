//! The broker (RabbitMQ): the second door, where jobs come in.
//!
//! Promises: a job is acknowledged only after it is durably taken in, or durably laid into the dead queue with its reason;
//! whatever the broker does (closes a channel, goes away, delivers twice), the daemon is consuming again within seconds and
//! the same job is the same payout. The password is in no log and in no error. **Never here:** rules about money; those are
//! Admission's, the same for every door.
//!
//! | file | what it is for |
//! |---|---|
//! | [`connection`] | one connection: TLS, heartbeat, timeout |
//! | [`backoff`] | how long to wait before the next try |
//! | [`events`] | what happened goes out, with confirms |
//! | [`link`] | how a connection is, for `/readyz` and the metrics |
//! | [`topology`] | which queues and exchanges there are, and how a mismatch is said; [`declare`] does it |

pub mod backoff;
pub mod connection;
pub mod declare;
pub mod events;
pub mod link;
pub mod topology;

pub use backoff::Backoff;
pub use connection::{Broker, Unreachable};
pub use declare::{NotReady, ensure};
pub use events::AmqpBus;
pub use link::{Link, LinkState};
