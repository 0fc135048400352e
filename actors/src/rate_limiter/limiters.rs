//! The rate limiters as the doors ask them: by what is asked for, without knowing who of them has which principal.

use super::{MayPass, NAME, RateLimiter, RateLimiterTools};
use crate::domain::rates::{
    BookLimits, Charge, Decision, Measure, Policy, PolicyName, PrincipalKey, Purpose, QUOTA_MAX, RateClass,
    RatePolicies, Tier, Whom,
};
use crate::guardian::{Gone, Handle};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How many limiters share the principals: a limiter that is lost takes a fifth of the counters along, and the questions of one
/// principal fill a fifth of the mailboxes. A fifth of a million fits a map of 2^18 places; a quarter would make it twice as large.
pub const SHARDS: usize = 5;

/// How long an answer may take; whoever waits for longer does not pass.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Makes a limiter, now and each time that it must be hired anew.
pub type Factory = Box<dyn Fn() -> RateLimiter>;

/// Who asks, where it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The principal.
    pub whom: Whom,
    /// What it may ask for over all routes together.
    pub tier: Tier,
    /// The API key that it shows and the key's own requests a minute, where it has such a rate (F001-13).
    pub api_key: Option<(Arc<str>, u16)>,
}

/// A secret that somebody tries who is not known yet. Each has a counter of its own: whoever knows a name alone slows no code down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial<'a> {
    /// The password of somebody, by their principal's name.
    Password(&'a str),
    /// A password for a name that nobody has. It may be an e-mail address, or a password in the wrong field: the journal never has it.
    PasswordOfNobody(&'a str),
    /// The code of somebody who has shown their password, by their principal's name.
    Code(&'a str),
}

/// What was decided, and by which policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What the strictest says.
    pub decision: Decision,
    /// Everything that measured the request.
    pub policies: Vec<Policy>,
}

/// The way to all rate limiters. `Send + Sync`; cloning it costs little.
#[derive(Clone)]
pub struct RateLimiters {
    shards: Arc<[Handle<RateLimiter>]>,
    key: PrincipalKey,
    policies: Arc<RatePolicies>,
}

impl RateLimiters {
    /// The posts, nobody hired for them yet. The secret makes principals of names: whoever does not know it can not choose which
    /// names meet.
    #[must_use]
    pub fn vacant(policies: RatePolicies, secret: [u8; 32]) -> Self {
        let shards = (0..SHARDS).map(|_| Handle::vacant(NAME)).collect();
        Self { shards, key: PrincipalKey::new(secret), policies: Arc::new(policies) }
    }

    /// Hires for every post, by `hire` (an office's or a roster's way). The limits are those of all limiters together.
    pub fn hire(&self, tools: &RateLimiterTools, mut hire: impl FnMut(&Handle<RateLimiter>, Factory)) {
        let limits = BookLimits { known_max: tools.limits.known_max.div_ceil(SHARDS), ..tools.limits };
        let began = Instant::now();
        for (shard, post) in self.shards.iter().enumerate() {
            let tools = RateLimiterTools { limits, ..tools.clone() };
            hire(post, Box::new(move || RateLimiter::new(tools.clone(), shard, began)));
        }
    }

    /// The policies by which is decided.
    #[must_use]
    pub fn policies(&self) -> &RatePolicies {
        &self.policies
    }

    /// A request of somebody who is known: route class, tier, burst and key together. `None`: nothing measures it.
    ///
    /// # Errors
    /// When there is no answer: the request does not pass then.
    pub async fn principal(&self, asking: &Asking, class: RateClass) -> Result<Option<Verdict>, Gone> {
        let own = self.policies.of_principal(class, asking.tier);
        let mut charges = self.charges(&asking.whom, own);
        if let Some((id, per_minute)) = &asking.api_key {
            let measure = Measure::Minute((*per_minute).min(QUOTA_MAX));
            let key = Whom::named(&format!("api key {id}"));
            charges.extend(self.charges(&key, vec![Policy { name: PolicyName::ApiKey, measure }]));
        }
        self.ask(asking.whom.clone(), class, charges, Purpose::Charge).await
    }

    /// A request with the token of `http.token_file`; `None` where no rate is set for it.
    ///
    /// # Errors
    /// When there is no answer: the request does not pass then.
    pub async fn token_file(&self, whom: &Whom, class: RateClass) -> Result<Option<Verdict>, Gone> {
        let charges = self.charges(whom, self.policies.of_token_file());
        self.ask(whom.clone(), class, charges, Purpose::Charge).await
    }

    /// A request without a credential, on a route that wants one.
    ///
    /// # Errors
    /// When there is no answer: the request does not pass then.
    pub async fn anonymous(&self, peer: &Whom, class: RateClass) -> Result<Option<Verdict>, Gone> {
        let charges = self.charges(peer, self.policies.of_anonymous());
        self.ask(peer.clone(), class, charges, Purpose::Charge).await
    }

    /// A request to a route that wants no credential; `None` where the route is not measured.
    ///
    /// # Errors
    /// When there is no answer: the request does not pass then.
    pub async fn public(&self, peer: &Whom, class: RateClass) -> Result<Option<Verdict>, Gone> {
        let charges = self.charges(peer, self.policies.of_public(class));
        self.ask(peer.clone(), class, charges, Purpose::Charge).await
    }

    /// Whether an address may show a credential ([`Purpose::Look`]), and that it showed one that is not good, or asked for what does
    /// not exist ([`Purpose::Charge`]).
    ///
    /// # Errors
    /// When there is no answer: the request does not pass then.
    pub async fn address(
        &self,
        peer: &Whom,
        class: RateClass,
        purpose: Purpose,
    ) -> Result<Option<Verdict>, Gone> {
        let charges = self.charges(peer, self.policies.of_address());
        self.ask(peer.clone(), class, charges, purpose).await
    }

    /// A trial of an account's secret (F004-01), before it is compared. It slows down, and it locks nobody out for longer than a
    /// minute.
    ///
    /// # Errors
    /// When there is no answer: the secret is not compared then.
    pub async fn account(&self, trial: Trial<'_>) -> Result<Option<Verdict>, Gone> {
        let counted = match trial {
            Trial::Password(person) => format!("password of {person}"),
            Trial::PasswordOfNobody(name) => format!("password of the name {name}"),
            Trial::Code(person) => format!("code of {person}"),
        };
        let counted = Whom::named(&counted);
        let whom = match trial {
            Trial::Password(person) | Trial::Code(person) => Whom::named(person),
            Trial::PasswordOfNobody(_) => Whom::named(&self.key.principal(&counted).pseudonym()),
        };
        let charges = self.charges(&counted, self.policies.of_account());
        self.ask(whom, RateClass::Auth, charges, Purpose::Charge).await
    }

    fn charges(&self, whom: &Whom, policies: Vec<Policy>) -> Vec<Charge> {
        let principal = self.key.principal(whom);
        policies.into_iter().map(|policy| Charge { principal, policy }).collect()
    }

    /// Asks the limiter that has the first charge's principal: a key's counters are where its owner's are.
    async fn ask(
        &self,
        whom: Whom,
        class: RateClass,
        charges: Vec<Charge>,
        purpose: Purpose,
    ) -> Result<Option<Verdict>, Gone> {
        let Some(first) = charges.first() else { return Ok(None) };
        let shard = first.principal.share_of(self.shards.len());
        let post = self.shards.get(shard).ok_or(Gone::Away(NAME))?;
        let policies = charges.iter().map(|charge| charge.policy).collect();
        let answer = post.ask(MayPass { whom, class, charges, purpose });
        let decision = timeout(ANSWER_WITHIN, answer).await.unwrap_or(Err(Gone::Away(NAME)))?;
        Ok(decision.map(|decision| Verdict { decision, policies }))
    }
}

impl fmt::Debug for RateLimiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiters").field("policies", &self.policies).finish_non_exhaustive()
    }
}
