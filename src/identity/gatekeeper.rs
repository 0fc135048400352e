//! The gatekeeper: is what somebody shows a key of this house, used from where it may be, and signed where it must be?
//!
//! Every reason why a credential is not believed gets one and the same answer outside (F000-03); which reason it was is counted
//! and logged. Order: what costs nothing first, the store next, the body last.

use std::{net::IpAddr, sync::Arc};

use payoutd_actors::{
    domain::access::Permission,
    ports::{Clock, Register, StoreFault, Use},
};

use super::{
    api_key::{ApiKey, KeyText},
    issuer::{AHEAD_MS_MAX, Issuer, Vouched},
    keyring::Keyring,
    nonces::Nonces,
    people::{People, Person, PersonFault, Standing, link_id},
    principal::{Means, Principal},
    reception::{Holder, Reception, ReceptionFault},
    signature::{SKEW_S_MAX, Signable, is_nonce, timestamp_s},
    vault::VaultError,
};

/// How strict the gatekeeper is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatekeeperSettings {
    /// Whether whatever moves money, or decides about it, must be signed (F004-38).
    pub require_signed_requests: bool,
}

/// What a caller shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// What stands behind `Bearer`.
    pub bearer: Option<&'a str>,
    /// The signature's headers, where there are any.
    pub signed: Option<Signed<'a>>,
    /// Where the caller is.
    pub peer: Option<IpAddr>,
}

/// The headers of a signature.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The key's id.
    pub key_id: &'a str,
    /// Unix seconds, as it was sent.
    pub timestamp: &'a str,
    /// What is never sent twice.
    pub nonce: &'a str,
    /// `v1=` and 64 hex digits.
    pub signature: &'a str,
}

/// Why a credential is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing was shown.
    Nothing,
    /// What was shown is no credential of any form.
    Malformed,
    /// No such key.
    NoSuchKey,
    /// Another secret than the key's.
    WrongSecret,
    /// It was revoked, or its time is over.
    Ended,
    /// The timestamp is too far from now.
    Skewed,
    /// Something of what was signed is another.
    WrongSignature,
    /// No such invitation, or it was used, or its time is over.
    NoSuchInvitation,
    /// No such person, another password, or they are kept out.
    NoSuchSignIn,
    /// No such session, or another one's refresh token, or somebody was faster with it.
    NoSuchSession,
    /// A refresh token that was used before: the session has ended.
    TokenReused,
    /// A code that is not right, or was used; or no token between password and second factor.
    WrongCode,
    /// No access token that one of our keys has signed for this door.
    TokenNotOurs,
    /// An access token whose time is over.
    TokenExpired,
    /// An access token that opens nothing any more by somebody's decision.
    TokenRevoked,
    /// Nobody who is a gateway, at the listener for gateways.
    NotAGateway,
    /// A gateway with another `X-Internal-Token` than the house's.
    WrongInternalToken,
    /// A gateway brings somebody who is not in the register, or is kept out.
    NoSuchPerson,
}

impl Unknown {
    /// Every reason.
    pub const ALL: [Self; 18] = [
        Self::Nothing,
        Self::Malformed,
        Self::NoSuchKey,
        Self::WrongSecret,
        Self::Ended,
        Self::Skewed,
        Self::WrongSignature,
        Self::NoSuchInvitation,
        Self::NoSuchSignIn,
        Self::NoSuchSession,
        Self::TokenReused,
        Self::WrongCode,
        Self::TokenNotOurs,
        Self::TokenExpired,
        Self::TokenRevoked,
        Self::NotAGateway,
        Self::WrongInternalToken,
        Self::NoSuchPerson,
    ];

    /// Its word in metrics and logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing_shown",
            Self::Malformed => "malformed",
            Self::NoSuchKey => "no_such_key",
            Self::WrongSecret => "wrong_secret",
            Self::Ended => "key_ended",
            Self::Skewed => "timestamp_skewed",
            Self::WrongSignature => "wrong_signature",
            Self::NoSuchInvitation => "no_such_invitation",
            Self::NoSuchSignIn => "no_such_sign_in",
            Self::NoSuchSession => "no_such_session",
            Self::TokenReused => "token_reused",
            Self::WrongCode => "wrong_code",
            Self::TokenNotOurs => "token_not_ours",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::NotAGateway => "not_a_gateway",
            Self::WrongInternalToken => "wrong_internal_token",
            Self::NoSuchPerson => "no_such_person",
        }
    }
}

/// Why nobody was let in.
#[derive(Debug, Clone)]
pub enum Refused {
    /// The credential is not believed.
    Unknown(Unknown),
    /// The key is good, and not to be used from there (F001-12).
    Outside,
    /// The same nonce was sent before (F002-07).
    Replayed,
    /// Too much is asked at once.
    Busy,
    /// The store does not answer.
    Store(StoreFault),
    /// The master key does not open the key's secret.
    Vault(VaultError),
}

impl From<StoreFault> for Refused {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<Unknown> for Refused {
    fn from(why: Unknown) -> Self {
        Self::Unknown(why)
    }
}

/// The gatekeeper.
pub struct Gatekeeper {
    keyring: Arc<Keyring>,
    people: Arc<People>,
    reception: Option<Arc<Reception>>,
    issuer: Option<Arc<Issuer>>,
    pub(super) register: Arc<dyn Register>,
    nonces: Nonces,
    clock: Arc<dyn Clock>,
    settings: GatekeeperSettings,
}

/// A key that was shown, and is good so far.
pub struct Presented {
    key: Arc<ApiKey>,
    signed: bool,
    peer: Option<IpAddr>,
}

impl Presented {
    /// Whether the body is still to be held against a signature.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signed
    }
}

impl Gatekeeper {
    /// A gatekeeper with a keyring and the people of the house.
    #[must_use]
    pub fn new(
        keyring: Arc<Keyring>,
        people: Arc<People>,
        register: Arc<dyn Register>,
        clock: Arc<dyn Clock>,
        settings: GatekeeperSettings,
    ) -> Self {
        let nonces = Nonces::new(register.clone());
        Self { keyring, people, reception: None, issuer: None, register, nonces, clock, settings }
    }

    /// The keyring.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The same, with a reception: people sign in from now on.
    #[must_use]
    pub fn with_reception(self, reception: Arc<Reception>) -> Self {
        Self { reception: Some(reception), ..self }
    }

    /// The same, with an issuer elsewhere whose tokens are believed.
    #[must_use]
    pub fn with_issuer(self, issuer: Arc<Issuer>) -> Self {
        Self { issuer: Some(issuer), ..self }
    }

    /// The issuer elsewhere whose tokens are believed.
    #[must_use]
    pub fn issuer(&self) -> Option<&Arc<Issuer>> {
        self.issuer.as_ref()
    }

    /// Where people sign in; `None` where nothing signs their tokens.
    #[must_use]
    pub fn reception(&self) -> Option<&Reception> {
        self.reception.as_deref()
    }

    /// Whoever has shown an access token.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn let_in_by_token(&self, token: &str) -> Result<Principal, Refused> {
        // The claim says by whose keys it is verified, and by no others.
        if let Some(issuer) = self.issuer.as_ref().filter(|issuer| issuer.is_named_by(token)) {
            return self.let_in_by_issuer(issuer, token).await;
        }
        let reception = self.reception().ok_or(Unknown::TokenNotOurs)?;
        match reception.holder_of(token).await {
            Ok((holder, means)) => Ok(holder.principal(means)),
            Err(ReceptionFault::Unknown(why)) => Err(why.into()),
            Err(ReceptionFault::Person(PersonFault::Store(fault))) => Err(Refused::Store(fault)),
            Err(_) => Err(Unknown::TokenNotOurs.into()),
        }
    }

    /// Whoever has shown a token of an issuer elsewhere: a person of the register, with what they may do here.
    async fn let_in_by_issuer(&self, issuer: &Arc<Issuer>, token: &str) -> Result<Principal, Refused> {
        let Vouched { subject, issued_at_ms, expires_at_ms } = issuer.vouch(token).await?;
        let name = &issuer.settings().issuer;
        let link_id = link_id(name, &subject);
        let person = self.linked(&link_id, issued_at_ms).await?.ok_or(Unknown::NoSuchPerson)?;
        let grants = person.role.grants();
        let means = Means::Foreign { issuer: name.clone(), link_id, issued_at_ms, expires_at_ms };
        Ok(Principal::person(&person.id, person.account, person.role, grants, means))
    }

    /// Who an issuer's subject is, if they may come in with a token of that time.
    async fn linked(&self, link_id: &str, issued_at_ms: i64) -> Result<Option<Person>, StoreFault> {
        let person = self.people.linked(link_id).await?;
        let ended_at_ms = self.people.everything_ended_at().await?;
        // The issuer's clock may be ahead of ours: what was made within so much after an end is taken for older than that.
        let is_over = |at_ms: i64| issued_at_ms <= at_ms.saturating_add(AHEAD_MS_MAX);
        Ok(person.filter(|person| {
            let ends = [person.revoked_at_ms, ended_at_ms];
            person.standing() == Standing::Active && !ends.into_iter().flatten().any(is_over)
        }))
    }

    /// The people of the house.
    #[must_use]
    pub fn people(&self) -> &People {
        &self.people
    }

    /// The holder of the house's one token. Whoever calls has compared it.
    #[must_use]
    pub fn house() -> Principal {
        Principal::house()
    }

    /// Whether a permission wants a signature from whoever shows an API key: all that moves money or decides about it.
    #[must_use]
    pub fn wants_signature(&self, permission: Permission) -> bool {
        use Permission::{AuditRead, EventRead, HouseRead, PayoutRead};
        self.settings.require_signed_requests
            && !matches!(permission, PayoutRead | HouseRead | EventRead | AuditRead)
    }

    /// Looks at what is shown, as far as that goes without the body.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn look(&self, shown: &Shown<'_>) -> Result<Presented, Refused> {
        match (shown.bearer, shown.signed) {
            (None, None) => Err(Unknown::Nothing.into()),
            // Two credentials of one request can not both be the caller's word.
            (Some(_), Some(_)) => Err(Unknown::Malformed.into()),
            (Some(text), None) => self.by_secret(text, shown.peer).await,
            (None, Some(signed)) => self.by_id(&signed, shown.peer).await,
        }
    }

    /// Whoever has shown a key whose requests need no signature.
    #[must_use]
    pub fn let_in(&self, presented: &Presented) -> Principal {
        self.keyring.note_use(&presented.key.id);
        Self::principal(&presented.key, false)
    }

    /// Holds a whole request against its signature; a nonce is used up only by a signature that is right.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn let_in_signed(
        &self,
        presented: &Presented,
        signable: &Signable<'_>,
        signature: &str,
    ) -> Result<Principal, Refused> {
        let key = &presented.key;
        let secret = self.keyring.secret_of(key).map_err(Refused::Vault)?;
        if !signable.is_signed_by(&secret, signature) {
            return Err(Unknown::WrongSignature.into());
        }
        must_be_within(key, presented.peer)?;
        let until_ms = self.clock.now_ms().saturating_add(2 * (SKEW_S_MAX + 1) * 1_000);
        let nonce = Use { what: format!("nonce:{}:{}", key.id, signable.nonce), until_ms };
        match self.nonces.use_up(nonce).await {
            None => Err(Refused::Busy),
            Some(Err(fault)) => Err(Refused::Store(fault)),
            Some(Ok(false)) => Err(Refused::Replayed),
            Some(Ok(true)) => {
                self.keyring.note_use(&key.id);
                Ok(Self::principal(key, true))
            }
        }
    }

    /// Holds a job against its signature. A job may wait in its queue for long and come more than once: it is its idempotency
    /// key, under the signature, that is good for one payout; so there is no nonce to use up, and only a moment ahead of ours
    /// is refused.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn let_in_job(
        &self,
        signed: &Signed<'_>,
        signable: &Signable<'_>,
    ) -> Result<Principal, Refused> {
        let sent_s =
            timestamp_s(signed.timestamp).filter(|_| is_nonce(signed.nonce)).ok_or(Unknown::Malformed)?;
        if sent_s > self.clock.now_ms() / 1_000 + SKEW_S_MAX {
            return Err(Unknown::Skewed.into());
        }
        let key = self.good_key(signed.key_id).await?;
        let secret = self.keyring.secret_of(&key).map_err(Refused::Vault)?;
        if !signable.is_signed_by(&secret, signed.signature) {
            return Err(Unknown::WrongSignature.into());
        }
        self.keyring.note_use(&key.id);
        Ok(Self::principal(&key, true))
    }

    /// Whether somebody who was let in would be let in again, for no less: a stream outlives the moment in which its caller was
    /// asked.
    ///
    /// # Errors
    /// The store does not say.
    pub async fn still_knows(&self, principal: &Principal) -> Result<bool, StoreFault> {
        match principal.means() {
            Means::HouseToken => Ok(true),
            Means::ApiKey { key_id, .. } => {
                let key = self.keyring.find(key_id).await?;
                Ok(key.is_some_and(|key| {
                    self.must_be_good(&key).is_ok() && principal.is_within(&key.account, &key.grants)
                }))
            }
            Means::Gateway { .. } => {
                let person = self.people.known(principal.person_id().unwrap_or_default()).await?;
                Ok(person.is_some_and(|person| {
                    person.standing() == Standing::Active
                        && principal.is_within(&person.account, &person.role.grants())
                }))
            }
            Means::Foreign { link_id, issued_at_ms, expires_at_ms, .. } => {
                let is_over = self.clock.now_ms() >= *expires_at_ms;
                let person = self.linked(link_id, *issued_at_ms).await?;
                let holds = |person: Person| principal.is_within(&person.account, &person.role.grants());
                Ok(!is_over && person.is_some_and(holds))
            }
            Means::Token { .. } => {
                let Some(reception) = self.reception() else { return Ok(false) };
                match reception.holder_again(principal).await {
                    Ok(Holder { person, .. }) => {
                        Ok(principal.is_within(&person.account, &person.role.grants()))
                    }
                    Err(ReceptionFault::Person(PersonFault::Store(fault))) => Err(fault),
                    Err(_) => Ok(false),
                }
            }
        }
    }

    async fn by_secret(&self, text: &str, peer: Option<IpAddr>) -> Result<Presented, Refused> {
        let text = KeyText::parse(text).ok_or(Unknown::Malformed)?;
        let key = self.keyring.find(text.id()).await.map_err(Refused::Store)?.ok_or(Unknown::NoSuchKey)?;
        // The secret before the key's standing: only its holder hears more than that it is not known.
        if !key.has_secret(text.secret()) {
            return Err(Unknown::WrongSecret.into());
        }
        self.must_be_good(&key)?;
        must_be_within(&key, peer)?;
        Ok(Presented { key, signed: false, peer })
    }

    async fn by_id(&self, signed: &Signed<'_>, peer: Option<IpAddr>) -> Result<Presented, Refused> {
        let sent_s =
            timestamp_s(signed.timestamp).filter(|_| is_nonce(signed.nonce)).ok_or(Unknown::Malformed)?;
        if (self.clock.now_ms() / 1_000 - sent_s).abs() > SKEW_S_MAX {
            return Err(Unknown::Skewed.into());
        }
        let key = self.good_key(signed.key_id).await?;
        // From where it may be used is told when the signature is proved: a stranger who guessed an id learns nothing of it.
        Ok(Presented { key, signed: true, peer })
    }

    async fn good_key(&self, id: &str) -> Result<Arc<ApiKey>, Refused> {
        let key = self.keyring.find(id).await.map_err(Refused::Store)?.ok_or(Unknown::NoSuchKey)?;
        self.must_be_good(&key)?;
        Ok(key)
    }

    fn must_be_good(&self, key: &ApiKey) -> Result<(), Unknown> {
        if key.is_good_at(self.clock.now_ms()) { Ok(()) } else { Err(Unknown::Ended) }
    }

    fn principal(key: &ApiKey, signed: bool) -> Principal {
        Principal::key(&key.id, key.account.clone(), key.grants.clone(), key.rate, signed)
    }
}

fn must_be_within(key: &ApiKey, peer: Option<IpAddr>) -> Result<(), Refused> {
    if key.networks.have(peer) { Ok(()) } else { Err(Refused::Outside) }
}
