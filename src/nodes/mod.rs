//! Nodes: which accounts are run together (F000-07, D-15), as people have said; kept in the register.
//!
//! - An account is of one node at most, and of none until somebody says so. A node is there as long as an account is of it.
//! - Whoever's permission reaches their node is asked about anew with each request: an account that leaves its node is out of reach, and
//!   reaches nobody else's things, from the next request on, on every daemon, whatever a token says.
//! - Each change is one transaction with the journal's word about it: the old node, the new one, who says so and why.
//!
//! **Never here:** whose permission reaches how far (the roles say it), who may change nodes (the door asks).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use payoutd_actors::{
    domain::{
        access::{NodeName, NotANodeName, Permission, Reach, Reached},
        identity::AccountId,
        journal::{Body, JournalDraft},
    },
    ports::{Clock, Entry, EntryKind, Register, RegisterChange, Registered, StoreFault},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use thiserror::Error;

use crate::identity::{By, Principal};

/// Accounts that may be of one node. All of them are named with each question about their payouts.
pub const ACCOUNTS_OF_NODE_MAX: usize = 500;
/// Nodes that there may be.
pub const NODES_MAX: usize = 1_000;
/// Accounts that may be of some node, all nodes together.
pub const ACCOUNTS_MAX: usize = 10_000;
/// Accounts of one page.
pub const PAGE_MAX: u32 = 100;

/// Which node an account is of, and who has said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeAccount {
    /// The account.
    pub account: AccountId,
    /// Its node.
    pub node: NodeName,
    /// Who has said so.
    pub set_by: String,
    /// When, unix ms.
    pub set_at_ms: i64,
    /// Why, in their words.
    pub reason: String,
    version: u32,
}

/// What the entry of an account says beside its id and its owner.
#[derive(Serialize, Deserialize)]
struct Written {
    set_by: String,
    set_at_ms: i64,
    reason: String,
}

/// Why nothing was done.
#[derive(Debug, Clone, Error)]
pub enum NodeFault {
    /// The account is of no node.
    #[error("the account is of no node")]
    OfNone,
    /// Somebody was faster.
    #[error("somebody changed the node of this account at the same moment: look again")]
    Outdated,
    /// The node is full.
    #[error("{ACCOUNTS_OF_NODE_MAX} accounts are of this node, which is as many as may be")]
    NodeFull,
    /// As many nodes as may be are there.
    #[error("there are {NODES_MAX} nodes, which is as many as may be")]
    TooManyNodes,
    /// As many accounts as may be are of some node.
    #[error("{ACCOUNTS_MAX} accounts are of some node, which is as many as may be")]
    TooManyAccounts,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Where it is said, and asked, which account is of which node.
pub struct NodeDesk {
    register: Arc<dyn Register>,
    clock: Arc<dyn Clock>,
}

impl NodeDesk {
    /// The desk of a house.
    #[must_use]
    pub fn new(register: Arc<dyn Register>, clock: Arc<dyn Clock>) -> Self {
        Self { register, clock }
    }

    /// Whose things a permission of somebody reaches now: to be asked once for each request. Only where it reaches a node is the store
    /// asked, twice, by an index.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn reached_by(
        &self,
        principal: &Principal,
        permission: Permission,
    ) -> Result<Reached, StoreFault> {
        self.reached(principal.reach(permission), principal.account()).await
    }

    async fn reached(&self, reach: Option<Reach>, own: &AccountId) -> Result<Reached, StoreFault> {
        let of_node = match reach {
            Some(Reach::Node) => self.beside(own).await?,
            Some(Reach::Own | Reach::All) | None => BTreeSet::new(),
        };
        Ok(Reached::by(reach, own, of_node))
    }

    /// Accounts with their nodes by name, those behind `after`, [`PAGE_MAX`] at most: of one node, or of all.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn page(
        &self,
        node: Option<&NodeName>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<NodeAccount>, StoreFault> {
        let node = node.map(NodeName::as_str);
        let entries = self.register.entries(EntryKind::NodeAccount, node, after, limit.min(PAGE_MAX)).await?;
        entries.iter().map(NodeAccount::read).collect()
    }

    /// Says which node an account is of from now on; of another one it was until now it is no more.
    ///
    /// # Errors
    /// See [`NodeFault`]; nothing was changed.
    pub async fn assign(
        &self,
        account: &AccountId,
        node: &NodeName,
        reason: &str,
        by: &By,
    ) -> Result<NodeAccount, NodeFault> {
        let before = self.of(account).await?;
        if before.as_ref().is_none_or(|before| before.node != *node) {
            self.must_have_room(node, before.is_none()).await?;
        }
        let after = NodeAccount {
            account: account.clone(),
            node: node.clone(),
            set_by: by.name.clone(),
            set_at_ms: self.clock.now_ms(),
            reason: reason.to_owned(),
            version: before.as_ref().map_or(0, |before| before.version),
        };
        let put = vec![after.entry()?];
        let change = RegisterChange { put, ..RegisterChange::default() };
        self.write(change, account, [before.as_ref(), Some(&after)], reason, by).await?;
        Ok(after)
    }

    /// Takes an account out of its node.
    ///
    /// # Errors
    /// See [`NodeFault`]; nothing was changed.
    pub async fn remove(&self, account: &AccountId, reason: &str, by: &By) -> Result<(), NodeFault> {
        let before = self.of(account).await?.ok_or(NodeFault::OfNone)?;
        let remove = vec![(EntryKind::NodeAccount, account.as_str().to_owned(), before.version)];
        let change = RegisterChange { remove, ..RegisterChange::default() };
        self.write(change, account, [Some(&before), None], reason, by).await
    }

    /// The accounts of the node of an account, itself among them unless it leaves at this moment; none where it is of no node.
    async fn beside(&self, account: &AccountId) -> Result<BTreeSet<AccountId>, StoreFault> {
        let own = self.register.entry(EntryKind::NodeAccount, account.as_str()).await?;
        let Some(node) = own.as_ref().map(node_of).transpose()? else { return Ok(BTreeSet::new()) };
        let entries = self.entries(Some(&node), ACCOUNTS_OF_NODE_MAX).await?;
        // Who has said so, and why, is not asked here: what stands of that keeps nobody from their payouts.
        entries.iter().map(account_of).collect()
    }

    async fn of(&self, account: &AccountId) -> Result<Option<NodeAccount>, StoreFault> {
        let entry = self.register.entry(EntryKind::NodeAccount, account.as_str()).await?;
        entry.as_ref().map(NodeAccount::read).transpose()
    }

    async fn entries(&self, node: Option<&NodeName>, most: usize) -> Result<Vec<Entry>, StoreFault> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        self.register.entries(EntryKind::NodeAccount, node.map(NodeName::as_str), "", most).await
    }

    async fn must_have_room(&self, node: &NodeName, is_new: bool) -> Result<(), NodeFault> {
        let entries = self.entries(None, ACCOUNTS_MAX).await?;
        let mut nodes: BTreeMap<&str, usize> = BTreeMap::new();
        for owner in entries.iter().filter_map(|entry| entry.owner.as_deref()) {
            *nodes.entry(owner).or_default() += 1;
        }
        if is_new && entries.len() >= ACCOUNTS_MAX {
            return Err(NodeFault::TooManyAccounts);
        }
        match nodes.get(node.as_str()) {
            Some(accounts) if *accounts >= ACCOUNTS_OF_NODE_MAX => Err(NodeFault::NodeFull),
            None if nodes.len() >= NODES_MAX => Err(NodeFault::TooManyNodes),
            Some(_) | None => Ok(()),
        }
    }

    /// Writes a change, with the journal's word about it.
    async fn write(
        &self,
        change: RegisterChange,
        account: &AccountId,
        [old, new]: [Option<&NodeAccount>; 2],
        reason: &str,
        by: &By,
    ) -> Result<(), NodeFault> {
        let now_ms = self.clock.now_ms();
        let name = |one: Option<&NodeAccount>| one.map(|one| one.node.to_string());
        let mut facts = json!({ "account": account, "old": name(old), "new": name(new), "reason": reason });
        by.sign(&mut facts);
        let body = Body::of(&facts).map_err(|why| StoreFault::Corrupt(why.to_string()))?;
        let journal = vec![JournalDraft::new(now_ms, "account_node_changed", body)];
        match self.register.register(RegisterChange { journal, ..change }, now_ms).await? {
            Registered::Done => Ok(()),
            Registered::Outdated | Registered::UsedBefore => Err(NodeFault::Outdated),
        }
    }
}

impl NodeAccount {
    fn read(entry: &Entry) -> Result<Self, StoreFault> {
        let Written { set_by, set_at_ms, reason } =
            serde_json::from_str(&entry.body).map_err(|why| corrupt(entry, &why))?;
        let (account, node) = (account_of(entry)?, node_of(entry)?);
        Ok(Self { account, node, set_by, set_at_ms, reason, version: entry.version })
    }

    fn entry(&self) -> Result<Entry, StoreFault> {
        let Self { set_by, set_at_ms, reason, .. } = self.clone();
        let body = serde_json::to_string(&Written { set_by, set_at_ms, reason })
            .map_err(|why| StoreFault::Corrupt(why.to_string()))?;
        Ok(Entry {
            kind: EntryKind::NodeAccount,
            id: self.account.as_str().to_owned(),
            name: None,
            owner: Some(self.node.as_str().to_owned()),
            version: self.version,
            body,
            expires_at_ms: None,
        })
    }
}

fn account_of(entry: &Entry) -> Result<AccountId, StoreFault> {
    AccountId::new(entry.id.clone()).map_err(|why| corrupt(entry, &why))
}

fn node_of(entry: &Entry) -> Result<NodeName, StoreFault> {
    let node = entry.owner.as_deref().unwrap_or_default();
    node.parse().map_err(|why: NotANodeName| corrupt(entry, &why))
}

fn corrupt(entry: &Entry, why: &dyn std::error::Error) -> StoreFault {
    StoreFault::Corrupt(format!("the node of account {}: {why}", entry.id))
}

#[cfg(test)]
mod tests;
