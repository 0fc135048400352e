//! People: they are invited, choose a password, and are kept out again when somebody decides it (F003-16, D-68: nobody signs up).
//!
//! Each change is one change of the register, with its word in the journal; people are called by their ids there, never by the
//! name that they sign in with. The live entry decides what somebody may do, whatever they were shown or given before.

mod hashing;
mod link;
pub mod password;
mod person;

use std::{net::IpAddr, sync::Arc};

use payoutd_actors::{
    domain::{
        access::Role,
        identity::AccountId,
        journal::{Body, JournalDraft},
    },
    ports::{Clock, Entry, EntryKind, Register, RegisterChange, Registered, StoreFault},
    sessions::ended_at_ms,
};
use serde_json::{Value, json};
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::{
    hashing::{
        BCRYPT_BYTES_MAX, BCRYPT_COST_MAX, BCRYPT_COST_MIN, HASHES_AT_ONCE_MAX, HashFault, Hasher, LANES,
        MEMORY_KIB, PASSES, StoredHash, Verified, WAITING_MAX,
    },
    link::{LINKS_MAX, Link, SUBJECT_CHARS_MAX, link_id},
    password::PasswordPolicy,
    person::{
        Factor, INVITATION_MS, Invitation, NAME_CHARS_MAX, NotAName, PendingFactor, Person, SignInName,
        Standing, WrongCodes,
    },
};
use super::{
    api_key::is_key_id,
    known::Known,
    principal::{By, PERSON},
    slip::{Slip, SlipKind, fresh_id},
};

/// People of one page.
pub const PAGE_MAX: u32 = 100;
/// Invitations of one person that are looked at; there is one at a time.
const INVITATIONS_MAX: u32 = 16;

/// Who shall be invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// What they sign in with.
    pub name: String,
    /// What they are.
    pub role: String,
    /// Whose money they spend.
    pub account: String,
    /// The hash of the password that they have elsewhere: they need no invitation then.
    pub password_hash: Option<String>,
}

/// What somebody shall be from now on; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Post {
    /// What they are.
    pub role: Option<String>,
    /// Whose money they spend.
    pub account: Option<String>,
}

/// Somebody who was invited: the only moment in which the invitation's text is there.
#[derive(Debug)]
pub struct Invited {
    /// Who.
    pub person: Person,
    /// What they show to choose a password; `None` where they brought one along.
    pub text: Option<Zeroizing<String>>,
}

/// Why nothing was done.
#[derive(Debug, Clone, Error)]
pub enum PersonFault {
    /// What was asked for has mistakes: each with the field that it is in.
    #[error("{} mistakes in what was asked for", .0.len())]
    Invalid(Vec<(&'static str, String)>),
    /// There is no such person.
    #[error("there is no such person")]
    NotFound,
    /// The name is somebody's.
    #[error("somebody has this name already")]
    NameTaken,
    /// The invitation is none, was used, or its time is over.
    #[error("the invitation is not good")]
    NotInvited,
    /// They are kept out.
    #[error("this person is disabled: enable them first")]
    Disabled,
    /// Somebody was faster.
    #[error("somebody changed this person at the same moment: look again")]
    Outdated,
    /// The subject is somebody's.
    #[error("this subject of the issuer is linked to somebody else")]
    Linked,
    /// The subject is not theirs.
    #[error("this subject of the issuer is not linked to this person")]
    NotLinked,
    /// They have as many as they may.
    #[error("a person has {LINKS_MAX} links at most")]
    TooManyLinks,
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashFault),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// The people of a house.
pub struct People {
    register: Arc<dyn Register>,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
    policy: PasswordPolicy,
    known: Known<Person>,
    known_links: Known<Link>,
    known_end: Known<i64>,
}

impl People {
    /// The people of a register.
    #[must_use]
    pub fn new(
        register: Arc<dyn Register>,
        clock: Arc<dyn Clock>,
        hasher: Hasher,
        policy: PasswordPolicy,
    ) -> Self {
        let known = Known::new(EntryKind::Person, Person::of_entry);
        let known_links = Known::new(EntryKind::Link, Link::of_entry);
        let known_end = Known::new(EntryKind::Revocation, ended_at_ms);
        Self { register, clock, hasher, policy, known, known_links, known_end }
    }

    /// Invites somebody.
    ///
    /// # Errors
    /// See [`PersonFault`]; nothing was made.
    pub async fn invite(&self, invite: &Invite, by: &By) -> Result<Invited, PersonFault> {
        let now_ms = self.clock.now_ms();
        let mut person = self.read(invite, by, now_ms)?;
        if self.register.entry_named(EntryKind::Person, person.name.as_str()).await?.is_some() {
            return Err(PersonFault::NameTaken);
        }
        if person.password_hash.is_some() {
            let word = word("user_imported", &person, by, json!({}), now_ms)?;
            self.write(vec![person.entry()], Vec::new(), word, now_ms).await?;
            return Ok(Invited { person: written(person), text: None });
        }
        let (slip, invitation) = invitation_for(&mut person, now_ms)?;
        let word =
            word("user_invited", &person, by, json!({ "expires_at_ms": invitation.until_ms }), now_ms)?;
        self.write(vec![person.entry(), invitation.entry()], Vec::new(), word, now_ms).await?;
        Ok(Invited { person: written(person), text: Some(slip.expose(SlipKind::Invitation)) })
    }

    /// Invites somebody anew: an invitation that was there is good no more. Whoever has a password keeps it until they choose
    /// another; that is also how a forgotten one is replaced.
    ///
    /// # Errors
    /// See [`PersonFault`]; nothing was made.
    pub async fn invite_anew(&self, id: &str, by: &By) -> Result<Invited, PersonFault> {
        let now_ms = self.clock.now_ms();
        let mut person = self.view(id).await?;
        if person.standing() == Standing::Disabled {
            return Err(PersonFault::Disabled);
        }
        let gone = self.invitations_of(id).await?;
        let (slip, invitation) = invitation_for(&mut person, now_ms)?;
        let word =
            word("user_invited", &person, by, json!({ "expires_at_ms": invitation.until_ms }), now_ms)?;
        self.write(vec![person.entry(), invitation.entry()], gone, word, now_ms).await?;
        Ok(Invited { person: written(person), text: Some(slip.expose(SlipKind::Invitation)) })
    }

    /// Whoever shows an invitation chooses their password, and everything that they were given before opens nothing any more.
    ///
    /// # Errors
    /// See [`PersonFault`]. One answer for an invitation that is none, was used or is over.
    pub async fn accept(
        &self,
        text: &str,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<Person, PersonFault> {
        let now_ms = self.clock.now_ms();
        let slip = Slip::parse(SlipKind::Invitation, text).ok_or(PersonFault::NotInvited)?;
        let entry = self.register.entry(EntryKind::Invitation, slip.id()).await?;
        let invitation = entry.as_ref().and_then(Invitation::of_entry).ok_or(PersonFault::NotInvited)?;
        if !invitation.is_opened_by(&slip, now_ms) {
            return Err(PersonFault::NotInvited);
        }
        let mut person = self.person(&invitation.person).await?.ok_or(PersonFault::NotInvited)?;
        if person.standing() == Standing::Disabled {
            return Err(PersonFault::NotInvited);
        }
        let kind = if person.password_hash.is_none() { "user_joined" } else { "password_changed" };
        self.choose(&mut person, "password", password).await?;
        person.invited_until_ms = None;
        let by = By { name: name_of(&person.id), from };
        let word = word(kind, &person, &by, json!({ "by_invitation": true }), now_ms)?;
        let gone = vec![(EntryKind::Invitation, invitation.id, invitation.version)];
        self.write(vec![person.entry()], gone, word, now_ms).await?;
        Ok(written(person))
    }

    /// Keeps somebody out, at once, and takes back their invitation. Who is kept out stays so.
    ///
    /// # Errors
    /// See [`PersonFault`].
    pub async fn disable(&self, id: &str, by: &By) -> Result<Person, PersonFault> {
        let now_ms = self.clock.now_ms();
        let mut person = self.view(id).await?;
        if person.disabled_at_ms.is_some() {
            return Ok(person);
        }
        person.disabled_at_ms = Some(now_ms);
        person.end_everything(now_ms);
        person.invited_until_ms = None;
        let gone = self.invitations_of(id).await?;
        let word = word("user_disabled", &person, by, json!({}), now_ms)?;
        self.write(vec![person.entry()], gone, word, now_ms).await?;
        Ok(written(person))
    }

    /// Lets somebody in again. What they were given before stays worthless: they sign in anew.
    ///
    /// # Errors
    /// See [`PersonFault`].
    pub async fn enable(&self, id: &str, by: &By) -> Result<Person, PersonFault> {
        let now_ms = self.clock.now_ms();
        let mut person = self.view(id).await?;
        if person.disabled_at_ms.take().is_none() {
            return Ok(person);
        }
        let word = word("user_enabled", &person, by, json!({}), now_ms)?;
        self.write(vec![person.entry()], Vec::new(), word, now_ms).await?;
        Ok(written(person))
    }

    /// Gives somebody another role or account; it holds from their next request on.
    ///
    /// # Errors
    /// See [`PersonFault`].
    pub async fn post(&self, id: &str, post: &Post, by: &By) -> Result<Person, PersonFault> {
        let now_ms = self.clock.now_ms();
        let before = self.view(id).await?;
        let mut mistakes = Vec::new();
        let role = post.role.as_deref().and_then(|word| role_of(word, &mut mistakes));
        let account = post.account.as_deref().and_then(|name| account_of(name, &mut mistakes));
        if !mistakes.is_empty() {
            return Err(PersonFault::Invalid(mistakes));
        }
        let person = Person {
            role: role.unwrap_or(before.role),
            account: account.unwrap_or_else(|| before.account.clone()),
            ..before.clone()
        };
        if person == before {
            return Ok(person);
        }
        let old = json!({ "old_role": before.role.word(), "old_account": before.account.as_str() });
        let word = word("user_role_changed", &person, by, old, now_ms)?;
        self.write(vec![person.entry()], Vec::new(), word, now_ms).await?;
        Ok(written(person))
    }

    /// A person.
    ///
    /// # Errors
    /// See [`PersonFault`].
    pub async fn view(&self, id: &str) -> Result<Person, PersonFault> {
        self.person(id).await?.ok_or(PersonFault::NotFound)
    }

    /// People by their ids, those behind `after`, [`PAGE_MAX`] at most: of one account, or of all.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn views(
        &self,
        account: Option<&AccountId>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Person>, PersonFault> {
        let account = account.map(AccountId::as_str);
        let entries = self.register.entries(EntryKind::Person, account, after, limit.min(PAGE_MAX)).await?;
        Ok(entries.iter().filter_map(Person::of_entry).collect())
    }

    /// Whoever signs in with a name.
    pub(super) async fn named(&self, name: &SignInName) -> Result<Option<Person>, StoreFault> {
        let entry = self.register.entry_named(EntryKind::Person, name.as_str()).await?;
        Ok(entry.as_ref().and_then(Person::of_entry))
    }

    /// Whoever has an id, as they stand, or stood a moment ago.
    pub(super) async fn known(&self, id: &str) -> Result<Option<Person>, StoreFault> {
        self.known.find(&*self.register, id, self.clock.now_ms()).await
    }

    /// Somebody else has changed a person in this daemon.
    pub(super) fn forget(&self, id: &str) {
        self.known.forget(id);
    }

    /// Whoever has an id.
    pub(super) async fn found(&self, id: &str) -> Result<Option<Person>, StoreFault> {
        self.person(id).await
    }

    /// Whether a password is somebody's. Where there is nobody, or nobody with a password, the answer takes as long.
    pub(super) async fn verify(
        &self,
        person: Option<&Person>,
        password: &str,
    ) -> Result<Verified, HashFault> {
        // What is too long is nobody's password, after the same work.
        let (hash, password) = match password.len() > password::BYTES_MAX {
            true => (None, ""),
            false => (person.and_then(|person| person.password_hash.clone()), password),
        };
        self.hasher.verify(hash, password).await
    }

    /// Whoever has shown their password chooses another; everything that they were given before opens nothing any more.
    pub(super) async fn change_password(
        &self,
        mut person: Person,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<Person, PersonFault> {
        let now_ms = self.clock.now_ms();
        self.choose(&mut person, "new_password", password).await?;
        let by = By { name: name_of(&person.id), from };
        let word = word("password_changed", &person, &by, json!({ "by_invitation": false }), now_ms)?;
        self.write(vec![person.entry()], Vec::new(), word, now_ms).await?;
        Ok(written(person))
    }

    /// Everything that somebody was given opens nothing any more.
    pub(super) async fn revoke(&self, id: &str, by: &By) -> Result<Person, PersonFault> {
        let now_ms = self.clock.now_ms();
        let mut person = self.view(id).await?;
        person.end_everything(now_ms);
        let word = word("tokens_revoked", &person, by, json!({}), now_ms)?;
        self.write(vec![person.entry()], Vec::new(), word, now_ms).await?;
        Ok(written(person))
    }

    async fn person(&self, id: &str) -> Result<Option<Person>, StoreFault> {
        if !is_key_id(id) {
            return Ok(None);
        }
        let entry = self.register.entry(EntryKind::Person, id).await?;
        Ok(entry.as_ref().and_then(Person::of_entry))
    }

    /// Gives a person a password, and makes worthless what they were given before.
    async fn choose(
        &self,
        person: &mut Person,
        field: &'static str,
        password: &str,
    ) -> Result<(), PersonFault> {
        let accepted = self.policy.accept(password, &person.words()).map_err(|mistakes| {
            PersonFault::Invalid(mistakes.into_iter().map(|why| (field, why)).collect())
        })?;
        person.password_hash = Some(self.hasher.hash(accepted).await?);
        person.end_everything(self.clock.now_ms());
        Ok(())
    }

    async fn invitations_of(&self, id: &str) -> Result<Vec<(EntryKind, String, u32)>, StoreFault> {
        let entries = self.register.entries(EntryKind::Invitation, Some(id), "", INVITATIONS_MAX).await?;
        Ok(entries.into_iter().map(|entry| (entry.kind, entry.id, entry.version)).collect())
    }

    async fn write(
        &self,
        put: Vec<Entry>,
        remove: Vec<(EntryKind, String, u32)>,
        word: JournalDraft,
        now_ms: i64,
    ) -> Result<(), PersonFault> {
        let change = RegisterChange { put, remove, journal: vec![word], ..RegisterChange::default() };
        let changed: Vec<String> = change.put.iter().map(|entry| entry.id.clone()).collect();
        let registered = self.register.register(change, now_ms).await?;
        changed.iter().for_each(|id| self.known.forget(id));
        match registered {
            Registered::Done => Ok(()),
            Registered::Outdated | Registered::UsedBefore => Err(PersonFault::Outdated),
        }
    }

    /// Who shall be invited, read strictly; every mistake is named.
    fn read(&self, invite: &Invite, by: &By, now_ms: i64) -> Result<Person, PersonFault> {
        let mut mistakes = Vec::new();
        let name = SignInName::new(&invite.name).map_err(|why| mistakes.push(("name", why.to_string())));
        let role = role_of(&invite.role, &mut mistakes);
        let account = account_of(&invite.account, &mut mistakes);
        let hash = invite.password_hash.as_deref().map(StoredHash::brought_along).transpose();
        let hash = hash.map_err(|why| mistakes.push(("password_hash", why)));
        let (Ok(name), Some(role), Some(account), Ok(password_hash)) = (name, role, account, hash) else {
            return Err(PersonFault::Invalid(mistakes));
        };
        Ok(Person {
            id: fresh_id().ok_or(PersonFault::NoRandomness)?,
            name,
            role,
            account,
            password_hash,
            token_version: 0,
            created_at_ms: now_ms,
            created_by: by.name.clone(),
            disabled_at_ms: None,
            invited_until_ms: None,
            second_factor: None,
            pending_factor: None,
            wrong_codes: WrongCodes::default(),
            revoked_at_ms: None,
            version: 0,
        })
    }
}

/// What the journal, the logs and the rates call a person.
#[must_use]
pub fn name_of(id: &str) -> String {
    format!("{PERSON}{id}")
}

fn written(person: Person) -> Person {
    Person { version: person.version.saturating_add(1), ..person }
}

fn invitation_for(person: &mut Person, now_ms: i64) -> Result<(Slip, Invitation), PersonFault> {
    let slip = Slip::fresh().ok_or(PersonFault::NoRandomness)?;
    let until_ms = now_ms.saturating_add(INVITATION_MS);
    person.invited_until_ms = Some(until_ms);
    let invitation = Invitation::of(&slip, &person.id, until_ms);
    Ok((slip, invitation))
}

fn role_of(word: &str, mistakes: &mut Vec<(&'static str, String)>) -> Option<Role> {
    match word.parse() {
        Ok(Role::Service) => {
            mistakes.push(("role", "a service is a program: make it an API key".to_owned()));
            None
        }
        Ok(role) => Some(role),
        Err(why) => {
            let why: payoutd_actors::domain::access::NoSuchRole = why;
            mistakes.push(("role", why.to_string()));
            None
        }
    }
}

fn account_of(name: &str, mistakes: &mut Vec<(&'static str, String)>) -> Option<AccountId> {
    AccountId::new(name).map_err(|why| mistakes.push(("account", why.to_string()))).ok()
}

/// The journal's word about a person: never their name, which is an e-mail address more often than not.
fn word(
    kind: &'static str,
    person: &Person,
    by: &By,
    more: Value,
    now_ms: i64,
) -> Result<JournalDraft, PersonFault> {
    let mut body = json!({
        "user_id": person.id, "role": person.role.word(), "account": person.account.as_str(),
    });
    by.sign(&mut body);
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    let body = Body::of(&body).map_err(|why| StoreFault::Corrupt(why.to_string()))?;
    Ok(JournalDraft::new(now_ms, kind, body))
}
