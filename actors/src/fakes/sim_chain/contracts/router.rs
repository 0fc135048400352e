//! PayoutRouterV0 and PayoutRouterKYC as they were recorded: they take the caller's USDT by allowance, pay a session once, and
//! say so with `Paid`. The KYC router first wants the compliance officer's signature, unexpired.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::domain::address::Address;
use crate::domain::tron::hash::keccak256;
use crate::domain::tron::key::recover;
use crate::domain::tron::{Hash32, Signature};

use super::super::receipt::{InternalCall, Log};
use super::super::state::Cell;
use super::abi::{Arguments, bool_word, error_text, number_word, put_text, selector, topic};
use super::{Call, Ending, Run, Vm};

/// What `disburse` spends beside the token's own part.
const DISBURSE_ENERGY: u64 = 22_270;
/// What the compliance check adds.
const COMPLIANCE_ENERGY: u64 = 4_055;
/// Calls of the token in a payment that goes through.
const TOKEN_CALLS: usize = 3;

/// PayoutRouterV0's ABI.
pub(super) const ABI_V0: &str = "constructor (address token)
    event Paid(bytes32 indexed sessionId,address indexed to,uint256 amount,string reason)
    call disburse(bytes32 sessionId,address to,uint256 amount,string reason)
    view isPaid(bytes32 sessionId) bool
    view token() address";
/// PayoutRouterKYC's ABI.
pub(super) const ABI_KYC: &str = "constructor (address token,address officer)
    event Paid(bytes32 indexed sessionId,address indexed to,uint256 amount,string reason)
    call disburse(bytes32 sessionId,address to,uint256 amount,string reason)
    call disburseKYC(bytes32 sessionId,address to,uint256 amount,string reason,bytes32 kycHash,uint256 expiry,uint8 v,bytes32 r,bytes32 s)
    view isPaid(bytes32 sessionId) bool
    view officer() address
    view token() address";

#[derive(Clone, Copy)]
enum RouterFunction {
    Disburse,
    DisburseKyc,
    IsPaid,
    Token,
    Officer,
}

fn function(wanted: [u8; 4]) -> Option<RouterFunction> {
    use RouterFunction as F;
    static TABLE: OnceLock<BTreeMap<[u8; 4], F>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let signatures = [
            ("disburse(bytes32,address,uint256,string)", F::Disburse),
            (
                "disburseKYC(bytes32,address,uint256,string,bytes32,uint256,uint8,bytes32,bytes32)",
                F::DisburseKyc,
            ),
            ("isPaid(bytes32)", F::IsPaid),
            ("token()", F::Token),
            ("officer()", F::Officer),
        ];
        signatures.into_iter().map(|(signature, function)| (selector(signature), function)).collect()
    });
    table.get(&wanted).copied()
}

/// A router; the KYC one has an officer.
pub(super) fn run(
    vm: &mut Vm<'_, '_>,
    call: Call<'_>,
    wanted: [u8; 4],
    token: Address,
    officer: Option<Address>,
) -> Run {
    let arguments = Arguments(&call.data[4..]);
    let run = match (function(wanted), officer) {
        (Some(RouterFunction::Disburse), _) => disburse(vm, call, token, arguments, 0),
        (Some(RouterFunction::DisburseKyc), Some(officer)) => {
            disburse_kyc(vm, call, token, officer, arguments)
        }
        (Some(RouterFunction::IsPaid), _) => arguments.word(0).map(|session| {
            let paid = vm.ledger.flag(&Cell::Session(call.contract, Hash32::new(session)));
            Run::returned(bool_word(paid), 600)
        }),
        (Some(RouterFunction::Token), _) => Some(Run::returned(token.word(), 300)),
        (Some(RouterFunction::Officer), Some(officer)) => Some(Run::returned(officer.word(), 300)),
        (Some(RouterFunction::DisburseKyc | RouterFunction::Officer) | None, _) => {
            Some(Run::no_such_function())
        }
    };
    run.unwrap_or_else(Run::short_arguments)
}

fn disburse_kyc(
    vm: &mut Vm<'_, '_>,
    call: Call<'_>,
    token: Address,
    officer: Address,
    arguments: Arguments<'_>,
) -> Option<Run> {
    let (to, kyc_hash, expiry_word) = (arguments.address(1)?, arguments.word(4)?, arguments.word(5)?);
    if vm.timestamp_s > arguments.amount(5)? {
        return Some(Run::reverted(error_text("compliance expired"), 908));
    }
    let (v, r, s) = (arguments.amount(6)?, arguments.word(7)?, arguments.word(8)?);
    if signer_of(to, &kyc_hash, &expiry_word, v, &r, &s) != Some(officer) {
        return Some(Run::reverted(error_text("bad compliance signature"), 4_666));
    }
    disburse(vm, call, token, arguments, COMPLIANCE_ENERGY)
}

/// Who signed the compliance message; `ecrecover` knows only v 27 and 28.
fn signer_of(
    to: Address,
    kyc_hash: &[u8; 32],
    expiry: &[u8; 32],
    v: u64,
    r: &[u8; 32],
    s: &[u8; 32],
) -> Option<Address> {
    let v = u8::try_from(v).ok().filter(|v| matches!(v, 27 | 28))?;
    let inner = keccak256(&[to.evm().as_slice(), kyc_hash, expiry].concat());
    let digest = keccak256(&[b"\x19Ethereum Signed Message:\n32".as_slice(), &inner].concat());
    recover(&digest, &Signature::from_parts(v, r, s)).ok()
}

fn disburse(
    vm: &mut Vm<'_, '_>,
    call: Call<'_>,
    token: Address,
    arguments: Arguments<'_>,
    energy_before: u64,
) -> Option<Run> {
    let session = Hash32::new(arguments.word(0)?);
    let (to, amount_word, reason) = (arguments.address(1)?, arguments.word(2)?, arguments.text(3)?);
    let paid = Cell::Session(call.contract, session);
    if vm.ledger.flag(&paid) {
        let energy = if energy_before == 0 { 747 } else { 4_837 };
        return Some(Run::reverted(error_text("session already paid"), energy));
    }
    vm.ledger.put_flag(paid, true);
    let mut data = selector("transferFrom(address,address,uint256)").to_vec();
    data.extend_from_slice(&call.caller.word());
    data.extend_from_slice(&to.word());
    data.extend_from_slice(&amount_word);
    let inner = Call { caller: call.contract, contract: token, data: &data, call_value_sun: 0 };
    let mut run = vm.run(inner);
    run.energy += DISBURSE_ENERGY + energy_before;
    let rejected = !run.is_returned();
    let calls = if rejected { TOKEN_CALLS - 1 } else { TOKEN_CALLS };
    run.internal = vec![InternalCall { caller: call.contract, to: token, rejected }; calls];
    if rejected {
        // An assert inside burns the energy that the router passed on; here it costs what a revert does.
        run.ending = Ending::Reverted(Vec::new());
        return Some(run);
    }
    run.ending = Ending::Returned(Vec::new());
    Some(run.with_log(paid_log(call.contract, session, to, &amount_word, reason)))
}

fn paid_log(router: Address, session: Hash32, to: Address, amount: &[u8; 32], reason: &[u8]) -> Log {
    let mut data = amount.to_vec();
    data.extend_from_slice(&number_word(64));
    put_text(&mut data, reason);
    Log {
        address: router,
        topics: vec![topic("Paid(bytes32,address,uint256,string)"), session, Hash32::new(to.word())],
        data,
    }
}
