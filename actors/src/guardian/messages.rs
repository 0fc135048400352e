//! What every actor here understands, whatever its role.

use actix::{Message, MessageResponse};
use serde::Serialize;
use serde_json::Value;

/// The nudge: look at your rows now. It has no payload, so losing one costs time and never work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct LookNow;

/// Asks an actor to show itself. It is answered at once, from memory; the guardian's heartbeat is the same question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "ActorView")]
pub struct ShowView;

/// Asks an actor to finish what is in its hands and to begin nothing more (F-P26). Answered when it is idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// One actor as `GET /v1/admin/actors` shows it: its own words, and what the guardian knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, MessageResponse)]
pub struct ActorView {
    /// The role, as in the roster and in metrics.
    pub name: String,
    /// Whether somebody stands at the post and answered this question.
    pub present: bool,
    /// How often it was hired anew since the process started.
    pub restarts: u64,
    /// When it last answered the guardian, unix ms.
    pub last_heartbeat_at_ms: Option<i64>,
    /// The role's own small view; what it last said where it is not present now.
    pub state: Value,
}

impl ActorView {
    /// What an actor says of itself. The guardian adds what only the guardian knows.
    #[must_use]
    pub fn of(name: &str, state: &impl Serialize) -> Self {
        let state = serde_json::to_value(state).unwrap_or(Value::Null);
        Self { name: name.to_owned(), present: true, restarts: 0, last_heartbeat_at_ms: None, state }
    }
}
