//! What the gate and the handlers ask of whoever was let in.

use std::collections::BTreeSet;

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web::Data};
pub use payoutd_actors::domain::access::Permission;
use payoutd_actors::domain::{
    access::{Grant, Reached},
    order::Order,
};

use super::{
    door::Door,
    office::Fault,
    peer,
    problem::{Kind, Problem},
    routes::Asked,
};
use crate::identity::{By, Means, Principal, reception::second_factor::FRESH_MS};

/// What is said to everybody who is not known, whatever the cause (F000-03).
const NOT_KNOWN: &str = "show a credential that is good: `Authorization: Bearer …`, or a signed request";

/// What is said to whoever has signed in with a password alone.
const NO_FACTOR: &str = "this wants a second factor: set one up (POST /v1/2fa/enroll), or sign in with it";

/// The one answer to whoever is not known.
#[must_use]
pub fn not_known() -> Problem {
    Problem::new(Kind::Unauthorized, NOT_KNOWN)
}

impl Principal {
    /// Whether a person's second factor is fresh enough for what they ask: for what is grave within five minutes, for what moves
    /// their own money at any time in this session. Programs have none: their requests are signed.
    ///
    /// # Errors
    /// As [`Self::must_have_shown_a_factor`].
    pub fn must_be_fresh(&self, asked: Asked, changes: bool, now_ms: i64) -> Result<(), Problem> {
        match (asked, self.means()) {
            (Asked::Grant(asked), _) if changes && is_grave(asked.permission) => {
                self.must_have_shown_a_factor(now_ms)
            }
            // Whoever has the issuer's key is whoever they like: by its tokens nothing is changed, and least of all money moved.
            (Asked::Grant(_), Means::Foreign { .. }) if changes => Err(foreign()),
            (Asked::Grant(asked), Means::Token { second_factor_at_ms: None, .. })
                if moves_money(asked.permission) =>
            {
                Err(Problem::new(Kind::StepUpRequired, NO_FACTOR))
            }
            (Asked::Grant(_) | Asked::Person | Asked::Somebody, _) => Ok(()),
        }
    }

    /// Whether somebody who has signed in has shown a second factor within five minutes.
    ///
    /// # Errors
    /// With what is to be done.
    pub fn must_have_shown_a_factor(&self, now_ms: i64) -> Result<(), Problem> {
        let second_factor_at_ms = match self.means() {
            Means::Token { second_factor_at_ms, .. } => second_factor_at_ms,
            // What was shown to somebody else was shown to nobody here.
            Means::Gateway { .. } => {
                let detail = "what is grave is not done through a gateway: sign in at this daemon, with the second factor";
                return Err(Problem::new(Kind::StepUpRequired, detail));
            }
            Means::Foreign { .. } => return Err(foreign()),
            Means::HouseToken | Means::ApiKey { .. } => return Ok(()),
        };
        let since_ms = second_factor_at_ms.map(|at_ms| now_ms.saturating_sub(at_ms));
        let detail = match since_ms {
            Some(since_ms) if (0..FRESH_MS).contains(&since_ms) => return Ok(()),
            Some(_) => {
                "the second factor was shown more than five minutes ago: show a fresh code (POST /v1/auth/step-up)"
            }
            None => NO_FACTOR,
        };
        Err(Problem::new(Kind::StepUpRequired, detail))
    }

    /// Whether they are whom a route wants.
    ///
    /// # Errors
    /// As [`Self::must_have`]; and for a program where a person is wanted.
    pub fn must_fit(&self, asked: Asked) -> Result<(), Problem> {
        match asked {
            Asked::Grant(asked) => self.must_have(&asked),
            Asked::Somebody => Ok(()),
            Asked::Person => match self.means() {
                Means::Token { .. } => Ok(()),
                Means::Gateway { .. } | Means::Foreign { .. } => Err(Problem::new(
                    Kind::Forbidden,
                    "what is somebody's own is not done for them by others: sign in at this daemon",
                )),
                Means::HouseToken | Means::ApiKey { .. } => Err(Problem::new(
                    Kind::Forbidden,
                    "this is for people who have signed in, not for programs",
                )),
            },
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

impl Door {
    /// Whose things a permission of somebody reaches at this moment, by the live record of nodes; a handler asks once. Where no nodes are
    /// kept, everybody is of none.
    ///
    /// # Errors
    /// When the store does not say.
    pub async fn reached_by(
        &self,
        principal: &Principal,
        permission: Permission,
    ) -> Result<Reached, Problem> {
        match self.nodes() {
            Some(nodes) => Ok(nodes.reached_by(principal, permission).await.map_err(Fault::from)?),
            None => Ok(Reached::by(principal.reach(permission), principal.account(), BTreeSet::new())),
        }
    }
}

/// What a stolen session must not be enough for (F001-09).
pub(super) const fn is_grave(permission: Permission) -> bool {
    use Permission::{HousePause, KeyAdmin, LimitAdmin, PayoutOperate, UserAdmin};
    matches!(permission, HousePause | KeyAdmin | LimitAdmin | PayoutOperate | UserAdmin)
}

/// What a password alone must not be enough for.
const fn moves_money(permission: Permission) -> bool {
    matches!(permission, Permission::PayoutCreate | Permission::PayoutCancel)
}

fn foreign() -> Problem {
    let detail =
        "another issuer's token reads and changes nothing: sign in at this daemon, with the second factor";
    Problem::new(Kind::StepUpRequired, detail)
}

impl FromRequest for By {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    /// The principal whom the gate let in, and from where.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let trusted = request.app_data::<Data<Door>>().map_or(&[][..], |door| &door.settings.trusted_proxies);
        let by = |principal: &Principal| Self {
            name: principal.name().to_owned(),
            from: peer::address_of(request, trusted),
        };
        let by = request.extensions().get::<Principal>().map(by);
        std::future::ready(by.ok_or_else(not_known))
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
