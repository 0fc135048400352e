//! The EVM's number: 256 bits, big-endian, as one ABI word. Amounts of tokens live in it on chain; ours fit 64 bits, a
//! stranger's need not.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::domain::money::MicroUsdt;

/// A 256-bit unsigned number as its 32 big-endian bytes; order of bytes is order of numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uint256([u8; 32]);

/// Why a text is not a 256-bit number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Uint256Error {
    /// Empty, or a character that is no decimal digit.
    #[error("a whole number in decimal digits is wanted")]
    NotDigits,
    /// 2^256 or more.
    #[error("the number needs more than 256 bits")]
    TooLarge,
}

impl Uint256 {
    /// Nothing.
    pub const ZERO: Self = Self([0; 32]);
    /// 2^256-1, which many contracts read as "without limit".
    pub const MAX: Self = Self([0xff; 32]);

    /// From an ABI word.
    #[must_use]
    pub const fn from_word(word: [u8; 32]) -> Self {
        Self(word)
    }

    /// As an ABI word.
    #[must_use]
    pub const fn word(&self) -> &[u8; 32] {
        &self.0
    }

    /// The number, if 64 bits hold it.
    #[must_use]
    pub fn to_u64(&self) -> Option<u64> {
        let (high, low) = self.0.split_at(24);
        if high.iter().any(|byte| *byte != 0) {
            return None;
        }
        low.try_into().ok().map(u64::from_be_bytes)
    }

    /// The number as an amount of USDT, if it can be one here.
    #[must_use]
    pub fn to_micro_usdt(&self) -> Option<MicroUsdt> {
        self.to_u64().map(MicroUsdt::new)
    }

    /// The sum, or `None` beyond 256 bits.
    #[must_use]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        let mut sum = [0; 32];
        let mut carry = 0_u16;
        for index in (0..32).rev() {
            let digit = u16::from(self.0[index]) + u16::from(other.0[index]) + carry;
            sum[index] = (digit & 0xff) as u8;
            carry = digit >> 8;
        }
        (carry == 0).then_some(Self(sum))
    }

    /// `self * 10 + digit`, or `None` beyond 256 bits.
    fn shift_in(&mut self, digit: u8) -> Option<()> {
        let mut carry = u16::from(digit);
        for byte in self.0.iter_mut().rev() {
            let value = u16::from(*byte) * 10 + carry;
            *byte = (value & 0xff) as u8;
            carry = value >> 8;
        }
        (carry == 0).then_some(())
    }
}

impl From<u64> for Uint256 {
    fn from(number: u64) -> Self {
        let mut word = [0; 32];
        word[24..].copy_from_slice(&number.to_be_bytes());
        Self(word)
    }
}

impl From<MicroUsdt> for Uint256 {
    fn from(amount: MicroUsdt) -> Self {
        Self::from(amount.micro())
    }
}

impl FromStr for Uint256 {
    type Err = Uint256Error;

    fn from_str(text: &str) -> Result<Self, Uint256Error> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Uint256Error::NotDigits);
        }
        let mut number = Self::ZERO;
        for digit in text.bytes() {
            number.shift_in(digit - b'0').ok_or(Uint256Error::TooLarge)?;
        }
        Ok(number)
    }
}

impl fmt::Display for Uint256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut digits = Vec::with_capacity(78);
        loop {
            let mut remainder = 0_u16;
            for byte in &mut rest {
                let value = (remainder << 8) | u16::from(*byte);
                *byte = (value / 10) as u8;
                remainder = value % 10;
            }
            digits.push(char::from(b'0' + remainder as u8));
            if rest.iter().all(|byte| *byte == 0) {
                break;
            }
        }
        f.pad(&digits.iter().rev().collect::<String>())
    }
}

impl fmt::Debug for Uint256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uint256({self})")
    }
}

impl Serialize for Uint256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_largest_number_fits_and_the_next_does_not() {
        let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(most.parse(), Ok(Uint256::MAX));
        assert_eq!(Uint256::MAX.to_string(), most);
        let next = most.replace("9935", "9936");
        assert_eq!(next.parse::<Uint256>(), Err(Uint256Error::TooLarge));
        assert_eq!("".parse::<Uint256>(), Err(Uint256Error::NotDigits));
        assert_eq!(Uint256::MAX.checked_add(&Uint256::from(1)), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(word in any::<[u8; 32]>()) {
            let number = Uint256::from_word(word);
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }

        #[test]
        fn sixty_four_bits_behave_as_such(a in any::<u64>(), b in any::<u64>()) {
            prop_assert_eq!(Uint256::from(a).to_u64(), Some(a));
            prop_assert_eq!(Uint256::from(a).to_string(), a.to_string());
            let sum = Uint256::from(a).checked_add(&Uint256::from(b)).unwrap();
            prop_assert_eq!(sum.to_string(), (u128::from(a) + u128::from(b)).to_string());
        }
    }
}
