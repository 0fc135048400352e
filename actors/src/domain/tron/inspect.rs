//! Any TRON transaction, taken apart for a person or a script: what it does, who signed it, and what is odd about it.
//!
//! Promises: bytes from anywhere are read as a node would read them; nothing is guessed. What is not known here is shown as
//! hex, what a canonical writer would not have written is named.

use serde::Serialize;

use super::{
    abi::{Call, function_of},
    hash::{TxId, sha256},
    key::{SIGNATURE_LEN, Signature},
    protobuf::{
        Contract, Message, Raw, TRANSFER_CONTRACT, TRANSFER_URL, TRIGGER_SMART_CONTRACT, TRIGGER_URL,
        Transaction, TransactionResult, TransferContract, TriggerSmartContract,
    },
    transaction::bandwidth_points,
    wire::{Oddity, WireError},
};
use crate::domain::{address::Address, money::Sun};

/// A transaction taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// SHA-256 of the raw data.
    pub txid: TxId,
    /// What came: the whole transaction, or its raw data alone.
    pub form: Form,
    /// The raw data's own fields.
    pub raw: RawView,
    /// What it does; nodes take exactly one.
    pub contracts: Vec<ContractItem>,
    /// Who signed.
    pub signatures: Vec<SignatureView>,
    /// The producer's results, in a transaction that comes out of a block.
    pub results: Vec<ResultView>,
    /// Bytes that came.
    pub length: usize,
    /// Bandwidth points that they cost.
    pub bandwidth: usize,
    /// What a canonical writer would not have written.
    pub odd: Vec<Oddity>,
}

/// Which message the bytes were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `Transaction`: as `broadcasthex` takes it.
    Transaction,
    /// `Transaction.raw`: as `raw_data_hex` shows it.
    RawData,
}

/// The raw data's own fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RawView {
    /// Low 16 bits of the reference block's number, hex.
    pub ref_block_bytes: String,
    /// Bytes 8 to 16 of the reference block's id, hex.
    pub ref_block_hash: String,
    /// Unix milliseconds.
    pub expires_at_ms: i64,
    /// Unix milliseconds, checked by nobody.
    pub timestamp_ms: i64,
    /// The most that energy may burn.
    pub fee_limit_sun: i64,
    /// The memo as text, if it is text.
    pub memo: Option<String>,
    /// The memo as it is, hex.
    pub memo_hex: Option<String>,
}

/// One of the things that a transaction does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContractItem {
    /// Which permission of the owner signs; 0 is the owner's own.
    pub permission_id: i64,
    /// What it does.
    #[serde(flatten)]
    pub view: ContractView,
}

/// What a contract of a transaction does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum ContractView {
    /// TRX from one account to another.
    #[serde(rename = "TransferContract")]
    Transfer {
        /// Who pays.
        owner: Address,
        /// Who is paid.
        recipient: Address,
        /// How much, in TRX.
        #[serde(rename = "amount_trx")]
        amount: Sun,
    },
    /// A call of a contract.
    #[serde(rename = "TriggerSmartContract")]
    Call {
        /// Who calls.
        owner: Address,
        /// Whom.
        contract: Address,
        /// TRX sent along, in sun.
        call_value_sun: i64,
        /// Which function, if it is known here.
        function: Option<&'static str>,
        /// The call with its arguments, if it is known here.
        call: Option<Box<Call>>,
        /// Whether the arguments are laid out as a careful encoder lays them out; `None` where the call is not known.
        strict: Option<bool>,
        /// The call data, hex.
        data: String,
    },
    /// Something else, or a message that cannot be read as its type.
    #[serde(rename = "Other")]
    Other {
        /// `ContractType` by number.
        number: i64,
        /// Which message it says it is.
        type_url: String,
        /// The message, hex.
        value: String,
    },
}

/// A signature and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureView {
    /// The account whose key signed; `None` where no key fits.
    pub signer: Option<Address>,
    /// The bytes as they came, hex.
    pub signature: String,
    /// s in the lower half, as it should be.
    pub low_s: bool,
}

/// A producer's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultView {
    /// How the contract ended, by name or number.
    pub contract_result: String,
    /// The system contract's `FAILED`.
    pub failed: bool,
    /// The system contract's fee.
    pub fee_sun: i64,
}

impl Inspection {
    /// Takes bytes apart: a `Transaction`, or raw data alone.
    pub fn of(bytes: &[u8]) -> Result<Self, WireError> {
        let mut odd = Vec::new();
        let whole =
            Transaction::decode(bytes, &mut odd).ok().filter(|transaction| !transaction.raw_data.is_empty());
        if let Some(transaction) = whole {
            let mut raw_odd = Vec::new();
            // Raw data begin with field 1 as well, two bytes of a block number: those are no message with a contract.
            if let Ok(raw) = Raw::decode(&transaction.raw_data, &mut raw_odd)
                && (!raw.contracts.is_empty() || !transaction.signatures.is_empty())
            {
                odd.append(&mut raw_odd);
                return Ok(Self::assemble(Form::Transaction, bytes.len(), transaction, raw, odd));
            }
        }
        let mut odd = Vec::new();
        let raw = Raw::decode(bytes, &mut odd)?;
        let transaction = Transaction { raw_data: bytes.to_vec(), ..Transaction::default() };
        Ok(Self::assemble(Form::RawData, bytes.len(), transaction, raw, odd))
    }

    fn assemble(form: Form, length: usize, transaction: Transaction, raw: Raw, mut odd: Vec<Oddity>) -> Self {
        let digest = sha256(&transaction.raw_data);
        let signatures = transaction.signatures.iter().enumerate();
        let signatures =
            signatures.map(|(index, bytes)| signature_view(index, bytes, &digest, &mut odd)).collect();
        let contracts = raw.contracts.iter().map(|contract| contract_item(contract, &mut odd)).collect();
        let without_ret = Transaction { ret: Vec::new(), ..transaction.clone() }.encoded_len();
        let results_len = transaction.encoded_len() - without_ret;
        let charged = match form {
            Form::Transaction => length.saturating_sub(results_len),
            Form::RawData => without_ret + super::wire::message_field_len(2, SIGNATURE_LEN),
        };
        Self {
            txid: TxId::new(digest),
            form,
            raw: raw_view(&raw),
            contracts,
            signatures,
            results: transaction.ret.iter().map(result_view).collect(),
            length,
            bandwidth: bandwidth_points(charged),
            odd,
        }
    }
}

fn raw_view(raw: &Raw) -> RawView {
    let memo = (!raw.data.is_empty()).then_some(raw.data.as_slice());
    RawView {
        ref_block_bytes: hex::encode(&raw.ref_block_bytes),
        ref_block_hash: hex::encode(&raw.ref_block_hash),
        expires_at_ms: raw.expiration,
        timestamp_ms: raw.timestamp,
        fee_limit_sun: raw.fee_limit,
        memo: memo.and_then(|memo| std::str::from_utf8(memo).ok()).map(str::to_owned),
        memo_hex: memo.map(hex::encode),
    }
}

fn signature_view(index: usize, bytes: &[u8], digest: &[u8; 32], odd: &mut Vec<Oddity>) -> SignatureView {
    if bytes.len() > SIGNATURE_LEN {
        odd.push(Oddity::PaddedSignature { index, extra: bytes.len() - SIGNATURE_LEN });
    }
    let signature = bytes.first_chunk::<SIGNATURE_LEN>().copied().map(Signature::new);
    SignatureView {
        signer: signature.and_then(|signature| signature.signer(digest).ok()),
        signature: hex::encode(bytes),
        low_s: signature.is_some_and(|signature| signature.is_low_s()),
    }
}

fn result_view(result: &TransactionResult) -> ResultView {
    let named = super::ContractResult::from_value(result.contract_ret);
    ResultView {
        contract_result: named
            .map_or_else(|| result.contract_ret.to_string(), |result| result.name().to_owned()),
        failed: result.ret != 0,
        fee_sun: result.fee,
    }
}

fn contract_item(contract: &Contract, odd: &mut Vec<Oddity>) -> ContractItem {
    let known = match (contract.kind, contract.parameter.type_url.as_str()) {
        (TRANSFER_CONTRACT, TRANSFER_URL) => transfer_view(&contract.parameter.value, odd),
        (TRIGGER_SMART_CONTRACT, TRIGGER_URL) => call_view(&contract.parameter.value, odd),
        _ => None,
    };
    let other = || ContractView::Other {
        number: contract.kind,
        type_url: contract.parameter.type_url.clone(),
        value: hex::encode(&contract.parameter.value),
    };
    ContractItem { permission_id: contract.permission_id, view: known.unwrap_or_else(other) }
}

fn transfer_view(value: &[u8], odd: &mut Vec<Oddity>) -> Option<ContractView> {
    let transfer = TransferContract::decode(value, odd).ok()?;
    Some(ContractView::Transfer {
        owner: Address::from_payload(&transfer.owner_address).ok()?,
        recipient: Address::from_payload(&transfer.to_address).ok()?,
        amount: Sun::new(u64::try_from(transfer.amount).ok()?),
    })
}

fn call_view(value: &[u8], odd: &mut Vec<Oddity>) -> Option<ContractView> {
    let trigger = TriggerSmartContract::decode(value, odd).ok()?;
    let call = Call::decode_as_tvm(&trigger.data).ok();
    let selector = trigger.data.first_chunk::<4>();
    Some(ContractView::Call {
        owner: Address::from_payload(&trigger.owner_address).ok()?,
        contract: Address::from_payload(&trigger.contract_address).ok()?,
        call_value_sun: trigger.call_value,
        function: selector.and_then(|selector| function_of(*selector)),
        strict: call.as_ref().map(|call| Call::decode(&trigger.data).as_ref() == Ok(call)),
        call: call.map(Box::new),
        data: hex::encode(&trigger.data),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        money::MicroUsdt,
        tron::{
            BlockId, PayoutCall, PrivateKey, RefBlock, TransferTerms, Unsigned,
            wire::{put_head, put_number},
        },
    };
    use proptest::prelude::*;

    fn signed() -> Vec<u8> {
        let key = PrivateKey::from_bytes(&[7; 32]).unwrap();
        let call = PayoutCall::Transfer {
            token: Address::from_evm([0xa6; 20]),
            recipient: Address::BLACKHOLE,
            amount: MicroUsdt::new(25_500_000),
        };
        let terms = TransferTerms {
            owner: key.address(),
            call,
            fee_limit_sun: 30_000_000,
            ref_block: RefBlock::new(BlockId::of(74_171_171, &[9; 32])),
            expires_at_ms: 1_768_026_144_000,
            timestamp_ms: 1_768_026_084_098,
            memo: Some(b"inv-7".to_vec()),
            permission_id: 0,
        };
        Unsigned::build(&terms).unwrap().sign(&key).unwrap().bytes()
    }

    #[test]
    fn a_transaction_and_its_raw_data_have_one_id() {
        let whole = Inspection::of(&signed()).unwrap();
        assert_eq!((whole.form, whole.odd.as_slice()), (Form::Transaction, [].as_slice()));
        assert_eq!(whole.raw.memo.as_deref(), Some("inv-7"));
        let raw_data = Transaction::decode(&signed(), &mut Vec::new()).unwrap().raw_data;
        let raw = Inspection::of(&raw_data).unwrap();
        assert_eq!((raw.form, raw.txid, raw.bandwidth), (Form::RawData, whole.txid, whole.bandwidth));
        assert_eq!(raw.contracts, whole.contracts);
    }

    /// F-N21: what a relay adds beside the raw data does not change the id, and is named.
    #[test]
    fn padding_on_the_way_keeps_the_id_and_is_named() {
        let plain = Inspection::of(&signed()).unwrap();
        let mut padded = Transaction::decode(&signed(), &mut Vec::new()).unwrap();
        padded.signatures[0].extend_from_slice(&[0; 1000]);
        let mut bytes = padded.encode();
        put_head(&mut bytes, 100, 500);
        bytes.extend_from_slice(&[1; 500]);
        let inspection = Inspection::of(&bytes).unwrap();
        assert_eq!(inspection.txid, plain.txid);
        assert_eq!(inspection.signatures[0].signer, plain.signatures[0].signer);
        assert!(inspection.odd.contains(&Oddity::PaddedSignature { index: 0, extra: 1000 }));
        let unknown = Oddity::UnknownField { message: "Transaction", field: 100, len: 500 };
        assert!(inspection.odd.contains(&unknown), "{:?}", inspection.odd);
        assert!(inspection.bandwidth > plain.bandwidth + 1500);
    }

    #[test]
    fn an_encoding_of_another_order_is_named() {
        let mut raw = Vec::new();
        put_number(&mut raw, 18, 5);
        put_number(&mut raw, 14, 5);
        let inspection = Inspection::of(&raw).unwrap();
        assert_eq!(inspection.odd, [Oddity::NotCanonical { message: "Transaction.raw" }]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_inspector_fall_over(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Inspection::of(&bytes);
        }

        #[test]
        fn a_broken_transaction_is_refused_or_shown_never_both_wrong(place in 0_usize..280, bit in 0_u8..8) {
            let mut bytes = signed();
            let index = place % bytes.len();
            bytes[index] ^= 1 << bit;
            let good = Inspection::of(&signed()).unwrap();
            // Another id, another signer, or an oddity: no change of a bit goes unseen.
            if let Ok(broken) = Inspection::of(&bytes) {
                prop_assert!(broken != good);
            }
        }
    }
}
