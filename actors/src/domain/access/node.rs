//! Nodes: accounts that are run together. Who may do something to those of their node may do it to every account of it (F000-07).
//!
//! An account is of one node at most, and of none until somebody says so: then whoever spends its money reaches it alone. Promises that
//! nobody reaches more by losing a node, or a grant. Never here: who says which account is of which node, and where that is kept.

use super::Reach;
use crate::domain::identity::{AccountId, is_plain_name};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The name of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

/// A text that is no name of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a node's name has 1 to 64 characters from a-z 0-9 _ - .")]
pub struct NotANodeName;

impl NodeName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = NotANodeName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_plain_name(text) { Ok(Self(text.to_owned())) } else { Err(NotANodeName) }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose things somebody reaches: what a [`Reach`] comes to for one principal at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// Everybody's.
    Everybody,
    /// Those of these accounts; of none, nobody's.
    Accounts(BTreeSet<AccountId>),
}

impl Reached {
    /// One account's.
    #[must_use]
    pub fn one(account: &AccountId) -> Self {
        Self::Accounts(BTreeSet::from([account.clone()]))
    }

    /// What a reach comes to for whoever spends an account's money, with the accounts of its node as they are now. Without a grant it is
    /// nobody's; and where the account itself is not among them, it is of no node.
    #[must_use]
    pub fn by(reach: Option<Reach>, own: &AccountId, of_node: BTreeSet<AccountId>) -> Self {
        match reach {
            None => Self::Accounts(BTreeSet::new()),
            Some(Reach::All) => Self::Everybody,
            Some(Reach::Node) if of_node.contains(own) => Self::Accounts(of_node),
            Some(Reach::Node | Reach::Own) => Self::one(own),
        }
    }

    /// Whether an account is among them.
    #[must_use]
    pub fn has(&self, account: &AccountId) -> bool {
        match self {
            Self::Everybody => true,
            Self::Accounts(accounts) => accounts.contains(account),
        }
    }

    /// Whoever is among both.
    #[must_use]
    pub fn shared_with(&self, others: &Self) -> Self {
        match (self, others) {
            (Self::Everybody, some) | (some, Self::Everybody) => some.clone(),
            (Self::Accounts(these), Self::Accounts(others)) => {
                Self::Accounts(these.intersection(others).cloned().collect())
            }
        }
    }

    /// Whether whoever the others are is among these.
    #[must_use]
    pub fn covers(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::Everybody, _) => true,
            (Self::Accounts(_), Self::Everybody) => false,
            (Self::Accounts(these), Self::Accounts(others)) => others.is_subset(these),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::{Permission, Role};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn account(n: u8) -> AccountId {
        AccountId::new(format!("account-{n}")).unwrap()
    }

    /// Which account is of which node.
    type Map = BTreeMap<u8, u8>;

    fn reached(map: &Map, reach: Option<Reach>, own: u8) -> Reached {
        let node = map.get(&own);
        let fellows = map.iter().filter(|(_, other)| Some(*other) == node).map(|(n, _)| account(*n));
        Reached::by(reach, &account(own), fellows.collect())
    }

    #[test]
    fn a_nodes_name_is_plain_and_short() {
        for good in ["north", "eu-1_a.b", "0", &"n".repeat(64)] {
            assert_eq!(good.parse::<NodeName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "North", "a b", "nörd", "a/b", "*", &"n".repeat(65)] {
            assert_eq!(bad.parse::<NodeName>(), Err(NotANodeName), "{bad}");
        }
    }

    /// Without a grant, or beside a node of others, nobody else's things are reached.
    #[test]
    fn whoever_is_of_no_node_reaches_themselves_and_whoever_has_no_grant_nobody() {
        let (own, others) = (account(1), BTreeSet::from([account(2), account(3)]));
        assert_eq!(Reached::by(Some(Reach::Node), &own, others.clone()), Reached::one(&own));
        assert_eq!(Reached::by(Some(Reach::Own), &account(2), others.clone()), Reached::one(&account(2)));
        let nobody = Reached::by(None, &account(2), others);
        assert!(!nobody.has(&account(2)) && !nobody.has(&account(3)));
    }

    proptest! {
        /// F000-07, D-15: all ⊇ node ⊇ own, whatever the nodes are; a role's grant reaches what it says and no more.
        #[test]
        fn a_wider_reach_reaches_no_less(
            map in prop::collection::btree_map(0_u8..8, 0_u8..3, 0..8), own in 0_u8..8,
            role in prop::sample::select(Role::ALL.to_vec()), permission in prop::sample::select(Permission::ALL.to_vec()),
        ) {
            let [least, node, all] = Reach::ALL.map(|reach| reached(&map, Some(reach), own));
            let nobody = Reached::Accounts(BTreeSet::new());
            for (one, other) in [(&all, &node), (&node, &all), (&node, &least), (&least, &node), (&all, &all), (&node, &nobody)] {
                let shared = one.shared_with(other);
                prop_assert!(one.covers(&shared) && other.covers(&shared));
                prop_assert!((0..8).map(account).all(|n| shared.has(&n) == (one.has(&n) && other.has(&n))));
            }
            prop_assert!(all.covers(&node) && node.covers(&least) && least.has(&account(own)));
            prop_assert!(least.covers(&reached(&map, None, own)));
            let granted = role.grants().get(permission).map(|grant| grant.reach);
            let theirs = reached(&map, granted, own);
            for other in 0..8 {
                let is_fellow = map.contains_key(&own) && map.get(&other) == map.get(&own);
                let may = match granted {
                    None => false,
                    Some(Reach::Own) => other == own,
                    Some(Reach::Node) => other == own || is_fellow,
                    Some(Reach::All) => true,
                };
                prop_assert_eq!(theirs.has(&account(other)), may);
            }
        }

        /// Whoever loses a node never gains, and neither does anybody else.
        #[test]
        fn nobody_reaches_more_when_somebody_leaves_a_node(
            map in prop::collection::btree_map(0_u8..8, 0_u8..3, 0..8), leaves in 0_u8..8, own in 0_u8..8,
        ) {
            let mut left = map.clone();
            left.remove(&leaves);
            for reach in [None, Some(Reach::Own), Some(Reach::Node), Some(Reach::All)] {
                prop_assert!(reached(&map, reach, own).covers(&reached(&left, reach, own)));
            }
            prop_assert!(leaves == own || !reached(&left, Some(Reach::Node), own).has(&account(leaves)));
        }
    }
}
