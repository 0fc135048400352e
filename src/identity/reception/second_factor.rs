//! Second factors at the reception: set up, shown at the sign-in, shown again before what is grave, given up (F004-07 to F004-12).
//!
//! A code of a step of time, and a backup code, is good once, however many show it at the same moment: what is used up is used up in
//! the same change of the register as what it lets somebody do. Whoever has the password alone can not give the factor up (D-38).

use std::net::IpAddr;

use payoutd_actors::{
    ports::{Entry, EntryKind, RegisterChange, Registered, Use},
    sessions::ends_of_every_session,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    AHEAD_MS_MAX, ISSUER, Reception, ReceptionFault, TRIES, Tokens, failure,
    session::{RefreshToken, Session},
    token_keys::TokenKind,
    word,
};
use crate::identity::{
    api_key::is_key_id,
    gatekeeper::Unknown,
    people::{Factor, PendingFactor, Person, PersonFault, Standing, Verified, WrongCodes},
    principal::{By, Means, Principal, place},
    second_factor::{
        backup_codes,
        totp::{self, DIGITS, TotpSecret},
    },
    slip::fresh_id,
};

/// The token between password and second factor is good for so long, ms (F004-12).
pub const INTERIM_MS: i64 = 5 * 60 * 1_000;
/// A factor that is being set up waits for its first code so long, ms (F004-11).
pub const PENDING_MS: i64 = 10 * 60 * 1_000;
/// A second factor is fresh for so long, ms (F001-09).
pub const FRESH_MS: i64 = 5 * 60 * 1_000;

/// A factor that is being set up: the only moment in which its secret is there.
#[derive(Debug)]
pub struct Enrolment {
    /// As a person types it into an app.
    pub secret: Zeroizing<String>,
    /// As an app reads it from a picture.
    pub uri: Zeroizing<String>,
    /// Until when its first code is waited for, unix ms.
    pub until_ms: i64,
}

/// Backup codes: the only moment in which they are there.
pub type BackupCodes = Vec<Zeroizing<String>>;

/// The claims of a token between password and second factor.
#[derive(Debug, Serialize, Deserialize)]
struct InterimClaims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    ver: u32,
}

/// A code that is right, and what is used up by it.
struct Proof {
    /// The step of time; nothing for a backup code.
    uses: Vec<Use>,
    /// Whose it is; for a backup code without it, and without codes that were wrong.
    person: Person,
    /// Whether the person is another by it.
    is_changed: bool,
    /// Which kind, for the journal.
    factor: &'static str,
}

impl Proof {
    /// Of this person, as they were before it.
    fn of(before: &Person, person: Person, uses: Vec<Use>, factor: &'static str) -> Self {
        let person = Person { wrong_codes: WrongCodes::default(), ..person };
        Self { uses, is_changed: person != *before, person, factor }
    }

    /// The person's entry, where the code has changed it.
    fn entry(&self) -> Option<Entry> {
        self.is_changed.then(|| self.person.entry())
    }
}

impl Reception {
    /// What somebody shows with their code who has shown their password.
    pub(super) fn interim(&self, person: &Person) -> Result<Zeroizing<String>, ReceptionFault> {
        let iat = self.clock.now_ms() / 1_000;
        let claims = InterimClaims {
            iss: ISSUER.to_owned(),
            aud: TokenKind::SecondFactor.audience().to_owned(),
            sub: person.id.clone(),
            iat,
            nbf: iat,
            exp: iat.saturating_add(INTERIM_MS / 1_000),
            jti: fresh_id().ok_or(ReceptionFault::Broken)?,
            ver: person.token_version,
        };
        self.keys.sign(TokenKind::SecondFactor, &claims).ok_or(ReceptionFault::Broken)
    }

    /// Whom a token between password and second factor is for, so that their tries are counted.
    ///
    /// # Errors
    /// When it is none, or its time is over.
    pub fn interim_of(&self, token: &str) -> Result<String, ReceptionFault> {
        self.read_interim(token).map(|claims| claims.sub)
    }

    /// Somebody who has shown their password shows their code, or a backup code.
    ///
    /// # Errors
    /// See [`ReceptionFault`]: one reason for a token that is none or was used, and a code that is not right.
    pub async fn finish_sign_in(
        &self,
        token: &str,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<Tokens, ReceptionFault> {
        let claims = self.read_interim(token)?;
        for _ in 0..TRIES {
            let now_ms = self.clock.now_ms();
            let person = self.people.found(&claims.sub).await?.ok_or(Unknown::WrongCode)?;
            if person.standing() != Standing::Active || person.token_version != claims.ver {
                return Err(Unknown::WrongCode.into());
            }
            let proof = self.prove(person, code, "login_failed", from).await?;
            let token = RefreshToken::fresh().ok_or(ReceptionFault::Broken)?;
            let ends_before = ends_of_every_session(&*self.register).await?;
            let begun = Session::begin(&token, &proof.person.id, claims.ver, ends_before, now_ms);
            let session = begun.with_second_factor(now_ms);
            let facts = json!({
                "user_id": proof.person.id, "session_id": session.id, "from": place(from), "factor": proof.factor,
            });
            let until_ms = claims.exp.saturating_mul(1_000);
            let once = Use { what: format!("interim:{}", claims.jti), until_ms };
            let change = RegisterChange {
                put: [Some(session.entry()), proof.entry()].into_iter().flatten().collect(),
                uses: proof.uses.iter().cloned().chain([once]).collect(),
                journal: vec![word("login_success", &facts, now_ms)?],
                ..RegisterChange::default()
            };
            match self.change(change, &proof.person.id, now_ms).await? {
                Registered::Done => {
                    self.familiar.note(&proof.person.id, from, now_ms);
                    return self.tokens(proof.person, session, &token, now_ms);
                }
                Registered::UsedBefore => return self.refuse_code(&proof.person, "login_failed", from).await,
                Registered::Outdated => {}
            }
        }
        Err(PersonFault::Outdated.into())
    }

    /// Somebody shows a fresh code in the session that they are in: what is grave is open to them for [`FRESH_MS`].
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn step_up(
        &self,
        principal: &Principal,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<i64, ReceptionFault> {
        let Means::Token { session_id, .. } = principal.means() else {
            return Err(Unknown::TokenNotOurs.into());
        };
        for _ in 0..TRIES {
            let now_ms = self.clock.now_ms();
            let person = self.myself(principal).await?;
            let entry = self.register.entry(EntryKind::Session, session_id).await?;
            let session = entry.as_ref().and_then(Session::of_entry).ok_or(Unknown::TokenRevoked)?;
            let proof = self.prove(person, code, "mfa_failed", from).await?;
            let session = session.with_second_factor(now_ms);
            let facts = json!({
                "user_id": proof.person.id, "session_id": session.id, "from": place(from), "factor": proof.factor,
            });
            let change = RegisterChange {
                put: [Some(session.entry()), proof.entry()].into_iter().flatten().collect(),
                uses: proof.uses.clone(),
                journal: vec![word("mfa_verified", &facts, now_ms)?],
                ..RegisterChange::default()
            };
            let registered = self.change(change, &proof.person.id, now_ms).await?;
            self.sessions.forget(session_id);
            match registered {
                Registered::Done => return Ok(now_ms.saturating_add(FRESH_MS)),
                Registered::UsedBefore => return self.refuse_code(&proof.person, "mfa_failed", from).await,
                Registered::Outdated => {}
            }
        }
        Err(PersonFault::Outdated.into())
    }

    /// Somebody begins to set up a factor, with their password once more: whoever has found an open session has not.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn enrol(
        &self,
        principal: &Principal,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<Enrolment, ReceptionFault> {
        let now_ms = self.clock.now_ms();
        let mut person = self.myself(principal).await?;
        self.must_know(&person, password, from).await?;
        if person.second_factor.is_some() {
            return Err(ReceptionFault::InTheWay("a second factor is set up already: give it up first"));
        }
        let secret = TotpSecret::fresh().ok_or(ReceptionFault::Broken)?;
        let sealed_secret = self.vault.seal(&place_of(&person.id), &secret.to_hex())?;
        let until_ms = now_ms.saturating_add(PENDING_MS);
        person.pending_factor = Some(PendingFactor { sealed_secret, until_ms });
        let facts = json!({ "user_id": person.id, "from": place(from) });
        self.put(&person, Vec::new(), "mfa_enrolling", &facts, from).await?;
        let uri = secret.uri(ISSUER, person.name.as_str());
        Ok(Enrolment { secret: secret.to_base32(), uri, until_ms })
    }

    /// The first code of a factor that is being set up: from now on it is asked for. Everything that the person was given before
    /// opens nothing any more.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn confirm(
        &self,
        principal: &Principal,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<BackupCodes, ReceptionFault> {
        let now_ms = self.clock.now_ms();
        let mut person = self.myself(principal).await?;
        let pending = person.pending_factor.take().filter(|pending| now_ms < pending.until_ms);
        let Some(pending) = pending else {
            return Err(ReceptionFault::InTheWay(
                "nothing waits to be confirmed: begin anew, it waits ten minutes",
            ));
        };
        let Some(once) = self.step_of(&person, &pending.sealed_secret, code, now_ms)? else {
            return self.refuse_code(&person, "mfa_failed", from).await;
        };
        let codes = backup_codes::fresh().ok_or(ReceptionFault::Broken)?;
        person.second_factor = Some(Factor {
            since_ms: now_ms,
            sealed_secret: pending.sealed_secret,
            backup_codes_sha256: digests(&codes),
        });
        person.end_everything(now_ms);
        let facts = json!({ "user_id": person.id, "from": place(from), "factor": "totp" });
        self.put(&person, vec![once], "mfa_enabled", &facts, from).await?;
        Ok(codes)
    }

    /// Somebody gives their factor up, with password and code (D-38).
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn give_up(
        &self,
        principal: &Principal,
        password: &str,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<(), ReceptionFault> {
        let person = self.myself(principal).await?;
        self.must_know(&person, password, from).await?;
        let proof = self.prove(person, code, "mfa_failed", from).await?;
        let mut person = Person { second_factor: None, ..proof.person };
        person.end_everything(self.clock.now_ms());
        let facts = json!({ "user_id": person.id, "from": place(from), "by": principal.name() });
        self.put(&person, proof.uses, "mfa_disabled", &facts, from).await
    }

    /// Ten new backup codes; those that were there are good no more.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn renew_backup_codes(
        &self,
        principal: &Principal,
        code: &str,
        from: Option<IpAddr>,
    ) -> Result<BackupCodes, ReceptionFault> {
        let person = self.myself(principal).await?;
        let proof = self.prove(person, code, "mfa_failed", from).await?;
        let codes = backup_codes::fresh().ok_or(ReceptionFault::Broken)?;
        let mut person = proof.person;
        if let Some(factor) = &mut person.second_factor {
            factor.backup_codes_sha256 = digests(&codes);
        }
        let facts = json!({ "user_id": person.id, "from": place(from) });
        self.put(&person, proof.uses, "mfa_backup_codes_renewed", &facts, from).await?;
        Ok(codes)
    }

    /// Somebody else takes away a factor whose owner has lost it; everything that they were given before opens nothing any more.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn reset_factor(&self, id: &str, by: &By) -> Result<Person, ReceptionFault> {
        let mut person = self.people.view(id).await?;
        if person.second_factor.take().is_none() {
            return Ok(person);
        }
        person.end_everything(self.clock.now_ms());
        person.wrong_codes = WrongCodes::default();
        let mut facts = json!({ "user_id": person.id });
        by.sign(&mut facts);
        self.put(&person, Vec::new(), "mfa_disabled", &facts, by.from).await?;
        Ok(self.people.view(id).await?)
    }

    /// Somebody, as they stand this moment.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn myself(&self, principal: &Principal) -> Result<Person, ReceptionFault> {
        let id = principal.person_id().ok_or(Unknown::TokenNotOurs)?;
        Ok(self.people.found(id).await?.ok_or(Unknown::TokenRevoked)?)
    }

    fn read_interim(&self, token: &str) -> Result<InterimClaims, ReceptionFault> {
        let claims: InterimClaims =
            self.keys.verify(TokenKind::SecondFactor, token).map_err(|_| Unknown::WrongCode)?;
        let now_ms = self.clock.now_ms();
        let is_over = now_ms >= claims.exp.saturating_mul(1_000);
        let is_early = claims.nbf.saturating_mul(1_000) > now_ms.saturating_add(AHEAD_MS_MAX);
        if is_over || is_early || !is_key_id(&claims.sub) || !is_key_id(&claims.jti) {
            return Err(Unknown::WrongCode.into());
        }
        Ok(claims)
    }

    /// Whether a code is somebody's, and was not used yet as far as is known: the register has the last word.
    async fn prove(
        &self,
        person: Person,
        code: &str,
        kind: &'static str,
        from: Option<IpAddr>,
    ) -> Result<Proof, ReceptionFault> {
        let digits = code.chars().filter(char::is_ascii_digit).count();
        let is_by_time = u32::try_from(digits).is_ok_and(|digits| digits == DIGITS)
            && code.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
        let now_ms = self.clock.now_ms();
        if is_by_time && now_ms < person.wrong_codes.closed_until_ms() {
            // Right or wrong: it is not looked at.
            return self.refuse_code(&person, kind, from).await;
        }
        match person.second_factor.clone() {
            None => {}
            Some(factor) if is_by_time => {
                if let Some(once) = self.step_of(&person, &factor.sealed_secret, code, now_ms)? {
                    return Ok(Proof::of(&person, person.clone(), vec![once], "totp"));
                }
            }
            Some(mut factor) => {
                if let Some(used) = backup_codes::place_of(code, &factor.backup_codes_sha256) {
                    factor.backup_codes_sha256.remove(used);
                    let without = Person { second_factor: Some(factor), ..person.clone() };
                    return Ok(Proof::of(&person, without, Vec::new(), "backup_code"));
                }
            }
        }
        self.count_wrong_code(&person.id, kind, from).await
    }

    /// A code that was wrong is counted with its person; three within five minutes ring. Where others are faster each time, those
    /// are counted.
    async fn count_wrong_code<T>(
        &self,
        person: &str,
        kind: &'static str,
        from: Option<IpAddr>,
    ) -> Result<T, ReceptionFault> {
        let mut person = self.people.found(person).await?.ok_or(Unknown::WrongCode)?;
        for _ in 0..TRIES {
            let now_ms = self.clock.now_ms();
            let rings = person.wrong_codes.add(now_ms);
            let mut journal = vec![failure(kind, Some(&person), "second_factor", from, now_ms)?];
            if rings {
                let count = person.wrong_codes.count;
                let facts = json!({ "user_id": person.id, "count": count, "from": place(from) });
                journal.push(word("mfa_guessed", &facts, now_ms)?);
            }
            let change = RegisterChange { put: vec![person.entry()], journal, ..RegisterChange::default() };
            if self.change(change, &person.id, now_ms).await? == Registered::Done {
                return Err(Unknown::WrongCode.into());
            }
            person = self.people.found(&person.id).await?.ok_or(Unknown::WrongCode)?;
        }
        self.refuse_code(&person, kind, from).await
    }

    /// The use of the step whose code this is.
    fn step_of(
        &self,
        person: &Person,
        sealed: &str,
        code: &str,
        now_ms: i64,
    ) -> Result<Option<Use>, ReceptionFault> {
        let secret = self.vault.open(&place_of(&person.id), sealed)?;
        let secret = TotpSecret::of_hex(&secret).ok_or(ReceptionFault::Broken)?;
        let step = secret.step_of(code, now_ms, self.skew_steps);
        Ok(step.map(|step| Use {
            what: format!("totp:{}:{step}", person.id),
            until_ms: totp::over_at_ms(step, self.skew_steps),
        }))
    }

    pub(super) async fn must_know(
        &self,
        person: &Person,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<(), ReceptionFault> {
        if self.people.verify(Some(person), password).await? == Verified::No {
            self.write_failure("login_failed", Some(person), "password", from).await?;
            return Err(Unknown::NoSuchSignIn.into());
        }
        Ok(())
    }

    /// The journal hears of a code that was used before, or not looked at.
    async fn refuse_code<T>(
        &self,
        person: &Person,
        kind: &'static str,
        from: Option<IpAddr>,
    ) -> Result<T, ReceptionFault> {
        self.write_failure(kind, Some(person), "second_factor", from).await?;
        Err(Unknown::WrongCode.into())
    }

    async fn put(
        &self,
        person: &Person,
        uses: Vec<Use>,
        kind: &'static str,
        facts: &serde_json::Value,
        from: Option<IpAddr>,
    ) -> Result<(), ReceptionFault> {
        let now_ms = self.clock.now_ms();
        let journal = vec![word(kind, facts, now_ms)?];
        let change = RegisterChange { put: vec![person.entry()], uses, journal, ..RegisterChange::default() };
        match self.change(change, &person.id, now_ms).await? {
            Registered::Done => Ok(()),
            Registered::UsedBefore => self.refuse_code(person, "mfa_failed", from).await,
            Registered::Outdated => Err(PersonFault::Outdated.into()),
        }
    }

    async fn change(
        &self,
        change: RegisterChange,
        person: &str,
        now_ms: i64,
    ) -> Result<Registered, ReceptionFault> {
        let registered = self.register.register(change, now_ms).await?;
        self.people.forget(person);
        Ok(registered)
    }
}

fn digests(codes: &BackupCodes) -> Vec<String> {
    codes.iter().filter_map(|code| backup_codes::digest(code)).collect()
}

/// Where the vault keeps somebody's secret.
fn place_of(person: &str) -> String {
    format!("person/{person}/totp")
}
