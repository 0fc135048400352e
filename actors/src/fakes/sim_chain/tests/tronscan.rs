//! TronScan: late, and sometimes wrong.

use super::super::{Answer, Lost, TransferFilter, genesis};
use super::town::{A, Town};

fn outgoing() -> TransferFilter {
    TransferFilter {
        token: Some(genesis().usdt),
        from: Some(Town::wallet().address),
        limit: 50,
        ..TransferFilter::default()
    }
}

/// The index knows a transfer some seconds after the nodes, and takes it for confirmed when 19 have built on it.
#[test]
fn the_index_lags_and_confirms_late() {
    let mut town = Town::new();
    let written = town.pay(Town::someone("indexed"), 5);
    town.send(A, &written);
    town.blocks(1);
    assert!(town.info(&written).is_some());
    assert_eq!(town.chain.tronscan().transaction_info(written.txid), None);
    assert_eq!(town.chain.tronscan().transfers(&outgoing()).total, 0);
    town.blocks(1);
    let row = town.chain.tronscan().transaction_info(written.txid).unwrap();
    assert!(!row.confirmed);
    assert_eq!(row.transfers[0].amount, 5);
    town.blocks(22);
    let row = town.chain.tronscan().transaction_info(written.txid).unwrap();
    assert!(row.confirmed);
    assert_eq!(row.confirmed_by.len(), 19);
    assert!(town.chain.tronscan().transfers(&outgoing()).transfers[0].confirmed);
}

/// It says confirmed when it is not.
#[test]
fn the_index_lies_about_finality() {
    let mut town = Town::new();
    let written = town.pay(Town::someone("indexed"), 5);
    town.send(A, &written);
    town.blocks(2);
    town.order(r#"{"tronscan":{"lies_confirmed":true}}"#);
    assert!(town.chain.tronscan().transaction_info(written.txid).unwrap().confirmed);
    assert!(town.solid_info(&written).is_none());
}

/// Statuses as ordered, then answers again.
#[test]
fn the_index_is_away_for_as_long_as_ordered() {
    let mut town = Town::new();
    town.order(r#"{"tronscan":{"status":429,"times":2}}"#);
    for _ in 0..2 {
        let answer = town.chain.ask_tronscan(|index| index.head());
        assert_eq!(answer, Answer::Lost(Lost::Status { code: 429, retry_after_s: Some(2) }));
    }
    assert!(town.chain.ask_tronscan(|index| index.head()).reply().is_some());
}

/// Pages of at most 50, newest first, with nothing twice and nothing missing.
#[test]
fn pages_hold_every_transfer_once() {
    let mut town = Town::new();
    for payment in 0..120 {
        let written = town.pay(Town::someone(&format!("payee {payment}")), 1 + payment);
        town.send(A, &written);
        if payment % 10 == 0 {
            town.blocks(1);
        }
    }
    town.blocks(3);
    let mut amounts = Vec::new();
    for start in [0, 50, 100, 150] {
        let page = town.chain.tronscan().transfers(&TransferFilter { start, limit: 500, ..outgoing() });
        assert_eq!(page.total, 120);
        amounts.extend(page.transfers.iter().map(|row| row.amount));
    }
    assert_eq!(amounts, (1..=120).rev().collect::<Vec<_>>());
    let first = town.chain.tronscan().transfers(&outgoing()).transfers[0].clone();
    let of_block = TransferFilter { block: Some(first.block), ..outgoing() };
    assert!(town.chain.tronscan().transfers(&of_block).transfers.iter().all(|row| row.block == first.block));
    let since = TransferFilter { since_ms: Some(first.timestamp_ms), ..outgoing() };
    let found = town.chain.tronscan().transfers(&since).total;
    assert!(found > 0 && found < 120, "{found}");
}
