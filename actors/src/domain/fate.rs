//! What a solidified execution means for a payout, in the life cycle's words. The bytes' rules are in `tron::proof`.

use super::money::MicroUsdt;
use super::payout::Reason;
use super::tron::ContractResult;
use super::tron::proof::{Failure, Mismatch};

/// The reason of a failure.
#[must_use]
pub fn reason_of_failure(failure: &Failure) -> Reason {
    match failure.result {
        Some(ContractResult::Revert) => Reason::Reverted,
        Some(ContractResult::OutOfEnergy) => Reason::OutOfEnergy,
        _ => Reason::ExecutionFailed,
    }
}

/// The reason of a mismatch, and what the recipient got where that is known.
#[must_use]
pub fn reason_of_mismatch(mismatch: &Mismatch) -> (Reason, Option<MicroUsdt>) {
    match mismatch {
        Mismatch::NoResult
        | Mismatch::NoTransfer
        | Mismatch::FailedAndMoved
        | Mismatch::MalformedTransfer => (Reason::NoTransferLog, None),
        Mismatch::OtherToken { .. } => (Reason::WrongToken, None),
        Mismatch::OtherPayer { .. } => (Reason::WrongSender, None),
        Mismatch::OtherRecipient { .. } => (Reason::WrongRecipient, None),
        Mismatch::PaidShort { paid, .. } => (Reason::PaidShort, Some(*paid)),
        Mismatch::Overpaid { paid, .. } => (Reason::Overpaid, Some(*paid)),
        Mismatch::SeveralTransfers { paid, .. } => (Reason::SeveralTransfers, Some(*paid)),
        Mismatch::NoReceipt | Mismatch::SeveralReceipts { .. } | Mismatch::OtherReceipt { .. } => {
            (Reason::NoPaidLog, None)
        }
    }
}
