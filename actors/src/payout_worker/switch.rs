//! The kill switch as the worker holds it in its hand: what the store says is for good, this is for this very moment.

use std::cell::Cell;

/// Whether first sends are forbidden. Pulled until the store was read once.
#[derive(Debug)]
pub(super) struct Switch {
    pulled: Cell<bool>,
    /// Counts its moves, so that what was read before one is not believed after it.
    moves: Cell<u64>,
}

impl Default for Switch {
    fn default() -> Self {
        Self { pulled: Cell::new(true), moves: Cell::new(0) }
    }
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
    pub(super) fn moves(&self) -> u64 {
        self.moves.get()
    }

    /// Follows what the store says, unless somebody has moved the switch since it was asked.
    pub(super) fn follow(&self, paused: bool, moves_before: u64) {
        if self.moves.get() == moves_before {
            self.pulled.set(paused);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_has_not_read_the_store_sends_nothing_new() {
        let switch = Switch::default();
        assert!(switch.is_pulled());
        switch.follow(false, switch.moves());
        assert!(!switch.is_pulled());
    }

    /// A look that read the store before the pause was written must not let go of the switch after it was answered.
    #[test]
    fn what_was_read_before_a_pause_does_not_undo_it() {
        let switch = Switch::default();
        let before_the_pause = switch.moves();
        switch.pull();
        switch.follow(false, before_the_pause);
        assert!(switch.is_pulled());

        let while_it_is_written = switch.moves();
        switch.pull();
        switch.follow(false, while_it_is_written);
        assert!(switch.is_pulled());

        let before_the_end = switch.moves();
        switch.let_go();
        switch.follow(true, before_the_end);
        assert!(!switch.is_pulled());
    }
}
