//! How a connection to the broker is: for `/readyz`, for the metrics, and for the log, which hears of changes alone.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::{info, warn};

use crate::telemetry::names;

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Not tried yet.
    Starting,
    /// In use. What a person should know all the same (an argument that differs) stands in it.
    Up(Option<String>),
    /// Not in use, and why.
    Down(String),
    /// Closed on purpose: the house closes.
    Closed,
}

/// The sign of one connection, turned by its owner and read by whoever asks. Clones show the same.
#[derive(Debug, Clone)]
pub struct Link {
    name: &'static str,
    state: Arc<Mutex<LinkState>>,
}

impl Link {
    /// The sign of a connection; its name ("jobs", "events") is the metrics' label.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        metrics::gauge!(names::AMQP_CONNECTED, "connection" => name).set(0.0);
        Self { name, state: Arc::new(Mutex::new(LinkState::Starting)) }
    }

    /// It is in use; `note` is what a person should know all the same.
    pub fn up(&self, note: Option<String>) {
        metrics::gauge!(names::AMQP_CONNECTED, "connection" => self.name).set(1.0);
        match (self.turn(LinkState::Up(note.clone())), note) {
            (false, _) => {}
            (true, None) => info!(connection = self.name, "the broker is there"),
            (true, Some(note)) => warn!(connection = self.name, note, "the broker is there"),
        }
    }

    /// It is not in use. The same reason again is not told again.
    pub fn down(&self, why: impl Into<String>) {
        let why = why.into();
        metrics::gauge!(names::AMQP_CONNECTED, "connection" => self.name).set(0.0);
        if matches!(self.state(), LinkState::Up(_)) {
            metrics::counter!(names::AMQP_CONNECTIONS_LOST_TOTAL, "connection" => self.name).increment(1);
        }
        if self.turn(LinkState::Down(why.clone())) {
            warn!(connection = self.name, why, "the broker is away; it is tried again and again");
        }
    }

    /// It is closed on purpose.
    pub fn closed(&self) {
        metrics::gauge!(names::AMQP_CONNECTED, "connection" => self.name).set(0.0);
        self.turn(LinkState::Closed);
    }

    /// How it is now.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether this is news.
    fn turn(&self, to: LinkState) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *state != to;
        *state = to;
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_shows_what_its_owner_turned() {
        let link = Link::new("test");
        let seen = link.clone();
        assert_eq!(seen.state(), LinkState::Starting);
        link.down("no route");
        assert_eq!(seen.state(), LinkState::Down("no route".into()));
        link.up(None);
        assert_eq!(seen.state(), LinkState::Up(None));
        link.closed();
        assert_eq!(seen.state(), LinkState::Closed);
    }
}
