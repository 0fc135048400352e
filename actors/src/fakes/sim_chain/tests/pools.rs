//! Nodes forget, nodes do not tell each other twice, and a duplicate is no proof of anything.

use super::super::{Finality, NodeSettings, Settings};
use super::town::{A, B, Town, read, sign};
use crate::domain::tron::{BroadcastCode, PrivateKey};

/// A pending transaction looks exactly like an included one: SUCCESS from the pre-run, and no block number to tell.
#[test]
fn a_pending_transaction_is_shown_as_if_it_had_succeeded() {
    let mut town = Town::new();
    let written = town.pay(Town::someone("eager"), 5);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    let shown = town.chain.view(A, Finality::Head).transaction_by_id(written.txid).unwrap();
    assert_eq!(shown.contract_ret.word(), "SUCCESS");
    assert_eq!(town.info(&written), None);
    assert_eq!(town.chain.view(A, Finality::Solid).transaction_by_id(written.txid), None);
    town.blocks(1);
    let included = town.chain.view(A, Finality::Head).transaction_by_id(written.txid).unwrap();
    assert_eq!(shown, included, "byte for byte the same after inclusion");
}

/// F-N02: dropped at the first block 60 s after acceptance, silently; sent again it is in the pool and nobody is told.
#[test]
fn a_node_drops_what_waits_for_a_minute_and_tells_nobody_twice() {
    let mut town = Town::new();
    let written = town.pay(Town::someone("waiting"), 5);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.chain.withhold(written.txid, true);
    town.seconds(59);
    assert!(town.is_pending(A, &written));
    town.seconds(2);
    assert!(!town.is_pending(A, &written));
    let (code, words) = town.reply(A, &written);
    assert_eq!(
        (code, words.as_str()),
        (BroadcastCode::NotEnoughEffectiveConnection, "P2P broadcast failed.")
    );
    assert!(town.is_pending(A, &written), "it is in that one pool all the same");
    assert_eq!(town.send(A, &written), BroadcastCode::DupTransactionError);
    town.chain.withhold(written.txid, false);
    town.blocks(5);
    assert_eq!(town.info(&written), None, "the producers were not told again");
}

/// Without blocks nothing is dropped, however long.
#[test]
fn a_node_without_blocks_keeps_everything() {
    let mut town = Town::new();
    let written = town.pay(Town::someone("patient"), 5);
    town.order(r#"{"pause_blocks":true}"#);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.seconds(150);
    assert!(town.is_pending(A, &written));
    assert_eq!(town.send(A, &written), BroadcastCode::DupTransactionError);
}

/// Pending until a block's timestamp reaches E, then gone.
#[test]
fn a_short_life_ends_at_the_first_block_at_or_past_its_end() {
    let mut town = Town::new();
    let written = town.pay_within(Town::someone("short"), 5, 9_000);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    town.chain.withhold(written.txid, true);
    town.blocks(2);
    assert!(town.is_pending(A, &written));
    town.blocks(2);
    assert!(!town.is_pending(A, &written));
}

/// F-N02: a node with the id cache on says DUP for what it refused, though it never took it.
#[test]
fn a_refused_transaction_is_a_duplicate_at_the_second_try() {
    let cached = NodeSettings { transaction_cache: true, ..NodeSettings::default() };
    let mut town =
        Town::with(Settings { nodes: vec![cached, NodeSettings::default()], ..Settings::default() });
    let wallet = Town::wallet();
    let mut raw = town.raw(Town::call(wallet.address, super::super::genesis().usdt, Vec::new()), 300_000);
    raw.ref_block_hash = vec![7; 8];
    let written = sign(&raw, &[wallet.key().unwrap()]);
    assert_eq!(town.reply(A, &written), (BroadcastCode::TaposError, "Tapos check error.".into()));
    assert_eq!(
        town.reply(A, &written),
        (BroadcastCode::DupTransactionError, "Transaction already exists.".into())
    );
    assert_eq!(town.send(B, &written), BroadcastCode::TaposError, "without the cache it is refused again");
    assert_eq!(town.send(B, &written), BroadcastCode::TaposError);
}

/// Whoever saw the raw bytes can poison a cached node with a broken signature; the good one goes in elsewhere.
#[test]
fn a_broken_signature_poisons_a_cached_node_and_no_other() {
    let cached = NodeSettings { transaction_cache: true, ..NodeSettings::default() };
    let mut town =
        Town::with(Settings { nodes: vec![cached, NodeSettings::default()], ..Settings::default() });
    let wallet = Town::wallet();
    let to = Town::someone("poisoned");
    let raw =
        town.raw(Town::call(wallet.address, super::super::genesis().usdt, Town::usdt_data(to, 3)), 300_000);
    let stranger = PrivateKey::from_bytes(&[9; 32]).unwrap();
    let broken = sign(&raw, &[stranger]);
    let good = sign(&raw, &[wallet.key().unwrap()]);
    assert_eq!(broken.txid, good.txid);
    assert_eq!(town.send(A, &broken), BroadcastCode::SigError);
    assert_eq!(town.send(A, &good), BroadcastCode::DupTransactionError);
    assert_eq!(town.send(B, &broken), BroadcastCode::SigError);
    assert_eq!(town.send(B, &good), BroadcastCode::Success);
    town.blocks(1);
    assert_eq!(town.paid_to(to), 3);
}

/// Pending or in the chain, at the node that took it or at its peer: DUP. Past its end: expired, though it is in the chain.
#[test]
fn the_same_bytes_are_a_duplicate_wherever_they_are_known() {
    let mut town = Town::new();
    let written = town.pay_within(Town::someone("twice"), 5, 30_000);
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    assert_eq!(town.reply(A, &written), (BroadcastCode::DupTransactionError, "Dup transaction.".into()));
    assert_eq!(town.send(B, &written), BroadcastCode::DupTransactionError);
    town.blocks(2);
    assert_eq!(town.send(A, &written), BroadcastCode::DupTransactionError);
    town.blocks(30);
    assert!(town.solid_info(&written).is_some());
    assert_eq!(town.send(A, &written), BroadcastCode::TransactionExpirationError);
    assert_eq!(town.paid_to(Town::someone("twice")), 5, "once");
}

/// A node late by blocks answers nothing about what others have long seen.
#[test]
fn a_lagging_node_knows_nothing_of_what_happened() {
    let mut town = Town::new();
    town.order(r#"{"node":1,"lag":{"by_ms":30000}}"#);
    let written = town.pay(Town::someone("unseen"), 5);
    town.send(A, &written);
    town.blocks(3);
    assert!(town.info(&written).is_some());
    assert_eq!(town.chain.view(B, Finality::Head).transaction_info_by_id(written.txid), None);
    town.blocks(12);
    assert!(town.chain.view(B, Finality::Head).transaction_info_by_id(written.txid).is_some());
}

/// No peers, too few peers, and a node that does not mind.
#[test]
fn a_node_without_peers_says_so() {
    let lonely = |wanted| NodeSettings { min_effective_connection: wanted, ..NodeSettings::default() };
    let mut town =
        Town::with(Settings { nodes: vec![lonely(1), lonely(2), lonely(0)], ..Settings::default() });
    town.chain.link(A, false, &[]);
    town.chain.link(B, false, &[A]);
    town.chain.link(super::super::NodeId(2), false, &[]);
    let written = town.pay(Town::someone("lonely"), 5);
    assert_eq!(town.reply(A, &written), (BroadcastCode::NoConnection, "No connection.".into()));
    let few = "Effective connection:1 lt minEffectiveConnection:2";
    assert_eq!(town.reply(B, &written), (BroadcastCode::NotEnoughEffectiveConnection, few.into()));
    assert_eq!(town.send(super::super::NodeId(2), &written), BroadcastCode::Success);
    town.blocks(3);
    assert_eq!(town.info(&written), None, "nobody was told");
}

/// The head view's account is what it would be after everything pending; the solid view's is what nobody can undo.
#[test]
fn a_balance_counts_what_is_pending_only_in_the_head_view() {
    let mut town = Town::new();
    let wallet = Town::wallet();
    let raw =
        town.raw(Town::trx(wallet.address, super::super::genesis().accounts[1].address, 7_000_000), 300_000);
    let written = sign(&raw, &[wallet.key().unwrap()]);
    let before = town.chain.view(A, Finality::Head).account(wallet.address).unwrap().balance_sun;
    assert_eq!(town.send(A, &written), BroadcastCode::Success);
    let after = town.chain.view(A, Finality::Head).account(wallet.address).unwrap().balance_sun;
    assert_eq!(before - after, 7_000_000);
    let solid = town.chain.view(A, Finality::Solid).account(wallet.address).unwrap().balance_sun;
    assert_eq!(solid, before);
    town.blocks(40);
    assert_eq!(town.chain.view(A, Finality::Solid).account(wallet.address).unwrap().balance_sun, after);
    assert_eq!(read(&written).contracts.len(), 1);
}
