//! What became of transactions: `TransactionInfo`, alone and by the block.

use std::borrow::Cow;

use payoutd_actors::domain::{
    address::{Address, PREFIX},
    tron::{ContractResult, Log, TransactionInfo, TxId, execution::Receipt},
};
use payoutd_actors::ports::ChainFault;
use serde::Deserialize;

use super::{HexBytes, due, is_blank, known};

/// The answer about one transaction; `None` for `{}`.
pub(in crate::tron) fn read_info(body: &[u8]) -> Result<Option<TransactionInfo>, ChainFault> {
    known::<InfoWire<'_>>(body)?.map(TransactionInfo::try_from).transpose()
}

/// The answer about a block's transactions; `[]` and, for block 0, `{}` are none.
pub(in crate::tron) fn read_infos(body: &[u8]) -> Result<Vec<TransactionInfo>, ChainFault> {
    if is_blank(body) {
        return Ok(Vec::new());
    }
    let infos: Vec<InfoWire<'_>> = due(body)?;
    infos.into_iter().map(TransactionInfo::try_from).collect()
}

#[derive(Deserialize)]
struct InfoWire<'a> {
    id: TxId,
    #[serde(default)]
    fee: u64,
    #[serde(rename = "blockNumber", default)]
    block_number: u64,
    #[serde(rename = "blockTimeStamp", default)]
    block_timestamp: i64,
    #[serde(rename = "contractResult", default)]
    contract_result: Vec<HexBytes>,
    #[serde(default)]
    contract_address: HexBytes,
    #[serde(default, borrow)]
    receipt: ReceiptWire<'a>,
    #[serde(default)]
    log: Vec<LogWire>,
    #[serde(default, borrow)]
    result: Option<Cow<'a, str>>,
    #[serde(rename = "resMessage", default)]
    res_message: HexBytes,
}

#[derive(Deserialize, Default)]
struct ReceiptWire<'a> {
    #[serde(default)]
    energy_usage: u64,
    #[serde(default)]
    energy_fee: u64,
    #[serde(default)]
    origin_energy_usage: u64,
    #[serde(default)]
    energy_usage_total: u64,
    #[serde(default)]
    energy_penalty_total: u64,
    #[serde(default)]
    net_usage: u64,
    #[serde(default)]
    net_fee: u64,
    #[serde(default, borrow)]
    result: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct LogWire {
    #[serde(default)]
    address: HexBytes,
    #[serde(default)]
    topics: Vec<HexBytes>,
    #[serde(default)]
    data: HexBytes,
}

impl TryFrom<InfoWire<'_>> for TransactionInfo {
    type Error = ChainFault;

    fn try_from(info: InfoWire<'_>) -> Result<Self, ChainFault> {
        let txid = info.id;
        let garbled = |what: &str| ChainFault::Garbled(format!("the result of {txid}: {what}"));
        let logs = info.log.into_iter().map(|log| log.read().ok_or_else(|| garbled("a log that is none")));
        Ok(Self {
            txid,
            block_number: info.block_number,
            block_timestamp_ms: info.block_timestamp,
            fee_sun: info.fee,
            // Absent or the misspelled word is well; whatever a later node may say instead is not.
            result_failed: info.result.is_some_and(|result| result != "SUCESS"),
            receipt: info.receipt.into(),
            logs: logs.collect::<Result<_, _>>()?,
            contract_results: info.contract_result.into_iter().map(|result| result.0).collect(),
            contract_address: Address::from_payload(&info.contract_address.0).ok(),
            res_message: info.res_message.text(),
        })
    }
}

impl From<ReceiptWire<'_>> for Receipt {
    fn from(receipt: ReceiptWire<'_>) -> Self {
        // A word that is not known here is no success.
        let result = |name: Cow<'_, str>| ContractResult::from_name(&name).unwrap_or(ContractResult::Unknown);
        Self {
            result: receipt.result.map(result),
            energy_usage: receipt.energy_usage,
            energy_fee_sun: receipt.energy_fee,
            origin_energy_usage: receipt.origin_energy_usage,
            energy_usage_total: receipt.energy_usage_total,
            energy_penalty_total: receipt.energy_penalty_total,
            net_usage: receipt.net_usage,
            net_fee_sun: receipt.net_fee,
        }
    }
}

impl LogWire {
    /// Logs hold 20 bytes of address; services that put the prefix before them mean the same.
    fn read(self) -> Option<Log> {
        let address = match self.address.0.as_slice() {
            [PREFIX, evm @ ..] if evm.len() == 20 => evm.try_into(),
            evm => evm.try_into(),
        };
        let topics = self.topics.iter().map(|topic| topic.0.as_slice().try_into());
        Some(Log {
            address: address.ok()?,
            topics: topics.collect::<Result<_, _>>().ok()?,
            data: self.data.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "a93f7c8cd4ae917ca88da5b8d60c323660b557587e8d74ffd6b43eed9505d5fd";

    fn info(rest: &str) -> Result<Option<TransactionInfo>, ChainFault> {
        read_info(format!(r#"{{"id": "{ID}"{rest}}}"#).as_bytes())
    }

    #[test]
    fn what_is_absent_is_zero_and_what_is_new_is_no_success() {
        let plain = info("").unwrap().unwrap();
        assert_eq!(plain, TransactionInfo { txid: ID.parse().unwrap(), ..TransactionInfo::default() });
        let odd = info(r#","result":"PARTLY","receipt":{"result":"GOOD_ENOUGH"}"#).unwrap().unwrap();
        assert!(odd.result_failed);
        assert_eq!(odd.receipt.result, Some(ContractResult::Unknown));
        assert!(!info(r#","result":"SUCESS""#).unwrap().unwrap().result_failed);
    }

    #[test]
    fn a_log_is_read_whole_or_the_answer_is_not_believed() {
        let with = |address: &str, topic: &str| {
            info(&format!(r#","log":[{{"address":"{address}","topics":["{topic}"]}}]"#))
                .map(|info| info.unwrap().logs)
        };
        let (evm, topic) = ("0c18529ab7194d41e1a15e0fbe011bd7bd9289c0", "ab".repeat(32));
        let plain = with(evm, &topic).unwrap();
        assert_eq!((plain[0].topics.as_slice(), plain[0].data.as_slice()), (&[[0xab; 32]][..], &[][..]));
        assert_eq!(with(&format!("41{evm}"), &topic).unwrap(), plain);
        for (address, topic) in [(&evm[2..], topic.as_str()), (evm, "abcd"), (evm, "xy")] {
            assert!(with(address, topic).is_err());
        }
    }

    #[test]
    fn a_block_without_transactions_is_answered_in_two_ways() {
        assert_eq!(read_infos(b"[]\n"), Ok(Vec::new()));
        assert_eq!(read_infos(b"{}\n"), Ok(Vec::new()));
        assert!(read_infos(br#"{"Error":"class x"}"#).is_err());
        assert!(read_infos(br#"[{}]"#).is_err());
    }
}
