use super::*;
use crate::domain::address::Address;
use crate::domain::tron::block::tx_trie_root;
use crate::domain::tron::{BlockHeader, BlockId, BlockTransaction, ContractResult, Hash32};

/// Block n has the time 3 000 * n; ours refers to block 10 and expires with block 14.
const REF: u64 = 10;
const EXPIRES_MS: i64 = 3_000 * 14;

fn transaction(mark: u8) -> BlockTransaction {
    BlockTransaction::with_result(vec![mark; 3], Vec::new(), ContractResult::Success)
}

fn ours() -> TxId {
    transaction(7).txid()
}

fn block(number: u64, parent_id: BlockId, transactions: Vec<BlockTransaction>) -> Block {
    let leaves: Vec<Hash32> = transactions.iter().filter_map(BlockTransaction::leaf).collect();
    let header = BlockHeader {
        number,
        parent_id,
        timestamp_ms: 3_000 * number as i64,
        witness: Address::from_evm([1; 20]),
        witness_id: 0,
        version: 1,
        tx_trie_root: tx_trie_root(&leaves),
        account_state_root: None,
        signature: Vec::new(),
    };
    Block { id: header.id(), header, transactions }
}

fn start() -> BlockRef {
    BlockRef { number: REF, id: BlockId::of(REF, &[9; 32]) }
}

fn ref_block() -> RefBlock {
    RefBlock::new(start().id)
}

/// An honest chain after the reference block: each block holds a stranger's transaction, and one may hold ours.
fn chain(last: u64, ours_in: Option<u64>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut parent = start().id;
    for number in REF + 1..=last {
        let mut transactions = vec![transaction(100 + number as u8)];
        if ours_in == Some(number) {
            transactions.push(transaction(7));
        }
        let block = block(number, parent, transactions);
        parent = block.id;
        blocks.push(block);
    }
    blocks
}

fn walked(blocks: &[Block]) -> Result<Walk, WalkBroken> {
    let mut walk = Walk::from(start(), [ours()]);
    blocks.iter().try_for_each(|block| walk.step(block))?;
    Ok(walk)
}

fn judged(chains: &[Vec<Block>]) -> Result<Finding, WalkBroken> {
    let walks: Vec<Walk> = chains.iter().map(|blocks| walked(blocks)).collect::<Result<_, _>>()?;
    judge_absence(&walks, ours(), ref_block(), EXPIRES_MS)
}

fn at(block: &Block) -> BlockRef {
    BlockRef { number: block.number(), id: block.id }
}

/// A block whose result can not be written down again: its root can not be recomputed.
fn opaque(block: &Block) -> Block {
    let transactions =
        block.transactions.iter().map(|one| BlockTransaction::new(one.raw_data().to_vec(), Vec::new(), None));
    Block { transactions: transactions.collect(), ..block.clone() }
}

/// F-P03: the proof says where the walk began and which block ended it: the first one that is past the expiration.
#[test]
fn an_expired_transfer_that_stands_nowhere_is_proved_dead() {
    let blocks = chain(20, None);
    let Ok(Finding::Absent(proof)) = judged(std::slice::from_ref(&blocks)) else { panic!("not proved") };
    assert_eq!((proof.from, proof.to), (start(), at(&blocks[3])));
    assert_eq!((proof.to_timestamp_ms, proof.sources, proof.txid), (EXPIRES_MS, 1, ours()));
}

/// The block that ends the walk may still hold it: its parent may have been in time.
#[test]
fn the_block_that_ends_the_walk_is_searched_too() {
    let blocks = chain(14, Some(14));
    assert_eq!(judged(std::slice::from_ref(&blocks)), Ok(Finding::Present(at(&blocks[3]))));
}

#[test]
fn a_walk_that_ends_before_the_expiration_proves_nothing() {
    assert_eq!(judged(&[chain(13, None)]), Ok(Finding::TooShort));
    assert_eq!(judged(&[chain(20, None), chain(13, None)]), Ok(Finding::TooShort));
    assert_eq!(judged(&[]), Ok(Finding::TooShort));
    assert_eq!(judged(&[Vec::new()]), Ok(Finding::TooShort));
}

#[test]
fn a_gap_in_the_walk_breaks_it() {
    let mut blocks = chain(20, None);
    blocks.remove(2);
    let broken = walked(&blocks).unwrap_err();
    assert_eq!(broken, WalkBroken::Doctored(DoctoredBlock::Order { number: 14, before: 12 }));
}

/// A provider that hides our transfer must change the list, and then the root tells; or the root, and then the id; or the id,
/// and then the next block's parent.
#[test]
fn a_doctored_block_buries_nobody() {
    let honest = chain(20, Some(12));
    let mut hidden = honest.clone();
    hidden[1].transactions.pop();
    assert_eq!(judged(std::slice::from_ref(&hidden)), Err(WalkBroken::ListUnproved(12)));

    let leaves: Vec<Hash32> = hidden[1].transactions.iter().filter_map(BlockTransaction::leaf).collect();
    hidden[1].header.tx_trie_root = tx_trie_root(&leaves);
    assert!(matches!(walked(&hidden), Err(WalkBroken::Doctored(DoctoredBlock::Id { number: 12, .. }))));

    hidden[1].id = hidden[1].header.id();
    assert!(matches!(walked(&hidden), Err(WalkBroken::Doctored(DoctoredBlock::Parent { number: 13, .. }))));
}

/// Two who lie alike about a list still can not make its root hold; one honest source is enough to find it.
#[test]
fn whoever_hides_it_is_outdone_by_one_who_shows_it() {
    let honest = chain(20, Some(12));
    let mut hidden = honest.clone();
    hidden[1].transactions.pop();
    for walks in [[honest.clone(), hidden.clone()], [hidden, honest.clone()]] {
        assert_eq!(judged(&walks), Ok(Finding::Present(at(&honest[1]))));
    }
}

/// Unknown protobuf fields do not show in a node's JSON: then two sources must show the same list.
#[test]
fn a_list_that_can_not_be_recomputed_needs_a_second_source() {
    let mut blocks = chain(20, None);
    blocks[1] = opaque(&blocks[1]);
    assert_eq!(judged(std::slice::from_ref(&blocks)), Err(WalkBroken::ListUnproved(12)));
    assert!(
        matches!(judged(&[blocks.clone(), blocks.clone()]), Ok(Finding::Absent(proof)) if proof.sources == 2)
    );
    assert!(matches!(judged(&[blocks.clone(), chain(20, None)]), Ok(Finding::Absent(_))));

    let mut other = blocks.clone();
    other[1].transactions.push(opaque(&block(1, start().id, vec![transaction(8)])).transactions.remove(0));
    assert_eq!(judged(&[blocks, other]), Err(WalkBroken::ListUnproved(12)));
}

/// F-P03: two sources on two chains prove nothing, neither that it is dead nor that it stands.
#[test]
fn two_sources_on_two_chains_prove_nothing() {
    let (one, mut other) = (chain(20, None), chain(12, None));
    let mut parent = other[1].id;
    for number in 13..=20 {
        let block = block(number, parent, vec![transaction(200 + number as u8)]);
        parent = block.id;
        other.push(block);
    }
    assert_eq!(judged(&[one.clone(), other.clone()]), Err(WalkBroken::SourcesDisagree(13)));

    let with_ours = block(13, other[1].id, vec![transaction(7)]);
    let short = [other[0].clone(), other[1].clone(), with_ours].to_vec();
    assert_eq!(judged(&[one, short]), Err(WalkBroken::SourcesDisagree(13)));
}

#[test]
fn a_walk_answers_only_for_what_it_looked_for() {
    let walk = walked(&chain(20, None)).unwrap();
    let other = transaction(8).txid();
    let asked = judge_absence(&[walk], other, ref_block(), EXPIRES_MS);
    assert_eq!(asked, Err(WalkBroken::NotLookedFor(other)));
}

/// One walk serves many: it may begin before a transfer's own reference block, and a block before that one ends nothing.
#[test]
fn a_walk_that_began_earlier_serves_a_later_transfer() {
    let blocks = chain(20, None);
    let walk = walked(&blocks).unwrap();
    let later = RefBlock::new(blocks[4].id);
    let past_already = judge_absence(std::slice::from_ref(&walk), ours(), later, EXPIRES_MS);
    assert!(matches!(past_already, Ok(Finding::Absent(proof)) if proof.to == at(&blocks[5])));
    let earlier = RefBlock::new(BlockId::of(REF - 1, &[8; 32]));
    let unreached = judge_absence(&[walk], ours(), earlier, EXPIRES_MS);
    assert_eq!(unreached, Err(WalkBroken::SourcesDisagree(REF - 1)));
}
