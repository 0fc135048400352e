//! Who is at the door, and what they may do.
//!
//! One token opens the door for now and carries every permission; the table of routes asks for permissions all the same,
//! so that a narrower token needs no new route.

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use payoutd_actors::domain::identity::AccountId;

use super::problem::{Kind, Problem};

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Order payouts.
    PayoutCreate,
    /// Read payouts.
    PayoutRead,
    /// Call payouts off.
    PayoutCancel,
    /// Release, reject and resolve payouts, and ask the chain about them.
    PayoutOperate,
    /// Read the house's numbers, its wallet and its actors.
    HouseRead,
    /// Pause and resume.
    HousePause,
    /// Read the journal's key and checkpoint.
    AuditRead,
    /// Hear what happens, to every account's payouts.
    EventRead,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 8] = [
        Self::PayoutCreate,
        Self::PayoutRead,
        Self::PayoutCancel,
        Self::PayoutOperate,
        Self::HouseRead,
        Self::HousePause,
        Self::AuditRead,
        Self::EventRead,
    ];

    /// Its word, as problems and the API's description name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::PayoutCreate => "payout:create",
            Self::PayoutRead => "payout:read",
            Self::PayoutCancel => "payout:cancel",
            Self::PayoutOperate => "payout:operate",
            Self::HouseRead => "house:read",
            Self::HousePause => "house:pause",
            Self::AuditRead => "audit:read",
            Self::EventRead => "event:read",
        }
    }
}

/// Whoever showed a token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose money they spend.
    pub account: AccountId,
    /// What the journal calls them.
    pub name: String,
    permissions: Vec<Permission>,
}

impl Caller {
    /// The holder of the one token: the house itself, with every permission.
    #[must_use]
    pub fn house() -> Self {
        Self { account: AccountId::house(), name: "house".to_owned(), permissions: Permission::ALL.to_vec() }
    }

    /// A caller with some permissions.
    #[must_use]
    pub fn with(account: AccountId, name: &str, permissions: &[Permission]) -> Self {
        Self { account, name: name.to_owned(), permissions: permissions.to_vec() }
    }

    /// Whether they have a permission.
    pub fn must_have(&self, permission: Permission) -> Result<(), Problem> {
        if self.permissions.contains(&permission) {
            return Ok(());
        }
        let word = permission.word();
        Err(Problem::new(Kind::Forbidden, format!("this token does not carry the permission `{word}`")))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;

    /// The caller whom the gate let in. A route without a gate has none, which is a fault of the table.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        std::future::ready(caller.ok_or_else(|| Problem::new(Kind::Unauthorized, "show a bearer token")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_that_is_not_carried_is_named() {
        let reader = Caller::with(AccountId::house(), "reader", &[Permission::PayoutRead]);
        assert_eq!(reader.must_have(Permission::PayoutRead), Ok(()));
        let problem = reader.must_have(Permission::HousePause).unwrap_err();
        assert_eq!((problem.kind, problem.detail.contains("house:pause")), (Kind::Forbidden, true));
        assert!(Permission::ALL.iter().all(|permission| Caller::house().must_have(*permission).is_ok()));
    }
}
