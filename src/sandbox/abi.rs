//! The ABIs of the simulated contracts, written as one reads them and printed as a node prints them.
//!
//! A public SDK asks `wallet/getcontract` before it calls: it finds the functions here, so what is listed is what the simulated
//! contracts do, no more.

use super::json::{Fields, Json};

/// USDT on TRON, as far as the simulated token goes.
pub(crate) const USDT: &[&str] = &[
    "view name() returns (string)",
    "view symbol() returns (string)",
    "view decimals() returns (uint8)",
    "view totalSupply() returns (uint256)",
    "view balanceOf(address who) returns (uint256)",
    "view allowance(address, address) returns (uint256)",
    "view deprecated() returns (bool)",
    "view upgradedAddress() returns (address)",
    "view paused() returns (bool)",
    "view owner() returns (address)",
    "view basisPointsRate() returns (uint256)",
    "view maximumFee() returns (uint256)",
    "view isBlackListed(address) returns (bool)",
    "view getBlackListStatus(address who) returns (bool)",
    "function transfer(address to, uint256 value) returns (bool)",
    "function transferFrom(address from, address to, uint256 value) returns (bool)",
    "function approve(address spender, uint256 value) returns (bool)",
    "event Transfer(address indexed from, address indexed to, uint256 value)",
    "event Approval(address indexed owner, address indexed spender, uint256 value)",
];

/// The router without compliance.
pub(crate) const ROUTER_V0: &[&str] = &[
    "event Paid(bytes32 indexed sessionId, address indexed to, uint256 amount, string reason)",
    "function disburse(bytes32 sessionId, address to, uint256 amount, string reason)",
    "view token() returns (address)",
    "view isPaid(bytes32) returns (bool)",
];

/// The router that wants a compliance officer's signature.
pub(crate) const ROUTER_KYC: &[&str] = &[
    "event Paid(bytes32 indexed sessionId, address indexed to, uint256 amount, string reason)",
    "function disburseKYC(bytes32 sessionId, address to, uint256 amount, string reason, bytes32 kycHash, uint256 expiry, uint8 v, bytes32 r, bytes32 s)",
    "view officer() returns (address)",
    "view token() returns (address)",
    "view isPaid(bytes32) returns (bool)",
];

/// An ABI as `wallet/getcontract` prints it.
pub(crate) fn printed(lines: &[&str]) -> Json {
    let entries = lines.iter().filter_map(|line| entry(line)).map(Json::Object).collect::<Vec<_>>();
    Json::Object(Fields::new().with("entrys", entries))
}

/// The signature by which an event or a function is known, with the words that indexers keep: `Transfer(address indexed from, …)`.
pub(crate) fn declaration(lines: &[&str], name: &str) -> Option<String> {
    lines.iter().find_map(|line| {
        let (_, declared) = line.split_once(' ')?;
        let (found, _) = declared.split_once('(')?;
        (found == name).then(|| declared.split(" returns").next().unwrap_or(declared).to_owned())
    })
}

fn entry(line: &str) -> Option<Fields> {
    let (kind, declared) = line.split_once(' ')?;
    let (name, rest) = declared.split_once('(')?;
    let (inputs, rest) = rest.split_once(')')?;
    let outputs = rest.split_once("returns (").and_then(|(_, outputs)| outputs.split_once(')'));
    let mut fields = Fields::new();
    if let Some((outputs, _)) = outputs {
        fields.put("outputs", arguments(outputs));
    }
    if kind == "view" {
        fields.put("constant", true);
    }
    if !inputs.is_empty() {
        fields.put("inputs", arguments(inputs));
    }
    fields.put("name", name);
    match kind {
        "event" => fields.put("type", "Event"),
        "view" => {
            fields.put("stateMutability", "View");
            fields.put("type", "Function");
        }
        _ => {
            fields.put("stateMutability", "Nonpayable");
            fields.put("type", "Function");
        }
    }
    Some(fields)
}

/// `address indexed from` → `{"indexed":true,"name":"from","type":"address"}`.
fn arguments(list: &str) -> Vec<Json> {
    let argument = |text: &str| {
        let mut words = text.trim().split(' ');
        let kind = words.next().unwrap_or_default();
        let mut fields = Fields::new();
        for word in words {
            match word {
                "indexed" => fields.put("indexed", true),
                name => fields.put("name", name),
            }
        }
        Json::Object(fields.with("type", kind))
    };
    list.split(',').map(argument).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms are those of a java-tron 4.8 node.
    #[test]
    fn functions_views_and_events_are_printed_as_a_node_prints_them() {
        let printed_one = |line| printed(&[line]).hashed();
        assert_eq!(
            printed_one("function transfer(address to, uint256 value) returns (bool)"),
            r#"{"entrys":[{"outputs":[{"type":"bool"}],"inputs":[{"name":"to","type":"address"},{"name":"value","type":"uint256"}],"name":"transfer","stateMutability":"Nonpayable","type":"Function"}]}"#
        );
        assert_eq!(
            printed_one("view symbol() returns (string)"),
            r#"{"entrys":[{"outputs":[{"type":"string"}],"constant":true,"name":"symbol","stateMutability":"View","type":"Function"}]}"#
        );
        assert_eq!(
            printed_one(USDT[17]),
            r#"{"entrys":[{"inputs":[{"indexed":true,"name":"from","type":"address"},{"indexed":true,"name":"to","type":"address"},{"name":"value","type":"uint256"}],"name":"Transfer","type":"Event"}]}"#
        );
    }

    #[test]
    fn an_event_is_declared_in_the_words_of_its_abi() {
        assert_eq!(
            declaration(USDT, "Transfer").as_deref(),
            Some("Transfer(address indexed from, address indexed to, uint256 value)")
        );
        assert_eq!(declaration(USDT, "Mint"), None);
    }
}
