//! `/v1/payouts`: order, read, list, decide, verify. A file per verb, and the shape of a payout.

pub mod batch;
pub mod body;
pub mod create;
pub mod decide;
pub mod list;
pub mod read;
pub mod verify;

use payoutd_actors::domain::identity::PayoutId;

// What is wrong with an order is said in the same words at every door.
pub(crate) use self::create::{key_reused, not_admitted, not_an_order};

use super::problem::{Kind, Problem};

/// The id in a path. What can not be an id is nobody's.
fn id_of(text: &str) -> Result<PayoutId, Problem> {
    text.parse().map_err(|_| unknown())
}

/// Nobody has this id.
#[must_use]
pub fn unknown() -> Problem {
    Problem::new(Kind::NotFound, "no payout has this id")
}
