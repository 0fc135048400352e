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
//! | [`job`] | a message, read as a job or as what is wrong with it |
//! | [`verdict`] | what Admission's answer means for the job |
//! | [`dead_letter`] | what a job looks like in the dead queue, and how it becomes one again |
//! | [`reply`] | the answer to whoever asked for one |
//! | [`ack_line`] | which deliveries can be acknowledged with one word |
//! | [`publisher`] | publishing with confirms |
//! | [`intake`] | the actor JobIntake, who does all that |
//! | [`dead_queue`] | the workbench of dead jobs: look, explain, requeue, discard |
//! | [`asyncapi`] | the description of all of it, docs/asyncapi.yaml |

pub mod ack_line;
pub mod asyncapi;
pub mod backoff;
pub mod connection;
pub mod credentials;
pub mod dead_letter;
pub mod dead_queue;
pub mod declare;
pub mod events;
pub mod intake;
pub mod job;
pub mod link;
pub mod publisher;
mod pulse;
pub mod reply;
pub mod topology;
pub mod verdict;

pub use backoff::Backoff;
pub use connection::{Broker, Unreachable};
pub use dead_queue::DeadQueue;
pub use declare::{NotReady, ensure};
pub use events::AmqpBus;
pub use intake::{IntakeTools, JobIntake};
pub use link::{Link, LinkState};
pub use publisher::{NotPublished, Publisher};
