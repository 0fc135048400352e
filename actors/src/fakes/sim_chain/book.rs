//! The book: what really happened to the tokens on the branch that counts. Tests and judges read it; nodes can not touch it.

use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::domain::tron::{TxId, Uint256};

use super::SimChain;
use super::block::{Block, BlockIndex};
use super::contracts;
use super::genesis::genesis;
use super::receipt::Log;

/// Every executed USDT transfer, and where the chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Book {
    /// In the order of the chain.
    pub transfers: Vec<BookedTransfer>,
    /// The head's number.
    pub head: u64,
    /// The solid number.
    pub solid: u64,
}

/// An executed USDT transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BookedTransfer {
    /// The transaction that moved it. Two rows of one id in two blocks: it ran twice.
    pub txid: TxId,
    /// From whom.
    pub from: Address,
    /// To whom.
    pub to: Address,
    /// How much.
    pub amount_micro_usdt: u64,
    /// In which block.
    pub block: u64,
    /// Whether that can still be undone (`false`) or not.
    pub solid: bool,
}

/// A Transfer log of any token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TransferRow {
    pub(super) txid: TxId,
    pub(super) token: Address,
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) amount: u64,
    pub(super) block: u64,
    pub(super) index: BlockIndex,
}

impl SimChain {
    /// What really happened.
    #[must_use]
    pub fn book(&self) -> Book {
        let solid = self.solid_number();
        let usdt = genesis().usdt;
        let rows = self.transfers.iter().filter(|row| row.token == usdt);
        let transfers = rows.map(|row| BookedTransfer {
            txid: row.txid,
            from: row.from,
            to: row.to,
            amount_micro_usdt: row.amount,
            block: row.block,
            solid: row.block <= solid,
        });
        Book { transfers: transfers.collect(), head: self.head_number(), solid }
    }

    pub(super) fn transfers(&self) -> &[TransferRow] {
        &self.transfers
    }

    pub(super) fn book_block(&mut self, index: BlockIndex, block: &Block) {
        for included in &block.transactions {
            for log in &included.receipt.logs {
                if let Some((from, to, amount)) = transfer_of(log) {
                    let (txid, token, block) = (included.txid, log.address, block.number);
                    self.transfers.push(TransferRow { txid, token, from, to, amount, block, index });
                }
            }
        }
    }

    pub(super) fn unbook_above(&mut self, number: u64) {
        let kept = self.transfers.partition_point(|row| row.block <= number);
        self.transfers.truncate(kept);
    }
}

/// From, to and amount of a Transfer log.
pub(super) fn transfer_of(log: &Log) -> Option<(Address, Address, u64)> {
    let [event, from, to] = log.topics.as_slice() else { return None };
    if *event != contracts::transfer_topic() {
        return None;
    }
    let amount = Uint256::from_word(log.data.as_slice().try_into().ok()?).to_u64()?;
    Some((Address::from_word_masked(from.as_bytes()), Address::from_word_masked(to.as_bytes()), amount))
}
