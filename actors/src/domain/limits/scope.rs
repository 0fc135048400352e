//! Whose limits there are: everybody who spends is measured in several scopes at once, and all of them must have room.

use crate::domain::access::{Orderer, Role};
use crate::domain::identity::AccountId;
use crate::domain::order::Route;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Characters that the name of a principal may have in a limit's scope.
pub const PRINCIPAL_CHARS_MAX: usize = 128;

/// Whose limit it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everybody together.
    House,
    /// One account, whoever orders for it.
    Account(AccountId),
    /// One principal, as the journal calls it: `key:…`, `user:…` or `house`.
    Principal(String),
    /// All who have a role, together.
    Role(Role),
    /// All payouts by a route, together.
    Route(Route),
}

/// What kind of scope a limit is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The house's.
    House,
    /// An account's.
    Account,
    /// A principal's.
    Principal,
    /// A role's.
    Role,
    /// A route's.
    Route,
}

/// What of a scope is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Each payout by itself.
    PerPayout,
    /// Any 60 minutes.
    Hourly,
    /// Any 24 hours.
    Daily,
}

/// Which limit a payout would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LimitBroken {
    /// Whose it is.
    pub whose: Whose,
    /// Over what time.
    pub window: Window,
}

/// Who spends, as far as limits ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpenderRef<'a> {
    /// Whose money it is.
    pub account: &'a AccountId,
    /// Who ordered it, where that is known.
    pub ordered_by: Option<&'a Orderer>,
    /// By which route.
    pub route: Route,
}

/// Who spends, kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spender {
    /// Whose money it is.
    pub account: AccountId,
    /// Who ordered it, where that is known.
    pub ordered_by: Option<Orderer>,
    /// By which route.
    pub route: Route,
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a scope is `house`, `account:NAME`, `principal:NAME` (key:ID, user:ID or house), `role:ROLE` or `route:ROUTE`"
)]
pub struct NotAScope;

impl Spender {
    /// The same, borrowed.
    #[must_use]
    pub fn by_ref(&self) -> SpenderRef<'_> {
        SpenderRef { account: &self.account, ordered_by: self.ordered_by.as_ref(), route: self.route }
    }
}

impl SpenderRef<'_> {
    /// The same, to keep.
    #[must_use]
    pub fn kept(self) -> Spender {
        Spender { account: self.account.clone(), ordered_by: self.ordered_by.cloned(), route: self.route }
    }

    /// Every scope that measures it. What is known neither of principal nor of role (ordered before either was written down) is
    /// measured for house and account alone.
    #[must_use]
    pub fn scopes(self) -> Vec<Scope> {
        let mut scopes = vec![Scope::House, Scope::Account(self.account.clone())];
        if let Some(by) = self.ordered_by {
            scopes.extend([
                Scope::Principal(by.principal.clone()),
                Scope::Role(by.role),
                Scope::Route(self.route),
            ]);
        }
        scopes
    }
}

impl Scope {
    /// What kind it is.
    #[must_use]
    pub const fn whose(&self) -> Whose {
        match self {
            Self::House => Whose::House,
            Self::Account(_) => Whose::Account,
            Self::Principal(_) => Whose::Principal,
            Self::Role(_) => Whose::Role,
            Self::Route(_) => Whose::Route,
        }
    }
}

/// The one text of a scope: in JSON, in SQL, in the journal and on the command line.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::House => f.write_str("house"),
            Self::Account(account) => write!(f, "account:{account}"),
            Self::Principal(name) => write!(f, "principal:{name}"),
            Self::Role(role) => write!(f, "role:{}", role.word()),
            Self::Route(route) => write!(f, "route:{}", route.word()),
        }
    }
}

impl FromStr for Scope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "house" => Ok(Self::House),
            Some(("account", name)) => AccountId::new(name).map(Self::Account).map_err(|_| NotAScope),
            Some(("principal", name)) if is_principal(name) => Ok(Self::Principal(name.to_owned())),
            Some(("role", word)) => word.parse().map(Self::Role).map_err(|_| NotAScope),
            Some(("route", word)) => Route::from_word(word).map(Self::Route).ok_or(NotAScope),
            Some(_) | None => Err(NotAScope),
        }
    }
}

fn is_principal(name: &str) -> bool {
    (1..=PRINCIPAL_CHARS_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}
