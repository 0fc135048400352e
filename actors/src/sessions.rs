//! The end of every session of everybody (F001-06): one entry of the register, whose version grows with each end. A session remembers
//! the version that it began under, so that no clock decides which of them is older.

use crate::domain::journal::{Body, JournalDraft};
use crate::ports::{Entry, EntryKind, Register, RegisterChange, Registered, StoreFault};
use serde_json::{Value, json};

/// The entry's id. It is never forgotten: its version must not begin anew.
pub const EVERYTHING: &str = "everything";
/// A change that somebody else was faster with is tried so often.
const TRIES: usize = 5;

/// How often every session was ended: one that began under a smaller number is over.
///
/// # Errors
/// When the store does not answer.
pub async fn ends_of_every_session(register: &dyn Register) -> Result<u32, StoreFault> {
    let entry = register.entry(EntryKind::Revocation, EVERYTHING).await?;
    Ok(entry.map_or(0, |entry| entry.version))
}

/// When every session was ended last, unix ms: what others have given is told by their clocks alone.
#[must_use]
pub fn ended_at_ms(entry: &Entry) -> Option<i64> {
    let body: Value = serde_json::from_str(&entry.body).ok()?;
    body.get("at_ms")?.as_i64()
}

/// Ends every session; the journal hears of it with these facts.
///
/// # Errors
/// When the store does not answer, or others change the same without an end.
pub async fn end_every_session(
    register: &dyn Register,
    facts: &Value,
    now_ms: i64,
) -> Result<(), StoreFault> {
    let body = Body::of(facts).map_err(|why| StoreFault::Corrupt(why.to_string()))?;
    for _ in 0..TRIES {
        let entry = Entry {
            kind: EntryKind::Revocation,
            id: EVERYTHING.to_owned(),
            name: None,
            owner: None,
            version: ends_of_every_session(register).await?,
            body: json!({ "at_ms": now_ms }).to_string(),
            expires_at_ms: None,
        };
        let journal = vec![JournalDraft::new(now_ms, "tokens_revoked", body.clone())];
        let change = RegisterChange { put: vec![entry], journal, ..RegisterChange::default() };
        if register.register(change, now_ms).await? == Registered::Done {
            return Ok(());
        }
    }
    Err(StoreFault::Away("somebody else ends every session all the time".to_owned()))
}
