//! Contracts: what they are, and what a call of one would do.

use payoutd_actors::{
    domain::{
        address::Address,
        tron::{hash::keccak256, protobuf::TriggerSmartContract},
    },
    fakes::sim_chain::{CallRefused, ConstantCall, Contract, ContractKind},
};

use super::{Question, accounts::address_in, building};
use crate::sandbox::{
    abi,
    ask::{Given, JavaError, Read, from_hex},
    json::{Fields, Json},
    printed::{self, address, int, words},
    reply::Reply,
    transaction::{self, BuiltContract, Ret},
};

/// What java-tron says of a call that reverted.
const REVERTED: &str = "REVERT opcode executed";

/// A call of a contract, as a client describes it.
pub(super) struct Described {
    /// As it stands there: of any length.
    pub(super) owner: Vec<u8>,
    /// Likewise.
    pub(super) contract: Vec<u8>,
    /// Selector and arguments.
    pub(super) data: Vec<u8>,
    /// TRX sent along, in sun.
    pub(super) call_value: i64,
    /// The most TRX that energy may burn, in sun.
    pub(super) fee_limit: i64,
    /// Which permission of the owner signs.
    pub(super) permission_id: i64,
    /// Whether addresses are base58.
    pub(super) visible: bool,
}

/// `getcontract`.
pub(crate) fn contract(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let asked = address_in(&given, "value")?;
    let found = asked.and_then(|asked| Some((asked, question.view.contract(asked)?)));
    Ok(match found {
        Some((asked, contract)) => Reply::hashed(contract_fields(asked, contract, given.visible)),
        None => Reply::nothing(),
    })
}

/// `getcontractinfo`.
pub(crate) fn contract_info(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let asked = address_in(&given, "value")?;
    let found = asked.and_then(|asked| Some((asked, question.view.contract(asked)?)));
    Ok(match found {
        Some((asked, contract)) => {
            let contract = contract_fields(asked, contract, given.visible);
            Reply::hashed(
                Fields::new().with("smart_contract", contract).with("contract_state", Fields::new()),
            )
        }
        None => Reply::nothing(),
    })
}

/// `triggerconstantcontract`: runs a call and keeps nothing of it.
pub(crate) fn constant_call(question: &Question<'_>) -> Read<Reply> {
    let described = match described(question) {
        Ok(described) => described,
        Err(complaint) => return Ok(refusal("OTHER_ERROR", &complaint.sentence(), visible(question))),
    };
    Ok(run(question, &described))
}

/// `estimateenergy`: coarse, as java-tron's is, and printed by protobuf.
pub(crate) fn estimate_energy(question: &Question<'_>) -> Read<Reply> {
    let failed = |code: &str, message: &str, visible| {
        let result = Fields::new().with("code", code).with("message", words(message, visible));
        Ok(Reply::protobuf(Fields::new().with("result", result)))
    };
    let described = match described(question) {
        Ok(described) => described,
        Err(complaint) => return failed("OTHER_ERROR", &complaint.sentence(), visible(question)),
    };
    let (owner, contract) = described.addresses();
    match question.view.estimate_energy(owner, contract, &described.data, described.call_value) {
        Ok(Some(energy)) => Ok(Reply::protobuf(
            Fields::new()
                .with("result", Fields::new().with("result", true))
                .with("energy_required", int(energy)),
        )),
        Ok(None) => failed("CONTRACT_EXE_ERROR", REVERTED, described.visible),
        Err(CallRefused::NoContract) => {
            failed("CONTRACT_VALIDATE_ERROR", "Smart contract is not exist.", described.visible)
        }
        Err(CallRefused::Died { words }) => failed("OTHER_ERROR", words, described.visible),
    }
}

/// Runs a described call.
pub(super) fn run(question: &Question<'_>, described: &Described) -> Reply {
    let (owner, contract) = described.addresses();
    match question.view.constant_call(owner, contract, &described.data, described.call_value) {
        Ok(call) => ran(question, described, &call),
        Err(CallRefused::NoContract) => {
            refusal("CONTRACT_VALIDATE_ERROR", "Smart contract is not exist.", described.visible)
        }
        Err(CallRefused::Died { words }) => refusal("OTHER_ERROR", words, described.visible),
    }
}

/// `{"result":{"code","message"}}`.
pub(super) fn refusal(code: &str, message: &str, visible: bool) -> Reply {
    let result = Fields::new().with("code", code).with("message", words(message, visible));
    Reply::hashed(Fields::new().with("result", result))
}

/// A call as the body describes it; the owner and the contract have to be named.
pub(super) fn described(question: &Question<'_>) -> Read<Described> {
    let given = question.ask.given()?;
    for name in ["owner_address", "contract_address"] {
        if given.text(name)?.is_none_or(|text| text.is_empty()) {
            let complaint = format!("{name} isn't set.");
            return Err(JavaError::new("java.security.InvalidParameterException", complaint));
        }
    }
    Ok(Described {
        owner: given.address("owner_address")?,
        contract: given.address("contract_address")?,
        data: call_data(&given)?,
        call_value: given.int64("call_value")?.unwrap_or(0),
        fee_limit: given.int64("fee_limit")?.unwrap_or(0),
        permission_id: given.int64("Permission_id")?.unwrap_or(0),
        visible: given.visible,
    })
}

/// Whether an exchange that could not be read was meant to be visible.
pub(super) fn visible(question: &Question<'_>) -> bool {
    question.ask.given().is_ok_and(|given| given.visible)
}

impl Described {
    /// Owner and contract; what is no address is nobody's.
    pub(super) fn addresses(&self) -> (Address, Address) {
        let address = |payload: &[u8]| Address::from_payload(payload).unwrap_or(Address::ZERO);
        (address(&self.owner), address(&self.contract))
    }

    /// The message of a transaction.
    pub(super) fn message(&self) -> BuiltContract {
        BuiltContract::Call(TriggerSmartContract {
            owner_address: self.owner.clone(),
            contract_address: self.contract.clone(),
            call_value: self.call_value,
            data: self.data.clone(),
            ..TriggerSmartContract::default()
        })
    }
}

/// `function_selector` with `parameter`, or `data` as it is.
fn call_data(given: &Given<'_>) -> Read<Vec<u8>> {
    let Some(selector) = given.text("function_selector")?.filter(|text| !text.is_empty()) else {
        return given.bytes("data");
    };
    let mut data = keccak256(selector.as_bytes())[..4].to_vec();
    let parameter = given.text("parameter")?.unwrap_or_default();
    data.extend(from_hex(&parameter).ok_or_else(|| JavaError::decoder(&parameter))?);
    Ok(data)
}

fn ran(question: &Question<'_>, described: &Described, call: &ConstantCall) -> Reply {
    let visible = described.visible;
    let mut result = Fields::new().with("result", true);
    if call.reverted {
        result.put("message", words(REVERTED, visible));
    }
    let ret = if call.reverted { Ret::ConstantFailed } else { Ret::Constant };
    let built = building::around(question, described.message(), described.fee_limit, described.permission_id);
    let transaction = built
        .map(|built| transaction::printed(&built, ret, visible).with("visible", visible))
        .unwrap_or_default();
    let logs = call.logs.iter().map(|log| Json::Object(printed::log(log, visible))).collect::<Vec<_>>();
    let mut fields = Fields::new()
        .with("result", result)
        .with_nonzero("energy_used", int(call.energy_used))
        .with_nonzero("energy_penalty", int(call.energy_penalty))
        .with("constant_result", vec![Json::text(hex::encode(&call.output))]);
    if !logs.is_empty() {
        fields.put("logs", logs);
    }
    Reply::hashed(fields.with("transaction", transaction))
}

fn contract_fields(asked: Address, contract: &Contract, visible: bool) -> Fields {
    // Only USDT's compiler was an old one.
    let old_compiler = contract.kind == ContractKind::Tether;
    Fields::new()
        .with("consume_user_resource_percent", 100i64)
        .with("name", contract.name.as_str())
        .with("origin_address", address(contract.origin, visible))
        .with("abi", abi::printed(&contract.abi(), old_compiler))
        .with("origin_energy_limit", 10_000_000i64)
        .with("contract_address", address(asked, visible))
        .with("version", 1i64)
}
