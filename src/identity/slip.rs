//! Slips: what is handed to a person once and shown once more to us, `payoutd_<kind>_<id>_<secret>`: invitations.
//!
//! The id finds the entry, the secret has 256 random bits; kept is its SHA-256, so that a stolen database opens nothing.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::api_key::{PREFIX, is_key_id};

const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;

/// What a slip is for. Its word stands in the text, so that nobody takes one for another, or for an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlipKind {
    /// Lets somebody choose a password.
    Invitation,
}

impl SlipKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
        }
    }
}

/// A slip. Debug tells nothing of the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Slip {
    id: String,
    secret: Zeroizing<String>,
}

impl Slip {
    /// A fresh slip; `None` where the system gives no randomness.
    #[must_use]
    pub fn fresh() -> Option<Self> {
        Self::with_id(fresh_id()?)
    }

    /// A fresh slip for an id that is there already.
    #[must_use]
    pub fn with_id(id: String) -> Option<Self> {
        let mut random = Zeroizing::new([0_u8; SECRET_BYTES]);
        getrandom::fill(random.as_mut_slice()).ok()?;
        Some(Self { id, secret: Zeroizing::new(hex::encode(random.as_slice())) })
    }

    /// Reads what somebody shows; `None` where it is no slip of this kind.
    #[must_use]
    pub fn parse(kind: SlipKind, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?.strip_prefix(kind.word())?.strip_prefix('_')?;
        let (id, secret) = rest.split_once('_')?;
        let is_secret = secret.len() == 2 * SECRET_BYTES
            && secret.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (is_key_id(id) && is_secret)
            .then(|| Self { id: id.to_owned(), secret: Zeroizing::new(secret.to_owned()) })
    }

    /// Finds its entry.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole text, for the one time that it is shown.
    #[must_use]
    pub fn expose(&self, kind: SlipKind) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}_{}_{}", kind.word(), self.id, self.secret.as_str()))
    }

    /// What is kept of the secret: 64 hex digits.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.secret.as_bytes()))
    }

    /// Whether a digest that is kept is this secret's, in constant time.
    #[must_use]
    pub fn is_known_by(&self, digest: &str) -> bool {
        self.digest().as_bytes().ct_eq(digest.as_bytes()).into()
    }
}

impl fmt::Debug for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slip({}, …)", self.id)
    }
}

/// A fresh id: 16 hex digits. `None` where the system gives no randomness.
#[must_use]
pub fn fresh_id() -> Option<String> {
    let mut random = [0_u8; ID_BYTES];
    getrandom::fill(&mut random).ok()?;
    Some(hex::encode(random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::api_key::KeyText;

    #[test]
    fn a_slip_is_read_as_it_is_shown_and_is_no_key() {
        let slip = Slip::fresh().unwrap();
        let text = slip.expose(SlipKind::Invitation);
        assert_eq!(Slip::parse(SlipKind::Invitation, &text), Some(slip.clone()));
        assert_eq!(KeyText::parse(&text), None);
        assert!(slip.is_known_by(&slip.digest()) && !slip.is_known_by(&Slip::fresh().unwrap().digest()));
        assert!(!slip.is_known_by(""));
        assert!(!format!("{slip:?}").contains(slip.secret.as_str()));
        for wrong in ["", "payoutd_invitation_", &text.to_uppercase(), &text[1..], &text[..text.len() - 1]] {
            assert_eq!(Slip::parse(SlipKind::Invitation, wrong), None, "{wrong}");
        }
    }
}
