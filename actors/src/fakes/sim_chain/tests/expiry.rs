//! When a transaction is dead, and when it only looks dead.

use super::super::{Finality, Parameters, Settings};
use super::town::{A, Town};
use crate::domain::tron::BroadcastCode;

/// java-tron: E at the next slot is taken, a millisecond before is not; a day ahead is taken, a millisecond more is not.
#[test]
fn every_edge_of_the_expiration_is_as_recorded() {
    let mut town = Town::new();
    let someone = Town::someone("edge");
    let day = 86_400_000;
    let cases =
        [(-1, false), (0, false), (1, false), (2_999, false), (3_000, true), (day, true), (day + 1, false)];
    for (lifetime_ms, taken) in cases {
        // The head's timestamp is the present slot's, so a lifetime counts from the head here.
        let late = town.now_ms() - town.head().timestamp_ms.cast_signed();
        let written = town.pay_within(someone, 1, lifetime_ms - late);
        let wanted = if taken { BroadcastCode::Success } else { BroadcastCode::TransactionExpirationError };
        assert_eq!(town.send(A, &written), wanted, "{lifetime_ms}");
    }
}

/// The trap of the absence proof: the first block whose own timestamp is past E may still hold the transaction, because its parent's
/// was not.
#[test]
fn a_block_past_the_expiration_still_holds_the_transaction() {
    let mut town = Town::new();
    let written = town.pay_within(Town::someone("late"), 1, 4_000);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.order(r#"{"missed_slots":3}"#);
    town.blocks(4);
    let info = town.info(&written).unwrap();
    assert_eq!(i64::try_from(info.block_timestamp_ms).unwrap() - read_expiration(&written), 8_000);
    assert_eq!(
        town.send(A, &written),
        BroadcastCode::TransactionExpirationError,
        "the code never proves absence"
    );
}

fn read_expiration(written: &super::town::Written) -> i64 {
    super::town::read(written).expiration_ms
}

/// With getConsensusLogicOptimization a block refuses what expires before the slot after its parent, silently; without it, not.
#[test]
fn a_stricter_vote_leaves_a_transaction_out_silently() {
    for (optimized, included) in [(true, false), (false, true)] {
        let parameters = Parameters { consensus_logic_optimization: optimized, ..Parameters::default() };
        let mut town = Town::with(Settings { parameters, ..Settings::default() });
        let late = town.now_ms() - town.head().timestamp_ms.cast_signed();
        let written = town.pay_within(Town::someone("strict"), 1, 2_999 - late);
        town.chain.hand_to_producers(&written.bytes);
        town.blocks(1);
        assert_eq!(town.info(&written).is_some(), included, "optimization {optimized}");
    }
}

/// Time only moves forward: once a solid block is past E and the transaction is in none up to it, it never comes.
#[test]
fn after_a_solid_block_past_the_expiration_nothing_comes_any_more() {
    let mut town = Town::new();
    let written = town.pay_within(Town::someone("dead"), 5, 15_000);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.chain.withhold(written.txid, true);
    town.blocks(40);
    let solid_ms = town.chain.view(A, Finality::Solid).timestamp_ms().cast_signed();
    assert!(solid_ms >= read_expiration(&written), "dead by the chain's own time");
    town.chain.withhold(written.txid, false);
    town.chain.hand_to_producers(&written.bytes);
    town.blocks(40);
    assert_eq!(town.paid_to(Town::someone("dead")), 0);
}
