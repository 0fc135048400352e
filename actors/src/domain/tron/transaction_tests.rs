//! What a transfer may be made of, and what is not believed when it comes back from the file.

use super::*;
use crate::domain::tron::{BlockId, wire::put_number};
use proptest::prelude::*;

fn key(mark: u8) -> PrivateKey {
    PrivateKey::from_bytes(&[mark; 32]).unwrap()
}

fn terms() -> TransferTerms {
    TransferTerms {
        owner: key(7).address(),
        call: PayoutCall::Transfer {
            token: Address::from_evm([0xa6; 20]),
            recipient: Address::from_evm([2; 20]),
            amount: MicroUsdt::new(25_500_000),
        },
        fee_limit_sun: 30_000_000,
        ref_block: RefBlock::new(BlockId::of(74_171_171, &[9; 32])),
        expires_at_ms: 1_768_026_144_000,
        timestamp_ms: 1_768_026_084_098,
        memo: None,
        permission_id: 0,
    }
}

fn signed() -> SignedTransfer {
    Unsigned::build(&terms()).unwrap().sign(&key(7)).unwrap()
}

#[test]
fn the_same_terms_give_the_same_bytes_always() {
    assert_eq!(signed(), signed());
    let later = TransferTerms { timestamp_ms: terms().timestamp_ms + 1, ..terms() };
    assert_ne!(Unsigned::build(&later).unwrap().txid(), signed().txid());
}

#[test]
fn terms_that_make_no_transfer_are_refused() {
    let nothing =
        PayoutCall::Transfer { token: Address::ZERO, recipient: Address::ZERO, amount: MicroUsdt::ZERO };
    assert_eq!(Unsigned::build(&TransferTerms { call: nothing, ..terms() }), Err(BuildError::NothingToPay));
    let ref_block = RefBlock { number: 5, ..terms().ref_block };
    let refused = Unsigned::build(&TransferTerms { ref_block, ..terms() });
    assert_eq!(refused, Err(BuildError::RefBlock { number: 5, in_id: 74_171_171 }));
    assert_eq!(Unsigned::build(&TransferTerms { expires_at_ms: 0, ..terms() }), Err(BuildError::Time));
    let fee_limit_sun = u64::MAX;
    assert_eq!(
        Unsigned::build(&TransferTerms { fee_limit_sun, ..terms() }),
        Err(BuildError::FeeLimit(u64::MAX))
    );
    let memo = Some(vec![b'x'; TRANSACTION_BYTES_MAX]);
    assert!(matches!(Unsigned::build(&TransferTerms { memo, ..terms() }), Err(BuildError::TooLong(_))));
}

#[test]
fn another_accounts_key_signs_only_where_a_permission_may_allow_it() {
    let refused = Unsigned::build(&terms()).unwrap().sign(&key(8)).unwrap_err();
    assert_eq!(refused, SignError { key: key(8).address(), owner: key(7).address() });
    let delegated = TransferTerms { permission_id: 2, ..terms() };
    let signed = Unsigned::build(&delegated).unwrap().sign(&key(8)).unwrap();
    assert_eq!((signed.owner(), signed.signer()), (key(7).address(), key(8).address()));
    let restored = SignedTransfer::restore(signed.raw_data().to_vec(), *signed.signature());
    assert_eq!(restored, Ok(signed));
}

/// A file that was tampered with must not become a transfer again.
#[test]
fn what_comes_back_from_the_file_is_checked_against_its_signature() {
    let filed = signed();
    let restored = SignedTransfer::restore(filed.raw_data().to_vec(), *filed.signature());
    assert_eq!(restored.as_ref(), Ok(&filed));

    let richer = PayoutCall::Transfer {
        token: Address::from_evm([0xa6; 20]),
        recipient: Address::from_evm([3; 20]),
        amount: MicroUsdt::new(25_500_000),
    };
    let redirected = Unsigned::build(&TransferTerms { call: richer, ..terms() }).unwrap();
    let refused = SignedTransfer::restore(redirected.raw_data().to_vec(), *filed.signature());
    assert!(matches!(refused, Err(RestoreError::Signer { .. } | RestoreError::Signature(_))), "{refused:?}");
    assert!(matches!(
        SignedTransfer::restore(vec![1, 2, 3], *filed.signature()),
        Err(RestoreError::NotAPayout(_))
    ));
}

/// The txid is over the node's own writing of the bytes: only the canonical form is ours.
#[test]
fn raw_data_that_a_node_would_write_differently_are_no_payout() {
    let mut unknown = signed().raw_data().to_vec();
    put_number(&mut unknown, 99, 1);
    assert_eq!(DecodedTransfer::read(&unknown), Err(NotAPayout::NotCanonical));
    let mut repeated = signed().raw_data().to_vec();
    put_number(&mut repeated, 18, 30_000_000);
    assert_eq!(DecodedTransfer::read(&repeated), Err(NotAPayout::NotCanonical));
    let mut twice = raw_of(&terms()).unwrap();
    twice.contracts.push(twice.contracts[0].clone());
    assert_eq!(DecodedTransfer::read(&twice.encode()), Err(NotAPayout::OtherContract));
}

#[test]
fn a_call_that_sends_trx_or_does_not_pay_is_no_payout() {
    let with = |change: fn(&mut TriggerSmartContract)| {
        let mut raw = raw_of(&terms()).unwrap();
        let value = &mut raw.contracts[0].parameter.value;
        let mut trigger = TriggerSmartContract::decode(value, &mut Vec::new()).unwrap();
        change(&mut trigger);
        *value = trigger.encode();
        DecodedTransfer::read(&raw.encode()).unwrap_err()
    };
    assert_eq!(with(|trigger| trigger.call_value = 1), NotAPayout::SendsValue);
    assert_eq!(with(|trigger| trigger.owner_address[0] = 0xa0), NotAPayout::Field("owner_address"));
    assert_eq!(with(|trigger| trigger.data.push(0)), NotAPayout::Abi(AbiError::Trailing { extra: 1 }));
    let approve = |trigger: &mut TriggerSmartContract| {
        trigger.data = Call::Approve { spender: Address::ZERO, amount: Uint256::MAX }.encode();
    };
    assert_eq!(with(approve), NotAPayout::OtherCall);
    let too_much = |trigger: &mut TriggerSmartContract| {
        trigger.data = Call::Transfer { recipient: Address::ZERO, amount: Uint256::MAX }.encode();
    };
    assert_eq!(with(too_much), NotAPayout::AmountTooLarge);
}

fn any_call() -> impl Strategy<Value = PayoutCall> {
    let parts = (any::<[u8; 20]>(), any::<[u8; 20]>(), 1_u64.., any::<[u8; 32]>(), ".{0,60}");
    (parts, 0_u8..3, any::<u64>(), any::<[[u8; 32]; 3]>()).prop_map(
        |((contract, to, micro, session, reason), route, expiry_s, words)| {
            let (contract, recipient) = (Address::from_evm(contract), Address::from_evm(to));
            let (amount, session_id) = (MicroUsdt::new(micro), Hash32::new(session));
            let [hash, r, s] = words.map(Hash32::new);
            match route {
                0 => PayoutCall::Transfer { token: contract, recipient, amount },
                1 => PayoutCall::Disburse { router: contract, session_id, recipient, amount, reason },
                _ => {
                    let kyc = KycClearance { hash, expiry_s, v: 27, r, s };
                    PayoutCall::DisburseKyc { router: contract, session_id, recipient, amount, reason, kyc }
                }
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_built_is_read_back(
        call in any_call(), fee_limit_sun in 0..i64::MAX as u64, number in any::<u64>(), id in any::<[u8; 32]>(),
        expires_at_ms in 1..i64::MAX, timestamp_ms in 1..i64::MAX,
        memo in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..40)), permission_id in any::<u32>(),
    ) {
        let ref_block = RefBlock::new(BlockId::of(number, &id));
        let terms = TransferTerms { owner: key(7).address(), call, fee_limit_sun, ref_block, expires_at_ms, timestamp_ms, memo, permission_id };
        let signed = Unsigned::build(&terms).unwrap().sign(&key(7)).unwrap();
        let read = DecodedTransfer::read(signed.raw_data()).unwrap();
        prop_assert_eq!((read.owner, read.call, read.memo), (terms.owner, terms.call, terms.memo));
        prop_assert_eq!((read.fee_limit_sun, read.permission_id), (fee_limit_sun, permission_id));
        prop_assert_eq!((read.expires_at_ms, read.timestamp_ms), (expires_at_ms, timestamp_ms));
        prop_assert_eq!((read.ref_block_bytes, read.ref_block_hash), (ref_block.bytes(), ref_block.hash()));
        prop_assert_eq!(signed.bytes().len(), signed.len());
        prop_assert_eq!(SignedTransfer::restore(signed.raw_data().to_vec(), *signed.signature()), Ok(signed));
    }

    #[test]
    fn no_bytes_make_the_reader_fall_over(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = DecodedTransfer::read(&bytes);
    }
}
