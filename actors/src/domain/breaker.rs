//! The circuit breaker of one dependency, as a pure automaton (F000-18).
//!
//! Five faults in a row open it; after 300 s it lets three probes through; three that succeed close it, one that fails
//! opens it again. It counts the dependency's faults only, never what a sender got wrong.

use serde::{Deserialize, Serialize};

/// The numbers of F000-18.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// Faults in a row that open it.
    pub failure_threshold: u32,
    /// How long it stays open before probes are let through, ms.
    pub recovery_ms: i64,
    /// Probes that are let through half open, and successes that close it.
    pub half_open_calls_max: u32,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self { failure_threshold: 5, recovery_ms: 300_000, half_open_calls_max: 3 }
    }
}

/// Where a breaker stands. Times are unix ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Breaker {
    /// Calls pass; so many faults in a row were seen.
    Closed {
        /// Faults since the last success.
        faults: u32,
    },
    /// Calls are refused until the recovery time has passed.
    Open {
        /// When it opened.
        since_ms: i64,
    },
    /// A few probes pass.
    HalfOpen {
        /// When the first probe was let through.
        since_ms: i64,
        /// Probes let through so far.
        probes: u32,
        /// Probes that succeeded.
        successes: u32,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { faults: 0 }
    }
}

/// A call that an open breaker does not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOpen {
    /// How long until the next probe may pass, ms.
    pub retry_after_ms: i64,
}

impl Breaker {
    /// The state's word, as in metrics and views.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }

    /// The same breaker under a clock that may have been set back: what began "later than now" begins now, so that nobody waits
    /// for longer than the recovery time.
    #[must_use]
    pub fn under(self, now_ms: i64) -> Self {
        match self {
            Self::Closed { .. } => self,
            Self::Open { since_ms } => Self::Open { since_ms: since_ms.min(now_ms) },
            Self::HalfOpen { since_ms, probes, successes } => {
                Self::HalfOpen { since_ms: since_ms.min(now_ms), probes, successes }
            }
        }
    }

    /// Asks to make one call.
    pub fn permit(self, rules: &BreakerRules, now_ms: i64) -> Result<Self, BreakerOpen> {
        match self {
            Self::Closed { .. } => Ok(self),
            Self::Open { since_ms } => {
                let waited_ms = now_ms.saturating_sub(since_ms);
                if waited_ms < rules.recovery_ms {
                    return Err(BreakerOpen { retry_after_ms: rules.recovery_ms.saturating_sub(waited_ms) });
                }
                Ok(Self::HalfOpen { since_ms: now_ms, probes: 1, successes: 0 })
            }
            Self::HalfOpen { since_ms, probes, successes } if probes < rules.half_open_calls_max => {
                Ok(Self::HalfOpen { since_ms, probes: probes + 1, successes })
            }
            // Probes whose answer never came back must not keep the door shut for good.
            Self::HalfOpen { since_ms, .. } if now_ms.saturating_sub(since_ms) >= rules.recovery_ms => {
                Ok(Self::HalfOpen { since_ms: now_ms, probes: 1, successes: 0 })
            }
            Self::HalfOpen { since_ms, .. } => {
                let waited_ms = now_ms.saturating_sub(since_ms);
                Err(BreakerOpen { retry_after_ms: rules.recovery_ms.saturating_sub(waited_ms) })
            }
        }
    }

    /// A call that was let through came back well.
    #[must_use]
    pub fn succeeded(self, rules: &BreakerRules) -> Self {
        match self {
            Self::Closed { .. } => Self::Closed { faults: 0 },
            // An answer that left before the breaker opened says nothing about now.
            Self::Open { .. } => self,
            Self::HalfOpen { since_ms, probes, successes } => {
                let successes = successes + 1;
                if successes >= rules.half_open_calls_max {
                    Self::Closed { faults: 0 }
                } else {
                    Self::HalfOpen { since_ms, probes, successes }
                }
            }
        }
    }

    /// A call that was let through met a fault of the dependency.
    #[must_use]
    pub fn failed(self, rules: &BreakerRules, now_ms: i64) -> Self {
        match self {
            Self::Closed { faults } if faults + 1 < rules.failure_threshold => {
                Self::Closed { faults: faults + 1 }
            }
            Self::Closed { .. } | Self::HalfOpen { .. } => Self::Open { since_ms: now_ms },
            Self::Open { .. } => self,
        }
    }

    /// What becomes of it when another daemon of the fleet has moved its own from `before` to `heard`. What answers us is not
    /// away, whatever has cut somebody else off from it; otherwise one that was burned keeps all away, one that probes does it
    /// for all, and one whose probes came back well opens the way for all.
    #[must_use]
    pub fn hearing(self, before: Self, heard: Self, answers_us: bool, rules: &BreakerRules) -> Self {
        match (self, heard) {
            (Self::Closed { .. } | Self::HalfOpen { .. }, Self::Open { .. }) if answers_us => self,
            (Self::Open { since_ms: ours_ms }, Self::Open { since_ms }) => {
                Self::Open { since_ms: ours_ms.max(since_ms) }
            }
            // The rest is news only where the word is another: everybody counts their own faults and probes.
            _ if heard.word() == before.word() => self,
            (Self::Closed { .. } | Self::HalfOpen { .. }, Self::Open { .. }) => heard,
            (Self::Open { .. }, Self::HalfOpen { since_ms, .. }) => {
                Self::HalfOpen { since_ms, probes: rules.half_open_calls_max, successes: 0 }
            }
            (Self::Open { .. } | Self::HalfOpen { .. }, Self::Closed { .. }) => Self::default(),
            // Whoever did not stay away does not begin to because another tries it again.
            (Self::Closed { .. }, Self::Closed { .. } | Self::HalfOpen { .. })
            | (Self::HalfOpen { .. }, Self::HalfOpen { .. }) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: BreakerRules =
        BreakerRules { failure_threshold: 5, recovery_ms: 300_000, half_open_calls_max: 3 };

    /// F000-18, word for word: 5 faults → open; after 300 s at most 3 probes; 3 successes → closed; 1 failure → open.
    #[test]
    fn five_faults_open_it_and_three_probes_close_it() {
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker = breaker.failed(&RULES, 0);
        }
        assert_eq!(breaker.word(), "closed");
        breaker = breaker.failed(&RULES, 0);
        assert_eq!(breaker, Breaker::Open { since_ms: 0 });
        assert_eq!(breaker.permit(&RULES, 299_999), Err(BreakerOpen { retry_after_ms: 1 }));
        for _ in 0..3 {
            breaker = breaker.permit(&RULES, 300_000).unwrap();
        }
        assert!(breaker.permit(&RULES, 300_001).is_err());
        assert_eq!(breaker.failed(&RULES, 300_002), Breaker::Open { since_ms: 300_002 });
        for _ in 0..3 {
            breaker = breaker.succeeded(&RULES);
        }
        assert_eq!(breaker, Breaker::Closed { faults: 0 });
    }

    #[test]
    fn a_probe_that_never_answers_does_not_shut_the_door_for_good() {
        let mut breaker = Breaker::Open { since_ms: 0 };
        for _ in 0..3 {
            breaker = breaker.permit(&RULES, 300_000).unwrap();
        }
        assert!(breaker.permit(&RULES, 599_999).is_err());
        assert!(breaker.permit(&RULES, 600_000).is_ok());
    }

    /// One daemon that is cut off does not keep those away whom the dependency answers; those who know nothing believe it.
    #[test]
    fn what_answers_us_is_not_away_whatever_others_say() {
        let (closed, open) = (Breaker::Closed { faults: 1 }, Breaker::Open { since_ms: 7 });
        assert_eq!(closed.hearing(Breaker::default(), open, true, &RULES), closed);
        assert_eq!(closed.hearing(Breaker::default(), open, false, &RULES), open);
        assert_eq!(closed.hearing(open, open, false, &RULES), closed, "it is no news");
        let later = Breaker::Open { since_ms: 9 };
        assert_eq!(open.hearing(open, later, true, &RULES), later, "another's probe has failed");
        let probing = Breaker::HalfOpen { since_ms: 9, probes: 1, successes: 0 };
        assert_eq!(closed.hearing(open, probing, false, &RULES), closed, "somebody comes back from afar");
    }

    /// While one probes the others wait for what it finds, and do not wait for ever.
    #[test]
    fn one_probes_for_all() {
        let (open, probing) =
            (Breaker::Open { since_ms: 0 }, Breaker::HalfOpen { since_ms: 300_000, probes: 1, successes: 0 });
        let waiting = open.hearing(open, probing, false, &RULES);
        assert!(waiting.permit(&RULES, 300_001).is_err(), "the probes are the other's");
        assert!(waiting.permit(&RULES, 600_000).is_ok(), "one that died probing keeps nobody away for good");
        assert_eq!(waiting.hearing(probing, Breaker::default(), false, &RULES), Breaker::default());
        let failed = Breaker::Open { since_ms: 300_002 };
        assert_eq!(waiting.hearing(probing, failed, false, &RULES), failed);
    }

    proptest! {
        /// F000-18 against a reference that remembers the whole history instead of a state.
        #[test]
        fn it_agrees_with_a_reference_that_keeps_the_history(calls in prop::collection::vec((any::<bool>(), 0i64..120_000), 1..200)) {
            let (mut breaker, mut now) = (Breaker::default(), 0);
            let (mut faults_in_a_row, mut opened, mut probes): (u32, Option<i64>, Vec<bool>) = (0, None, Vec::new());
            for (success, pause) in calls {
                now += pause;
                let expected = opened.is_none_or(|since| now - since >= RULES.recovery_ms);
                let permitted = breaker.permit(&RULES, now);
                prop_assert_eq!(permitted.is_ok(), expected);
                let Ok(next) = permitted else { continue };
                breaker = if success { next.succeeded(&RULES) } else { next.failed(&RULES, now) };
                match (opened, success) {
                    (None, true) => faults_in_a_row = 0,
                    (None, false) => {
                        faults_in_a_row += 1;
                        if faults_in_a_row == 5 { opened = Some(now); faults_in_a_row = 0; }
                    }
                    (Some(_), false) => { opened = Some(now); probes.clear(); }
                    (Some(_), true) => {
                        probes.push(true);
                        if probes.len() == 3 { opened = None; probes.clear(); }
                    }
                }
            }
        }
    }
}
