//! The contract ABI, by hand: the calls that pay, the questions asked of the token, and what comes back.
//!
//! Promises: what is encoded is what ethers and tronweb encode; [`Call::decode`] takes nothing but that (no dirt in address
//! words, no other offset, no bytes behind), so encode and decode are each other's inverse. [`Call::decode_as_tvm`] reads
//! other people's history the way the machine would run it.

use serde::Serialize;
use thiserror::Error;

use super::{hash::Hash32, uint256::Uint256};
use crate::domain::address::Address;

/// The first four bytes of call data: which function.
pub type Selector = [u8; 4];

/// `transfer(address,uint256)`
pub const TRANSFER: Selector = [0xa9, 0x05, 0x9c, 0xbb];
/// `transferFrom(address,address,uint256)`
pub const TRANSFER_FROM: Selector = [0x23, 0xb8, 0x72, 0xdd];
/// `approve(address,uint256)`
pub const APPROVE: Selector = [0x09, 0x5e, 0xa7, 0xb3];
/// `disburse(bytes32,address,uint256,string)`
pub const DISBURSE: Selector = [0x98, 0xec, 0xc6, 0x72];
/// `disburseKYC(bytes32,address,uint256,string,bytes32,uint256,uint8,bytes32,bytes32)`
pub const DISBURSE_KYC: Selector = [0xc3, 0xae, 0x70, 0xd2];
/// `balanceOf(address)`
pub const BALANCE_OF: Selector = [0x70, 0xa0, 0x82, 0x31];
/// `allowance(address,address)`
pub const ALLOWANCE: Selector = [0xdd, 0x62, 0xed, 0x3e];
/// `isBlackListed(address)`
pub const IS_BLACK_LISTED: Selector = [0xe4, 0x7d, 0x60, 0x60];
/// `getBlackListStatus(address)`, the same question under another name
pub const GET_BLACK_LIST_STATUS: Selector = [0x59, 0xbf, 0x1a, 0xbe];
/// `paused()`
pub const PAUSED: Selector = [0x5c, 0x97, 0x5a, 0xbb];
/// `deprecated()`
pub const DEPRECATED: Selector = [0x0e, 0x13, 0x6b, 0x19];
/// `upgradedAddress()`
pub const UPGRADED_ADDRESS: Selector = [0x26, 0x97, 0x6e, 0x3f];
/// `basisPointsRate()`
pub const BASIS_POINTS_RATE: Selector = [0xdd, 0x64, 0x4f, 0x72];
/// `maximumFee()`
pub const MAXIMUM_FEE: Selector = [0x35, 0x39, 0x07, 0x14];
/// `calcFee(uint256)`
pub const CALC_FEE: Selector = [0x75, 0xdc, 0x7d, 0x8c];
/// `owner()`
pub const OWNER: Selector = [0x8d, 0xa5, 0xcb, 0x5b];
/// `decimals()`
pub const DECIMALS: Selector = [0x31, 0x3c, 0xe5, 0x67];
/// `symbol()`
pub const SYMBOL: Selector = [0x95, 0xd8, 0x9b, 0x41];
/// `name()`
pub const NAME: Selector = [0x06, 0xfd, 0xde, 0x03];
/// `totalSupply()`
pub const TOTAL_SUPPLY: Selector = [0x18, 0x16, 0x0d, 0xdd];
/// `Error(string)`, how `require` reports
pub const ERROR: Selector = [0x08, 0xc3, 0x79, 0xa0];
/// `Panic(uint256)`, how `assert` and the compiler's own checks report
pub const PANIC: Selector = [0x4e, 0x48, 0x7b, 0x71];

/// Every selector with the function that it stands for.
pub const SELECTORS: [(Selector, &str); 22] = [
    (TRANSFER, "transfer(address,uint256)"),
    (TRANSFER_FROM, "transferFrom(address,address,uint256)"),
    (APPROVE, "approve(address,uint256)"),
    (BALANCE_OF, "balanceOf(address)"),
    (ALLOWANCE, "allowance(address,address)"),
    (IS_BLACK_LISTED, "isBlackListed(address)"),
    (GET_BLACK_LIST_STATUS, "getBlackListStatus(address)"),
    (DECIMALS, "decimals()"),
    (SYMBOL, "symbol()"),
    (NAME, "name()"),
    (TOTAL_SUPPLY, "totalSupply()"),
    (DEPRECATED, "deprecated()"),
    (UPGRADED_ADDRESS, "upgradedAddress()"),
    (PAUSED, "paused()"),
    (BASIS_POINTS_RATE, "basisPointsRate()"),
    (MAXIMUM_FEE, "maximumFee()"),
    (CALC_FEE, "calcFee(uint256)"),
    (OWNER, "owner()"),
    (DISBURSE, "disburse(bytes32,address,uint256,string)"),
    (DISBURSE_KYC, "disburseKYC(bytes32,address,uint256,string,bytes32,uint256,uint8,bytes32,bytes32)"),
    (ERROR, "Error(string)"),
    (PANIC, "Panic(uint256)"),
];

/// A call that changes something, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "function", rename_all = "camelCase", rename_all_fields = "snake_case")]
pub enum Call {
    /// Tokens of the caller to somebody.
    Transfer {
        /// Who gets them.
        recipient: Address,
        /// In the token's smallest unit.
        amount: Uint256,
    },
    /// Tokens of somebody, by allowance, to somebody.
    TransferFrom {
        /// Whose tokens.
        from: Address,
        /// Who gets them.
        recipient: Address,
        /// In the token's smallest unit.
        amount: Uint256,
    },
    /// An allowance.
    Approve {
        /// Who may spend.
        spender: Address,
        /// How much at most.
        amount: Uint256,
    },
    /// The router's payout.
    Disburse {
        /// The payout's mark in the router's `Paid` event.
        session_id: Hash32,
        /// Who is paid.
        recipient: Address,
        /// In the token's smallest unit.
        amount: Uint256,
        /// Free text, in the event as well.
        reason: String,
    },
    /// The router's payout with a compliance officer's signature.
    #[serde(rename = "disburseKYC")]
    DisburseKyc {
        /// The payout's mark in the router's `Paid` event.
        session_id: Hash32,
        /// Who is paid.
        recipient: Address,
        /// In the token's smallest unit.
        amount: Uint256,
        /// Free text, in the event as well.
        reason: String,
        /// Hash of the papers.
        kyc_hash: Hash32,
        /// Unix seconds after which the contract refuses.
        expiry_s: Uint256,
        /// The signature's last part.
        v: u8,
        /// The signature's first part.
        r: Hash32,
        /// The signature's second part.
        s: Hash32,
    },
}

/// Why call data or returned data cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AbiError {
    /// Fewer than four bytes.
    #[error("no function selector")]
    NoSelector,
    /// A function that is not one of ours.
    #[error("function 0x{} is not known here", hex::encode(.0))]
    UnknownSelector(Selector),
    /// The data end inside an argument.
    #[error("the data end inside argument {word}")]
    Truncated {
        /// The word, from zero.
        word: usize,
    },
    /// An address word with more than an address, a uint8 beyond 255, a bool that is neither.
    #[error("argument {word} does not fit its type")]
    Dirty {
        /// The word, from zero.
        word: usize,
    },
    /// A string that does not begin where our encoder would put it, or is padded with something.
    #[error("a string is not laid out as the encoder lays it out")]
    Layout,
    /// A string that is not UTF-8.
    #[error("a string is not utf-8")]
    NotUtf8,
    /// Bytes behind the last argument.
    #[error("{extra} bytes behind the last argument")]
    Trailing {
        /// How many.
        extra: usize,
    },
}

/// How dirt is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Nothing but what our encoder writes.
    Strict,
    /// As the machine runs it: addresses are the low 20 bytes, what stands behind is ignored.
    AsTvm,
}

impl Call {
    /// Selector and arguments.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Transfer { recipient, amount } => {
                encode_words(TRANSFER, &[recipient.word(), *amount.word()])
            }
            Self::TransferFrom { from, recipient, amount } => {
                encode_words(TRANSFER_FROM, &[from.word(), recipient.word(), *amount.word()])
            }
            Self::Approve { spender, amount } => encode_words(APPROVE, &[spender.word(), *amount.word()]),
            Self::Disburse { session_id, recipient, amount, reason } => {
                let head = [session_id.to_bytes(), recipient.word(), *amount.word(), number_word(4 * 32)];
                encode_with_text(DISBURSE, &head, reason)
            }
            Self::DisburseKyc { session_id, recipient, amount, reason, kyc_hash, expiry_s, v, r, s } => {
                let head = [
                    session_id.to_bytes(),
                    recipient.word(),
                    *amount.word(),
                    number_word(9 * 32),
                    kyc_hash.to_bytes(),
                    *expiry_s.word(),
                    number_word(usize::from(*v)),
                    r.to_bytes(),
                    s.to_bytes(),
                ];
                encode_with_text(DISBURSE_KYC, &head, reason)
            }
        }
    }

    /// Reads call data that our encoder (or another careful one) wrote.
    pub fn decode(data: &[u8]) -> Result<Self, AbiError> {
        Self::read(data, Reading::Strict)
    }

    /// Reads call data as the machine would run them: for histories, never for deciding what to sign.
    pub fn decode_as_tvm(data: &[u8]) -> Result<Self, AbiError> {
        Self::read(data, Reading::AsTvm)
    }

    fn read(data: &[u8], reading: Reading) -> Result<Self, AbiError> {
        let (selector, arguments) = data.split_first_chunk::<4>().ok_or(AbiError::NoSelector)?;
        let words = Words { bytes: arguments, reading };
        let (call, used) = match *selector {
            TRANSFER => (Self::Transfer { recipient: words.address(0)?, amount: words.number(1)? }, 64),
            TRANSFER_FROM => {
                let (from, recipient) = (words.address(0)?, words.address(1)?);
                (Self::TransferFrom { from, recipient, amount: words.number(2)? }, 96)
            }
            APPROVE => (Self::Approve { spender: words.address(0)?, amount: words.number(1)? }, 64),
            DISBURSE => words.disburse()?,
            DISBURSE_KYC => words.disburse_kyc()?,
            unknown => return Err(AbiError::UnknownSelector(unknown)),
        };
        if reading == Reading::Strict && arguments.len() > used {
            return Err(AbiError::Trailing { extra: arguments.len() - used });
        }
        Ok(call)
    }
}

/// `balanceOf(account)`
#[must_use]
pub fn balance_of(account: Address) -> Vec<u8> {
    encode_words(BALANCE_OF, &[account.word()])
}

/// `allowance(owner, spender)`
#[must_use]
pub fn allowance(owner: Address, spender: Address) -> Vec<u8> {
    encode_words(ALLOWANCE, &[owner.word(), spender.word()])
}

/// `isBlackListed(account)`
#[must_use]
pub fn is_black_listed(account: Address) -> Vec<u8> {
    encode_words(IS_BLACK_LISTED, &[account.word()])
}

/// A question without arguments: [`PAUSED`], [`DEPRECATED`], [`BASIS_POINTS_RATE`], [`MAXIMUM_FEE`], …
#[must_use]
pub fn question(selector: Selector) -> Vec<u8> {
    selector.to_vec()
}

/// Any function whose arguments are whole words.
#[must_use]
pub fn encode_words(selector: Selector, words: &[[u8; 32]]) -> Vec<u8> {
    let mut data = Vec::with_capacity(4 + 32 * words.len());
    data.extend_from_slice(&selector);
    data.extend_from_slice(words.as_flattened());
    data
}

/// Which function a selector stands for, if it is one of [`SELECTORS`].
#[must_use]
pub fn function_of(selector: Selector) -> Option<&'static str> {
    SELECTORS.iter().find(|(known, _)| *known == selector).map(|(_, function)| *function)
}

/// A returned `uint256`: exactly one word.
pub fn decode_number(data: &[u8]) -> Result<Uint256, AbiError> {
    Words::returned(data, 32)?.number(0)
}

/// A returned `bool`. Mainnet USDT's `transfer` returns `false` when it moved the money: never a proof of anything.
pub fn decode_bool(data: &[u8]) -> Result<bool, AbiError> {
    match Words::returned(data, 32)?.number(0)?.to_u64() {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(AbiError::Dirty { word: 0 }),
    }
}

/// A returned `address`.
pub fn decode_address(data: &[u8]) -> Result<Address, AbiError> {
    Words::returned(data, 32)?.address(0)
}

/// A returned `string`.
pub fn decode_text(data: &[u8]) -> Result<String, AbiError> {
    Words { bytes: data, reading: Reading::AsTvm }.text(0, 32).map(|(text, _)| text)
}

/// One returned `uint256`, as the callee would write it.
#[must_use]
pub fn encode_number(number: &Uint256) -> Vec<u8> {
    number.word().to_vec()
}

/// One returned `string`, as the callee would write it.
#[must_use]
pub fn encode_text(text: &str) -> Vec<u8> {
    with_text(Vec::new(), &[number_word(32)], text)
}

/// What a reverted call said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RevertReason {
    /// Nothing: old contracts, plain `revert()`, out of energy.
    Silent,
    /// `require(…, text)`.
    Error {
        /// The contract's sentence.
        text: String,
    },
    /// `assert` and the compiler's own checks; 17 is an overflow.
    Panic {
        /// Solidity's code.
        code: Uint256,
    },
    /// Something else: a custom error, or broken data.
    Other {
        /// As it came, in hex.
        data: String,
    },
}

impl RevertReason {
    /// Reads the data of a reverted call.
    #[must_use]
    pub fn decode(data: &[u8]) -> Self {
        let other = || Self::Other { data: hex::encode(data) };
        match data.split_first_chunk::<4>() {
            _ if data.is_empty() => Self::Silent,
            Some((&ERROR, text)) => decode_text(text).map_or_else(|_| other(), |text| Self::Error { text }),
            Some((&PANIC, code)) => decode_number(code).map_or_else(|_| other(), |code| Self::Panic { code }),
            _ => other(),
        }
    }

    /// The data that a reverted call returns; for a chain that is simulated.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Silent => Vec::new(),
            Self::Error { text } => with_text(ERROR.to_vec(), &[number_word(32)], text),
            Self::Panic { code } => encode_words(PANIC, &[*code.word()]),
            Self::Other { data } => hex::decode(data).unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for RevertReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silent => f.write_str("no reason given"),
            Self::Error { text } => f.write_str(text),
            Self::Panic { code } => write!(f, "panic {code}"),
            Self::Other { data } => write!(f, "0x{data}"),
        }
    }
}

/// Reads arguments word by word.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    bytes: &'a [u8],
    reading: Reading,
}

impl<'a> Words<'a> {
    /// A strict reader over arguments or a log's data.
    pub(super) const fn strict(bytes: &'a [u8]) -> Self {
        Self { bytes, reading: Reading::Strict }
    }

    /// A reader over returned data of exactly this length.
    fn returned(data: &'a [u8], len: usize) -> Result<Self, AbiError> {
        if data.len() > len {
            return Err(AbiError::Trailing { extra: data.len() - len });
        }
        Ok(Self::strict(data))
    }

    fn word(&self, index: usize) -> Result<&'a [u8; 32], AbiError> {
        let from = index * 32;
        let rest = self.bytes.get(from..).and_then(|rest| rest.first_chunk::<32>());
        rest.ok_or(AbiError::Truncated { word: index })
    }

    pub(super) fn number(&self, index: usize) -> Result<Uint256, AbiError> {
        self.word(index).copied().map(Uint256::from_word)
    }

    fn hash(&self, index: usize) -> Result<Hash32, AbiError> {
        self.word(index).copied().map(Hash32::new)
    }

    fn address(&self, index: usize) -> Result<Address, AbiError> {
        let word = self.word(index)?;
        match self.reading {
            Reading::Strict => Address::from_word(word).map_err(|_| AbiError::Dirty { word: index }),
            Reading::AsTvm => Ok(Address::from_word_masked(word)),
        }
    }

    fn byte(&self, index: usize) -> Result<u8, AbiError> {
        let number = self.number(index)?.to_u64();
        number.and_then(|number| u8::try_from(number).ok()).ok_or(AbiError::Dirty { word: index })
    }

    /// The string whose offset stands in this word; `expected` is the offset that a careful encoder writes. Also gives how
    /// many bytes are used up to the string's end.
    pub(super) fn text(&self, index: usize, expected: usize) -> Result<(String, usize), AbiError> {
        let offset = self.length(index)?;
        if self.reading == Reading::Strict && offset != expected {
            return Err(AbiError::Layout);
        }
        let tail = Words {
            bytes: self.bytes.get(offset..).ok_or(AbiError::Truncated { word: index })?,
            reading: self.reading,
        };
        let len = tail.length(0)?;
        let end = len.checked_add(32).ok_or(AbiError::Truncated { word: index })?;
        let bytes = tail.bytes.get(32..end).ok_or(AbiError::Truncated { word: index })?;
        let padded = end.next_multiple_of(32);
        if self.reading == Reading::Strict {
            let padding = tail.bytes.get(end..padded).ok_or(AbiError::Truncated { word: index })?;
            if padding.iter().any(|byte| *byte != 0) {
                return Err(AbiError::Layout);
            }
        }
        let text = std::str::from_utf8(bytes).map_err(|_| AbiError::NotUtf8)?;
        Ok((text.to_owned(), offset + padded))
    }

    fn length(&self, index: usize) -> Result<usize, AbiError> {
        let number = self.number(index)?.to_u64().and_then(|number| usize::try_from(number).ok());
        number.filter(|length| *length <= self.bytes.len()).ok_or(AbiError::Truncated { word: index })
    }

    fn disburse(&self) -> Result<(Call, usize), AbiError> {
        let (reason, used) = self.text(3, 4 * 32)?;
        let (session_id, recipient, amount) = (self.hash(0)?, self.address(1)?, self.number(2)?);
        Ok((Call::Disburse { session_id, recipient, amount, reason }, used))
    }

    fn disburse_kyc(&self) -> Result<(Call, usize), AbiError> {
        let (reason, used) = self.text(3, 9 * 32)?;
        let call = Call::DisburseKyc {
            session_id: self.hash(0)?,
            recipient: self.address(1)?,
            amount: self.number(2)?,
            reason,
            kyc_hash: self.hash(4)?,
            expiry_s: self.number(5)?,
            v: self.byte(6)?,
            r: self.hash(7)?,
            s: self.hash(8)?,
        };
        Ok((call, used))
    }
}

fn encode_with_text(selector: Selector, head: &[[u8; 32]], text: &str) -> Vec<u8> {
    with_text(selector.to_vec(), head, text)
}

/// Head words, then the one string: its length and its bytes, padded with zeros to whole words.
pub(super) fn with_text(mut data: Vec<u8>, head: &[[u8; 32]], text: &str) -> Vec<u8> {
    let padded = text.len().next_multiple_of(32);
    data.reserve_exact(head.len() * 32 + 32 + padded);
    data.extend_from_slice(head.as_flattened());
    data.extend_from_slice(&number_word(text.len()));
    data.extend_from_slice(text.as_bytes());
    data.resize(data.len() + padded - text.len(), 0);
    data
}

pub(super) fn number_word(number: usize) -> [u8; 32] {
    *Uint256::from(number as u64).word()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tron::hash::keccak256;
    use proptest::prelude::*;

    #[test]
    fn every_selector_is_the_hash_of_its_function() {
        for (selector, function) in SELECTORS {
            assert_eq!(selector, keccak256(function.as_bytes())[..4], "{function}");
            assert_eq!(function_of(selector), Some(function));
        }
    }

    fn disburse(reason: &str) -> Call {
        Call::Disburse {
            session_id: Hash32::new([7; 32]),
            recipient: Address::BLACKHOLE,
            amount: Uint256::from(5),
            reason: reason.into(),
        }
    }

    #[test]
    fn dirt_in_our_own_call_data_is_refused_and_named() {
        let good = disburse("salary").encode();
        let with = |change: fn(&mut Vec<u8>)| {
            let mut data = good.clone();
            change(&mut data);
            Call::decode(&data)
        };
        assert_eq!(with(|data| data.push(0)), Err(AbiError::Trailing { extra: 1 }));
        assert_eq!(with(|data| data.truncate(100)), Err(AbiError::Truncated { word: 3 }));
        assert_eq!(with(|data| data[4 + 32] = 0x41), Err(AbiError::Dirty { word: 1 }));
        assert_eq!(with(|data| *data.last_mut().unwrap() = 1), Err(AbiError::Layout));
        assert_eq!(with(|data| data[4 + 4 * 32 - 1] = 0x60), Err(AbiError::Layout));
        assert_eq!(with(|data| data[4 + 5 * 32] = 0xff), Err(AbiError::NotUtf8));
        assert_eq!(with(|data| data[0] = 0), Err(AbiError::UnknownSelector([0x00, 0xec, 0xc6, 0x72])));
        assert_eq!(Call::decode(&[0xa9]), Err(AbiError::NoSelector));
        assert_eq!(with(|data| data[4 + 3 * 32] = 0xff), Err(AbiError::Truncated { word: 3 }));
    }

    #[test]
    fn a_revert_says_why() {
        for reason in [
            RevertReason::Silent,
            RevertReason::Error { text: "SafeMath: subtraction overflow".into() },
            RevertReason::Panic { code: Uint256::from(17) },
            RevertReason::Other { data: "deadbeef00".into() },
        ] {
            assert_eq!(RevertReason::decode(&reason.encode()), reason);
        }
        let broken = [ERROR.as_slice(), &[0xff; 40]].concat();
        assert!(matches!(RevertReason::decode(&broken), RevertReason::Other { .. }));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(
            session in any::<[u8; 32]>(), to in any::<[u8; 20]>(), from in any::<[u8; 20]>(), amount in any::<[u8; 32]>(),
            reason in ".{0,80}", v in any::<u8>(), words in any::<[[u8; 32]; 4]>(),
        ) {
            let (session_id, recipient, amount) = (Hash32::new(session), Address::from_evm(to), Uint256::from_word(amount));
            let [kyc_hash, expiry, r, s] = words.map(Hash32::new);
            let expiry_s = Uint256::from_word(expiry.to_bytes());
            for call in [
                Call::Transfer { recipient, amount },
                Call::TransferFrom { from: Address::from_evm(from), recipient, amount },
                Call::Approve { spender: recipient, amount },
                Call::Disburse { session_id, recipient, amount, reason: reason.clone() },
                Call::DisburseKyc { session_id, recipient, amount, reason: reason.clone(), kyc_hash, expiry_s, v, r, s },
            ] {
                let data = call.encode();
                prop_assert_eq!(Call::decode(&data), Ok(call.clone()));
                prop_assert_eq!(Call::decode_as_tvm(&data), Ok(call));
            }
        }

        #[test]
        fn no_data_make_the_reader_fall_over(selector in 0_usize..22, data in proptest::collection::vec(any::<u8>(), 0..400)) {
            let data = [SELECTORS[selector].0.as_slice(), &data].concat();
            let _ = Call::decode_as_tvm(&data);
            let _ = RevertReason::decode(&data);
            if let Ok(call) = Call::decode(&data) {
                prop_assert_eq!(call.encode(), data);
            }
        }
    }
}
