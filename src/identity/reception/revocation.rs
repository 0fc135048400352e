//! What was given at the reception ends before its time: a session, a token, everything of a person, everything of everybody (F001-06).
//!
//! Promises: whatever ends here is in the journal in the same change, and opens nothing any more on any daemon within 100 ms.

use payoutd_actors::{
    ports::{Entry, EntryKind, RegisterChange, Registered},
    sessions::{EVERYTHING, end_every_session},
};
use serde_json::{Value, json};

use super::{ACCESS_MS_MAX, Reception, ReceptionFault, TRIES, session::Session, word};
use crate::identity::{
    api_key::is_key_id,
    people::{Person, PersonFault},
    principal::By,
};

impl Reception {
    /// Ends everything that a person was given: every session, every token.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn revoke_person(&self, id: &str, by: &By) -> Result<Person, ReceptionFault> {
        Ok(self.people.revoke(id, by).await?)
    }

    /// Ends one access token, by its id. Its session goes on.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn revoke_token(&self, token_id: &str, by: &By) -> Result<(), ReceptionFault> {
        if !is_key_id(token_id) {
            return Err(ReceptionFault::Invalid(
                "token_id",
                "a token's id has 16 hex digits: its claim `jti`",
            ));
        }
        let mut facts = json!({ "token_id": token_id });
        by.sign(&mut facts);
        self.revoke(token_id, &facts).await
    }

    /// Ends every session and every token of everybody.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn revoke_everything(&self, by: &By) -> Result<(), ReceptionFault> {
        let mut facts = json!({ "everything": true });
        by.sign(&mut facts);
        end_every_session(&*self.register, &facts, self.clock.now_ms()).await?;
        self.revoked.forget(EVERYTHING);
        self.people.forget_end();
        Ok(())
    }

    /// Takes note of a token's end, until it would have ended by itself.
    async fn revoke(&self, id: &str, facts: &Value) -> Result<(), ReceptionFault> {
        for _ in 0..TRIES {
            let now_ms = self.clock.now_ms();
            let before = self.register.entry(EntryKind::Revocation, id).await?;
            let entry = Entry {
                kind: EntryKind::Revocation,
                id: id.to_owned(),
                name: None,
                owner: None,
                version: before.map_or(0, |entry| entry.version),
                body: "{}".to_owned(),
                expires_at_ms: Some(now_ms.saturating_add(2 * ACCESS_MS_MAX)),
            };
            let journal = vec![word("tokens_revoked", facts, now_ms)?];
            let change = RegisterChange { put: vec![entry], journal, ..RegisterChange::default() };
            if self.register.register(change, now_ms).await? == Registered::Done {
                self.revoked.forget(id);
                return Ok(());
            }
        }
        Err(PersonFault::Outdated.into())
    }

    /// Ends a session, whoever changes it meanwhile.
    pub(super) async fn end(
        &self,
        session: &Session,
        kind: &'static str,
        more: Value,
        now_ms: i64,
    ) -> Result<(), ReceptionFault> {
        let mut facts = json!({ "user_id": session.person, "session_id": session.id });
        if let (Some(facts), Value::Object(more)) = (facts.as_object_mut(), more) {
            facts.extend(more);
        }
        for _ in 0..TRIES {
            let Some(entry) = self.register.entry(EntryKind::Session, &session.id).await? else {
                return Ok(());
            };
            let change = RegisterChange {
                remove: vec![(entry.kind, entry.id, entry.version)],
                journal: vec![word(kind, &facts, now_ms)?],
                ..RegisterChange::default()
            };
            if self.register.register(change, now_ms).await? == Registered::Done {
                self.sessions.forget(&session.id);
                return Ok(());
            }
        }
        Err(PersonFault::Outdated.into())
    }
}
