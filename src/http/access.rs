//! What the gate and the handlers ask of whoever was let in.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
pub use payoutd_actors::domain::access::Permission;
use payoutd_actors::domain::order::Order;

use super::problem::{Kind, Problem};
use crate::identity::Principal;

/// What is said to everybody who is not known, whatever the cause (F000-03).
const NOT_KNOWN: &str = "show a credential that is good: `Authorization: Bearer …`, or a signed request";

/// The one answer to whoever is not known.
#[must_use]
pub fn not_known() -> Problem {
    Problem::new(Kind::Unauthorized, NOT_KNOWN)
}

impl Principal {
    /// Whether they have a permission, however far it reaches.
    ///
    /// # Errors
    /// The permission is named to whoever is known (F000-04).
    pub fn must_have(&self, permission: Permission) -> Result<(), Problem> {
        if self.grant(permission).is_some() {
            return Ok(());
        }
        let word = permission.word();
        Err(Problem::new(Kind::Forbidden, format!("this credential does not carry the permission `{word}`")))
    }

    /// Whether they may give these orders.
    ///
    /// # Errors
    /// What their grant leaves out.
    pub fn must_be_let_order(&self, orders: &[Order], batch: bool) -> Result<(), Problem> {
        self.may_order(orders, batch).map_err(|why| Problem::new(Kind::Forbidden, why))
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
