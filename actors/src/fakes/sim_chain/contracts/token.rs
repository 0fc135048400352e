//! Tokens: the parts that every token has, and an ordinary one whose `transfer` answers true. Anybody can deploy a token that calls
//! itself USDT; this one does.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::domain::address::Address;
use crate::domain::tron::Hash32;

use super::super::receipt::Log;
use super::super::state::Cell;
use super::abi::{
    Arguments, allowance_word, bool_word, error_text, number_word, selector, text_return, topic,
};
use super::{Call, Run, Vm};

/// What a token can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenFunction {
    Name,
    Symbol,
    Decimals,
    TotalSupply,
    BalanceOf,
    Allowance,
    Owner,
    Transfer,
    TransferFrom,
    Approve,
    Paused,
    Deprecated,
    UpgradedAddress,
    BasisPointsRate,
    MaximumFee,
    CalcFee,
    IsBlackListed,
    GetBlackListStatus,
    OddReturn,
    SetOddReturn,
    Pause,
    Unpause,
    AddBlackList,
    RemoveBlackList,
    DestroyBlackFunds,
    SetParams,
    Issue,
    Redeem,
    Deprecate,
}

/// The functions by selector.
pub(super) fn function(wanted: [u8; 4]) -> Option<TokenFunction> {
    use TokenFunction as F;
    static TABLE: OnceLock<BTreeMap<[u8; 4], F>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let signatures = [
            ("name()", F::Name),
            ("symbol()", F::Symbol),
            ("decimals()", F::Decimals),
            ("totalSupply()", F::TotalSupply),
            ("balanceOf(address)", F::BalanceOf),
            ("allowance(address,address)", F::Allowance),
            ("owner()", F::Owner),
            ("transfer(address,uint256)", F::Transfer),
            ("transferFrom(address,address,uint256)", F::TransferFrom),
            ("approve(address,uint256)", F::Approve),
            ("paused()", F::Paused),
            ("deprecated()", F::Deprecated),
            ("upgradedAddress()", F::UpgradedAddress),
            ("basisPointsRate()", F::BasisPointsRate),
            ("maximumFee()", F::MaximumFee),
            ("calcFee(uint256)", F::CalcFee),
            ("isBlackListed(address)", F::IsBlackListed),
            ("getBlackListStatus(address)", F::GetBlackListStatus),
            ("oddReturn()", F::OddReturn),
            ("setOddReturn(bool)", F::SetOddReturn),
            ("pause()", F::Pause),
            ("unpause()", F::Unpause),
            ("addBlackList(address)", F::AddBlackList),
            ("removeBlackList(address)", F::RemoveBlackList),
            ("destroyBlackFunds(address)", F::DestroyBlackFunds),
            ("setParams(uint256,uint256)", F::SetParams),
            ("issue(uint256)", F::Issue),
            ("redeem(uint256)", F::Redeem),
            ("deprecate(address)", F::Deprecate),
        ];
        signatures.into_iter().map(|(signature, function)| (selector(signature), function)).collect()
    });
    table.get(&wanted).copied()
}

/// `Transfer(address,address,uint256)`.
pub(in crate::fakes::sim_chain) fn transfer_topic() -> Hash32 {
    static TOPIC: OnceLock<Hash32> = OnceLock::new();
    *TOPIC.get_or_init(|| topic("Transfer(address,address,uint256)"))
}

/// A Transfer log.
pub(super) fn transfer_log(token: Address, from: Address, to: Address, amount: u64) -> Log {
    let topics = vec![transfer_topic(), Hash32::new(from.word()), Hash32::new(to.word())];
    Log { address: token, topics, data: number_word(amount).to_vec() }
}

/// An Approval log.
pub(super) fn approval_log(token: Address, owner: Address, spender: Address, amount: u64) -> Log {
    let topics = vec![
        topic("Approval(address,address,uint256)"),
        Hash32::new(owner.word()),
        Hash32::new(spender.word()),
    ];
    Log { address: token, topics, data: allowance_word(amount).to_vec() }
}

impl Vm<'_, '_> {
    pub(super) fn balance(&self, token: Address, holder: Address) -> u64 {
        self.ledger.amount(&Cell::Balance(token, holder))
    }

    /// Moves tokens that are there.
    pub(super) fn shift(&mut self, token: Address, from: Address, to: Address, amount: u64) {
        let left = self.balance(token, from).saturating_sub(amount);
        self.ledger.put_amount(Cell::Balance(token, from), left);
        let more = self.balance(token, to).saturating_add(amount);
        self.ledger.put_amount(Cell::Balance(token, to), more);
    }

    /// Uses up an allowance; one of 2^256-1 stays as it is.
    pub(super) fn use_allowance(
        &mut self,
        token: Address,
        owner: Address,
        spender: Address,
        amount: u64,
    ) -> bool {
        let cell = Cell::Allowance(token, owner, spender);
        let allowed = self.ledger.amount(&cell);
        let Some(left) = allowed.checked_sub(amount) else { return false };
        if allowed != u64::MAX {
            self.ledger.put_amount(cell, left);
        }
        true
    }
}

/// The ordinary token's ABI.
pub(super) const ABI: &str = "view name() string
    view symbol() string
    view decimals() uint8
    view totalSupply() uint256
    view balanceOf(address who) uint256
    view allowance(address owner,address spender) uint256
    call transfer(address to,uint256 value) bool
    call transferFrom(address from,address to,uint256 value) bool
    call approve(address spender,uint256 value) bool
    event Transfer(address indexed from,address indexed to,uint256 value)
    event Approval(address indexed owner,address indexed spender,uint256 value)";

/// The ordinary token.
pub(super) fn run(vm: &mut Vm<'_, '_>, call: Call<'_>, wanted: [u8; 4]) -> Run {
    let arguments = Arguments(&call.data[4..]);
    match function(wanted) {
        Some(function) => ask(vm, call, function, arguments).unwrap_or_else(Run::short_arguments),
        None => Run::no_such_function(),
    }
}

fn ask(
    vm: &mut Vm<'_, '_>,
    call: Call<'_>,
    function: TokenFunction,
    arguments: Arguments<'_>,
) -> Option<Run> {
    use TokenFunction as F;
    let token = call.contract;
    Some(match function {
        F::Name => Run::returned(text_return("Tether USD"), 1_300),
        F::Symbol => Run::returned(text_return("USDT"), 1_228),
        F::Decimals => Run::returned(number_word(6), 400),
        F::TotalSupply => {
            Run::returned(number_word(vm.ledger.token(token).map_or(0, |state| state.total_supply)), 500)
        }
        F::BalanceOf => Run::returned(number_word(vm.balance(token, arguments.address(0)?)), 790),
        F::Allowance => {
            let cell = Cell::Allowance(token, arguments.address(0)?, arguments.address(1)?);
            Run::returned(allowance_word(vm.ledger.amount(&cell)), 1_000)
        }
        F::Approve => {
            let (spender, amount) = (arguments.address(0)?, arguments.amount(1)?);
            vm.ledger.put_amount(Cell::Allowance(token, call.caller, spender), amount);
            Run::returned(bool_word(true), 22_000).with_log(approval_log(token, call.caller, spender, amount))
        }
        F::Transfer => {
            let (to, amount) = (arguments.address(0)?, arguments.amount(1)?);
            plain_transfer(vm, token, call.caller, to, amount)
        }
        F::TransferFrom => {
            let (from, to, amount) = (arguments.address(0)?, arguments.address(1)?, arguments.amount(2)?);
            if !vm.use_allowance(token, from, call.caller, amount) {
                return Some(Run::reverted(error_text("ERC20: insufficient allowance"), 1_800));
            }
            plain_transfer(vm, token, from, to, amount)
        }
        _ => Run::no_such_function(),
    })
}

fn plain_transfer(vm: &mut Vm<'_, '_>, token: Address, from: Address, to: Address, amount: u64) -> Run {
    if to == Address::ZERO {
        return Run::reverted(error_text("ERC20: transfer to the zero address"), 1_500);
    }
    if vm.balance(token, from) < amount {
        return Run::reverted(error_text("ERC20: transfer amount exceeds balance"), 1_700);
    }
    vm.shift(token, from, to, amount);
    Run::returned(bool_word(true), 14_000).with_log(transfer_log(token, from, to, amount))
}
