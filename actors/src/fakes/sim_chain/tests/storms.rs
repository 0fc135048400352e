//! Storms: repeatable by their seed, and bounded.

use std::collections::BTreeMap;

use super::super::{Answer, Settings};
use super::town::{A, B, Town, Written};
use crate::domain::address::Address;

fn storm(seed: u64) -> Town {
    let mut town = Town::with(Settings { block_ms: 200, ..Settings::default() });
    town.order(&format!(r#"{{"weather":"stormy","seed":{seed}}}"#));
    town
}

/// Pays the way a careful sender does: the same bytes to both nodes every five seconds, new bytes only when the old are dead by a solid
/// block past their end. How long until all are solid, in milliseconds.
fn settle_all(town: &mut Town, payees: &[Address]) -> u64 {
    let begun_ms = town.chain.now_ms();
    let mut attempts: BTreeMap<Address, Vec<Written>> = BTreeMap::new();
    let mut open: Vec<Address> = payees.to_vec();
    let mut round = 0;
    while !open.is_empty() {
        assert!(town.chain.now_ms() < begun_ms + 120_000, "{} are open", open.len());
        let solid_ms = town.chain.view(A, super::super::Finality::Solid).timestamp_ms().cast_signed();
        for payee in &open {
            let mine = attempts.entry(*payee).or_default();
            let dead = mine.iter().all(|old| super::town::read(old).expiration_ms <= solid_ms);
            if dead {
                mine.push(town.pay_within(*payee, 7, 15_000));
            }
            if dead || round % 25 == 0 {
                for node in [A, B] {
                    let _: Answer<_> = town.chain.broadcast(node, &mine[mine.len() - 1].bytes);
                }
            }
        }
        town.blocks(1);
        round += 1;
        let book = town.chain.book();
        open.retain(|payee| !book.transfers.iter().any(|row| row.to == *payee && row.solid));
    }
    town.chain.now_ms() - begun_ms
}

/// F-N03: the same seed, the same storm, to the byte.
#[test]
fn a_storm_is_repeated_by_its_seed() {
    let run = |seed| {
        let mut town = storm(seed);
        let payees: Vec<_> = (0..10).map(|payee| Town::someone(&format!("payee {payee}"))).collect();
        settle_all(&mut town, &payees);
        town.chain.save().unwrap()
    };
    assert!(run(7) == run(7));
    assert!(run(7) != run(8));
}

/// F-N01: whatever the seed, a careful sender with lifetimes of 15 s has everything settled within 60 s, each payee once.
#[test]
fn every_storm_lets_a_careful_sender_settle_in_time() {
    for seed in 0..40 {
        let mut town = storm(seed);
        let payees: Vec<_> = (0..25).map(|payee| Town::someone(&format!("payee {payee}"))).collect();
        let took_ms = settle_all(&mut town, &payees);
        assert!(took_ms <= 60_000, "seed {seed} took {took_ms} ms");
        for payee in payees {
            assert_eq!(town.paid_to(payee), 7, "seed {seed}");
        }
    }
}

/// Everything is in a storm: over some seeds each kind of trouble is met. Executions do not fail in it.
#[test]
fn a_storm_has_everything_but_failures() {
    use super::super::{ContractResult, Lost};
    let mut met = BTreeMap::<String, u32>::new();
    let mut padded = 0;
    for seed in 0..10 {
        let mut town = storm(seed);
        for payment in 0..100 {
            let written = town.pay_within(Town::someone(&format!("{seed} {payment}")), 7, 15_000);
            let answer = match town.chain.broadcast(A, &written.bytes) {
                Answer::Reply(Ok(reply)) => reply.code.name().to_owned(),
                Answer::Lost(Lost::Status { code, .. }) => format!("status {code}"),
                Answer::Lost(lost) => format!("{lost:?}"),
                other => format!("{other:?}"),
            };
            *met.entry(answer).or_default() += 1;
            town.blocks(1);
            let head = town.head();
            assert!(head.transactions.iter().all(|found| found.contract_ret == ContractResult::Success));
            padded += head.transactions.iter().filter(|found| found.bytes.len() > 700).count();
        }
    }
    for trouble in [
        "SUCCESS",
        "TAPOS_ERROR",
        "DUP_TRANSACTION_ERROR",
        "SERVER_BUSY",
        "HangsUp",
        "TimesOut",
        "Html",
        "HalfJson",
    ] {
        assert!(met.contains_key(trouble), "{trouble} is missing from {met:?}");
    }
    assert!(padded > 20, "{padded}");
}
