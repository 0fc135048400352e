//! The second try of a question whose connection broke, out of a budget (F-P16): a kept connection that the other side has
//! just closed is no fault, and a provider that breaks every connection gets a tenth more questions, not twice as many.

use std::sync::atomic::{AtomicU32, Ordering};

/// What a second try costs, and what a question earns.
const COST: u32 = 10;
const EARNED: u32 = 1;
/// Ten second tries can be saved up.
const SAVED_MAX: u32 = 10 * COST;

/// One provider's budget of second tries.
#[derive(Debug)]
pub(super) struct RetryBudget(AtomicU32);

impl RetryBudget {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(SAVED_MAX))
    }

    /// A question was answered.
    pub(super) fn earn(&self) {
        self.change(|saved| Some(saved.saturating_add(EARNED).min(SAVED_MAX)));
    }

    /// May a question be asked again?
    pub(super) fn spend(&self) -> bool {
        self.change(|saved| saved.checked_sub(COST))
    }

    fn change(&self, to: impl FnMut(u32) -> Option<u32>) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, to).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_provider_gets_a_tenth_more_questions() {
        let budget = RetryBudget::new();
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
        (0..9).for_each(|_| budget.earn());
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend() && !budget.spend());
        (0..1000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
    }
}
