//! The events that the token and the router leave, read from their logs and written back.
//!
//! Beside the two that prove a payment stand the ones that change the rules: a pause, a fee, a blacklist, a deprecation.

use serde::Serialize;

use super::{
    abi::Words,
    execution::{Log, LogError, PAID_TOPIC, PaidLog, TRANSFER_TOPIC, TransferLog},
    hash::keccak256,
    uint256::Uint256,
};
use crate::domain::address::Address;

/// A log that is understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event")]
pub enum Event {
    /// Tokens went.
    Transfer(TransferLog),
    /// The router paid.
    Paid(PaidLog),
    /// Somebody may spend.
    Approval {
        /// Whose tokens.
        owner: Address,
        /// Who may spend them.
        spender: Address,
        /// How much at most.
        amount: Uint256,
    },
    /// An account may no longer send.
    AddedBlackList {
        /// Whose.
        account: Address,
    },
    /// The issuer took a blacklisted account's tokens out of the world.
    DestroyedBlackFunds {
        /// Whose.
        account: Address,
        /// How much.
        amount: Uint256,
    },
    /// Calls go on to another contract from here on.
    Deprecate {
        /// To which.
        successor: Address,
    },
    /// Transfers are stopped.
    Pause,
    /// The token's fee was set.
    Params {
        /// In hundredths of a percent.
        fee_basis_points: Uint256,
        /// At most, in the token's smallest unit.
        max_fee: Uint256,
    },
}

const APPROVAL: &str = "Approval(address,address,uint256)";
const ADDED_BLACK_LIST: &str = "AddedBlackList(address)";
const DESTROYED_BLACK_FUNDS: &str = "DestroyedBlackFunds(address,uint256)";
const DEPRECATE: &str = "Deprecate(address)";
const PAUSE: &str = "Pause()";
const PARAMS: &str = "Params(uint256,uint256)";

impl Event {
    /// The first topic of the event with this signature.
    #[must_use]
    pub fn topic(signature: &str) -> [u8; 32] {
        keccak256(signature.as_bytes())
    }

    /// Reads a log strictly; what is not one of these is [`LogError::OtherEvent`].
    ///
    /// USDT indexes the account of its blacklist events, and `Deprecate` carries its address in the data: both ways are
    /// read, as other tokens of the family chose differently.
    pub fn read(log: &Log) -> Result<Self, LogError> {
        let topic = log.topics.first().ok_or(LogError::OtherEvent)?;
        match topic {
            &TRANSFER_TOPIC => TransferLog::read(log).map(Self::Transfer),
            &PAID_TOPIC => PaidLog::read(log).map(Self::Paid),
            other => Self::read_administrative(other, log),
        }
    }

    fn read_administrative(topic: &[u8; 32], log: &Log) -> Result<Self, LogError> {
        let is = |signature| *topic == Self::topic(signature);
        if is(APPROVAL) {
            let ([owner, spender], [amount]) = arguments(log)?;
            return Ok(Self::Approval {
                owner: address(owner)?,
                spender: address(spender)?,
                amount: number(amount),
            });
        }
        if is(ADDED_BLACK_LIST) {
            return Ok(Self::AddedBlackList { account: address(any_argument(log)?)? });
        }
        if is(DESTROYED_BLACK_FUNDS) {
            let (account, amount) = match arguments(log) {
                Ok(([account], [amount])) => (account, amount),
                Err(_) => arguments(log).map(|([], [account, amount])| (account, amount))?,
            };
            return Ok(Self::DestroyedBlackFunds { account: address(account)?, amount: number(amount) });
        }
        if is(DEPRECATE) {
            return Ok(Self::Deprecate { successor: address(any_argument(log)?)? });
        }
        if is(PAUSE) {
            let ([], []) = arguments(log)?;
            return Ok(Self::Pause);
        }
        if is(PARAMS) {
            let ([], [fee, most]) = arguments(log)?;
            return Ok(Self::Params { fee_basis_points: number(fee), max_fee: number(most) });
        }
        Err(LogError::OtherEvent)
    }

    /// The log that the contract leaves, as mainnet USDT and the routers lay it out.
    #[must_use]
    pub fn to_log(&self, contract: Address) -> Log {
        let (signature, indexed, data) = match self {
            Self::Transfer(transfer) => return transfer.to_log(contract),
            Self::Paid(paid) => return paid.to_log(contract),
            Self::Approval { owner, spender, amount } => {
                (APPROVAL, vec![owner.word(), spender.word()], vec![*amount.word()])
            }
            Self::AddedBlackList { account } => (ADDED_BLACK_LIST, vec![account.word()], vec![]),
            Self::DestroyedBlackFunds { account, amount } => {
                (DESTROYED_BLACK_FUNDS, vec![account.word()], vec![*amount.word()])
            }
            Self::Deprecate { successor } => (DEPRECATE, vec![], vec![successor.word()]),
            Self::Pause => (PAUSE, vec![], vec![]),
            Self::Params { fee_basis_points, max_fee } => {
                (PARAMS, vec![], vec![*fee_basis_points.word(), *max_fee.word()])
            }
        };
        let topics = std::iter::once(Self::topic(signature)).chain(indexed).collect();
        Log { address: *contract.evm(), topics, data: data.as_flattened().to_vec() }
    }
}

type Word = [u8; 32];

/// The indexed arguments and the words of the data, exactly so many.
fn arguments<const I: usize, const D: usize>(log: &Log) -> Result<([Word; I], [Word; D]), LogError> {
    let indexed = log.topics.get(1..).and_then(|topics| topics.try_into().ok());
    let indexed = indexed.ok_or(LogError::Topics { found: log.topics.len() })?;
    if log.data.len() != D * 32 {
        return Err(LogError::Data);
    }
    let words = Words::strict(&log.data);
    let mut data = [[0; 32]; D];
    for (index, word) in data.iter_mut().enumerate() {
        *word = *words.number(index).map_err(|_| LogError::Data)?.word();
    }
    Ok((indexed, data))
}

/// The one argument, indexed or not.
fn any_argument(log: &Log) -> Result<Word, LogError> {
    match arguments(log) {
        Ok(([word], [])) => Ok(word),
        Err(_) => arguments(log).map(|([], [word])| word),
    }
}

fn address(word: Word) -> Result<Address, LogError> {
    Address::from_word(&word).map_err(|_| LogError::Address { index: 1 })
}

fn number(word: Word) -> Uint256 {
    Uint256::from_word(word)
}
