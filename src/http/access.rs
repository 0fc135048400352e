//! What the gate and the handlers ask of whoever was let in.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
pub use payoutd_actors::domain::access::Permission;
use payoutd_actors::domain::{access::Grant, order::Order};

use super::{
    problem::{Kind, Problem},
    routes::Asked,
};
use crate::identity::Principal;

/// What is said to everybody who is not known, whatever the cause (F000-03).
const NOT_KNOWN: &str = "show a credential that is good: `Authorization: Bearer …`, or a signed request";

/// The one answer to whoever is not known.
#[must_use]
pub fn not_known() -> Problem {
    Problem::new(Kind::Unauthorized, NOT_KNOWN)
}

impl Principal {
    /// Whether they are whom a route wants.
    ///
    /// # Errors
    /// As [`Self::must_have`]; and for a program where a person is wanted.
    pub fn must_fit(&self, asked: Asked) -> Result<(), Problem> {
        match asked {
            Asked::Grant(asked) => self.must_have(&asked),
            Asked::Person if self.person_id().is_some() => Ok(()),
            Asked::Person => {
                Err(Problem::new(Kind::Forbidden, "this is for people who have signed in, not for programs"))
            }
        }
    }

    /// Whether they have a permission as far as a route asks for it.
    ///
    /// # Errors
    /// The permission, and what of it is wanting, are named to whoever is known (F000-04).
    pub fn must_have(&self, asked: &Grant) -> Result<(), Problem> {
        let word = asked.permission.word();
        let refuse = |why: String| Err(Problem::new(Kind::Forbidden, why));
        match self.grant(asked.permission) {
            None => refuse(format!("this credential does not carry the permission `{word}`")),
            Some(grant) if grant.covers(asked) => Ok(()),
            Some(grant) if grant.reach < asked.reach => {
                let (has, wanted) = (grant.reach.word(), asked.reach.word());
                refuse(format!(
                    "this credential carries `{word}` with the reach `{has}`, and `{wanted}` is wanted here"
                ))
            }
            Some(grant) if grant.detail < asked.detail => {
                refuse(format!("this credential carries `{word}` for the limited numbers alone"))
            }
            Some(_) => refuse(format!("this credential carries `{word}` for one at a time, not for batches")),
        }
    }

    /// Whether they may give these orders.
    ///
    /// # Errors
    /// With the route that their grant leaves out.
    pub fn must_be_let_order(&self, orders: &[Order]) -> Result<(), Problem> {
        self.may_order(orders).map_err(|why| Problem::new(Kind::Forbidden, why))
    }
}

impl FromRequest for Principal {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    /// The principal whom the gate let in. A route without a gate has none, which is a fault of the table.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let principal = request.extensions().get::<Self>().cloned();
        std::future::ready(principal.ok_or_else(not_known))
    }
}
