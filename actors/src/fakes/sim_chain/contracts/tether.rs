//! USDT by Tether's rules: the sender's blacklist (never the recipient's), pause, a fee that can be switched on, a deprecation that
//! sends callers elsewhere, and a `transfer` that answers false when it has moved the money.
//!
//! The energies are those of a token of the same rules on java-tron 4.8; the public contract costs these times its dynamic factor.

use crate::domain::address::Address;
use crate::domain::tron::Hash32;

use super::super::receipt::Log;
use super::super::state::{Cell, TokenState};
use super::abi::{Arguments, allowance_word, bool_word, number_word, text_return, topic};
use super::token::{TokenFunction, approval_log, function, transfer_log};
use super::{Call, Ending, Run, Vm};

/// A transfer to somebody who has USDT.
const TRANSFER_ENERGY: u64 = 14_344;
/// A transfer of nothing.
const TRANSFER_NOTHING_ENERGY: u64 = 14_293;
/// What a recipient without USDT costs on top: a storage slot that was zero.
const COLD_RECIPIENT_ENERGY: u64 = 15_000;
/// What the fee's second movement costs on top.
const FEE_ENERGY: u64 = 12_835;
/// `transferFrom` out of an allowance without end; a stranger's transfer of nothing costs a little less.
const TRANSFER_FROM_ENERGY: u64 = 20_087;
const TRANSFER_FROM_NOTHING_ENERGY: u64 = 19_912;
/// `setParams` takes fees below this many basis points.
const BASIS_POINTS_END: u64 = 20;
/// `setParams` takes maxima below this many USDT.
const MAXIMUM_FEE_END: u64 = 50;
const MICRO: u64 = 1_000_000;

/// The ABI of the recorded contract.
pub(super) const ABI: &str = "view name() string
    call deprecate(address successor)
    call approve(address spender,uint256 value) bool
    view deprecated() bool
    call addBlackList(address who)
    view totalSupply() uint256
    call transferFrom(address from,address to,uint256 value) bool
    view upgradedAddress() address
    view decimals() uint8
    view maximumFee() uint256
    call setOddReturn(bool odd)
    call unpause()
    view getBlackListStatus(address who) bool
    view paused() bool
    view balanceOf(address who) uint256
    view calcFee(uint256 value) uint256
    call pause()
    view oddReturn() bool
    view owner() address
    view symbol() string
    call transfer(address to,uint256 value) bool
    call setParams(uint256 newBasisPoints,uint256 newMaxFee)
    call issue(uint256 value)
    call redeem(uint256 value)
    view allowance(address owner,address spender) uint256
    view basisPointsRate() uint256
    view isBlackListed(address who) bool
    call removeBlackList(address who)
    call destroyBlackFunds(address who)
    constructor (uint256 supply)
    event Transfer(address indexed from,address indexed to,uint256 value)
    event Approval(address indexed owner,address indexed spender,uint256 value)
    event Pause()
    event Unpause()
    event AddedBlackList(address who)
    event RemovedBlackList(address who)
    event DestroyedBlackFunds(address who,uint256 balance)
    event Params(uint256 feeBasisPoints,uint256 maxFee)
    event Issue(uint256 value)
    event Redeem(uint256 value)
    event Deprecate(address successor)";

/// USDT.
pub(super) fn run(vm: &mut Vm<'_, '_>, call: Call<'_>, wanted: [u8; 4]) -> Run {
    let arguments = Arguments(&call.data[4..]);
    let (Some(function), Some(state)) = (function(wanted), vm.ledger.token(call.contract).cloned()) else {
        return Run::no_such_function();
    };
    let asked = view(vm, call, &state, function, arguments)
        .or_else(|| movement(vm, call, &state, function, arguments))
        .or_else(|| by_owner(vm, call, state, function, arguments));
    asked.unwrap_or_else(Run::short_arguments)
}

fn view(
    vm: &Vm<'_, '_>,
    call: Call<'_>,
    state: &TokenState,
    function: TokenFunction,
    arguments: Arguments<'_>,
) -> Option<Run> {
    use TokenFunction as F;
    let token = call.contract;
    Some(match function {
        F::Name => Run::returned(text_return("Test Tether USD"), 1_300),
        F::Symbol => Run::returned(text_return("USDT"), 1_228),
        F::Decimals => Run::returned(number_word(6), 517),
        F::TotalSupply => Run::returned(number_word(state.total_supply), 501),
        F::Owner => Run::returned(state.owner.word(), 560),
        F::Paused => Run::returned(bool_word(state.paused), 558),
        F::Deprecated => Run::returned(bool_word(state.upgraded_address.is_some()), 338),
        F::UpgradedAddress => Run::returned(state.upgraded_address.unwrap_or(Address::ZERO).word(), 453),
        F::BasisPointsRate => Run::returned(number_word(state.basis_points_rate), 776),
        F::MaximumFee => Run::returned(number_word(state.maximum_fee), 540),
        F::OddReturn => Run::returned(bool_word(!state.transfer_answers_true), 580),
        F::CalcFee => Run::returned(number_word(fee_of(state, arguments.amount(0)?)), 1_200),
        F::BalanceOf => {
            Run::returned(number_word(vm.balance(holding(token, state), arguments.address(0)?)), 790)
        }
        F::Allowance => {
            let cell = Cell::Allowance(holding(token, state), arguments.address(0)?, arguments.address(1)?);
            Run::returned(allowance_word(vm.ledger.amount(&cell)), 1_037)
        }
        F::IsBlackListed => Run::returned(bool_word(blacklisted(vm, token, arguments.address(0)?)), 913),
        F::GetBlackListStatus => Run::returned(bool_word(blacklisted(vm, token, arguments.address(0)?)), 649),
        _ => return None,
    })
}

/// Where the balances are: with the successor, once there is one.
fn holding(token: Address, state: &TokenState) -> Address {
    state.upgraded_address.unwrap_or(token)
}

fn blacklisted(vm: &Vm<'_, '_>, token: Address, who: Address) -> bool {
    vm.ledger.flag(&Cell::Blacklisted(token, who))
}

/// `calcFee`.
fn fee_of(state: &TokenState, amount: u64) -> u64 {
    let fee = u128::from(amount) * u128::from(state.basis_points_rate) / 10_000;
    u64::try_from(fee).unwrap_or(u64::MAX).min(state.maximum_fee)
}

fn movement(
    vm: &mut Vm<'_, '_>,
    call: Call<'_>,
    state: &TokenState,
    function: TokenFunction,
    arguments: Arguments<'_>,
) -> Option<Run> {
    use TokenFunction as F;
    let token = holding(call.contract, state);
    Some(match function {
        F::Approve => {
            let (spender, amount) = (arguments.address(0)?, arguments.amount(1)?);
            vm.ledger.put_amount(Cell::Allowance(token, call.caller, spender), amount);
            Run::returned(bool_word(true), 22_437).with_log(approval_log(token, call.caller, spender, amount))
        }
        F::Transfer => {
            let (to, amount) = (arguments.address(0)?, arguments.amount(1)?);
            let base = if amount == 0 { TRANSFER_NOTHING_ENERGY } else { TRANSFER_ENERGY };
            let mut run = pay(vm, call.contract, state, call.caller, to, amount, base);
            if run.is_returned() {
                run.ending = Ending::Returned(bool_word(state.transfer_answers_true).to_vec());
            }
            run
        }
        F::TransferFrom => {
            let (from, to, amount) = (arguments.address(0)?, arguments.address(1)?, arguments.amount(2)?);
            let refusal = refusal_before_moving(vm, call.contract, state, from, to);
            if let Some(energy) = refusal {
                return Some(Run::reverted(Vec::new(), energy));
            }
            if !vm.use_allowance(token, from, call.caller, amount) {
                return Some(too_little(vm, 2_146));
            }
            let base = if amount == 0 { TRANSFER_FROM_NOTHING_ENERGY } else { TRANSFER_FROM_ENERGY };
            pay(vm, call.contract, state, from, to, amount, base)
        }
        _ => return None,
    })
}

/// Pause, blacklist and the zero address, in this order; the energy spent until then.
fn refusal_before_moving(
    vm: &Vm<'_, '_>,
    token: Address,
    state: &TokenState,
    from: Address,
    to: Address,
) -> Option<u64> {
    if state.paused {
        return Some(727);
    }
    if blacklisted(vm, token, from) {
        return Some(867);
    }
    (to == Address::ZERO).then_some(1_508)
}

/// A balance or an allowance that is too low: SafeMath, reverting or asserting.
fn too_little(vm: &Vm<'_, '_>, energy: u64) -> Run {
    let ending = if vm.safe_math_asserts { Ending::IllegalOperation } else { Ending::Reverted(Vec::new()) };
    Run::ended(ending, energy)
}

fn pay(
    vm: &mut Vm<'_, '_>,
    contract: Address,
    state: &TokenState,
    from: Address,
    to: Address,
    amount: u64,
    base_energy: u64,
) -> Run {
    if let Some(energy) = refusal_before_moving(vm, contract, state, from, to) {
        return Run::reverted(Vec::new(), energy);
    }
    let token = holding(contract, state);
    if vm.balance(token, from) < amount {
        return too_little(vm, 1_684);
    }
    let fee = fee_of(state, amount);
    let is_cold = amount > 0 && vm.balance(token, to) == 0;
    let energy =
        base_energy + if is_cold { COLD_RECIPIENT_ENERGY } else { 0 } + if fee > 0 { FEE_ENERGY } else { 0 };
    vm.shift(token, from, to, amount - fee);
    let run = Run::returned(bool_word(true), energy).with_log(transfer_log(token, from, to, amount - fee));
    if fee == 0 {
        return run;
    }
    vm.shift(token, from, state.owner, fee);
    run.with_log(transfer_log(token, from, state.owner, fee))
}

/// What only the owner may do.
fn by_owner(
    vm: &mut Vm<'_, '_>,
    call: Call<'_>,
    mut state: TokenState,
    function: TokenFunction,
    arguments: Arguments<'_>,
) -> Option<Run> {
    use TokenFunction as F;
    let token = call.contract;
    if call.caller != state.owner {
        return Some(Run::reverted(Vec::new(), 700));
    }
    let (event, words, energy) = match function {
        F::Pause if !state.paused => {
            state.paused = true;
            ("Pause()", Vec::new(), 6_571)
        }
        F::Unpause if state.paused => {
            state.paused = false;
            ("Unpause()", Vec::new(), 6_435)
        }
        F::SetOddReturn => {
            state.transfer_answers_true = arguments.amount(0)? == 0;
            vm.ledger.put_token(token, state);
            return Some(Run::returned([], 5_567));
        }
        F::AddBlackList | F::RemoveBlackList => {
            let who = arguments.address(0)?;
            let add = function == F::AddBlackList;
            vm.ledger.put_flag(Cell::Blacklisted(token, who), add);
            (
                if add { "AddedBlackList(address)" } else { "RemovedBlackList(address)" },
                vec![who.word()],
                21_200,
            )
        }
        F::DestroyBlackFunds => {
            let who = arguments.address(0)?;
            if !blacklisted(vm, token, who) {
                return Some(Run::reverted(Vec::new(), 900));
            }
            let funds = vm.balance(token, who);
            vm.ledger.put_amount(Cell::Balance(token, who), 0);
            state.total_supply = state.total_supply.saturating_sub(funds);
            ("DestroyedBlackFunds(address,uint256)", vec![who.word(), number_word(funds)], 12_000)
        }
        F::SetParams => {
            let (rate, maximum) = (arguments.amount(0)?, arguments.amount(1)?);
            if rate >= BASIS_POINTS_END || maximum >= MAXIMUM_FEE_END {
                return Some(Run::reverted(Vec::new(), 900));
            }
            let energy = if rate == 0 { 12_346 } else { 42_397 };
            state.basis_points_rate = rate;
            state.maximum_fee = maximum * MICRO;
            ("Params(uint256,uint256)", vec![number_word(rate), number_word(state.maximum_fee)], energy)
        }
        F::Issue | F::Redeem => {
            let amount = arguments.amount(0)?;
            let held = vm.balance(token, call.caller);
            let changed = if function == F::Issue {
                held.checked_add(amount).zip(state.total_supply.checked_add(amount))
            } else {
                held.checked_sub(amount).zip(state.total_supply.checked_sub(amount))
            };
            // The sums of these two are asserted whatever transfers do.
            let Some((held, supply)) = changed else {
                return Some(Run::ended(Ending::IllegalOperation, 1_100));
            };
            vm.ledger.put_amount(Cell::Balance(token, call.caller), held);
            state.total_supply = supply;
            (
                if function == F::Issue { "Issue(uint256)" } else { "Redeem(uint256)" },
                vec![number_word(amount)],
                12_700,
            )
        }
        F::Deprecate => {
            let successor = arguments.address(0)?;
            state.upgraded_address = Some(successor);
            ("Deprecate(address)", vec![successor.word()], 26_000)
        }
        _ => return Some(Run::reverted(Vec::new(), 700)),
    };
    vm.ledger.put_token(token, state);
    let log = Log { address: token, topics: vec![event_topic(event)], data: words.concat() };
    Some(Run::returned([], energy).with_log(log))
}

fn event_topic(signature: &str) -> Hash32 {
    topic(signature)
}
