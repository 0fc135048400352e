//! The fear: an index that is read by halves, or that tells of payments that nobody asked about.

use std::collections::BTreeMap;

use payoutd_actors::domain::{address::Address, tron::TxId};
use payoutd_actors::ports::{ChainFault, SecondOpinion};
use reqwest::Url;
use serde_json::{Value, json};

use super::{
    API_KEY,
    provider::{Deed, Heard, Misbehaving},
};
use crate::tron::{ApiKey, ProviderLimits, ScanSettings, TronScan};

const TOKEN: &str = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";

fn scan(provider: &Misbehaving) -> TronScan {
    let settings = ScanSettings {
        name: provider.name(),
        url: provider.url(),
        api_key: Some(ApiKey::new(API_KEY).unwrap()),
        limits: ProviderLimits::default(),
    };
    TronScan::new(settings).unwrap()
}

fn row(number: u64, from: Address, token: &str) -> Value {
    let mut id = [0; 32];
    id[24..].copy_from_slice(&number.to_be_bytes());
    json!({
        "transaction_id": TxId::new(id), "block_ts": number, "from_address": from, "to_address": Address::ZERO,
        "block": number, "contract_address": token, "quant": number.to_string(), "confirmed": true,
        "contractRet": "SUCCESS", "finalResult": "SUCCESS", "revert": false,
    })
}

fn query(heard: &Heard) -> BTreeMap<String, String> {
    let path = heard.line.strip_prefix("GET ").unwrap();
    let url = Url::parse(&format!("http://index{path}")).unwrap();
    assert_eq!(url.path(), "/api/token_trc20/transfers");
    url.query_pairs().into_owned().collect()
}

async fn outgoing(provider: &Misbehaving) -> Result<Vec<u64>, ChainFault> {
    let token = TOKEN.parse().unwrap();
    let found = scan(provider).outgoing(Address::BLACKHOLE, token, 1_000, 9_000).await?;
    Ok(found.iter().map(|transfer| transfer.block_number).collect())
}

/// F-N05: many payments a call, none left out.
#[tokio::test]
async fn all_pages_are_read_and_the_question_is_whole() {
    let provider = Misbehaving::by(|_, heard| {
        let start: u64 = query(heard)["start"].parse().unwrap();
        let rows: Vec<Value> =
            (start..120).take(50).map(|number| row(number, Address::BLACKHOLE, TOKEN)).collect();
        Deed::Answer(json!({ "total": 120, "rangeTotal": 120, "token_transfers": rows }).to_string())
    })
    .await;
    assert_eq!(outgoing(&provider).await.unwrap(), (0..120).collect::<Vec<_>>());
    let heard = provider.heard();
    assert_eq!(heard.len(), 3);
    assert!(heard[0].headers.contains(&format!("tron-pro-api-key: {API_KEY}")));
    let asked = query(&heard[1]);
    let whole = [
        ("contract_address", TOKEN),
        ("end_timestamp", "9000"),
        ("fromAddress", &Address::BLACKHOLE.to_string()),
        ("limit", "50"),
        ("start", "50"),
        ("start_timestamp", "1000"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(asked, BTreeMap::from(whole));
}

#[tokio::test]
async fn payments_of_strangers_and_of_other_tokens_are_left_out() {
    let rows = [
        row(1, Address::BLACKHOLE, TOKEN),
        row(2, Address::ZERO, TOKEN),
        row(3, Address::BLACKHOLE, &Address::BLACKHOLE.to_string()),
    ];
    let provider = Misbehaving::saying(json!({ "total": 3, "token_transfers": rows })).await;
    assert_eq!(outgoing(&provider).await, Ok(vec![1]));
}

/// F-N05: an index that refuses or babbles has said nothing, which is not the same as "no payments".
#[tokio::test]
async fn an_index_that_does_not_answer_has_not_said_that_there_are_none() {
    let refused =
        Misbehaving::always(Deed::Status(429, vec![("retry-after", "2".to_owned())], String::new())).await;
    assert_eq!(
        outgoing(&refused).await,
        Err(ChainFault::Penalty { status: 429, retry_after_ms: Some(2_000) })
    );
    for deed in [
        Deed::Answer("{}".to_owned()),
        Deed::Answer("<html>".to_owned()),
        Deed::Status(401, vec![], r#"{"message":"no key"}"#.to_owned()),
        Deed::Status(410, vec![], String::new()),
    ] {
        let provider = Misbehaving::always(deed).await;
        assert!(matches!(outgoing(&provider).await, Err(ChainFault::Garbled(_))));
    }
    let silent = Misbehaving::always(Deed::HangUp).await;
    assert!(matches!(outgoing(&silent).await, Err(ChainFault::Silent(_))));
}

#[tokio::test]
async fn an_index_that_fails_on_its_second_page_has_not_answered() {
    let provider = Misbehaving::by(|number, _| {
        let rows: Vec<Value> = (0..50).map(|number| row(number, Address::BLACKHOLE, TOKEN)).collect();
        match number {
            0 => Deed::Answer(json!({ "total": 80, "token_transfers": rows }).to_string()),
            _ => Deed::Status(502, vec![], String::new()),
        }
    })
    .await;
    assert!(outgoing(&provider).await.is_err());
}
