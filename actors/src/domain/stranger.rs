//! Strangers: transfers that the wallet signed and that no payout of this store knows; and how they are known again (F-N24).
//!
//! After an older copy of the store was put back, the chain shows payments that the copy has never heard of. Each carries a
//! mark ([`Fingerprint`]) that only this store and this wallet could have made, for one account, key and attempt. So a payout
//! finds its own transfer among strangers before it is signed a second time. Pure: nothing here reads or writes.

use super::address::Address;
use super::order::Route;
use super::payout::{Attempt, AttemptOutcome, BlockRef, Payout};
use super::tron::fingerprint::{Fingerprint, fingerprint};
use super::tron::key::SIGNATURE_LEN;
use super::tron::{BlockTransaction, DecodedTransfer, PayoutCall, RefBlock, Signature, SignedTransfer, TxId};
use thiserror::Error;

/// The purpose for which the signer derives the key of the mark.
pub const FINGERPRINT_PURPOSE: &str = "fingerprint v1";

/// How many attempts beyond those that it knows a payout looks for: a lost copy of the store may have buried some before the one
/// that was included. Each takes a whole lifetime to expire: these are hours.
pub const ATTEMPTS_AHEAD: u32 = 32;

/// Entries of TAPOS: the low 16 bits of a block's number name it among so many.
const REF_BLOCKS: u64 = 1 << 16;

/// A transfer on the solidified chain that the wallet signed and that no payout of this store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// The transaction's id: sha256 of `raw_data`.
    pub txid: TxId,
    /// Exactly the bytes that were signed.
    pub raw_data: Vec<u8>,
    /// The 65 bytes of the wallet's signature.
    pub signature: Vec<u8>,
    /// The block that it refers to.
    pub ref_block: RefBlock,
    /// The solidified block that holds it.
    pub block: BlockRef,
    /// When it was found, unix ms.
    pub found_at_ms: i64,
}

/// A payout call in a block that a wallet signed itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTransfer {
    /// Its bytes and its signature, as they were checked.
    pub signed: SignedTransfer,
    /// What the bytes say.
    pub read: DecodedTransfer,
}

impl OwnTransfer {
    /// Reads a block's transaction; `None` for all that is not a call of this wallet, under its own signature, that pays out
    /// this token. Whether it succeeded is not asked: one that failed was somebody's attempt too.
    #[must_use]
    pub fn of(transaction: &BlockTransaction, wallet: Address, token: Address) -> Option<Self> {
        let read = DecodedTransfer::read(transaction.raw_data()).ok()?;
        if read.owner != wallet || read.permission_id != 0 || !moves(&read.call, token) {
            return None;
        }
        // A relay may pad a signature; what is behind its 65 bytes is not part of it.
        let signature = transaction.signatures().first()?.get(..SIGNATURE_LEN)?;
        let signature = Signature::from_slice(signature).ok()?;
        let signed = SignedTransfer::restore(transaction.raw_data().to_vec(), signature).ok()?;
        Some(Self { signed, read })
    }

    /// The number of the block that it refers to, given the block that holds it: the highest one before it whose low 16 bits
    /// are written in the transfer (a transfer refers to one of the last 65 536 blocks).
    #[must_use]
    pub fn ref_block_number(&self, included_in: u64) -> u64 {
        let low = u64::from(u16::from_be_bytes(self.read.ref_block_bytes));
        let before = included_in.saturating_sub(1);
        before.saturating_sub(before.wrapping_sub(low) % REF_BLOCKS)
    }

    /// The stranger that it is, given the block that it refers to; `None` where that block is another one.
    #[must_use]
    pub fn into_stranger(self, ref_block: RefBlock, block: BlockRef, found_at_ms: i64) -> Option<Stranger> {
        let same =
            ref_block.bytes() == self.read.ref_block_bytes && ref_block.hash() == self.read.ref_block_hash;
        same.then(|| Stranger {
            txid: self.signed.txid(),
            raw_data: self.signed.raw_data().to_vec(),
            signature: self.signed.signature().as_bytes().to_vec(),
            ref_block,
            block,
            found_at_ms,
        })
    }
}

/// What makes the marks of this store: the wallet's secret and the store's own name.
#[derive(Clone)]
pub struct MarkMaker {
    key: [u8; 32],
    store_id: String,
}

impl MarkMaker {
    /// A maker of marks; `key` is the signer's for [`FINGERPRINT_PURPOSE`].
    #[must_use]
    pub fn new(key: [u8; 32], store_id: impl Into<String>) -> Self {
        Self { key, store_id: store_id.into() }
    }

    /// The mark of one attempt of a payout.
    #[must_use]
    pub fn mark(&self, payout: &Payout, attempt: u32) -> Fingerprint {
        let (account, key) = (payout.account.as_str(), payout.idempotency_key.as_str());
        fingerprint(&self.key, &self.store_id, account, key, attempt)
    }

    /// The marks of the attempts that a payout may have had without this store's knowing, the next one first.
    pub fn marks_ahead(&self, payout: &Payout) -> impl Iterator<Item = (u32, Fingerprint)> + '_ {
        let next = payout.next_attempt_number();
        let payout = (payout.account.clone(), payout.idempotency_key.clone());
        (next..next.saturating_add(ATTEMPTS_AHEAD)).map(move |attempt| {
            (attempt, fingerprint(&self.key, &self.store_id, payout.0.as_str(), payout.1.as_str(), attempt))
        })
    }
}

/// Why a stranger is not the transfer of a payout.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotKin {
    /// It is no transfer of the paying wallet, or its bytes are not what was signed.
    #[error("its bytes can not be the wallet's transfer")]
    NotOurs,
    /// It carries another mark.
    #[error("it carries another mark")]
    OtherMark,
    /// It carries the payout's mark, and pays something else.
    #[error("it carries the payout's mark and pays {paid}, which is not what was ordered")]
    PaysOtherwise {
        /// What it pays, for people.
        paid: String,
    },
}

/// A payout's own transfer, known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kin {
    /// What is to be adopted, numbered as the payout's next attempt.
    pub attempt: Attempt,
    /// Which attempt the mark says that it was, in the copy of the store that made it.
    pub marked_as: u32,
}

impl Stranger {
    /// The mark that it carries; `None` where its bytes are no transfer.
    #[must_use]
    pub fn mark(&self) -> Option<Fingerprint> {
        let read = DecodedTransfer::read(&self.raw_data).ok()?;
        Some(Fingerprint::read(read.timestamp_ms, read.fee_limit_sun))
    }

    /// Holds it against a payout: its own transfer, or why not. Nothing is taken on trust: a stranger's row in the database proves
    /// nothing without the wallet's signature under bytes that carry the mark and pay the order.
    ///
    /// # Errors
    /// See [`NotKin`].
    pub fn kin_of(
        &self,
        payout: &Payout,
        marks: &MarkMaker,
        wallet: Address,
        token: Address,
    ) -> Result<Kin, NotKin> {
        let signature = Signature::from_slice(&self.signature).map_err(|_| NotKin::NotOurs)?;
        let signed =
            SignedTransfer::restore(self.raw_data.clone(), signature).map_err(|_| NotKin::NotOurs)?;
        let read = DecodedTransfer::read(&self.raw_data).map_err(|_| NotKin::NotOurs)?;
        if signed.txid() != self.txid || signed.owner() != wallet || read.permission_id != 0 {
            return Err(NotKin::NotOurs);
        }
        let mark = Fingerprint::read(read.timestamp_ms, read.fee_limit_sun);
        let (marked_as, _) =
            marks.marks_ahead(payout).find(|(_, expected)| *expected == mark).ok_or(NotKin::OtherMark)?;
        if !pays(&read.call, payout, token) {
            let paid = format!("{} USDT to {}", read.call.amount(), read.call.recipient());
            return Err(NotKin::PaysOtherwise { paid });
        }
        Ok(Kin { attempt: self.attempt_of(payout, &read, token), marked_as })
    }

    fn attempt_of(&self, payout: &Payout, read: &DecodedTransfer, token: Address) -> Attempt {
        Attempt {
            number: payout.next_attempt_number(),
            txid: self.txid,
            raw_data: self.raw_data.clone(),
            signature: self.signature.clone(),
            owner: read.owner,
            token,
            contract: read.call.contract(),
            route: route_of(&read.call),
            ref_block: self.ref_block,
            expires_at_ms: read.expires_at_ms,
            fee_limit_sun: read.fee_limit_sun,
            // The mark hides the hour's minutes; the copy that knew them is lost.
            signed_at_ms: read.timestamp_ms.min(self.found_at_ms),
            outcome: AttemptOutcome::Pending,
            block: None,
        }
    }
}

fn route_of(call: &PayoutCall) -> Route {
    match call {
        PayoutCall::Transfer { .. } => Route::Transfer,
        PayoutCall::Disburse { .. } => Route::RouterV0,
        PayoutCall::DisburseKyc { .. } => Route::RouterKyc,
    }
}

/// The same money to the same recipient by the same road. The router's session id is not asked: it comes from the payout's id, and
/// an order that is delivered again after a restore has a new one.
fn pays(call: &PayoutCall, payout: &Payout, token: Address) -> bool {
    let order = &payout.order;
    moves(call, token)
        && route_of(call) == order.route
        && call.recipient() == order.recipient
        && call.amount() == order.amount
}

/// A router moves the token that it was made for; a transfer may be of any token.
fn moves(call: &PayoutCall, token: Address) -> bool {
    match call {
        PayoutCall::Transfer { token: moved, .. } => *moved == token,
        PayoutCall::Disburse { .. } | PayoutCall::DisburseKyc { .. } => true,
    }
}

#[cfg(test)]
#[path = "stranger_tests.rs"]
mod tests;
