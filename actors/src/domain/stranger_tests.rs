//! A payout knows its own transfer again, and nobody else's.

use super::*;
use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::money::MicroUsdt;
use crate::domain::order::Order;
use crate::domain::payout::{Reservation, Stage};
use crate::domain::tron::{BlockId, ContractResult, PrivateKey, TransferTerms, Unsigned};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NOW_MS: i64 = 1_767_225_600_000;

fn wallet() -> PrivateKey {
    PrivateKey::from_bytes(&[7; 32]).unwrap()
}

fn token() -> Address {
    Address::from_evm([0xaa; 20])
}

fn marks(store_id: &str) -> MarkMaker {
    MarkMaker::new(wallet().derive_key(FINGERPRINT_PURPOSE), store_id)
}

fn payout(key: &str, micro_usdt: u64) -> Payout {
    Payout {
        id: PayoutId::new(NOW_MS, [1; 10]),
        account: AccountId::house(),
        ordered_by: None,
        idempotency_key: IdempotencyKey::parse(key).unwrap(),
        request_digest: [0; 32],
        order: Order {
            recipient: Address::from_evm([0xbb; 20]),
            amount: MicroUsdt::new(micro_usdt),
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
        stage: Stage::Admitted,
        reason: None,
        reservation: Reservation::Reserved,
        attempts: Vec::new(),
        version: 1,
        created_at_ms: NOW_MS,
        updated_at_ms: NOW_MS,
        settled_at_ms: None,
    }
}

fn ref_block() -> RefBlock {
    RefBlock::new(BlockId::of(70_000, &[3; 32]))
}

/// What a store that is lost signed for a payout.
fn signed(payout: &Payout, marks: &MarkMaker, attempt: u32) -> SignedTransfer {
    let mark = marks.mark(payout, attempt);
    let call = PayoutCall::Transfer {
        token: token(),
        recipient: payout.order.recipient,
        amount: payout.order.amount,
    };
    let terms = TransferTerms {
        owner: wallet().address(),
        call,
        fee_limit_sun: mark.fee_limit_sun(20_000_000),
        ref_block: ref_block(),
        expires_at_ms: NOW_MS + 300_000,
        timestamp_ms: mark.timestamp_ms(NOW_MS),
        memo: None,
        permission_id: 0,
    };
    Unsigned::build(&terms).unwrap().sign(&wallet()).unwrap()
}

fn in_block(transfer: &SignedTransfer, padding: usize) -> BlockTransaction {
    let mut signature = transfer.signature().as_bytes().to_vec();
    signature.extend(vec![0; padding]);
    BlockTransaction::with_result(transfer.raw_data().to_vec(), vec![signature], ContractResult::Success)
}

fn stranger(transfer: &SignedTransfer) -> Stranger {
    let own = OwnTransfer::of(&in_block(transfer, 0), wallet().address(), token()).unwrap();
    let block = BlockRef { number: 70_100, id: BlockId::of(70_100, &[4; 32]) };
    own.into_stranger(ref_block(), block, NOW_MS + 900_000).unwrap()
}

fn kin(stranger: &Stranger, payout: &Payout, store_id: &str) -> Result<Kin, NotKin> {
    stranger.kin_of(payout, &marks(store_id), wallet().address(), token())
}

/// F-N24: a store that has forgotten the transfer knows it again by its mark, whichever attempt it was.
#[test]
fn a_payout_knows_its_own_transfer_again_even_a_later_attempt() {
    let payout = payout("order-1", 25_500_000);
    for attempt in [1, 2, ATTEMPTS_AHEAD] {
        let transfer = signed(&payout, &marks("store"), attempt);
        let Kin { attempt: adopted, marked_as } = kin(&stranger(&transfer), &payout, "store").unwrap();
        assert_eq!((adopted.number, marked_as), (1, attempt));
        assert_eq!((adopted.txid, adopted.expires_at_ms), (transfer.txid(), NOW_MS + 300_000));
        assert_eq!(
            (adopted.owner, adopted.contract, adopted.ref_block),
            (wallet().address(), token(), ref_block())
        );
        assert_eq!(adopted.outcome, AttemptOutcome::Pending);
    }
}

/// F-N24: an order that comes again after the restore has a new id and the old mark.
#[test]
fn an_order_that_is_delivered_again_is_known_by_its_key() {
    let first = payout("order-1", 25_500_000);
    let again = Payout { id: PayoutId::new(NOW_MS + 1, [9; 10]), ..first.clone() };
    assert!(kin(&stranger(&signed(&first, &marks("store"), 1)), &again, "store").is_ok());
}

#[test]
fn another_orders_or_another_stores_transfer_is_not_taken() {
    let payout = payout("order-1", 25_500_000);
    let other_key = self::payout("order-2", 25_500_000);
    assert_eq!(
        kin(&stranger(&signed(&other_key, &marks("store"), 1)), &payout, "store"),
        Err(NotKin::OtherMark)
    );
    assert_eq!(
        kin(&stranger(&signed(&payout, &marks("other"), 1)), &payout, "store"),
        Err(NotKin::OtherMark)
    );
    let far = signed(&payout, &marks("store"), ATTEMPTS_AHEAD + 1);
    assert_eq!(kin(&stranger(&far), &payout, "store"), Err(NotKin::OtherMark));
}

/// The same key with another amount after the restore: neither adopted nor, by whoever asks, signed.
#[test]
fn the_mark_on_another_amount_is_put_before_a_person() {
    let before = payout("order-1", 25_500_000);
    let now = payout("order-1", 26_000_000);
    let refused = kin(&stranger(&signed(&before, &marks("store"), 1)), &now, "store").unwrap_err();
    assert!(refused.to_string().contains("pays 25.5 USDT to"), "{refused}");
}

/// A row in the database is no proof: without the wallet's signature under those bytes nothing is adopted.
#[test]
fn a_row_that_somebody_wrote_into_the_database_is_not_believed() {
    let payout = payout("order-1", 25_500_000);
    let honest = stranger(&signed(&payout, &marks("store"), 1));
    let thief = PrivateKey::from_bytes(&[8; 32]).unwrap();
    let forged =
        Stranger { signature: thief.sign(honest.txid.as_bytes()).as_bytes().to_vec(), ..honest.clone() };
    assert_eq!(kin(&forged, &payout, "store"), Err(NotKin::NotOurs));
    let renamed = Stranger { txid: TxId::new([1; 32]), ..honest.clone() };
    assert_eq!(kin(&renamed, &payout, "store"), Err(NotKin::NotOurs));
    let other_wallet = honest.kin_of(&payout, &marks("store"), thief.address(), token());
    assert_eq!(other_wallet, Err(NotKin::NotOurs));
}

/// F-N21: a relay's padding behind the signature does not make a transfer unknown.
#[test]
fn a_padded_signature_is_read_by_its_first_65_bytes() {
    let transfer = signed(&payout("order-1", 1), &marks("store"), 1);
    let own = OwnTransfer::of(&in_block(&transfer, 5_000), wallet().address(), token()).unwrap();
    assert_eq!(own.signed, transfer);
}

#[test]
fn what_the_wallet_did_not_sign_or_what_moves_no_usdt_is_nobodys() {
    let transfer = signed(&payout("order-1", 1), &marks("store"), 1);
    let other_token = Address::from_evm([0xcc; 20]);
    assert_eq!(OwnTransfer::of(&in_block(&transfer, 0), wallet().address(), other_token), None);
    assert_eq!(OwnTransfer::of(&in_block(&transfer, 0), other_token, token()), None);
    let unsigned =
        BlockTransaction::with_result(transfer.raw_data().to_vec(), vec![], ContractResult::Success);
    assert_eq!(OwnTransfer::of(&unsigned, wallet().address(), token()), None);
}

proptest! {
    /// TAPOS (G6): the reference block is among the last 65 536, and its low 16 bits find it.
    #[test]
    fn the_reference_block_is_found_by_its_low_bits(number in 0_u64..90_000_000, ahead in 1_u64..=65_536) {
        let transfer = signed(&payout("order-1", 1), &marks("store"), 1);
        let mut own = OwnTransfer::of(&in_block(&transfer, 0), wallet().address(), token()).unwrap();
        own.read.ref_block_bytes = RefBlock::new(BlockId::of(number, &[0; 32])).bytes();
        prop_assert_eq!(own.ref_block_number(number + ahead), number);
    }
}
