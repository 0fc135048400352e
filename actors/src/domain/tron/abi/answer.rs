//! What comes back from a call: numbers, words, and the reasons of a revert.

use serde::Serialize;

use super::{
    ERROR, PANIC, encode_words,
    words::{AbiError, Words, number_word, with_text},
};
use crate::domain::{address::Address, tron::uint256::Uint256};

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
    Words::as_tvm(data).text(0, 32).map(|(text, _)| text)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
