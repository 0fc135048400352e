//! What the solidified chain shows of the wallet, read block by block from one node, each hash-linked to the one before.

use super::NotCompared;
use crate::domain::order::HousePolicy;
use crate::domain::payout::BlockRef;
use crate::domain::stranger::Stranger;
use crate::domain::tron::{Block, TransactionInfo, TransferKey, TxId};
use crate::outgoing::{Outgoing, moved_by, outgoing_of, receipts_of, stranger_of};
use crate::ports::{BlockMark, ChainFault, ChainNode, Payouts, View};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

/// Blocks of one call, as java-tron bounds it.
const BLOCKS_A_CALL: u64 = 100;
/// Blocks whose receipts are asked for at a time.
const RECEIPTS_AT_ONCE: usize = 16;

/// A transaction that moved tokens out of the wallet, or would have, and that no payout of the store knows.
#[derive(Debug, Clone)]
pub struct Unknown {
    /// What the chain shows of it.
    pub outgoing: Outgoing,
    /// Where.
    pub block: BlockRef,
    /// Its bytes, where the wallet signed it itself.
    pub stranger: Option<Stranger>,
}

/// What the chain shows of the wallet.
#[derive(Debug, Default)]
pub struct ChainBook {
    pub(super) first_block: u64,
    pub(super) last: Option<BlockMark>,
    /// What became of the transfers of the store's payouts, and of the unknown ones: one that is adopted is looked for here.
    pub(super) seen: BTreeMap<TxId, Vec<TransactionInfo>>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) outgoing: u64,
}

/// From whom, and as whom, the chain is read.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The node.
    pub node: &'a dyn ChainNode,
    /// Which transfers are the store's.
    pub payouts: &'a dyn Payouts,
    /// The wallet and the token.
    pub policy: &'a HousePolicy,
    /// Now, unix ms.
    pub now_ms: i64,
}

impl ChainBook {
    /// Reads from the block after `since` to the solidified head; `progress` hears how many blocks of how many are read.
    ///
    /// # Errors
    /// When the node does not answer, or shows blocks that do not hang together: half a chain proves nothing.
    pub async fn read(
        reading: Reading<'_>,
        since: BlockMark,
        progress: impl Fn(u64, u64),
    ) -> Result<Self, NotCompared> {
        let head = reading.node.now_block(View::Solid).await?.number();
        if head < since.block.number {
            return Err(NotCompared::NodeBehind { head, needed: since.block.number });
        }
        let mut book = Self { first_block: since.block.number + 1, last: Some(since), ..Self::default() };
        let all = head - since.block.number;
        let mut last = since;
        while last.block.number < head {
            let (first, upto) = (last.block.number + 1, head.min(last.block.number + BLOCKS_A_CALL));
            let blocks = reading.node.blocks(View::Solid, first, upto).await?;
            last = book.add_run(reading, last, blocks).await?;
            book.last = Some(last);
            progress(last.block.number - since.block.number, all);
        }
        Ok(book)
    }

    /// Reads a run of blocks; answers the last one.
    async fn add_run(
        &mut self,
        reading: Reading<'_>,
        mut last: BlockMark,
        blocks: Vec<Block>,
    ) -> Result<BlockMark, NotCompared> {
        let before = last.block.number;
        for block in &blocks {
            block.check_follows(last.block.number, last.block.id, Some(last.timestamp_ms))?;
            last = BlockMark { block: at(block), timestamp_ms: block.timestamp_ms() };
        }
        if last.block.number == before {
            return Err(ChainFault::Garbled(format!("it shows no block {}", before + 1)).into());
        }
        let mut receipts = stream::iter(&blocks)
            .map(|block| async move { Ok::<_, ChainFault>((block, receipts_of(reading.node, block).await?)) })
            .buffered(RECEIPTS_AT_ONCE);
        while let Some((block, infos)) = receipts.try_next().await? {
            self.add(reading, block, infos).await?;
        }
        Ok(last)
    }

    async fn add(
        &mut self,
        reading: Reading<'_>,
        block: &Block,
        infos: Vec<TransactionInfo>,
    ) -> Result<(), NotCompared> {
        if infos.is_empty() {
            return Ok(());
        }
        let moved = moved_by(&infos, reading.policy);
        self.outgoing += moved.len() as u64;
        let keys: Vec<TransferKey> = block.transactions.iter().map(|transaction| transaction.key()).collect();
        let payouts = reading.payouts.find_by_transfers(&keys).await?;
        let ours: BTreeSet<TxId> =
            payouts.iter().flat_map(|payout| &payout.attempts).map(|attempt| attempt.txid).collect();
        let unknown: Vec<Outgoing> = outgoing_of(block, &moved, reading.policy, &ours);
        let unknown_ids: BTreeSet<TxId> = unknown.iter().map(|one| one.key.txid).collect();
        for info in
            infos.into_iter().filter(|info| ours.contains(&info.txid) || unknown_ids.contains(&info.txid))
        {
            self.seen.entry(info.txid).or_default().push(info);
        }
        for one in unknown {
            let stranger = stranger_of(reading.node, &one, at(block), reading.now_ms).await?;
            self.unknown.push(Unknown { outgoing: one, block: at(block), stranger });
        }
        Ok(())
    }
}

fn at(block: &Block) -> BlockRef {
    BlockRef { number: block.number(), id: block.id }
}
