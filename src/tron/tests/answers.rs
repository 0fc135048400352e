//! The fear: an answer to another question. Behind one address stand many machines, and malformed questions are answered with
//! something that looks like absence.

use payoutd_actors::domain::{
    address::Address,
    tron::{BlockId, Hash32, TxId},
};
use payoutd_actors::ports::{AccountView, ChainFault, ChainNode, View};
use serde_json::{Value, json};

use super::{
    node, patient,
    provider::{Deed, Heard, Misbehaving},
    settings,
};
use crate::tron::{NodeSettings, TronNode};

fn block(number: u64) -> Value {
    json!({
        "blockID": BlockId::of(number, &[7; 32]),
        "block_header": {
            "raw_data": {
                "number": number,
                "txTrieRoot": Hash32::default(),
                "witness_address": Address::BLACKHOLE.to_hex41(),
                "parentHash": BlockId::of(number - 1, &[7; 32]),
                "version": 32,
                "timestamp": 1_795_248_000_000_i64 + number as i64 * 3_000,
            },
            "witness_signature": "ab".repeat(65),
        },
    })
}

fn asked(heard: &Heard, key: &str) -> u64 {
    serde_json::from_str::<Value>(&heard.body).unwrap()[key].as_u64().unwrap()
}

fn is_garbled<T: std::fmt::Debug>(answer: Result<T, ChainFault>) {
    assert!(matches!(answer, Err(ChainFault::Garbled(_))), "{answer:?}");
}

#[tokio::test]
async fn each_view_is_asked_at_its_own_address() {
    let (head, solid) = (Misbehaving::saying(block(9)).await, Misbehaving::saying(block(7)).await);
    let node = TronNode::new(NodeSettings { solidity_url: solid.url(), ..settings(&head) }).unwrap();
    assert_eq!(node.now_block(View::Head).await.unwrap().number(), 9);
    assert_eq!(node.now_block(View::Solid).await.unwrap().number(), 7);
    assert_eq!(head.heard()[0].line, "POST /wallet/getnowblock");
    assert_eq!(solid.heard()[0].line, "POST /walletsolidity/getnowblock");
}

#[tokio::test]
async fn another_block_than_was_asked_for_is_no_answer() {
    let provider = Misbehaving::saying(block(8)).await;
    assert_eq!(patient(&provider).block(View::Head, 8).await.unwrap().unwrap().number(), 8);
    is_garbled(patient(&provider).block(View::Head, 7).await);

    let mut two_numbers = block(8);
    two_numbers["blockID"] = json!(BlockId::of(9, &[7; 32]));
    let provider = Misbehaving::saying(two_numbers).await;
    is_garbled(patient(&provider).block(View::Solid, 8).await);

    let provider = Misbehaving::saying("{}").await;
    assert_eq!(patient(&provider).block(View::Solid, 8).await, Ok(None));
    is_garbled(patient(&provider).now_block(View::Solid).await);
}

#[tokio::test]
async fn a_range_that_skips_turns_or_overflows_is_no_answer() {
    let ranges = [vec![3, 5], vec![4, 3], vec![4, 5], vec![3, 3], vec![3, 4, 5, 6]];
    for numbers in ranges {
        let blocks: Vec<Value> = numbers.iter().copied().map(block).collect();
        let provider = Misbehaving::saying(json!({ "block": blocks })).await;
        is_garbled(patient(&provider).blocks(View::Solid, 3, 5).await);
    }
    for (body, came) in
        [(json!({ "block": [block(3), block(4)] }), 2), (json!({ "block": [] }), 0), (json!({}), 0)]
    {
        let provider = Misbehaving::saying(body).await;
        assert_eq!(patient(&provider).blocks(View::Solid, 3, 5).await.unwrap().len(), came);
        assert_eq!(provider.heard()[0].body, r#"{"endNum":6,"startNum":3}"#);
    }
}

/// java-tron answers `{}` to whoever asks for more than a hundred, and an empty span asks for nothing.
#[tokio::test]
async fn no_more_than_a_hundred_blocks_are_asked_for_at_a_time() {
    let provider = Misbehaving::by(|_, heard| {
        let blocks: Vec<Value> = (asked(heard, "startNum")..asked(heard, "endNum")).map(block).collect();
        Deed::Answer(json!({ "block": blocks }).to_string())
    })
    .await;
    let blocks = patient(&provider).blocks(View::Head, 1_000, 5_000).await.unwrap();
    assert_eq!((blocks.len(), blocks[99].number()), (100, 1_099));
    assert_eq!(patient(&provider).blocks(View::Head, 7, 6).await, Ok(Vec::new()));
    assert_eq!(provider.heard().len(), 1);
}

#[tokio::test]
async fn full_blocks_are_asked_for_in_smaller_portions() {
    let provider = Misbehaving::by(|_, heard| {
        let count = asked(heard, "endNum") - asked(heard, "startNum");
        if count > 25 {
            return Deed::Flood;
        }
        let blocks: Vec<Value> = (0..count).map(|at| block(asked(heard, "startNum") + at)).collect();
        Deed::Answer(json!({ "block": blocks }).to_string())
    })
    .await;
    assert_eq!(node(&provider).blocks(View::Head, 1, 100).await.unwrap().len(), 25);

    let provider = Misbehaving::always(Deed::Flood).await;
    is_garbled(node(&provider).blocks(View::Head, 1, 2).await);
    assert_eq!(provider.heard().len(), 2);
}

#[tokio::test]
async fn results_of_another_transaction_or_block_are_no_answer() {
    let id = TxId::new([5; 32]);
    let provider = Misbehaving::saying(json!({ "id": id, "blockNumber": 8 })).await;
    assert_eq!(patient(&provider).transaction_info(View::Solid, &id).await.unwrap().unwrap().txid, id);
    is_garbled(patient(&provider).transaction_info(View::Solid, &TxId::default()).await);
    assert_eq!(provider.heard()[0].body, json!({ "value": id }).to_string());

    let provider = Misbehaving::saying("{}").await;
    assert_eq!(patient(&provider).transaction_info(View::Solid, &id).await, Ok(None));

    let provider = Misbehaving::saying(json!([{ "id": id, "blockNumber": 8 }])).await;
    assert_eq!(patient(&provider).transaction_infos(View::Solid, 8).await.unwrap().len(), 1);
    is_garbled(patient(&provider).transaction_infos(View::Solid, 9).await);
}

#[tokio::test]
async fn an_account_that_is_not_there_is_not_somebody_elses() {
    let provider = Misbehaving::saying("{}").await;
    let (address, node) = (Address::BLACKHOLE, patient(&provider));
    assert_eq!(node.account(View::Solid, address).await, Ok(AccountView::default()));
    assert_eq!(provider.heard()[0].body, json!({ "address": address.to_hex41() }).to_string());
    is_garbled(node.parameters().await);
    is_garbled(node.genesis_id().await);
    // Only the head's side has this call.
    assert!(node.resources(address).await.is_ok());
    assert_eq!(provider.heard()[3].line, "POST /wallet/getaccountresource");
}

#[tokio::test]
async fn a_trial_run_is_asked_with_the_very_call_data() {
    let provider = Misbehaving::saying(
        json!({ "result": { "result": true }, "energy_used": 790, "constant_result": ["00ff"], "transaction": { "ret": [{}] } }),
    )
    .await;
    let run = patient(&provider)
        .trial_run(View::Solid, Address::BLACKHOLE, Address::ZERO, vec![0x70, 0xa0, 0x82, 0x31])
        .await
        .unwrap();
    assert_eq!((run.energy_used, run.returned, run.failure), (790, vec![0x00, 0xff], None));
    let heard = &provider.heard()[0];
    assert_eq!(heard.line, "POST /walletsolidity/triggerconstantcontract");
    let question: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(question["data"], json!("70a08231"));
    assert_eq!(question["owner_address"], json!(Address::BLACKHOLE.to_hex41()));
    assert_eq!(question["contract_address"], json!(Address::ZERO.to_hex41()));
}
