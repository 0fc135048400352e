//! What counts as paid, and everything that looks like it.

use super::*;
use crate::domain::tron::{hash::Hash32, transaction::KycClearance};

const TOKEN: Address = Address::from_evm([0xa6; 20]);
const FAKE: Address = Address::from_evm([0xfa; 20]);
const ROUTER: Address = Address::from_evm([0x4d; 20]);
const WALLET: Address = Address::from_evm([1; 20]);
const ALICE: Address = Address::from_evm([2; 20]);
const MALLORY: Address = Address::from_evm([3; 20]);
const ISSUER: Address = Address::from_evm([4; 20]);
const AMOUNT: MicroUsdt = MicroUsdt::new(25_500_000);

fn plain() -> Ordered {
    let call = PayoutCall::Transfer { token: TOKEN, recipient: ALICE, amount: AMOUNT };
    Ordered { txid: TxId::new([7; 32]), owner: WALLET, token: TOKEN, call }
}

fn routed() -> Ordered {
    let call = PayoutCall::Disburse {
        router: ROUTER,
        session_id: Hash32::new([5; 32]),
        recipient: ALICE,
        amount: AMOUNT,
        reason: "salary".into(),
    };
    Ordered { call, ..plain() }
}

fn transfer(from: Address, to: Address, micro: u64) -> Log {
    TransferLog { from, to, amount: Uint256::from(micro) }.to_log(TOKEN)
}

fn paid_log(session: u8, recipient: Address, micro: u64, reason: &str) -> Log {
    let session_id = Hash32::new([session; 32]);
    PaidLog { session_id, recipient, amount: Uint256::from(micro), reason: reason.into() }.to_log(ROUTER)
}

fn went(logs: Vec<Log>) -> TransactionInfo {
    let receipt = Receipt { result: Some(ContractResult::Success), ..Receipt::default() };
    TransactionInfo {
        txid: TxId::new([7; 32]),
        block_number: 99,
        receipt,
        logs,
        ..TransactionInfo::default()
    }
}

fn mismatch(ordered: &Ordered, info: &TransactionInfo) -> Mismatch {
    match judge(ordered, info).unwrap() {
        Verdict::Mismatched(mismatch) => mismatch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plain_payment_is_proved_by_its_one_transfer() {
    let examination = examine(&plain(), &went(vec![transfer(WALLET, ALICE, 25_500_000)])).unwrap();
    let Verdict::Paid(proof) = examination.verdict else { panic!("{examination:?}") };
    assert_eq!((proof.amount, proof.block_number, proof.log_index), (AMOUNT, 99, 0));
    let yes = Some(true);
    let checks = Checks {
        executed: true,
        token: yes,
        one_transfer: yes,
        payer: yes,
        recipient: yes,
        amount: yes,
        router_receipt: None,
    };
    assert_eq!(examination.checks, checks);
}

#[test]
fn a_routed_payment_needs_the_routers_word_as_well() {
    let logs = vec![transfer(WALLET, ALICE, 25_500_000), paid_log(5, ALICE, 25_500_000, "salary")];
    assert!(matches!(judge(&routed(), &went(logs)).unwrap(), Verdict::Paid(_)));
    assert_eq!(mismatch(&routed(), &went(vec![transfer(WALLET, ALICE, 25_500_000)])), Mismatch::NoReceipt);

    let differing = [
        ("session_id", paid_log(6, ALICE, 25_500_000, "salary")),
        ("recipient", paid_log(5, MALLORY, 25_500_000, "salary")),
        ("amount", paid_log(5, ALICE, 25_500_001, "salary")),
        ("reason", paid_log(5, ALICE, 25_500_000, "Salary")),
    ];
    for (field, log) in differing {
        let info = went(vec![transfer(WALLET, ALICE, 25_500_000), log]);
        assert_eq!(mismatch(&routed(), &info), Mismatch::OtherReceipt { field });
    }
    let twice = paid_log(5, ALICE, 25_500_000, "salary");
    let info = went(vec![transfer(WALLET, ALICE, 25_500_000), twice.clone(), twice]);
    assert_eq!(mismatch(&routed(), &info), Mismatch::SeveralReceipts { count: 2 });
}

/// A router that swallowed a failure says "paid" and moved nothing.
#[test]
fn the_routers_word_alone_is_worth_nothing() {
    assert_eq!(
        mismatch(&routed(), &went(vec![paid_log(5, ALICE, 25_500_000, "salary")])),
        Mismatch::NoTransfer
    );
}

/// F004-23: fake token, wrong payer, wrong recipient, nothing at all: none of them is paid.
#[test]
fn what_only_looks_like_the_payment_is_not_paid() {
    let fake = TransferLog { from: WALLET, to: ALICE, amount: AMOUNT.into() }.to_log(FAKE);
    assert_eq!(mismatch(&plain(), &went(vec![fake])), Mismatch::OtherToken { contract: FAKE });
    let stranger = transfer(MALLORY, ALICE, 25_500_000);
    assert_eq!(mismatch(&plain(), &went(vec![stranger])), Mismatch::OtherPayer { payer: MALLORY });
    let astray = transfer(WALLET, MALLORY, 25_500_000);
    assert_eq!(mismatch(&plain(), &went(vec![astray])), Mismatch::OtherRecipient { recipient: MALLORY });
    assert_eq!(mismatch(&plain(), &went(vec![])), Mismatch::NoTransfer);
    let mut nft = transfer(WALLET, ALICE, 25_500_000);
    nft.topics.push([9; 32]);
    nft.data.clear();
    assert_eq!(mismatch(&plain(), &went(vec![nft])), Mismatch::MalformedTransfer);
    let mut dirty = transfer(WALLET, ALICE, 25_500_000);
    dirty.topics[2][0] = 0x41;
    assert_eq!(mismatch(&plain(), &went(vec![dirty])), Mismatch::MalformedTransfer);
}

/// F004-22: own payouts are exact; one unit less or more is a mismatch, never paid.
#[test]
fn one_unit_off_is_a_mismatch() {
    let short = Mismatch::PaidShort { paid: MicroUsdt::new(25_499_999), ordered: AMOUNT };
    assert_eq!(mismatch(&plain(), &went(vec![transfer(WALLET, ALICE, 25_499_999)])), short);
    let over = Mismatch::Overpaid { paid: MicroUsdt::new(25_500_001), ordered: AMOUNT };
    assert_eq!(mismatch(&plain(), &went(vec![transfer(WALLET, ALICE, 25_500_001)])), over);
    let huge = TransferLog { from: WALLET, to: ALICE, amount: Uint256::MAX }.to_log(TOKEN);
    let over = Mismatch::Overpaid { paid: MicroUsdt::new(u64::MAX), ordered: AMOUNT };
    assert_eq!(mismatch(&plain(), &went(vec![huge])), over);
}

/// A token fee makes two transfers, the recipient's first: that is paid short, never unpaid.
#[test]
fn a_token_fee_is_paid_short() {
    let info = went(vec![transfer(WALLET, ALICE, 25_474_500), transfer(WALLET, ISSUER, 25_500)]);
    let short = Mismatch::PaidShort { paid: MicroUsdt::new(25_474_500), ordered: AMOUNT };
    assert_eq!(mismatch(&plain(), &info), short);
    let examination = examine(&plain(), &info).unwrap();
    assert_eq!((examination.checks.one_transfer, examination.checks.amount), (Some(false), Some(false)));
}

#[test]
fn several_transfers_are_a_persons_question() {
    let twice = went(vec![transfer(WALLET, ALICE, 25_500_000), transfer(WALLET, ALICE, 25_500_000)]);
    let several = Mismatch::SeveralTransfers { count: 2, paid: MicroUsdt::new(51_000_000) };
    assert_eq!(mismatch(&plain(), &twice), several);
    let beside = went(vec![transfer(WALLET, MALLORY, 1), transfer(WALLET, ALICE, 25_500_000)]);
    assert_eq!(mismatch(&plain(), &beside), Mismatch::SeveralTransfers { count: 2, paid: AMOUNT });
}

/// F004-23: reverted and out of energy are failures with their reason, and never paid.
#[test]
fn a_failed_execution_is_failed_with_its_reason() {
    for result in [ContractResult::Revert, ContractResult::OutOfEnergy, ContractResult::IllegalOperation] {
        let mut info = went(vec![]);
        info.receipt.result = Some(result);
        info.result_failed = true;
        info.contract_results = vec![RevertReason::Error { text: "paused".into() }.encode()];
        let Verdict::Failed(failure) = judge(&plain(), &info).unwrap() else { panic!("{result}") };
        assert_eq!(failure.result, Some(result));
        assert_eq!(failure.reason.to_string(), "paused");
        assert!(!examine(&plain(), &info).unwrap().checks.executed);
    }
}

/// A failure that shows a transfer, or a receipt without a result, must never open the road to a second payment.
#[test]
fn contradictions_are_neither_paid_nor_failed() {
    let mut moved = went(vec![transfer(WALLET, ALICE, 25_500_000)]);
    moved.result_failed = true;
    assert_eq!(mismatch(&plain(), &moved), Mismatch::FailedAndMoved);
    for silent in [None, Some(ContractResult::Default)] {
        let mut info = went(vec![transfer(WALLET, ALICE, 25_500_000)]);
        info.receipt.result = silent;
        assert_eq!(mismatch(&plain(), &info), Mismatch::NoResult);
    }
}

#[test]
fn another_transactions_fate_says_nothing_about_ours() {
    let mut info = went(vec![transfer(WALLET, ALICE, 25_500_000)]);
    info.txid = TxId::new([8; 32]);
    assert!(judge(&plain(), &info).is_err());
}

/// F004-25: the result names each check by itself.
#[test]
fn an_examination_shows_each_check_in_json() {
    let examination = examine(&plain(), &went(vec![transfer(WALLET, MALLORY, 25_500_000)])).unwrap();
    let json = serde_json::to_value(examination).unwrap();
    assert_eq!(json["verdict"], "mismatched");
    assert_eq!(json["kind"], "other_recipient");
    let checks = &json["checks"];
    assert_eq!(checks["executed"], true);
    assert_eq!(checks["recipient"], false);
    assert_eq!(checks["amount"], true);
    assert!(checks["router_receipt"].is_null());
}

#[test]
fn every_mismatch_is_called_the_same_in_json_and_in_words() {
    let all = [
        Mismatch::NoResult,
        Mismatch::FailedAndMoved,
        Mismatch::NoTransfer,
        Mismatch::OtherToken { contract: FAKE },
        Mismatch::MalformedTransfer,
        Mismatch::OtherPayer { payer: ALICE },
        Mismatch::OtherRecipient { recipient: ALICE },
        Mismatch::PaidShort { paid: AMOUNT, ordered: AMOUNT },
        Mismatch::Overpaid { paid: AMOUNT, ordered: AMOUNT },
        Mismatch::SeveralTransfers { count: 2, paid: AMOUNT },
        Mismatch::NoReceipt,
        Mismatch::SeveralReceipts { count: 2 },
        Mismatch::OtherReceipt { field: "reason" },
    ];
    for mismatch in all {
        assert_eq!(serde_json::to_value(&mismatch).unwrap()["kind"], mismatch.name());
    }
}

/// F-N21: the price of its own bytes is no alarm; one byte more is.
#[test]
fn a_padded_transfer_is_noticed_by_its_fee_and_by_its_bandwidth() {
    assert_eq!(fee_above_own_bytes(345_000, 281, 1000), None);
    assert_eq!(fee_above_own_bytes(0, 281, 1000), None);
    assert_eq!(fee_above_own_bytes(346_000, 281, 1000), Some(1000));
    assert_eq!(fee_above_own_bytes(1_002_700, 281, 10), Some(999_250));
    let staked = Receipt { net_usage: 100_345, ..Receipt::default() };
    assert_eq!(bytes_above_own(&staked, 281, 1000), Some(100_000));
    let burned = Receipt { net_fee_sun: 100_345_000, ..Receipt::default() };
    assert_eq!(bytes_above_own(&burned, 281, 1000), Some(100_000));
    assert_eq!(bytes_above_own(&Receipt { net_usage: 345, ..Receipt::default() }, 281, 1000), None);
}

/// An attempt is judged by its filed bytes: what they say is what was ordered.
#[test]
fn an_order_is_read_back_from_the_filed_bytes() {
    use crate::domain::tron::{BlockId, RefBlock, TransferTerms, Unsigned};
    let kyc = KycClearance {
        hash: Hash32::default(),
        expiry_s: 1,
        v: 27,
        r: Hash32::default(),
        s: Hash32::default(),
    };
    let session_id = Hash32::new([5; 32]);
    let call = PayoutCall::DisburseKyc {
        router: ROUTER,
        session_id,
        recipient: ALICE,
        amount: AMOUNT,
        reason: "salary".into(),
        kyc,
    };
    let terms = TransferTerms {
        owner: WALLET,
        call: call.clone(),
        fee_limit_sun: 30_000_000,
        ref_block: RefBlock::new(BlockId::of(5, &[0; 32])),
        expires_at_ms: 2,
        timestamp_ms: 1,
        memo: None,
        permission_id: 0,
    };
    let unsigned = Unsigned::build(&terms).unwrap();
    let ordered = Ordered::from_raw_data(unsigned.raw_data(), TOKEN).unwrap();
    assert_eq!(ordered, Ordered { txid: unsigned.txid(), owner: WALLET, token: TOKEN, call });
}
