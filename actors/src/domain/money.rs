//! Money: whole micro-USDT and whole sun inside, canonical decimal strings outside, and no float anywhere near.
//!
//! Promises: what [`MicroUsdt`] prints it also reads; what it refuses it explains. Zero can be written and is nobody's
//! payout: [`MicroUsdt::is_positive`] is the caller's question.
//!
//! **Never here:** rates, rounding, signs. An amount that does not fit six places is refused, not rounded.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Micro-USDT in one USDT: the token's six decimals.
pub const MICRO_PER_USDT: u64 = 1_000_000;
/// Sun in one TRX.
pub const SUN_PER_TRX: u64 = 1_000_000;
/// Decimal places of USDT and of TRX.
pub const PLACES: usize = 6;

/// An amount of USDT in its smallest unit, 0.000001 USDT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MicroUsdt(u64);

/// An amount of TRX in its smallest unit, 0.000001 TRX: fees, balances, fee limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sun(u64);

/// Why a text is not an amount, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Nothing between the quotes.
    #[error("the amount is empty; write whole units and at most six places, like 25.5")]
    Empty,
    /// Spaces, tabs or line ends before, behind or inside.
    #[error("the amount has blanks around or inside it; write the digits alone, like 25.5")]
    Blanks,
    /// `+` or `-`.
    #[error("the amount carries a sign '{0}'; write it without one, like 25.5")]
    Sign(char),
    /// `00001`, `01.5`.
    #[error("the amount has leading zeros; write {canonical}")]
    LeadingZeros {
        /// The same digits without them.
        canonical: String,
    },
    /// `1e3`.
    #[error("the amount is written with an exponent; write all digits, like 1000")]
    Exponent,
    /// `1,0` or `1,000.5`.
    #[error("the amount has a comma; the decimal sign is a point and groups are not separated, like 1000.5")]
    Comma,
    /// `1_000`, `1'000`.
    #[error("the amount has a '{0}' between its digits; groups are not separated, like 1000.5")]
    GroupSign(char),
    /// `.5`.
    #[error("no digit stands before the point; write {canonical}")]
    NoWholePart {
        /// The same amount with its zero.
        canonical: String,
    },
    /// `1.`.
    #[error("no digit stands after the point; write {canonical}")]
    NoPlaces {
        /// The same amount without the point.
        canonical: String,
    },
    /// Two points or more.
    #[error("the amount has more than one point; write it like 1000.5")]
    SeveralPoints,
    /// A character that is no digit and no point: `NaN`, `12x`, `１２`.
    #[error("'{0}' is no digit; write digits and at most one point, like 25.5")]
    NotDigit(char),
    /// More than six digits behind the point.
    #[error("the amount has {found} decimal places, and USDT and TRX have six; 0.000001 is the least")]
    TooManyPlaces {
        /// How many were written.
        found: usize,
    },
    /// More than 2^64-1 of the smallest unit.
    #[error("the amount is beyond what can be counted here (18446744073709.551615)")]
    TooLarge,
}

macro_rules! amount {
    ($name:ident, $count:ident, $expecting:literal) => {
        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// From the count of the smallest unit.
            #[must_use]
            pub const fn new(count: u64) -> Self {
                Self(count)
            }

            /// The count of the smallest unit.
            #[must_use]
            pub const fn $count(self) -> u64 {
                self.0
            }

            /// More than nothing?
            #[must_use]
            pub const fn is_positive(self) -> bool {
                self.0 > 0
            }

            /// The sum, or `None` where it could not be counted.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(sum) => Some(Self(sum)),
                    None => None,
                }
            }

            /// What is left, or `None` where there is not enough.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(rest) => Some(Self(rest)),
                    None => None,
                }
            }

            /// The sum, stopping at the largest amount that can be counted.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// What is left, stopping at nothing.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&canonical(self.0))
            }
        }

        impl FromStr for $name {
            type Err = MoneyError;

            fn from_str(text: &str) -> Result<Self, MoneyError> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(AmountVisitor { expecting: $expecting }).map(Self)
            }
        }
    };
}

amount!(MicroUsdt, micro, "an amount of USDT as a string, like \"25.5\" (numbers lose digits on their way)");
amount!(Sun, sun, "an amount of TRX as a string, like \"1.1\" (numbers lose digits on their way)");

struct AmountVisitor {
    expecting: &'static str,
}

impl de::Visitor<'_> for AmountVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        parse(text).map_err(E::custom)
    }
}

/// Six-place units as the shortest decimal string: `25500000` is `25.5`.
fn canonical(count: u64) -> String {
    let (whole, places) = (count / MICRO_PER_USDT, count % MICRO_PER_USDT);
    if places == 0 {
        return whole.to_string();
    }
    let padded = format!("{whole}.{places:06}");
    padded.trim_end_matches('0').to_owned()
}

/// The strict reading. Trailing zeros behind the point are the one freedom: `25.50` is `25.5`.
fn parse(text: &str) -> Result<u64, MoneyError> {
    if text.is_empty() {
        return Err(MoneyError::Empty);
    }
    if text.chars().any(char::is_whitespace) {
        return Err(MoneyError::Blanks);
    }
    refuse_foreign_characters(text)?;
    let (whole, places) = match text.split_once('.') {
        None => (text, ""),
        Some((_, places)) if places.contains('.') => return Err(MoneyError::SeveralPoints),
        Some(("", places)) => return Err(MoneyError::NoWholePart { canonical: format!("0.{places}") }),
        Some((whole, "")) => return Err(MoneyError::NoPlaces { canonical: whole.to_owned() }),
        Some(parts) => parts,
    };
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(MoneyError::LeadingZeros { canonical: without_leading_zeros(text, whole) });
    }
    if places.len() > PLACES {
        return Err(MoneyError::TooManyPlaces { found: places.len() });
    }
    count(whole, places).ok_or(MoneyError::TooLarge)
}

fn refuse_foreign_characters(text: &str) -> Result<(), MoneyError> {
    let begins_with_digit = text.starts_with(|c: char| c.is_ascii_digit());
    for character in text.chars() {
        match character {
            '0'..='9' | '.' => {}
            '+' | '-' | '\u{2212}' if !begins_with_digit => return Err(MoneyError::Sign(character)),
            'e' | 'E' if begins_with_digit => return Err(MoneyError::Exponent),
            ',' | '\u{66b}' => return Err(MoneyError::Comma),
            '\'' | '_' | '\u{66c}' => return Err(MoneyError::GroupSign(character)),
            other => return Err(MoneyError::NotDigit(other)),
        }
    }
    Ok(())
}

fn without_leading_zeros(text: &str, whole: &str) -> String {
    let kept = whole.trim_start_matches('0');
    let rest = &text[whole.len()..];
    if kept.is_empty() { format!("0{rest}") } else { format!("{kept}{rest}") }
}

fn count(whole: &str, places: &str) -> Option<u64> {
    let mut count: u64 = 0;
    let missing = PLACES - places.len();
    for digit in whole.bytes().chain(places.bytes()) {
        count = count.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    count.checked_mul(10_u64.pow(u32::try_from(missing).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn micro(text: &str) -> Result<u64, MoneyError> {
        text.parse::<MicroUsdt>().map(MicroUsdt::micro)
    }

    /// F001-26: the boundary table of amounts, each refusal with its own reason.
    #[test]
    fn every_odd_amount_is_refused_for_its_own_reason() {
        use MoneyError::*;
        let table: &[(&str, MoneyError)] = &[
            ("", Empty),
            (" 1", Blanks),
            ("1 ", Blanks),
            ("1\n", Blanks),
            ("1 000", Blanks),
            ("-1", Sign('-')),
            ("+1", Sign('+')),
            ("00001", LeadingZeros { canonical: "1".into() }),
            ("00", LeadingZeros { canonical: "0".into() }),
            ("01.5", LeadingZeros { canonical: "1.5".into() }),
            ("1e3", Exponent),
            ("1E3", Exponent),
            ("1,0", Comma),
            ("1,000.5", Comma),
            ("1_000", GroupSign('_')),
            ("1'000", GroupSign('\'')),
            (".5", NoWholePart { canonical: "0.5".into() }),
            ("1.", NoPlaces { canonical: "1".into() }),
            ("1.2.3", SeveralPoints),
            ("NaN", NotDigit('N')),
            ("inf", NotDigit('i')),
            ("0x10", NotDigit('x')),
            ("１", NotDigit('１')),
            ("0.0000001", TooManyPlaces { found: 7 }),
            ("1000000.0000010", TooManyPlaces { found: 7 }),
            ("18446744073709.551616", TooLarge),
            ("99999999999999999999999999", TooLarge),
        ];
        for (text, reason) in table {
            assert_eq!(micro(text).as_ref(), Err(reason), "{text:?}");
        }
    }

    /// F001-26: what is an amount, down to the last unit.
    #[test]
    fn amounts_are_read_to_the_last_unit() {
        let table = [
            ("0", 0),
            ("0.000001", 1),
            ("25.5", 25_500_000),
            ("25.50", 25_500_000),
            ("1000000", 1_000_000_000_000),
        ];
        for (text, expected) in table {
            assert_eq!(micro(text), Ok(expected), "{text:?}");
        }
        assert_eq!(micro("18446744073709.551615"), Ok(u64::MAX));
        assert_eq!(micro("1000000.000001"), Ok(1_000_000_000_001));
        assert!(!MicroUsdt::ZERO.is_positive());
    }

    #[test]
    fn a_number_in_json_is_refused_with_a_sentence() {
        let error = serde_json::from_str::<MicroUsdt>("25.5").unwrap_err().to_string();
        assert!(error.contains("as a string, like \"25.5\""), "{error}");
        assert_eq!(serde_json::from_str::<MicroUsdt>("\"25.5\"").unwrap(), MicroUsdt::new(25_500_000));
        assert_eq!(serde_json::to_string(&MicroUsdt::new(25_500_000)).unwrap(), "\"25.5\"");
    }

    #[test]
    fn sums_never_wrap() {
        let most = MicroUsdt::new(u64::MAX);
        assert_eq!(most.checked_add(MicroUsdt::new(1)), None);
        assert_eq!(MicroUsdt::ZERO.checked_sub(MicroUsdt::new(1)), None);
        assert_eq!(MicroUsdt::new(2).checked_sub(MicroUsdt::new(1)), Some(MicroUsdt::new(1)));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(count in any::<u64>()) {
            let amount = MicroUsdt::new(count);
            prop_assert_eq!(amount.to_string().parse::<MicroUsdt>(), Ok(amount));
            prop_assert_eq!(Sun::new(count).to_string().parse::<Sun>(), Ok(Sun::new(count)));
        }

        #[test]
        fn no_text_makes_the_reader_fall_over(text in ".{0,40}") {
            let _ = text.parse::<MicroUsdt>();
        }
    }
}
