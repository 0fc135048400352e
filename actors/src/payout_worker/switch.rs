//! The kill switch as the worker holds it in its hand: what the store says is for good, this is for this very moment.
//!
//! In a fleet somebody else may pull it. What was read of the store is therefore good for [`GOOD_FOR`] and no longer: a
//! signature or a first send that comes later asks anew, and whoever pulls the switch waits as long before saying that it is done. A store that does
//! not say in time whether the house is paused keeps both in the house.

use super::Desk;
use crate::ports::{HouseFacts, StoreFault};
use std::cell::Cell;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

/// For how long the store's word that the house is not paused is acted upon, on every daemon.
pub const GOOD_FOR: Duration = Duration::from_secs(1);
/// How long somebody waits for a store that does not answer, or answers too slowly to be acted upon. A first send that has waited
/// so long is left on file, and sent with what is sent again.
const ASKED_FOR: Duration = Duration::from_secs(10);
/// How long it waits between two questions.
const ASKED_EVERY: Duration = Duration::from_millis(500);

/// Whether first sends are forbidden. Pulled until the store was read once.
#[derive(Debug)]
pub(super) struct Switch {
    pulled: Cell<bool>,
    /// Counts its moves, so that what was read before one is not believed after it.
    moves: Cell<u64>,
    /// When the question was asked that the store answered last.
    asked_at: Cell<Option<Instant>>,
    /// One asks for all who wait.
    asking: Mutex<()>,
}

impl Default for Switch {
    fn default() -> Self {
        let (pulled, moves, asked_at) = (Cell::new(true), Cell::new(0), Cell::new(None));
        Self { pulled, moves, asked_at, asking: Mutex::default() }
    }
}

/// Reads what the house remembers of itself, and follows what it says of the switch.
pub(super) async fn read(desk: &Desk) -> Result<HouseFacts, StoreFault> {
    let (moves, asked_at) = (desk.switch.moves(), Instant::now());
    let facts = desk.tools.house.facts().await?;
    desk.switch.follow(facts.pause.is_some(), moves, asked_at);
    Ok(facts)
}

/// Whether a signature or a first send may begin now; the last moment at which a pause, by whomever, or the worker's end keeps it
/// in the house.
pub(super) async fn lets_pass(desk: &Desk) -> bool {
    if desk.switch.is_pulled() || desk.switch.is_fresh() {
        return !desk.switch.is_pulled();
    }
    let _asking = desk.switch.asking.lock().await;
    let until = Instant::now() + ASKED_FOR;
    // Whoever stood before us may have asked; and one that was pulled meanwhile is not to be let go of here.
    while !desk.switch.is_pulled() && !desk.switch.is_fresh() {
        let asked = read(desk).await;
        if Instant::now() >= until {
            let why =
                asked.err().map_or_else(|| "it answers too slowly".to_owned(), |fault| fault.to_string());
            warn!(
                why,
                "the store does not say in time whether the house is paused: nothing leaves for the first time"
            );
            return false;
        }
        if asked.is_err() {
            tokio::time::sleep(ASKED_EVERY).await;
        }
    }
    !desk.switch.is_pulled()
}

impl Switch {
    pub(super) fn is_pulled(&self) -> bool {
        self.pulled.get()
    }

    pub(super) fn pull(&self) {
        self.put(true);
    }

    pub(super) fn let_go(&self) {
        self.put(false);
    }

    fn put(&self, pulled: bool) {
        self.pulled.set(pulled);
        self.moves.set(self.moves.get().wrapping_add(1));
    }

    /// To be asked before the store is read.
    fn moves(&self) -> u64 {
        self.moves.get()
    }

    /// Follows what the store says, unless somebody has moved the switch since it was asked.
    fn follow(&self, paused: bool, moves_before: u64, asked_at: Instant) {
        if self.moves.get() == moves_before {
            self.pulled.set(paused);
            self.asked_at.set(self.asked_at.get().max(Some(asked_at)));
        }
    }

    fn is_fresh(&self) -> bool {
        self.asked_at.get().is_some_and(|asked_at| asked_at.elapsed() < GOOD_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_has_not_read_the_store_sends_nothing_new() {
        let switch = Switch::default();
        assert!(switch.is_pulled());
        switch.follow(false, switch.moves(), Instant::now());
        assert!(!switch.is_pulled());
    }

    /// A look that read the store before the pause was written must not let go of the switch after it was answered.
    #[test]
    fn what_was_read_before_a_pause_does_not_undo_it() {
        let switch = Switch::default();
        let before_the_pause = switch.moves();
        switch.pull();
        switch.follow(false, before_the_pause, Instant::now());
        assert!(switch.is_pulled());

        let while_it_is_written = switch.moves();
        switch.pull();
        switch.follow(false, while_it_is_written, Instant::now());
        assert!(switch.is_pulled());

        let before_the_end = switch.moves();
        switch.let_go();
        switch.follow(true, before_the_end, Instant::now());
        assert!(!switch.is_pulled());
    }
}
