//! One helper for all stories: a network, and a hand that writes and signs transactions.

use crate::domain::address::Address;
use crate::domain::money::MicroUsdt;
use crate::domain::tron::abi::Call;
use crate::domain::tron::protobuf::{
    Any, Contract, Message, Raw, TRANSFER_CONTRACT, TRANSFER_URL, TRIGGER_SMART_CONTRACT, TRIGGER_URL,
    TransferContract, TriggerSmartContract,
};
use crate::domain::tron::transaction::assemble;
use crate::domain::tron::{BroadcastCode, PrivateKey, RefBlock, TxId, Uint256};

use super::super::{
    Answer, Bytes, Finality, Lost, NodeId, ServedBlock, Settings, SimChain, TestAccount, Transaction,
    TransactionInfo, WeatherOrder, genesis,
};

/// A moment at which a slot of three seconds begins.
pub(super) const START_MS: u64 = 1_795_000_002_000;
pub(super) const A: NodeId = NodeId(0);
pub(super) const B: NodeId = NodeId(1);
pub(super) const FEE_LIMIT: i64 = 100_000_000;

pub(super) struct Town {
    pub(super) chain: SimChain,
    written: i64,
}

/// A transaction that was written and signed.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) txid: TxId,
    pub(super) bytes: Bytes,
}

impl Town {
    pub(super) fn new() -> Town {
        Town::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Town {
        Town { chain: SimChain::new(settings, START_MS), written: 0 }
    }

    pub(super) fn wallet() -> &'static TestAccount {
        &genesis().accounts[0]
    }

    pub(super) fn someone(name: &str) -> Address {
        Address::from_word_masked(&crate::domain::tron::hash::keccak256(name.as_bytes()))
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.chain.now_ms().cast_signed()
    }

    /// Lets so many slots pass.
    pub(super) fn blocks(&mut self, slots: u64) {
        let block_ms = self.chain.settings().block_ms;
        self.chain.advance_to(self.chain.now_ms() + slots * block_ms);
    }

    pub(super) fn seconds(&mut self, seconds: u64) {
        self.chain.advance_to(self.chain.now_ms() + seconds * 1_000);
    }

    pub(super) fn order(&mut self, json: &str) {
        let order: WeatherOrder = serde_json::from_str(json).unwrap();
        self.chain.order(&order).unwrap();
    }

    /// A raw part with a solid reference block that lives for so long.
    pub(super) fn raw(&mut self, contract: Contract, lifetime_ms: i64) -> Raw {
        let solid = self.chain.view(A, Finality::Solid).now_block().unwrap();
        let reference = RefBlock::new(solid.id);
        self.written += 1;
        Raw {
            ref_block_bytes: reference.bytes().to_vec(),
            ref_block_hash: reference.hash().to_vec(),
            expiration: self.now_ms() + lifetime_ms,
            timestamp: self.now_ms() + self.written,
            fee_limit: FEE_LIMIT,
            contracts: vec![contract],
            ..Raw::default()
        }
    }

    pub(super) fn call(owner: Address, contract: Address, data: Vec<u8>) -> Contract {
        let value = TriggerSmartContract {
            owner_address: owner.payload().to_vec(),
            contract_address: contract.payload().to_vec(),
            data,
            ..TriggerSmartContract::default()
        };
        let parameter = Any { type_url: TRIGGER_URL.into(), value: value.encode() };
        Contract { kind: TRIGGER_SMART_CONTRACT, parameter, permission_id: 0 }
    }

    pub(super) fn trx(owner: Address, to: Address, amount: i64) -> Contract {
        let value = TransferContract {
            owner_address: owner.payload().to_vec(),
            to_address: to.payload().to_vec(),
            amount,
        };
        let parameter = Any { type_url: TRANSFER_URL.into(), value: value.encode() };
        Contract { kind: TRANSFER_CONTRACT, parameter, permission_id: 0 }
    }

    pub(super) fn usdt_data(to: Address, micro: u64) -> Vec<u8> {
        Call::Transfer { recipient: to, amount: Uint256::from(MicroUsdt::new(micro)) }.encode()
    }

    /// A USDT transfer from the wallet that lives for five minutes.
    pub(super) fn pay(&mut self, to: Address, micro: u64) -> Written {
        self.pay_within(to, micro, 300_000)
    }

    pub(super) fn pay_within(&mut self, to: Address, micro: u64, lifetime_ms: i64) -> Written {
        let wallet = Town::wallet();
        let call = Town::call(wallet.address, genesis().usdt, Town::usdt_data(to, micro));
        let raw = self.raw(call, lifetime_ms);
        sign(&raw, &[wallet.key().unwrap()])
    }

    /// Calls a contract from a test account, sends it to node A and waits for its block.
    pub(super) fn run(&mut self, who: &TestAccount, contract: Address, data: Vec<u8>) -> TransactionInfo {
        let raw = self.raw(Town::call(who.address, contract, data), 300_000);
        let written = sign(&raw, &[who.key().unwrap()]);
        assert_eq!(self.send(A, &written), BroadcastCode::Success);
        self.blocks(1);
        self.info(&written).unwrap()
    }

    /// Sends; the code that comes back on a good day.
    pub(super) fn send(&mut self, node: NodeId, written: &Written) -> BroadcastCode {
        self.reply(node, written).0
    }

    pub(super) fn reply(&mut self, node: NodeId, written: &Written) -> (BroadcastCode, String) {
        match self.chain.broadcast(node, &written.bytes) {
            Answer::Reply(Ok(reply)) => (reply.code, reply.message),
            other => panic!("no reply: {other:?}"),
        }
    }

    pub(super) fn lost(&mut self, node: NodeId, written: &Written) -> Lost {
        match self.chain.broadcast(node, &written.bytes) {
            Answer::Lost(lost) => lost,
            other => panic!("a reply: {other:?}"),
        }
    }

    pub(super) fn info(&self, written: &Written) -> Option<TransactionInfo> {
        self.chain.view(A, Finality::Head).transaction_info_by_id(written.txid)
    }

    pub(super) fn solid_info(&self, written: &Written) -> Option<TransactionInfo> {
        self.chain.view(A, Finality::Solid).transaction_info_by_id(written.txid)
    }

    pub(super) fn is_pending(&self, node: NodeId, written: &Written) -> bool {
        self.chain.view(node, Finality::Head).pending_transaction(written.txid).is_some()
    }

    /// What an address got in all, by the book.
    pub(super) fn paid_to(&self, to: Address) -> u64 {
        let book = self.chain.book();
        book.transfers.iter().filter(|row| row.to == to).map(|row| row.amount_micro_usdt).sum()
    }

    pub(super) fn head(&self) -> ServedBlock {
        self.chain.view(A, Finality::Head).now_block().unwrap()
    }
}

/// Signs with each key.
pub(super) fn sign(raw: &Raw, keys: &[PrivateKey]) -> Written {
    let raw = raw.encode();
    let txid = TxId::of_raw_data(&raw);
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(txid.as_bytes()).as_bytes().to_vec()).collect();
    Written { txid, bytes: assemble(&raw, &signatures).into() }
}

pub(super) fn read(written: &Written) -> Transaction {
    Transaction::parse(&written.bytes).unwrap()
}
