//! Payouts that could not be paid just now: they are left alone for a moment, so that they keep nobody behind them waiting.

use crate::domain::identity::PayoutId;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long one is left alone. Together with a look each second it is soon enough for what was a node's hiccup.
const FOR: Duration = Duration::from_secs(4);
/// So many at most; those that come on top are looked at again at once.
const MAX: usize = 2_000;

/// Who is left alone, and until when.
#[derive(Default)]
pub(super) struct PutOff {
    until: RefCell<BTreeMap<PayoutId, Instant>>,
    why: RefCell<Option<String>>,
    /// More were put off than before: what comes behind them was not looked at yet.
    has_grown: Cell<bool>,
}

impl PutOff {
    /// This one waits, for this reason.
    pub(super) fn add(&self, id: PayoutId, why: &str) {
        let mut until = self.until.borrow_mut();
        if until.len() >= MAX {
            return;
        }
        self.has_grown.set(until.insert(id, Instant::now() + FOR).is_none() || self.has_grown.get());
        *self.why.borrow_mut() = Some(why.to_owned());
    }

    /// Those that wait now.
    pub(super) fn ids(&self) -> Vec<PayoutId> {
        let (mut until, now) = (self.until.borrow_mut(), Instant::now());
        until.retain(|_, until| *until > now);
        self.has_grown.set(false);
        until.keys().copied().collect()
    }

    /// Why the last one of them waits; nothing where none does.
    pub(super) fn why(&self) -> Option<String> {
        if self.until.borrow().is_empty() { None } else { self.why.borrow().clone() }
    }

    /// Whether there is something behind them to look at at once; told once, for whatever keeps the next look from it keeps the one
    /// after it, too.
    pub(super) fn has_grown(&self) -> bool {
        self.has_grown.replace(false)
    }

    /// Nothing could be paid at all, which is over or will be: nobody waits for a reason of his own.
    pub(super) fn forget(&self) {
        self.until.borrow_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pause, or a chain that is not seen, keeps the next look from asking who waits: it must not be asked for again and again.
    #[test]
    fn whoever_is_behind_is_looked_at_at_once_and_once() {
        let put_off = PutOff::default();
        put_off.add(PayoutId::new(1, [1; 10]), "no node answers");
        assert_eq!((put_off.has_grown(), put_off.has_grown()), (true, false));
        put_off.add(PayoutId::new(1, [1; 10]), "no node answers");
        assert!(!put_off.has_grown(), "nobody else is put off");
        put_off.add(PayoutId::new(2, [2; 10]), "no node answers");
        assert_eq!((put_off.ids().len(), put_off.has_grown()), (2, false));
    }
}
