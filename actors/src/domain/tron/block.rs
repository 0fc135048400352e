//! Blocks that prove themselves: an id recomputed from the header, a root recomputed from the transactions, a signature that
//! names the producer. What a node says about a block is believed after these, not before.
//!
//! **Never here:** which producers there are, and whether a block is solidified.

use thiserror::Error;

use super::{
    execution::ContractResult,
    hash::{BlockId, Hash32, TransferKey, TxId, sha256},
    key::{Signature, SignatureError},
    protobuf::{BlockHeaderRaw, Message, Raw, Transaction, TransactionResult},
};
use crate::domain::address::Address;

/// A block's header. The genesis block has none: a sentence stands in its producer's place, and its id is only compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHeader {
    /// The height.
    pub number: u64,
    /// The id of the block before.
    pub parent_id: BlockId,
    /// Unix milliseconds; strictly increasing along a chain.
    pub timestamp_ms: i64,
    /// The producer.
    pub witness: Address,
    /// The producer's number; no node sets it today.
    pub witness_id: i64,
    /// The protocol's version.
    pub version: i64,
    /// The Merkle root over the transactions.
    pub tx_trie_root: Hash32,
    /// Present where a network agreed on it.
    pub account_state_root: Option<Hash32>,
    /// The producer's signature, 65 bytes.
    pub signature: Vec<u8>,
}

impl BlockHeader {
    /// What is hashed and signed.
    #[must_use]
    pub fn raw_bytes(&self) -> Vec<u8> {
        let state_root = self.account_state_root.map(|root| root.as_bytes().to_vec());
        let raw = BlockHeaderRaw {
            timestamp: self.timestamp_ms,
            tx_trie_root: self.tx_trie_root.as_bytes().to_vec(),
            parent_hash: self.parent_id.as_bytes().to_vec(),
            number: self.number.cast_signed(),
            witness_id: self.witness_id,
            witness_address: self.witness.payload().to_vec(),
            version: self.version,
            account_state_root: state_root.unwrap_or_default(),
        };
        raw.encode()
    }

    /// SHA-256 of [`BlockHeader::raw_bytes`].
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        sha256(&self.raw_bytes())
    }

    /// The block's id, computed.
    #[must_use]
    pub fn id(&self) -> BlockId {
        BlockId::of(self.number, &self.hash())
    }

    /// Who signed. Usually [`BlockHeader::witness`]; a producer may let another key sign by its witness permission.
    pub fn signer(&self) -> Result<Address, SignatureError> {
        Signature::from_slice(&self.signature)?.signer(&self.hash())
    }
}

/// A transaction as it stands in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockTransaction {
    key: TransferKey,
    raw_data: Vec<u8>,
    signatures: Vec<Vec<u8>>,
    results: Option<Vec<TransactionResult>>,
}

impl BlockTransaction {
    /// From a block's parts; the id is computed, never taken. `results` is `None` where the source showed a result that
    /// cannot be written down again.
    #[must_use]
    pub fn new(raw_data: Vec<u8>, signatures: Vec<Vec<u8>>, results: Option<Vec<TransactionResult>>) -> Self {
        // Bytes of which that can not be read are no transfer of anybody's store.
        let expires_at_ms = Raw::expiration_of(&raw_data).unwrap_or(0);
        let key = TransferKey { expires_at_ms, txid: TxId::of_raw_data(&raw_data) };
        Self { key, raw_data, signatures, results }
    }

    /// A transaction that ran a contract and ended so.
    #[must_use]
    pub fn with_result(raw_data: Vec<u8>, signatures: Vec<Vec<u8>>, result: ContractResult) -> Self {
        let result =
            TransactionResult { contract_ret: i64::from(result.value()), ..TransactionResult::default() };
        Self::new(raw_data, signatures, Some(vec![result]))
    }

    /// The id.
    #[must_use]
    pub const fn txid(&self) -> TxId {
        self.key.txid
    }

    /// The id, and the expiration that its bytes name: what a store looks transfers up by.
    #[must_use]
    pub const fn key(&self) -> TransferKey {
        self.key
    }

    /// What was hashed and signed.
    #[must_use]
    pub fn raw_data(&self) -> &[u8] {
        &self.raw_data
    }

    /// The signatures, padded ones included.
    #[must_use]
    pub fn signatures(&self) -> &[Vec<u8>] {
        &self.signatures
    }

    /// How the contract ended, as the producer wrote it.
    #[must_use]
    pub fn contract_ret(&self) -> Option<ContractResult> {
        let first = self.results.as_ref()?.first()?;
        ContractResult::from_value(first.contract_ret)
    }

    /// The leaf in the block's Merkle tree: SHA-256 of the whole transaction with signatures and results. `None` where the
    /// bytes are not all known. Unknown protobuf fields do not show in a node's JSON, and then the leaf is another one.
    #[must_use]
    pub fn leaf(&self) -> Option<Hash32> {
        let ret = self.results.clone()?;
        let whole = Transaction { raw_data: self.raw_data.clone(), signatures: self.signatures.clone(), ret };
        Some(Hash32::new(sha256(&whole.encode())))
    }
}

/// A block as a source gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The id that the source claims; [`Block::check_id`] compares.
    pub id: BlockId,
    /// The header.
    pub header: BlockHeader,
    /// The transactions in their order.
    pub transactions: Vec<BlockTransaction>,
}

/// A block that does not prove itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DoctoredBlock {
    /// The header has another id.
    #[error("block {number} claims the id {claimed}, and its header has {computed}")]
    Id {
        /// The height.
        number: u64,
        /// As the source said.
        claimed: BlockId,
        /// As computed.
        computed: BlockId,
    },
    /// The block does not stand on the one before.
    #[error("block {number} names {named} as its parent, and {expected} is before it")]
    Parent {
        /// The height.
        number: u64,
        /// As the header says.
        named: BlockId,
        /// As the walk knows.
        expected: BlockId,
    },
    /// The height is not the next one, or time does not move forward.
    #[error("block {number} does not follow block {before}")]
    Order {
        /// The height.
        number: u64,
        /// The one before.
        before: u64,
    },
}

/// What the recomputed Merkle root says about a block's list of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootCheck {
    /// The list is whole and true.
    Holds,
    /// The list differs from what the producer signed, or bytes of it do not show in the source's form (unknown protobuf
    /// fields): not a proof of a lie, and no proof of absence either.
    Differs {
        /// Over the list as given.
        computed: Hash32,
    },
    /// A transaction's bytes are not all known.
    Unknown,
}

impl Block {
    /// The height.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.header.number
    }

    /// The time, unix milliseconds.
    #[must_use]
    pub const fn timestamp_ms(&self) -> i64 {
        self.header.timestamp_ms
    }

    /// Is the claimed id the header's?
    pub fn check_id(&self) -> Result<(), DoctoredBlock> {
        let computed = self.header.id();
        if computed == self.id {
            Ok(())
        } else {
            Err(DoctoredBlock::Id { number: self.header.number, claimed: self.id, computed })
        }
    }

    /// Does the block, itself proved, follow that one (number, id, time)?
    pub fn check_follows(
        &self,
        number: u64,
        id: BlockId,
        timestamp_ms: Option<i64>,
    ) -> Result<(), DoctoredBlock> {
        self.check_id()?;
        let in_time = timestamp_ms.is_none_or(|before| self.header.timestamp_ms > before);
        if Some(self.header.number) != number.checked_add(1) || !in_time {
            return Err(DoctoredBlock::Order { number: self.header.number, before: number });
        }
        if self.header.parent_id != id {
            return Err(DoctoredBlock::Parent {
                number: self.header.number,
                named: self.header.parent_id,
                expected: id,
            });
        }
        Ok(())
    }

    /// Is the list of transactions the one that the producer signed?
    #[must_use]
    pub fn check_root(&self) -> RootCheck {
        let leaves: Option<Vec<Hash32>> = self.transactions.iter().map(BlockTransaction::leaf).collect();
        match leaves.map(|leaves| tx_trie_root(&leaves)) {
            None => RootCheck::Unknown,
            Some(root) if root == self.header.tx_trie_root => RootCheck::Holds,
            Some(computed) => RootCheck::Differs { computed },
        }
    }

    /// The transaction with this id, if the block holds it.
    #[must_use]
    pub fn find(&self, txid: TxId) -> Option<&BlockTransaction> {
        self.transactions.iter().find(|transaction| transaction.txid() == txid)
    }
}

/// The Merkle root over leaves (MerkleTree.java): pairs hashed together, an odd last one moves up unchanged, none is zeros.
#[must_use]
pub fn tx_trie_root(leaves: &[Hash32]) -> Hash32 {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level.chunks(2).map(parent).collect();
    }
    level.first().copied().unwrap_or_default()
}

fn parent(pair: &[Hash32]) -> Hash32 {
    match pair {
        [left, right] => {
            let mut both = [0; 64];
            both[..32].copy_from_slice(left.as_bytes());
            both[32..].copy_from_slice(right.as_bytes());
            Hash32::new(sha256(&both))
        }
        [alone] => *alone,
        _ => Hash32::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tron::PrivateKey;
    use proptest::prelude::*;

    fn transaction(mark: u8) -> BlockTransaction {
        BlockTransaction::with_result(vec![0x0a, 0x01, mark], vec![vec![mark; 65]], ContractResult::Success)
    }

    /// A block as an honest producer makes it, on the parent with this mark.
    fn block(number: u64, parent: u8, transactions: Vec<BlockTransaction>) -> Block {
        let leaves: Vec<Hash32> = transactions.iter().filter_map(BlockTransaction::leaf).collect();
        let witness = PrivateKey::from_bytes(&[9; 32]).unwrap();
        let mut header = BlockHeader {
            number,
            parent_id: BlockId::of(number - 1, &[parent; 32]),
            timestamp_ms: 1_768_026_144_000,
            witness: witness.address(),
            witness_id: 0,
            version: 31,
            tx_trie_root: tx_trie_root(&leaves),
            account_state_root: None,
            signature: Vec::new(),
        };
        header.signature = witness.sign(&header.hash()).as_bytes().to_vec();
        Block { id: header.id(), header, transactions }
    }

    #[test]
    fn an_honest_block_proves_itself() {
        let block = block(100, 1, vec![transaction(1), transaction(2), transaction(3)]);
        assert_eq!(block.check_id(), Ok(()));
        assert_eq!(block.check_root(), RootCheck::Holds);
        assert_eq!(block.header.signer(), Ok(block.header.witness));
        assert_eq!(
            block.check_follows(99, block.header.parent_id, Some(block.timestamp_ms() - 3000)),
            Ok(())
        );
        let wanted = transaction(2);
        assert_eq!(block.find(wanted.txid()), Some(&wanted));
        assert_eq!(block.find(transaction(4).txid()), None);
    }

    /// A provider that hides a transfer must change the list, and then the root; or the root, and then the id; or the id, and
    /// then the next block's parent.
    #[test]
    fn a_hidden_transaction_shows_in_the_root_the_id_or_the_next_block() {
        let honest = block(100, 1, vec![transaction(1), transaction(2)]);
        let mut hidden = honest.clone();
        hidden.transactions.pop();
        assert!(matches!(hidden.check_root(), RootCheck::Differs { .. }));

        hidden.header.tx_trie_root = tx_trie_root(&[transaction(1).leaf().unwrap()]);
        assert_eq!(hidden.check_root(), RootCheck::Holds);
        assert!(matches!(hidden.check_id(), Err(DoctoredBlock::Id { .. })));
        assert_ne!(hidden.header.signer(), Ok(hidden.header.witness));

        hidden.id = hidden.header.id();
        assert_eq!(hidden.check_id(), Ok(()));
        let mut next = block(101, 1, vec![]);
        next.header.parent_id = honest.id;
        next.id = next.header.id();
        let refused = next.check_follows(100, hidden.id, None);
        assert!(matches!(refused, Err(DoctoredBlock::Parent { .. })), "{refused:?}");
        assert_eq!(next.check_follows(100, honest.id, None), Ok(()));
    }

    #[test]
    fn a_block_of_another_height_or_time_does_not_follow() {
        let block = block(100, 1, vec![]);
        let parent = block.header.parent_id;
        let order = Err(DoctoredBlock::Order { number: 100, before: 98 });
        assert_eq!(block.check_follows(98, parent, None), order);
        let late = block.check_follows(99, parent, Some(block.timestamp_ms()));
        assert_eq!(late, Err(DoctoredBlock::Order { number: 100, before: 99 }));
    }

    #[test]
    fn a_result_that_cannot_be_written_down_leaves_the_root_unknown() {
        let mut block = block(100, 1, vec![transaction(1)]);
        block.transactions.push(BlockTransaction::new(vec![1], vec![], None));
        assert_eq!(block.check_root(), RootCheck::Unknown);
    }

    proptest! {
        #[test]
        fn every_leaf_and_its_place_count(count in 1_usize..20, place in 0_usize..20, other in 0_usize..20) {
            let leaves: Vec<Hash32> = (0..count).map(|n| Hash32::new([n as u8 + 1; 32])).collect();
            let root = tx_trie_root(&leaves);
            let mut changed = leaves.clone();
            changed[place % count] = Hash32::new([0xee; 32]);
            prop_assert_ne!(tx_trie_root(&changed), root);
            let mut swapped = leaves.clone();
            swapped.swap(place % count, other % count);
            prop_assert_eq!(tx_trie_root(&swapped) == root, swapped == leaves);
        }
    }
}
