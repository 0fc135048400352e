//! A person, as the register has them, and the invitation that waits for them.

use payoutd_actors::{
    domain::{access::Role, identity::AccountId},
    ports::{Entry, EntryKind},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{super::slip::Slip, hashing::StoredHash};

/// Characters that a sign-in name has at most: those of an e-mail address (RFC 5321 §4.5.3.1, as RFC 3696's erratum counts them).
pub const NAME_CHARS_MAX: usize = 254;
/// How long an invitation waits, ms: three days.
pub const INVITATION_MS: i64 = 3 * 24 * 60 * 60 * 1_000;
/// A person who never came is shown for so long after their invitation, ms: 30 days. Then the name is free again.
const SHOWN_AFTER_INVITATION_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// So many wrong codes within [`WRONG_CODES_WITHIN_MS`] are told of (F004-11).
const WRONG_CODES_TOLD: usize = 3;
/// Within so long, ms.
const WRONG_CODES_WITHIN_MS: i64 = 5 * 60 * 1_000;
/// So many wrong codes, one after the other, cost nothing; then each makes whoever guesses wait. Backup codes are never waited for:
/// nobody guesses them.
const WRONG_CODES_FREE: u32 = 10;
/// How long the first wait is, ms.
const CODE_WAIT_MS: i64 = 60 * 1_000;
/// How long a wait is at most, ms: a day.
const CODE_WAIT_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// What somebody signs in with: an e-mail address or a plain name, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignInName(String);

/// A text that is no sign-in name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a sign-in name has 1 to {NAME_CHARS_MAX} characters from a-z, 0-9, `.`, `_`, `-`, `+` and one `@` at most, like alice or alice@example.com"
)]
pub struct NotAName;

impl SignInName {
    /// Reads a name; capitals are written small, blanks around it left out.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        let name = text.trim_matches(' ').to_ascii_lowercase();
        let fits = (1..=NAME_CHARS_MAX).contains(&name.len());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-+@".contains(&byte);
        let at = name.matches('@').count();
        let ends = name.starts_with('@') || name.ends_with('@');
        if fits && name.bytes().all(plain) && at <= 1 && !ends { Ok(Self(name)) } else { Err(NotAName) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Has not chosen a password yet.
    Invited,
    /// May sign in.
    Active,
    /// Was taken out by somebody's decision.
    Disabled,
}

impl Standing {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// A second factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// Since when, unix ms.
    pub since_ms: i64,
    /// The secret, under the master key.
    pub sealed_secret: String,
    /// What is kept of the backup codes that are left.
    pub backup_codes_sha256: Vec<String>,
}

/// A second factor that waits for its first code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingFactor {
    /// The secret, under the master key.
    pub sealed_secret: String,
    /// Until when, unix ms.
    pub until_ms: i64,
}

/// Codes that were wrong, one after the other. They stand with the person, so that every daemon knows of them and no start forgets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrongCodes {
    /// How many, since one was right.
    pub count: u32,
    /// When the last one was, unix ms.
    pub last_ms: i64,
    /// When those were that nobody was told of yet, unix ms.
    pub untold_ms: Vec<i64>,
}

impl WrongCodes {
    /// One more; whether somebody must hear of it.
    pub fn add(&mut self, now_ms: i64) -> bool {
        self.count = self.count.saturating_add(1);
        self.last_ms = now_ms;
        self.untold_ms.retain(|at_ms| now_ms.saturating_sub(*at_ms) < WRONG_CODES_WITHIN_MS);
        self.untold_ms.push(now_ms);
        let is_told = self.untold_ms.len() >= WRONG_CODES_TOLD;
        if is_told {
            self.untold_ms.clear();
        }
        is_told
    }

    /// Until when no code by time is looked at, unix ms: behind `WRONG_CODES_FREE` the wait doubles with each.
    #[must_use]
    pub fn closed_until_ms(&self) -> i64 {
        match self.count.checked_sub(WRONG_CODES_FREE) {
            None => i64::MIN,
            Some(beyond) => {
                let wait_ms = CODE_WAIT_MS.checked_shl(beyond).filter(|wait_ms| *wait_ms >= CODE_WAIT_MS);
                self.last_ms.saturating_add(wait_ms.unwrap_or(CODE_WAIT_MS_MAX).min(CODE_WAIT_MS_MAX))
            }
        }
    }
}

/// A person as the register has them, without id and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    role: Role,
    password_hash: Option<String>,
    token_version: u32,
    created_at_ms: i64,
    created_by: String,
    #[serde(default)]
    disabled_at_ms: Option<i64>,
    #[serde(default)]
    invited_until_ms: Option<i64>,
    #[serde(default)]
    second_factor: Option<Factor>,
    #[serde(default)]
    pending_factor: Option<PendingFactor>,
    #[serde(default)]
    wrong_codes: WrongCodes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at_ms: Option<i64>,
}

/// A person, as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The id, which never changes: what the journal calls them by.
    pub id: String,
    /// What they sign in with.
    pub name: SignInName,
    /// What they are.
    pub role: Role,
    /// Whose money they spend.
    pub account: AccountId,
    /// How their password is known; `None` until they have chosen one.
    pub password_hash: Option<StoredHash>,
    /// Grows when everything that they were given before is to open nothing any more.
    pub token_version: u32,
    /// When they were invited first, unix ms.
    pub created_at_ms: i64,
    /// By whom.
    pub created_by: String,
    /// Since when they are kept out, unix ms.
    pub disabled_at_ms: Option<i64>,
    /// Until when an invitation waits for them, unix ms.
    pub invited_until_ms: Option<i64>,
    /// What they show beside their password.
    pub second_factor: Option<Factor>,
    /// One that is being set up.
    pub pending_factor: Option<PendingFactor>,
    /// Codes of theirs that were wrong.
    pub wrong_codes: WrongCodes,
    /// Tokens of issuers elsewhere that were made until then open nothing, unix ms.
    pub revoked_at_ms: Option<i64>,
    /// Guards the entry.
    pub version: u32,
}

impl Person {
    /// Where they stand.
    #[must_use]
    pub fn standing(&self) -> Standing {
        match (self.disabled_at_ms, &self.password_hash) {
            (Some(_), _) => Standing::Disabled,
            (None, None) => Standing::Invited,
            (None, Some(_)) => Standing::Active,
        }
    }

    /// Everything that they were given until now opens nothing any more, whoever gave it.
    pub(in crate::identity) fn end_everything(&mut self, now_ms: i64) {
        self.token_version = self.token_version.saturating_add(1);
        self.revoked_at_ms = Some(now_ms);
    }

    /// Words that are theirs, which their password is not made of.
    #[must_use]
    pub fn words(&self) -> [&str; 2] {
        [self.name.as_str(), self.account.as_str()]
    }

    /// Reads an entry; `None` where it is none of ours.
    #[must_use]
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        let written: Written = serde_json::from_str(&entry.body).ok()?;
        let password_hash = match &written.password_hash {
            None => None,
            Some(text) => Some(StoredHash::of_text(text)?),
        };
        Some(Self {
            id: entry.id.clone(),
            name: SignInName::new(entry.name.as_deref()?).ok()?,
            role: written.role,
            account: AccountId::new(entry.owner.clone()?).ok()?,
            password_hash,
            token_version: written.token_version,
            created_at_ms: written.created_at_ms,
            created_by: written.created_by,
            disabled_at_ms: written.disabled_at_ms,
            invited_until_ms: written.invited_until_ms,
            second_factor: written.second_factor,
            pending_factor: written.pending_factor,
            wrong_codes: written.wrong_codes,
            revoked_at_ms: written.revoked_at_ms,
            version: entry.version,
        })
    }

    /// The entry that keeps them. Whoever never came is forgotten some day; whoever came stays.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let written = Written {
            role: self.role,
            password_hash: self.password_hash.as_ref().map(|hash| hash.text().to_owned()),
            token_version: self.token_version,
            created_at_ms: self.created_at_ms,
            created_by: self.created_by.clone(),
            disabled_at_ms: self.disabled_at_ms,
            invited_until_ms: self.invited_until_ms,
            second_factor: self.second_factor.clone(),
            pending_factor: self.pending_factor.clone(),
            wrong_codes: self.wrong_codes.clone(),
            revoked_at_ms: self.revoked_at_ms,
        };
        let never_came = self.password_hash.is_none();
        let invited_until_ms = self.invited_until_ms.filter(|_| never_came);
        Entry {
            kind: EntryKind::Person,
            id: self.id.clone(),
            name: Some(self.name.as_str().to_owned()),
            owner: Some(self.account.as_str().to_owned()),
            version: self.version,
            // It is made of texts and numbers alone: writing it can not fail.
            body: serde_json::to_string(&written).unwrap_or_default(),
            expires_at_ms: invited_until_ms.map(|until| until.saturating_add(SHOWN_AFTER_INVITATION_MS)),
        }
    }
}

/// An invitation as the register has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenInvitation {
    secret_sha256: String,
}

/// An invitation: whoever shows its slip chooses a person's password, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id, which the slip names.
    pub id: String,
    /// Whom it is for, by id.
    pub person: String,
    /// Until when it is good, unix ms.
    pub until_ms: i64,
    /// Guards the entry.
    pub version: u32,
    secret_sha256: String,
}

impl Invitation {
    /// An invitation for a person, that a slip opens.
    #[must_use]
    pub fn of(slip: &Slip, person: &str, until_ms: i64) -> Self {
        Self {
            id: slip.id().to_owned(),
            person: person.to_owned(),
            until_ms,
            version: 0,
            secret_sha256: slip.digest(),
        }
    }

    /// Whether a slip opens it at a moment.
    #[must_use]
    pub fn is_opened_by(&self, slip: &Slip, now_ms: i64) -> bool {
        slip.is_known_by(&self.secret_sha256) && now_ms < self.until_ms
    }

    /// Reads an entry; `None` where it is none of ours.
    #[must_use]
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        let written: WrittenInvitation = serde_json::from_str(&entry.body).ok()?;
        Some(Self {
            id: entry.id.clone(),
            person: entry.owner.clone()?,
            until_ms: entry.expires_at_ms?,
            version: entry.version,
            secret_sha256: written.secret_sha256,
        })
    }

    /// The entry that keeps it.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let written = WrittenInvitation { secret_sha256: self.secret_sha256.clone() };
        Entry {
            kind: EntryKind::Invitation,
            id: self.id.clone(),
            name: None,
            owner: Some(self.person.clone()),
            version: self.version,
            // One text: writing it can not fail.
            body: serde_json::to_string(&written).unwrap_or_default(),
            expires_at_ms: Some(self.until_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_small_letters_and_two_people_never_share_one() {
        for (written, name) in
            [("Alice", "alice"), (" alice@Example.COM ", "alice@example.com"), ("a.b+c_d-e", "a.b+c_d-e")]
        {
            assert_eq!(SignInName::new(written).unwrap().as_str(), name);
        }
        for wrong in ["", " ", "a b", "@a", "a@", "a@b@c", "älice", "a\n", "a/b", &"a".repeat(255)] {
            assert_eq!(SignInName::new(wrong), Err(NotAName), "{wrong}");
        }
    }

    /// F004-11: three within five minutes are told of, once; behind ten the wait doubles, and has an end.
    #[test]
    fn wrong_codes_ring_and_make_whoever_guesses_wait() {
        let mut wrong = WrongCodes::default();
        let minute = 60 * 1_000;
        let told: Vec<_> = [0, 4, 6, 7, 8, 9].map(|at| wrong.add(at * minute)).into();
        assert_eq!(told, [false, false, false, true, false, false]);
        assert_eq!(wrong.closed_until_ms(), i64::MIN);
        wrong.count = WRONG_CODES_FREE - 1;
        for wait in [1, 2, 4, 8] {
            wrong.add(0);
            assert_eq!(wrong.closed_until_ms(), wait * minute);
        }
        for count in [30, 64, 99, u32::MAX] {
            wrong.count = count;
            assert_eq!(wrong.closed_until_ms(), CODE_WAIT_MS_MAX, "{count}");
        }
    }

    #[test]
    fn a_person_and_an_invitation_come_back_from_the_register_as_they_were() {
        let slip = Slip::fresh().unwrap();
        let invitation = Invitation::of(&slip, "0123456789abcdef", 1_000);
        assert_eq!(Invitation::of_entry(&invitation.entry()), Some(invitation.clone()));
        assert!(!invitation.entry().body.contains(
            slip.expose(super::super::super::slip::SlipKind::Invitation).rsplit('_').next().unwrap()
        ));
        assert!(invitation.is_opened_by(&slip, 999) && !invitation.is_opened_by(&slip, 1_000));
        assert!(!invitation.is_opened_by(&Slip::with_id(slip.id().to_owned()).unwrap(), 999));
        let person = Person {
            id: "0123456789abcdef".to_owned(),
            name: SignInName::new("alice").unwrap(),
            role: Role::Approver,
            account: AccountId::new("treasury").unwrap(),
            password_hash: None,
            token_version: 3,
            created_at_ms: 5,
            created_by: "house".to_owned(),
            disabled_at_ms: None,
            invited_until_ms: Some(1_000),
            second_factor: None,
            pending_factor: Some(PendingFactor { sealed_secret: "v1:…".to_owned(), until_ms: 7 }),
            wrong_codes: WrongCodes { count: 1, last_ms: 5, untold_ms: vec![5] },
            revoked_at_ms: Some(9),
            version: 2,
        };
        assert_eq!(Person::of_entry(&person.entry()), Some(person.clone()));
        assert_eq!(person.standing(), Standing::Invited);
        assert_eq!(person.entry().expires_at_ms, Some(1_000 + SHOWN_AFTER_INVITATION_MS));
        let disabled = Person { disabled_at_ms: Some(7), ..person };
        assert_eq!(disabled.standing(), Standing::Disabled);
    }
}
