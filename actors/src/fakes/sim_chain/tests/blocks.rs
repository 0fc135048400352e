//! Blocks as on the wire: whoever recomputes them finds them right, and a doctored one wrong.

use std::collections::BTreeSet;

use super::super::{Answer, Finality, ServedBlock, Settings};
use super::town::{A, Town};
use crate::domain::tron::block::tx_trie_root;
use crate::domain::tron::hash::sha256;
use crate::domain::tron::{BlockId, Hash32, Signature};

fn recomputed(block: &ServedBlock) -> (BlockId, Hash32) {
    let leaves: Vec<_> =
        block.transactions.iter().map(|served| Hash32::new(sha256(&served.bytes_in_block()))).collect();
    (BlockId::of(block.number, &sha256(&block.header_raw())), tx_trie_root(&leaves))
}

/// Ids, roots, links and signatures are real: the office's own reading of blocks agrees with the network's writing.
#[test]
fn ids_roots_links_and_signatures_can_be_checked() {
    let mut town = Town::new();
    for payment in 1..=7 {
        let written = town.pay(Town::someone("many"), payment);
        town.send(A, &written);
        if payment % 3 == 0 {
            town.blocks(1);
        }
    }
    town.blocks(3);
    let head = town.chain.head_number();
    let view = town.chain.view(A, Finality::Head);
    let blocks: Vec<_> = (0..=head).map(|number| view.block_by_num(number).unwrap()).collect();
    assert!(blocks.iter().any(|block| block.transactions.len() == 3));
    for pair in blocks.windows(2) {
        let block = &pair[1];
        assert_eq!(block.parent_id, pair[0].id);
        assert!(block.timestamp_ms > pair[0].timestamp_ms);
        assert_eq!(recomputed(block), (block.id, block.tx_trie_root));
        let signature = Signature::new(block.witness_signature().unwrap());
        assert_eq!(signature.signer(&sha256(&block.header_raw())).unwrap(), block.witness);
    }
}

/// 27 producers take turns; the solid block is the one that 19 of them have built upon.
#[test]
fn nineteen_of_twenty_seven_make_a_block_solid() {
    let mut town = Town::new();
    town.blocks(60);
    let head = town.chain.head_number();
    assert_eq!(head - town.chain.solid_number(), 18);
    let view = town.chain.view(A, Finality::Head);
    let solid = town.chain.solid_number();
    let witnesses: BTreeSet<_> =
        (solid..=head).map(|number| view.header_by_num(number).unwrap().witness).collect();
    assert_eq!(witnesses.len(), 19);
    let shown = town.chain.view(A, Finality::Solid).height();
    assert_eq!(solid - shown, 2, "walletsolidity stands two blocks further back");
    assert_eq!(view.node_info().solidity_block.0, solid, "getnodeinfo runs ahead of it");
}

/// Timestamps keep the wall's pace, whatever the slot's length.
#[test]
fn blocks_keep_the_walls_pace() {
    let mut town = Town::with(Settings { block_ms: 200, ..Settings::default() });
    town.seconds(10);
    assert_eq!(town.head().timestamp_ms / 200, town.chain.now_ms() / 200);
    assert!(town.chain.head_number() >= 50);
}

/// Unknown things are nothing: no error, no difference between "not yet" and "never".
#[test]
fn unknown_blocks_and_ids_are_answered_with_nothing() {
    let mut town = Town::new();
    let written = town.pay(Town::someone("never sent"), 5);
    let view = town.chain.view(A, Finality::Head);
    assert_eq!(view.block_by_num(1_000_000), None);
    assert_eq!(view.transaction_by_id(written.txid), None);
    assert_eq!(view.transaction_infos_by_block(1_000_000), Vec::new());
    assert_eq!(view.blocks_by_limit_next(5, 106), None, "101 blocks are too many");
    assert_eq!(view.blocks_by_limit_next(5, 5), None);
    assert_eq!(view.blocks_by_limit_next(25, 100).unwrap().len(), 6, "cut at the head");
}

/// A node that takes a transaction out of a block is caught by the root, or by the links when it makes the id anew.
#[test]
fn a_doctored_block_does_not_fit_its_root_or_its_links() {
    for recompute in [false, true] {
        let mut town = Town::new();
        let written = town.pay(Town::someone("hidden"), 5);
        town.send(A, &written);
        town.blocks(2);
        let number = town.info(&written).unwrap().block_number;
        town.order(&format!(
            r#"{{"doctored_block":{{"txid":"{}","ids_recomputed":{recompute}}}}}"#,
            written.txid
        ));
        let view = town.chain.view(A, Finality::Head);
        let doctored = view.block_by_num(number).unwrap();
        assert!(doctored.transactions.is_empty());
        let next = view.block_by_num(number + 1).unwrap();
        if recompute {
            assert_eq!(recomputed(&doctored), (doctored.id, doctored.tx_trie_root));
            assert_ne!(next.parent_id, doctored.id);
        } else {
            assert_eq!(next.parent_id, doctored.id);
            assert_ne!(recomputed(&doctored).1, doctored.tx_trie_root);
        }
    }
}

/// A one-off lie: the next block served that holds something lacks it, the one after is whole again.
#[test]
fn a_block_is_doctored_once_when_ordered_once() {
    let mut town = Town::new();
    let written = town.pay(Town::someone("hidden"), 5);
    town.send(A, &written);
    town.blocks(2);
    let number = town.info(&written).unwrap().block_number;
    town.order(r#"{"node":0,"doctored_block":{"ids_recomputed":false}}"#);
    let ask = |town: &mut Town| match town.chain.ask(A, Finality::Head, |view| view.block_by_num(number)) {
        Answer::Reply(block) => block.unwrap().transactions.len(),
        Answer::Lost(lost) => panic!("{lost:?}"),
    };
    assert_eq!(ask(&mut town), 0);
    assert_eq!(ask(&mut town), 1);
}
