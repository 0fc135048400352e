//! Who is there before the first block: ten funded accounts with keys that everybody may know, the token's owner, the compliance
//! officer, the witnesses, and the contracts. The same in every run, so that a recipe written yesterday works today.

use std::sync::OnceLock;

use crate::domain::address::Address;
use crate::domain::tron::PrivateKey;
use crate::domain::tron::hash::{keccak256, sha256};

use super::accounts::{Account, Stake};
use super::contracts::{Contract, ContractKind, Contracts};
use super::settings::Settings;
use super::state::{Cell, State, TokenState, Value};

/// Accounts with test keys.
const TEST_ACCOUNTS: usize = 10;
/// What the token's owner holds beside.
const OWNER_MICRO_USDT: u64 = 1_000_000_000_000;

/// Who is there before the first block.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Ten accounts with USDT and TRX; the first is the wallet that lets the routers take its USDT.
    pub accounts: Vec<TestAccount>,
    /// Owner of the USDT contract: may pause it, blacklist senders, set its fee.
    pub token_owner: TestAccount,
    /// Whose compliance signature PayoutRouterKYC wants.
    pub compliance_officer: TestAccount,
    /// Where others may make a rival payment to: nobody's business.
    pub stranger: TestAccount,
    /// The token named USDT that counts.
    pub usdt: Address,
    /// An ordinary token that calls itself USDT, too.
    pub other_usdt: Address,
    /// PayoutRouterV0.
    pub router_v0: Address,
    /// PayoutRouterKYC.
    pub router_kyc: Address,
    /// A contract that ends in every way in which a call can end.
    pub probe: Address,
    /// The block producers.
    pub(super) witnesses: Vec<Address>,
}

/// An account whose key everybody may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestAccount {
    /// Its address.
    pub address: Address,
    /// Its private key, 64 hex digits. Public on purpose: it holds sand.
    pub private_key_hex: String,
}

impl TestAccount {
    fn named(name: &str) -> TestAccount {
        // A SHA-256 that is no valid scalar has probability 2^-128; hashing again ends this loop without a panic.
        let mut scalar = sha256(format!("payoutd sandbox {name}").as_bytes());
        loop {
            if let Ok(key) = PrivateKey::from_bytes(&scalar) {
                return TestAccount { address: key.address(), private_key_hex: hex::encode(scalar) };
            }
            scalar = sha256(&scalar);
        }
    }

    /// Its key, to sign with.
    #[must_use]
    pub fn key(&self) -> Option<PrivateKey> {
        PrivateKey::from_hex(&self.private_key_hex).ok()
    }
}

/// The genesis of every simulated chain, made once.
#[must_use]
pub fn genesis() -> &'static Genesis {
    static GENESIS: OnceLock<Genesis> = OnceLock::new();
    GENESIS.get_or_init(|| Genesis {
        accounts: (0..TEST_ACCOUNTS).map(|index| TestAccount::named(&format!("account {index}"))).collect(),
        token_owner: TestAccount::named("token owner"),
        compliance_officer: TestAccount::named("compliance officer"),
        stranger: TestAccount::named("stranger"),
        usdt: contract_address("usdt"),
        other_usdt: contract_address("another usdt"),
        router_v0: contract_address("router v0"),
        router_kyc: contract_address("router kyc"),
        probe: contract_address("probe"),
        witnesses: (0..MOST_WITNESSES).map(|index| witness(index).address).collect(),
    })
}

/// Producers that a simulated chain can have.
pub(super) const MOST_WITNESSES: u16 = 27;

/// A block producer.
pub(super) fn witness(index: u16) -> TestAccount {
    TestAccount::named(&format!("witness {index}"))
}

fn contract_address(name: &str) -> Address {
    Address::from_word_masked(&keccak256(format!("payoutd sandbox {name}").as_bytes()))
}

/// The contracts of the simulated chain.
pub(super) fn contracts(genesis: &Genesis) -> Contracts {
    let origin = genesis.token_owner.address;
    let (token, officer) = (genesis.usdt, genesis.compliance_officer.address);
    let kinds = [
        (genesis.usdt, "TestUSDT", ContractKind::Tether),
        (genesis.other_usdt, "TetherToken", ContractKind::PlainToken),
        (genesis.router_v0, "PayoutRouterV0", ContractKind::RouterV0 { token }),
        (genesis.router_kyc, "PayoutRouterKYC", ContractKind::RouterKyc { token, officer }),
        (genesis.probe, "Probe", ContractKind::Probe),
    ];
    kinds
        .into_iter()
        .map(|(address, name, kind)| (address, Contract { name: name.into(), origin, kind }))
        .collect()
}

/// The state before the first block.
pub(super) fn state(genesis: &Genesis, settings: &Settings, contracts: &Contracts) -> State {
    let mut state = State::default();
    let endowment = &settings.endowment;
    let mut supply = OWNER_MICRO_USDT;
    for account in &genesis.accounts {
        let stake = |limit| Stake { limit, ..Stake::default() };
        let mut funded = Account::new(account.address, 0);
        funded.balance_sun = endowment.sun;
        funded.energy = stake(endowment.energy);
        funded.bandwidth = stake(endowment.bandwidth);
        endow_account(&mut state, funded);
        supply = supply.saturating_add(endowment.micro_usdt);
        for token in [genesis.usdt, genesis.other_usdt] {
            state.endow(Cell::Balance(token, account.address), Value::Amount(endowment.micro_usdt));
        }
    }
    for other in [&genesis.token_owner, &genesis.compliance_officer, &genesis.stranger] {
        let mut funded = Account::new(other.address, 0);
        funded.balance_sun = endowment.sun;
        endow_account(&mut state, funded);
    }
    let mut blackhole = Account::new(Address::BLACKHOLE, 0);
    blackhole.name = "Blackhole".into();
    endow_account(&mut state, blackhole);
    for (address, contract) in contracts {
        let mut account = Account::new(*address, 0);
        account.name.clone_from(&contract.name);
        account.is_contract = true;
        endow_account(&mut state, account);
    }
    let owner = genesis.token_owner.address;
    for token in [genesis.usdt, genesis.other_usdt] {
        state.endow(Cell::Balance(token, owner), Value::Amount(OWNER_MICRO_USDT));
        state.endow(Cell::Token(token), Value::Token(TokenState::new(owner, supply)));
    }
    if endowment.allowance_to_routers {
        for router in [genesis.router_v0, genesis.router_kyc] {
            let allowance = Cell::Allowance(genesis.usdt, genesis.accounts[0].address, router);
            state.endow(allowance, Value::Amount(u64::MAX));
        }
    }
    state
}

fn endow_account(state: &mut State, account: Account) {
    state.endow(Cell::Account(account.address), Value::Account(account));
}

impl TokenState {
    fn new(owner: Address, total_supply: u64) -> TokenState {
        TokenState {
            owner,
            paused: false,
            upgraded_address: None,
            basis_points_rate: 0,
            maximum_fee: 0,
            total_supply,
            transfer_answers_true: false,
        }
    }
}
