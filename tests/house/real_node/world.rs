//! A sandbox that stands as the recordings' deployment did: the same roles, the same prices, one witness, blocks in the same slots.

use std::collections::BTreeMap;

use payoutd::sandbox::{Clock, Listen, Sandbox, SandboxSettings};
use payoutd_actors::{
    domain::{
        address::Address,
        tron::{
            PrivateKey, TxId,
            protobuf::{
                Any, Contract, Message, Raw, TRANSFER_CONTRACT, TRANSFER_URL, TRIGGER_SMART_CONTRACT,
                TRIGGER_URL, Transaction, TransferContract, TriggerSmartContract,
            },
        },
    },
    fakes::sim_chain::{Finality, NodeId, NodeSettings, Settings, SimChain, WeatherOrder, genesis},
};
use serde_json::Value;

use super::{
    recording,
    translate::{Dictionary, Standing},
};

/// The recordings' slot.
pub(super) const BLOCK_MS: u64 = 3_000;
/// A block of the recordings, and when it was made: blocks came in every slot.
const A_BLOCK: (i64, i64) = (1_146, 1_795_248_663_000);
/// Blocks reached the node that was asked a moment after their time.
const LATE_MS: u64 = 30;
/// The roles are taken a day before, so that what they used of their free bandwidth has come back.
const BEFORE_MS: u64 = 26 * 3_600_000;

/// The sandbox, and what stands for what.
pub(super) struct World {
    pub(super) sandbox: Sandbox,
    pub(super) dictionary: Dictionary,
    /// What is added to recorded moments.
    pub(super) time_shift_ms: i64,
}

/// The roles of the recordings, and who plays them.
struct Cast {
    payer: PrivateKey,
    funder: PrivateKey,
    officer: PrivateKey,
    blocked: PrivateKey,
    poor: PrivateKey,
    idle: PrivateKey,
    /// Gives and takes what the roles should have.
    helper: PrivateKey,
}

impl World {
    /// A world in which it is a moment before this one.
    pub(super) async fn at(moment_ms: i64) -> World {
        let moment_ms = u64::try_from(moment_ms).unwrap();
        let settings = SandboxSettings {
            listen: Listen { solidity: Some(([127, 0, 0, 1], 0).into()), ..Listen::default() },
            chain: Settings {
                block_ms: BLOCK_MS,
                witnesses: 1,
                nodes: vec![NodeSettings { min_effective_connection: 0, ..NodeSettings::default() }],
                ..Settings::default()
            },
            clock: Clock::ByHand { starts_at_ms: moment_ms - BEFORE_MS },
            ..SandboxSettings::default()
        };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let deployment = recording::deployment();
        let cast = Cast::new();
        let holder = address_of(&deployment["accounts"]["holder"]["hex"]);
        let world = World { dictionary: dictionary(&deployment, &cast), sandbox, time_shift_ms: 0 };
        {
            let chain = world.sandbox.chain();
            let mut chain = chain.lock().unwrap();
            cast.take_their_places(&mut chain, holder);
            chain.advance_to(moment_ms - 40 * BLOCK_MS);
            cast.have_paid_today(&mut chain);
            chain.advance_to(moment_ms - BLOCK_MS);
        }
        world
    }

    /// Lets time pass up to a recorded moment.
    pub(super) fn advance_to(&self, recorded_ms: i64) {
        let now_ms = u64::try_from(recorded_ms + self.time_shift_ms).unwrap() - LATE_MS;
        self.sandbox.chain().lock().unwrap().advance_to(now_ms);
    }

    /// Lets one more block come than the recording had by then.
    pub(super) fn one_more_block(&mut self) {
        self.time_shift_ms += BLOCK_MS as i64;
        let chain = self.sandbox.chain();
        let mut chain = chain.lock().unwrap();
        let now_ms = chain.now_ms();
        chain.advance_to(now_ms + BLOCK_MS);
    }

    /// Where the chain stands, for a question that was put at a recorded moment.
    pub(super) fn standing(&self, recorded_ms: i64) -> Standing {
        let chain = self.sandbox.chain();
        let chain = chain.lock().unwrap();
        let reference = chain.view(NodeId(0), Finality::Head).reference_block();
        let head_then = A_BLOCK.0 + (recorded_ms - LATE_MS as i64 - A_BLOCK.1).div_euclid(BLOCK_MS as i64);
        let number_shift = i64::try_from(chain.head_number()).unwrap() - head_then;
        Standing {
            ref_block: (reference.bytes(), reference.hash()),
            time_shift_ms: self.time_shift_ms,
            number_shift,
        }
    }
}

impl Cast {
    fn new() -> Cast {
        let genesis = genesis();
        let account = |index: usize| genesis.accounts[index].key().unwrap();
        Cast {
            payer: account(0),
            funder: genesis.token_owner.key().unwrap(),
            officer: genesis.compliance_officer.key().unwrap(),
            blocked: account(2),
            poor: account(3),
            idle: account(4),
            helper: account(9),
        }
    }

    fn take_their_places(&self, chain: &mut SimChain, holder: Address) {
        let helper = self.helper.address();
        chain
            .order(&WeatherOrder { blacklist: Some(self.blocked.address()), ..WeatherOrder::default() })
            .unwrap();
        send(chain, &self.idle, usdt(&self.idle, helper, 1_000_000_000_000));
        send(chain, &self.helper, usdt(&self.helper, holder, 1_000_000_000));
        send(chain, &self.helper, trx(&self.helper, holder, 1_000_000_000));
        send(chain, &self.poor, trx(&self.poor, helper, 99_999_999_999));
        for _ in 0..4 {
            let now_ms = chain.now_ms();
            chain.advance_to(now_ms + BLOCK_MS);
        }
        let view = chain.view(NodeId(0), Finality::Head);
        assert_eq!(view.account(self.poor.address()).unwrap().balance_sun, 1, "the poor one is poor");
        assert!(view.account(holder).is_some(), "the holder is there");
    }
}

impl Cast {
    /// Payer and funder have used their free bandwidth of the day, as far as it goes.
    fn have_paid_today(&self, chain: &mut SimChain) {
        let helper = self.helper.address();
        for role in [&self.payer, &self.funder] {
            send(chain, role, usdt(role, helper, 1));
        }
    }
}

/// Names by the recordings' roles, and keys by the recorded addresses.
fn dictionary(deployment: &Value, cast: &Cast) -> Dictionary {
    let genesis = genesis();
    let accounts = [
        ("payer", &cast.payer),
        ("funder", &cast.funder),
        ("officer", &cast.officer),
        ("blocked", &cast.blocked),
        ("poor", &cast.poor),
        ("idle", &cast.idle),
    ];
    let contracts = [
        ("TestUSDT", genesis.usdt),
        ("Router", genesis.router_v0),
        ("RouterKYC", genesis.router_kyc),
        ("Probe", genesis.probe),
    ];
    let mut names = Vec::new();
    let mut keys = BTreeMap::new();
    let mut name = |recorded: &Value, ours: Address| {
        let recorded = address_of(recorded);
        names.push((hex::encode(recorded.evm()), hex::encode(ours.evm())));
        names.push((recorded.to_string(), ours.to_string()));
    };
    for (role, key) in accounts {
        name(&deployment["accounts"][role]["hex"], key.address());
        keys.insert(address_of(&deployment["accounts"][role]["hex"]), key.clone());
    }
    for (role, ours) in contracts {
        name(&deployment["contracts"][role]["hex"], ours);
    }
    // The holder plays itself.
    let holder = &deployment["accounts"]["holder"];
    let key = PrivateKey::from_hex(holder["key"].as_str().unwrap()).unwrap();
    keys.insert(address_of(&holder["hex"]), key);
    Dictionary { names, keys, ..Dictionary::default() }
}

fn address_of(hex_text: &Value) -> Address {
    Address::from_payload(&hex::decode(hex_text.as_str().unwrap()).unwrap()).unwrap()
}

fn usdt(owner: &PrivateKey, to: Address, amount: u64) -> Contract {
    let mut data = vec![0xa9, 0x05, 0x9c, 0xbb];
    data.extend_from_slice(&to.word());
    data.extend_from_slice(&[0; 24]);
    data.extend_from_slice(&amount.to_be_bytes());
    let call = TriggerSmartContract {
        owner_address: owner.address().payload().to_vec(),
        contract_address: genesis().usdt.payload().to_vec(),
        data,
        ..TriggerSmartContract::default()
    };
    contract(TRIGGER_SMART_CONTRACT, TRIGGER_URL, call.encode())
}

fn trx(owner: &PrivateKey, to: Address, amount: i64) -> Contract {
    let transfer = TransferContract {
        owner_address: owner.address().payload().to_vec(),
        to_address: to.payload().to_vec(),
        amount,
    };
    contract(TRANSFER_CONTRACT, TRANSFER_URL, transfer.encode())
}

fn contract(kind: i64, type_url: &str, value: Vec<u8>) -> Contract {
    Contract { kind, parameter: Any { type_url: type_url.to_owned(), value }, permission_id: 0 }
}

fn send(chain: &mut SimChain, signer: &PrivateKey, contract: Contract) {
    let reference = chain.view(NodeId(0), Finality::Head).reference_block();
    let now_ms = i64::try_from(chain.now_ms()).unwrap();
    let raw = Raw {
        ref_block_bytes: reference.bytes().to_vec(),
        ref_block_hash: reference.hash().to_vec(),
        expiration: now_ms + 60_000,
        contracts: vec![contract],
        timestamp: now_ms,
        fee_limit: 100_000_000,
        ..Raw::default()
    };
    let raw_data = raw.encode();
    let signature = signer.sign(TxId::of_raw_data(&raw_data).as_bytes());
    let transaction =
        Transaction { raw_data, signatures: vec![signature.as_bytes().to_vec()], ret: Vec::new() };
    let reply = chain.broadcast(NodeId(0), &transaction.encode()).reply().unwrap().unwrap();
    assert_eq!(reply.code.name(), "SUCCESS", "{}", reply.message);
}
