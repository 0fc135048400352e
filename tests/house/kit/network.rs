//! A simulated network in a process of its own, and another program that pays from an account of it.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use payoutd_actors::domain::{address::Address, tron::PrivateKey};
use serde_json::{Value, json};

/// A transfer is solid long before this, however busy the machine is.
const SOLID_WITHIN: Duration = Duration::from_secs(120);

/// `payoutd sandbox chain` in a process of its own.
pub(crate) struct Network {
    process: Child,
    /// Its first line.
    pub(crate) about: Value,
}

impl Network {
    /// Starts one; its doors are open then.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_payoutd"))
            .args(["sandbox", "chain", "--listen", "127.0.0.1:0", "--json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, about: serde_json::from_str(&line).unwrap() }
    }

    /// Two nodes and quick blocks, for a daemon beside it.
    pub(crate) fn of_two_nodes() -> Self {
        Self::start(&["--block-ms", "100", "--node-listen", "127.0.0.1:0"])
    }

    /// A text of the first line.
    pub(crate) fn text(&self, key: &str) -> &str {
        text(&self.about[key])
    }

    /// The address of an account; the first is the wallet that the daemon pays from.
    pub(crate) fn account(&self, n: usize) -> &str {
        text(&self.about["accounts"][n]["address"])
    }

    /// What really left an account.
    pub(crate) async fn paid_by(&self, account: &str) -> Vec<Paid> {
        let book = self.get("sandbox/book").await;
        let rows = book["transfers"].as_array().unwrap();
        rows.iter().filter(|row| row["from"] == account).map(Paid::of).collect()
    }

    /// A program that is not payoutd pays from the first account; answers the txid once every node shows that as solid.
    pub(crate) async fn somebody_pays(&self, to: usize, micro_usdt: u64) -> String {
        let base = self.text("http");
        let transfer = signed_transfer(base, &self.about, self.account(to), micro_usdt).await;
        let reply = post(base, "wallet/broadcasttransaction", &transfer).await;
        assert_eq!(reply["result"], json!(true), "{reply}");
        let txid = text(&transfer["txID"]).to_owned();
        let began = Instant::now();
        // Asked of the solid view, which is some blocks behind the book.
        let wanted = json!({ "value": txid });
        while post(base, "walletsolidity/gettransactioninfobyid", &wanted).await["id"] != json!(txid) {
            assert!(began.elapsed() < SOLID_WITHIN, "{txid} does not become solid");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        txid
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = client().get(format!("{}/{path}", self.text("http"))).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Tells it to stop; whether it left as asked.
    pub(crate) fn tell_to_stop(mut self) -> bool {
        terminate(&self.process);
        self.process.wait().unwrap().success()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A row of the network's book.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Paid {
    pub(crate) to: String,
    pub(crate) micro_usdt: u64,
    pub(crate) txid: String,
    pub(crate) solid: bool,
}

impl Paid {
    fn of(row: &Value) -> Self {
        Self {
            to: text(&row["to"]).to_owned(),
            micro_usdt: row["amount_micro_usdt"].as_u64().unwrap(),
            txid: text(&row["txid"]).to_owned(),
            solid: row["solid"].as_bool().unwrap(),
        }
    }
}

/// A USDT transfer from the first account of a described network, built by its node and signed here.
pub(crate) async fn signed_transfer(base: &str, about: &Value, to: &str, micro_usdt: u64) -> Value {
    let to: Address = to.parse().unwrap();
    let body = json!({
        "visible": true,
        "owner_address": about["accounts"][0]["address"],
        "contract_address": about["usdt"],
        "function_selector": "transfer(address,uint256)",
        "parameter": format!("{}{micro_usdt:064x}", hex::encode(to.word())),
        "fee_limit": 100_000_000,
    });
    let built = post(base, "wallet/triggersmartcontract", &body).await;
    let mut transaction = built["transaction"].clone();
    let key = PrivateKey::from_hex(text(&about["accounts"][0]["private_key_hex"])).unwrap();
    let txid: [u8; 32] = hex::decode(text(&transaction["txID"])).unwrap().try_into().unwrap();
    transaction["signature"] = json!([hex::encode(key.sign(&txid).as_bytes())]);
    transaction
}

/// A text of a JSON value.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

async fn post(base: &str, path: &str, body: &Value) -> Value {
    client().post(format!("{base}/{path}")).json(body).send().await.unwrap().json().await.unwrap()
}

fn client() -> reqwest::Client {
    // reqwest wants a provider even where nothing is encrypted; another test may have installed it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::new()
}

/// SIGTERM, as a service manager sends it.
pub(crate) fn terminate(process: &Child) {
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
}
