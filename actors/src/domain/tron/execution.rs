//! What happened to a transaction on chain: its receipt and its logs, as a node reports them.
//!
//! **Never here:** judging whether that was the payout; see [`super::proof`].

use serde::Serialize;
use thiserror::Error;

use super::{
    abi::{Words, number_word, with_text},
    hash::{Hash32, TxId},
    uint256::Uint256,
};
use crate::domain::address::Address;

/// Topic of `Transfer(address,address,uint256)`.
pub const TRANSFER_TOPIC: [u8; 32] = [
    0xdd, 0xf2, 0x52, 0xad, 0x1b, 0xe2, 0xc8, 0x9b, 0x69, 0xc2, 0xb0, 0x68, 0xfc, 0x37, 0x8d, 0xaa, 0x95,
    0x2b, 0xa7, 0xf1, 0x63, 0xc4, 0xa1, 0x16, 0x28, 0xf5, 0x5a, 0x4d, 0xf5, 0x23, 0xb3, 0xef,
];
/// Topic of the router's `Paid(bytes32,address,uint256,string)`.
pub const PAID_TOPIC: [u8; 32] = [
    0x3b, 0x54, 0x3f, 0x38, 0x0f, 0xdc, 0x83, 0xc9, 0x36, 0x7a, 0x68, 0x53, 0x86, 0x6d, 0x18, 0xa1, 0x53,
    0x8c, 0x59, 0xa6, 0x39, 0x2a, 0x7d, 0x6f, 0xd8, 0xdf, 0x32, 0x0c, 0xe4, 0x9a, 0x3a, 0x25,
];

macro_rules! contract_results {
    ($($(#[$doc:meta])* $variant:ident = $value:literal $name:literal),+ $(,)?) => {
        /// How the machine ended (`Transaction.Result.contractResult`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub enum ContractResult {
            #[default]
            $($(#[$doc])* $variant = $value),+
        }

        impl ContractResult {
            /// Every result, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that nodes print.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

contract_results! {
    /// Not executed by the machine: a plain TRX transfer.
    Default = 0 "DEFAULT",
    /// Ended well. Not yet a proof of payment.
    Success = 1 "SUCCESS",
    /// The contract refused; unused energy is kept.
    Revert = 2 "REVERT",
    /// The whole fee limit is burned, as with all below except `TransferFailed`.
    BadJumpDestination = 3 "BAD_JUMP_DESTINATION",
    /// See the name.
    OutOfMemory = 4 "OUT_OF_MEMORY",
    /// See the name.
    PrecompiledContract = 5 "PRECOMPILED_CONTRACT",
    /// See the name.
    StackTooSmall = 6 "STACK_TOO_SMALL",
    /// See the name.
    StackTooLarge = 7 "STACK_TOO_LARGE",
    /// Old Solidity's failed `assert` and SafeMath end here.
    IllegalOperation = 8 "ILLEGAL_OPERATION",
    /// See the name.
    StackOverflow = 9 "STACK_OVERFLOW",
    /// The fee limit, or the account, could not pay for the energy.
    OutOfEnergy = 10 "OUT_OF_ENERGY",
    /// The node's clock for one execution ran out.
    OutOfTime = 11 "OUT_OF_TIME",
    /// See the name.
    JvmStackOverflow = 12 "JVM_STACK_OVER_FLOW",
    /// See the name.
    Unknown = 13 "UNKNOWN",
    /// TRX sent along could not be sent.
    TransferFailed = 14 "TRANSFER_FAILED",
    /// See the name.
    InvalidCode = 15 "INVALID_CODE",
}

impl ContractResult {
    /// The number in the protobuf.
    #[must_use]
    pub const fn value(self) -> u8 {
        self as u8
    }

    /// By the number in the protobuf.
    #[must_use]
    pub fn from_value(value: i64) -> Option<Self> {
        usize::try_from(value).ok().and_then(|index| Self::ALL.get(index)).copied()
    }

    /// By the name that nodes print.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|result| result.name() == name).copied()
    }

    /// Does this end burn the whole fee limit (VMActuator.execute, spendAllEnergy)?
    #[must_use]
    pub const fn spends_all_energy(self) -> bool {
        !matches!(self, Self::Default | Self::Success | Self::Revert | Self::TransferFailed)
    }
}

impl std::fmt::Display for ContractResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for ContractResult {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A log entry as a contract left it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// The contract, 20 bytes as logs hold it.
    pub address: [u8; 20],
    /// The event's hash first, then its indexed arguments.
    pub topics: Vec<[u8; 32]>,
    /// The other arguments.
    pub data: Vec<u8>,
}

impl Log {
    /// The contract that left the log.
    #[must_use]
    pub const fn contract(&self) -> Address {
        Address::from_evm(self.address)
    }

    /// Does the log begin with this event's topic?
    #[must_use]
    pub fn is_event(&self, topic: &[u8; 32]) -> bool {
        self.topics.first() == Some(topic)
    }
}

/// Why a log is not the event that its first topic names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LogError {
    /// Another event, or none.
    #[error("the log is of another event")]
    OtherEvent,
    /// Another number of indexed arguments: an NFT's Transfer has four topics.
    #[error("the log has {found} topics")]
    Topics {
        /// How many.
        found: usize,
    },
    /// An address topic with more than an address in it.
    #[error("topic {index} is no address")]
    Address {
        /// Which, from zero.
        index: usize,
    },
    /// The data are too short, too long, or no such values.
    #[error("the log's data do not fit the event")]
    Data,
}

/// The token's `Transfer` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TransferLog {
    /// Whose tokens went.
    pub from: Address,
    /// Who got them.
    pub to: Address,
    /// In the token's smallest unit.
    pub amount: Uint256,
}

impl TransferLog {
    /// Reads a log, whole words compared, nothing ignored.
    pub fn read(log: &Log) -> Result<Self, LogError> {
        let [topic, from, to] = log.topics.as_slice() else {
            return Err(wrong_topics(log, &TRANSFER_TOPIC));
        };
        if *topic != TRANSFER_TOPIC {
            return Err(LogError::OtherEvent);
        }
        let amount = <[u8; 32]>::try_from(log.data.as_slice()).map_err(|_| LogError::Data)?;
        Ok(Self {
            from: address_topic(from, 1)?,
            to: address_topic(to, 2)?,
            amount: Uint256::from_word(amount),
        })
    }

    /// The log that the token at `token` leaves; for a chain that is simulated.
    #[must_use]
    pub fn to_log(&self, token: Address) -> Log {
        let topics = vec![TRANSFER_TOPIC, self.from.word(), self.to.word()];
        Log { address: *token.evm(), topics, data: self.amount.word().to_vec() }
    }
}

/// The router's `Paid` event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaidLog {
    /// The payout's mark.
    pub session_id: Hash32,
    /// Who was paid.
    pub recipient: Address,
    /// How much, in the token's smallest unit.
    pub amount: Uint256,
    /// Free text.
    pub reason: String,
}

impl PaidLog {
    /// Reads a log, whole words compared, nothing ignored.
    pub fn read(log: &Log) -> Result<Self, LogError> {
        let [topic, session_id, recipient] = log.topics.as_slice() else {
            return Err(wrong_topics(log, &PAID_TOPIC));
        };
        if *topic != PAID_TOPIC {
            return Err(LogError::OtherEvent);
        }
        let words = Words::strict(&log.data);
        let amount = words.number(0).map_err(|_| LogError::Data)?;
        let (reason, used) = words.text(1, 64).map_err(|_| LogError::Data)?;
        if used != log.data.len() {
            return Err(LogError::Data);
        }
        Ok(Self {
            session_id: Hash32::new(*session_id),
            recipient: address_topic(recipient, 2)?,
            amount,
            reason,
        })
    }

    /// The log that the router leaves; for a chain that is simulated.
    #[must_use]
    pub fn to_log(&self, router: Address) -> Log {
        let topics = vec![PAID_TOPIC, self.session_id.to_bytes(), self.recipient.word()];
        let data = with_text(Vec::new(), &[*self.amount.word(), number_word(64)], &self.reason);
        Log { address: *router.evm(), topics, data }
    }
}

fn wrong_topics(log: &Log, topic: &[u8; 32]) -> LogError {
    if log.is_event(topic) { LogError::Topics { found: log.topics.len() } } else { LogError::OtherEvent }
}

fn address_topic(word: &[u8; 32], index: usize) -> Result<Address, LogError> {
    Address::from_word(word).map_err(|_| LogError::Address { index })
}

/// What execution cost and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// How the machine ended; absent where it did not run.
    pub result: Option<ContractResult>,
    /// Energy taken from the owner's stake.
    pub energy_usage: u64,
    /// TRX burned for energy.
    pub energy_fee_sun: u64,
    /// Energy taken from the contract's deployer.
    pub origin_energy_usage: u64,
    /// All energy that was used.
    pub energy_usage_total: u64,
    /// The dynamic model's surcharge, part of the total.
    pub energy_penalty_total: u64,
    /// Bandwidth taken from stake or the free daily portion.
    pub net_usage: u64,
    /// TRX burned for bandwidth.
    pub net_fee_sun: u64,
}

/// A transaction's fate in a block (`TransactionInfo`). From a head view it may still vanish.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransactionInfo {
    /// Whose fate.
    pub txid: TxId,
    /// In which block.
    pub block_number: u64,
    /// That block's time, unix milliseconds.
    pub block_timestamp_ms: i64,
    /// All TRX burned: bandwidth, energy, memo, signatures, new account.
    pub fee_sun: u64,
    /// `result` was `FAILED`; absent means it went well.
    pub result_failed: bool,
    /// Costs and end.
    pub receipt: Receipt,
    /// What the contracts left; empty after a failure.
    pub logs: Vec<Log>,
    /// Returned data, or the revert's.
    pub contract_results: Vec<Vec<u8>>,
    /// The contract that was called.
    pub contract_address: Option<Address>,
    /// The node's words about a failure, decoded from hex.
    pub res_message: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tron::hash::keccak256;
    use proptest::prelude::*;

    #[test]
    fn results_keep_their_numbers_and_names() {
        for (index, result) in ContractResult::ALL.iter().enumerate() {
            assert_eq!(usize::from(result.value()), index);
            assert_eq!(ContractResult::from_value(index as i64), Some(*result));
            assert_eq!(ContractResult::from_name(result.name()), Some(*result));
        }
        assert_eq!(ContractResult::ALL.len(), 16);
        assert_eq!(ContractResult::from_value(16), None);
        assert_eq!(ContractResult::from_value(-1), None);
        assert!(
            ContractResult::OutOfEnergy.spends_all_energy() && !ContractResult::Revert.spends_all_energy()
        );
    }

    #[test]
    fn topics_are_the_hashes_of_their_events() {
        assert_eq!(TRANSFER_TOPIC, keccak256(b"Transfer(address,address,uint256)"));
        assert_eq!(PAID_TOPIC, keccak256(b"Paid(bytes32,address,uint256,string)"));
    }

    proptest! {
        #[test]
        fn logs_are_read_back(from in any::<[u8; 20]>(), to in any::<[u8; 20]>(), amount in any::<[u8; 32]>(), session in any::<[u8; 32]>(), reason in ".{0,70}") {
            let (from, to, amount) = (Address::from_evm(from), Address::from_evm(to), Uint256::from_word(amount));
            let transfer = TransferLog { from, to, amount };
            prop_assert_eq!(TransferLog::read(&transfer.to_log(Address::BLACKHOLE)), Ok(transfer));
            let paid = PaidLog { session_id: Hash32::new(session), recipient: to, amount, reason };
            let log = paid.to_log(Address::BLACKHOLE);
            prop_assert_eq!(TransferLog::read(&log), Err(LogError::OtherEvent));
            prop_assert_eq!(PaidLog::read(&log), Ok(paid));
        }
    }
}
