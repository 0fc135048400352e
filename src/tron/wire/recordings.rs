//! The fear: a parser that knows only the answers that its author imagined. Every answer of a live java-tron 4.8 to the calls
//! that this client makes is read, and compared with the JSON as it stands; every recorded block's id and Merkle root are
//! computed again from what was read.
//!
//! The recordings stand in `tests/vectors/real-node/java-tron`; `PAYOUTD_RECORDINGS` names another folder of the same shape.

use std::{collections::BTreeMap, fs, path::PathBuf};

use payoutd_actors::domain::{
    address::Address,
    tron::{Block, BroadcastCode, TransactionInfo, TrialFailure, TxId, block::RootCheck, protobuf},
};
use payoutd_actors::ports::{ChainFault, TrialRun};
use serde::Deserialize;
use serde_json::Value;

use super::{account, block, broadcast, info, trial};

/// One recorded exchange.
#[derive(Deserialize)]
struct Exchange {
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    request: Value,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

impl Exchange {
    fn call(&self) -> &str {
        let path = self.path.as_deref().unwrap_or_default();
        path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default()
    }

    fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default().as_bytes()
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body()).ok()
    }

    /// Is it an answer to a question that this client would ask: answered, whole, with addresses in hex?
    fn is_ours(&self) -> bool {
        let visible = self.request.to_string().contains("visible")
            || self.path.iter().any(|path| path.contains("visible"));
        let asked = matches!(self.method.as_deref(), Some("POST" | "GET"));
        asked
            && self.status == Some(200)
            && !visible
            && !self.body.iter().any(|body| body.ends_with(" characters)"))
    }
}

fn exchanges() -> Vec<(String, Exchange)> {
    let folder = std::env::var_os("PAYOUTD_RECORDINGS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/real-node/java-tron"),
        PathBuf::from,
    );
    let mut exchanges = Vec::new();
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        // The accounts and the tables are no exchanges.
        if !name.ends_with(".json") || name.ends_with(".table.json") || name == "deployment.json" {
            continue;
        }
        let read: Vec<Exchange> = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        exchanges.extend(read.into_iter().filter(Exchange::is_ours).map(|exchange| (name.clone(), exchange)));
    }
    exchanges
}

/// Every answer to these calls, by a reader that says whether it was one; at least so many must be.
fn read_all(calls: &[&str], at_least: usize, mut read: impl FnMut(&Exchange) -> Result<bool, ChainFault>) {
    let mut answers = 0;
    for (file, exchange) in exchanges().iter().filter(|(_, exchange)| calls.contains(&exchange.call())) {
        let said = String::from_utf8_lossy(exchange.body());
        let is_fault = said.trim().is_empty() || said.starts_with("{\"Error\"");
        match read(exchange) {
            Ok(is_answer) => {
                assert!(!is_fault, "{file}: read as an answer: {said}");
                answers += usize::from(is_answer);
            }
            Err(fault) => assert!(is_fault, "{file}: {fault}: {said}"),
        }
    }
    assert!(answers >= at_least, "only {answers} answers of {calls:?}");
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).map_or(0, |number| number.as_u64().unwrap())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn is_genesis(block: &Value) -> bool {
    block.get("block_header").is_some_and(|header| header["raw_data"].get("number").is_none())
}

fn assert_proves_itself(block: &Block, json: &Value) {
    assert_eq!(block.id.to_string(), text(json, "blockID"));
    assert_eq!(block.number(), number(&json["block_header"]["raw_data"], "number"));
    block.check_id().unwrap();
    assert_eq!(block.check_root(), RootCheck::Holds, "block {}", block.number());
    let listed = json["transactions"].as_array().map_or(0, Vec::len);
    assert_eq!(block.transactions.len(), listed);
}

#[test]
fn every_recorded_block_has_the_id_and_the_root_that_it_claims() {
    read_all(&["getnowblock", "getblockbynum"], 10, |exchange| {
        let json = exchange.json().unwrap_or_default();
        if is_genesis(&json) {
            // Its witness is a sentence: no block of ours, but its id is read, and computed.
            assert!(block::read_block(exchange.body()).is_err());
            assert_eq!(block::read_genesis_id(exchange.body())?.to_string(), text(&json, "blockID"));
            return Ok(true);
        }
        let block = block::read_block(exchange.body())?;
        assert_eq!(block.is_none(), json == serde_json::json!({}));
        if let Some(block) = &block {
            assert_proves_itself(block, &json);
            assert!(block::read_genesis_id(exchange.body()).is_err());
        }
        Ok(block.is_some())
    });
}

#[test]
fn every_recorded_range_is_read_whole() {
    read_all(&["getblockbylimitnext", "getblockbylatestnum"], 1, |exchange| {
        let json = exchange.json().unwrap_or_default();
        let listed = json["block"].as_array().cloned().unwrap_or_default();
        if listed.iter().any(is_genesis) {
            return Ok(true);
        }
        let blocks = block::read_blocks(exchange.body())?;
        assert_eq!(blocks.len(), listed.len());
        blocks.iter().zip(&listed).for_each(|(block, json)| assert_proves_itself(block, json));
        Ok(!blocks.is_empty())
    });
}

fn assert_same(info: &TransactionInfo, json: &Value) {
    assert_eq!(info.txid.to_string(), text(json, "id"));
    assert_eq!(info.block_number, number(json, "blockNumber"));
    assert_eq!(info.block_timestamp_ms.cast_unsigned(), number(json, "blockTimeStamp"));
    assert_eq!(info.fee_sun, number(json, "fee"));
    assert_eq!(info.result_failed, text(json, "result") == "FAILED");
    let (receipt, told) = (info.receipt, &json["receipt"]);
    assert_eq!(receipt.result.map_or("", |result| result.name()), text(told, "result"));
    assert_eq!(receipt.energy_fee_sun, number(told, "energy_fee"));
    assert_eq!(receipt.energy_usage_total, number(told, "energy_usage_total"));
    assert_eq!(receipt.net_fee_sun, number(told, "net_fee"));
    assert_eq!(receipt.net_usage, number(told, "net_usage"));
    assert_eq!(
        info.contract_address.map(|address| address.to_hex41()).unwrap_or_default(),
        text(json, "contract_address")
    );
    assert_eq!(hex::encode(&info.res_message), text(json, "resMessage"));
    let logs = json["log"].as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(info.logs.len(), logs.len());
    for (log, told) in info.logs.iter().zip(logs) {
        assert_eq!(hex::encode(log.address), text(told, "address"));
        assert_eq!(hex::encode(&log.data), text(told, "data"));
        let topics: Vec<String> = log.topics.iter().map(hex::encode).collect();
        assert_eq!(serde_json::json!(topics), told.get("topics").cloned().unwrap_or(serde_json::json!([])));
    }
}

#[test]
fn every_recorded_result_is_read_as_it_stands() {
    read_all(&["gettransactioninfobyid"], 50, |exchange| {
        let info = info::read_info(exchange.body())?;
        if let Some(info) = &info {
            assert_same(info, &exchange.json().unwrap());
        }
        Ok(info.is_some())
    });
}

#[test]
fn every_recorded_list_of_results_is_read_as_it_stands() {
    read_all(&["gettransactioninfobyblocknum"], 1, |exchange| {
        let infos = info::read_infos(exchange.body())?;
        let json = exchange.json().unwrap();
        let listed = json.as_array().cloned().unwrap_or_default();
        assert_eq!(infos.len(), listed.len());
        infos.iter().zip(&listed).for_each(|(info, json)| assert_same(info, json));
        Ok(!infos.is_empty())
    });
}

#[test]
fn every_recorded_account_and_its_resources_are_read() {
    read_all(&["getaccount"], 5, |exchange| {
        let json = exchange.json().unwrap_or_default();
        let asked = Address::from_hex41(text(&json, "address")).unwrap_or(Address::ZERO);
        let account = account::read_account(exchange.body(), asked)?;
        assert_eq!(account.exists, json.get("address").is_some());
        assert_eq!(account.balance_sun, number(&json, "balance"));
        Ok(account.exists)
    });
    read_all(&["getaccountresource"], 4, |exchange| {
        let resources = account::read_resources(exchange.body())?;
        let json = exchange.json().unwrap();
        assert_eq!(resources.bandwidth_left, number(&json, "freeNetLimit") - number(&json, "freeNetUsed"));
        Ok(json.get("TotalEnergyLimit").is_some())
    });
    read_all(&["getchainparameters"], 1, |exchange| {
        let parameters = account::read_parameters(exchange.body())?;
        assert_eq!((parameters.energy_price_sun, parameters.bandwidth_price_sun), (100, 1000));
        assert_eq!((parameters.fee_limit_max_sun, parameters.memo_fee_sun), (15_000_000_000, 1_000_000));
        Ok(true)
    });
}

/// F-P04: the code of every recorded reply, with the id computed from the bytes that were sent.
#[test]
fn every_recorded_reply_to_a_broadcast_is_read_by_its_code() {
    let mut codes: BTreeMap<BroadcastCode, u32> = BTreeMap::new();
    read_all(&["broadcasthex"], 100, |exchange| {
        let told = exchange.json().unwrap_or_default();
        let ours = id_of(text(&exchange.request, "transaction")).or_else(|| text(&told, "txid").parse().ok());
        let reply = broadcast::read_reply(exchange.body(), &ours.unwrap_or_default())?;
        let code = text(&told, "code");
        if code.is_empty() {
            assert_eq!(reply.code, BroadcastCode::NoAnswer);
            return Err(ChainFault::Garbled(reply.message));
        }
        assert_eq!(reply.code.name(), code, "{}", reply.message);
        *codes.entry(reply.code).or_default() += 1;
        Ok(true)
    });
    for code in [BroadcastCode::Success, BroadcastCode::DupTransactionError, BroadcastCode::TaposError] {
        assert!(codes.contains_key(&code), "{code} in {codes:?}");
    }
}

/// The id of canonical bytes; a node writes others anew before it hashes them.
fn id_of(sent: &str) -> Option<TxId> {
    use protobuf::Message;
    let mut odd = Vec::new();
    let transaction = protobuf::Transaction::decode(&hex::decode(sent).ok()?, &mut odd).ok()?;
    protobuf::Raw::decode(&transaction.raw_data, &mut odd).ok()?;
    odd.is_empty().then(|| TxId::of_raw_data(&transaction.raw_data))
}

#[test]
fn every_recorded_trial_run_is_read_as_it_ended() {
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    read_all(&["triggerconstantcontract"], 20, |exchange| {
        let json = exchange.json().unwrap_or_default();
        let run = trial::read_trial(exchange.body());
        let end = match (text(&json["result"], "code"), json["transaction"]["ret"][0].get("ret")) {
            ("", None) => "ran",
            ("", Some(_)) => "reverted",
            ("OTHER_ERROR", _) => "broke",
            _ => "not run",
        };
        if exchange.body().is_empty() {
            return run.map(|_| false);
        }
        *ends.entry(end).or_default() += 1;
        if end == "not run" {
            assert!(matches!(run, Err(ChainFault::Garbled(_))));
            return Ok(false);
        }
        let run: TrialRun = run?;
        // Of what broke, the invalid opcode is the contract's own word; a timeout and a question without an owner are nobody's.
        let own = matches!(run.failure, Some(TrialFailure::Refused(_)));
        let opcode = exchange.note.as_deref() == Some("invalid opcode");
        assert_eq!((run.failure.is_none(), own), (end == "ran", end == "reverted" || opcode), "{json}");
        assert_eq!(run.energy_used, number(&json, "energy_used"));
        assert_eq!(hex::encode(&run.returned), json["constant_result"][0].as_str().unwrap_or_default());
        Ok(true)
    });
    assert!(["ran", "reverted", "broke", "not run"].iter().all(|end| ends.contains_key(end)), "{ends:?}");
}
