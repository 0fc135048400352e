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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::address::Address;
    use crate::domain::tron::abi::RevertReason;

    fn failure(result: Option<ContractResult>) -> Failure {
        Failure { block_number: 1, block_timestamp_ms: 1, result, reason: RevertReason::Silent, fee_sun: 1 }
    }

    #[test]
    fn a_failure_says_whether_money_or_the_contract_was_wanting() {
        let told = |result| reason_of_failure(&failure(result));
        assert_eq!(told(Some(ContractResult::Revert)), Reason::Reverted);
        assert_eq!(told(Some(ContractResult::OutOfEnergy)), Reason::OutOfEnergy);
        for other in [Some(ContractResult::OutOfTime), Some(ContractResult::TransferFailed), None] {
            assert_eq!(told(other), Reason::ExecutionFailed);
        }
    }

    /// What did arrive is told wherever it is known: the books and a person need it.
    #[test]
    fn a_mismatch_says_what_arrived_where_that_is_known() {
        let (paid, ordered) = (MicroUsdt::new(990_000), MicroUsdt::new(1_000_000));
        let other = Address::from_evm([3; 20]);
        let table = [
            (Mismatch::PaidShort { paid, ordered }, Reason::PaidShort, Some(paid)),
            (Mismatch::Overpaid { paid: ordered, ordered: paid }, Reason::Overpaid, Some(ordered)),
            (Mismatch::SeveralTransfers { count: 2, paid }, Reason::SeveralTransfers, Some(paid)),
            (Mismatch::NoResult, Reason::NoTransferLog, None),
            (Mismatch::FailedAndMoved, Reason::NoTransferLog, None),
            (Mismatch::NoTransfer, Reason::NoTransferLog, None),
            (Mismatch::MalformedTransfer, Reason::NoTransferLog, None),
            (Mismatch::OtherToken { contract: other }, Reason::WrongToken, None),
            (Mismatch::OtherPayer { payer: other }, Reason::WrongSender, None),
            (Mismatch::OtherRecipient { recipient: other }, Reason::WrongRecipient, None),
            (Mismatch::NoReceipt, Reason::NoPaidLog, None),
            (Mismatch::SeveralReceipts { count: 2 }, Reason::NoPaidLog, None),
            (Mismatch::OtherReceipt { field: "amount" }, Reason::NoPaidLog, None),
        ];
        for (mismatch, reason, arrived) in table {
            assert_eq!(reason_of_mismatch(&mismatch), (reason, arrived), "{mismatch:?}");
        }
    }
}
