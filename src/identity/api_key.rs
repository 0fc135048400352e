//! API keys: what a program shows (F001-10). An id that is no secret, and a secret that is shown once.
//!
//! The secret has 256 random bits, so that its SHA-256 is enough to know it again (F001-11, D-25): nothing slow stands before a
//! request. For signatures it must be read back: it is sealed in the vault beside its digest.

use std::{fmt, net::IpAddr, str::FromStr};

use super::principal::KeyRate;
use ipnet::IpNet;
use payoutd_actors::{
    domain::{
        access::{Grants, Permission, Reach, Role, Routes},
        identity::AccountId,
        order::Route,
        rates::Tier,
    },
    ports::{Entry, EntryKind},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Before every key, so that a search for leaked secrets finds it.
pub const PREFIX: &str = "payoutd_";
const ID_CHARS: usize = 16;
const SECRET_CHARS: usize = 64;
/// Characters that a key's name has at most (F001-10).
pub const NAME_CHARS_MAX: usize = 100;
/// Networks that a key may be bound to at most.
pub const NETWORKS_MAX: usize = 32;
/// After its end a key is shown for so long, ms: 90 days.
pub const SHOWN_AFTER_END_MS: i64 = 90 * 24 * 60 * 60 * 1_000;

/// A key's whole text: `payoutd_<id>_<secret>`. Debug tells nothing of the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    id: String,
    secret: Zeroizing<String>,
}

impl KeyText {
    /// A fresh key; `None` where the system gives no randomness.
    #[must_use]
    pub fn fresh() -> Option<Self> {
        let mut random = Zeroizing::new([0_u8; (ID_CHARS + SECRET_CHARS) / 2]);
        getrandom::fill(random.as_mut_slice()).ok()?;
        let (id, secret) = random.split_at(ID_CHARS / 2);
        Some(Self { id: hex::encode(id), secret: Zeroizing::new(hex::encode(secret)) })
    }

    /// Reads what somebody shows as a bearer token; `None` where it is no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_secret = secret.len() == SECRET_CHARS && is_lower_hex(secret);
        (is_key_id(id) && is_secret)
            .then(|| Self { id: id.to_owned(), secret: Zeroizing::new(secret.to_owned()) })
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The secret: the bearer's proof, and the key of signatures.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The whole text, for the one time that it is shown.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}_{}", self.id, self.secret.as_str()))
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyText({}, …)", self.id)
    }
}

/// Whether a text can be a key's id.
#[must_use]
pub fn is_key_id(text: &str) -> bool {
    text.len() == ID_CHARS && is_lower_hex(text)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// From where a key may be used: an explicit word, never an empty list (F001-12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Networks {
    /// From anywhere, by somebody's decision.
    Any,
    /// From these networks alone.
    Of(Vec<IpNet>),
}

impl Networks {
    /// Whether a peer is within them. A peer without an address (a unix socket) is within `Any` alone.
    #[must_use]
    pub fn have(&self, peer: Option<IpAddr>) -> bool {
        match self {
            Self::Any => true,
            Self::Of(networks) => {
                let peer = peer.map(|peer| peer.to_canonical());
                peer.is_some_and(|peer| networks.iter().any(|network| network.contains(&peer)))
            }
        }
    }

    /// The words: `any`, or each network.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Any => vec!["any".to_owned()],
            Self::Of(networks) => networks.iter().map(ToString::to_string).collect(),
        }
    }

    /// Reads the words; a single address is a network of one.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn of_words(words: &[String]) -> Result<Self, String> {
        match words {
            [] => Err("say `any`, or name the networks that it may be used from, like 10.0.0.0/8".to_owned()),
            [any] if any == "any" => Ok(Self::Any),
            words if words.len() > NETWORKS_MAX => {
                Err(format!("{} networks: at most {NETWORKS_MAX} are kept", words.len()))
            }
            words => {
                let network = |word: &String| {
                    let network = IpNet::from_str(word).or_else(|_| IpAddr::from_str(word).map(IpNet::from));
                    network.map_err(|_| {
                        format!("`{word}` is no network: write one like 10.0.0.0/8 or 2001:db8::/32")
                    })
                };
                words.iter().map(network).collect::<Result<_, _>>().map(Self::Of)
            }
        }
    }
}

/// A key as the register has it, without its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    permissions: Vec<String>,
    reach: String,
    routes: Vec<String>,
    batch: bool,
    networks: Vec<String>,
    tier: String,
    rate_per_minute: Option<u16>,
    secret_sha256: String,
    sealed_secret: String,
    created_at_ms: i64,
    created_by: String,
    expires_at_ms: Option<i64>,
    #[serde(default)]
    revoked_at_ms: Option<i64>,
    #[serde(default)]
    successor_of: Option<String>,
}

/// A key, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// Whose money it spends.
    pub account: AccountId,
    /// What it may do: never more than a service may.
    pub grants: Grants,
    /// From where.
    pub networks: Networks,
    /// How often its holder may ask.
    pub rate: KeyRate,
    /// When it was made, unix ms.
    pub created_at_ms: i64,
    /// By whom.
    pub created_by: String,
    /// Until when it opens, unix ms.
    pub expires_at_ms: Option<i64>,
    /// Since when it opens nothing by somebody's decision, unix ms.
    pub revoked_at_ms: Option<i64>,
    /// The key that it takes the place of.
    pub successor_of: Option<String>,
    /// Guards its entry.
    pub version: u32,
    pub(super) secret_sha256: [u8; 32],
    pub(super) sealed_secret: String,
}

impl ApiKey {
    /// The digest by which a secret is known again.
    #[must_use]
    pub fn digest(secret: &str) -> [u8; 32] {
        Sha256::digest(secret.as_bytes()).into()
    }

    /// Whether a secret is this key's, in constant time.
    #[must_use]
    pub fn has_secret(&self, secret: &str) -> bool {
        self.secret_sha256.ct_eq(&Self::digest(secret)).into()
    }

    /// Whether it opens anything at a moment, unix ms.
    #[must_use]
    pub fn is_good_at(&self, now_ms: i64) -> bool {
        self.revoked_at_ms.is_none() && self.expires_at_ms.is_none_or(|until_ms| now_ms < until_ms)
    }

    /// Where the vault keeps its secret.
    #[must_use]
    pub fn place(id: &str) -> String {
        format!("api_key/{id}/secret")
    }

    /// Reads an entry; `None` where it is none of ours.
    #[must_use]
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        let written: Written = serde_json::from_str(&entry.body).ok()?;
        let permissions: Option<Vec<_>> =
            written.permissions.iter().map(|word| Permission::from_word(word)).collect();
        let reach = Reach::ALL.into_iter().find(|reach| reach.word() == written.reach)?;
        let routes: Option<Vec<Route>> = written.routes.iter().map(|word| Route::from_word(word)).collect();
        let routes = routes?.into_iter().fold(Routes::NONE, Routes::and);
        let mut secret_sha256 = [0; 32];
        hex::decode_to_slice(&written.secret_sha256, &mut secret_sha256).ok()?;
        Some(Self {
            id: entry.id.clone(),
            account: AccountId::new(entry.owner.clone()?).ok()?,
            grants: Self::grants_of(&permissions?, reach, routes, written.batch),
            networks: Networks::of_words(&written.networks).ok()?,
            rate: KeyRate { tier: Tier::from_word(&written.tier)?, per_minute: written.rate_per_minute },
            name: written.name,
            created_at_ms: written.created_at_ms,
            created_by: written.created_by,
            expires_at_ms: written.expires_at_ms,
            revoked_at_ms: written.revoked_at_ms,
            successor_of: written.successor_of,
            version: entry.version,
            secret_sha256,
            sealed_secret: written.sealed_secret,
        })
    }

    /// The entry that keeps it. Its reach, its routes and whether it takes batches are those of its widest grant.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let create = self.grants.get(Permission::PayoutCreate);
        let reach = self.grants.iter().map(|grant| grant.reach).max().unwrap_or(Reach::Own);
        let routes = create.map_or(Routes::NONE, |grant| grant.routes);
        let written = Written {
            name: self.name.clone(),
            permissions: self.grants.iter().map(|grant| grant.permission.word().to_owned()).collect(),
            reach: reach.word().to_owned(),
            routes: routes.iter().map(|route| route.word().to_owned()).collect(),
            batch: create.is_some_and(|grant| grant.batch),
            networks: self.networks.words(),
            tier: self.rate.tier.word().to_owned(),
            rate_per_minute: self.rate.per_minute,
            secret_sha256: hex::encode(self.secret_sha256),
            sealed_secret: self.sealed_secret.clone(),
            created_at_ms: self.created_at_ms,
            created_by: self.created_by.clone(),
            expires_at_ms: self.expires_at_ms,
            revoked_at_ms: self.revoked_at_ms,
            successor_of: self.successor_of.clone(),
        };
        let ends_at_ms = [self.expires_at_ms, self.revoked_at_ms].into_iter().flatten().min();
        Entry {
            kind: EntryKind::ApiKey,
            id: self.id.clone(),
            name: None,
            owner: Some(self.account.as_str().to_owned()),
            version: self.version,
            // It is made of texts and numbers alone: writing it can not fail.
            body: serde_json::to_string(&written).unwrap_or_default(),
            expires_at_ms: ends_at_ms.map(|end_ms| end_ms.saturating_add(SHOWN_AFTER_END_MS)),
        }
    }

    /// What a key with these permissions may do: never more than a service (D-14).
    #[must_use]
    pub fn grants_of(permissions: &[Permission], reach: Reach, routes: Routes, batch: bool) -> Grants {
        use payoutd_actors::domain::access::Grant;
        let asked = permissions.iter().map(|permission| {
            let grant = Grant::whole(*permission).reaching(reach);
            // Routes and batches bound what is ordered; readers have no use for them.
            match permission {
                Permission::PayoutCreate if batch => grant.by(routes),
                Permission::PayoutCreate => grant.by(routes).one_at_a_time(),
                _ => grant,
            }
        });
        Grants::of(asked).shared_with(&Role::Service.grants())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        let permissions = [Permission::PayoutCreate, Permission::PayoutRead];
        ApiKey {
            id: "0123456789abcdef".to_owned(),
            name: "billing".to_owned(),
            account: AccountId::new("billing").unwrap(),
            grants: ApiKey::grants_of(&permissions, Reach::Own, Routes::WITHOUT_KYC, false),
            networks: Networks::of_words(&["10.0.0.0/8".to_owned(), "2001:db8::1".to_owned()]).unwrap(),
            rate: KeyRate { tier: Tier::Premium, per_minute: Some(7) },
            created_at_ms: 5,
            created_by: "house".to_owned(),
            expires_at_ms: Some(1_000),
            revoked_at_ms: None,
            successor_of: None,
            version: 0,
            secret_sha256: ApiKey::digest("s"),
            sealed_secret: "v1:…".to_owned(),
        }
    }

    #[test]
    fn a_key_comes_back_from_the_register_as_it_was() {
        let key = key();
        assert_eq!(ApiKey::of_entry(&key.entry()), Some(key.clone()));
        assert_eq!(key.entry().expires_at_ms, Some(1_000 + SHOWN_AFTER_END_MS));
        assert!(key.has_secret("s") && !key.has_secret("t"));
        assert!(key.is_good_at(999) && !key.is_good_at(1_000));
        let revoked = ApiKey { revoked_at_ms: Some(7), ..key };
        assert!(!revoked.is_good_at(8));
    }

    /// D-14: what a service may not do, no key does, whatever is written on it.
    #[test]
    fn a_key_never_does_more_than_a_service() {
        let grants = ApiKey::grants_of(Permission::ALL, Reach::All, Routes::ALL, true);
        for forbidden in [Permission::HousePause, Permission::KeyAdmin, Permission::PayoutOperate] {
            assert_eq!(grants.get(forbidden), None, "{}", forbidden.word());
        }
        assert_eq!(grants.get(Permission::PayoutCreate).unwrap().reach, Reach::Own);
    }

    /// F001-12: from where is always said, and a peer is what it is, however it is written.
    #[test]
    fn a_key_is_used_from_where_it_may_be_and_nothing_is_any_by_silence() {
        let networks = key().networks;
        for within in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"] {
            assert!(networks.have(Some(within.parse().unwrap())), "{within}");
        }
        for outside in ["11.0.0.1", "2001:db8::2", "127.0.0.1"] {
            assert!(!networks.have(Some(outside.parse().unwrap())), "{outside}");
        }
        assert!(!networks.have(None) && Networks::Any.have(None));
        for wrong in [vec![], vec!["10.0.0.0/33"], vec!["any", "10.0.0.0/8"], vec!["localhost"]] {
            let words: Vec<String> = wrong.into_iter().map(str::to_owned).collect();
            assert!(Networks::of_words(&words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_key_is_read_as_it_is_shown_and_tells_nothing_by_debug() {
        let key = KeyText::fresh().unwrap();
        assert_eq!(KeyText::parse(&key.expose()), Some(key.clone()));
        assert!(!format!("{key:?}").contains(key.secret()));
        for wrong in ["", "payoutd_", "payoutd_0123_ab", &key.expose().to_uppercase(), &key.expose()[8..]] {
            assert_eq!(KeyText::parse(wrong), None, "{wrong}");
        }
    }
}
