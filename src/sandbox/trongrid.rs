//! TronGrid's `v1` calls, as far as clients ask a hosted service for what a node does not index: the events of a transaction, and
//! an account's token transfers.
//!
//! Indexed answers are for reports and second opinions. Here they come from the node's own blocks, so they are never behind.

use payoutd_actors::{
    domain::{address::Address, tron::TxId, tron::hash::keccak256},
    fakes::sim_chain::{
        AbiEntry, AbiParameter, Finality, Log, NodeId, SimChain, TransactionInfo, TransferFilter,
    },
};

use super::{
    abi,
    ask::Ask,
    json::{Fields, Json},
    printed::{address, int},
    reply::Reply,
};

/// Rows on a page when nothing is said, and at most.
const LIMIT: usize = 20;
const LIMIT_MAX: usize = 200;

/// What a path of `v1` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `v1/transactions/{id}/events`.
    Events(String),
    /// `v1/accounts/{address}/transactions/trc20`.
    TokenTransfers(String),
}

/// What a path means; `None` when it is not served.
pub(crate) fn asked(path: &str) -> Option<Asked> {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["v1", "transactions", id, "events"] => Some(Asked::Events((*id).to_owned())),
        ["v1", "accounts", account, "transactions", "trc20"] => {
            Some(Asked::TokenTransfers((*account).to_owned()))
        }
        _ => None,
    }
}

/// The answer of the service that stands in front of a node.
pub(crate) fn answer(chain: &SimChain, node: NodeId, asked: &Asked, ask: &Ask) -> Reply {
    match asked {
        Asked::Events(id) => events(chain, node, id, ask),
        Asked::TokenTransfers(account) => token_transfers(chain, account, ask),
    }
}

fn events(chain: &SimChain, node: NodeId, id: &str, ask: &Ask) -> Reply {
    let txid = hex::decode(id).ok().and_then(|bytes| TxId::from_slice(&bytes));
    let Some(txid) = txid else { return complaint("invalid transaction id") };
    let confirmed = chain.view(node, Finality::Solid).transaction_info_by_id(txid);
    let only_confirmed = flag(ask, "only_confirmed");
    let unconfirmed = confirmed.is_none();
    let info = confirmed.or_else(|| chain.view(node, Finality::Head).transaction_info_by_id(txid));
    let info = info.filter(|_| !(unconfirmed && only_confirmed));
    let rows = info.iter().flat_map(|info| {
        let logs = info.receipt.logs.iter().enumerate();
        logs.map(|(index, log)| Json::Object(event(chain, node, info, index, log, unconfirmed)))
    });
    page(chain, rows.collect())
}

fn event(
    chain: &SimChain,
    node: NodeId,
    info: &TransactionInfo,
    index: usize,
    log: &Log,
    unconfirmed: bool,
) -> Fields {
    let view = chain.view(node, Finality::Head);
    let entries = view.contract(log.address).map(|contract| contract.abi()).unwrap_or_default();
    let known = entries.iter().find(|entry| {
        let hash = keccak256(abi::signature(entry).as_bytes());
        entry.kind == "Event" && log.topics.first().is_some_and(|topic| *topic.as_bytes() == hash)
    });
    let (result, result_type) = known.map(|event| values(event, log)).unwrap_or_default();
    let fields = Fields::new()
        .with("block_number", int(info.block_number))
        .with("block_timestamp", int(info.block_timestamp_ms))
        .with("caller_contract_address", address(info.receipt.contract.unwrap_or(log.address), true))
        .with("contract_address", address(log.address, true))
        .with("event_index", int(index as u64))
        .with("event_name", known.map_or("", |event| event.name))
        .with("result", result)
        .with("result_type", result_type)
        .with("event", known.map(abi::declaration).unwrap_or_default())
        .with("transaction_id", info.txid.to_string());
    if unconfirmed { fields.with("_unconfirmed", true) } else { fields }
}

/// The values of an event, by place and by name, and their types by name.
fn values(event: &AbiEntry, log: &Log) -> (Fields, Fields) {
    let mut topics = log.topics.iter().skip(1);
    let mut words = log.data.chunks(32);
    let (mut result, mut types) = (Fields::new(), Fields::new());
    for (place, input) in event.inputs.iter().enumerate() {
        let word = if input.indexed {
            topics.next().map(|topic| topic.as_bytes().to_vec())
        } else {
            words.next().map(<[u8]>::to_vec)
        };
        let value = value(input, &word.unwrap_or_default(), &log.data);
        result.put(&place.to_string(), value.as_str());
        if !input.name.is_empty() {
            result.put(input.name, value);
            types.put(input.name, input.kind);
        }
    }
    (result, types)
}

/// Addresses are 0x and 20 bytes, numbers decimal, everything else hex.
fn value(input: &AbiParameter, word: &[u8], data: &[u8]) -> String {
    match input.kind {
        "address" => word.get(12..).map(|bytes| format!("0x{}", hex::encode(bytes))).unwrap_or_default(),
        "string" => text(word, data).unwrap_or_default(),
        "bool" => (word.last() == Some(&1)).to_string(),
        kind if kind.starts_with("uint") => decimal(word),
        _ => hex::encode(word),
    }
}

/// The string that a word points to.
fn text(word: &[u8], data: &[u8]) -> Option<String> {
    let start = usize::try_from(low_u64(word)?).ok()?;
    let length = usize::try_from(low_u64(data.get(start..start.checked_add(32)?)?)?).ok()?;
    let from = start.checked_add(32)?;
    Some(String::from_utf8_lossy(data.get(from..from.checked_add(length)?)?).into_owned())
}

/// A word as a decimal number, of any size.
fn decimal(word: &[u8]) -> String {
    let mut digits = vec![0u8];
    for byte in word {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

fn low_u64(word: &[u8]) -> Option<u64> {
    let (high, low) = word.split_at_checked(word.len().checked_sub(8)?)?;
    high.iter()
        .all(|byte| *byte == 0)
        .then(|| low.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn token_transfers(chain: &SimChain, account: &str, ask: &Ask) -> Reply {
    let Ok(account) = account.parse::<Address>() else { return complaint("invalid address") };
    let token = ask.query("contract_address").and_then(|text| text.parse().ok());
    let confirmed = match (flag(ask, "only_confirmed"), flag(ask, "only_unconfirmed")) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let number = |name: &str| ask.query(name).and_then(|text| text.parse().ok());
    let limit =
        number("limit").and_then(|limit: u64| usize::try_from(limit).ok()).unwrap_or(LIMIT).min(LIMIT_MAX);
    let start = ask.query("fingerprint").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut filter = TransferFilter {
        token,
        since_ms: number("min_timestamp"),
        until_ms: number("max_timestamp"),
        confirmed,
        ..TransferFilter::default()
    };
    match (flag(ask, "only_to"), flag(ask, "only_from")) {
        (true, _) => filter.to = Some(account),
        (_, true) => filter.from = Some(account),
        _ => filter.related = Some(account),
    }
    let rows = all_transfers(chain, filter, ask.query("order_by") == Some("block_timestamp,asc"));
    let more = rows.len() > start + limit;
    let shown = rows.into_iter().skip(start).take(limit).collect::<Vec<_>>();
    let meta = Fields::new().with("at", int(chain.now_ms()));
    let meta = meta.with_some("fingerprint", more.then(|| (start + limit).to_string()));
    let meta = meta.with("page_size", int(shown.len() as u64));
    Reply::json(
        Json::Object(Fields::new().with("data", shown).with("success", true).with("meta", meta)).plain(),
    )
}

/// Every matching row, newest first unless the oldest is wanted first.
fn all_transfers(chain: &SimChain, mut filter: TransferFilter, oldest_first: bool) -> Vec<Json> {
    let mut rows = Vec::new();
    loop {
        filter.limit = LIMIT_MAX;
        filter.start = rows.len();
        let page = chain.tronscan().transfers(&filter).transfers;
        if page.is_empty() {
            break;
        }
        rows.extend(page.into_iter().map(|row| {
            let token = Fields::new()
                .with("symbol", "USDT")
                .with("address", address(row.token, true))
                .with("decimals", 6i64)
                .with("name", "Tether USD");
            let fields = Fields::new()
                .with("transaction_id", row.txid.to_string())
                .with("token_info", token)
                .with("block_timestamp", int(row.timestamp_ms))
                .with("from", address(row.from, true))
                .with("to", address(row.to, true))
                .with("type", "Transfer")
                .with("value", row.amount.to_string());
            Json::Object(fields)
        }));
    }
    if oldest_first {
        rows.reverse();
    }
    rows
}

fn page(chain: &SimChain, rows: Vec<Json>) -> Reply {
    let meta = Fields::new().with("at", int(chain.now_ms())).with("page_size", int(rows.len() as u64));
    Reply::json(
        Json::Object(Fields::new().with("data", rows).with("success", true).with("meta", meta)).plain(),
    )
}

fn complaint(words: &str) -> Reply {
    let fields = Fields::new().with("success", false).with("error", words).with("statusCode", 400i64);
    Reply { status: actix_web::http::StatusCode::BAD_REQUEST, ..Reply::json(Json::Object(fields).plain()) }
}

fn flag(ask: &Ask, name: &str) -> bool {
    ask.query(name) == Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_becomes_a_decimal_number_of_any_size() {
        assert_eq!(decimal(&[0; 32]), "0");
        assert_eq!(decimal(&1_234_567u64.to_be_bytes()), "1234567");
        assert_eq!(
            decimal(&[0xff; 32]),
            "115792089237316195423570985008687907853269984665640564039457584007913129639935"
        );
    }

    #[test]
    fn paths_are_read_by_their_parts() {
        assert_eq!(asked("v1/transactions/ab/events"), Some(Asked::Events("ab".into())));
        assert_eq!(asked("v1/accounts/T/transactions/trc20"), Some(Asked::TokenTransfers("T".into())));
        assert_eq!(asked("v1/accounts/T"), None);
    }
}
