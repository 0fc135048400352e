//! The contracts of the simulated chain, as plain functions over the ledger. Each says how it ended and what it cost; nobody
//! runs byte code here.

mod abi;
mod probe;
mod router;
mod tether;
mod token;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::address::Address;

use super::receipt::{InternalCall, Log};
use super::state::Ledger;

pub use abi::{AbiEntry, AbiParameter};
pub(super) use token::transfer_topic;

/// What a dispatcher spends before it finds that a function is not there.
const NO_SUCH_FUNCTION_ENERGY: u64 = 216;
/// What a function spends before it finds that its arguments are too short.
const SHORT_ARGUMENTS_ENERGY: u64 = 1_457;

/// A contract of the simulated chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Its name in `getcontract`.
    pub name: String,
    /// Who deployed it.
    pub origin: Address,
    /// What it does.
    pub kind: ContractKind,
}

/// What a contract does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContractKind {
    /// USDT: Tether's rules, its blacklist, pause, fee, and its `false` on success.
    Tether,
    /// An ordinary token that calls itself USDT.
    PlainToken,
    /// PayoutRouterV0.
    RouterV0 {
        /// What it pays in.
        token: Address,
    },
    /// PayoutRouterKYC.
    RouterKyc {
        /// What it pays in.
        token: Address,
        /// Whose compliance signature it wants.
        officer: Address,
    },
    /// Ends in every way in which a call can end.
    Probe,
}

/// All contracts by address.
pub(super) type Contracts = BTreeMap<Address, Contract>;

/// A call of a contract.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) caller: Address,
    pub(super) contract: Address,
    pub(super) data: &'a [u8],
    pub(super) call_value_sun: i64,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a value.
    Returned(Vec<u8>),
    /// By its own decision.
    Reverted(Vec<u8>),
    /// With an invalid opcode.
    IllegalOperation,
    /// It never ends.
    Endless,
}

/// A call that was run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) ending: Ending,
    /// Without the penalty.
    pub(super) energy: u64,
    /// What the dynamic factor adds.
    pub(super) penalty: u64,
    pub(super) logs: Vec<Log>,
    pub(super) internal: Vec<InternalCall>,
}

/// Where calls run.
pub(super) struct Vm<'v, 's> {
    pub(super) ledger: &'v mut Ledger<'s>,
    pub(super) contracts: &'v Contracts,
    /// The block's time in seconds, as the TVM gives it.
    pub(super) timestamp_s: u64,
    /// Of the USDT contract, in ten thousandths.
    pub(super) dynamic_energy_factor: u64,
    /// Whether USDT's SafeMath asserts.
    pub(super) safe_math_asserts: bool,
}

impl Vm<'_, '_> {
    /// Runs a call; the caller takes the ledger back when it did not return.
    pub(super) fn run(&mut self, call: Call<'_>) -> Run {
        let Some(contract) = self.contracts.get(&call.contract) else { return Run::reverted(Vec::new(), 0) };
        let Some(selector) = call.data.first_chunk::<4>().filter(|_| call.call_value_sun == 0) else {
            return Run::reverted(Vec::new(), NO_SUCH_FUNCTION_ENERGY);
        };
        let selector = *selector;
        match contract.kind {
            ContractKind::Tether => {
                let mut run = tether::run(self, call, selector);
                run.penalty = run.energy * self.dynamic_energy_factor / 10_000;
                run
            }
            ContractKind::PlainToken => token::run(self, call, selector),
            ContractKind::RouterV0 { token } => router::run(self, call, selector, token, None),
            ContractKind::RouterKyc { token, officer } => {
                router::run(self, call, selector, token, Some(officer))
            }
            ContractKind::Probe => probe::run(self, call, selector),
        }
    }
}

impl Run {
    fn ended(ending: Ending, energy: u64) -> Run {
        Run { ending, energy, penalty: 0, logs: Vec::new(), internal: Vec::new() }
    }

    fn returned(value: impl Into<Vec<u8>>, energy: u64) -> Run {
        Run::ended(Ending::Returned(value.into()), energy)
    }

    fn reverted(data: Vec<u8>, energy: u64) -> Run {
        Run::ended(Ending::Reverted(data), energy)
    }

    fn no_such_function() -> Run {
        Run::reverted(Vec::new(), NO_SUCH_FUNCTION_ENERGY)
    }

    fn short_arguments() -> Run {
        Run::reverted(Vec::new(), SHORT_ARGUMENTS_ENERGY)
    }

    fn with_log(mut self, log: Log) -> Run {
        self.logs.push(log);
        self
    }

    pub(super) fn is_returned(&self) -> bool {
        matches!(self.ending, Ending::Returned(_))
    }
}

impl Contract {
    /// The ABI, for `getcontract`.
    #[must_use]
    pub fn abi(&self) -> Vec<AbiEntry> {
        abi::entries(match self.kind {
            ContractKind::Tether => tether::ABI,
            ContractKind::PlainToken => token::ABI,
            ContractKind::RouterV0 { .. } => router::ABI_V0,
            ContractKind::RouterKyc { .. } => router::ABI_KYC,
            ContractKind::Probe => probe::ABI,
        })
    }

    /// Whether a call changes nothing, by its selector: `triggersmartcontract` runs such a call in place of building it.
    #[must_use]
    pub fn is_view(&self, data: &[u8]) -> bool {
        let Some(wanted) = data.first_chunk::<4>() else { return false };
        self.abi().iter().filter(|entry| entry.state_mutability == "View").any(|entry| {
            let kinds: Vec<_> = entry.inputs.iter().map(|input| input.kind).collect();
            abi::selector(&format!("{}({})", entry.name, kinds.join(","))) == *wanted
        })
    }
}
