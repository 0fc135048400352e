//! TronScan's two calls that payoutd asks: one transaction, and token transfers by page. Its index is seconds behind the head and
//! may lie; its status code is its word on errors.

use actix_web::http::StatusCode;
use payoutd_actors::{
    domain::{address::Address, tron::TxId},
    fakes::sim_chain::{
        Answer, ContractCall, ContractResult, IndexedTransaction, IndexedTransfer, Lost, SimChain,
        Transaction, TransferFilter, TransferPage,
    },
};

use super::{
    ask::Ask,
    json::{Fields, Json},
    printed::{address, int},
    reply::Reply,
};

/// Rows on a page when nothing is said.
const LIMIT: usize = 10;

/// Whether a path is TronScan's.
pub(crate) fn serves(path: &str) -> bool {
    matches!(path, "api/transaction-info" | "api/token_trc20/transfers")
}

/// TronScan's answer.
pub(crate) fn answer(chain: &mut SimChain, ask: &Ask) -> Reply {
    let answered = match ask.path.as_str() {
        "api/transaction-info" => transaction_info(chain, ask),
        _ => transfers(chain, ask),
    };
    match answered {
        Answer::Reply(reply) => reply,
        Answer::Lost(lost) => lost_reply(lost),
    }
}

fn transaction_info(chain: &mut SimChain, ask: &Ask) -> Answer<Reply> {
    let txid =
        ask.query("hash").and_then(|text| hex::decode(text).ok()).and_then(|bytes| TxId::from_slice(&bytes));
    let indexed = chain.ask_tronscan(|index| txid.and_then(|txid| index.transaction_info(txid)));
    indexed.map(|indexed| match indexed {
        // `{}` is "unknown", which may also mean "not yet".
        None => plain(Fields::new()),
        Some(indexed) => plain(transaction(&indexed)),
    })
}

fn transfers(chain: &mut SimChain, ask: &Ask) -> Answer<Reply> {
    let who = |name: &str| ask.query(name).and_then(|text| text.parse::<Address>().ok());
    let number = |name: &str| ask.query(name).and_then(|text| text.parse::<u64>().ok());
    let count = |name: &str| number(name).and_then(|number| usize::try_from(number).ok());
    let filter = TransferFilter {
        token: who("contract_address"),
        related: who("relatedAddress"),
        from: who("fromAddress"),
        to: who("toAddress"),
        block: number("block"),
        since_ms: number("start_timestamp"),
        until_ms: number("end_timestamp"),
        confirmed: match ask.query("confirm") {
            Some("0") => Some(true),
            Some("1") => Some(false),
            _ => None,
        },
        start: count("start").unwrap_or(0),
        limit: count("limit").unwrap_or(LIMIT),
    };
    chain.ask_tronscan(|index| index.transfers(&filter)).map(|page| plain(page_fields(&page)))
}

fn transaction(indexed: &IndexedTransaction) -> Fields {
    let info = &indexed.info;
    let receipt = &info.receipt;
    let read = indexed.transaction.read();
    let owner =
        read.as_ref().and_then(Transaction::owner).map(|owner| address(owner, true)).unwrap_or_default();
    let failed = info.failed();
    let cost = Fields::new()
        .with("net_fee", int(receipt.net_fee_sun))
        .with("energy_penalty_total", int(receipt.energy_penalty_total))
        .with("energy_usage", int(receipt.energy_usage))
        .with("fee", int(receipt.fee_sun))
        .with("energy_fee", int(receipt.energy_fee_sun))
        .with("energy_usage_total", int(receipt.energy_usage_total))
        .with("origin_energy_usage", 0i64)
        .with("net_usage", int(receipt.net_usage));
    let rows = indexed.transfers.iter().map(|row| Json::Object(moved(row))).collect::<Vec<_>>();
    let confirmed_by = indexed.confirmed_by.iter().map(|(witness, block)| {
        let witness = Fields::new().with("address", address(*witness, true)).with("name", "").with("url", "");
        Json::Object(witness.with("block", int(*block)))
    });
    let fields = Fields::new()
        .with("block", int(info.block_number))
        .with("hash", info.txid.to_string())
        .with("timestamp", int(info.block_timestamp_ms))
        .with("ownerAddress", owner)
        .with("contractType", read.as_ref().and_then(kind).unwrap_or_default())
        .with("confirmed", indexed.confirmed)
        .with("confirmations", int(indexed.confirmations))
        .with("revert", receipt.result == ContractResult::Revert)
        .with("contractRet", receipt.result.word())
        .with("cost", cost)
        .with("srConfirmList", confirmed_by.collect::<Vec<_>>())
        .with("trc20TransferInfo", rows)
        .with("riskTransaction", false)
        .with("result", if failed { "FAILED" } else { "SUCCESSFUL" });
    match read {
        Some(read) => what_it_does(fields, &read),
        None => fields,
    }
}

fn kind(transaction: &Transaction) -> Option<i64> {
    transaction.contracts.first().map(|contract| contract.kind)
}

/// For a token transfer `toAddress` is the token, not the recipient.
fn what_it_does(fields: Fields, transaction: &Transaction) -> Fields {
    let base58 = |payload: &[u8]| super::transaction::address(payload, true);
    let fields = fields
        .with("data", hex::encode(&transaction.memo))
        .with_nonzero("fee_limit", transaction.fee_limit_sun);
    match transaction.call() {
        Some(ContractCall::Trigger(call)) => {
            let data = Fields::new()
                .with("data", hex::encode(&call.data))
                .with("owner_address", base58(&call.owner_address))
                .with("contract_address", base58(&call.contract_address));
            fields
                .with("toAddress", base58(&call.contract_address))
                .with("contract_type", "trc20")
                .with("contractData", data)
        }
        Some(ContractCall::Transfer(transfer)) => {
            let data = Fields::new()
                .with("amount", transfer.amount)
                .with("owner_address", base58(&transfer.owner_address))
                .with("to_address", base58(&transfer.to_address));
            fields.with("toAddress", base58(&transfer.to_address)).with("contractData", data)
        }
        _ => fields,
    }
}

/// A row of `trc20TransferInfo`.
fn moved(row: &IndexedTransfer) -> Fields {
    Fields::new()
        .with("icon_url", "")
        .with("symbol", "USDT")
        .with("name", "Tether USD")
        .with("level", "2")
        .with("vip", true)
        .with("decimals", 6i64)
        .with("tokenType", "trc20")
        .with("contract_address", address(row.token, true))
        .with("from_address", address(row.from, true))
        .with("to_address", address(row.to, true))
        .with("amount_str", row.amount.to_string())
        .with("type", "Transfer")
        .with("status", 0i64)
}

fn page_fields(page: &TransferPage) -> Fields {
    let total = int(page.total as u64);
    let rows = page.transfers.iter().map(|row| Json::Object(listed(row))).collect::<Vec<_>>();
    Fields::new()
        .with("total", total)
        .with("rangeTotal", total)
        .with("contractInfo", Fields::new())
        .with("token_transfers", rows)
        .with("normalAddressInfo", Fields::new())
}

/// A row of `token_transfers`.
fn listed(row: &IndexedTransfer) -> Fields {
    let token = Fields::new()
        .with("tokenId", address(row.token, true))
        .with("tokenAbbr", "USDT")
        .with("tokenName", "Tether USD")
        .with("tokenDecimal", 6i64)
        .with("tokenCanShow", 1i64)
        .with("tokenType", "trc20")
        .with("tokenLevel", "2")
        .with("vip", true);
    Fields::new()
        .with("transaction_id", row.txid.to_string())
        .with("status", 0i64)
        .with("block_ts", int(row.timestamp_ms))
        .with("from_address", address(row.from, true))
        .with("to_address", address(row.to, true))
        .with("block", int(row.block))
        .with("contract_address", address(row.token, true))
        .with("quant", row.amount.to_string())
        .with("confirmed", row.confirmed)
        .with("contractRet", "SUCCESS")
        .with("finalResult", "SUCCESS")
        .with("revert", false)
        .with("tokenInfo", token)
        .with("contract_type", "trc20")
        .with("fromAddressIsContract", false)
        .with("toAddressIsContract", false)
        .with("riskTransaction", false)
}

fn plain(fields: Fields) -> Reply {
    Reply::json(Json::Object(fields).plain())
}

/// TronScan says with its status that something is wrong.
fn lost_reply(lost: Lost) -> Reply {
    match lost {
        Lost::Status { code, retry_after_s } => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let body =
                Json::Object(Fields::new().with("message", status.canonical_reason().unwrap_or("error")));
            let reply = Reply::json(body.plain());
            Reply { status, retry_after_s: retry_after_s.map(u64::from), ..reply }
        }
        other => super::storm::reply(other, true),
    }
}
