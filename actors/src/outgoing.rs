//! What left the wallet in one solidified block: read alike by the watcher, block by block, and by whoever reconciles.
//!
//! Promises that nothing is overlooked: a transfer shows by its log, whoever called the contract, and a call that the wallet
//! signed shows by its bytes, even where it failed; a node that does not show every receipt of a block has not answered. (A
//! zero-value transferFrom by anybody moves nothing and is nothing.) Never here: whose transfer it is.

use crate::domain::address::Address;
use crate::domain::order::HousePolicy;
use crate::domain::payout::BlockRef;
use crate::domain::stranger::{OwnTransfer, Stranger};
use crate::domain::tron::execution::TransferLog;
use crate::domain::tron::{Block, RefBlock, TransactionInfo, TransferKey, TxId, Uint256};
use crate::ports::{ChainFault, ChainNode, View};
use std::collections::{BTreeMap, BTreeSet};

/// A transaction of a block that moved tokens out of the wallet, or that the wallet signed to move some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Which.
    pub key: TransferKey,
    /// What moved; `None` where it failed.
    pub moved: Option<TransferLog>,
    /// The wallet's own call, where it is one.
    pub own: Option<OwnTransfer>,
}

/// The receipts of a block's transactions, all of them.
///
/// # Errors
/// The node's fault; [`ChainFault::Garbled`] where it leaves receipts out (`[]` from java-tron also means that it does not have
/// them), or shows one of a transaction that it leaves out of the block.
pub async fn receipts_of(node: &dyn ChainNode, block: &Block) -> Result<Vec<TransactionInfo>, ChainFault> {
    if block.transactions.is_empty() {
        return Ok(Vec::new());
    }
    let infos = node.transaction_infos(View::Solid, block.number()).await?;
    let number = block.number();
    let shown: BTreeSet<TxId> =
        infos.iter().filter(|info| info.block_number == number).map(|info| info.txid).collect();
    let held: BTreeSet<TxId> = block.transactions.iter().map(|transaction| transaction.txid()).collect();
    if shown != held {
        let (missing, hidden) = (held.difference(&shown).count(), shown.difference(&held).count());
        return Err(ChainFault::Garbled(format!(
            "block {number}: {missing} receipts are missing, {hidden} are of transactions that it does not show"
        )));
    }
    Ok(infos)
}

/// The transactions of a block by which tokens left the wallet, by their receipts.
#[must_use]
pub fn moved_by(infos: &[TransactionInfo], policy: &HousePolicy) -> BTreeMap<TxId, TransferLog> {
    let moved =
        |info: &TransactionInfo| Some((info.txid, left_the_wallet(info, policy.token, policy.wallet)?));
    infos.iter().filter_map(moved).collect()
}

/// What of a block is outgoing and not among `ours`, in the block's order. Ours are passed over before anything of them is
/// read: to recover who signed a transaction costs more than all else that is done with it.
#[must_use]
pub fn outgoing_of(
    block: &Block,
    moved: &BTreeMap<TxId, TransferLog>,
    policy: &HousePolicy,
    ours: &BTreeSet<TxId>,
) -> Vec<Outgoing> {
    let unknown = block.transactions.iter().filter(|transaction| !ours.contains(&transaction.txid()));
    let outgoing = unknown.filter_map(|transaction| {
        let moved = moved.get(&transaction.txid()).copied();
        let own = OwnTransfer::of(transaction, policy.wallet, policy.token);
        (moved.is_some() || own.is_some()).then(|| Outgoing { key: transaction.key(), moved, own })
    });
    outgoing.collect()
}

/// The first log of a transaction by which tokens left the wallet.
fn left_the_wallet(info: &TransactionInfo, token: Address, wallet: Address) -> Option<TransferLog> {
    let logs = info.logs.iter().filter(|log| log.address == *token.evm());
    logs.filter_map(|log| TransferLog::read(log).ok())
        .find(|log| log.from == wallet && log.amount > Uint256::ZERO)
}

/// The stranger that an outgoing transfer is, for whoever may know it later; `None` for what the wallet did not sign.
///
/// # Errors
/// When the node does not show the block that the transfer refers to.
pub async fn stranger_of(
    node: &dyn ChainNode,
    outgoing: &Outgoing,
    block: BlockRef,
    found_at_ms: i64,
) -> Result<Option<Stranger>, ChainFault> {
    let Some(own) = outgoing.own.clone() else { return Ok(None) };
    let number = own.ref_block_number(block.number);
    let Some(ref_block) = node.block(View::Solid, number).await? else {
        return Err(ChainFault::Garbled(format!("it shows no block {number}")));
    };
    Ok(own.into_stranger(RefBlock::new(ref_block.id), block, found_at_ms))
}
