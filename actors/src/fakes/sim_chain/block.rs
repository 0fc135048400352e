//! Blocks as they are on the wire: real ids, parent links, Merkle roots. Signatures are made when somebody asks.

use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::domain::tron::hash::sha256;
use crate::domain::tron::protobuf::{BlockHeaderRaw, Message};
use crate::domain::tron::{BlockId, Hash32, TxId};

use super::bytes::Bytes;
use super::genesis::{genesis, witness};
use super::receipt::{ContractResult, Receipt};
use super::transaction::Transaction;

/// The version that blocks carry.
const BLOCK_VERSION: i64 = 32;
/// Where a block stands in the memory of all blocks ever made.
pub(super) type BlockIndex = u32;

/// A block of the simulated chain, on whichever branch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Block {
    pub(super) id: BlockId,
    pub(super) number: u64,
    pub(super) parent: BlockIndex,
    pub(super) parent_id: BlockId,
    pub(super) timestamp_ms: u64,
    pub(super) witness: u16,
    pub(super) tx_trie_root: Hash32,
    /// The solid number once this block is the head.
    pub(super) solid: u64,
    /// The latest block of each witness on this branch.
    pub(super) latest: Vec<u64>,
    pub(super) transactions: Vec<Included>,
}

/// A transaction in a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Included {
    pub(super) txid: TxId,
    /// As the producer had it, without the result.
    pub(super) bytes: Bytes,
    pub(super) receipt: Receipt,
}

/// A block as a node serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedBlock {
    /// Its id.
    pub id: BlockId,
    /// Its height.
    pub number: u64,
    /// Merkle root over its transactions.
    pub tx_trie_root: Hash32,
    /// Who made it.
    pub witness: Address,
    /// The block before.
    pub parent_id: BlockId,
    /// Of the protocol.
    pub version: i64,
    /// Unix ms.
    pub timestamp_ms: u64,
    /// The producer's signature over the header; made on demand by [`ServedBlock::witness_signature`].
    witness_index: u16,
    /// Its transactions.
    pub transactions: Vec<ServedTransaction>,
}

/// A transaction as a node serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedTransaction {
    /// Its id.
    pub txid: TxId,
    /// `Transaction` bytes without a result.
    pub bytes: Bytes,
    /// `ret[0].contractRet`; of a pending transaction, what its pre-run gave.
    pub contract_ret: ContractResult,
}

impl ServedTransaction {
    /// Read, to print it.
    #[must_use]
    pub fn read(&self) -> Option<Transaction> {
        Transaction::parse(&self.bytes).ok()
    }

    /// The bytes that the Merkle root covers.
    #[must_use]
    pub fn bytes_in_block(&self) -> Vec<u8> {
        let transaction = self.read();
        transaction.map(|read| read.to_bytes_with_result(self.contract_ret.number())).unwrap_or_default()
    }
}

impl ServedBlock {
    /// The header's raw bytes, which the id is made of.
    #[must_use]
    pub fn header_raw(&self) -> Vec<u8> {
        BlockHeaderRaw {
            timestamp: self.timestamp_ms.cast_signed(),
            tx_trie_root: self.tx_trie_root.as_bytes().to_vec(),
            parent_hash: self.parent_id.as_bytes().to_vec(),
            number: self.number.cast_signed(),
            witness_id: 0,
            witness_address: self.witness.payload().to_vec(),
            version: self.version,
            account_state_root: Vec::new(),
        }
        .encode()
    }

    /// The producer's signature over SHA-256 of the header; none for the genesis block.
    #[must_use]
    pub fn witness_signature(&self) -> Option<[u8; 65]> {
        if self.number == 0 {
            return None;
        }
        let key = witness(self.witness_index).key()?;
        let mut signature = *key.sign(&sha256(&self.header_raw())).as_bytes();
        // Blocks carry v as 0 or 1.
        signature[64] %= 27;
        Some(signature)
    }

    /// Takes a transaction out, the way a doctored block has it: with its old id, or as a block of its own that links to
    /// nothing.
    pub(super) fn without(mut self, txid: TxId, recompute: bool) -> ServedBlock {
        self.transactions.retain(|transaction| transaction.txid != txid);
        if recompute {
            let leaves =
                self.transactions.iter().map(|transaction| sha256(&transaction.bytes_in_block())).collect();
            self.tx_trie_root = merkle_root(leaves);
            self.id = BlockId::of(self.number, &sha256(&self.header_raw()));
        }
        self
    }
}

impl Block {
    /// The very first block.
    pub(super) fn genesis(timestamp_ms: u64, witnesses: u16) -> Block {
        let mut block = Block {
            id: BlockId::default(),
            number: 0,
            parent: 0,
            parent_id: BlockId::new(sha256(b"payoutd sandbox genesis")),
            timestamp_ms,
            witness: 0,
            tx_trie_root: Hash32::default(),
            solid: 0,
            latest: vec![0; usize::from(witnesses)],
            transactions: Vec::new(),
        };
        block.seal();
        block
    }

    /// Fills in the Merkle root and the id.
    pub(super) fn seal(&mut self) {
        self.tx_trie_root = merkle_root(self.transactions.iter().map(Included::leaf).collect());
        self.id = BlockId::of(self.number, &sha256(&self.header().header_raw()));
    }

    fn header(&self) -> ServedBlock {
        ServedBlock {
            id: self.id,
            number: self.number,
            tx_trie_root: self.tx_trie_root,
            witness: genesis().witnesses.get(usize::from(self.witness)).copied().unwrap_or(Address::ZERO),
            parent_id: self.parent_id,
            version: BLOCK_VERSION,
            timestamp_ms: self.timestamp_ms,
            witness_index: self.witness,
            transactions: Vec::new(),
        }
    }

    /// As a node serves it.
    pub(super) fn serve(&self, with_transactions: bool) -> ServedBlock {
        let mut served = self.header();
        if with_transactions {
            served.transactions = self.transactions.iter().map(Included::serve).collect();
        }
        served
    }
}

impl Included {
    pub(super) fn serve(&self) -> ServedTransaction {
        ServedTransaction { txid: self.txid, bytes: self.bytes.clone(), contract_ret: self.receipt.result }
    }

    fn leaf(&self) -> [u8; 32] {
        sha256(&self.serve().bytes_in_block())
    }
}

/// Leaves pairwise hashed, an odd one moves up; none is 32 zero bytes (`MerkleTree.java`).
fn merkle_root(mut level: Vec<[u8; 32]>) -> Hash32 {
    if level.is_empty() {
        return Hash32::default();
    }
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => sha256(&[left.as_slice(), right].concat()),
                _ => pair[0],
            })
            .collect();
    }
    Hash32::new(level[0])
}
