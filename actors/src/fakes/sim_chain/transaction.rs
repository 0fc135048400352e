//! A transaction as a node reads it: leniently, keeping what it does not know, and under the id of its own re-serialisation.
//!
//! java-tron parses the bytes that it is given and hashes what it would write again. Fields out of order, long varints and
//! written defaults therefore change the id that the sender may have had in mind; unknown fields stay where they are.

use thiserror::Error;

use crate::domain::address::Address;
use crate::domain::tron::TxId;
use crate::domain::tron::protobuf::{
    self, Message, TRANSFER_CONTRACT, TRANSFER_URL, TRIGGER_SMART_CONTRACT, TRIGGER_URL,
};
use crate::domain::tron::wire::{Reader, Value, WireError, put_bytes, put_head, put_number, put_varint};

use super::bytes::Bytes;
use super::permission::{self, PermissionUpdate};

/// `ContractType` of an account's change of permissions.
const ACCOUNT_PERMISSION_UPDATE: i64 = 46;
/// Its type URL.
const ACCOUNT_PERMISSION_UPDATE_URL: &str = "type.googleapis.com/protocol.AccountPermissionUpdateContract";
/// Bytes that bandwidth adds for the result (`Constant.MAX_RESULT_SIZE_IN_TX`).
const RESULT_ALLOWANCE_BYTES: u64 = 64;

/// Bytes that are no transaction; the text is protobuf's own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Malformed {
    /// What java's protobuf says about it.
    pub message: &'static str,
}

/// A transaction as a node holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// SHA-256 of `raw_data`.
    pub txid: TxId,
    /// The raw part as the node would write it.
    pub raw_data: Vec<u8>,
    /// As they came, each of any length.
    pub signatures: Vec<Vec<u8>>,
    /// Unknown fields beside the raw part, re-written.
    pub beside: Vec<u8>,
    /// Low 16 bits of the reference block's number.
    pub ref_block_bytes: Vec<u8>,
    /// Unused by nodes.
    pub ref_block_num: i64,
    /// Bytes 8 to 16 of the reference block's id.
    pub ref_block_hash: Vec<u8>,
    /// Unix milliseconds; any number can stand here.
    pub expiration_ms: i64,
    /// The memo.
    pub memo: Vec<u8>,
    /// Unused by nodes.
    pub scripts: Vec<u8>,
    /// Unix milliseconds, checked by nobody.
    pub timestamp_ms: i64,
    /// Sun; any number can stand here.
    pub fee_limit_sun: i64,
    /// What it does: one, or the node refuses.
    pub contracts: Vec<Contract>,
}

/// One thing that a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// `ContractType` by number.
    pub kind: i64,
    /// Which message `value` is said to be.
    pub type_url: String,
    /// The message.
    pub value: Vec<u8>,
    /// Which permission of the owner signs.
    pub permission_id: i64,
    /// The message, read.
    pub call: ContractCall,
}

/// What a contract asks for, as far as the simulated chain can do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractCall {
    /// TRX from one account to another.
    Transfer(protobuf::TransferContract),
    /// A call of a smart contract.
    Trigger(protobuf::TriggerSmartContract),
    /// New keys for an account.
    PermissionUpdate(PermissionUpdate),
    /// A type that the simulated chain does not run, or a message that is none.
    Unreadable,
}

impl Transaction {
    /// Reads `Transaction` bytes as a node does; a `ret` that the sender made up is dropped.
    pub fn parse(bytes: &[u8]) -> Result<Transaction, Malformed> {
        let mut raw = Vec::new();
        let mut signatures = Vec::new();
        let mut beside = Vec::new();
        let mut reader = Reader::new(bytes);
        while let Some((field, value)) = reader.field()? {
            match (field, value) {
                (1, Value::Bytes(part)) => raw.extend_from_slice(part),
                (2, Value::Bytes(signature)) => signatures.push(signature.to_vec()),
                (5, Value::Bytes(_)) => {}
                _ => put_value(&mut beside, field, value),
            }
        }
        Transaction::from_parts(&raw, signatures, beside)
    }

    /// From a raw part and its signatures.
    pub fn from_parts(
        raw: &[u8],
        signatures: Vec<Vec<u8>>,
        beside: Vec<u8>,
    ) -> Result<Transaction, Malformed> {
        let mut transaction = Transaction {
            txid: TxId::default(),
            raw_data: Vec::new(),
            signatures,
            beside,
            ref_block_bytes: Vec::new(),
            ref_block_num: 0,
            ref_block_hash: Vec::new(),
            expiration_ms: 0,
            memo: Vec::new(),
            scripts: Vec::new(),
            timestamp_ms: 0,
            fee_limit_sun: 0,
            contracts: Vec::new(),
        };
        transaction.read_raw(raw)?;
        transaction.txid = TxId::of_raw_data(&transaction.raw_data);
        Ok(transaction)
    }

    fn read_raw(&mut self, raw: &[u8]) -> Result<(), Malformed> {
        let mut auths = Vec::new();
        let mut contracts = Vec::new();
        let mut unknown = Vec::new();
        let mut reader = Reader::new(raw);
        while let Some((field, value)) = reader.field()? {
            match (field, value) {
                (1, Value::Bytes(bytes)) => self.ref_block_bytes = bytes.to_vec(),
                (3, Value::Varint(number)) => self.ref_block_num = number.cast_signed(),
                (4, Value::Bytes(bytes)) => self.ref_block_hash = bytes.to_vec(),
                (8, Value::Varint(number)) => self.expiration_ms = number.cast_signed(),
                (9, Value::Bytes(bytes)) => auths.push(bytes),
                (10, Value::Bytes(bytes)) => self.memo = bytes.to_vec(),
                (11, Value::Bytes(bytes)) => contracts.push(read_contract(bytes)?),
                (12, Value::Bytes(bytes)) => self.scripts = bytes.to_vec(),
                (14, Value::Varint(number)) => self.timestamp_ms = number.cast_signed(),
                (18, Value::Varint(number)) => self.fee_limit_sun = number.cast_signed(),
                _ => put_value(&mut unknown, field, value),
            }
        }
        let out = &mut self.raw_data;
        put_bytes(out, 1, &self.ref_block_bytes);
        put_number(out, 3, self.ref_block_num.cast_unsigned());
        put_bytes(out, 4, &self.ref_block_hash);
        put_number(out, 8, self.expiration_ms.cast_unsigned());
        for auth in auths {
            put_head(out, 9, auth.len());
            out.extend_from_slice(auth);
        }
        put_bytes(out, 10, &self.memo);
        for (_, canonical) in &contracts {
            put_head(out, 11, canonical.len());
            out.extend_from_slice(canonical);
        }
        put_bytes(out, 12, &self.scripts);
        put_number(out, 14, self.timestamp_ms.cast_unsigned());
        put_number(out, 18, self.fee_limit_sun.cast_unsigned());
        out.extend_from_slice(&unknown);
        self.contracts = contracts.into_iter().map(|(contract, _)| contract).collect();
        Ok(())
    }

    /// `Transaction` bytes as the node passes them on, without a result.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = self.known_bytes();
        out.extend_from_slice(&self.beside);
        out.into()
    }

    /// `Transaction` bytes as they stand in a block: with the producer's result, which the Merkle root covers.
    #[must_use]
    pub fn to_bytes_with_result(&self, contract_ret: u64) -> Vec<u8> {
        let mut out = self.known_bytes();
        let mut ret = Vec::new();
        put_number(&mut ret, 3, contract_ret);
        put_head(&mut out, 5, ret.len());
        out.extend_from_slice(&ret);
        out.extend_from_slice(&self.beside);
        out
    }

    fn known_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.raw_data.len() + 80);
        put_head(&mut out, 1, self.raw_data.len());
        out.extend_from_slice(&self.raw_data);
        for signature in &self.signatures {
            put_head(&mut out, 2, signature.len());
            out.extend_from_slice(signature);
        }
        out
    }

    /// Bytes of bandwidth that it takes (`BandwidthProcessor.consume`).
    #[must_use]
    pub fn bandwidth(&self) -> u64 {
        self.size() + RESULT_ALLOWANCE_BYTES * self.contracts.len() as u64
    }

    /// Bytes without a result.
    #[must_use]
    pub fn size(&self) -> u64 {
        (self.known_bytes().len() + self.beside.len()) as u64
    }

    /// The first contract's call and its permission id.
    #[must_use]
    pub fn call(&self) -> Option<&ContractCall> {
        self.contracts.first().map(|contract| &contract.call)
    }

    /// The account in whose name it speaks, when that is an address.
    #[must_use]
    pub fn owner(&self) -> Option<Address> {
        Address::from_payload(self.owner_bytes()).ok()
    }

    /// The account in whose name it speaks, as it stands there.
    #[must_use]
    pub fn owner_bytes(&self) -> &[u8] {
        match self.call() {
            Some(ContractCall::Transfer(transfer)) => &transfer.owner_address,
            Some(ContractCall::Trigger(trigger)) => &trigger.owner_address,
            Some(ContractCall::PermissionUpdate(update)) => &update.owner_address,
            Some(ContractCall::Unreadable) | None => &[],
        }
    }
}

/// Reads a contract and writes it as the node would.
fn read_contract(bytes: &[u8]) -> Result<(Contract, Vec<u8>), Malformed> {
    let mut kind = 0;
    let (mut type_url, mut value, mut any_unknown) = (Vec::new(), Vec::new(), Vec::new());
    let (mut provider, mut name, mut permission_id, mut unknown) = (Vec::new(), Vec::new(), 0, Vec::new());
    let mut has_parameter = false;
    let mut reader = Reader::new(bytes);
    while let Some((field, found)) = reader.field()? {
        match (field, found) {
            (1, Value::Varint(number)) => kind = number.cast_signed(),
            (2, Value::Bytes(any)) => {
                has_parameter = true;
                let mut parts = Reader::new(any);
                while let Some((part, found)) = parts.field()? {
                    match (part, found) {
                        (1, Value::Bytes(bytes)) => type_url = bytes.to_vec(),
                        (2, Value::Bytes(bytes)) => value = bytes.to_vec(),
                        _ => put_value(&mut any_unknown, part, found),
                    }
                }
            }
            (3, Value::Bytes(bytes)) => provider = bytes.to_vec(),
            (4, Value::Bytes(bytes)) => name = bytes.to_vec(),
            (5, Value::Varint(number)) => permission_id = number.cast_signed(),
            _ => put_value(&mut unknown, field, found),
        }
    }
    let mut any = Vec::new();
    put_bytes(&mut any, 1, &type_url);
    put_bytes(&mut any, 2, &value);
    any.extend_from_slice(&any_unknown);
    let mut out = Vec::new();
    put_number(&mut out, 1, kind.cast_unsigned());
    if has_parameter {
        put_head(&mut out, 2, any.len());
        out.extend_from_slice(&any);
    }
    put_bytes(&mut out, 3, &provider);
    put_bytes(&mut out, 4, &name);
    put_number(&mut out, 5, permission_id.cast_unsigned());
    out.extend_from_slice(&unknown);
    let type_url = String::from_utf8_lossy(&type_url).into_owned();
    let call = read_call(kind, &type_url, &value);
    Ok((Contract { kind, type_url, value, permission_id, call }, out))
}

fn read_call(kind: i64, type_url: &str, value: &[u8]) -> ContractCall {
    let odd = &mut Vec::new();
    let read = match (kind, type_url) {
        (TRANSFER_CONTRACT, TRANSFER_URL) => {
            protobuf::TransferContract::decode(value, odd).map(ContractCall::Transfer)
        }
        (TRIGGER_SMART_CONTRACT, TRIGGER_URL) => {
            protobuf::TriggerSmartContract::decode(value, odd).map(ContractCall::Trigger)
        }
        (ACCOUNT_PERMISSION_UPDATE, ACCOUNT_PERMISSION_UPDATE_URL) => {
            permission::read_update(value).map(ContractCall::PermissionUpdate)
        }
        _ => Ok(ContractCall::Unreadable),
    };
    read.unwrap_or(ContractCall::Unreadable)
}

/// Writes a field that the schema does not know, in the shortest form.
fn put_value(out: &mut Vec<u8>, field: u32, value: Value<'_>) {
    let tag = u64::from(field) << 3;
    match value {
        Value::Varint(number) => {
            put_varint(out, tag);
            put_varint(out, number);
        }
        Value::Fixed64(bytes) => {
            put_varint(out, tag | 1);
            out.extend_from_slice(&bytes);
        }
        Value::Bytes(bytes) => {
            put_head(out, field, bytes.len());
            out.extend_from_slice(bytes);
        }
        Value::Fixed32(bytes) => {
            put_varint(out, tag | 5);
            out.extend_from_slice(&bytes);
        }
    }
}

impl From<WireError> for Malformed {
    fn from(error: WireError) -> Malformed {
        let message = match error {
            WireError::Truncated { .. } => {
                "While parsing a protocol message, the input ended unexpectedly in the middle of a field.  This could mean \
                 either that the input has been truncated or that an embedded message misreported its own length."
            }
            WireError::Overlong { .. } => "CodedInputStream encountered a malformed varint.",
            WireError::BadTag { tag: 0..8 } => "Protocol message contained an invalid tag (zero).",
            WireError::BadTag { .. } | WireError::WrongType { .. } => {
                "Protocol message tag had invalid wire type."
            }
        };
        Malformed { message }
    }
}
