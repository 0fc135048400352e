//! The bytes of a transaction object, put together by a way of its own: the replay must not borrow it from the sandbox that it
//! judges.

use payoutd_actors::domain::tron::protobuf::{
    Any, Contract, Message, Raw, TRANSFER_CONTRACT, TRIGGER_SMART_CONTRACT, TransferContract,
    TriggerSmartContract,
};

use super::ordered::Tree;

/// `raw_data` of an object as bytes; `None` when it lacks something.
pub(super) fn raw_of(object: &Tree) -> Option<Vec<u8>> {
    let raw = object.get("raw_data")?;
    let Tree::List(contracts) = raw.get("contract")? else { return None };
    let contracts = contracts.iter().map(contract_of).collect::<Option<Vec<_>>>()?;
    let raw = Raw {
        ref_block_bytes: bytes(raw, "ref_block_bytes"),
        ref_block_hash: bytes(raw, "ref_block_hash"),
        expiration: number(raw, "expiration"),
        data: bytes(raw, "data"),
        contracts,
        timestamp: number(raw, "timestamp"),
        fee_limit: number(raw, "fee_limit"),
        ..Raw::default()
    };
    Some(raw.encode())
}

fn contract_of(contract: &Tree) -> Option<Contract> {
    let parameter = contract.get("parameter")?;
    let value = parameter.get("value")?;
    let (kind, value) = match contract.get("type")?.text()? {
        "TransferContract" => (
            TRANSFER_CONTRACT,
            TransferContract {
                owner_address: address(value, "owner_address"),
                to_address: address(value, "to_address"),
                amount: number(value, "amount"),
            }
            .encode(),
        ),
        "TriggerSmartContract" => (
            TRIGGER_SMART_CONTRACT,
            TriggerSmartContract {
                owner_address: address(value, "owner_address"),
                contract_address: address(value, "contract_address"),
                call_value: number(value, "call_value"),
                data: bytes(value, "data"),
                ..TriggerSmartContract::default()
            }
            .encode(),
        ),
        _ => return None,
    };
    let type_url = parameter.get("type_url")?.text()?.to_owned();
    let permission_id = number(contract, "Permission_id");
    Some(Contract { kind, parameter: Any { type_url, value }, permission_id })
}

fn bytes(object: &Tree, key: &str) -> Vec<u8> {
    object.get(key).and_then(Tree::text).and_then(|text| hex::decode(text).ok()).unwrap_or_default()
}

fn number(object: &Tree, key: &str) -> i64 {
    match object.get(key) {
        Some(Tree::Text(text)) => text.parse().unwrap_or_default(),
        Some(value) => value.number().unwrap_or_default(),
        None => 0,
    }
}

fn address(object: &Tree, key: &str) -> Vec<u8> {
    let text = object.get(key).and_then(Tree::text).unwrap_or_default();
    if text.starts_with('T') {
        return bs58::decode(text).with_check(None).into_vec().unwrap_or_default();
    }
    bytes(object, key)
}
