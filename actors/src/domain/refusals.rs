//! Refusals at the doors for the journal: one record for each who, what and why in a minute, with how often it happened.
//!
//! A flood of wrong credentials must not become a flood of records. Where more is refused at once than is noted one by one, the rest is
//! one record more of its kind.

use super::journal::{Body, BodyError, Cause};
use super::rates::WINDOW_MS;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// So many are noted one by one; what is beyond them is noted together.
pub const OPEN_REFUSALS_MAX: usize = 64;

/// What those beyond [`OPEN_REFUSALS_MAX`] are called.
const OTHERS: &str = "others";

/// What was refused, as the journal calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalKind {
    /// A credential was not believed, or none was shown (F000-13).
    AuthenticationFailed,
    /// Somebody asked for what they may not have (F000-13).
    AuthorizationDenied,
    /// Something that nobody does by mistake: a request that came before, a key from outside its networks (F004-29).
    SuspiciousActivity,
}

impl RefusalKind {
    /// Every kind.
    pub const ALL: [Self; 3] =
        [Self::AuthenticationFailed, Self::AuthorizationDenied, Self::SuspiciousActivity];

    /// The journal's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::AuthenticationFailed => "authentication_failed",
            Self::AuthorizationDenied => "authorization_denied",
            Self::SuspiciousActivity => "suspicious_activity",
        }
    }
}

/// What is noted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// What it was.
    pub kind: RefusalKind,
    /// Who, where that is known; else the address, as rates know it.
    pub principal: String,
    /// What they wanted, by the route's action.
    pub action: &'static str,
    /// The permission that was asked of them.
    pub permission: Option<&'static str>,
    /// Why not, in a word.
    pub reason: &'static str,
}

impl Refusal {
    /// What the rest of its kind is noted as.
    fn others(kind: RefusalKind) -> Self {
        Self { kind, principal: OTHERS.to_owned(), action: OTHERS, permission: None, reason: OTHERS }
    }
}

/// Refusals of one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Which.
    pub refusal: Refusal,
    /// The first request of them.
    pub cause: Cause,
    /// How often.
    pub count: u64,
    /// The first of them, unix ms.
    pub since_ms: i64,
    /// The last of them, unix ms.
    pub until_ms: i64,
}

impl Noted {
    /// What the journal says.
    ///
    /// # Errors
    /// None of what is noted is beyond JSON.
    pub fn body(&self) -> Result<Body, BodyError> {
        let Refusal { principal, action, permission, reason, .. } = &self.refusal;
        let told: [(&str, Value); 7] = [
            ("principal", json!(principal)),
            ("action", json!(action)),
            ("permission", json!(permission)),
            ("reason", json!(reason)),
            ("count", json!(self.count)),
            ("since_ms", json!(self.since_ms)),
            ("until_ms", json!(self.until_ms)),
        ];
        let mut body: Map<_, _> = told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.cause.tell(&mut body);
        Body::from_value(&Value::Object(body))
    }
}

/// Refusals that are not written down yet.
#[derive(Debug, Default)]
pub struct RefusalBook {
    open: BTreeMap<Refusal, (u64, Noted)>,
}

impl RefusalBook {
    /// Notes one: at so many ms since the clock's zero, and at this date (unix ms).
    pub fn note(&mut self, refusal: Refusal, cause: &Cause, now_ms: u64, at_ms: i64) {
        let is_full = self.open.len() >= OPEN_REFUSALS_MAX && !self.open.contains_key(&refusal);
        let refusal = if is_full { Refusal::others(refusal.kind) } else { refusal };
        let (_, noted) = self.open.entry(refusal.clone()).or_insert_with(|| {
            let cause = cause.clone();
            (now_ms, Noted { refusal, cause, count: 0, since_ms: at_ms, until_ms: at_ms })
        });
        noted.count += 1;
        noted.until_ms = noted.until_ms.max(at_ms);
    }

    /// Those whose minute is over; all of them where the house closes.
    #[must_use]
    pub fn due(&self, now_ms: u64, all: bool) -> Vec<Noted> {
        let is_due = |since_ms: &u64| all || now_ms.saturating_sub(*since_ms) >= WINDOW_MS;
        let due = self.open.values().filter(|(since_ms, _)| is_due(since_ms));
        due.map(|(_, noted)| noted.clone()).collect()
    }

    /// They stand in the journal. What came in meanwhile begins a minute of its own.
    pub fn written(&mut self, noted: &[Noted], now_ms: u64) {
        for written in noted {
            let Some((since_ms, open)) = self.open.get_mut(&written.refusal) else { continue };
            open.count = open.count.saturating_sub(written.count);
            (*since_ms, open.since_ms) = (now_ms, written.until_ms);
            if open.count == 0 {
                self.open.remove(&written.refusal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::journal::CorrelationId;

    fn request(id: &str) -> Cause {
        Cause { correlation_id: CorrelationId::parse(id), ..Cause::nobody() }
    }

    fn wrong(principal: &str) -> Refusal {
        Refusal {
            kind: RefusalKind::AuthenticationFailed,
            principal: principal.to_owned(),
            action: "payout_read",
            permission: Some("payout:read"),
            reason: "wrong_secret",
        }
    }

    /// The fear: whoever tries a million credentials from a million addresses fills the journal.
    #[test]
    fn a_flood_is_a_few_records_that_say_how_many() {
        let mut book = RefusalBook::default();
        for number in 0..10_000_u64 {
            book.note(wrong(&format!("address {number}")), &request("r"), number, 0);
        }
        assert!(book.due(WINDOW_MS - 1, false).is_empty());
        let due = book.due(0, true);
        assert_eq!(due.len(), OPEN_REFUSALS_MAX + 1);
        assert_eq!(due.iter().map(|noted| noted.count).sum::<u64>(), 10_000);
        let others = due.iter().find(|noted| noted.refusal.principal == "others").unwrap();
        assert_eq!(others.count, 10_000 - OPEN_REFUSALS_MAX as u64);
        book.written(&due, 10_000);
        assert!(book.due(u64::MAX, true).is_empty());
    }

    #[test]
    fn what_comes_in_while_a_record_is_written_is_not_lost() {
        let mut book = RefusalBook::default();
        book.note(wrong("x"), &request("first"), 0, 1_000);
        book.note(wrong("x"), &request("second"), 1, 2_000);
        let due = book.due(WINDOW_MS, false);
        assert_eq!(
            (due[0].count, due[0].cause.clone(), due[0].since_ms, due[0].until_ms),
            (2, request("first"), 1_000, 2_000)
        );
        book.note(wrong("x"), &request("third"), WINDOW_MS, 3_000);
        book.written(&due, WINDOW_MS);
        assert!(book.due(WINDOW_MS + 1, false).is_empty());
        let left = book.due(2 * WINDOW_MS, false);
        assert_eq!((left.len(), left[0].count), (1, 1));
    }
}
