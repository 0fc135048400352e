//! The sandbox as its clients meet it: views and nodes, the book, the weather, the indexers, and a network that survives its process.

use std::{
    io::Read as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use payoutd::sandbox::{Clock, Listen, Sandbox, SandboxSettings};
use payoutd_actors::fakes::sim_chain::Settings;
use serde_json::{Value, json};

use crate::kit::network::{Network, signed_transfer, text};

/// A moment like any other.
const MOMENT_MS: u64 = 1_800_000_000_000;
const BLOCK_MS: u64 = 3_000;
/// More blocks than anything needs to become solid, and to be shown as such.
const UNTIL_SOLID: u64 = 25;

/// A sandbox whose time is the test's, and a client.
struct Town {
    sandbox: Sandbox,
    client: reqwest::Client,
}

impl Town {
    async fn build(listen: Listen) -> Town {
        // reqwest wants a provider even where nothing is encrypted; another test may have installed it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let settings = SandboxSettings {
            listen,
            chain: Settings { block_ms: BLOCK_MS, ..Settings::default() },
            clock: Clock::ByHand { starts_at_ms: MOMENT_MS },
            ..SandboxSettings::default()
        };
        Town { sandbox: Sandbox::start(settings).await.unwrap(), client: reqwest::Client::new() }
    }

    async fn two_nodes() -> Town {
        Town::build(Listen { more_nodes: vec![([127, 0, 0, 1], 0).into()], ..Listen::default() }).await
    }

    fn pass(&self, blocks: u64) {
        let chain = self.sandbox.chain();
        let mut chain = chain.lock().unwrap();
        let now_ms = chain.now_ms();
        chain.advance_to(now_ms + blocks * BLOCK_MS);
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let url = format!("{}/{path}", self.sandbox.urls().http);
        let response = self.client.get(url).send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> Result<(u16, Value), reqwest::Error> {
        post(&self.client, &self.sandbox.urls().http, path, body).await
    }

    async fn weather(&self, order: Value) {
        assert_eq!(self.post("sandbox/weather", order).await.unwrap().0, 200);
    }

    /// A USDT transfer from the first account, built by the node and signed.
    async fn signed_transfer(&self, to: usize, micro_usdt: u64) -> Value {
        let about = serde_json::to_value(self.sandbox.description()).unwrap();
        let to = text(&about["accounts"][to]["address"]);
        signed_transfer(&self.sandbox.urls().http, &about, to, micro_usdt).await
    }
}

async fn post(
    client: &reqwest::Client,
    base: &str,
    path: &str,
    body: Value,
) -> Result<(u16, Value), reqwest::Error> {
    let request = client
        .post(format!("{base}/{path}"))
        .header("content-type", "application/json")
        .body(body.to_string());
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

#[actix_rt::test]
async fn the_book_says_what_moved_and_when_it_can_no_longer_be_undone() {
    let town = Town::build(Listen::default()).await;
    let transfer = town.signed_transfer(1, 1_500_000).await;
    let (_, reply) = town.post("wallet/broadcasttransaction", transfer.clone()).await.unwrap();
    assert_eq!(reply["result"], json!(true), "{reply}");
    assert_eq!(town.get("sandbox/book").await.1["transfers"], json!([]), "pending is not moved");

    town.pass(1);
    let (_, book) = town.get("sandbox/book").await;
    let row = &book["transfers"][0];
    let about = town.sandbox.description();
    assert_eq!(row["txid"], transfer["txID"]);
    assert_eq!(row["from"], json!(about.accounts[0].address));
    assert_eq!(row["to"], json!(about.accounts[1].address));
    assert_eq!(row["amount_micro_usdt"], json!(1_500_000));
    assert_eq!(row["block"], book["head"]);
    assert_eq!(row["solid"], json!(false));

    town.pass(UNTIL_SOLID);
    let (_, book) = town.get("sandbox/book").await;
    assert_eq!(book["transfers"].as_array().unwrap().len(), 1);
    assert_eq!(book["transfers"][0]["solid"], json!(true));
}

/// F-N01: silence after a send is no answer. Here is the silence.
#[actix_rt::test]
async fn a_node_that_hangs_up_after_accepting_has_accepted() {
    let town = Town::build(Listen::default()).await;
    let transfer = town.signed_transfer(1, 7).await;
    town.weather(json!({"next_broadcast": "accepts_then_hangs_up"})).await;
    let silence = town.post("wallet/broadcasttransaction", transfer.clone()).await;
    assert!(silence.unwrap_err().is_request(), "not one byte came");
    town.pass(1);
    assert_eq!(town.get("sandbox/book").await.1["transfers"][0]["txid"], transfer["txID"]);
}

#[actix_rt::test]
async fn bad_weather_reaches_the_client_as_in_life() {
    let town = Town::build(Listen::default()).await;
    let answer = async |weather: &str| {
        town.weather(json!({"next_read": weather})).await;
        town.client.get(format!("{}/wallet/getnowblock", town.sandbox.urls().http)).send().await.unwrap()
    };
    let page = answer("html_reply").await;
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("<html>"));
    let half = answer("half_json").await.text().await.unwrap();
    assert!(half.starts_with('{') && serde_json::from_str::<Value>(&half).is_err());
    assert_eq!(answer("http_503").await.status(), 503);
    assert_eq!(answer("unknown").await.text().await.unwrap(), "{}\n");
    let limited = answer("http_429_with_penalty").await;
    assert_eq!(limited.status(), 429);
    assert_eq!(limited.headers()["retry-after"], "30");
    // The penalty holds for everything that the node is asked.
    assert_eq!(town.get("wallet/getnowblock").await.0, 429);
    town.pass(11);
    assert_eq!(town.get("wallet/getnowblock").await.0, 200);
}

#[actix_rt::test]
async fn a_broadcasts_reply_that_breaks_off_was_a_broadcast() {
    let town = Town::build(Listen::default()).await;
    let transfer = town.signed_transfer(1, 7).await;
    town.weather(json!({"next_broadcast": "half_json"})).await;
    assert!(town.post("wallet/broadcasttransaction", transfer).await.is_err());
    town.pass(1);
    assert_eq!(town.get("sandbox/book").await.1["transfers"].as_array().unwrap().len(), 1);
}

#[actix_rt::test]
async fn split_views_are_served_where_a_java_tron_node_serves_them() {
    let town = Town::build(Listen { solidity: Some(([127, 0, 0, 1], 0).into()), ..Listen::default() }).await;
    let urls = town.sandbox.urls().clone();
    assert_ne!(urls.http, urls.solidity_http);
    let status = async |base: &str, path: &str| {
        town.client.get(format!("{base}/{path}")).send().await.unwrap().status()
    };
    assert_eq!(status(&urls.http, "wallet/getnowblock").await, 200);
    assert_eq!(status(&urls.http, "walletsolidity/getnowblock").await, 404);
    assert_eq!(status(&urls.solidity_http, "walletsolidity/getnowblock").await, 200);
    assert_eq!(status(&urls.solidity_http, "wallet/getnowblock").await, 404);
    assert_eq!(status(&urls.solidity_http, "sandbox/book").await, 404);
}

#[actix_rt::test]
async fn two_nodes_show_one_chain_and_have_their_own_bad_days() {
    let town = Town::two_nodes().await;
    let second = town.sandbox.urls().more_nodes[0].clone();
    let transfer = town.signed_transfer(1, 7).await;
    let id = json!({"value": transfer["txID"]});
    town.post("wallet/broadcasttransaction", transfer.clone()).await.unwrap();
    town.pass(1);
    let (_, there) = post(&town.client, &second, "wallet/gettransactioninfobyid", id.clone()).await.unwrap();
    assert_eq!(there["id"], transfer["txID"]);

    town.weather(json!({"node": 1, "next_read": "html_reply"})).await;
    assert_eq!(
        town.post("wallet/gettransactioninfobyid", id.clone()).await.unwrap().1["id"],
        transfer["txID"]
    );
    assert_eq!(
        post(&town.client, &second, "wallet/gettransactioninfobyid", id).await.unwrap().1,
        Value::Null
    );
}

#[actix_rt::test]
async fn tronscan_is_late_then_right_and_lies_when_told_to() {
    let town = Town::build(Listen::default()).await;
    let transfer = town.signed_transfer(1, 2_500_000).await;
    let txid = text(&transfer["txID"]).to_owned();
    town.weather(json!({"tronscan": {"lag_ms": 6000}})).await;
    town.post("wallet/broadcasttransaction", transfer).await.unwrap();
    town.pass(1);
    let info = format!("api/transaction-info?hash={txid}");
    assert_eq!(town.get(&info).await.1, json!({}), "not indexed yet");
    town.pass(2);
    let (_, indexed) = town.get(&info).await;
    assert_eq!(indexed["confirmed"], json!(false));
    assert_eq!(indexed["toAddress"], json!(town.sandbox.description().usdt), "the token, not the recipient");
    assert_eq!(indexed["trc20TransferInfo"][0]["amount_str"], json!("2500000"));

    town.weather(json!({"tronscan": {"lies_confirmed": true}})).await;
    assert_eq!(town.get(&info).await.1["confirmed"], json!(true));
    let payer = &town.sandbox.description().accounts[0].address;
    let page = format!("api/token_trc20/transfers?fromAddress={payer}&limit=50&start=0");
    let (_, listed) = town.get(&page).await;
    assert_eq!(listed["token_transfers"][0]["transaction_id"], json!(txid));
    assert_eq!(listed["token_transfers"][0]["quant"], json!("2500000"));

    town.weather(json!({"tronscan": {"status": 429}})).await;
    assert_eq!(town.get(&info).await.0, 429);
}

#[actix_rt::test]
async fn trongrid_tells_events_and_an_accounts_transfers() {
    let town = Town::build(Listen::default()).await;
    let transfer = town.signed_transfer(1, 42).await;
    let txid = text(&transfer["txID"]).to_owned();
    let events = format!("v1/transactions/{txid}/events");
    assert_eq!(town.get(&events).await.1["data"], json!([]), "unknown and not yet are the same");
    town.post("wallet/broadcasttransaction", transfer).await.unwrap();
    town.pass(1);
    let (_, found) = town.get(&events).await;
    assert_eq!(found["data"][0]["event_name"], json!("Transfer"));
    assert_eq!(found["data"][0]["result"]["value"], json!("42"));
    assert_eq!(found["data"][0]["_unconfirmed"], json!(true));
    assert_eq!(town.get(&format!("{events}?only_confirmed=true")).await.1["data"], json!([]));
    town.pass(UNTIL_SOLID);
    assert_eq!(town.get(&events).await.1["data"][0].get("_unconfirmed"), None);

    let payer = &town.sandbox.description().accounts[0].address;
    let (_, rows) = town.get(&format!("v1/accounts/{payer}/transactions/trc20?only_from=true")).await;
    assert_eq!(rows["data"][0]["transaction_id"], json!(txid));
    assert_eq!(rows["data"][0]["value"], json!("42"));
}

#[actix_rt::test]
async fn a_fork_takes_back_what_the_book_said() {
    let town = Town::build(Listen::default()).await;
    let transfer = town.signed_transfer(1, 7).await;
    town.weather(json!({"fork": 2})).await;
    town.post("wallet/broadcasttransaction", transfer.clone()).await.unwrap();
    town.pass(UNTIL_SOLID);
    let (_, book) = town.get("sandbox/book").await;
    // Whichever branch it stood on first: it moved once, in the end.
    assert_eq!(book["transfers"].as_array().unwrap().len(), 1);
    assert_eq!(book["transfers"][0]["solid"], json!(true));
}

/// A network of 20 ms a block that is kept in a file.
fn kept_in(state: &Path) -> Network {
    Network::start(&["--block-ms", "20", "--state", state.to_str().unwrap()])
}

#[actix_rt::test]
async fn a_network_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("chain.state");
    let first = kept_in(&state);
    for key in [
        "http",
        "solidity_http",
        "tronscan_http",
        "usdt",
        "router_v0",
        "router_kyc",
        "compliance_key_hex",
        "kyc_officer",
    ] {
        assert!(first.about[key].is_string(), "{key} is missing: {}", first.about);
    }
    assert_eq!(first.about["accounts"].as_array().unwrap().len(), 10);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let block = first.get("wallet/getnowblock").await;
    let number = block["block_header"]["raw_data"]["number"].clone();
    assert!(first.tell_to_stop(), "stopping is not a failure");

    let second = kept_in(&state);
    let again = second.get(&format!("wallet/getblockbynum?num={number}")).await;
    assert_eq!(again["blockID"], block["blockID"]);
    assert!(second.tell_to_stop());
}

#[test]
fn a_state_that_is_none_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("chain.state");
    std::fs::write(&state, "my diary").unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_payoutd"))
        .args(["sandbox", "chain", "--listen", "127.0.0.1:0", "--state"])
        .arg(&state)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut words = String::new();
    process.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(65));
    assert!(words.contains("no saved network"), "{words}");
    assert_eq!(std::fs::read_to_string(&state).unwrap(), "my diary");
}
