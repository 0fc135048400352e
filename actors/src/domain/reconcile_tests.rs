//! Every way in which a store and a chain can differ is found, and what agrees is left alone (F-P22).

use super::*;
use crate::domain::address::Address;
use crate::domain::identity::{AccountId, IdempotencyKey};
use crate::domain::money::MicroUsdt;
use crate::domain::order::{Order, Route};
use crate::domain::payout::{BlockRef, Reservation};
use crate::domain::tron::execution::{Receipt, TransferLog};
use crate::domain::tron::{
    BlockId, ContractResult, PayoutCall, PrivateKey, RefBlock, TransferTerms, Uint256, Unsigned,
};
use std::collections::BTreeMap;

const NOW_MS: i64 = 1_767_225_600_000;
const ORDERED: u64 = 25_500_000;

fn token() -> Address {
    Address::from_evm([0xaa; 20])
}

fn recipient() -> Address {
    Address::from_evm([0xbb; 20])
}

fn wallet() -> PrivateKey {
    PrivateKey::from_bytes(&[7; 32]).unwrap()
}

fn block(number: u64) -> BlockRef {
    BlockRef { number, id: BlockId::of(number, &[9; 32]) }
}

fn attempt(number: u32, outcome: AttemptOutcome, seen_in: Option<u64>) -> Attempt {
    let terms = TransferTerms {
        owner: wallet().address(),
        call: PayoutCall::Transfer {
            token: token(),
            recipient: recipient(),
            amount: MicroUsdt::new(ORDERED),
        },
        fee_limit_sun: 20_000_000,
        ref_block: RefBlock::new(BlockId::of(50, &[3; 32])),
        expires_at_ms: NOW_MS + 300_000,
        timestamp_ms: NOW_MS + i64::from(number),
        memo: None,
        permission_id: 0,
    };
    let signed = Unsigned::build(&terms).unwrap().sign(&wallet()).unwrap();
    Attempt {
        number,
        txid: signed.txid(),
        raw_data: signed.raw_data().to_vec(),
        signature: signed.signature().as_bytes().to_vec(),
        owner: terms.owner,
        token: token(),
        contract: token(),
        route: Route::Transfer,
        ref_block: terms.ref_block,
        expires_at_ms: terms.expires_at_ms,
        fee_limit_sun: terms.fee_limit_sun,
        signed_at_ms: NOW_MS,
        outcome,
        block: seen_in.map(block),
    }
}

fn payout(stage: Stage, attempts: Vec<Attempt>) -> Payout {
    Payout {
        id: PayoutId::new(NOW_MS, [1; 10]),
        account: AccountId::house(),
        ordered_by: None,
        idempotency_key: IdempotencyKey::parse("order-1").unwrap(),
        request_digest: [0; 32],
        order: Order {
            recipient: recipient(),
            amount: MicroUsdt::new(ORDERED),
            route: Route::Transfer,
            reference: None,
            memo: None,
            kyc: None,
            not_before_ms: None,
            not_after_ms: None,
            priority: 0,
            metadata: BTreeMap::new(),
        },
        order_digest: [0; 32],
        stage,
        reason: None,
        reservation: Reservation::Settled,
        attempts,
        version: 5,
        created_at_ms: NOW_MS,
        updated_at_ms: NOW_MS,
        settled_at_ms: None,
    }
}

fn shown(attempt: &Attempt, in_block: u64, logs: &[TransferLog]) -> TransactionInfo {
    TransactionInfo {
        txid: attempt.txid,
        block_number: in_block,
        block_timestamp_ms: NOW_MS + 6_000,
        receipt: Receipt { result: Some(ContractResult::Success), ..Receipt::default() },
        logs: logs.iter().map(|log| log.to_log(token())).collect(),
        contract_address: Some(token()),
        ..TransactionInfo::default()
    }
}

fn moved(micro_usdt: u64) -> TransferLog {
    TransferLog { from: wallet().address(), to: recipient(), amount: Uint256::from(micro_usdt) }
}

fn paid(attempt: &Attempt, in_block: u64) -> TransactionInfo {
    shown(attempt, in_block, &[moved(ORDERED)])
}

fn reverted(attempt: &Attempt, in_block: u64) -> TransactionInfo {
    let receipt = Receipt { result: Some(ContractResult::Revert), ..Receipt::default() };
    TransactionInfo { result_failed: true, receipt, ..shown(attempt, in_block, &[]) }
}

/// Read up to block 200, ten minutes later.
fn found(payout: &Payout, shown: &[TransactionInfo]) -> Vec<Anomaly> {
    found_up_to(payout, shown, Sight { last_block: 200, last_timestamp_ms: NOW_MS + 600_000 })
}

fn found_up_to(payout: &Payout, shown: &[TransactionInfo], sight: Sight) -> Vec<Anomaly> {
    let shown: Vec<&TransactionInfo> = shown.iter().collect();
    let findings = differences(payout, &shown, sight);
    assert!(
        findings.iter().all(|finding| finding.payout_id == Some(payout.id) && !finding.detail.is_empty())
    );
    findings.into_iter().map(|finding| finding.anomaly).collect()
}

#[test]
fn what_agrees_is_left_alone() {
    let settled = attempt(1, AttemptOutcome::Settled, Some(100));
    assert_eq!(found(&payout(Stage::Settled, vec![settled.clone()]), &[paid(&settled, 100)]), []);
    let failed = attempt(1, AttemptOutcome::Failed, Some(100));
    assert_eq!(found(&payout(Stage::Failed, vec![failed.clone()]), &[reverted(&failed, 100)]), []);
    let on_its_way = attempt(1, AttemptOutcome::Pending, None);
    assert_eq!(found(&payout(Stage::Broadcast, vec![on_its_way.clone()]), &[paid(&on_its_way, 199)]), []);
    assert_eq!(found(&payout(Stage::Admitted, vec![]), &[]), []);
    let buried = attempt(1, AttemptOutcome::Expired, None);
    let again = attempt(2, AttemptOutcome::Settled, Some(150));
    assert_eq!(found(&payout(Stage::Settled, vec![buried, again.clone()]), &[paid(&again, 150)]), []);
}

/// F-P22: false-confirmed, by absence and by failure.
#[test]
fn settled_here_and_not_paid_there_is_false_confirmed() {
    let settled = attempt(1, AttemptOutcome::Settled, Some(100));
    let payout = payout(Stage::Settled, vec![settled.clone()]);
    assert_eq!(found(&payout, &[]), [Anomaly::FalseConfirmed]);
    assert_eq!(found(&payout, &[reverted(&settled, 100)]), [Anomaly::FalseConfirmed]);
    let nothing_moved = shown(&settled, 100, &[]);
    assert_eq!(found(&payout, &[nothing_moved]), [Anomaly::Mismatched, Anomaly::FalseConfirmed]);
}

/// The house goes on while it is compared: what it settled behind the last block that was read is not called false.
#[test]
fn what_was_settled_after_the_reading_is_not_false() {
    let payout = payout(Stage::Settled, vec![attempt(1, AttemptOutcome::Settled, Some(201))]);
    assert_eq!(found(&payout, &[]), []);
}

/// F-P22: paid short, overpaid, mismatched; a person's word on one of them ends it.
#[test]
fn what_arrived_otherwise_is_named_by_how_it_differs() {
    let ended = attempt(1, AttemptOutcome::Mismatched, Some(100));
    let open = payout(Stage::Mismatched, vec![ended.clone()]);
    let elsewhere = TransferLog { to: Address::from_evm([0xcc; 20]), ..moved(ORDERED) };
    let cases = [
        (moved(ORDERED - 1), Anomaly::PaidShort),
        (moved(ORDERED + 1), Anomaly::Overpaid),
        (elsewhere, Anomaly::Mismatched),
    ];
    for (log, anomaly) in cases {
        assert_eq!(found(&open, &[shown(&ended, 100, &[log])]), [anomaly]);
        let stages = [Stage::Settled, Stage::Failed];
        for stage in stages {
            let resolved = Payout { stage, reason: Some(Reason::Operator), ..open.clone() };
            assert_eq!(found(&resolved, &[shown(&ended, 100, &[log])]), [], "{stage:?}");
        }
    }
}

/// Somebody changed the order in the database after it was paid, or made the store settle what was paid otherwise.
#[test]
fn an_order_that_was_changed_after_it_was_paid_shows() {
    let settled = attempt(1, AttemptOutcome::Settled, Some(100));
    let mut payout = payout(Stage::Settled, vec![settled.clone()]);
    payout.order.amount = MicroUsdt::new(1);
    assert_eq!(found(&payout, &[paid(&settled, 100)]), [Anomaly::Mismatched]);
}

/// F-P22: dropped, but not before the watcher had its time to bury it.
#[test]
fn a_transfer_whose_time_is_long_over_and_that_stands_nowhere_is_dropped() {
    let live = attempt(1, AttemptOutcome::Pending, None);
    for stage in [Stage::Signed, Stage::Broadcast, Stage::Unknown] {
        let payout = payout(stage, vec![live.clone()]);
        let until = |ms| Sight { last_block: 200, last_timestamp_ms: live.expires_at_ms + ms };
        assert_eq!(found_up_to(&payout, &[], until(DROPPED_AFTER_MS)), []);
        assert_eq!(found_up_to(&payout, &[], until(DROPPED_AFTER_MS + 1)), [Anomaly::Dropped]);
    }
}

/// F-P22, F-N22: two transfers of one payout, or one transfer in two blocks.
#[test]
fn a_payout_that_was_paid_twice_is_found_whichever_way() {
    let (buried, settled) =
        (attempt(1, AttemptOutcome::Expired, None), attempt(2, AttemptOutcome::Settled, Some(150)));
    let payout = payout(Stage::Settled, vec![buried.clone(), settled.clone()]);
    let two_transfers = [paid(&buried, 120), paid(&settled, 150)];
    assert_eq!(found(&payout, &two_transfers), [Anomaly::DoublePaid, Anomaly::Unrecorded]);
    let twice_the_same = [paid(&settled, 150), paid(&settled, 151)];
    assert_eq!(found(&payout, &twice_the_same), [Anomaly::DoublePaid]);
}

/// The chain paid and the store says that it did not.
#[test]
fn a_payment_that_the_store_calls_failed_or_expired_is_unrecorded() {
    let cases = [
        (Stage::Failed, attempt(1, AttemptOutcome::Failed, Some(100))),
        (Stage::Admitted, attempt(1, AttemptOutcome::Expired, None)),
        (Stage::Cancelled, attempt(1, AttemptOutcome::Expired, None)),
    ];
    for (stage, attempt) in cases {
        assert_eq!(
            found(&payout(stage, vec![attempt.clone()]), &[paid(&attempt, 100)]),
            [Anomaly::Unrecorded]
        );
    }
}

#[test]
fn every_class_has_its_own_word() {
    for anomaly in Anomaly::ALL {
        assert_eq!(serde_json::to_value(anomaly).unwrap(), anomaly.word());
    }
}
