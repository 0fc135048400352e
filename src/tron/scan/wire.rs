//! TronScan's JSON. Its bodies vary more than a node's: flags come as booleans or numbers, and some fields only sometimes.

use std::borrow::Cow;

use payoutd_actors::domain::{address::Address, money::MicroUsdt, tron::TxId};
use payoutd_actors::ports::{ChainFault, IndexedTransfer};
use serde::Deserialize;

use super::pages::Page;
use crate::tron::wire::{due, words};

#[derive(Deserialize)]
struct PageWire<'a> {
    /// How many rows there are in the span, capped at 10,000. (`rangeTotal` beside it is not capped, and not always there.)
    total: u64,
    #[serde(borrow)]
    token_transfers: Vec<RowWire<'a>>,
}

#[derive(Deserialize)]
struct RowWire<'a> {
    transaction_id: TxId,
    #[serde(borrow)]
    from_address: Cow<'a, str>,
    #[serde(borrow)]
    to_address: Cow<'a, str>,
    #[serde(borrow)]
    contract_address: Cow<'a, str>,
    block: u64,
    /// The amount in the token's smallest unit, as text.
    #[serde(borrow)]
    quant: Cow<'a, str>,
    #[serde(default)]
    confirmed: Flag,
    #[serde(rename = "contractRet", default)]
    contract_ret: Option<String>,
    #[serde(rename = "finalResult", default)]
    final_result: Option<String>,
    #[serde(default)]
    revert: Flag,
}

/// `true`, `1` or their opposites; what is absent or `null` is no.
#[derive(Deserialize, Default, Clone, Copy)]
#[serde(untagged)]
enum Flag {
    Word(bool),
    Number(u64),
    #[default]
    Absent,
}

impl Flag {
    const fn is_set(self) -> bool {
        matches!(self, Self::Word(true) | Self::Number(1..))
    }
}

/// Reads one page of `token_trc20/transfers`.
pub(super) fn read_page(body: &[u8]) -> Result<Page, ChainFault> {
    let page: PageWire<'_> = due(body)?;
    let rows = page.token_transfers.into_iter().map(read_row).collect::<Result<_, _>>()?;
    Ok(Page { rows, total: page.total })
}

fn read_row(row: RowWire<'_>) -> Result<IndexedTransfer, ChainFault> {
    let txid = row.transaction_id;
    let address = |text: &str| {
        text.parse::<Address>().map_err(|_| {
            ChainFault::Garbled(format!("transfer {txid} with \"{}\", which is no address", words(text)))
        })
    };
    let said_well = row.contract_ret.as_deref() == Some("SUCCESS");
    let ended_well = row.final_result.as_deref().is_none_or(|result| result == "SUCCESS");
    Ok(IndexedTransfer {
        txid,
        token: address(&row.contract_address)?,
        from: address(&row.from_address)?,
        to: address(&row.to_address)?,
        amount: row.quant.parse().ok().map(MicroUsdt::new),
        block_number: row.block,
        confirmed: row.confirmed.is_set(),
        succeeded: said_well && ended_well && !row.revert.is_set(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn row() -> Value {
        json!({
            "transaction_id": TxId::default(), "status": 0, "block_ts": 1_795_248_855_000_i64,
            "from_address": Address::BLACKHOLE, "to_address": Address::ZERO,
            "block": 1210, "contract_address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "quant": "25500000",
            "confirmed": true, "contractRet": "SUCCESS", "finalResult": "SUCCESS", "revert": false,
            "tokenInfo": { "tokenDecimal": 6 }, "contract_type": "trc20", "riskTransaction": false,
        })
    }

    fn read(row: &Value) -> Result<IndexedTransfer, ChainFault> {
        let page = json!({ "total": 1, "rangeTotal": 1, "token_transfers": [row], "contractInfo": {} });
        read_page(page.to_string().as_bytes()).map(|page| page.rows[0].clone())
    }

    fn with(key: &str, value: Value) -> IndexedTransfer {
        let mut row = row();
        row[key] = value;
        read(&row).unwrap()
    }

    #[test]
    fn a_row_is_read_with_its_money_as_a_whole_number() {
        let read = read(&row()).unwrap();
        assert_eq!((read.amount, read.block_number), (Some(MicroUsdt::new(25_500_000)), 1210));
        assert!(read.confirmed && read.succeeded);
        for odd in ["18446744073709551616", "1.5", "-1", ""] {
            assert_eq!(with("quant", json!(odd)).amount, None, "{odd}");
        }
    }

    /// F-N05: an index that says that it failed, or does not say how it ended, has not seen a payment.
    #[test]
    fn only_a_whole_success_is_one() {
        for (key, value) in [
            ("contractRet", json!("REVERT")),
            ("contractRet", json!(null)),
            ("finalResult", json!("FAIL")),
            ("revert", json!(true)),
            ("revert", json!(1)),
        ] {
            assert!(!with(key, value.clone()).succeeded, "{key}: {value}");
        }
        assert!(with("finalResult", json!(null)).succeeded);
        assert!(with("revert", json!(0)).succeeded);
        for not_yet in [json!(false), json!(0), json!(null)] {
            assert!(!with("confirmed", not_yet).confirmed);
        }
        assert!(with("confirmed", json!(1)).confirmed);
    }

    #[test]
    fn a_page_that_is_none_is_a_fault_and_not_an_empty_one() {
        for body in
            ["{}", "[]", "", "<html>", r#"{"message":"some parameters are missing"}"#, r#"{"total":1}"#]
        {
            assert!(read_page(body.as_bytes()).is_err(), "{body}");
        }
        let mut broken = row();
        broken["to_address"] = json!("0xdeadbeef");
        assert!(read(&broken).is_err());
    }
}
