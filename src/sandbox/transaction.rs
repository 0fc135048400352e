//! Transactions as a node's JSON has them: printed by its two hands, and put together again from what a client posts.
//!
//! `broadcasttransaction` trusts only `raw_data` and `signature`: the node builds the bytes anew from them, so the id of what it
//! hashed may differ from the one that the client named. Here it is the same.
//!
//! Never here: whether a transaction is any good. That is the chain's to say.

use payoutd_actors::{
    domain::tron::protobuf::{
        self, Any, Contract, Message, Raw, TRANSFER_CONTRACT, TRANSFER_URL, TRIGGER_SMART_CONTRACT,
        TRIGGER_URL, TransferContract, TriggerSmartContract,
    },
    fakes::sim_chain::{ContractCall, ContractResult, Transaction, TransactionContract},
};
use serde_json::{Map, Value};

use super::{
    ask::{JavaError, Read, from_base58, from_hex},
    json::{Fields, Json},
    printed,
};

/// What a transaction object says about the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ret {
    /// Nothing: the transaction was only built.
    Unsaid,
    /// The result of an execution.
    Of(ContractResult),
    /// A constant call that went well.
    Constant,
    /// A constant call that failed.
    ConstantFailed,
}

/// An address as an exchange wants it: base58 when visible, hex otherwise.
pub(crate) fn address(payload: &[u8], visible: bool) -> String {
    if visible { bs58::encode(payload).with_check().into_string() } else { hex::encode(payload) }
}

/// A transaction as a client reads it: in blocks, by id, and as what `triggersmartcontract` built.
pub(crate) fn printed(transaction: &Transaction, ret: Ret, visible: bool) -> Fields {
    let mut fields = Fields::new();
    let said = match ret {
        Ret::Unsaid => None,
        Ret::Of(result) => Some(Fields::new().with("contractRet", result.word())),
        Ret::Constant => Some(Fields::new()),
        Ret::ConstantFailed => Some(Fields::new().with("ret", "FAILED")),
    };
    if let Some(said) = said {
        fields.put("ret", vec![Json::Object(said)]);
    }
    if !transaction.signatures.is_empty() {
        fields.put("signature", signatures(transaction));
    }
    fields.put("txID", transaction.txid.to_string());
    fields.put("raw_data", raw_data(transaction, visible));
    fields.put("raw_data_hex", hex::encode(&transaction.raw_data));
    fields
}

fn signatures(transaction: &Transaction) -> Vec<Json> {
    transaction.signatures.iter().map(|signature| Json::text(hex::encode(signature))).collect()
}

/// `raw_data` with its contract decoded, as clients read it.
fn raw_data(transaction: &Transaction, visible: bool) -> Fields {
    let contracts =
        transaction.contracts.iter().map(|contract| Json::Object(decoded_contract(contract, visible)));
    let contracts = contracts.collect::<Vec<_>>();
    Fields::new()
        .with_nonempty("data", hex::encode(&transaction.memo))
        .with("contract", contracts)
        .with_nonempty("ref_block_bytes", hex::encode(&transaction.ref_block_bytes))
        .with_nonempty("ref_block_hash", hex::encode(&transaction.ref_block_hash))
        .with_nonzero("expiration", transaction.expiration_ms)
        .with_nonzero("fee_limit", transaction.fee_limit_sun)
        .with_nonzero("timestamp", transaction.timestamp_ms)
}

fn decoded_contract(contract: &TransactionContract, visible: bool) -> Fields {
    let mut fields = Fields::new();
    if let Some(value) = decoded_call(&contract.call, visible) {
        let url = contract.type_url.as_str();
        fields.put("parameter", Fields::new().with("value", value).with("type_url", url));
    }
    fields.with("type", kind_name(contract.kind)).with_nonzero("Permission_id", contract.permission_id)
}

fn decoded_call(call: &ContractCall, visible: bool) -> Option<Fields> {
    Some(match call {
        ContractCall::Transfer(transfer) => Fields::new()
            .with_nonzero("amount", transfer.amount)
            .with_nonempty("owner_address", address(&transfer.owner_address, visible))
            .with_nonempty("to_address", address(&transfer.to_address, visible)),
        ContractCall::Trigger(call) => Fields::new()
            .with_nonempty("data", hex::encode(&call.data))
            .with_nonzero("token_id", call.token_id)
            .with_nonempty("owner_address", address(&call.owner_address, visible))
            .with_nonempty("contract_address", address(&call.contract_address, visible))
            .with_nonzero("call_value", call.call_value)
            .with_nonzero("call_token_value", call.call_token_value),
        ContractCall::PermissionUpdate(update) => {
            let actives =
                update.actives.iter().map(|active| Json::Object(printed::permission(active, visible)));
            let actives = actives.collect::<Vec<_>>();
            Fields::new()
                .with_nonempty("owner_address", address(&update.owner_address, visible))
                .with("owner", printed::permission(&update.owner, visible))
                .with("actives", actives)
        }
        ContractCall::Unreadable => return None,
    })
}

/// A transaction as protobuf prints it, the contract's value in hex: what `broadcasthex` repeats to its client.
pub(crate) fn repeated(transaction: &Transaction) -> String {
    let mut fields = Fields::new();
    if !transaction.raw_data.is_empty() {
        fields.put("raw_data", repeated_raw_data(transaction));
    }
    if !transaction.signatures.is_empty() {
        fields.put("signature", signatures(transaction));
    }
    Json::Object(fields).protobuf()
}

fn repeated_raw_data(transaction: &Transaction) -> Fields {
    let contracts = transaction.contracts.iter().map(|contract| {
        let parameter = Fields::new()
            .with_nonempty("type_url", contract.type_url.as_str())
            .with_nonempty("value", hex::encode(&contract.value));
        let mut fields = Fields::new();
        if contract.kind != 0 {
            fields.put("type", kind_name(contract.kind));
        }
        Json::Object(
            fields.with("parameter", parameter).with_nonzero("Permission_id", contract.permission_id),
        )
    });
    let contracts = contracts.collect::<Vec<_>>();
    let mut fields = Fields::new()
        .with_nonempty("ref_block_bytes", hex::encode(&transaction.ref_block_bytes))
        .with_nonzero("ref_block_num", transaction.ref_block_num)
        .with_nonempty("ref_block_hash", hex::encode(&transaction.ref_block_hash))
        .with_nonzero("expiration", transaction.expiration_ms)
        .with_nonempty("data", hex::encode(&transaction.memo));
    if !contracts.is_empty() {
        fields.put("contract", contracts);
    }
    fields
        .with_nonempty("scripts", hex::encode(&transaction.scripts))
        .with_nonzero("timestamp", transaction.timestamp_ms)
        .with_nonzero("fee_limit", transaction.fee_limit_sun)
}

/// The bytes that a node makes of a posted transaction object: from `raw_data` and `signature` alone.
pub(crate) fn rebuilt(object: &Map<String, Value>) -> Read<Vec<u8>> {
    let visible = object.get("visible").and_then(Value::as_bool).unwrap_or(false);
    let Some(Value::Object(raw_data)) = object.get("raw_data") else {
        return Err(JavaError::null_pointer(
            "Cannot invoke \"com.alibaba.fastjson.JSONObject.getJSONArray(String)\" because \"rawData\" is null",
        ));
    };
    let Some(Value::Array(contracts)) = raw_data.get("contract") else {
        return Err(JavaError::null_pointer(
            "Cannot invoke \"com.alibaba.fastjson.JSONArray.size()\" because \"rawContractArray\" is null",
        ));
    };
    // A contract that cannot be read is left out, and the transaction then has none.
    let contracts = contracts.iter().filter_map(|contract| rebuilt_contract(contract, visible)).collect();
    rebuilt_raw_data(raw_data, contracts).and_then(|raw| rebuilt_signatures(object, raw)).ok_or_else(|| {
        JavaError::null_pointer(
            "Cannot invoke \"org.tron.protos.Protocol$Transaction.getRawData()\" because \"this.transaction\" is null",
        )
    })
}

fn rebuilt_raw_data(raw_data: &Map<String, Value>, contracts: Vec<Contract>) -> Option<Raw> {
    Some(Raw {
        ref_block_bytes: bytes(raw_data, "ref_block_bytes")?,
        ref_block_num: number(raw_data, "ref_block_num")?,
        ref_block_hash: bytes(raw_data, "ref_block_hash")?,
        expiration: number(raw_data, "expiration")?,
        data: bytes(raw_data, "data")?,
        contracts,
        scripts: bytes(raw_data, "scripts")?,
        timestamp: number(raw_data, "timestamp")?,
        fee_limit: number(raw_data, "fee_limit")?,
    })
}

fn rebuilt_signatures(object: &Map<String, Value>, raw: Raw) -> Option<Vec<u8>> {
    let signatures = match object.get("signature") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(one)) => vec![from_hex(one)?],
        Some(Value::Array(many)) => {
            many.iter().map(|signature| from_hex(signature.as_str()?)).collect::<Option<Vec<_>>>()?
        }
        Some(_) => return None,
    };
    Some(protobuf::Transaction { raw_data: raw.encode(), signatures, ret: Vec::new() }.encode())
}

fn rebuilt_contract(contract: &Value, visible: bool) -> Option<Contract> {
    let parameter = contract.get("parameter")?;
    let value = parameter.get("value")?.as_object()?;
    let (kind, value) = match contract.get("type")?.as_str()? {
        "TransferContract" => (
            TRANSFER_CONTRACT,
            TransferContract {
                owner_address: payload(value, "owner_address", visible)?,
                to_address: payload(value, "to_address", visible)?,
                amount: number(value, "amount")?,
            }
            .encode(),
        ),
        "TriggerSmartContract" => (
            TRIGGER_SMART_CONTRACT,
            TriggerSmartContract {
                owner_address: payload(value, "owner_address", visible)?,
                contract_address: payload(value, "contract_address", visible)?,
                call_value: number(value, "call_value")?,
                data: bytes(value, "data")?,
                call_token_value: number(value, "call_token_value")?,
                token_id: number(value, "token_id")?,
            }
            .encode(),
        ),
        _ => return None,
    };
    let type_url = parameter.get("type_url").and_then(Value::as_str).unwrap_or_default().to_owned();
    let permission_id = contract.get("Permission_id").and_then(Value::as_i64).unwrap_or_default();
    Some(Contract { kind, parameter: Any { type_url, value }, permission_id })
}

/// An unsigned transaction around one contract: what a node builds for a client.
pub(crate) fn built(
    contract: BuiltContract,
    ref_block: ([u8; 2], [u8; 8]),
    times: BuiltTimes,
    fee_limit_sun: i64,
    permission_id: i64,
) -> Option<Transaction> {
    let (kind, type_url, value) = match contract {
        BuiltContract::Transfer(transfer) => (TRANSFER_CONTRACT, TRANSFER_URL, transfer.encode()),
        BuiltContract::Call(call) => (TRIGGER_SMART_CONTRACT, TRIGGER_URL, call.encode()),
    };
    let raw = Raw {
        ref_block_bytes: ref_block.0.to_vec(),
        ref_block_hash: ref_block.1.to_vec(),
        expiration: times.expires_at_ms,
        contracts: vec![Contract {
            kind,
            parameter: Any { type_url: type_url.to_owned(), value },
            permission_id,
        }],
        timestamp: times.made_at_ms,
        fee_limit: fee_limit_sun,
        ..Raw::default()
    };
    Transaction::from_parts(&raw.encode(), Vec::new(), Vec::new()).ok()
}

/// What a node builds a transaction around.
pub(crate) enum BuiltContract {
    /// TRX from one account to another.
    Transfer(TransferContract),
    /// A call of a contract.
    Call(TriggerSmartContract),
}

/// The two times of a built transaction, in unix milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct BuiltTimes {
    /// `timestamp`.
    pub(crate) made_at_ms: i64,
    /// `expiration`.
    pub(crate) expires_at_ms: i64,
}

fn bytes(fields: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    match fields.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::String(text)) => from_hex(text),
        Some(_) => None,
    }
}

fn number(fields: &Map<String, Value>, name: &str) -> Option<i64> {
    match fields.get(name) {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_i64(),
    }
}

fn payload(fields: &Map<String, Value>, name: &str, visible: bool) -> Option<Vec<u8>> {
    match fields.get(name) {
        Some(Value::String(text)) if visible => from_base58(text, 0).ok(),
        _ => bytes(fields, name),
    }
}

/// The name of a contract type, also of those that the simulated chain does not run.
fn kind_name(kind: i64) -> String {
    let known = KINDS.iter().find(|(number, _)| *number == kind);
    known.map_or_else(
        || format!("UNKNOWN_ENUM_VALUE_ContractType_{kind}"),
        |(_, name)| format!("{name}Contract"),
    )
}

/// `ContractType` of Tron.proto; every name ends with `Contract`.
const KINDS: [(i64, &str); 39] = [
    (0, "AccountCreate"),
    (1, "Transfer"),
    (2, "TransferAsset"),
    (3, "VoteAsset"),
    (4, "VoteWitness"),
    (5, "WitnessCreate"),
    (6, "AssetIssue"),
    (8, "WitnessUpdate"),
    (9, "ParticipateAssetIssue"),
    (10, "AccountUpdate"),
    (11, "FreezeBalance"),
    (12, "UnfreezeBalance"),
    (13, "WithdrawBalance"),
    (14, "UnfreezeAsset"),
    (15, "UpdateAsset"),
    (16, "ProposalCreate"),
    (17, "ProposalApprove"),
    (18, "ProposalDelete"),
    (19, "SetAccountId"),
    (20, "Custom"),
    (30, "CreateSmart"),
    (31, "TriggerSmart"),
    (32, "Get"),
    (33, "UpdateSetting"),
    (41, "ExchangeCreate"),
    (42, "ExchangeInject"),
    (43, "ExchangeWithdraw"),
    (44, "ExchangeTransaction"),
    (45, "UpdateEnergyLimit"),
    (46, "AccountPermissionUpdate"),
    (48, "ClearABI"),
    (49, "UpdateBrokerage"),
    (51, "ShieldedTransfer"),
    (52, "MarketSellAsset"),
    (53, "MarketCancelOrder"),
    (54, "FreezeBalanceV2"),
    (55, "UnfreezeBalanceV2"),
    (57, "DelegateResource"),
    (58, "UnDelegateResource"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = r#"{"signature":["95cdf058b5ec927d215ced24574cb1b46dbc694ce7b6af8fbf2f1898ba47ef620e785c7fbfa5628c2063c4214c7234d3df94e38781a2daa50fc33a1ccd4a4c0c1c"],"txID":"844e2eae60c4ab5dedf48c69806ff0f0a343a094215012a5688355f147688d3e","raw_data":{"contract":[{"parameter":{"value":{"data":"a9059cbb00000000000000000000000057e94cd4e040b26531cfcf15a4581b5ed7ff9195000000000000000000000000000000000000000000000000000000000012d687","owner_address":"419049d94d380302f4dadc70635de1b0c1c944f4e7","contract_address":"410c18529ab7194d41e1a15e0fbe011bd7bd9289c0"},"type_url":"type.googleapis.com/protocol.TriggerSmartContract"},"type":"TriggerSmartContract"}],"ref_block_bytes":"047b","ref_block_hash":"6ea153d6f486d1df","expiration":1795248972000,"fee_limit":1000000000,"timestamp":1795248672206},"raw_data_hex":"0a02047b22086ea153d6f486d1df40e0c1b5e99f345aae01081f12a9010a31747970652e676f6f676c65617069732e636f6d2f70726f746f636f6c2e54726967676572536d617274436f6e747261637412740a15419049d94d380302f4dadc70635de1b0c1c944f4e71215410c18529ab7194d41e1a15e0fbe011bd7bd9289c02244a9059cbb00000000000000000000000057e94cd4e040b26531cfcf15a4581b5ed7ff9195000000000000000000000000000000000000000000000000000000000012d68770ce9ba3e99f3490018094ebdc03"}"#;

    fn recorded() -> Map<String, Value> {
        serde_json::from_str(RECORDED).unwrap()
    }

    /// A java-tron 4.8 node printed these very bytes.
    #[test]
    fn what_a_node_printed_is_rebuilt_and_printed_again_to_the_byte() {
        let transaction = Transaction::parse(&rebuilt(&recorded()).unwrap()).unwrap();
        assert_eq!(Json::Object(printed(&transaction, Ret::Unsaid, false)).hashed(), RECORDED);
    }

    #[test]
    fn a_visible_transaction_becomes_the_same_bytes() {
        let bytes = rebuilt(&recorded()).unwrap();
        let transaction = Transaction::parse(&bytes).unwrap();
        let visible = Json::Object(printed(&transaction, Ret::Unsaid, true).with("visible", true)).hashed();
        assert!(visible.contains("TP88mnkKZxi2V23uowvUqajoHHdAx793kr"));
        assert_eq!(rebuilt(&serde_json::from_str(&visible).unwrap()).unwrap(), bytes);
    }

    #[test]
    fn numbers_as_text_and_a_missing_raw_data_are_null_pointers() {
        let mut object = recorded();
        object["raw_data"]["expiration"] = Value::String("1795248972000".to_owned());
        assert!(rebuilt(&object).unwrap_err().sentence().contains("this.transaction"));
        object.remove("raw_data");
        assert!(rebuilt(&object).unwrap_err().sentence().contains("rawData"));
    }
}
