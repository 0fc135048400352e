//! The policies, each with its name and the requirement's number: one table, from which `payoutd limits` and docs/rates.md come.

/// The largest quota of a minute, and the largest burst: what a bucket's counter holds.
pub const QUOTA_MAX: u16 = 60_000;

/// So many addresses may use up their tries of one account's secret before anybody else is slowed down (F004-01).
pub const ADDRESSES_PER_ACCOUNT: u16 = 4;

/// What kind of route a request is for: using one up leaves the others alone (D-05).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateClass {
    /// Ordering one payout.
    PayoutCreate,
    /// Ordering a batch.
    PayoutBatch,
    /// Listing payouts.
    PayoutList,
    /// The house's numbers.
    Stats,
    /// Asking whether the process answers.
    Health,
    /// Signing in, and whatever else tries a secret of a person.
    Auth,
    /// Renewing a sign-in.
    AuthRefresh,
    /// Everything else, routes that do not exist among it: the tier's quota alone.
    Default,
    /// Never measured: what machines watch this one by, and documents (D-58).
    Unlimited,
}

impl RateClass {
    /// Every class.
    pub const ALL: [Self; 9] = [
        Self::PayoutCreate,
        Self::PayoutBatch,
        Self::PayoutList,
        Self::Stats,
        Self::Health,
        Self::Auth,
        Self::AuthRefresh,
        Self::Default,
        Self::Unlimited,
    ];

    /// Its word, as in the journal and in the documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PayoutCreate => "payout-create",
            Self::PayoutBatch => "payout-batch",
            Self::PayoutList => "payout-list",
            Self::Stats => "stats",
            Self::Health => "health",
            Self::Auth => "auth",
            Self::AuthRefresh => "auth-refresh",
            Self::Default => "default",
            Self::Unlimited => "unlimited",
        }
    }

    /// The policy of its own, where it has one.
    const fn policy(self) -> Option<PolicyName> {
        match self {
            Self::PayoutCreate => Some(PolicyName::PayoutCreate),
            Self::PayoutBatch => Some(PolicyName::PayoutBatch),
            Self::PayoutList => Some(PolicyName::PayoutList),
            Self::Stats => Some(PolicyName::Stats),
            Self::Health => Some(PolicyName::Health),
            Self::Auth => Some(PolicyName::Auth),
            Self::AuthRefresh => Some(PolicyName::AuthRefresh),
            Self::Default | Self::Unlimited => None,
        }
    }
}

/// How much somebody may ask for over all routes together (F003-05).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Whoever is known.
    Standard,
    /// Whoever pays for more.
    Premium,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 2] = [Self::Standard, Self::Premium];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Premium => "premium",
        }
    }

    /// The tier of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.word() == word)
    }
}

macro_rules! policies {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal;)+) => {
        /// A policy's name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum PolicyName { $($(#[doc = $doc])+ $variant,)+ }

        impl PolicyName {
            /// Every name, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its word, as in headers, in the journal and in metrics.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// What it measures, for people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+).trim_ascii(),)+ }
            }
        }
    };
}

policies! {
    /// one principal's orders of one payout
    PayoutCreate = "payout-create";
    /// one principal's batches
    PayoutBatch = "payout-batch";
    /// one principal's lists of payouts
    PayoutList = "payout-list";
    /// one principal's looks at the house's numbers
    Stats = "stats";
    /// one address' questions whether the process answers
    Health = "health";
    /// everything that a principal of the tier `standard` asks for
    Standard = "standard";
    /// everything that a principal of the tier `premium` asks for
    Premium = "premium";
    /// whatever comes from a principal at once
    Burst = "burst";
    /// everything that is asked for with one API key, where the key has a rate of its own
    ApiKey = "api-key";
    /// everything that is asked for with the token of `http.token_file`
    TokenFile = "token-file";
    /// one address' requests without a credential that want one
    Anonymous = "anonymous";
    /// one address' requests without a credential, with a wrong one, or for what does not exist
    IpDefault = "ip-default";
    /// one address' sign-ins and other trials of a person's secret
    Auth = "auth";
    /// the same for one account, from addresses that it has not signed in from
    AuthAccount = "auth-account";
    /// one address' renewals of sign-ins
    AuthRefresh = "auth-refresh";
}

impl PolicyName {
    /// The counter that it reads: a principal whose tier changes takes along what it has used (F003-05).
    pub(super) const fn counter(self) -> Self {
        match self {
            Self::Premium => Self::Standard,
            other => other,
        }
    }
}

/// How a policy measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// So many requests in any minute.
    Minute(u16),
    /// So many requests at once, and so many a second from then on.
    Burst {
        /// At once.
        capacity: u16,
        /// A second.
        per_second: u16,
    },
}

impl Measure {
    /// What may pass at most at once.
    #[must_use]
    pub const fn quota(self) -> u16 {
        match self {
            Self::Minute(quota) => quota,
            Self::Burst { capacity, .. } => capacity,
        }
    }

    /// How long until a quota that is used up is whole again, s.
    #[must_use]
    pub fn window_s(self) -> u32 {
        match self {
            Self::Minute(_) => 60,
            Self::Burst { capacity, per_second } => {
                u32::from(capacity).div_ceil(u32::from(per_second).max(1))
            }
        }
    }
}

/// A policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: PolicyName,
    /// How it measures.
    pub measure: Measure,
}

/// Every policy's number: requests a minute, each 1 to [`QUOTA_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatePolicies {
    /// `POST /v1/payouts`.
    pub payout_create: u16,
    /// `POST /v1/payouts/batch`.
    pub payout_batch: u16,
    /// `GET /v1/payouts`.
    pub payout_list: u16,
    /// `GET /v1/stats`.
    pub stats: u16,
    /// `GET /health`.
    pub health: u16,
    /// The tier `standard`.
    pub standard: u16,
    /// The tier `premium`.
    pub premium: u16,
    /// Requests of one principal at once.
    pub burst_capacity: u16,
    /// Requests of one principal a second, once a burst is used up.
    pub burst_per_second: u16,
    /// The token of `http.token_file`; `None`: it is not measured.
    pub token_file: Option<u16>,
    /// Requests of an address without a credential.
    pub anonymous: u16,
    /// Requests of an address that nobody known stands behind.
    pub ip_default: u16,
    /// Sign-ins, by address; by account, [`ADDRESSES_PER_ACCOUNT`] times as many.
    pub auth: u16,
    /// Renewals of sign-ins, by address.
    pub auth_refresh: u16,
}

impl Default for RatePolicies {
    /// F000-25, F003-04, F003-05, F003-16, F004-01, F004-02.
    fn default() -> Self {
        Self {
            payout_create: 10,
            payout_batch: 5,
            payout_list: 30,
            stats: 20,
            health: 120,
            standard: 100,
            premium: 1_000,
            burst_capacity: 100,
            burst_per_second: 10,
            token_file: None,
            anonymous: 10,
            ip_default: 100,
            auth: 5,
            auth_refresh: 20,
        }
    }
}

impl RatePolicies {
    /// The policy of a name; `None` where nothing is measured by it, or by what a request brings along.
    #[must_use]
    pub fn of(&self, name: PolicyName) -> Option<Policy> {
        let measure = match name {
            PolicyName::PayoutCreate => Measure::Minute(self.payout_create),
            PolicyName::PayoutBatch => Measure::Minute(self.payout_batch),
            PolicyName::PayoutList => Measure::Minute(self.payout_list),
            PolicyName::Stats => Measure::Minute(self.stats),
            PolicyName::Health => Measure::Minute(self.health),
            PolicyName::Standard => Measure::Minute(self.standard),
            PolicyName::Premium => Measure::Minute(self.premium),
            PolicyName::Burst => {
                Measure::Burst { capacity: self.burst_capacity, per_second: self.burst_per_second }
            }
            PolicyName::ApiKey => return None,
            PolicyName::TokenFile => Measure::Minute(self.token_file?),
            PolicyName::Anonymous => Measure::Minute(self.anonymous),
            PolicyName::IpDefault => Measure::Minute(self.ip_default),
            PolicyName::Auth => Measure::Minute(self.auth),
            PolicyName::AuthAccount => {
                Measure::Minute(self.auth.saturating_mul(ADDRESSES_PER_ACCOUNT).min(QUOTA_MAX))
            }
            PolicyName::AuthRefresh => Measure::Minute(self.auth_refresh),
        };
        Some(Policy { name, measure })
    }

    /// What a known principal's request is measured by.
    #[must_use]
    pub fn of_principal(&self, class: RateClass, tier: Tier) -> Vec<Policy> {
        let tier = match tier {
            Tier::Standard => PolicyName::Standard,
            Tier::Premium => PolicyName::Premium,
        };
        self.each([class.policy(), Some(tier), Some(PolicyName::Burst)])
    }

    /// What a request is measured by that shows the token of `http.token_file`.
    #[must_use]
    pub fn of_token_file(&self) -> Vec<Policy> {
        self.each([Some(PolicyName::TokenFile)])
    }

    /// What a request is measured by that shows no credential, on a route that wants one.
    #[must_use]
    pub fn of_anonymous(&self) -> Vec<Policy> {
        self.each([Some(PolicyName::Anonymous), Some(PolicyName::IpDefault)])
    }

    /// What a request is measured by whose credential is not good, or that asks for what does not exist.
    #[must_use]
    pub fn of_address(&self) -> Vec<Policy> {
        self.each([Some(PolicyName::IpDefault)])
    }

    /// What a request to a public route is measured by.
    #[must_use]
    pub fn of_public(&self, class: RateClass) -> Vec<Policy> {
        match class {
            RateClass::Unlimited => Vec::new(),
            RateClass::Health => self.each([class.policy()]),
            _ => self.each([class.policy(), Some(PolicyName::IpDefault)]),
        }
    }

    /// What a trial of one account's secret is measured by, beside its address (F004-01).
    #[must_use]
    pub fn of_account(&self) -> Vec<Policy> {
        self.each([Some(PolicyName::AuthAccount)])
    }

    fn each<const N: usize>(&self, names: [Option<PolicyName>; N]) -> Vec<Policy> {
        names.into_iter().flatten().filter_map(|name| self.of(name)).collect()
    }
}
