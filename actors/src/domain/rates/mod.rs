//! Request rates: how often who may ask for what (F000-25, F003-04, F003-05, F004-01..06).
//!
//! A request is measured by several policies at once. All of them must let it pass; where one does not, none is charged; the
//! strictest is the one that the caller hears of (D-20). Minute quotas are sliding windows, the burst guard is a leaky bucket
//! (GCRA): the bucket alone would let 600 requests a minute pass (D-47). Promises: never more than a quota in any window,
//! whatever the clock does; one principal's use is nobody else's; one route class's use leaves the others alone (D-05); memory
//! has a bound. Never here: who somebody is, addresses of proxies, HTTP.

mod book;
mod breaches;
mod burst;
mod policy;
#[cfg(test)]
mod tests;
mod whom;
mod window;

pub use book::{Book, BookLimits, Charge, Decision, KEY_BYTES_MAX, Purpose};
pub use breaches::{Breach, Breaches, OPEN_BREACHES_MAX};
pub use policy::{
    ADDRESSES_PER_ACCOUNT, Measure, Policy, PolicyName, QUOTA_MAX, RateClass, RatePolicies, Tier,
};
pub use whom::{NAME_BYTES_MAX, Name, Principal, PrincipalKey, Whom};
pub use window::WINDOW_MS;

/// How a counter stands against its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    /// So many requests would pass now.
    left: u32,
    /// How long until one more would pass than passes now, ms; 0 where nothing is used.
    more_after_ms: u64,
}
