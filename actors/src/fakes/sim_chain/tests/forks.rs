//! Forks: included is never paid.

use super::super::{ContractResult, Finality, genesis};
use super::town::{A, Town, sign};
use crate::domain::tron::BroadcastCode;

/// A fork of one to three blocks: the transaction is gone, back in the pool, and in a later block; it runs once.
#[test]
fn a_fork_gives_the_transaction_back_and_it_runs_once() {
    for blocks in 1..=3 {
        let mut town = Town::new();
        let to = Town::someone("forked");
        let written = town.pay(to, 5);
        town.chain.fork_in_ignorance(blocks, &[]);
        town.blocks(1);
        assert_eq!(town.send(A, &written), BroadcastCode::Success);
        town.blocks(1);
        let first = town.info(&written).unwrap();
        let given_up = town.chain.view(A, Finality::Head).block_by_num(first.block_number).unwrap().id;
        town.blocks(u64::from(2 * blocks - 1));
        assert_eq!(town.info(&written), None, "the branch that held it lost");
        assert_eq!(town.chain.view(A, Finality::Head).block_by_id(given_up), None);
        assert!(town.is_pending(A, &written));
        assert_eq!(town.send(A, &written), BroadcastCode::Success, "sent again at once it is no duplicate");
        town.blocks(1);
        let second = town.info(&written).unwrap();
        assert!(second.block_number > first.block_number);
        town.blocks(30);
        assert_eq!(town.paid_to(to), 5);
        assert_eq!(town.chain.book().transfers.len(), 1);
    }
}

/// The winning side knew a rival that spends the tokens: the same id turns from SUCCESS into REVERT.
#[test]
fn a_fork_turns_success_into_revert_because_a_rival_won() {
    let mut town = Town::new();
    let wallet = Town::wallet();
    let usdt = genesis().usdt;
    let everything = town.chain.settings().endowment.micro_usdt;
    let to = Town::someone("robbed");
    let written = town.pay(to, 5_000_000);
    let data = Town::usdt_data(genesis().stranger.address, everything);
    let rival = town.raw(Town::call(wallet.address, usdt, data), 300_000);
    let rival = sign(&rival, &[wallet.key().unwrap()]);
    town.chain.fork_in_ignorance(1, std::slice::from_ref(&rival.bytes));
    town.blocks(1);
    town.send(A, &written);
    town.blocks(1);
    assert_eq!(town.info(&written).unwrap().receipt.result, ContractResult::Success);
    town.blocks(2);
    let info = town.info(&written).unwrap();
    assert_eq!(info.receipt.result, ContractResult::Revert);
    assert!(info.receipt.logs.is_empty());
    assert_eq!(town.paid_to(to), 0);
    assert_eq!(town.paid_to(genesis().stranger.address), everything);
}

/// A short life in the lost block: it is gone for good, though its block was there.
#[test]
fn a_short_life_in_a_lost_block_is_over() {
    let mut town = Town::new();
    let written = town.pay_within(Town::someone("brief"), 5, 9_000);
    town.chain.fork_in_ignorance(2, &[]);
    town.blocks(1);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.blocks(1);
    assert!(town.info(&written).is_some());
    town.blocks(40);
    assert_eq!(town.info(&written), None);
    assert!(!town.is_pending(A, &written));
    assert_eq!(town.paid_to(Town::someone("brief")), 0);
}

/// A transaction that both sides knew stands in both branches, at different blocks, and is paid once.
#[test]
fn a_transaction_in_both_branches_is_paid_once() {
    let mut town = Town::new();
    let to = Town::someone("both");
    let written = town.pay(to, 5);
    town.send(A, &written);
    town.chain.withhold(written.txid, false);
    town.chain.fork_in_full_knowledge(1);
    town.order(r#"{"lag":{"by_ms":0}}"#);
    town.blocks(2);
    let before = town.info(&written).unwrap();
    let block_before = town.chain.view(A, Finality::Head).block_by_num(before.block_number).unwrap().id;
    town.blocks(1);
    let after = town.info(&written).unwrap();
    let block_after = town.chain.view(A, Finality::Head).block_by_num(after.block_number).unwrap().id;
    assert_ne!(block_before, block_after);
    assert_eq!(town.paid_to(to), 5);
}

/// A late node still shows the branch that was given up, for a while.
#[test]
fn two_nodes_can_stand_on_two_branches() {
    let mut town = Town::new();
    town.order(r#"{"node":1,"lag":{"by_ms":6000}}"#);
    town.blocks(4);
    let written = town.pay(Town::someone("seen from afar"), 5);
    town.chain.fork_in_ignorance(1, &[]);
    town.blocks(1);
    town.send(A, &written);
    town.blocks(2);
    assert_eq!(town.info(&written), None, "A has changed over");
    town.blocks(1);
    let seen_from_b = town.chain.view(super::town::B, Finality::Head).transaction_info_by_id(written.txid);
    assert!(seen_from_b.is_some(), "B has just heard of the block that is no more");
    town.blocks(6);
    assert_eq!(
        town.chain.view(A, Finality::Head).transaction_info_by_id(written.txid).map(|info| info.block_number),
        town.chain
            .view(super::town::B, Finality::Head)
            .transaction_info_by_id(written.txid)
            .map(|info| info.block_number)
    );
}

/// What is solid is never undone, by any fork that can be ordered.
#[test]
fn no_fork_reaches_what_is_solid() {
    let mut town = Town::new();
    let mut seen = Vec::new();
    for _ in 0..30 {
        town.chain.fork(8, &[]);
        town.blocks(7);
        let solid = town.chain.solid_number();
        let view = town.chain.view(A, Finality::Head);
        seen.push(view.block_by_num(solid).unwrap());
    }
    let view = town.chain.view(A, Finality::Head);
    for block in seen {
        assert_eq!(view.block_by_num(block.number).unwrap().id, block.id);
    }
}

/// Too few producers: blocks are made, nothing becomes solid; when they are back it does.
#[test]
fn the_chain_stops_solidifying_and_goes_on() {
    let mut town = Town::new();
    town.order(r#"{"stop_solidification":true}"#);
    town.blocks(60);
    let stuck = town.chain.solid_number();
    town.blocks(60);
    assert_eq!(town.chain.solid_number(), stuck);
    assert!(town.chain.head_number() > stuck + 40);
    town.order(r#"{"stop_solidification":false}"#);
    town.blocks(30);
    assert!(town.chain.solid_number() > stuck + 40);
}
