//! What can be asked of a token without changing anything.

use serde::Serialize;

use super::{
    ALLOWANCE, BALANCE_OF, BASIS_POINTS_RATE, CALC_FEE, DECIMALS, DEPRECATED, GET_BLACK_LIST_STATUS,
    IS_BLACK_LISTED, MAXIMUM_FEE, NAME, OWNER, PAUSED, SYMBOL, Selector, TOTAL_SUPPLY, UPGRADED_ADDRESS,
    encode_words,
    words::{AbiError, Words},
};
use crate::domain::{address::Address, tron::uint256::Uint256};

/// A question to the token's contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "function", rename_all = "camelCase", rename_all_fields = "snake_case")]
pub enum Question {
    /// How much an account has.
    BalanceOf {
        /// Whose.
        account: Address,
    },
    /// How much one account may spend of another's.
    Allowance {
        /// Whose tokens.
        owner: Address,
        /// Who may spend them.
        spender: Address,
    },
    /// Whether an account may not send.
    IsBlackListed {
        /// Whose.
        account: Address,
    },
    /// The same question under another name.
    GetBlackListStatus {
        /// Whose.
        account: Address,
    },
    /// What fee the token would take.
    CalcFee {
        /// From which amount.
        amount: Uint256,
    },
    /// Decimal places.
    Decimals,
    /// The ticker; anybody can use the same.
    Symbol,
    /// The long name.
    Name,
    /// All there is.
    TotalSupply,
    /// Whether calls go on to another contract.
    Deprecated,
    /// To which.
    UpgradedAddress,
    /// Whether transfers are stopped.
    Paused,
    /// The fee in hundredths of a percent.
    BasisPointsRate,
    /// The fee at most.
    MaximumFee,
    /// Who administers the token.
    Owner,
}

impl Question {
    /// Every question without arguments.
    pub const PLAIN: [Self; 10] = [
        Self::Decimals,
        Self::Symbol,
        Self::Name,
        Self::TotalSupply,
        Self::Deprecated,
        Self::UpgradedAddress,
        Self::Paused,
        Self::BasisPointsRate,
        Self::MaximumFee,
        Self::Owner,
    ];

    /// Which function is asked.
    #[must_use]
    pub const fn selector(&self) -> Selector {
        match self {
            Self::BalanceOf { .. } => BALANCE_OF,
            Self::Allowance { .. } => ALLOWANCE,
            Self::IsBlackListed { .. } => IS_BLACK_LISTED,
            Self::GetBlackListStatus { .. } => GET_BLACK_LIST_STATUS,
            Self::CalcFee { .. } => CALC_FEE,
            Self::Decimals => DECIMALS,
            Self::Symbol => SYMBOL,
            Self::Name => NAME,
            Self::TotalSupply => TOTAL_SUPPLY,
            Self::Deprecated => DEPRECATED,
            Self::UpgradedAddress => UPGRADED_ADDRESS,
            Self::Paused => PAUSED,
            Self::BasisPointsRate => BASIS_POINTS_RATE,
            Self::MaximumFee => MAXIMUM_FEE,
            Self::Owner => OWNER,
        }
    }

    /// Selector and arguments.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let selector = self.selector();
        match self {
            Self::BalanceOf { account }
            | Self::IsBlackListed { account }
            | Self::GetBlackListStatus { account } => encode_words(selector, &[account.word()]),
            Self::Allowance { owner, spender } => encode_words(selector, &[owner.word(), spender.word()]),
            Self::CalcFee { amount } => encode_words(selector, &[*amount.word()]),
            Self::Decimals
            | Self::Symbol
            | Self::Name
            | Self::TotalSupply
            | Self::Deprecated
            | Self::UpgradedAddress
            | Self::Paused
            | Self::BasisPointsRate
            | Self::MaximumFee
            | Self::Owner => selector.to_vec(),
        }
    }

    /// Reads a question as the machine would: what stands behind the arguments is ignored, addresses are masked.
    pub fn decode(data: &[u8]) -> Result<Self, AbiError> {
        let (selector, arguments) = data.split_first_chunk::<4>().ok_or(AbiError::NoSelector)?;
        let words = Words::as_tvm(arguments);
        match *selector {
            BALANCE_OF => Ok(Self::BalanceOf { account: words.address(0)? }),
            IS_BLACK_LISTED => Ok(Self::IsBlackListed { account: words.address(0)? }),
            GET_BLACK_LIST_STATUS => Ok(Self::GetBlackListStatus { account: words.address(0)? }),
            ALLOWANCE => Ok(Self::Allowance { owner: words.address(0)?, spender: words.address(1)? }),
            CALC_FEE => Ok(Self::CalcFee { amount: words.number(0)? }),
            other => {
                let plain = Self::PLAIN.into_iter().find(|question| question.selector() == other);
                plain.ok_or(AbiError::UnknownSelector(other))
            }
        }
    }
}
