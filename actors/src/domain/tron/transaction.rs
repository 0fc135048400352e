//! From terms to bytes to a signature: how a transfer of money is made, and made out again from what is on file.
//!
//! Promises: [`Unsigned::build`] gives the canonical raw data, so the txid is certain before a byte leaves the house; the same
//! terms give the same bytes and the same signature always; [`SignedTransfer::restore`] takes nothing on trust.
//!
//! **Never here:** choosing terms (expiry, fee limit, fingerprint) or sending.

use serde::Serialize;
use thiserror::Error;

use super::{
    abi::{AbiError, Call},
    hash::{Hash32, RefBlock, TransferKey, TxId},
    key::{PrivateKey, Signature, SignatureError},
    protobuf::{
        Any, Contract, Message, Raw, TRIGGER_SMART_CONTRACT, TRIGGER_URL, Transaction, TriggerSmartContract,
    },
    uint256::Uint256,
    wire::WireError,
};
use crate::domain::{address::Address, money::MicroUsdt};

/// The largest transaction that a node takes, in bytes: 500 KiB.
pub const TRANSACTION_BYTES_MAX: usize = 500 * 1024;
/// Bytes that the node adds to a transaction's length before it compares or charges (a result's room).
pub const RESULT_BYTES: usize = 64;

/// What a payout does on chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "route", rename_all = "snake_case")]
pub enum PayoutCall {
    /// The wallet's own tokens, straight to the recipient.
    Transfer {
        /// The token's contract.
        token: Address,
        /// Who is paid.
        recipient: Address,
        /// How much.
        amount: MicroUsdt,
    },
    /// By the router, out of the wallet's allowance.
    #[serde(rename = "router_v0")]
    Disburse {
        /// The router's contract.
        router: Address,
        /// The payout's mark in the router's event.
        session_id: Hash32,
        /// Who is paid.
        recipient: Address,
        /// How much.
        amount: MicroUsdt,
        /// Free text in the event.
        reason: String,
    },
    /// By the router that wants a compliance officer's signature.
    #[serde(rename = "router_kyc")]
    DisburseKyc {
        /// The router's contract.
        router: Address,
        /// The payout's mark in the router's event.
        session_id: Hash32,
        /// Who is paid.
        recipient: Address,
        /// How much.
        amount: MicroUsdt,
        /// Free text in the event.
        reason: String,
        /// What the officer signed.
        kyc: KycClearance,
    },
}

/// A compliance officer's word that a recipient may be paid; see [`super::compliance`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
pub struct KycClearance {
    /// Hash of the papers.
    pub hash: Hash32,
    /// Unix seconds after which the router refuses.
    pub expiry_s: u64,
    /// The signature's last part: 27 or 28.
    pub v: u8,
    /// The signature's first part.
    pub r: Hash32,
    /// The signature's second part.
    pub s: Hash32,
}

impl PayoutCall {
    /// The contract that is called: the token, or the router.
    #[must_use]
    pub const fn contract(&self) -> Address {
        match self {
            Self::Transfer { token, .. } => *token,
            Self::Disburse { router, .. } | Self::DisburseKyc { router, .. } => *router,
        }
    }

    /// Who is paid.
    #[must_use]
    pub const fn recipient(&self) -> Address {
        match self {
            Self::Transfer { recipient, .. }
            | Self::Disburse { recipient, .. }
            | Self::DisburseKyc { recipient, .. } => *recipient,
        }
    }

    /// How much.
    #[must_use]
    pub const fn amount(&self) -> MicroUsdt {
        match self {
            Self::Transfer { amount, .. }
            | Self::Disburse { amount, .. }
            | Self::DisburseKyc { amount, .. } => *amount,
        }
    }

    /// Selector and arguments.
    #[must_use]
    pub fn call_data(&self) -> Vec<u8> {
        self.to_abi().encode()
    }

    /// The same call in the ABI's terms.
    #[must_use]
    pub fn to_abi(&self) -> Call {
        match self {
            Self::Transfer { recipient, amount, .. } => {
                Call::Transfer { recipient: *recipient, amount: (*amount).into() }
            }
            Self::Disburse { session_id, recipient, amount, reason, .. } => Call::Disburse {
                session_id: *session_id,
                recipient: *recipient,
                amount: (*amount).into(),
                reason: reason.clone(),
            },
            Self::DisburseKyc { session_id, recipient, amount, reason, kyc, .. } => Call::DisburseKyc {
                session_id: *session_id,
                recipient: *recipient,
                amount: (*amount).into(),
                reason: reason.clone(),
                kyc_hash: kyc.hash,
                expiry_s: Uint256::from(kyc.expiry_s),
                v: kyc.v,
                r: kyc.r,
                s: kyc.s,
            },
        }
    }

    /// The payout that a call of a contract is, if it is one.
    fn from_abi(contract: Address, call: Call) -> Result<Self, NotAPayout> {
        let micro = |amount: Uint256| amount.to_micro_usdt().ok_or(NotAPayout::AmountTooLarge);
        match call {
            Call::Transfer { recipient, amount } => {
                Ok(Self::Transfer { token: contract, recipient, amount: micro(amount)? })
            }
            Call::Disburse { session_id, recipient, amount, reason } => {
                Ok(Self::Disburse { router: contract, session_id, recipient, amount: micro(amount)?, reason })
            }
            Call::DisburseKyc { session_id, recipient, amount, reason, kyc_hash, expiry_s, v, r, s } => {
                let expiry_s = expiry_s.to_u64().ok_or(NotAPayout::AmountTooLarge)?;
                let kyc = KycClearance { hash: kyc_hash, expiry_s, v, r, s };
                let amount = micro(amount)?;
                Ok(Self::DisburseKyc { router: contract, session_id, recipient, amount, reason, kyc })
            }
            Call::TransferFrom { .. } | Call::Approve { .. } => Err(NotAPayout::OtherCall),
        }
    }
}

/// Everything that a transfer is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferTerms {
    /// The wallet that pays.
    pub owner: Address,
    /// What it does.
    pub call: PayoutCall,
    /// The most that energy may burn.
    pub fee_limit_sun: u64,
    /// A solidified block, so that the transfer cannot fall off with a fork.
    pub ref_block: RefBlock,
    /// No block on a parent this young or younger may hold the transfer, in unix milliseconds.
    pub expires_at_ms: i64,
    /// Unix milliseconds that nobody checks: they carry a part of the fingerprint (F-N24).
    pub timestamp_ms: i64,
    /// Paid for separately where the network asks a memo fee.
    pub memo: Option<Vec<u8>>,
    /// Which permission signs: 0 the owner's own, 2 and up the active ones.
    pub permission_id: u32,
}

/// Why terms make no transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BuildError {
    /// Zero pays nobody and would still burn a fee.
    #[error("the amount is zero")]
    NothingToPay,
    /// The reference block's number is not the one in its id.
    #[error("the reference block's number {number} is not the one in its id, {in_id}")]
    RefBlock {
        /// As given.
        number: u64,
        /// As the id says.
        in_id: u64,
    },
    /// Beyond what the field holds.
    #[error("a fee limit of {0} sun cannot be written")]
    FeeLimit(u64),
    /// A time before 1970, or no time at all.
    #[error("the times are not after 1970")]
    Time,
    /// More than a node takes.
    #[error("the transaction would have {0} bytes, and a node takes {TRANSACTION_BYTES_MAX}")]
    TooLong(usize),
}

/// Canonical raw data with its id, not yet anybody's promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    raw_data: Vec<u8>,
    txid: TxId,
    owner: Address,
    expires_at_ms: i64,
    permission_id: u32,
}

impl Unsigned {
    /// Writes the terms down.
    pub fn build(terms: &TransferTerms) -> Result<Self, BuildError> {
        if !terms.call.amount().is_positive() {
            return Err(BuildError::NothingToPay);
        }
        if terms.ref_block.number != terms.ref_block.id.number() {
            return Err(BuildError::RefBlock {
                number: terms.ref_block.number,
                in_id: terms.ref_block.id.number(),
            });
        }
        if terms.expires_at_ms <= 0 || terms.timestamp_ms <= 0 {
            return Err(BuildError::Time);
        }
        let raw_data = raw_of(terms)?.encode();
        if raw_data.len() + 2 * RESULT_BYTES + 80 > TRANSACTION_BYTES_MAX {
            return Err(BuildError::TooLong(raw_data.len()));
        }
        Ok(Self {
            txid: TxId::of_raw_data(&raw_data),
            raw_data,
            owner: terms.owner,
            expires_at_ms: terms.expires_at_ms,
            permission_id: terms.permission_id,
        })
    }

    /// The id that the transfer has, signed or not.
    #[must_use]
    pub const fn txid(&self) -> TxId {
        self.txid
    }

    /// What is hashed and signed.
    #[must_use]
    pub fn raw_data(&self) -> &[u8] {
        &self.raw_data
    }

    /// Signs. With the owner's own permission the key must be the owner's; whom an active permission allows, the chain knows.
    pub fn sign(self, key: &PrivateKey) -> Result<SignedTransfer, SignError> {
        if self.permission_id == 0 && key.address() != self.owner {
            return Err(SignError { key: key.address(), owner: self.owner });
        }
        let signature = key.sign(self.txid.as_bytes());
        Ok(SignedTransfer {
            raw_data: self.raw_data,
            txid: self.txid,
            signature,
            owner: self.owner,
            signer: key.address(),
            expires_at_ms: self.expires_at_ms,
        })
    }
}

/// The key is another account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the key belongs to {key}, and {owner} is to pay")]
pub struct SignError {
    /// Whose key it is.
    pub key: Address,
    /// Who is to pay.
    pub owner: Address,
}

fn raw_of(terms: &TransferTerms) -> Result<Raw, BuildError> {
    let trigger = TriggerSmartContract {
        owner_address: terms.owner.payload().to_vec(),
        contract_address: terms.call.contract().payload().to_vec(),
        data: terms.call.call_data(),
        ..TriggerSmartContract::default()
    };
    let contract = Contract {
        kind: TRIGGER_SMART_CONTRACT,
        parameter: Any { type_url: TRIGGER_URL.to_owned(), value: trigger.encode() },
        permission_id: i64::from(terms.permission_id),
    };
    Ok(Raw {
        ref_block_bytes: terms.ref_block.bytes().to_vec(),
        ref_block_hash: terms.ref_block.hash().to_vec(),
        expiration: terms.expires_at_ms,
        data: terms.memo.clone().unwrap_or_default(),
        contracts: vec![contract],
        timestamp: terms.timestamp_ms,
        fee_limit: i64::try_from(terms.fee_limit_sun)
            .map_err(|_| BuildError::FeeLimit(terms.fee_limit_sun))?,
        ..Raw::default()
    })
}

/// A transfer that a node would take: the bytes, their id, the signature. From here on nothing about it may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransfer {
    raw_data: Vec<u8>,
    txid: TxId,
    signature: Signature,
    owner: Address,
    signer: Address,
    expires_at_ms: i64,
}

/// Why filed bytes are not the transfer that they were.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// The raw data are no payout of ours.
    #[error("the raw data on file are no payout")]
    NotAPayout(#[from] NotAPayout),
    /// The signature names nobody.
    #[error("the signature on file names nobody")]
    Signature(#[from] SignatureError),
    /// The signature names somebody else.
    #[error("the signature on file is {signer}'s, and {owner} is to pay")]
    Signer {
        /// Whose it is.
        signer: Address,
        /// Who is to pay.
        owner: Address,
    },
}

impl SignedTransfer {
    /// Makes a transfer out again from what is on file: the id is computed, the signer recovered, the payout read.
    pub fn restore(raw_data: Vec<u8>, signature: Signature) -> Result<Self, RestoreError> {
        let read = DecodedTransfer::read(&raw_data)?;
        let txid = TxId::of_raw_data(&raw_data);
        let signer = signature.signer(txid.as_bytes())?;
        if read.permission_id == 0 && signer != read.owner {
            return Err(RestoreError::Signer { signer, owner: read.owner });
        }
        Ok(Self { raw_data, txid, signature, owner: read.owner, signer, expires_at_ms: read.expires_at_ms })
    }

    /// The id: what the chain will know the transfer by.
    #[must_use]
    pub const fn txid(&self) -> TxId {
        self.txid
    }

    /// What a store looks it up by.
    #[must_use]
    pub const fn key(&self) -> TransferKey {
        TransferKey { expires_at_ms: self.expires_at_ms, txid: self.txid }
    }

    /// What is hashed and signed.
    #[must_use]
    pub fn raw_data(&self) -> &[u8] {
        &self.raw_data
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Who pays.
    #[must_use]
    pub const fn owner(&self) -> Address {
        self.owner
    }

    /// Whose key signed: the owner's, or one that an active permission names.
    #[must_use]
    pub const fn signer(&self) -> Address {
        self.signer
    }

    /// When the transfer can no longer enter a block, in unix milliseconds; see [`TransferTerms::expires_at_ms`].
    #[must_use]
    pub const fn expires_at_ms(&self) -> i64 {
        self.expires_at_ms
    }

    /// The `Transaction` as `broadcasthex` takes it.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        use super::wire::{message_field_len, put_head};
        let signature = self.signature.as_bytes();
        let mut out = Vec::with_capacity(
            message_field_len(1, self.raw_data.len()) + message_field_len(2, signature.len()),
        );
        put_head(&mut out, 1, self.raw_data.len());
        out.extend_from_slice(&self.raw_data);
        put_head(&mut out, 2, signature.len());
        out.extend_from_slice(signature);
        out
    }

    /// What [`SignedTransfer::bytes`] are long.
    #[must_use]
    pub fn len(&self) -> usize {
        signed_len(self.raw_data.len())
    }

    /// A transfer always has bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }
}

/// What a transaction is long that is made of raw data of some length and one signature.
#[must_use]
pub fn signed_len(raw_data_len: usize) -> usize {
    super::wire::message_field_len(1, raw_data_len) + super::wire::message_field_len(2, 65)
}

/// Bandwidth that a transaction of this length costs: the bytes without `ret`, and room for one result
/// (BandwidthProcessor.consume).
#[must_use]
pub const fn bandwidth_points(transaction_len: usize) -> usize {
    transaction_len + RESULT_BYTES
}

/// A payout read back from raw data; the reference block is known by its short marks only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedTransfer {
    /// The wallet that pays.
    pub owner: Address,
    /// What it does.
    pub call: PayoutCall,
    /// The most that energy may burn.
    pub fee_limit_sun: u64,
    /// Low 16 bits of the reference block's number.
    pub ref_block_bytes: [u8; 2],
    /// Bytes 8 to 16 of the reference block's id.
    pub ref_block_hash: [u8; 8],
    /// As in [`TransferTerms`].
    pub expires_at_ms: i64,
    /// As in [`TransferTerms`].
    pub timestamp_ms: i64,
    /// As in [`TransferTerms`].
    pub memo: Option<Vec<u8>>,
    /// As in [`TransferTerms`].
    pub permission_id: u32,
}

/// Why raw data are no payout as this house makes them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAPayout {
    /// Not protobuf.
    #[error("the bytes are no transaction")]
    Wire(#[from] WireError),
    /// Unknown fields, or an encoding that is not canonical: a node would see another id.
    #[error("the bytes are not in canonical form")]
    NotCanonical,
    /// No contract, several, or not a call of a contract.
    #[error("the transaction does not call exactly one contract")]
    OtherContract,
    /// TRX or TRC-10 tokens go along.
    #[error("the call sends TRX or other tokens along")]
    SendsValue,
    /// An address, a mark or a number that does not fit.
    #[error("field {0} does not fit")]
    Field(&'static str),
    /// The call data are none that a careful encoder writes.
    #[error("the call data cannot be read")]
    Abi(#[from] AbiError),
    /// A call, but not one that pays.
    #[error("the call is not a payout")]
    OtherCall,
    /// More than can be counted here.
    #[error("the amount or the expiry is larger than 64 bits")]
    AmountTooLarge,
}

impl DecodedTransfer {
    /// Reads raw data strictly: what is not exactly as [`Unsigned::build`] writes it is refused.
    pub fn read(raw_data: &[u8]) -> Result<Self, NotAPayout> {
        let mut odd = Vec::new();
        let raw = Raw::decode(raw_data, &mut odd)?;
        let [contract] = raw.contracts.as_slice() else { return Err(NotAPayout::OtherContract) };
        if contract.kind != TRIGGER_SMART_CONTRACT || contract.parameter.type_url != TRIGGER_URL {
            return Err(NotAPayout::OtherContract);
        }
        let trigger = TriggerSmartContract::decode(&contract.parameter.value, &mut odd)?;
        if !odd.is_empty() || raw.ref_block_num != 0 || !raw.scripts.is_empty() {
            return Err(NotAPayout::NotCanonical);
        }
        if trigger.call_value != 0 || trigger.call_token_value != 0 || trigger.token_id != 0 {
            return Err(NotAPayout::SendsValue);
        }
        let address = |bytes: &[u8], name| Address::from_payload(bytes).map_err(|_| NotAPayout::Field(name));
        let contract_address = address(&trigger.contract_address, "contract_address")?;
        Ok(Self {
            owner: address(&trigger.owner_address, "owner_address")?,
            call: PayoutCall::from_abi(contract_address, Call::decode(&trigger.data)?)?,
            fee_limit_sun: u64::try_from(raw.fee_limit).map_err(|_| NotAPayout::Field("fee_limit"))?,
            ref_block_bytes: raw
                .ref_block_bytes
                .try_into()
                .map_err(|_| NotAPayout::Field("ref_block_bytes"))?,
            ref_block_hash: raw.ref_block_hash.try_into().map_err(|_| NotAPayout::Field("ref_block_hash"))?,
            expires_at_ms: raw.expiration,
            timestamp_ms: raw.timestamp,
            memo: (!raw.data.is_empty()).then_some(raw.data),
            permission_id: u32::try_from(contract.permission_id)
                .map_err(|_| NotAPayout::Field("Permission_id"))?,
        })
    }
}

/// The `Transaction` of somebody's raw data and signatures, for tools and simulations; ours are [`SignedTransfer::bytes`].
#[must_use]
pub fn assemble(raw_data: &[u8], signatures: &[Vec<u8>]) -> Vec<u8> {
    Transaction { raw_data: raw_data.to_vec(), signatures: signatures.to_vec(), ret: Vec::new() }.encode()
}

#[cfg(test)]
#[path = "transaction_tests.rs"]
mod tests;
