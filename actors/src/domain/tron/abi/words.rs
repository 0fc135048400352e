//! Words of 32 bytes: how arguments lie in call data, and how dirt in them is met.

use thiserror::Error;

use super::Selector;
use crate::domain::{
    address::Address,
    tron::{hash::Hash32, uint256::Uint256},
};

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
pub(in crate::domain::tron) enum Reading {
    /// Nothing but what our encoder writes.
    Strict,
    /// As the machine runs it: addresses are the low 20 bytes, what stands behind is ignored.
    AsTvm,
}

/// Reads arguments word by word.
#[derive(Clone, Copy)]
pub(in crate::domain::tron) struct Words<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) reading: Reading,
}

impl<'a> Words<'a> {
    /// A strict reader over arguments or a log's data.
    pub(in crate::domain::tron) const fn strict(bytes: &'a [u8]) -> Self {
        Self { bytes, reading: Reading::Strict }
    }

    /// A reader that reads as the machine runs.
    pub(super) const fn as_tvm(bytes: &'a [u8]) -> Self {
        Self { bytes, reading: Reading::AsTvm }
    }

    /// A reader over returned data of exactly this length.
    pub(super) fn returned(data: &'a [u8], len: usize) -> Result<Self, AbiError> {
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

    pub(in crate::domain::tron) fn number(&self, index: usize) -> Result<Uint256, AbiError> {
        self.word(index).copied().map(Uint256::from_word)
    }

    pub(super) fn hash(&self, index: usize) -> Result<Hash32, AbiError> {
        self.word(index).copied().map(Hash32::new)
    }

    pub(in crate::domain::tron) fn address(&self, index: usize) -> Result<Address, AbiError> {
        let word = self.word(index)?;
        match self.reading {
            Reading::Strict => Address::from_word(word).map_err(|_| AbiError::Dirty { word: index }),
            Reading::AsTvm => Ok(Address::from_word_masked(word)),
        }
    }

    pub(super) fn byte(&self, index: usize) -> Result<u8, AbiError> {
        let number = self.number(index)?.to_u64();
        number.and_then(|number| u8::try_from(number).ok()).ok_or(AbiError::Dirty { word: index })
    }

    /// The string whose offset stands in this word; `expected` is the offset that a careful encoder writes. Also gives how
    /// many bytes are used up to the string's end.
    pub(in crate::domain::tron) fn text(
        &self,
        index: usize,
        expected: usize,
    ) -> Result<(String, usize), AbiError> {
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
}

/// Head words, then the one string: its length and its bytes, padded with zeros to whole words.
pub(in crate::domain::tron) fn with_text(mut data: Vec<u8>, head: &[[u8; 32]], text: &str) -> Vec<u8> {
    let padded = text.len().next_multiple_of(32);
    data.reserve_exact(head.len() * 32 + 32 + padded);
    data.extend_from_slice(head.as_flattened());
    data.extend_from_slice(&number_word(text.len()));
    data.extend_from_slice(text.as_bytes());
    data.resize(data.len() + padded - text.len(), 0);
    data
}

pub(in crate::domain::tron) fn number_word(number: usize) -> [u8; 32] {
    *Uint256::from(number as u64).word()
}
