//! A session: a sign-in, as long as it lasts. A family of refresh tokens, of which one is good at a time (F001-05, D-52).
//!
//! A refresh token is `payoutd_refresh_<id>_<family><secret>`: the family's 128 bits stay, the secret's 256 bits are new each time.
//! Both are kept as digests. A token with the family's bits and another secret was one of this session's once: whoever shows it
//! has a copy, and the session ends. A token with other bits is a guess, and nothing ends by it.

use std::fmt;

use payoutd_actors::ports::{Entry, EntryKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::identity::{
    api_key::{PREFIX, is_key_id},
    slip::fresh_id,
};

/// A refresh token is good for so long, ms: 7 days.
pub const REFRESH_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// However often it is refreshed, a session ends after so long, ms: 30 days.
pub const SESSION_MS_MAX: i64 = 30 * 24 * 60 * 60 * 1_000;
/// The token before the present one is refused for so long without ending the session, ms: the answer that had the new one may
/// have been lost, or two windows asked at once.
pub const SLACK_MS: i64 = 10_000;
const FAMILY_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
/// What stands between the prefix and the id.
const KIND: &str = "refresh_";

/// A refresh token. Debug tells nothing but the session's id.
pub struct RefreshToken {
    session_id: String,
    family: Zeroizing<String>,
    secret: Zeroizing<String>,
}

impl RefreshToken {
    /// The first token of a new session; `None` where the system gives no randomness.
    #[must_use]
    pub fn fresh() -> Option<Self> {
        let family = random_hex::<FAMILY_BYTES>()?;
        Some(Self { session_id: fresh_id()?, family, secret: random_hex::<SECRET_BYTES>()? })
    }

    /// The token after this one.
    #[must_use]
    pub fn next(&self) -> Option<Self> {
        let secret = random_hex::<SECRET_BYTES>()?;
        Some(Self { session_id: self.session_id.clone(), family: self.family.clone(), secret })
    }

    /// Reads what somebody shows; `None` where it is no refresh token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, bits) = text.strip_prefix(PREFIX)?.strip_prefix(KIND)?.split_once('_')?;
        let is_hex = bits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let fits = is_key_id(id) && is_hex && bits.len() == 2 * (FAMILY_BYTES + SECRET_BYTES);
        let (family, secret) = fits.then(|| bits.split_at(2 * FAMILY_BYTES))?;
        let own = |text: &str| Zeroizing::new(text.to_owned());
        Some(Self { session_id: id.to_owned(), family: own(family), secret: own(secret) })
    }

    /// The session's id.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// The whole text, for the one time that it is shown.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let Self { session_id, family, secret } = self;
        Zeroizing::new(format!("{PREFIX}{KIND}{session_id}_{}{}", family.as_str(), secret.as_str()))
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshToken({}, …)", self.session_id)
    }
}

fn random_hex<const BYTES: usize>() -> Option<Zeroizing<String>> {
    let mut random = Zeroizing::new([0_u8; BYTES]);
    getrandom::fill(random.as_mut_slice()).ok()?;
    Some(Zeroizing::new(hex::encode(random.as_slice())))
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn is_known(text: &str, kept: &str) -> bool {
    digest(text).as_bytes().ct_eq(kept.as_bytes()).into()
}

/// How a refresh token stands to its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The one that is good.
    Present,
    /// The one before it, shown again within [`SLACK_MS`].
    JustNow,
    /// One that was used: somebody has a copy.
    Used,
    /// None of this session's.
    Foreign,
}

/// A session as the register has it, without id and person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    family_sha256: String,
    secret_sha256: String,
    #[serde(default)]
    secret_before_sha256: Option<String>,
    token_version: u32,
    #[serde(default)]
    ends_before: u32,
    created_at_ms: i64,
    refreshed_at_ms: i64,
    #[serde(default)]
    second_factor_at_ms: Option<i64>,
}

/// A session, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, which stands in its tokens.
    pub id: String,
    /// Whose it is, by id.
    pub person: String,
    /// The person's token version when they signed in: it ends when theirs has grown.
    pub token_version: u32,
    /// How often every session had been ended when it began: it ends with the next time.
    pub ends_before: u32,
    /// Since when, unix ms.
    pub created_at_ms: i64,
    /// When a token was made last, unix ms.
    pub refreshed_at_ms: i64,
    /// When a second factor was shown last, unix ms.
    pub second_factor_at_ms: Option<i64>,
    /// Guards its entry.
    pub version: u32,
    family_sha256: String,
    secret_sha256: String,
    secret_before_sha256: Option<String>,
}

impl Session {
    /// A session that begins.
    #[must_use]
    pub fn begin(
        token: &RefreshToken,
        person: &str,
        token_version: u32,
        ends_before: u32,
        now_ms: i64,
    ) -> Self {
        Self {
            id: token.session_id.clone(),
            person: person.to_owned(),
            token_version,
            ends_before,
            created_at_ms: now_ms,
            refreshed_at_ms: now_ms,
            second_factor_at_ms: None,
            version: 0,
            family_sha256: digest(&token.family),
            secret_sha256: digest(&token.secret),
            secret_before_sha256: None,
        }
    }

    /// Until when its present refresh token is good, unix ms.
    #[must_use]
    pub fn ends_at_ms(&self) -> i64 {
        let longest = self.created_at_ms.saturating_add(SESSION_MS_MAX);
        self.refreshed_at_ms.saturating_add(REFRESH_MS).min(longest)
    }

    /// How a token stands to it.
    #[must_use]
    pub fn judge(&self, token: &RefreshToken, now_ms: i64) -> Refresh {
        if !is_known(&token.family, &self.family_sha256) {
            return Refresh::Foreign;
        }
        if is_known(&token.secret, &self.secret_sha256) {
            return Refresh::Present;
        }
        let is_before =
            self.secret_before_sha256.as_deref().is_some_and(|kept| is_known(&token.secret, kept));
        let since_ms = now_ms.saturating_sub(self.refreshed_at_ms);
        if is_before && since_ms < SLACK_MS { Refresh::JustNow } else { Refresh::Used }
    }

    /// The session with the next token.
    #[must_use]
    pub fn refreshed(self, next: &RefreshToken, now_ms: i64) -> Self {
        Self {
            refreshed_at_ms: now_ms,
            secret_before_sha256: Some(self.secret_sha256),
            secret_sha256: digest(&next.secret),
            ..self
        }
    }

    /// The session, in which a second factor was shown just now.
    #[must_use]
    pub fn with_second_factor(self, now_ms: i64) -> Self {
        Self { second_factor_at_ms: Some(now_ms), ..self }
    }

    /// Reads an entry; `None` where it is none of ours.
    #[must_use]
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        let written: Written = serde_json::from_str(&entry.body).ok()?;
        Some(Self {
            id: entry.id.clone(),
            person: entry.owner.clone()?,
            token_version: written.token_version,
            ends_before: written.ends_before,
            created_at_ms: written.created_at_ms,
            refreshed_at_ms: written.refreshed_at_ms,
            second_factor_at_ms: written.second_factor_at_ms,
            version: entry.version,
            family_sha256: written.family_sha256,
            secret_sha256: written.secret_sha256,
            secret_before_sha256: written.secret_before_sha256,
        })
    }

    /// The entry that keeps it, until its end.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let written = Written {
            family_sha256: self.family_sha256.clone(),
            secret_sha256: self.secret_sha256.clone(),
            secret_before_sha256: self.secret_before_sha256.clone(),
            token_version: self.token_version,
            ends_before: self.ends_before,
            created_at_ms: self.created_at_ms,
            refreshed_at_ms: self.refreshed_at_ms,
            second_factor_at_ms: self.second_factor_at_ms,
        };
        Entry {
            kind: EntryKind::Session,
            id: self.id.clone(),
            name: None,
            owner: Some(self.person.clone()),
            version: self.version,
            // It is made of texts and numbers alone: writing it can not fail.
            body: serde_json::to_string(&written).unwrap_or_default(),
            expires_at_ms: Some(self.ends_at_ms()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F001-05: digests alone are kept, and a token is read as it was shown.
    #[test]
    fn a_session_and_its_token_come_back_as_they_were() {
        let token = RefreshToken::fresh().unwrap();
        let session = Session { second_factor_at_ms: Some(7), ..Session::begin(&token, "p", 3, 2, 5) };
        assert_eq!(Session::of_entry(&session.entry()), Some(session.clone()));
        let read = RefreshToken::parse(&token.expose()).unwrap();
        assert_eq!(session.judge(&read, 5), Refresh::Present);
        for bits in [&token.family, &token.secret] {
            assert!(
                !session.entry().body.contains(bits.as_str())
                    && !format!("{token:?}").contains(bits.as_str())
            );
        }
        for wrong in ["", "payoutd_refresh_", &token.expose()[1..], &token.expose().to_uppercase()] {
            assert!(RefreshToken::parse(wrong).is_none(), "{wrong}");
        }
    }

    /// D-52: each token is good once; one that was used tells of a copy, a guess tells of nothing.
    #[test]
    fn a_used_token_is_told_from_a_guess_and_from_a_double_click() {
        let first = RefreshToken::fresh().unwrap();
        let second = first.next().unwrap();
        let session = Session::begin(&first, "p", 0, 0, 0).refreshed(&second, 1_000);
        assert_eq!(session.judge(&second, 1_000), Refresh::Present);
        assert_eq!(session.judge(&first, 1_000 + SLACK_MS - 1), Refresh::JustNow);
        assert_eq!(session.judge(&first, 1_000 + SLACK_MS), Refresh::Used);
        let later = session.refreshed(&second.next().unwrap(), 2_000);
        assert_eq!(later.judge(&first, 2_000), Refresh::Used);
        let guess = RefreshToken { session_id: first.session_id.clone(), ..RefreshToken::fresh().unwrap() };
        assert_eq!(later.judge(&guess, 2_000), Refresh::Foreign);
    }

    #[test]
    fn a_session_ends_seven_days_after_its_last_use_and_thirty_after_its_first() {
        let token = RefreshToken::fresh().unwrap();
        let session = Session::begin(&token, "p", 0, 0, 0);
        assert_eq!(session.ends_at_ms(), REFRESH_MS);
        let late = session.refreshed(&token, SESSION_MS_MAX - 1);
        assert_eq!(late.ends_at_ms(), SESSION_MS_MAX);
    }
}
