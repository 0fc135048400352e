//! Blocks and their transactions. `raw_data_hex` is the truth about a transaction's bytes; the JSON beside it is not read, so a
//! stranger's contract of a type that nobody here knows breaks nothing.

use std::fmt;

use payoutd_actors::domain::{
    address::Address,
    tron::{
        Block, BlockHeader, BlockId, BlockTransaction, ContractResult, Hash32, TxId,
        hash::sha256,
        protobuf::{BlockHeaderRaw, Message, TransactionResult},
    },
};
use payoutd_actors::ports::ChainFault;
use serde::{Deserialize, Deserializer, de};

use super::{HexBytes, due, known};

/// The answer to one block; `None` for `{}`.
pub(in crate::tron) fn read_block(body: &[u8]) -> Result<Option<Block>, ChainFault> {
    known::<BlockWire>(body)?.map(Block::try_from).transpose()
}

/// The answer to a range. `{}`, which java-tron also says to a range that it does not like, is no block.
pub(in crate::tron) fn read_blocks(body: &[u8]) -> Result<Vec<Block>, ChainFault> {
    #[derive(Deserialize)]
    struct Blocks {
        block: Vec<BlockWire>,
    }
    let blocks = known::<Blocks>(body)?.map(|blocks| blocks.block).unwrap_or_default();
    blocks.into_iter().map(Block::try_from).collect()
}

/// The id of block 0, recomputed. The genesis block's witness is a sentence, so it is no [`Block`] of ours.
pub(in crate::tron) fn read_genesis_id(body: &[u8]) -> Result<BlockId, ChainFault> {
    let block: BlockWire = due(body)?;
    let raw = block.block_header.raw_data;
    let (number, claimed) = (raw.number, block.block_id);
    let computed = raw.id();
    if number != 0 || claimed != computed {
        return Err(ChainFault::Garbled(format!("block {number} with the id {claimed} is no genesis block")));
    }
    Ok(computed)
}

#[derive(Deserialize)]
pub(super) struct BlockWire {
    #[serde(rename = "blockID")]
    pub(super) block_id: BlockId,
    pub(super) block_header: HeaderWire,
    /// Absent in an empty block.
    #[serde(default)]
    pub(super) transactions: Vec<TransactionWire>,
}

#[derive(Deserialize)]
pub(super) struct HeaderWire {
    pub(super) raw_data: HeaderRawWire,
    /// Absent in the genesis block.
    #[serde(default)]
    witness_signature: HexBytes,
}

#[derive(Deserialize)]
pub(super) struct HeaderRawWire {
    #[serde(default)]
    pub(super) number: u64,
    #[serde(rename = "txTrieRoot")]
    pub(super) tx_trie_root: Hash32,
    witness_address: HexBytes,
    #[serde(rename = "parentHash")]
    parent_hash: BlockId,
    #[serde(default)]
    version: i64,
    #[serde(default)]
    timestamp: i64,
    #[serde(default)]
    witness_id: i64,
    #[serde(rename = "accountStateRoot", default)]
    account_state_root: HexBytes,
}

impl HeaderRawWire {
    /// The id, computed over the bytes that the producer signed.
    pub(super) fn id(&self) -> BlockId {
        let raw = BlockHeaderRaw {
            timestamp: self.timestamp,
            tx_trie_root: self.tx_trie_root.as_bytes().to_vec(),
            parent_hash: self.parent_hash.as_bytes().to_vec(),
            number: self.number.cast_signed(),
            witness_id: self.witness_id,
            witness_address: self.witness_address.0.clone(),
            version: self.version,
            account_state_root: self.account_state_root.0.clone(),
        };
        BlockId::of(self.number, &sha256(&raw.encode()))
    }
}

impl TryFrom<HeaderWire> for BlockHeader {
    type Error = ChainFault;

    fn try_from(header: HeaderWire) -> Result<Self, ChainFault> {
        let raw = header.raw_data;
        let number = raw.number;
        let garbled = |what: &str| ChainFault::Garbled(format!("block {number}: {what}"));
        let witness = Address::from_payload(&raw.witness_address.0)
            .map_err(|error| garbled(&format!("its witness is no address ({error})")))?;
        let account_state_root = match raw.account_state_root.0.as_slice() {
            [] => None,
            bytes => {
                Some(Hash32::from_slice(bytes).ok_or_else(|| garbled("its state root has no 32 bytes"))?)
            }
        };
        Ok(Self {
            number,
            parent_id: raw.parent_hash,
            timestamp_ms: raw.timestamp,
            witness,
            witness_id: raw.witness_id,
            version: raw.version,
            tx_trie_root: raw.tx_trie_root,
            account_state_root,
            signature: header.witness_signature.0,
        })
    }
}

impl TryFrom<BlockWire> for Block {
    type Error = ChainFault;

    fn try_from(block: BlockWire) -> Result<Self, ChainFault> {
        let header = BlockHeader::try_from(block.block_header)?;
        let transactions =
            block.transactions.into_iter().map(BlockTransaction::try_from).collect::<Result<_, _>>()?;
        Ok(Self { id: block.block_id, header, transactions })
    }
}

#[derive(Deserialize)]
pub(super) struct TransactionWire {
    /// Absent in the genesis block.
    #[serde(default)]
    ret: Vec<RetWire>,
    #[serde(default)]
    signature: Vec<HexBytes>,
    #[serde(rename = "txID")]
    txid: TxId,
    raw_data_hex: HexBytes,
}

impl TryFrom<TransactionWire> for BlockTransaction {
    type Error = ChainFault;

    /// An id that is not its bytes' own is a lie, and with it the whole answer.
    fn try_from(transaction: TransactionWire) -> Result<Self, ChainFault> {
        let signatures = transaction.signature.into_iter().map(|signature| signature.0).collect();
        let results = transaction.ret.into_iter().map(|ret| ret.0).collect();
        let claimed = transaction.txid;
        let transaction = Self::new(transaction.raw_data_hex.0, signatures, results);
        if transaction.txid() == claimed {
            return Ok(transaction);
        }
        Err(ChainFault::Garbled(format!(
            "a transaction under the id {claimed} has the bytes of {}",
            transaction.txid()
        )))
    }
}

/// One of a transaction's results; `None` inside where it shows a field or a word that cannot be written down again, as then
/// the bytes of the Merkle tree's leaf are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetWire(pub(super) Option<TransactionResult>);

impl<'de> Deserialize<'de> for RetWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RetVisitor)
    }
}

struct RetVisitor;

impl<'de> de::Visitor<'de> for RetVisitor {
    type Value = RetWire;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a transaction's result")
    }

    fn visit_map<M: de::MapAccess<'de>>(self, mut map: M) -> Result<RetWire, M::Error> {
        let mut result = TransactionResult::default();
        let mut whole = true;
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Fee => result.fee = map.next_value()?,
                Key::Ret => match map.next_value::<RetName>()? {
                    RetName::Sucess => result.ret = 0,
                    RetName::Failed => result.ret = 1,
                    RetName::Other => whole = false,
                },
                Key::ContractRet => match map.next_value::<ContractRet>()?.0 {
                    Some(end) => result.contract_ret = i64::from(end.value()),
                    None => whole = false,
                },
                Key::Other => {
                    map.next_value::<de::IgnoredAny>()?;
                    whole = false;
                }
            }
        }
        Ok(RetWire(whole.then_some(result)))
    }
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Key {
    #[serde(rename = "fee")]
    Fee,
    #[serde(rename = "ret")]
    Ret,
    #[serde(rename = "contractRet")]
    ContractRet,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum RetName {
    /// Sic: the node's misspelling.
    #[serde(rename = "SUCESS")]
    Sucess,
    #[serde(rename = "FAILED")]
    Failed,
    #[serde(other)]
    Other,
}

struct ContractRet(Option<ContractResult>);

impl<'de> Deserialize<'de> for ContractRet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = ContractRet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a contract's result")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<ContractRet, E> {
                Ok(ContractRet(ContractResult::from_name(name)))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn ret(text: &str) -> Option<TransactionResult> {
        serde_json::from_str::<RetWire>(text).unwrap().0
    }

    #[test]
    fn a_result_that_cannot_be_written_down_again_is_not_guessed() {
        assert_eq!(ret("{}"), Some(TransactionResult::default()));
        let refused = TransactionResult { fee: 7, ret: 1, contract_ret: 2 };
        assert_eq!(ret(r#"{"fee":7,"ret":"FAILED","contractRet":"REVERT"}"#), Some(refused));
        assert_eq!(ret(r#"{"contractRet":"A_RESULT_OF_TOMORROW"}"#), None);
        assert_eq!(ret(r#"{"contractRet":"SUCCESS","withdraw_amount":5}"#), None);
        assert_eq!(ret(r#"{"ret":"NEITHER"}"#), None);
    }

    fn header(number: u64) -> Value {
        json!({
            "blockID": BlockId::of(number, &[7; 32]),
            "block_header": {
                "raw_data": {
                    "number": number,
                    "txTrieRoot": Hash32::default(),
                    "witness_address": Address::BLACKHOLE.to_hex41(),
                    "parentHash": BlockId::default(),
                    "timestamp": 1_795_248_654_000_i64,
                },
                "witness_signature": "00",
            },
        })
    }

    #[test]
    fn a_strangers_unknown_contract_breaks_nothing_and_a_false_id_breaks_all() {
        let raw = vec![0xff, 0x00, 0x42];
        let mut block = header(5);
        block["transactions"] = json!([{
            "ret": [{ "contractRet": "SUCCESS" }],
            "txID": TxId::of_raw_data(&raw),
            "raw_data": { "contract": [{ "type": "NeverHeardOf", "parameter": [1, { "x": null }] }] },
            "raw_data_hex": hex::encode(&raw),
            "visible": false,
        }]);
        let read = read_block(block.to_string().as_bytes()).unwrap().unwrap();
        assert_eq!(read.transactions[0].raw_data(), raw);
        assert_eq!(read.transactions[0].contract_ret(), Some(ContractResult::Success));

        block["transactions"][0]["txID"] = json!(TxId::default());
        assert!(matches!(read_block(block.to_string().as_bytes()), Err(ChainFault::Garbled(_))));
    }

    #[test]
    fn numbers_keep_all_their_bits() {
        let mut block = header(i64::MAX as u64);
        block["block_header"]["raw_data"]["timestamp"] = json!(9_007_199_254_740_993_i64);
        let read = read_block(block.to_string().as_bytes()).unwrap().unwrap();
        assert_eq!((read.number(), read.timestamp_ms()), (i64::MAX as u64, 9_007_199_254_740_993));
        for wrong in [json!(1.5), json!("7"), json!(-1), json!(1e3)] {
            block["block_header"]["raw_data"]["number"] = wrong.clone();
            assert!(read_block(block.to_string().as_bytes()).is_err(), "{wrong}");
        }
    }
}
