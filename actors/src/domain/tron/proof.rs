//! Proof of payment: what the solidified chain must show before a payout counts as paid.
//!
//! Promises: `SUCCESS` alone proves nothing. Paid means: this transaction, executed well, left exactly one `Transfer` of this
//! token, from this payer, to this recipient, of exactly this amount, whole 32-byte words compared; by a router also exactly
//! one `Paid` with this session, recipient, amount and reason (F004-22, F004-23). What moved money in another way is
//! [`Verdict::Mismatched`], never unpaid, so that nobody pays it again.
//!
//! **Never here:** whether the block is solidified. Ask with a [`TransactionInfo`] of the solidified view only.

use serde::Serialize;
use thiserror::Error;

use super::{
    abi::RevertReason,
    execution::{
        ContractResult, Log, PAID_TOPIC, PaidLog, Receipt, TRANSFER_TOPIC, TransactionInfo, TransferLog,
    },
    hash::TxId,
    transaction::{DecodedTransfer, NotAPayout, PayoutCall, bandwidth_points},
    uint256::Uint256,
};
use crate::domain::{address::Address, money::MicroUsdt};

/// What one attempt was to do: its own terms judge it, not today's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// The attempt's transaction.
    pub txid: TxId,
    /// The wallet whose tokens move, directly or by allowance.
    pub owner: Address,
    /// The token; for a plain transfer it is also the contract called.
    pub token: Address,
    /// What was signed.
    pub call: PayoutCall,
}

impl Ordered {
    /// From an attempt's filed bytes; `token` is what a router was to move and is ignored for a plain transfer.
    pub fn from_raw_data(raw_data: &[u8], token: Address) -> Result<Self, NotAPayout> {
        let read = DecodedTransfer::read(raw_data)?;
        let token = match &read.call {
            PayoutCall::Transfer { token, .. } => *token,
            PayoutCall::Disburse { .. } | PayoutCall::DisburseKyc { .. } => token,
        };
        Ok(Self { txid: TxId::of_raw_data(raw_data), owner: read.owner, token, call: read.call })
    }
}

/// The info is about another transaction: nothing was learned about this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("asked about transaction {asked}, told about {told}")]
pub struct OtherTransaction {
    /// Ours.
    pub asked: TxId,
    /// The source's.
    pub told: TxId,
}

/// What became of an attempt that stands in a solidified block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The money is where it belongs.
    Paid(ProofOfPayment),
    /// It ran, failed, and moved nothing; the chain never runs it again.
    Failed(Failure),
    /// It ran and is not what was ordered: a person decides.
    Mismatched(Mismatch),
}

/// Where the payment stands on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProofOfPayment {
    /// The transaction.
    pub txid: TxId,
    /// The solidified block.
    pub block_number: u64,
    /// Its time, unix milliseconds.
    pub block_timestamp_ms: i64,
    /// The token's contract.
    pub token: Address,
    /// Whose tokens went.
    pub payer: Address,
    /// Who has them.
    pub recipient: Address,
    /// How much.
    pub amount: MicroUsdt,
    /// Which of the transaction's logs says so.
    pub log_index: usize,
    /// All TRX that it cost.
    pub fee_sun: u64,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The solidified block.
    pub block_number: u64,
    /// Its time, unix milliseconds.
    pub block_timestamp_ms: i64,
    /// How the machine ended.
    pub result: Option<ContractResult>,
    /// What the contract said.
    pub reason: RevertReason,
    /// All TRX that it cost.
    pub fee_sun: u64,
}

/// In what way the execution is not the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mismatch {
    /// The receipt says neither success nor failure.
    NoResult,
    /// The receipt says failure, and yet tokens moved.
    FailedAndMoved,
    /// It went well and left no transfer of anything.
    NoTransfer,
    /// A transfer, but of a contract that is not the token.
    OtherToken {
        /// The contract.
        contract: Address,
    },
    /// The token left a `Transfer` that cannot be read as an amount between two accounts.
    MalformedTransfer,
    /// Somebody else's tokens went.
    OtherPayer {
        /// Whose.
        payer: Address,
    },
    /// Somebody else got them.
    OtherRecipient {
        /// Who.
        recipient: Address,
    },
    /// Less arrived: the token took a fee.
    PaidShort {
        /// What arrived.
        paid: MicroUsdt,
        /// What was ordered.
        ordered: MicroUsdt,
    },
    /// More arrived.
    Overpaid {
        /// What arrived.
        paid: MicroUsdt,
        /// What was ordered.
        ordered: MicroUsdt,
    },
    /// Several transfers of the token, and not just a fee beside the payment.
    SeveralTransfers {
        /// How many.
        count: usize,
        /// What arrived at the recipient in all.
        paid: MicroUsdt,
    },
    /// The router did not say that it paid.
    NoReceipt,
    /// The router said so several times.
    SeveralReceipts {
        /// How many.
        count: usize,
    },
    /// The router's `Paid` is about something else.
    OtherReceipt {
        /// In which field it differs: `session_id`, `recipient`, `amount`, `reason`, or `data` where it cannot be read.
        field: &'static str,
    },
}

impl Mismatch {
    /// The kind as one word, as in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoResult => "no_result",
            Self::FailedAndMoved => "failed_and_moved",
            Self::NoTransfer => "no_transfer",
            Self::OtherToken { .. } => "other_token",
            Self::MalformedTransfer => "malformed_transfer",
            Self::OtherPayer { .. } => "other_payer",
            Self::OtherRecipient { .. } => "other_recipient",
            Self::PaidShort { .. } => "paid_short",
            Self::Overpaid { .. } => "overpaid",
            Self::SeveralTransfers { .. } => "several_transfers",
            Self::NoReceipt => "no_receipt",
            Self::SeveralReceipts { .. } => "several_receipts",
            Self::OtherReceipt { .. } => "other_receipt",
        }
    }
}

/// Each question by itself, for the answer to "why do you say so?" (F004-25). `None`: could not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Checks {
    /// The machine ended with SUCCESS, and the transaction is not marked as failed.
    pub executed: bool,
    /// The token left a readable `Transfer`.
    pub token: Option<bool>,
    /// Exactly one.
    pub one_transfer: Option<bool>,
    /// From the wallet.
    pub payer: Option<bool>,
    /// To the recipient.
    pub recipient: Option<bool>,
    /// Of the amount, to the last unit.
    pub amount: Option<bool>,
    /// The router's `Paid` agrees in every field; absent for a plain transfer.
    pub router_receipt: Option<bool>,
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Examination {
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Why.
    pub checks: Checks,
}

/// The verdict alone; see [`examine`].
pub fn judge(ordered: &Ordered, info: &TransactionInfo) -> Result<Verdict, OtherTransaction> {
    examine(ordered, info).map(|examination| examination.verdict)
}

/// Holds an execution against what was ordered.
pub fn examine(ordered: &Ordered, info: &TransactionInfo) -> Result<Examination, OtherTransaction> {
    if info.txid != ordered.txid {
        return Err(OtherTransaction { asked: ordered.txid, told: info.txid });
    }
    let evidence = Evidence::gather(ordered, info);
    let checks = evidence.checks();
    let verdict = match evidence.outcome() {
        Outcome::Went => evidence.weigh(),
        Outcome::Failed if evidence.moved() => Verdict::Mismatched(Mismatch::FailedAndMoved),
        Outcome::Failed => Verdict::Failed(failure(info)),
        Outcome::Silent => Verdict::Mismatched(Mismatch::NoResult),
    };
    Ok(Examination { verdict, checks })
}

fn failure(info: &TransactionInfo) -> Failure {
    Failure {
        block_number: info.block_number,
        block_timestamp_ms: info.block_timestamp_ms,
        result: info.receipt.result,
        reason: RevertReason::decode(info.contract_results.first().map_or(&[], Vec::as_slice)),
        fee_sun: info.fee_sun,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Went,
    Failed,
    Silent,
}

/// The logs that matter, taken apart once.
struct Evidence<'a> {
    ordered: &'a Ordered,
    info: &'a TransactionInfo,
    /// The token's transfers with their places among the logs.
    transfers: Vec<(usize, TransferLog)>,
    /// The token left a `Transfer` that cannot be read.
    malformed: bool,
    /// A `Transfer` of another contract.
    other_token: Option<Address>,
}

impl<'a> Evidence<'a> {
    fn gather(ordered: &'a Ordered, info: &'a TransactionInfo) -> Self {
        let mut evidence = Self { ordered, info, transfers: Vec::new(), malformed: false, other_token: None };
        for (index, log) in info.logs.iter().enumerate().filter(|(_, log)| log.is_event(&TRANSFER_TOPIC)) {
            match TransferLog::read(log) {
                _ if log.contract() != ordered.token => evidence.other_token = Some(log.contract()),
                Ok(transfer) => evidence.transfers.push((index, transfer)),
                Err(_) => evidence.malformed = true,
            }
        }
        evidence
    }

    fn outcome(&self) -> Outcome {
        match self.info.receipt.result {
            _ if self.info.result_failed => Outcome::Failed,
            Some(ContractResult::Success) => Outcome::Went,
            None | Some(ContractResult::Default) => Outcome::Silent,
            Some(_) => Outcome::Failed,
        }
    }

    fn moved(&self) -> bool {
        self.malformed || !self.transfers.is_empty()
    }

    fn amount(&self) -> Uint256 {
        Uint256::from(self.ordered.call.amount())
    }

    /// The transfer that is the payment if any is: the first to the recipient, else the first.
    fn principal(&self) -> Option<&(usize, TransferLog)> {
        let to_recipient = |(_, log): &&(usize, TransferLog)| log.to == self.ordered.call.recipient();
        self.transfers.iter().find(to_recipient).or_else(|| self.transfers.first())
    }

    fn checks(&self) -> Checks {
        let principal = self.principal().map(|(_, log)| log);
        let any = self.moved() || self.other_token.is_some();
        Checks {
            executed: self.outcome() == Outcome::Went,
            token: any.then_some(principal.is_some() && !self.malformed),
            one_transfer: any.then_some(self.transfers.len() == 1 && !self.malformed),
            payer: principal.map(|log| log.from == self.ordered.owner),
            recipient: principal.map(|log| log.to == self.ordered.call.recipient()),
            amount: principal.map(|log| log.amount == self.amount()),
            router_receipt: self.router_receipt().map(|receipt| receipt.is_ok()),
        }
    }

    /// The verdict on an execution that went well: the first question with a wrong answer decides.
    fn weigh(&self) -> Verdict {
        match self.find_mismatch() {
            Err(mismatch) => Verdict::Mismatched(mismatch),
            Ok((log_index, log)) => Verdict::Paid(ProofOfPayment {
                txid: self.info.txid,
                block_number: self.info.block_number,
                block_timestamp_ms: self.info.block_timestamp_ms,
                token: self.ordered.token,
                payer: log.from,
                recipient: log.to,
                amount: self.ordered.call.amount(),
                log_index,
                fee_sun: self.info.fee_sun,
            }),
        }
    }

    fn find_mismatch(&self) -> Result<(usize, TransferLog), Mismatch> {
        if self.malformed {
            return Err(Mismatch::MalformedTransfer);
        }
        let Some(&(index, log)) = self.principal() else {
            return Err(self
                .other_token
                .map_or(Mismatch::NoTransfer, |contract| Mismatch::OtherToken { contract }));
        };
        if self.transfers.len() > 1 {
            return Err(self.several(&log));
        }
        if log.from != self.ordered.owner {
            return Err(Mismatch::OtherPayer { payer: log.from });
        }
        if log.to != self.ordered.call.recipient() {
            return Err(Mismatch::OtherRecipient { recipient: log.to });
        }
        self.compare_amount(log.amount)?;
        self.router_receipt().unwrap_or(Ok(()))?;
        Ok((index, log))
    }

    fn compare_amount(&self, paid: Uint256) -> Result<(), Mismatch> {
        let ordered = self.ordered.call.amount();
        match paid.cmp(&self.amount()) {
            std::cmp::Ordering::Less => Err(Mismatch::PaidShort { paid: counted(paid), ordered }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(Mismatch::Overpaid { paid: counted(paid), ordered }),
        }
    }

    /// A token's fee makes a second transfer, from the payer to the issuer, and both together are the order.
    fn several(&self, principal: &TransferLog) -> Mismatch {
        let recipient = self.ordered.call.recipient();
        let all = || self.transfers.iter().map(|(_, log)| log);
        let paid = total(all().filter(|log| log.to == recipient));
        let one_payment = all().filter(|log| log.to == recipient).count() == 1;
        let all_ours = all().all(|log| log.from == self.ordered.owner);
        if one_payment && all_ours && total(all()) == self.amount() && principal.amount < self.amount() {
            return Mismatch::PaidShort { paid: counted(paid), ordered: self.ordered.call.amount() };
        }
        Mismatch::SeveralTransfers { count: self.transfers.len(), paid: counted(paid) }
    }

    /// What the router's `Paid` says; `None` for a plain transfer.
    fn router_receipt(&self) -> Option<Result<(), Mismatch>> {
        let (router, session_id, reason) = match &self.ordered.call {
            PayoutCall::Transfer { .. } => return None,
            PayoutCall::Disburse { router, session_id, reason, .. }
            | PayoutCall::DisburseKyc { router, session_id, reason, .. } => (*router, *session_id, reason),
        };
        let said: Vec<&Log> = self
            .info
            .logs
            .iter()
            .filter(|log| log.contract() == router && log.is_event(&PAID_TOPIC))
            .collect();
        let log = match said.as_slice() {
            [] => return Some(Err(Mismatch::NoReceipt)),
            [log] => log,
            several => return Some(Err(Mismatch::SeveralReceipts { count: several.len() })),
        };
        let differs = |field| Some(Err(Mismatch::OtherReceipt { field }));
        let Ok(paid) = PaidLog::read(log) else { return differs("data") };
        if paid.session_id != session_id {
            return differs("session_id");
        }
        if paid.recipient != self.ordered.call.recipient() {
            return differs("recipient");
        }
        if paid.amount != self.amount() {
            return differs("amount");
        }
        if paid.reason != *reason {
            return differs("reason");
        }
        Some(Ok(()))
    }
}

fn total<'l>(mut logs: impl Iterator<Item = &'l TransferLog>) -> Uint256 {
    logs.try_fold(Uint256::ZERO, |sum, log| sum.checked_add(&log.amount)).unwrap_or(Uint256::MAX)
}

/// As an amount that can be counted here; beyond that, the most.
fn counted(amount: Uint256) -> MicroUsdt {
    amount.to_micro_usdt().unwrap_or(MicroUsdt::new(u64::MAX))
}

/// TRX burned for bandwidth beyond the price of the transfer's own bytes, in sun: somebody padded it on the way, under the
/// same txid (F-N21). `signed_len` is [`super::SignedTransfer::len`], the price is the chain's per byte.
#[must_use]
pub fn fee_above_own_bytes(net_fee_sun: u64, signed_len: usize, price_sun_per_byte: u64) -> Option<u64> {
    let own = (bandwidth_points(signed_len) as u64).saturating_mul(price_sun_per_byte);
    net_fee_sun.checked_sub(own).filter(|excess| *excess > 0)
}

/// Bytes beyond the transfer's own that its bandwidth was charged for, whether it was paid from stake or in TRX (F-N21).
#[must_use]
pub fn bytes_above_own(receipt: &Receipt, signed_len: usize, price_sun_per_byte: u64) -> Option<u64> {
    let own = bandwidth_points(signed_len) as u64;
    let burned = receipt.net_fee_sun.checked_div(price_sun_per_byte).unwrap_or(0);
    receipt.net_usage.max(burned).checked_sub(own).filter(|excess| *excess > 0)
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
