//! Stories of the rules: whatever is asked in whatever order, no rule of a payout breaks.

use super::*;
use crate::domain::address::Address;
use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::invariants;
use crate::domain::journal::Cause;
use crate::domain::money::MicroUsdt;
use crate::domain::order::{Order, Route};
use crate::domain::tron::{BlockId, RefBlock, TxId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const AMOUNT: MicroUsdt = MicroUsdt::new(25_500_000);
const REF: u64 = 100;
const EXPIRES_MS: i64 = 1_000_000;

fn block(number: u64) -> BlockRef {
    BlockRef { number, id: BlockId::of(number, &[number as u8; 32]) }
}

fn attempt(number: u32) -> Attempt {
    let raw_data = vec![number as u8; 4];
    Attempt {
        number,
        txid: TxId::of_raw_data(&raw_data),
        raw_data,
        signature: vec![1; 65],
        owner: Address::from_evm([1; 20]),
        token: Address::from_evm([2; 20]),
        contract: Address::from_evm([2; 20]),
        route: Route::Transfer,
        ref_block: RefBlock::new(block(REF).id),
        expires_at_ms: EXPIRES_MS,
        fee_limit_sun: 15_000_000,
        signed_at_ms: 0,
        outcome: AttemptOutcome::Pending,
        block: None,
    }
}

fn new_payout() -> Payout {
    let order = Order {
        recipient: Address::from_evm([7; 20]),
        amount: AMOUNT,
        route: Route::Transfer,
        reference: None,
        memo: None,
        kyc: None,
        not_before_ms: Some(10),
        not_after_ms: Some(500),
        priority: 0,
        metadata: BTreeMap::new(),
    };
    Payout {
        id: PayoutId::new(0, [0; 10]),
        account: AccountId::house(),
        ordered_by: None,
        idempotency_key: IdempotencyKey::restored("k".to_owned()),
        request_digest: [0; 32],
        order,
        order_digest: [0; 32],
        stage: Stage::Admitted,
        reason: None,
        reservation: Reservation::None,
        attempts: Vec::new(),
        version: 0,
        created_at_ms: 0,
        updated_at_ms: 0,
        settled_at_ms: None,
    }
}

fn admitted() -> Payout {
    apply(new_payout(), &Event::PayoutAdmitted, 0).unwrap()
}

fn after(payout: Payout, commands: impl IntoIterator<Item = Command>) -> Payout {
    commands.into_iter().fold(payout, |payout, command| {
        let event = decide(&payout, command, 20).unwrap();
        apply(payout, &event, 20).unwrap()
    })
}

fn sign(number: u32) -> Command {
    Command::Sign(Box::new(attempt(number)))
}

fn absence(number: u32) -> AbsenceProof {
    AbsenceProof {
        txid: attempt(number).txid,
        from: block(REF),
        to: block(REF + 100),
        to_timestamp_ms: EXPIRES_MS,
        sources: 2,
    }
}

fn settlement(number: u32) -> Settlement {
    Settlement {
        txid: attempt(number).txid,
        block: block(REF + 5),
        block_timestamp_ms: 1,
        amount_micro_usdt: AMOUNT.micro(),
        confirmations: CONFIRMATIONS_FLOOR,
        fee_sun: 1,
        energy: 1,
        sources: vec!["a".to_owned(), "b".to_owned()],
    }
}

fn refusal(payout: &Payout, command: Command) -> Refusal {
    decide(payout, command, 20).unwrap_err()
}

/// F-P03: two transfers that may both enter a block would both pay.
#[test]
fn a_second_transfer_is_not_signed_while_the_first_may_live() {
    let signed = after(admitted(), [sign(1)]);
    let alive = Refusal::TransferStillAlive(attempt(1).txid);
    for payout in [
        signed.clone(),
        after(signed.clone(), [Command::NoteBroadcast { nodes: 2 }]),
        after(signed.clone(), [Command::NoteInclusion(block(REF + 5))]),
        after(signed.clone(), [Command::NoteUnknown(Reason::ChainSilent)]),
        after(signed.clone(), [Command::Settle(Box::new(settlement(1)))]),
    ] {
        assert_eq!(refusal(&payout, sign(2)), alive, "{}", payout.stage.word());
        assert_eq!(refusal(&payout, Command::Adopt(Box::new(attempt(2)))), alive);
    }
    let free = after(signed, [Command::Expire(absence(1))]);
    assert_eq!(refusal(&free, sign(1)), Refusal::WrongAttempt { given: 1, expected: 2 });
    assert_eq!(after(free, [sign(2)]).stage, Stage::Signed);
}

/// F-P03: each end of the walk that a proof of absence tells of.
#[test]
fn a_proof_of_absence_that_proves_something_else_buries_nobody() {
    let signed = after(admitted(), [sign(1)]);
    let good = absence(1);
    let wrong = [
        AbsenceProof { txid: attempt(2).txid, ..good.clone() },
        AbsenceProof { from: block(REF + 1), ..good.clone() },
        AbsenceProof { to_timestamp_ms: EXPIRES_MS - 1, ..good.clone() },
        AbsenceProof { to: block(REF), ..good.clone() },
        AbsenceProof { sources: 0, ..good.clone() },
    ];
    for proof in wrong {
        assert!(decide(&signed, Command::Expire(proof.clone()), 20).is_err(), "{proof:?}");
    }
    let included = after(signed.clone(), [Command::NoteInclusion(block(REF + 5))]);
    assert!(decide(&included, Command::Expire(good.clone()), 20).is_err());
    assert_eq!(after(signed, [Command::Expire(good)]).stage, Stage::Admitted);
}

/// F004-21: settled means the ordered amount, 19 confirmations and somebody who saw it.
#[test]
fn a_settlement_that_proves_something_else_settles_nothing() {
    let signed = after(admitted(), [sign(1)]);
    let good = settlement(1);
    let wrong = [
        Settlement { txid: attempt(2).txid, ..good.clone() },
        Settlement { amount_micro_usdt: AMOUNT.micro() - 1, ..good.clone() },
        Settlement { amount_micro_usdt: AMOUNT.micro() + 1, ..good.clone() },
        Settlement { confirmations: CONFIRMATIONS_FLOOR - 1, ..good.clone() },
        Settlement { sources: Vec::new(), ..good.clone() },
    ];
    for proof in wrong {
        assert!(decide(&signed, Command::Settle(Box::new(proof.clone())), 20).is_err(), "{proof:?}");
    }
    let settled = after(signed, [Command::Settle(Box::new(good))]);
    assert_eq!((settled.stage, settled.reservation), (Stage::Settled, Reservation::Settled));
}

/// What the watcher has to say about a transfer that is no longer the live one changes nothing.
#[test]
fn late_news_of_a_buried_transfer_is_refused() {
    let second = after(admitted(), [sign(1), Command::Expire(absence(1)), sign(2)]);
    let late = Refusal::OtherTransfer { given: attempt(1).txid };
    assert_eq!(refusal(&second, Command::Settle(Box::new(settlement(1)))), late);
    assert_eq!(refusal(&second, Command::Expire(absence(1))), late);
    let fail = Command::Fail { txid: attempt(1).txid, reason: Reason::Reverted, block: block(1), fee_sun: 1 };
    assert_eq!(refusal(&second, fail), late);
}

/// `not_before` and `not_after` are asked at the last moment, by the moment of signing.
#[test]
fn nothing_is_signed_outside_of_its_window() {
    let payout = admitted();
    for (now_ms, may) in [(9, false), (10, true), (499, true), (500, false)] {
        assert_eq!(decide(&payout, sign(1), now_ms).is_ok(), may, "{now_ms}");
    }
    let held = apply(new_payout(), &Event::PayoutHeld { reason: Reason::LimitDaily }, 0).unwrap();
    assert!(decide(&held, sign(1), 20).is_err());
}

/// A step that was taken already is told from one that can not be taken.
#[test]
fn the_same_news_twice_is_no_news() {
    let at = block(REF + 5);
    let broadcast = after(admitted(), [sign(1), Command::NoteBroadcast { nodes: 1 }]);
    assert_eq!(refusal(&broadcast, Command::NoteBroadcast { nodes: 1 }), Refusal::AlreadyDone);
    let included = after(broadcast.clone(), [Command::NoteInclusion(at)]);
    assert_eq!(refusal(&included, Command::NoteInclusion(at)), Refusal::AlreadyDone);
    assert_eq!(refusal(&included, Command::NoteInclusionLost(block(REF + 6))), Refusal::AlreadyDone);
    let unknown = after(broadcast, [Command::NoteUnknown(Reason::ChainSilent)]);
    assert_eq!(refusal(&unknown, Command::NoteUnknown(Reason::ChainSilent)), Refusal::AlreadyDone);
    assert_eq!(after(unknown, [Command::NoteUnknown(Reason::AbsenceUnproven)]).stage, Stage::Unknown);
}

fn any_block() -> impl Strategy<Value = BlockRef> {
    (REF..REF + 3).prop_map(block)
}

fn any_reason() -> impl Strategy<Value = Reason> {
    prop::sample::select(Reason::ALL.to_vec())
}

fn any_command() -> impl Strategy<Value = Command> {
    let number = || 1u32..4;
    prop_oneof![
        2 => any_reason().prop_map(Command::Hold),
        2 => Just(Command::Release { by: "room".to_owned() }),
        1 => Just(Command::Reject { note: "no".to_owned() }),
        1 => any_reason().prop_map(Command::Cancel),
        6 => number().prop_map(sign),
        1 => number().prop_map(|n| Command::Adopt(Box::new(attempt(n)))),
        3 => (1u32..4).prop_map(|nodes| Command::NoteBroadcast { nodes }),
        3 => any_block().prop_map(Command::NoteInclusion),
        3 => any_block().prop_map(Command::NoteInclusionLost),
        2 => any_reason().prop_map(Command::NoteUnknown),
        4 => (number(), 0..2i64).prop_map(|(n, short)| {
            Command::Expire(AbsenceProof { to_timestamp_ms: EXPIRES_MS - short, ..absence(n) })
        }),
        1 => (number(), 0..2u64).prop_map(|(n, short)| {
            let amount_micro_usdt = AMOUNT.micro() - short;
            Command::Settle(Box::new(Settlement { amount_micro_usdt, ..settlement(n) }))
        }),
        1 => (number(), any_reason(), any_block()).prop_map(|(n, reason, block)| {
            Command::Fail { txid: attempt(n).txid, reason, block, fee_sun: 1 }
        }),
        1 => (number(), any_reason(), any_block()).prop_map(|(n, reason, block)| {
            Command::Mismatch { txid: attempt(n).txid, reason, block, paid: None }
        }),
        2 => any::<bool>().prop_map(|paid| Command::Resolve { paid, note: "seen".to_owned() }),
    ]
}

/// The sums of a payout's journal: available, reserved, settled.
fn post(books: &mut [i64; 3], before: Reservation, after: Reservation) {
    for Posting { ledger, delta_micro_usdt } in postings(before, after, AMOUNT.micro()) {
        let place = ["available", "reserved", "settled"].iter().position(|name| *name == ledger).unwrap();
        books[place] += delta_micro_usdt;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// F-P03, F002-03, F-P05: whatever is asked in whatever order: what the rules allow can be carried out, breaks no
    /// invariant, moves the version by one, leaves history as it was, and moves money once.
    #[test]
    fn no_order_of_commands_breaks_an_invariant(
        held_at_the_door in any::<bool>(),
        commands in prop::collection::vec((any_command(), 0i64..600), 1..60),
    ) {
        let birth = if held_at_the_door { Event::PayoutHeld { reason: Reason::LimitHourly } } else { Event::PayoutAdmitted };
        let mut payout = apply(new_payout(), &birth, 0).unwrap();
        let mut books = [0; 3];
        post(&mut books, Reservation::None, payout.reservation);
        for (command, now_ms) in commands {
            let Ok(event) = decide(&payout, command, now_ms) else { continue };
            let before = payout.clone();
            prop_assert!(!before.stage.is_final(), "{} is final, and took {}", before.stage.word(), event.name().word());
            payout = apply(payout, &event, now_ms).unwrap();
            prop_assert_eq!(invariants::broken_by(&payout), None);
            prop_assert_eq!(payout.version, before.version + 1);
            prop_assert!(payout.updated_at_ms >= before.updated_at_ms);
            for (now, then) in payout.attempts.iter().zip(&before.attempts) {
                prop_assert_eq!((&now.raw_data, now.txid), (&then.raw_data, then.txid));
                prop_assert!(then.outcome == AttemptOutcome::Pending || now == then);
            }
            prop_assert!(payout.attempts.len() >= before.attempts.len());
            post(&mut books, before.reservation, payout.reservation);
            let amount = AMOUNT.micro() as i64;
            let expected = match payout.reservation {
                Reservation::None | Reservation::Released => [0, 0, 0],
                Reservation::Reserved => [-amount, amount, 0],
                Reservation::Settled => [-amount, 0, amount],
            };
            prop_assert_eq!(books, expected);
            prop_assert!(journal_draft(Some(before.standing()), &payout, &event, &Cause::nobody()).is_ok());
        }
    }
}
