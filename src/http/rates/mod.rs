//! Request rates at the door: asked before a credential is looked at, by address, and after it, by principal (F003-01).
//!
//! An address pays for what nobody known stands behind: requests without a credential, with a wrong one, for what does not exist.
//! A good credential costs the address nothing: many services may stand behind one. While an address has used up its rate, no
//! credential from it is looked at; callers on this machine have no address that means anything, and only what is not known is
//! refused to them. Promises: 429 comes before 401, 403 and 400; whoever gets no answer from the limiters does not pass; every answer
//! to a request that was measured says how its strictest policy stands. Never here: the numbers, who somebody is.

pub mod fields;
pub mod page;

use actix_web::{
    HttpMessage,
    dev::ServiceRequest,
    http::header::{self, HeaderMap, HeaderName},
};
use payoutd_actors::{
    domain::rates::{Measure, Policy, Purpose, RateClass, Tier, Whom},
    guardian::Gone,
    rate_limiter::{Asking, RateLimiters, Trial, Verdict},
};

use std::sync::Arc;

use crate::identity::{Means, Principal};

use super::{
    door::Door,
    listeners::gateway_of,
    peer,
    problem::{Kind, Problem},
    routes::Line,
};

/// When asking limiters that did not answer makes sense again, ms: the guardian hires within a moment.
const AWAY_RETRY_AFTER_MS: i64 = 1_000;

/// Before anybody knows who asks.
///
/// # Errors
/// When the address' rate is used up, or nobody answers for it.
pub async fn before_identity(
    door: &Door,
    request: &ServiceRequest,
    line: Option<&Line>,
) -> Result<(), Problem> {
    let Some(limiters) = door.rates() else { return Ok(()) };
    let peer = whom_of(door, request);
    let class = line.map_or(RateClass::Default, |line| line.rate);
    let is_at_home = peer::is_at_home(request.request(), &door.settings.trusted_proxies);
    let wants_identity = line.is_some_and(|line| line.asks(is_at_home).is_some());
    let (verdict, purpose) = match line {
        None => (limiters.address(&peer, class, Purpose::Charge).await, Purpose::Charge),
        // A gateway brings many: none of them pays for the others. Whom it brings in vain it pays for itself.
        Some(_) if wants_identity && gateway_of(request.request()).is_some() => return Ok(()),
        Some(_) if !wants_identity => (limiters.public(&peer, class).await, Purpose::Charge),
        Some(_) if !shows_something(request.headers()) => {
            (limiters.anonymous(&peer, class).await, Purpose::Charge)
        }
        Some(_) if peer.has_address() => (limiters.address(&peer, class, Purpose::Look).await, Purpose::Look),
        Some(_) => return Ok(()),
    };
    judged(request, verdict, purpose)
}

/// Once it is known who asks.
///
/// # Errors
/// When a rate of the caller's is used up, or nobody answers for it.
pub async fn of_principal(
    door: &Door,
    request: &ServiceRequest,
    line: &Line,
    principal: &Principal,
) -> Result<(), Problem> {
    let Some(limiters) = door.rates() else { return Ok(()) };
    let verdict = match asking_of(principal) {
        Some(asking) => limiters.principal(&asking, line.rate).await,
        None => limiters.token_file(&Whom::named(principal.name()), line.rate).await,
    };
    judged(request, verdict, Purpose::Charge)
}

/// Once it is known that a credential lets nobody in: the address pays for it, whatever the reason was (a key that is not used from
/// where it may be, a request that came before). The answer to give.
pub async fn of_unknown(
    door: &Door,
    request: &ServiceRequest,
    line: Option<&Line>,
    refusal: Problem,
) -> Problem {
    let class = line.map_or(RateClass::Default, |line| line.rate);
    // Whoever showed nothing has paid; whoever could not be looked up is not to blame.
    let gateway = gateway_of(request.request());
    let has_paid = gateway.is_none() && !shows_something(request.headers());
    if !refusal.kind.status().is_client_error() || has_paid {
        return refusal;
    }
    let Some(limiters) = door.rates() else { return refusal };
    let verdict = match gateway {
        Some(gateway) => limiters.principal(&asking_as(gateway.name()), class).await,
        None => limiters.address(&whom_of(door, request), class, Purpose::Charge).await,
    };
    judged(request, verdict, Purpose::Charge).err().unwrap_or(refusal)
}

/// Before an account's secret is tried, from wherever it comes (F004-01).
///
/// # Errors
/// When it was tried too often within the minute, or nobody answers for it.
pub async fn of_account(limiters: &RateLimiters, trial: Trial<'_>) -> Result<(), Problem> {
    match limiters.account(trial).await {
        Ok(Some(verdict)) if !verdict.decision.allowed => Err(used_up(&verdict)),
        Ok(_) => Ok(()),
        Err(gone) => Err(away(gone)),
    }
}

/// Who asks, as the rates know them; `None` for the token of `http.token_file`, which has a rate of its own.
/// The keys of an account share the account's rates; each has its own besides (F001-13). People have theirs each.
fn asking_of(principal: &Principal) -> Option<Asking> {
    match principal.means() {
        Means::HouseToken => None,
        Means::ApiKey { key_id, rate, .. } => {
            let api_key = rate.per_minute.map(|per_minute| (Arc::from(key_id.as_str()), per_minute));
            Some(Asking { whom: Whom::named(principal.account().as_str()), tier: rate.tier, api_key })
        }
        Means::Token { .. } | Means::Gateway { .. } | Means::Foreign { .. } => {
            Some(asking_as(principal.name()))
        }
    }
}

fn asking_as(name: &str) -> Asking {
    Asking { whom: Whom::named(name), tier: Tier::Standard, api_key: None }
}

/// The address that pays for a request.
fn whom_of(door: &Door, request: &ServiceRequest) -> Whom {
    peer::address_of(request.request(), &door.settings.trusted_proxies).map_or(Whom::Nearby, Whom::at)
}

/// What the headers of a signature begin with.
const SIGNATURE_HEADERS: &str = "x-payoutd-";

/// Whether a request shows any credential, good or not.
fn shows_something(headers: &HeaderMap) -> bool {
    let is_one =
        |name: &HeaderName| *name == header::AUTHORIZATION || name.as_str().starts_with(SIGNATURE_HEADERS);
    headers.keys().any(is_one)
}

/// What was decided becomes a problem, or stays with the request for its answer's headers.
fn judged(
    request: &ServiceRequest,
    verdict: Result<Option<Verdict>, Gone>,
    purpose: Purpose,
) -> Result<(), Problem> {
    let Some(verdict) = verdict.map_err(away)? else { return Ok(()) };
    let allowed = verdict.decision.allowed;
    let answer = if allowed { Ok(()) } else { Err(used_up(&verdict)) };
    if !allowed || purpose == Purpose::Charge {
        request.extensions_mut().insert(verdict);
    }
    answer
}

fn used_up(verdict: &Verdict) -> Problem {
    let Policy { name, measure } = verdict.decision.policy;
    let quota = match measure {
        Measure::Minute(quota) => format!("{quota} requests a minute"),
        Measure::Burst { capacity, per_second } => {
            format!("{capacity} requests at once, and {per_second} a second from then on")
        }
    };
    let detail = format!("the policy `{}` lets {quota} pass, and they are used up", name.word());
    let wait_ms = i64::try_from(verdict.decision.reset_after_ms).unwrap_or(i64::MAX);
    Problem {
        violated: Some(name.word()),
        ..Problem::new(Kind::QuotaExceeded, detail).retry_after_ms(wait_ms)
    }
}

fn away(gone: Gone) -> Problem {
    tracing::warn!(%gone, "nobody says whether a request may pass");
    Problem::new(Kind::Unavailable, "how often was asked is not known now, and nothing passes unmeasured")
        .retry_after_ms(AWAY_RETRY_AFTER_MS)
}
