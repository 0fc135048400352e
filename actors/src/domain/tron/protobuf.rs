//! TRON's messages (Tron.proto, balance_contract.proto, smart_contract.proto) with the fields that are in use.
//!
//! Promises: `encode` gives the canonical bytes; `decode` takes whatever a node would take and lists each [`Oddity`], so that
//! `decode` without oddities followed by `encode` gives the same bytes.
//!
//! Numbers that the schema calls int64 are kept as `i64`: a stranger's may be negative, and then take ten bytes.

use super::wire::{
    Oddity, Reader, Value, WireError, bytes_field_len, message_field_len, put_bytes, put_head, put_number,
    varint_field_len,
};

/// `ContractType` of a TRX transfer.
pub const TRANSFER_CONTRACT: i64 = 1;
/// `ContractType` of a call of a contract.
pub const TRIGGER_SMART_CONTRACT: i64 = 31;
/// The number of the field [`Raw::expiration`].
const EXPIRATION: u32 = 8;
/// The type URL of a [`TransferContract`].
pub const TRANSFER_URL: &str = "type.googleapis.com/protocol.TransferContract";
/// The type URL of a [`TriggerSmartContract`].
pub const TRIGGER_URL: &str = "type.googleapis.com/protocol.TriggerSmartContract";

/// A message of the schema.
pub trait Message: Sized + Default {
    /// Its name in the schema.
    const NAME: &'static str;

    /// Bytes of its canonical form.
    fn encoded_len(&self) -> usize;

    /// Appends its canonical form.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes one field in; `false` when the schema does not know it.
    fn take(&mut self, field: u32, value: Value<'_>, odd: &mut Vec<Oddity>) -> Result<bool, WireError>;

    /// The canonical form.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.put(&mut out);
        out
    }

    /// Reads a message, adding to `odd` what its canonical form would not have.
    fn decode(bytes: &[u8], odd: &mut Vec<Oddity>) -> Result<Self, WireError> {
        let before = odd.len();
        let mut message = Self::default();
        let mut reader = Reader::new(bytes);
        while let Some((field, value)) = reader.field()? {
            if !message.take(field, value, odd)? {
                odd.push(Oddity::UnknownField { message: Self::NAME, field, len: value.len() });
            }
        }
        // What lies deeper was named where it lies; only what is odd here alone is added.
        if odd.len() == before && message.encode() != bytes {
            odd.push(Oddity::NotCanonical { message: Self::NAME });
        }
        Ok(message)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn signed(number: u64) -> i64 {
    number.cast_signed()
}

fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}

/// `protocol.Transaction`: what is broadcast, and with `ret` what stands in a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transaction {
    /// The bytes whose SHA-256 is the txid, exactly as they were read.
    pub raw_data: Vec<u8>,
    /// One signature for each signer, 65 bytes and more.
    pub signatures: Vec<Vec<u8>>,
    /// Filled by the block's producer.
    pub ret: Vec<TransactionResult>,
}

impl Message for Transaction {
    const NAME: &'static str = "Transaction";

    fn encoded_len(&self) -> usize {
        let signatures: usize =
            self.signatures.iter().map(|signature| message_field_len(2, signature.len())).sum();
        let ret: usize = self.ret.iter().map(|ret| message_field_len(5, ret.encoded_len())).sum();
        message_field_len(1, self.raw_data.len()) + signatures + ret
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_head(out, 1, self.raw_data.len());
        out.extend_from_slice(&self.raw_data);
        for signature in &self.signatures {
            put_head(out, 2, signature.len());
            out.extend_from_slice(signature);
        }
        for ret in &self.ret {
            put_head(out, 5, ret.encoded_len());
            ret.put(out);
        }
    }

    fn take(&mut self, field: u32, value: Value<'_>, odd: &mut Vec<Oddity>) -> Result<bool, WireError> {
        match field {
            1 => self.raw_data = value.bytes(Self::NAME, field)?.to_vec(),
            2 => self.signatures.push(value.bytes(Self::NAME, field)?.to_vec()),
            5 => self.ret.push(TransactionResult::decode(value.bytes(Self::NAME, field)?, odd)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `protocol.Transaction.Result`: what the producer wrote about the execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransactionResult {
    /// Filled by system contracts only.
    pub fee: i64,
    /// 0 `SUCESS` (sic), 1 `FAILED`.
    pub ret: i64,
    /// The contract's result by its number.
    pub contract_ret: i64,
}

impl Message for TransactionResult {
    const NAME: &'static str = "Transaction.Result";

    fn encoded_len(&self) -> usize {
        varint_field_len(1, unsigned(self.fee))
            + varint_field_len(2, unsigned(self.ret))
            + varint_field_len(3, unsigned(self.contract_ret))
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(out, 1, unsigned(self.fee));
        put_number(out, 2, unsigned(self.ret));
        put_number(out, 3, unsigned(self.contract_ret));
    }

    fn take(&mut self, field: u32, value: Value<'_>, _odd: &mut Vec<Oddity>) -> Result<bool, WireError> {
        let number = match field {
            1 => &mut self.fee,
            2 => &mut self.ret,
            3 => &mut self.contract_ret,
            _ => return Ok(false),
        };
        *number = signed(value.varint(Self::NAME, field)?);
        Ok(true)
    }
}

/// `protocol.Transaction.raw`: what is hashed and signed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raw {
    /// Low 16 bits of the reference block's number.
    pub ref_block_bytes: Vec<u8>,
    /// Unused by nodes; somebody may still have set it.
    pub ref_block_num: i64,
    /// Bytes 8 to 16 of the reference block's id.
    pub ref_block_hash: Vec<u8>,
    /// No block whose parent is as young as this may hold the transaction, in unix milliseconds.
    pub expiration: i64,
    /// The memo.
    pub data: Vec<u8>,
    /// Exactly one, else nodes refuse.
    pub contracts: Vec<Contract>,
    /// Unused by nodes.
    pub scripts: Vec<u8>,
    /// Unix milliseconds, checked by nobody.
    pub timestamp: i64,
    /// The most TRX that energy may burn, in sun.
    pub fee_limit: i64,
}

impl Raw {
    /// The expiration that serialized bytes name, unix ms, and nothing else of them; `None` for bytes that are no message.
    #[must_use]
    pub fn expiration_of(bytes: &[u8]) -> Option<i64> {
        let (mut reader, mut expiration) = (Reader::new(bytes), 0);
        // The last one counts, as everywhere in protobuf.
        while let Some((field, value)) = reader.field().ok()? {
            if field == EXPIRATION {
                expiration = signed(value.varint(Self::NAME, field).ok()?);
            }
        }
        Some(expiration)
    }
}

impl Message for Raw {
    const NAME: &'static str = "Transaction.raw";

    fn encoded_len(&self) -> usize {
        let contracts: usize =
            self.contracts.iter().map(|contract| message_field_len(11, contract.encoded_len())).sum();
        bytes_field_len(1, self.ref_block_bytes.len())
            + varint_field_len(3, unsigned(self.ref_block_num))
            + bytes_field_len(4, self.ref_block_hash.len())
            + varint_field_len(EXPIRATION, unsigned(self.expiration))
            + bytes_field_len(10, self.data.len())
            + contracts
            + bytes_field_len(12, self.scripts.len())
            + varint_field_len(14, unsigned(self.timestamp))
            + varint_field_len(18, unsigned(self.fee_limit))
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, &self.ref_block_bytes);
        put_number(out, 3, unsigned(self.ref_block_num));
        put_bytes(out, 4, &self.ref_block_hash);
        put_number(out, EXPIRATION, unsigned(self.expiration));
        put_bytes(out, 10, &self.data);
        for contract in &self.contracts {
            put_head(out, 11, contract.encoded_len());
            contract.put(out);
        }
        put_bytes(out, 12, &self.scripts);
        put_number(out, 14, unsigned(self.timestamp));
        put_number(out, 18, unsigned(self.fee_limit));
    }

    fn take(&mut self, field: u32, value: Value<'_>, odd: &mut Vec<Oddity>) -> Result<bool, WireError> {
        match field {
            1 => self.ref_block_bytes = value.bytes(Self::NAME, field)?.to_vec(),
            3 => self.ref_block_num = signed(value.varint(Self::NAME, field)?),
            4 => self.ref_block_hash = value.bytes(Self::NAME, field)?.to_vec(),
            EXPIRATION => self.expiration = signed(value.varint(Self::NAME, field)?),
            10 => self.data = value.bytes(Self::NAME, field)?.to_vec(),
            11 => self.contracts.push(Contract::decode(value.bytes(Self::NAME, field)?, odd)?),
            12 => self.scripts = value.bytes(Self::NAME, field)?.to_vec(),
            14 => self.timestamp = signed(value.varint(Self::NAME, field)?),
            18 => self.fee_limit = signed(value.varint(Self::NAME, field)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `protocol.Transaction.Contract`: one thing that a transaction does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contract {
    /// `ContractType` by number.
    pub kind: i64,
    /// The message of that type.
    pub parameter: Any,
    /// Which permission of the owner signs: 0 the owner's own, 2 and up the active ones.
    pub permission_id: i64,
}

impl Message for Contract {
    const NAME: &'static str = "Transaction.Contract";

    fn encoded_len(&self) -> usize {
        varint_field_len(1, unsigned(self.kind))
            + message_field_len(2, self.parameter.encoded_len())
            + varint_field_len(5, unsigned(self.permission_id))
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(out, 1, unsigned(self.kind));
        put_head(out, 2, self.parameter.encoded_len());
        self.parameter.put(out);
        put_number(out, 5, unsigned(self.permission_id));
    }

    fn take(&mut self, field: u32, value: Value<'_>, odd: &mut Vec<Oddity>) -> Result<bool, WireError> {
        match field {
            1 => self.kind = signed(value.varint(Self::NAME, field)?),
            2 => self.parameter = Any::decode(value.bytes(Self::NAME, field)?, odd)?,
            5 => self.permission_id = signed(value.varint(Self::NAME, field)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `google.protobuf.Any`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Any {
    /// Which message `value` is.
    pub type_url: String,
    /// Its bytes.
    pub value: Vec<u8>,
}

impl Message for Any {
    const NAME: &'static str = "Any";

    fn encoded_len(&self) -> usize {
        bytes_field_len(1, self.type_url.len()) + bytes_field_len(2, self.value.len())
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, self.type_url.as_bytes());
        put_bytes(out, 2, &self.value);
    }

    fn take(&mut self, field: u32, value: Value<'_>, _odd: &mut Vec<Oddity>) -> Result<bool, WireError> {
        match field {
            1 => self.type_url = text(value.bytes(Self::NAME, field)?),
            2 => self.value = value.bytes(Self::NAME, field)?.to_vec(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `protocol.TransferContract`: TRX from one account to another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TransferContract {
    /// 21 bytes.
    pub owner_address: Vec<u8>,
    /// 21 bytes.
    pub to_address: Vec<u8>,
    /// In sun.
    pub amount: i64,
}

impl Message for TransferContract {
    const NAME: &'static str = "TransferContract";

    fn encoded_len(&self) -> usize {
        bytes_field_len(1, self.owner_address.len())
            + bytes_field_len(2, self.to_address.len())
            + varint_field_len(3, unsigned(self.amount))
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, &self.owner_address);
        put_bytes(out, 2, &self.to_address);
        put_number(out, 3, unsigned(self.amount));
    }

    fn take(&mut self, field: u32, value: Value<'_>, _odd: &mut Vec<Oddity>) -> Result<bool, WireError> {
        match field {
            1 => self.owner_address = value.bytes(Self::NAME, field)?.to_vec(),
            2 => self.to_address = value.bytes(Self::NAME, field)?.to_vec(),
            3 => self.amount = signed(value.varint(Self::NAME, field)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `protocol.TriggerSmartContract`: a call of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TriggerSmartContract {
    /// Who calls, 21 bytes.
    pub owner_address: Vec<u8>,
    /// Whom, 21 bytes.
    pub contract_address: Vec<u8>,
    /// TRX sent along, in sun.
    pub call_value: i64,
    /// Selector and arguments.
    pub data: Vec<u8>,
    /// TRC-10 tokens sent along.
    pub call_token_value: i64,
    /// Which TRC-10 token.
    pub token_id: i64,
}

impl Message for TriggerSmartContract {
    const NAME: &'static str = "TriggerSmartContract";

    fn encoded_len(&self) -> usize {
        bytes_field_len(1, self.owner_address.len())
            + bytes_field_len(2, self.contract_address.len())
            + varint_field_len(3, unsigned(self.call_value))
            + bytes_field_len(4, self.data.len())
            + varint_field_len(5, unsigned(self.call_token_value))
            + varint_field_len(6, unsigned(self.token_id))
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, &self.owner_address);
        put_bytes(out, 2, &self.contract_address);
        put_number(out, 3, unsigned(self.call_value));
        put_bytes(out, 4, &self.data);
        put_number(out, 5, unsigned(self.call_token_value));
        put_number(out, 6, unsigned(self.token_id));
    }

    fn take(&mut self, field: u32, value: Value<'_>, _odd: &mut Vec<Oddity>) -> Result<bool, WireError> {
        match field {
            1 => self.owner_address = value.bytes(Self::NAME, field)?.to_vec(),
            2 => self.contract_address = value.bytes(Self::NAME, field)?.to_vec(),
            3 => self.call_value = signed(value.varint(Self::NAME, field)?),
            4 => self.data = value.bytes(Self::NAME, field)?.to_vec(),
            5 => self.call_token_value = signed(value.varint(Self::NAME, field)?),
            6 => self.token_id = signed(value.varint(Self::NAME, field)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `protocol.BlockHeader.raw`: what a block's id is made of and its producer signs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockHeaderRaw {
    /// Unix milliseconds.
    pub timestamp: i64,
    /// The Merkle root over the block's transactions.
    pub tx_trie_root: Vec<u8>,
    /// The parent's id.
    pub parent_hash: Vec<u8>,
    /// The height.
    pub number: i64,
    /// Unused by nodes.
    pub witness_id: i64,
    /// The producer, 21 bytes.
    pub witness_address: Vec<u8>,
    /// Of the protocol.
    pub version: i64,
    /// Present where a network agreed on it.
    pub account_state_root: Vec<u8>,
}

impl Message for BlockHeaderRaw {
    const NAME: &'static str = "BlockHeader.raw";

    fn encoded_len(&self) -> usize {
        varint_field_len(1, unsigned(self.timestamp))
            + bytes_field_len(2, self.tx_trie_root.len())
            + bytes_field_len(3, self.parent_hash.len())
            + varint_field_len(7, unsigned(self.number))
            + varint_field_len(8, unsigned(self.witness_id))
            + bytes_field_len(9, self.witness_address.len())
            + varint_field_len(10, unsigned(self.version))
            + bytes_field_len(11, self.account_state_root.len())
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_number(out, 1, unsigned(self.timestamp));
        put_bytes(out, 2, &self.tx_trie_root);
        put_bytes(out, 3, &self.parent_hash);
        put_number(out, 7, unsigned(self.number));
        put_number(out, 8, unsigned(self.witness_id));
        put_bytes(out, 9, &self.witness_address);
        put_number(out, 10, unsigned(self.version));
        put_bytes(out, 11, &self.account_state_root);
    }

    fn take(&mut self, field: u32, value: Value<'_>, _odd: &mut Vec<Oddity>) -> Result<bool, WireError> {
        match field {
            1 => self.timestamp = signed(value.varint(Self::NAME, field)?),
            2 => self.tx_trie_root = value.bytes(Self::NAME, field)?.to_vec(),
            3 => self.parent_hash = value.bytes(Self::NAME, field)?.to_vec(),
            7 => self.number = signed(value.varint(Self::NAME, field)?),
            8 => self.witness_id = signed(value.varint(Self::NAME, field)?),
            9 => self.witness_address = value.bytes(Self::NAME, field)?.to_vec(),
            10 => self.version = signed(value.varint(Self::NAME, field)?),
            11 => self.account_state_root = value.bytes(Self::NAME, field)?.to_vec(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
