//! The contract ABI, by hand: the calls that pay, the questions asked of the token, and what comes back.
//!
//! Promises: what is encoded is what ethers and tronweb encode; [`Call::decode`] takes nothing but that (no dirt in address
//! words, no other offset, no bytes behind), so encode and decode are each other's inverse. [`Call::decode_as_tvm`] reads
//! other people's history the way the machine would run it.

mod answer;
mod question;
mod words;

pub(super) use self::words::{Words, number_word, with_text};
pub use self::{
    answer::{
        RevertReason, decode_address, decode_bool, decode_number, decode_text, encode_number, encode_text,
    },
    question::Question,
    words::AbiError,
};

use serde::Serialize;

use self::words::Reading;
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
        #[serde(rename = "amount_units")]
        amount: Uint256,
    },
    /// Tokens of somebody, by allowance, to somebody.
    TransferFrom {
        /// Whose tokens.
        from: Address,
        /// Who gets them.
        recipient: Address,
        /// In the token's smallest unit.
        #[serde(rename = "amount_units")]
        amount: Uint256,
    },
    /// An allowance.
    Approve {
        /// Who may spend.
        spender: Address,
        /// How much at most.
        #[serde(rename = "amount_units")]
        amount: Uint256,
    },
    /// The router's payout.
    Disburse {
        /// The payout's mark in the router's `Paid` event.
        session_id: Hash32,
        /// Who is paid.
        recipient: Address,
        /// In the token's smallest unit.
        #[serde(rename = "amount_units")]
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
        #[serde(rename = "amount_units")]
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
    Question::BalanceOf { account }.encode()
}

/// `allowance(owner, spender)`
#[must_use]
pub fn allowance(owner: Address, spender: Address) -> Vec<u8> {
    Question::Allowance { owner, spender }.encode()
}

/// `isBlackListed(account)`
#[must_use]
pub fn is_black_listed(account: Address) -> Vec<u8> {
    Question::IsBlackListed { account }.encode()
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

/// The router's arguments.
impl Words<'_> {
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
