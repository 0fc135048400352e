//! Whoever was let in.

use std::net::IpAddr;

use payoutd_actors::domain::{
    access::{Detail, Grant, Grants, Orderer, Permission, Reach, Role},
    identity::AccountId,
    journal::Cause,
    order::Order,
    rates::Tier,
};
use serde_json::Value;

use crate::record;

/// What a person's name begins with, before their id.
pub(super) const PERSON: &str = "user:";

/// Who does something, and from where: as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The principal's name.
    pub name: String,
    /// The address; `None` on a local socket.
    pub from: Option<IpAddr>,
}

impl By {
    /// What the journal says of what they want done, in the request that is worked on here.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause { by: Some(self.name.clone()), ..self.order() }
    }

    /// The same of what they order: an order says by itself who gives it.
    #[must_use]
    pub fn order(&self) -> Cause {
        Cause { client: Some(place(self.from)), ..record::cause() }
    }

    /// Adds who it is to what is told.
    pub(crate) fn sign(&self, facts: &mut Value) {
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("by".to_owned(), self.name.as_str().into());
            facts.insert("from".to_owned(), place(self.from).into());
        }
    }
}

/// From where, for the journal.
pub(super) fn place(from: Option<IpAddr>) -> String {
    from.map_or_else(|| "this machine".to_owned(), |address| address.to_string())
}

/// How often the holder of a key may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRate {
    /// Over all routes, together with the other keys of the account.
    pub tier: Tier,
    /// By this key alone, requests a minute (F001-13).
    pub per_minute: Option<u16>,
}

/// What somebody has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Means {
    /// The token of `http.token_file`.
    HouseToken,
    /// An API key, by its id.
    ApiKey {
        /// Which.
        key_id: String,
        /// Whether the request was signed with it.
        signed: bool,
        /// How often it may ask.
        rate: KeyRate,
    },
    /// An access token, by a person who has signed in.
    Token {
        /// Which.
        token_id: String,
        /// In which session.
        session_id: String,
        /// Until when it is good, unix ms.
        expires_at_ms: i64,
        /// When a second factor was shown last in this session, unix ms.
        second_factor_at_ms: Option<i64>,
    },
    /// Nothing of their own: a gateway has brought them (F000-05).
    Gateway {
        /// Which, by its name in the journal.
        gateway: String,
        /// The API key with which it has signed the request.
        key_id: Option<String>,
    },
    /// A token of an issuer elsewhere.
    Foreign {
        /// The issuer.
        issuer: String,
        /// The link that says who they are here.
        link_id: String,
        /// When the token was made, unix ms.
        issued_at_ms: i64,
        /// Until when it is good, unix ms.
        expires_at_ms: i64,
    },
}

/// Whoever was let in: whose money they spend, what they may do, and how they proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    name: String,
    account: AccountId,
    role: Role,
    grants: Grants,
    means: Means,
}

impl Principal {
    /// The holder of the one token: the house itself, which may do everything.
    pub(super) fn house() -> Self {
        Self {
            name: "house".to_owned(),
            account: AccountId::house(),
            role: Role::Admin,
            grants: Role::Admin.grants(),
            means: Means::HouseToken,
        }
    }

    /// The holder of an API key.
    pub(super) fn key(key_id: &str, account: AccountId, grants: Grants, rate: KeyRate, signed: bool) -> Self {
        Self {
            name: format!("key:{key_id}"),
            account,
            role: Role::Service,
            grants,
            means: Means::ApiKey { key_id: key_id.to_owned(), signed, rate },
        }
    }

    /// A person who has signed in, here or at a gateway, and what of their role's grants they were left.
    pub(super) fn person(
        person_id: &str,
        account: AccountId,
        role: Role,
        grants: Grants,
        means: Means,
    ) -> Self {
        Self { name: format!("{PERSON}{person_id}"), account, role, grants, means }
    }

    /// The id of the person that they are; `None` for a program.
    #[must_use]
    pub fn person_id(&self) -> Option<&str> {
        let is_program = matches!(self.means, Means::HouseToken | Means::ApiKey { .. });
        self.name.strip_prefix(PERSON).filter(|_| !is_program)
    }

    /// Whom a gateway has brought, with its key's signature under the request: they may do what both may. `None` where the key spends
    /// another account's money.
    #[must_use]
    pub fn brought_with(self, key: &Self) -> Option<Self> {
        match (self.means, &key.means) {
            (Means::Gateway { gateway, .. }, Means::ApiKey { key_id, signed: true, .. })
                if self.account == key.account =>
            {
                let means = Means::Gateway { gateway, key_id: Some(key_id.clone()) };
                Some(Self { grants: self.grants.shared_with(&key.grants), means, ..self })
            }
            _ => None,
        }
    }

    /// What the journal, the logs and the rates call them.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose money they spend: the scope of their idempotency keys.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// What they are.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whom a payout is counted for that they order.
    #[must_use]
    pub fn orderer(&self) -> Orderer {
        Orderer { principal: self.name.clone(), role: self.role }
    }

    /// How they proved who they are.
    #[must_use]
    pub fn means(&self) -> &Means {
        &self.means
    }

    /// Whether whoever has these grants and this account now may do all that they were let in for.
    pub(super) fn is_within(&self, account: &AccountId, grants: &Grants) -> bool {
        self.account == *account && grants.cover(&self.grants)
    }

    /// Their grant of a permission.
    #[must_use]
    pub fn grant(&self, permission: Permission) -> Option<&Grant> {
        self.grants.get(permission)
    }

    /// Whether they may give these orders.
    ///
    /// # Errors
    /// With the route that is not granted.
    pub fn may_order(&self, orders: &[Order]) -> Result<(), String> {
        let Some(grant) = self.grant(Permission::PayoutCreate) else {
            return Err(format!("`{}` is not granted", Permission::PayoutCreate.word()));
        };
        let beyond = orders.iter().find(|order| !grant.routes.has(order.route));
        beyond.map_or(Ok(()), |order| Err(format!("the route `{}` is not granted", order.route.word())))
    }

    /// How far a permission of theirs reaches; `None` where they do not have it. Whose things that comes to is asked of the nodes.
    #[must_use]
    pub fn reach(&self, permission: Permission) -> Option<Reach> {
        self.grant(permission).map(|grant| grant.reach)
    }

    /// Whether they see all of the house's numbers.
    #[must_use]
    pub fn sees_everything(&self) -> bool {
        self.grant(Permission::HouseRead).is_some_and(|grant| grant.detail == Detail::Full)
    }
}
