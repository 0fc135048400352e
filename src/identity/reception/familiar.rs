//! Addresses from which somebody has signed in: whoever attacks a name from elsewhere does not keep its owner out there (F004-01).
//! Kept in memory and bounded, as the rates are; who may come in is never decided by it.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use payoutd_actors::domain::rates::Whom;

/// So many are remembered; of more, those go that were used longest ago.
const FAMILIAR_MAX: usize = 4_096;

/// Who, from where, and when last (unix ms).
type Places = BTreeMap<(String, Whom), i64>;

/// Addresses by whom they are familiar to.
#[derive(Default)]
pub(super) struct Familiar(Mutex<Places>);

impl Familiar {
    /// Somebody has signed in from there.
    pub(super) fn note(&self, person: &str, from: Option<IpAddr>, now_ms: i64) {
        let mut places = self.places();
        places.insert(key(person, from), now_ms);
        if places.len() > FAMILIAR_MAX
            && let Some(oldest) = places.iter().min_by_key(|(_, at_ms)| **at_ms).map(|(key, _)| key.clone())
        {
            places.remove(&oldest);
        }
    }

    /// Whether somebody has signed in from there.
    pub(super) fn has(&self, person: &str, from: Option<IpAddr>) -> bool {
        self.places().contains_key(&key(person, from))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(person: &str, from: Option<IpAddr>) -> (String, Whom) {
    (person.to_owned(), from.map_or(Whom::Nearby, Whom::at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_that_was_used_longest_ago_is_forgotten_first() {
        let familiar = Familiar::default();
        let from = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let most = u32::try_from(FAMILIAR_MAX).unwrap();
        for number in 0..most {
            familiar.note("ann", from(number), i64::from(number));
        }
        familiar.note("ann", from(0), i64::from(most));
        familiar.note("ann", None, i64::from(most));
        assert!(familiar.has("ann", from(0)) && familiar.has("ann", None));
        assert!(!familiar.has("ann", from(1)) && !familiar.has("bob", from(2)));
    }
}
