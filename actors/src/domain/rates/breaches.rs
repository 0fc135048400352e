//! Breaches for the journal: one record for each principal and policy in a minute, with how often it happened (F004-05).
//!
//! A flood of refusals must not become a flood of records. Where more principals breach at once than are noted one by one, the rest
//! is one record more.

use super::policy::{PolicyName, RateClass};
use super::whom::{Principal, Whom};
use super::window::WINDOW_MS;
use std::collections::BTreeMap;

/// So many principals and policies are noted one by one; what is beyond them is noted together.
pub const OPEN_BREACHES_MAX: usize = 64;

/// What is noted together.
type Subject = Option<(Principal, PolicyName, RateClass)>;

/// Refusals of one minute, for the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    subject: Subject,
    /// Who, for people; `others` for those beyond [`OPEN_BREACHES_MAX`].
    pub whom: String,
    /// Which policy refused, and what was asked for; absent for the others.
    pub measured: Option<(PolicyName, RateClass)>,
    /// How often.
    pub count: u64,
    /// The first of them, unix ms.
    pub since_ms: i64,
    /// The last of them, unix ms.
    pub until_ms: i64,
}

/// What the others are called.
const OTHERS: &str = "others";

/// Breaches that are not written down yet.
#[derive(Debug, Default)]
pub struct Breaches {
    open: BTreeMap<Subject, (u64, Breach)>,
}

impl Breaches {
    /// Notes one refusal: at so many ms since the clock's zero, and at this date (unix ms).
    pub fn note(
        &mut self,
        principal: Principal,
        whom: &Whom,
        measured: (PolicyName, RateClass),
        now_ms: u64,
        at_ms: i64,
    ) {
        let own = Some((principal, measured.0, measured.1));
        let is_full = self.open.len() >= OPEN_BREACHES_MAX && !self.open.contains_key(&own);
        let subject = own.filter(|_| !is_full);
        let (_, breach) = self.open.entry(subject).or_insert_with(|| {
            let whom = if is_full { OTHERS.to_owned() } else { whom.to_string() };
            let measured = subject.map(|_| measured);
            (now_ms, Breach { subject, whom, measured, count: 0, since_ms: at_ms, until_ms: at_ms })
        });
        breach.count += 1;
        breach.until_ms = breach.until_ms.max(at_ms);
    }

    /// Those whose minute is over; all of them where the house closes.
    #[must_use]
    pub fn due(&self, now_ms: u64, all: bool) -> Vec<Breach> {
        let is_due = |since_ms: &u64| all || now_ms.saturating_sub(*since_ms) >= WINDOW_MS;
        self.open
            .values()
            .filter(|(since_ms, _)| is_due(since_ms))
            .map(|(_, breach)| breach.clone())
            .collect()
    }

    /// They stand in the journal. What came in meanwhile begins a minute of its own.
    pub fn written(&mut self, breaches: &[Breach], now_ms: u64) {
        for written in breaches {
            let Some((since_ms, open)) = self.open.get_mut(&written.subject) else { continue };
            open.count = open.count.saturating_sub(written.count);
            (*since_ms, open.since_ms) = (now_ms, written.until_ms);
            if open.count == 0 {
                self.open.remove(&written.subject);
            }
        }
    }
}
