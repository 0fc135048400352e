//! A contract that ends in every way in which a call can end, for whoever wants to see the receipts.

use super::super::receipt::{InternalCall, Log};
use super::abi::{Arguments, bool_word, error_text, number_word, put_text, selector, topic};
use super::{Call, Ending, Run, Vm};

/// Its ABI.
pub(super) const ABI: &str = "event Tried(bool success,bytes answer)
    view counter() uint256
    call invalidOpcode()
    call panics()
    call revertsCustom(uint256 code)
    call revertsEmpty()
    call revertsWithText(string text)
    call spins()
    call succeeds()
    call tries(address token,address to,uint256 amount)";

/// The probe.
pub(super) fn run(vm: &mut Vm<'_, '_>, call: Call<'_>, wanted: [u8; 4]) -> Run {
    let arguments = Arguments(&call.data[4..]);
    let is = |signature: &str| selector(signature) == wanted;
    if is("counter()") {
        Run::returned(number_word(0), 400)
    } else if is("succeeds()") {
        Run::returned([], 20_297)
    } else if is("revertsEmpty()") {
        Run::reverted(Vec::new(), 20_298)
    } else if is("revertsWithText(string)") {
        let text = arguments.text(0).map(String::from_utf8_lossy);
        Run::reverted(error_text(&text.unwrap_or_default()), 20_781)
    } else if is("revertsCustom(uint256)") {
        let mut data = selector("Refused(uint256,string)").to_vec();
        data.extend_from_slice(&arguments.word(0).unwrap_or_default());
        data.extend_from_slice(&number_word(64));
        put_text(&mut data, b"refused");
        Run::reverted(data, 20_503)
    } else if is("panics()") {
        let mut data = selector("Panic(uint256)").to_vec();
        data.extend_from_slice(&number_word(1));
        Run::reverted(data, 20_464)
    } else if is("invalidOpcode()") {
        Run::ended(Ending::IllegalOperation, 20_300)
    } else if is("spins()") {
        Run::ended(Ending::Endless, 0)
    } else if is("tries(address,address,uint256)") {
        tries(vm, call, arguments).unwrap_or_else(Run::short_arguments)
    } else {
        Run::no_such_function()
    }
}

/// A transfer that may fail, and a success either way: what a router that swallows failures looks like.
fn tries(vm: &mut Vm<'_, '_>, call: Call<'_>, arguments: Arguments<'_>) -> Option<Run> {
    let token = arguments.address(0)?;
    let mut data = selector("transfer(address,uint256)").to_vec();
    data.extend_from_slice(&arguments.address(1)?.word());
    data.extend_from_slice(&arguments.word(2)?);
    vm.ledger.begin();
    let mut inner = vm.run(Call { caller: call.contract, contract: token, data: &data, call_value_sun: 0 });
    let success = inner.is_returned();
    if success {
        vm.ledger.keep()
    } else {
        vm.ledger.take_back()
    }
    let logs = if success { std::mem::take(&mut inner.logs) } else { Vec::new() };
    let mut answer = bool_word(success).to_vec();
    answer.extend_from_slice(&number_word(64));
    put_text(
        &mut answer,
        match &inner.ending {
            Ending::Returned(value) | Ending::Reverted(value) => value,
            Ending::IllegalOperation | Ending::Endless => &[],
        },
    );
    let mut run = Run::returned([], 2_800 + inner.energy);
    run.penalty = inner.penalty;
    run.logs = logs;
    run.internal = vec![InternalCall { caller: call.contract, to: token, rejected: !success }];
    Some(run.with_log(Log { address: call.contract, topics: vec![topic("Tried(bool,bytes)")], data: answer }))
}
