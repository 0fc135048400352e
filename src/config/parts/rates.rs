//! `[rates]`: how often who may ask (F000-25, F003-04, F003-05, F004-01, F004-02).

use payoutd_actors::domain::rates::{QUOTA_MAX, RatePolicies};

use crate::config::{
    forms::Count,
    key::{Fallback, Key},
    reader::Reader,
};

/// How often who may ask: the policies' numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    /// As the limiters ask them.
    pub policies: RatePolicies,
}

const REQUESTS: Count = Count { of: "requests", from: 1, to: QUOTA_MAX as u32 };

const PAYOUT_CREATE: Key<Count> = Key {
    name: "rates.payout_create_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("10"),
    about: "Orders of one payout by one principal in any minute (`POST /v1/payouts`).",
};

const PAYOUT_BATCH: Key<Count> = Key {
    name: "rates.payout_batch_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("5"),
    about: "Batches of one principal in any minute (`POST /v1/payouts/batch`).",
};

const PAYOUT_LIST: Key<Count> = Key {
    name: "rates.payout_list_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("30"),
    about: "Lists of payouts for one principal in any minute (`GET /v1/payouts`).",
};

const STATS: Key<Count> = Key {
    name: "rates.stats_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("20"),
    about: "Looks of one principal at the house's numbers in any minute (`GET /v1/stats`).",
};

const HEALTH: Key<Count> = Key {
    name: "rates.health_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("120"),
    about: "Questions of one address to `/health` and `/v1/health` in any minute. Whatever restarts a daemon that does not answer \
            should ask `/livez` and `/readyz`, which are never refused.",
};

const STANDARD: Key<Count> = Key {
    name: "rates.standard_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("100"),
    about: "Everything that a principal of the tier `standard` may ask for in any minute, over all routes.",
};

const PREMIUM: Key<Count> = Key {
    name: "rates.premium_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("1000"),
    about: "The same for the tier `premium`.",
};

const ANONYMOUS: Key<Count> = Key {
    name: "rates.anonymous_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("10"),
    about: "Requests of one address in any minute that want a credential and show none. Everybody on this machine, and behind a proxy that is \
            not among http.trusted_proxies, is one address.",
};

const IP_DEFAULT: Key<Count> = Key {
    name: "rates.ip_default_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("100"),
    about: "Requests of one address in any minute that nobody known stands behind: without a credential, with a wrong one, or for \
            what does not exist. While it is used up the address shows credentials in vain; requests with a good credential do not \
            use it up.",
};

const AUTH: Key<Count> = Key {
    name: "rates.auth_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("5"),
    about: "Sign-ins and other trials of a person's secret in any minute, by one address; for one account, four times as many from all \
            addresses together that it has not signed in from.",
};

const AUTH_REFRESH: Key<Count> = Key {
    name: "rates.auth_refresh_per_minute",
    form: REQUESTS,
    fallback: Fallback::Is("20"),
    about: "Renewals of sign-ins by one address in any minute.",
};

const BURST_CAPACITY: Key<Count> = Key {
    name: "rates.burst_capacity",
    form: REQUESTS,
    fallback: Fallback::Is("100"),
    about: "Requests of one principal that may come at once.",
};

const BURST_PER_SECOND: Key<Count> = Key {
    name: "rates.burst_per_second",
    form: REQUESTS,
    fallback: Fallback::Is("10"),
    about: "Requests of one principal that may come in a second once a burst is used up.",
};

const TOKEN_FILE: Key<Count> = Key {
    name: "rates.token_file_per_minute",
    form: REQUESTS,
    fallback: Fallback::Absent {
        example: "6000",
        without: "whoever shows the token of http.token_file asks as often as they like",
    },
    about: "Everything that is asked for with the token of http.token_file in any minute. No other policy measures it.",
};

impl Rates {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section(
            "rates",
            "How often who may ask. Every policy that measures a request must let it pass; docs/rates.md has the table.",
        );
        let payout_create = number(reader, &PAYOUT_CREATE);
        let payout_batch = number(reader, &PAYOUT_BATCH);
        let payout_list = number(reader, &PAYOUT_LIST);
        let stats = number(reader, &STATS);
        let health = number(reader, &HEALTH);
        let standard = number(reader, &STANDARD);
        let premium = number(reader, &PREMIUM);
        let burst_capacity = number(reader, &BURST_CAPACITY);
        let burst_per_second = number(reader, &BURST_PER_SECOND);
        let anonymous = number(reader, &ANONYMOUS);
        let ip_default = number(reader, &IP_DEFAULT);
        let auth = number(reader, &AUTH);
        let auth_refresh = number(reader, &AUTH_REFRESH);
        let token_file = reader.ask_maybe(&TOKEN_FILE);
        let policies = RatePolicies {
            payout_create: payout_create?,
            payout_batch: payout_batch?,
            payout_list: payout_list?,
            stats: stats?,
            health: health?,
            standard: standard?,
            premium: premium?,
            burst_capacity: burst_capacity?,
            burst_per_second: burst_per_second?,
            token_file: token_file?.map(narrow),
            anonymous: anonymous?,
            ip_default: ip_default?,
            auth: auth?,
            auth_refresh: auth_refresh?,
        };
        Some(Self { policies })
    }
}

fn number(reader: &mut Reader<'_>, key: &Key<Count>) -> Option<u16> {
    reader.ask(key).map(narrow)
}

/// The form has refused what is above [`QUOTA_MAX`].
fn narrow(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(QUOTA_MAX)
}
