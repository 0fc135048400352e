//! The reception: people sign in here, get tokens, renew them and give them back (F001-03 to F001-07, F003-02, F003-07).
//!
//! - Whoever is not let in hears one and the same, after the same work, whether there is such a person or not.
//! - An access token is signed and short-lived, and what it says decides nothing: person, session and what was revoked are looked up,
//!   50 ms old at most. A person who is shown out is out on every daemon within 100 ms (F001-06).
//! - A refresh token is good once. A copy ends its session ([`session`]).
//!
//! Each change is one change of the register, with its word in the journal.

mod familiar;
mod revocation;
pub mod second_factor;
pub mod session;
pub mod token_keys;

use std::{net::IpAddr, sync::Arc};

use payoutd_actors::{
    domain::{
        access::Permission,
        journal::{Body, JournalDraft},
    },
    ports::{Clock, EntryKind, Register, RegisterChange, Registered, StoreFault},
    rate_limiter::Trial,
    sessions::{EVERYTHING, ends_of_every_session},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;
use zeroize::Zeroizing;

use self::{
    familiar::Familiar,
    session::{Refresh, RefreshToken, Session},
    token_keys::{ISSUER, TokenKeys, TokenKind},
};
use super::{
    api_key::is_key_id,
    gatekeeper::Unknown,
    known::Known,
    people::{HashFault, People, Person, PersonFault, SignInName, Standing, Verified, name_of},
    principal::{Means, Principal, place},
    slip::fresh_id,
    vault::{Vault, VaultError},
};

/// An access token is good for so long at most, ms: an hour (F001-04).
pub const ACCESS_MS_MAX: i64 = 60 * 60 * 1_000;
/// A token may come from a daemon whose clock is ahead by so much, ms.
const AHEAD_MS_MAX: i64 = 5_000;
/// A change that somebody else was faster with is tried so often.
const TRIES: usize = 5;

/// What a signed-in person holds: the only moment in which the texts are there.
#[derive(Debug)]
pub struct Tokens {
    /// Opens the API.
    pub access: Zeroizing<String>,
    /// The access token's id, by which it can be revoked.
    pub access_id: String,
    /// For how long, ms.
    pub access_ms: i64,
    /// Gets the next pair, once.
    pub refresh: Zeroizing<String>,
    /// Until when, unix ms.
    pub refresh_until_ms: i64,
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub person: Person,
}

/// Whoever holds a good access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub person: Person,
    /// In which session.
    pub session: Session,
}

/// Why nobody was let in, or nothing was done.
#[derive(Debug, Clone, Error)]
pub enum ReceptionFault {
    /// Not believed, and why: for the log and the numbers, never for the caller.
    #[error("not believed: {}", .0.word())]
    Unknown(Unknown),
    /// What was asked for can not be done to this person.
    #[error(transparent)]
    Person(#[from] PersonFault),
    /// What was asked for has a mistake: the field that it is in, and which.
    #[error("{1}")]
    Invalid(&'static str, &'static str),
    /// Something that stands already is in the way.
    #[error("{0}")]
    InTheWay(&'static str),
    /// The master key does not open what was sealed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The system gives no randomness, or a key does not sign.
    #[error("a token could not be made")]
    Broken,
}

impl From<Unknown> for ReceptionFault {
    fn from(why: Unknown) -> Self {
        Self::Unknown(why)
    }
}

impl From<StoreFault> for ReceptionFault {
    fn from(fault: StoreFault) -> Self {
        Self::Person(fault.into())
    }
}

impl From<HashFault> for ReceptionFault {
    fn from(fault: HashFault) -> Self {
        Self::Person(fault.into())
    }
}

/// The claims of an access token (F001-03). Role and permissions are for whoever reads the token; nobody here asks them.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    /// The session.
    sid: String,
    /// The person's token version.
    ver: u32,
    #[serde(default, skip_deserializing)]
    role: &'static str,
    #[serde(default, skip_deserializing)]
    permissions: Vec<&'static str>,
    #[serde(default, skip_deserializing)]
    scope: String,
}

/// How the reception is furnished.
#[derive(Debug)]
pub struct ReceptionSettings {
    /// What signs tokens.
    pub keys: TokenKeys,
    /// What seals the secrets of second factors.
    pub vault: Vault,
    /// How long an access token is good, ms; [`ACCESS_MS_MAX`] at most.
    pub access_ms: i64,
    /// How many steps of time a code may be early or late.
    pub skew_steps: i64,
}

/// What a sign-in has led to.
#[derive(Debug)]
pub enum SignedIn {
    /// All was shown that is asked for.
    Done(Box<Tokens>),
    /// The password was right; a second factor is asked for. What is shown with it.
    SecondFactorWanted(Zeroizing<String>),
}

/// The reception.
pub struct Reception {
    people: Arc<People>,
    register: Arc<dyn Register>,
    clock: Arc<dyn Clock>,
    keys: TokenKeys,
    vault: Vault,
    access_ms: i64,
    skew_steps: i64,
    sessions: Known<Session>,
    /// What was revoked, and how often.
    revoked: Known<u32>,
    familiar: Familiar,
}

/// Whoever a sign-in names: somebody, or nobody. Debug tells neither.
pub struct Caller {
    person: Option<Person>,
    /// What tries of this name are counted by; `None` for a text that is no name.
    counted: Option<Counted>,
}

/// What tries of a name are counted by.
enum Counted {
    Somebody(String),
    Nobody(SignInName),
}

impl Reception {
    /// The reception of a house's people.
    #[must_use]
    pub fn new(
        people: Arc<People>,
        register: Arc<dyn Register>,
        clock: Arc<dyn Clock>,
        settings: ReceptionSettings,
    ) -> Self {
        let ReceptionSettings { keys, vault, access_ms, skew_steps } = settings;
        Self {
            people,
            register,
            clock,
            keys,
            vault,
            access_ms: access_ms.min(ACCESS_MS_MAX),
            skew_steps,
            sessions: Known::new(EntryKind::Session, Session::of_entry),
            revoked: Known::new(EntryKind::Revocation, |entry| Some(entry.version)),
            familiar: Familiar::default(),
        }
    }

    /// The house's time, unix ms.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The public halves of the keys.
    #[must_use]
    pub fn keys(&self) -> &TokenKeys {
        &self.keys
    }

    /// Whoever is meant by a name, whether anybody has it or not.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn caller(&self, name: &str) -> Result<Caller, ReceptionFault> {
        let Ok(name) = SignInName::new(name) else { return Ok(Caller { person: None, counted: None }) };
        let person = self.people.named(&name).await?;
        let counted = match &person {
            Some(person) => Counted::Somebody(name_of(&person.id)),
            None => Counted::Nobody(name),
        };
        Ok(Caller { person, counted: Some(counted) })
    }

    /// What a sign-in is counted as beside its address: nothing where its owner has signed in from there before, and nothing
    /// for what is no name.
    #[must_use]
    pub fn trial<'a>(&self, caller: &'a Caller, from: Option<IpAddr>) -> Option<Trial<'a>> {
        let is_familiar = caller.person.as_ref().is_some_and(|person| self.familiar.has(&person.id, from));
        match caller.counted.as_ref().filter(|_| !is_familiar)? {
            Counted::Somebody(name) => Some(Trial::Password(name)),
            Counted::Nobody(name) => Some(Trial::PasswordOfNobody(name.as_str())),
        }
    }

    /// Somebody signs in.
    ///
    /// # Errors
    /// See [`ReceptionFault`]: one reason for a name that nobody has, another password, and somebody who is kept out.
    pub async fn sign_in(
        &self,
        caller: Caller,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<SignedIn, ReceptionFault> {
        let person = caller.person;
        let verified = self.people.verify(person.as_ref(), password).await?;
        let person = person.filter(|person| person.standing() == Standing::Active);
        let (Some(person), Verified::Yes | Verified::YesMadeAnew(_)) = (&person, &verified) else {
            self.write_failure("login_failed", person.as_ref(), "password", from).await?;
            return Err(Unknown::NoSuchSignIn.into());
        };
        // A hash that is not of today is made anew with the sign-in; where somebody changes the person meanwhile, another time.
        let upgraded = match verified {
            Verified::YesMadeAnew(hash) => Some(Person { password_hash: Some(hash), ..person.clone() }),
            Verified::Yes | Verified::No => None,
        };
        if person.second_factor.is_some() {
            if let Some(upgraded) = upgraded {
                self.upgrade(&upgraded).await?;
            }
            return self.interim(person).map(SignedIn::SecondFactorWanted);
        }
        let tokens = match self.begin(person, upgraded, from).await? {
            Some(tokens) => tokens,
            None => self.begin(person, None, from).await?.ok_or(ReceptionFault::Broken)?,
        };
        Ok(SignedIn::Done(Box::new(tokens)))
    }

    /// Somebody shows a refresh token and gets the next pair.
    ///
    /// # Errors
    /// See [`ReceptionFault`]. A token that was used before ends its session; of several who show one at once, one gets the next.
    pub async fn refresh(&self, text: &str, from: Option<IpAddr>) -> Result<Tokens, ReceptionFault> {
        let now_ms = self.clock.now_ms();
        let token = RefreshToken::parse(text).ok_or(Unknown::NoSuchSession)?;
        let entry = self.register.entry(EntryKind::Session, token.session_id()).await?;
        let session = entry.as_ref().and_then(Session::of_entry).ok_or(Unknown::NoSuchSession)?;
        match session.judge(&token, now_ms) {
            Refresh::Present => {}
            Refresh::Foreign | Refresh::JustNow => return Err(Unknown::NoSuchSession.into()),
            Refresh::Used => {
                self.end(&session, "token_reuse", json!({ "from": place(from) }), now_ms).await?;
                return Err(Unknown::TokenReused.into());
            }
        }
        let person = self.people.found(&session.person).await?.ok_or(Unknown::NoSuchSession)?;
        self.must_hold(&person, &session, now_ms).await?;
        let next = token.next().ok_or(ReceptionFault::Broken)?;
        let session = session.refreshed(&next, now_ms);
        // A refresh is no event of its own: the journal has the sign-in and the end.
        let change = RegisterChange { put: vec![session.entry()], ..RegisterChange::default() };
        match self.register.register(change, now_ms).await? {
            Registered::Done => {
                self.sessions.forget(&session.id);
                self.tokens(person, session, &next, now_ms)
            }
            Registered::Outdated | Registered::UsedBefore => Err(Unknown::NoSuchSession.into()),
        }
    }

    /// Whoever holds an access token, if it is good now.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn holder_of(&self, token: &str) -> Result<(Holder, Means), ReceptionFault> {
        let now_ms = self.clock.now_ms();
        let claims: Claims = self.keys.verify(TokenKind::Access, token).map_err(|_| Unknown::TokenNotOurs)?;
        let expires_at_ms = claims.exp.saturating_mul(1_000);
        if now_ms >= expires_at_ms {
            return Err(Unknown::TokenExpired.into());
        }
        let begins_ms = claims.nbf.max(claims.iat).saturating_mul(1_000);
        let is_long = claims.exp.saturating_sub(claims.iat) > ACCESS_MS_MAX / 1_000;
        if begins_ms > now_ms.saturating_add(AHEAD_MS_MAX) || is_long {
            return Err(Unknown::TokenNotOurs.into());
        }
        if !is_key_id(&claims.sub) || !is_key_id(&claims.sid) || !is_key_id(&claims.jti) {
            return Err(Unknown::TokenNotOurs.into());
        }
        let holder = self.holder(&claims.sub, &claims.sid, Some(&claims.jti)).await?;
        if claims.ver != holder.person.token_version {
            return Err(Unknown::TokenRevoked.into());
        }
        let means = Means::Token {
            token_id: claims.jti,
            session_id: claims.sid,
            expires_at_ms,
            second_factor_at_ms: holder.session.second_factor_at_ms,
        };
        Ok((holder, means))
    }

    /// Whoever was let in by a token, if they would be let in again.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn holder_again(&self, principal: &Principal) -> Result<Holder, ReceptionFault> {
        let (Means::Token { token_id, session_id, expires_at_ms, .. }, Some(person)) =
            (principal.means(), principal.person_id())
        else {
            return Err(Unknown::TokenNotOurs.into());
        };
        if self.clock.now_ms() >= *expires_at_ms {
            return Err(Unknown::TokenExpired.into());
        }
        self.holder(person, session_id, Some(token_id)).await
    }

    /// Somebody ends their own session.
    ///
    /// # Errors
    /// When the store does not answer. A session that has ended already is none.
    pub async fn sign_out(&self, holder: &Holder) -> Result<(), ReceptionFault> {
        self.end(&holder.session, "logout", json!({}), self.clock.now_ms()).await
    }

    /// Somebody chooses another password; everything that they were given before opens nothing any more, this session among it.
    ///
    /// # Errors
    /// See [`ReceptionFault`].
    pub async fn change_password(
        &self,
        person: &str,
        old: &str,
        new: &str,
        from: Option<IpAddr>,
    ) -> Result<(), ReceptionFault> {
        let person = self.people.view(person).await?;
        self.must_know(&person, old, from).await?;
        self.people.change_password(person, new, from).await?;
        Ok(())
    }

    /// A hash that is made anew, before the sign-in is finished.
    async fn upgrade(&self, person: &Person) -> Result<(), ReceptionFault> {
        let change = RegisterChange { put: vec![person.entry()], ..RegisterChange::default() };
        self.register.register(change, self.clock.now_ms()).await?;
        self.people.forget(&person.id);
        Ok(())
    }

    async fn begin(
        &self,
        person: &Person,
        upgraded: Option<Person>,
        from: Option<IpAddr>,
    ) -> Result<Option<Tokens>, ReceptionFault> {
        let now_ms = self.clock.now_ms();
        let token = RefreshToken::fresh().ok_or(ReceptionFault::Broken)?;
        let ends_before = ends_of_every_session(&*self.register).await?;
        let session = Session::begin(&token, &person.id, person.token_version, ends_before, now_ms);
        let facts = json!({ "user_id": person.id, "session_id": session.id, "from": place(from) });
        let put = [Some(session.entry()), upgraded.map(|person| person.entry())];
        let change = RegisterChange {
            put: put.into_iter().flatten().collect(),
            journal: vec![word("login_success", &facts, now_ms)?],
            ..RegisterChange::default()
        };
        match self.register.register(change, now_ms).await? {
            Registered::Done => {
                self.people.forget(&person.id);
                self.familiar.note(&person.id, from, now_ms);
                self.tokens(person.clone(), session, &token, now_ms).map(Some)
            }
            Registered::Outdated | Registered::UsedBefore => Ok(None),
        }
    }

    fn tokens(
        &self,
        person: Person,
        session: Session,
        token: &RefreshToken,
        now_ms: i64,
    ) -> Result<Tokens, ReceptionFault> {
        let (iat, jti) = (now_ms / 1_000, fresh_id().ok_or(ReceptionFault::Broken)?);
        let grants = person.role.grants();
        let permissions: Vec<_> = grants.iter().map(|grant| grant.permission.word()).collect();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: TokenKind::Access.audience().to_owned(),
            sub: person.id.clone(),
            iat,
            nbf: iat,
            exp: iat.saturating_add(self.access_ms / 1_000),
            jti: jti.clone(),
            sid: session.id.clone(),
            ver: person.token_version,
            role: person.role.word(),
            scope: permissions.join(" "),
            permissions,
        };
        let access = self.keys.sign(TokenKind::Access, &claims).ok_or(ReceptionFault::Broken)?;
        Ok(Tokens {
            access,
            access_id: jti,
            access_ms: self.access_ms,
            refresh: token.expose(),
            refresh_until_ms: session.ends_at_ms(),
            session,
            person,
        })
    }

    /// A person in a session, as they stand, or stood a moment ago.
    async fn holder(
        &self,
        person: &str,
        session: &str,
        token: Option<&str>,
    ) -> Result<Holder, ReceptionFault> {
        let now_ms = self.clock.now_ms();
        let register = &*self.register;
        let session = self.sessions.find(register, session, now_ms).await?.ok_or(Unknown::TokenRevoked)?;
        let person = self.people.known(person).await?.ok_or(Unknown::TokenRevoked)?;
        if session.person != person.id {
            return Err(Unknown::TokenRevoked.into());
        }
        self.must_hold(&person, &session, now_ms).await?;
        if let Some(token) = token
            && self.revoked.find(register, token, now_ms).await?.is_some()
        {
            return Err(Unknown::TokenRevoked.into());
        }
        Ok(Holder { person, session })
    }

    /// Whether a session is still one.
    async fn must_hold(&self, person: &Person, session: &Session, now_ms: i64) -> Result<(), ReceptionFault> {
        let ends = self.revoked.find(&*self.register, EVERYTHING, now_ms).await?;
        let is_over = session.ends_before < ends.unwrap_or(0)
            || person.standing() != Standing::Active
            || session.token_version != person.token_version
            || now_ms >= session.ends_at_ms();
        if is_over { Err(Unknown::TokenRevoked.into()) } else { Ok(()) }
    }

    /// The journal hears of a secret that was wrong; of whom, where there is such a person.
    async fn write_failure(
        &self,
        kind: &'static str,
        person: Option<&Person>,
        factor: &str,
        from: Option<IpAddr>,
    ) -> Result<(), ReceptionFault> {
        let now_ms = self.clock.now_ms();
        let journal = vec![failure(kind, person, factor, from, now_ms)?];
        let change = RegisterChange { journal, ..RegisterChange::default() };
        self.register.register(change, now_ms).await?;
        Ok(())
    }
}

impl Holder {
    /// Whoever was let in by a token: what they may do is what they are now, whatever the token says.
    pub(super) fn principal(&self, means: Means) -> Principal {
        let Person { id, account, role, .. } = &self.person;
        Principal::person(id, account.clone(), *role, role.grants(), means)
    }

    /// What they may do.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        self.person.role.grants().iter().map(|grant| grant.permission).collect()
    }
}

/// What is told of a secret that was wrong.
fn failure(
    kind: &'static str,
    person: Option<&Person>,
    factor: &str,
    from: Option<IpAddr>,
    now_ms: i64,
) -> Result<JournalDraft, StoreFault> {
    let user_id = person.map(|person| person.id.as_str());
    word(kind, &json!({ "user_id": user_id, "factor": factor, "from": place(from) }), now_ms)
}

fn word(kind: &'static str, facts: &Value, now_ms: i64) -> Result<JournalDraft, StoreFault> {
    let body = Body::of(facts).map_err(|why| StoreFault::Corrupt(why.to_string()))?;
    Ok(JournalDraft::new(now_ms, kind, body))
}
