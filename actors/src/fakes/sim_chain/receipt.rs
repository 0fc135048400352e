//! What a block says about a transaction that it holds: the result, the bill, the logs.

use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::domain::tron::{Hash32, TxId};

/// How a contract ended (`Transaction.Result.contractResult`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContractResult {
    /// 1.
    Success,
    /// 2: what is left of the energy is kept.
    Revert,
    /// 8: an invalid opcode, as failed asserts of Solidity 0.4; the whole limit is spent.
    IllegalOperation,
    /// 10: the whole limit is spent.
    OutOfEnergy,
}

impl ContractResult {
    /// The word in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ContractResult::Success => "SUCCESS",
            ContractResult::Revert => "REVERT",
            ContractResult::IllegalOperation => "ILLEGAL_OPERATION",
            ContractResult::OutOfEnergy => "OUT_OF_ENERGY",
        }
    }

    /// The number in protobuf.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            ContractResult::Success => 1,
            ContractResult::Revert => 2,
            ContractResult::IllegalOperation => 8,
            ContractResult::OutOfEnergy => 10,
        }
    }
}

/// A log of a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// The event's hash and its indexed arguments.
    pub topics: Vec<Hash32>,
    /// The other arguments.
    #[serde(with = "hex_vec")]
    pub data: Vec<u8>,
}

/// A call from contract to contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InternalCall {
    /// Who called.
    pub caller: Address,
    /// Whom.
    pub to: Address,
    /// Whether it was taken back.
    pub rejected: bool,
}

/// What happened to a transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// How it ended.
    pub result: ContractResult,
    /// Sun burnt for all reasons together.
    pub fee_sun: u64,
    /// The called contract; `None` for plain TRX.
    pub contract: Option<Address>,
    /// What the contract returned or reverted with.
    #[serde(with = "hex_vec")]
    pub output: Vec<u8>,
    /// Bandwidth from stake or the daily free bytes.
    pub net_usage: u64,
    /// Sun burnt for bandwidth.
    pub net_fee_sun: u64,
    /// Energy from stake.
    pub energy_usage: u64,
    /// Sun burnt for energy.
    pub energy_fee_sun: u64,
    /// All energy, the penalty included.
    pub energy_usage_total: u64,
    /// The part of it that the dynamic factor added.
    pub energy_penalty_total: u64,
    /// Java's words about a failure.
    pub message: String,
    /// Logs; none when it failed.
    pub logs: Vec<Log>,
    /// Calls from contract to contract.
    pub internal: Vec<InternalCall>,
}

/// `gettransactioninfobyid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionInfo {
    /// The transaction.
    pub txid: TxId,
    /// The block that holds it.
    pub block_number: u64,
    /// That block's timestamp, unix ms.
    pub block_timestamp_ms: u64,
    /// What happened.
    pub receipt: Receipt,
}

impl TransactionInfo {
    /// Whether `result` is FAILED (it is left out when not).
    #[must_use]
    pub fn failed(&self) -> bool {
        self.receipt.result != ContractResult::Success
    }

    /// The id of an internal call, made up: nobody can know it beforehand.
    #[must_use]
    pub fn internal_hash(&self, index: usize) -> Hash32 {
        let mut bytes = self.txid.as_bytes().to_vec();
        bytes.extend_from_slice(&(index as u64).to_be_bytes());
        Hash32::new(crate::domain::tron::hash::keccak256(&bytes))
    }
}

/// Bytes as hex.
mod hex_vec {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
