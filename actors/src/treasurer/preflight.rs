//! Checks before money moves, remembered so that they cost a request per recipient and per route, not per payout.

use crate::domain::address::Address;
use crate::domain::order::Route;
use crate::domain::tron::hash::sha256;
use std::collections::BTreeMap;

/// What is remembered of recipients and routes. Bounded: when full, the oldest half is forgotten.
#[derive(Debug, Default)]
pub(super) struct Preflights {
    clean_since_ms: BTreeMap<Address, i64>,
    energy: BTreeMap<Route, (u64, i64)>,
    failed_trials: BTreeMap<[u8; 32], u32>,
}

/// Calls whose failed trials are counted.
const FAILED_TRIALS_MAX: usize = 1_000;

impl Preflights {
    /// Whether a recipient was found clean recently.
    pub(super) fn is_clean(&self, recipient: &Address, now_ms: i64, keep_ms: i64) -> bool {
        self.clean_since_ms.get(recipient).is_some_and(|at| now_ms.saturating_sub(*at) < keep_ms)
    }

    /// Remembers that a recipient is clean.
    pub(super) fn note_clean(&mut self, recipient: Address, now_ms: i64, checks_max: usize) {
        if self.clean_since_ms.len() >= checks_max {
            self.forget_older_half();
        }
        self.clean_since_ms.insert(recipient, now_ms);
    }

    fn forget_older_half(&mut self) {
        let mut times: Vec<i64> = self.clean_since_ms.values().copied().collect();
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or(i64::MAX);
        self.clean_since_ms.retain(|_, at| *at > middle);
    }

    /// Counts a call's failed trials; one that works forgets them. Answers how many have failed.
    pub(super) fn note_trial(&mut self, call_data: &[u8], failed: bool) -> u32 {
        let call = sha256(call_data);
        if !failed {
            self.failed_trials.remove(&call);
            return 0;
        }
        if self.failed_trials.len() >= FAILED_TRIALS_MAX {
            self.failed_trials.clear();
        }
        let count = self.failed_trials.entry(call).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// The energy of a route, if it was measured recently.
    pub(super) fn energy(&self, route: Route, now_ms: i64, keep_ms: i64) -> Option<u64> {
        let (energy, at) = self.energy.get(&route)?;
        (now_ms.saturating_sub(*at) < keep_ms).then_some(*energy)
    }

    /// Remembers the energy of a route.
    pub(super) fn note_energy(&mut self, route: Route, energy: u64, now_ms: i64) {
        self.energy.insert(route, (energy, now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_grows_stale() {
        let mut preflights = Preflights::default();
        for n in 0..10u8 {
            preflights.note_clean(Address::from_evm([n; 20]), i64::from(n), 10);
        }
        preflights.note_clean(Address::from_evm([10; 20]), 10, 10);
        assert!(preflights.clean_since_ms.len() <= 10);
        assert!(preflights.is_clean(&Address::from_evm([10; 20]), 15, 10));
        assert!(!preflights.is_clean(&Address::from_evm([10; 20]), 20, 10));
        assert!(!preflights.is_clean(&Address::from_evm([0; 20]), 10, 100));
    }
}
