//! TronScan: an index of the branch that counts, some seconds behind it, that is sometimes wrong.

use crate::domain::address::Address;
use crate::domain::tron::{BlockId, TxId};

use super::SimChain;
use super::answer::{Answer, Lost};
use super::block::{BlockIndex, ServedTransaction};
use super::book::{TransferRow, transfer_of};
use super::genesis::genesis;
use super::receipt::TransactionInfo;
use super::storm::TronScanTrouble;

/// Rows on a page, silently cut.
const PAGE_MAX: usize = 50;
/// Rows that can be reached at all, silently cut.
const REACH_MAX: usize = 10_000;
/// Confirmations of a block that nobody can undo.
const CONFIRMED_BY: u64 = 19;

/// What the index shows just now.
#[derive(Clone, Copy, Debug)]
pub struct TronScan<'a> {
    chain: &'a SimChain,
    tip: BlockIndex,
    /// It says of everything that it is confirmed.
    lies_confirmed: bool,
}

/// `api/transaction-info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedTransaction {
    /// As it stands in the block.
    pub transaction: ServedTransaction,
    /// The receipt.
    pub info: TransactionInfo,
    /// Its block's id.
    pub block_id: BlockId,
    /// Whether the indexer takes it for final.
    pub confirmed: bool,
    /// Blocks on top of it, itself included.
    pub confirmations: u64,
    /// The token transfers in it.
    pub transfers: Vec<IndexedTransfer>,
    /// Witnesses that have built on it, at most 19.
    pub confirmed_by: Vec<(Address, u64)>,
}

/// A row of `api/token_trc20/transfers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedTransfer {
    /// The transaction.
    pub txid: TxId,
    /// The token.
    pub token: Address,
    /// From whom.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// Base units.
    pub amount: u64,
    /// Its block.
    pub block: u64,
    /// That block's timestamp, unix ms.
    pub timestamp_ms: u64,
    /// Whether the indexer takes it for final.
    pub confirmed: bool,
}

/// Which rows are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransferFilter {
    /// `contract_address`; any token when left out.
    pub token: Option<Address>,
    /// `relatedAddress`: from or to.
    pub related: Option<Address>,
    /// `fromAddress`.
    pub from: Option<Address>,
    /// `toAddress`.
    pub to: Option<Address>,
    /// `block`.
    pub block: Option<u64>,
    /// `start_timestamp`, unix ms, inclusive.
    pub since_ms: Option<u64>,
    /// `end_timestamp`, unix ms, inclusive.
    pub until_ms: Option<u64>,
    /// `confirm`: 0 confirmed, 1 unconfirmed.
    pub confirmed: Option<bool>,
    /// `start`: rows to skip.
    pub start: usize,
    /// `limit`: rows wanted; at most 50, silently cut.
    pub limit: usize,
}

/// A page of rows, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferPage {
    /// Rows that match, at most 10 000.
    pub total: usize,
    /// The page.
    pub transfers: Vec<IndexedTransfer>,
}

impl SimChain {
    /// Asks TronScan something. What comes back is the answer or the weather.
    pub fn ask_tronscan<T>(&mut self, question: impl FnOnce(TronScan<'_>) -> T) -> Answer<T> {
        let trouble = match self.sky.tronscan.statuses.pop_front() {
            Some(status) => TronScanTrouble::Status(status),
            None => self.storm_at_tronscan(),
        };
        if let TronScanTrouble::Status(code) = trouble {
            let retry_after_s = (code == 429).then_some(2);
            return Answer::Lost(Lost::Status { code, retry_after_s });
        }
        let mut index = self.tronscan();
        index.lies_confirmed |= trouble == TronScanTrouble::LiesConfirmed;
        Answer::Reply(question(index))
    }

    /// The index without any weather in transport.
    #[must_use]
    pub fn tronscan(&self) -> TronScan<'_> {
        let lag_ms = self.sky.tronscan.lag_ms.unwrap_or(self.settings.tronscan_lag_ms);
        let seen = self.heads.iter().rev().find(|change| change.at_ms + lag_ms <= self.now_ms);
        let oldest = self.heads.front().map_or(0, |change| change.tip);
        TronScan {
            chain: self,
            tip: seen.map_or(oldest, |change| change.tip),
            lies_confirmed: self.sky.tronscan.lies_confirmed,
        }
    }
}

impl TronScan<'_> {
    /// A transaction that is indexed; `None` is `{}`, which may mean: not yet.
    #[must_use]
    pub fn transaction_info(&self, txid: TxId) -> Option<IndexedTransaction> {
        let inclusion = self.chain.inclusion(self.tip, txid)?;
        let block = &self.chain.blocks[inclusion.block as usize];
        let included = block.transactions.get(inclusion.position as usize)?;
        let info = TransactionInfo {
            txid,
            block_number: block.number,
            block_timestamp_ms: block.timestamp_ms,
            receipt: included.receipt.clone(),
        };
        let confirmed = self.confirmed(block.number);
        let row = |(from, to, amount), token| IndexedTransfer {
            txid,
            token,
            from,
            to,
            amount,
            block: block.number,
            timestamp_ms: block.timestamp_ms,
            confirmed,
        };
        let logs = included.receipt.logs.iter();
        let transfers =
            logs.filter_map(|log| transfer_of(log).map(|moved| row(moved, log.address))).collect();
        Some(IndexedTransaction {
            transaction: included.serve(),
            info,
            block_id: block.id,
            confirmed,
            confirmations: self.head() - block.number + 1,
            transfers,
            confirmed_by: self.confirmed_by(block.number),
        })
    }

    /// Token transfers by page, newest first.
    #[must_use]
    pub fn transfers(&self, filter: &TransferFilter) -> TransferPage {
        let rows = self.chain.transfers();
        let head = self.head();
        let rows = match filter.block {
            Some(block) => {
                let first = rows.partition_point(|row| row.block < block);
                let end = rows.partition_point(|row| row.block <= block);
                &rows[first..end]
            }
            None => &rows[..rows.partition_point(|row| row.block <= head)],
        };
        // Rows stand in the order of the chain, so a span of time is a slice: old history costs nothing.
        let since = filter.since_ms.map_or(0, |since_ms| {
            rows.partition_point(|row| self.chain.blocks[row.index as usize].timestamp_ms < since_ms)
        });
        let rows = &rows[since..];
        let matching = rows.iter().rev().filter(|row| self.matches(row, filter)).take(REACH_MAX);
        let matching: Vec<_> = matching.collect();
        let limit = filter.limit.min(PAGE_MAX);
        let page = matching.iter().skip(filter.start).take(limit);
        TransferPage { total: matching.len(), transfers: page.map(|row| self.indexed(row)).collect() }
    }

    /// The highest block that is indexed.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.chain.blocks[self.tip as usize].number
    }

    fn confirmed(&self, block: u64) -> bool {
        self.lies_confirmed || block <= self.chain.blocks[self.tip as usize].solid
    }

    fn matches(&self, row: &TransferRow, filter: &TransferFilter) -> bool {
        let on_branch = self.chain.block_at(self.tip, row.block);
        let Some(block) = on_branch.filter(|block| block.id == self.chain.blocks[row.index as usize].id)
        else {
            return false;
        };
        filter.token.is_none_or(|token| row.token == token)
            && filter.related.is_none_or(|address| row.from == address || row.to == address)
            && filter.from.is_none_or(|address| row.from == address)
            && filter.to.is_none_or(|address| row.to == address)
            && filter.since_ms.is_none_or(|moment_ms| block.timestamp_ms >= moment_ms)
            && filter.until_ms.is_none_or(|moment_ms| block.timestamp_ms <= moment_ms)
            && filter.confirmed.is_none_or(|wanted| self.confirmed(row.block) == wanted)
    }

    fn indexed(&self, row: &TransferRow) -> IndexedTransfer {
        IndexedTransfer {
            txid: row.txid,
            token: row.token,
            from: row.from,
            to: row.to,
            amount: row.amount,
            block: row.block,
            timestamp_ms: self.chain.blocks[row.index as usize].timestamp_ms,
            confirmed: self.confirmed(row.block),
        }
    }

    fn confirmed_by(&self, number: u64) -> Vec<(Address, u64)> {
        let blocks = (number + 1..=self.head()).filter_map(|number| self.chain.block_at(self.tip, number));
        let mut witnesses: Vec<(Address, u64)> = Vec::new();
        for block in blocks.take(CONFIRMED_BY as usize * 2) {
            let Some(witness) = genesis().witnesses.get(usize::from(block.witness)) else { continue };
            if witnesses.len() < CONFIRMED_BY as usize && witnesses.iter().all(|(known, _)| known != witness)
            {
                witnesses.push((*witness, block.number));
            }
        }
        witnesses
    }
}
