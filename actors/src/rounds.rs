//! Rounds: the way of working of everybody here who looks at rows and brings each one step closer.
//!
//! Never two rounds at once; a nudge during a round makes exactly one more follow; a nudge has no payload, so that the
//! restart path and the happy path are one path.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Idle,
    Busy,
    BusyAndNudged,
}

/// Keeps rounds from overlapping.
#[derive(Debug, Clone, Default)]
pub struct Rounds(Rc<Cell<State>>);

/// What a round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There may be more to do right now.
    More,
    /// Nothing more for now.
    Nothing,
}

/// A round that panics must not leave the door shut behind it.
struct Leaves(Rc<Cell<State>>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.set(State::Idle);
    }
}

impl Rounds {
    /// Starts a round, or sees to it that one follows the present one.
    pub fn run<F, Fut>(&self, mut round: F)
    where
        F: FnMut() -> Fut + 'static,
        Fut: Future<Output = Found> + 'static,
    {
        if self.0.get() != State::Idle {
            self.0.set(State::BusyAndNudged);
            return;
        }
        self.0.set(State::Busy);
        let leaves = Leaves(self.0.clone());
        actix::spawn(async move {
            loop {
                let found = round().await;
                let nudged = leaves.0.replace(State::Busy) == State::BusyAndNudged;
                if found == Found::Nothing && !nudged {
                    return;
                }
                // Others on this thread get their turn between two rounds.
                tokio::task::yield_now().await;
            }
        });
    }
}
