//! The proof of absence: the walk, block by block, from a transfer's reference block to the first solidified block that
//! is past its expiration. Pure: blocks in, proofs or a refusal out.
//!
//! Each block must carry the id that its header hashes to and name the block before it as its parent; its list of
//! transactions must hash to the header's root, or a second source must show the very same list. What does not prove
//! itself proves nothing: no transfer is ever buried on a doubtful walk. A walk remembers of each block only what it was
//! asked to look for, so that a long one costs little.

use super::payout::{AbsenceProof, BlockRef};
use super::tron::block::{Block, DoctoredBlock, RootCheck};
use super::tron::{RefBlock, TxId};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// One block of a walk that holds together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkedBlock {
    /// Which.
    pub block: BlockRef,
    /// Its time, unix ms.
    pub timestamp_ms: i64,
    /// What of the wanted is in it.
    pub found: BTreeSet<TxId>,
    /// sha256 over the ids of everything that is in it, in order: two sources that show the same list have the same.
    pub list_digest: [u8; 32],
    /// Whether its list hashes to the root in its header.
    pub root_holds: bool,
}

/// A walk, from just after a block to wherever it ended, every link checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    from: BlockRef,
    wanted: BTreeSet<TxId>,
    blocks: BTreeMap<u64, WalkedBlock>,
}

/// Why a walk proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WalkBroken {
    /// A block does not prove itself.
    #[error(transparent)]
    Doctored(#[from] DoctoredBlock),
    /// Two sources show different blocks of one number.
    #[error("two sources show different blocks of number {0}")]
    SourcesDisagree(u64),
    /// A list of transactions can not be recomputed, and nobody else vouches for it.
    #[error("the transactions of block {0} can not be recomputed, and no second source vouches for them")]
    ListUnproved(u64),
    /// The walk was not made for this transfer.
    #[error("transfer {0} was not looked for")]
    NotLookedFor(TxId),
}

impl Walk {
    /// A walk that has not left its first block, and what it is to look for.
    #[must_use]
    pub fn from(start: BlockRef, wanted: impl IntoIterator<Item = TxId>) -> Self {
        Self { from: start, wanted: wanted.into_iter().collect(), blocks: BTreeMap::new() }
    }

    /// The last block that was reached.
    #[must_use]
    pub fn end(&self) -> BlockRef {
        self.blocks.last_key_value().map_or(self.from, |(_, walked)| walked.block)
    }

    /// The time of the last block that was reached, unix ms.
    #[must_use]
    pub fn end_timestamp_ms(&self) -> Option<i64> {
        self.blocks.last_key_value().map(|(_, walked)| walked.timestamp_ms)
    }

    /// Goes on over one more block.
    pub fn step(&mut self, block: &Block) -> Result<(), WalkBroken> {
        let end = self.end();
        block.check_follows(end.number, end.id, self.end_timestamp_ms())?;
        let (mut found, mut list) = (BTreeSet::new(), Sha256::new());
        for txid in block.transactions.iter().map(|transaction| transaction.txid()) {
            list.update(txid.as_bytes());
            if self.wanted.contains(&txid) {
                found.insert(txid);
            }
        }
        let walked = WalkedBlock {
            block: BlockRef { number: block.number(), id: block.id },
            timestamp_ms: block.timestamp_ms(),
            found,
            list_digest: list.finalize().into(),
            root_holds: block.check_root() == RootCheck::Holds,
        };
        self.blocks.insert(block.number(), walked);
        Ok(())
    }

    /// The block of a number, if the walk begins there or came by.
    #[must_use]
    pub fn at(&self, number: u64) -> Option<BlockRef> {
        if self.from.number == number {
            return Some(self.from);
        }
        self.blocks.get(&number).map(|walked| walked.block)
    }

    /// The block of this walk that holds a transaction.
    #[must_use]
    pub fn find(&self, txid: &TxId) -> Option<BlockRef> {
        self.blocks.values().find(|walked| walked.found.contains(txid)).map(|walked| walked.block)
    }

    /// The first block after one of this number that is at or past a moment (unix ms).
    #[must_use]
    pub fn first_past(&self, number: u64, moment_ms: i64) -> Option<&WalkedBlock> {
        let after = self.blocks.range(number.saturating_add(1)..);
        after.map(|(_, walked)| walked).find(|walked| walked.timestamp_ms >= moment_ms)
    }
}

/// What the walks say of one transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It stands in this block.
    Present(BlockRef),
    /// It is proved absent, and too old.
    Absent(AbsenceProof),
    /// The walks do not reach far enough yet.
    TooShort,
}

/// Judges one transfer by the walks of all sources. Every source must tell the same story: with two nodes configured,
/// both are walked.
pub fn judge_absence(
    walks: &[Walk],
    txid: TxId,
    ref_block: RefBlock,
    expires_at_ms: i64,
) -> Result<Finding, WalkBroken> {
    let Some((first, others)) = walks.split_first() else { return Ok(Finding::TooShort) };
    if !walks.iter().all(|walk| walk.wanted.contains(&txid)) {
        return Err(WalkBroken::NotLookedFor(txid));
    }
    if let Some(block) = walks.iter().find_map(|walk| walk.find(&txid)) {
        // One source that shows another block in that place, and neither is believed.
        let disputed = walks.iter().filter_map(|walk| walk.at(block.number)).any(|shown| shown != block);
        return if disputed {
            Err(WalkBroken::SourcesDisagree(block.number))
        } else {
            Ok(Finding::Present(block))
        };
    }
    // The block of the reference's number in this chain: the reference block itself, unless a node lied about that one.
    let from = first.at(ref_block.number);
    let Some(from) = from.filter(|from| others.iter().all(|other| other.at(ref_block.number) == Some(*from)))
    else {
        return Err(WalkBroken::SourcesDisagree(ref_block.number));
    };
    let Some(end) = first.first_past(from.number, expires_at_ms) else { return Ok(Finding::TooShort) };
    for (number, walked) in first.blocks.range(from.number.saturating_add(1)..=end.block.number) {
        let mut vouched = walked.root_holds;
        for other in others {
            match other.blocks.get(number) {
                None => return Ok(Finding::TooShort),
                Some(theirs) if theirs.block != walked.block => {
                    return Err(WalkBroken::SourcesDisagree(*number));
                }
                Some(theirs) => {
                    vouched = vouched || theirs.root_holds || theirs.list_digest == walked.list_digest
                }
            }
        }
        if !vouched {
            return Err(WalkBroken::ListUnproved(*number));
        }
    }
    Ok(Finding::Absent(AbsenceProof {
        txid,
        from,
        to: end.block,
        to_timestamp_ms: end.timestamp_ms,
        sources: u32::try_from(walks.len()).unwrap_or(u32::MAX),
    }))
}

#[cfg(test)]
#[path = "absence_tests.rs"]
mod tests;
