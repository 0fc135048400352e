//! The model's chain: a handful of real blocks with real ids, that fork, solidify and forget.
//!
//! One model block stands for a stretch of the chain that is long enough to be confirmed once it is solidified. Block
//! times are whole numbers that grow by one; what TRON's rules say of them is here word for word: a transfer is included
//! only while its expiration is above the time of the block's parent, once in a chain, never below the solidified block.

use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::payout::BlockRef;
use payoutd_actors::domain::tron::block::tx_trie_root;
use payoutd_actors::domain::tron::{
    Block, BlockHeader, BlockId, BlockTransaction, ContractResult, Hash32, TxId,
};

/// The bytes of the n-th transfer that anybody ever signed for the payout.
pub(crate) fn raw_data(nonce: u8) -> Vec<u8> {
    vec![b't', nonce]
}

/// Its id.
pub(crate) fn txid(nonce: u8) -> TxId {
    TxId::of_raw_data(&raw_data(nonce))
}

/// How a transfer ended in the block that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Execution {
    Paid,
    Reverted,
}

/// One transfer in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Included {
    pub(crate) nonce: u8,
    pub(crate) execution: Execution,
}

/// One block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) id: BlockId,
    pub(crate) transfers: Vec<Included>,
}

/// A transfer that nodes may hold: it can enter a block while its expiration is above the parent's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pending {
    pub(crate) nonce: u8,
    pub(crate) expires: u8,
}

/// The branch that the network follows now, and what its nodes hold. Block n has the time n.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Chain {
    links: Vec<Link>,
    solid: usize,
    /// What nodes hold; several transfers of one payout stand here only where the daemon is broken.
    pub(crate) pool: Vec<Pending>,
}

impl Chain {
    /// A solidified first block and nothing else.
    pub(crate) fn new() -> Self {
        let mut chain = Self { links: Vec::new(), solid: 0, pool: Vec::new() };
        chain.links.push(Link { id: block(0, BlockId::new([0; 32]), &[]).id, transfers: Vec::new() });
        chain
    }

    pub(crate) fn head(&self) -> BlockRef {
        self.reference(self.links.len() - 1)
    }

    pub(crate) fn solid(&self) -> BlockRef {
        self.reference(self.solid)
    }

    fn reference(&self, number: usize) -> BlockRef {
        BlockRef { number: number as u64, id: self.links[number].id }
    }

    /// The block that holds a transfer, and how it ended there.
    pub(crate) fn find(&self, nonce: u8) -> Option<(BlockRef, Execution)> {
        self.links.iter().enumerate().find_map(|(number, link)| {
            let included = link.transfers.iter().find(|included| included.nonce == nonce)?;
            Some((self.reference(number), included.execution))
        })
    }

    /// The same, on what can not be undone.
    pub(crate) fn find_solid(&self, nonce: u8) -> Option<(BlockRef, Execution)> {
        self.find(nonce).filter(|(block, _)| block.number <= self.solid().number)
    }

    /// How many transfers have paid on the present branch.
    pub(crate) fn payments(&self) -> usize {
        let all = self.links.iter().flat_map(|link| &link.transfers);
        all.filter(|included| included.execution == Execution::Paid).count()
    }

    pub(crate) fn holds(&self, block: BlockRef) -> bool {
        self.links.get(block.number as usize).is_some_and(|link| link.id == block.id)
    }

    /// Which pending transfers the next block may hold.
    pub(crate) fn includable(&self) -> Vec<Pending> {
        let parent_time = self.head().number;
        let fresh = |pending: &&Pending| {
            u64::from(pending.expires) > parent_time && self.find(pending.nonce).is_none()
        };
        self.pool.iter().filter(fresh).copied().collect()
    }

    /// A producer makes the next block. What it holds stays in the pools: a fork gives it back.
    pub(crate) fn produce(&mut self, transfers: Vec<Included>) {
        let parent = self.head();
        let id = block(parent.number + 1, parent.id, &transfers).id;
        self.links.push(Link { id, transfers });
    }

    pub(crate) fn unsolid(&self) -> usize {
        self.links.len() - 1 - self.solid
    }

    /// Another branch wins: so many blocks are undone.
    pub(crate) fn fork(&mut self, blocks: usize) {
        self.links.truncate(self.links.len() - blocks.min(self.unsolid()));
    }

    /// One block more can not be undone.
    pub(crate) fn solidify(&mut self) {
        self.solid += usize::from(self.unsolid() > 0);
    }

    /// Nodes take bytes.
    pub(crate) fn take(&mut self, pending: Pending) {
        if let Err(place) = self.pool.binary_search(&pending) {
            self.pool.insert(place, pending);
        }
    }

    /// Whether a transfer may ever be in a block of this chain, or is in one already.
    pub(crate) fn may_still_pay(&self, nonce: u8, expires: u8) -> bool {
        match self.find_solid(nonce) {
            Some((_, execution)) => execution == Execution::Paid,
            None => self.find(nonce).is_some() || u64::from(expires) > self.solid().number,
        }
    }

    /// The blocks after `from`, as a node serves them.
    pub(crate) fn blocks_after(&self, from: u64, to: u64) -> Vec<Block> {
        (from + 1..=to)
            .map(|number| {
                let parent = self.links[number as usize - 1].id;
                block(number, parent, &self.links[number as usize].transfers)
            })
            .collect()
    }
}

/// A real block: its id is its header's hash, its root that of its transactions.
fn block(number: u64, parent_id: BlockId, transfers: &[Included]) -> Block {
    let transactions: Vec<BlockTransaction> = transfers
        .iter()
        .map(|included| {
            let result = match included.execution {
                Execution::Paid => ContractResult::Success,
                Execution::Reverted => ContractResult::Revert,
            };
            BlockTransaction::with_result(raw_data(included.nonce), Vec::new(), result)
        })
        .collect();
    let leaves: Vec<Hash32> = transactions.iter().filter_map(BlockTransaction::leaf).collect();
    let header = BlockHeader {
        number,
        parent_id,
        timestamp_ms: number as i64,
        witness: Address::ZERO,
        witness_id: 0,
        version: 0,
        tx_trie_root: tx_trie_root(&leaves),
        account_state_root: None,
        signature: Vec::new(),
    };
    Block { id: header.id(), header, transactions }
}
