//! The pulse of the house: one beat each time that everybody has answered a guardian since the last beat.
//!
//! Promises: one post whose actor is deaf, or whose guardian has given up, stops the pulse; a post that was closed as asked
//! does not. Whoever watches the process from outside (a service manager's watchdog) is fed from here and from nowhere else.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Everybody's heartbeats, added up to one.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// One entry a post; `None` where the post was closed as asked.
    heard: Mutex<Vec<Option<bool>>>,
    beats: watch::Sender<u64>,
}

/// One post's part in the pulse. Dropping it says nothing: only [`Self::leave`] takes the post out.
#[derive(Debug)]
pub(crate) struct Share {
    pulse: Pulse,
    place: usize,
}

impl Default for Pulse {
    fn default() -> Self {
        let (beats, _) = watch::channel(0);
        Self(Arc::new(Inner { heard: Mutex::new(Vec::new()), beats }))
    }
}

impl Pulse {
    /// The number of beats, as it grows. A missed beat is not made up for: only the newest number is seen.
    #[must_use]
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.0.beats.subscribe()
    }

    /// A share for one more post.
    pub(crate) fn join(&self) -> Share {
        let mut heard = self.0.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(Some(false));
        Share { pulse: self.clone(), place: heard.len() - 1 }
    }

    fn note(&self, place: usize, now: Option<bool>) {
        let mut heard = self.0.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(post) = heard.get_mut(place) {
            *post = now;
        }
        if heard.contains(&Some(true)) && !heard.contains(&Some(false)) {
            heard.iter_mut().flatten().for_each(|heard| *heard = false);
            self.0.beats.send_modify(|beats| *beats = beats.wrapping_add(1));
        }
    }
}

impl Share {
    /// This post's actor has answered.
    pub(crate) fn heard(&self) {
        self.pulse.note(self.place, Some(true));
    }

    /// This post was closed as asked; the others make the pulse without it.
    pub(crate) fn leave(self) {
        self.pulse.note(self.place, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fear: somebody is deaf, the others go on answering, and nobody outside learns of it.
    #[test]
    fn one_silent_post_stops_the_pulse_until_it_is_closed_as_asked() {
        let pulse = Pulse::default();
        let beats = pulse.listen();
        let (worker, watcher) = (pulse.join(), pulse.join());
        worker.heard();
        worker.heard();
        assert_eq!(*beats.borrow(), 0, "the watcher has said nothing");
        watcher.heard();
        assert_eq!(*beats.borrow(), 1);
        worker.heard();
        assert_eq!(*beats.borrow(), 1, "each beat wants everybody's word anew");
        watcher.leave();
        assert_eq!(*beats.borrow(), 2, "the worker had spoken, and nobody else is left to wait for");
        drop(worker);
        assert_eq!(*beats.borrow(), 2);
    }

    #[test]
    fn an_empty_house_has_no_pulse() {
        let pulse = Pulse::default();
        pulse.join().leave();
        assert_eq!(*pulse.listen().borrow(), 0);
    }
}
