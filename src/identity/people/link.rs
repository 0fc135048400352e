//! Links: which person of the house an issuer's subject is (F001-03). A subject is one person's; a person may have several.

use payoutd_actors::{
    domain::journal::JournalDraft,
    ports::{Entry, EntryKind, RegisterChange, Registered, StoreFault},
    sessions::EVERYTHING,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{super::principal::By, People, Person, PersonFault, word};

/// A longer subject is none (OpenID Connect Core §2).
pub const SUBJECT_CHARS_MAX: usize = 255;
/// Links that one person has.
pub const LINKS_MAX: u32 = 16;
/// Hex digits of a link's id.
const ID_DIGITS: usize = 32;

/// A link as the register has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    issuer: String,
    subject: String,
    linked_at_ms: i64,
    linked_by: String,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Made of issuer and subject: the journal calls it by this, for a subject may be an e-mail address.
    pub id: String,
    /// Whose it is, by id.
    pub person: String,
    /// The issuer.
    pub issuer: String,
    /// What the issuer calls them.
    pub subject: String,
    /// When it was made, unix ms.
    pub linked_at_ms: i64,
    /// By whom.
    pub linked_by: String,
    version: u32,
}

impl Link {
    pub(super) fn of_entry(entry: &Entry) -> Option<Self> {
        let Written { issuer, subject, linked_at_ms, linked_by } = serde_json::from_str(&entry.body).ok()?;
        let (id, person) = (entry.id.clone(), entry.owner.clone()?);
        Some(Self { id, person, issuer, subject, linked_at_ms, linked_by, version: entry.version })
    }

    fn entry(&self) -> Entry {
        let written = Written {
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            linked_at_ms: self.linked_at_ms,
            linked_by: self.linked_by.clone(),
        };
        Entry {
            kind: EntryKind::Link,
            id: self.id.clone(),
            name: None,
            owner: Some(self.person.clone()),
            version: self.version,
            // It is made of texts and numbers alone: writing it can not fail.
            body: serde_json::to_string(&written).unwrap_or_default(),
            expires_at_ms: None,
        }
    }
}

/// The id of the link between an issuer's subject and whoever it is here.
#[must_use]
pub fn link_id(issuer: &str, subject: &str) -> String {
    // A line feed stands in neither.
    let digest = hex::encode(Sha256::digest(format!("{issuer}\n{subject}").as_bytes()));
    digest.get(..ID_DIGITS).unwrap_or_default().to_owned()
}

/// Whether a text can be a subject.
fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

impl People {
    /// Says who an issuer's subject is.
    ///
    /// # Errors
    /// See [`PersonFault`]: a subject that is somebody's already stays theirs.
    pub async fn link(&self, id: &str, issuer: &str, subject: &str, by: &By) -> Result<Link, PersonFault> {
        if !is_subject(subject) {
            let why = format!("a subject has 1 to {SUBJECT_CHARS_MAX} characters of ASCII");
            return Err(PersonFault::Invalid(vec![("subject", why)]));
        }
        let (now_ms, link_id) = (self.clock.now_ms(), link_id(issuer, subject));
        let person = self.view(id).await?;
        let before = self.link_of(&link_id).await?;
        match &before {
            Some(link) if link.person == person.id => return Ok(link.clone()),
            Some(link) if self.found(&link.person).await?.is_some() => return Err(PersonFault::Linked),
            // Nobody's, or of somebody who was forgotten because they never came.
            _ => {}
        }
        if self.links(id).await?.len() >= LINKS_MAX as usize {
            return Err(PersonFault::TooManyLinks);
        }
        let link = Link {
            id: link_id,
            person: person.id.clone(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            linked_at_ms: now_ms,
            linked_by: by.name.clone(),
            version: before.map_or(0, |link| link.version),
        };
        let word = word("user_linked", &person, by, json!({ "issuer": issuer, "link_id": link.id }), now_ms)?;
        let put = RegisterChange { put: vec![link.entry()], ..RegisterChange::default() };
        match self.change_link(&link.id, put, word, now_ms).await? {
            Registered::Done => Ok(link),
            Registered::Outdated | Registered::UsedBefore => Err(PersonFault::Linked),
        }
    }

    /// Takes a link back: the issuer's subject is nobody from the next request on.
    ///
    /// # Errors
    /// See [`PersonFault`].
    pub async fn unlink(&self, id: &str, issuer: &str, subject: &str, by: &By) -> Result<(), PersonFault> {
        let now_ms = self.clock.now_ms();
        let person = self.view(id).await?;
        let link = self.link_of(&link_id(issuer, subject)).await?;
        let link = link.filter(|link| link.person == person.id).ok_or(PersonFault::NotLinked)?;
        let word =
            word("user_unlinked", &person, by, json!({ "issuer": issuer, "link_id": link.id }), now_ms)?;
        let remove = vec![(EntryKind::Link, link.id.clone(), link.version)];
        let change = RegisterChange { remove, ..RegisterChange::default() };
        match self.change_link(&link.id, change, word, now_ms).await? {
            Registered::Done => Ok(()),
            Registered::Outdated | Registered::UsedBefore => Err(PersonFault::Outdated),
        }
    }

    /// The links of a person.
    ///
    /// # Errors
    /// When there is no such person, or the store does not answer.
    pub async fn links(&self, id: &str) -> Result<Vec<Link>, PersonFault> {
        let person = self.view(id).await?;
        let entries = self.register.entries(EntryKind::Link, Some(&person.id), "", LINKS_MAX).await?;
        Ok(entries.iter().filter_map(Link::of_entry).collect())
    }

    /// Who an issuer's subject is, as it stands, or stood a moment ago; nobody, where nobody has said it.
    pub(in crate::identity) async fn linked(&self, link_id: &str) -> Result<Option<Person>, StoreFault> {
        let link = self.known_links.find(&*self.register, link_id, self.clock.now_ms()).await?;
        match link {
            Some(link) => self.known(&link.person).await,
            None => Ok(None),
        }
    }

    /// When everything that was given to anybody was ended last, unix ms.
    pub(in crate::identity) async fn everything_ended_at(&self) -> Result<Option<i64>, StoreFault> {
        self.known_end.find(&*self.register, EVERYTHING, self.clock.now_ms()).await
    }

    /// It has ended just now, in this daemon.
    pub(in crate::identity) fn forget_end(&self) {
        self.known_end.forget(EVERYTHING);
    }

    async fn link_of(&self, link_id: &str) -> Result<Option<Link>, StoreFault> {
        let entry = self.register.entry(EntryKind::Link, link_id).await?;
        Ok(entry.as_ref().and_then(Link::of_entry))
    }

    async fn change_link(
        &self,
        link_id: &str,
        change: RegisterChange,
        word: JournalDraft,
        now_ms: i64,
    ) -> Result<Registered, StoreFault> {
        let change = RegisterChange { journal: vec![word], ..change };
        let registered = self.register.register(change, now_ms).await?;
        self.known_links.forget(link_id);
        Ok(registered)
    }
}
