//! What the chain knows, in the words of java-tron's protobuf: receipts, accounts, resources, permissions.
//!
//! Defaults are left out, as protobuf leaves them out: a missing `result` is a good one, a missing `fee` is 0.

use payoutd_actors::{
    domain::address::Address,
    fakes::sim_chain::{
        Account, InternalCall, Log, Parameters, Permission, Permissions, Resources, TransactionInfo,
    },
};

use super::{
    json::{Fields, Json},
    transaction,
};

/// The window in which what was used comes back, in milliseconds (three seconds a slot, a day).
const WINDOW: i64 = 28_800_000;
/// "call" in hex: the note of a call from contract to contract.
const NOTE_CALL: &str = "63616c6c";

/// An unsigned number as int64.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An address as an exchange wants it.
pub(crate) fn address(address: Address, visible: bool) -> String {
    transaction::address(&address.payload(), visible)
}

/// A node's words: hex, or text when visible.
pub(crate) fn words(text: &str, visible: bool) -> String {
    if visible { text.to_owned() } else { hex::encode(text) }
}

/// `gettransactioninfobyid`.
pub(crate) fn info(info: &TransactionInfo, visible: bool) -> Fields {
    let receipt = &info.receipt;
    let logs = receipt.logs.iter().map(|log| Json::Object(self::log(log, visible))).collect::<Vec<_>>();
    let mut fields = Fields::new()
        .with("id", info.txid.to_string())
        .with_nonzero("fee", int(receipt.fee_sun))
        .with_nonzero("blockNumber", int(info.block_number))
        .with_nonzero("blockTimeStamp", int(info.block_timestamp_ms))
        .with("contractResult", vec![Json::text(hex::encode(&receipt.output))])
        .with_some("contract_address", receipt.contract.map(|contract| address(contract, visible)))
        .with("receipt", self::receipt(info));
    if !logs.is_empty() {
        fields.put("log", logs);
    }
    if info.failed() {
        fields.put("result", "FAILED");
        fields = fields.with_nonempty("resMessage", words(&receipt.message, visible));
    }
    if !receipt.internal.is_empty() {
        let calls = receipt.internal.iter().enumerate();
        let calls = calls.map(|(index, call)| Json::Object(internal(info, index, call, visible)));
        fields.put("internal_transactions", calls.collect::<Vec<_>>());
    }
    fields
}

/// `receipt` of a transaction info; `result` is for contracts alone.
pub(crate) fn receipt(info: &TransactionInfo) -> Fields {
    let receipt = &info.receipt;
    Fields::new()
        .with_nonzero("energy_usage", int(receipt.energy_usage))
        .with_nonzero("energy_fee", int(receipt.energy_fee_sun))
        .with_nonzero("energy_usage_total", int(receipt.energy_usage_total))
        .with_nonzero("net_usage", int(receipt.net_usage))
        .with_nonzero("net_fee", int(receipt.net_fee_sun))
        .with_some("result", receipt.contract.map(|_| receipt.result.word()))
        .with_nonzero("energy_penalty_total", int(receipt.energy_penalty_total))
}

/// A log: its address has 20 bytes, unless the exchange is visible.
pub(crate) fn log(log: &Log, visible: bool) -> Fields {
    let contract = if visible { address(log.address, true) } else { hex::encode(log.address.evm()) };
    let topics = log.topics.iter().map(|topic| Json::text(topic.to_string())).collect::<Vec<_>>();
    Fields::new()
        .with("address", contract)
        .with("topics", topics)
        .with_nonempty("data", hex::encode(&log.data))
}

fn internal(info: &TransactionInfo, index: usize, call: &InternalCall, visible: bool) -> Fields {
    let fields = Fields::new()
        .with("hash", info.internal_hash(index).to_string())
        .with("caller_address", address(call.caller, visible))
        .with("transferTo_address", address(call.to, visible))
        .with("callValueInfo", vec![Json::from(Fields::new())])
        .with("note", NOTE_CALL);
    if call.rejected { fields.with("rejected", true) } else { fields }
}

/// `getaccount`.
pub(crate) fn account(account: &Account, now_ms: u64, visible: bool) -> Fields {
    let resources = account.resources(0, now_ms);
    let name = words(&account.name, visible);
    let energy = Fields::new()
        .with_nonzero("energy_usage", int(resources.energy_used))
        .with_nonzero("latest_consume_time_for_energy", int(account.energy.meter.at_ms))
        .with("energy_window_size", WINDOW)
        .with("energy_window_optimized", true);
    let mut fields = Fields::new().with_nonempty("account_name", name);
    if account.is_contract {
        fields.put("type", "Contract");
    }
    let fields = fields
        .with("address", address(account.address, visible))
        .with_nonzero("balance", int(account.balance_sun))
        .with_nonzero("net_usage", int(resources.bandwidth_used))
        .with_nonzero("create_time", int(account.created_ms))
        .with_nonzero("latest_opration_time", int(account.latest_operation_ms))
        .with_nonzero("free_net_usage", int(resources.free_bandwidth_used))
        .with_nonzero("latest_consume_time", int(account.bandwidth.meter.at_ms))
        .with_nonzero("latest_consume_free_time", int(account.free_bandwidth.at_ms))
        .with("net_window_size", WINDOW)
        .with("net_window_optimized", true)
        .with("account_resource", energy);
    let fields = if account.is_contract { fields } else { with_permissions(fields, account, visible) };
    fields.with("frozenV2", frozen(account))
}

fn with_permissions(fields: Fields, account: &Account, visible: bool) -> Fields {
    let of_key = || Box::new(Permissions::of_key(account.address));
    let permissions = account.permissions.clone().unwrap_or_else(of_key);
    let actives = permissions.actives.iter().map(|active| Json::Object(permission(active, visible)));
    let actives = actives.collect::<Vec<_>>();
    fields
        .with("owner_permission", permission(&permissions.owner, visible))
        .with("active_permission", actives)
}

/// The stakes, one line for each resource; an amount of 0 is left out.
fn frozen(account: &Account) -> Vec<Json> {
    let line = |kind: Option<&str>, amount: u64| {
        Json::Object(Fields::new().with_some("type", kind).with_nonzero("amount", int(amount)))
    };
    vec![
        line(None, account.bandwidth.limit),
        line(Some("ENERGY"), account.energy.limit),
        line(Some("TRON_POWER"), 0),
    ]
}

/// A permission: the owner's has no type, no id and no operations.
pub(crate) fn permission(permission: &Permission, visible: bool) -> Fields {
    let keys = permission.keys.iter().map(|key| {
        Json::Object(
            Fields::new()
                .with("address", address(key.address, visible))
                .with_nonzero("weight", int(key.weight)),
        )
    });
    let keys = keys.collect::<Vec<_>>();
    let mut fields = Fields::new();
    if permission.id != 0 {
        fields.put("type", "Active");
    }
    fields
        .with_nonzero("id", permission.id)
        .with("permission_name", permission.name.as_str())
        .with_nonzero("threshold", int(permission.threshold))
        .with_nonempty("operations", permission.operations.as_str())
        .with("keys", keys)
}

/// `getaccountresource`, or `getaccountnet` without the energy.
pub(crate) fn resources(resources: &Resources, parameters: &Parameters, with_energy: bool) -> Fields {
    let listed = |name: &str| {
        let found = parameters.listed().into_iter().find(|(key, _)| *key == name);
        int(found.map_or(0, |(_, value)| value))
    };
    let net = Fields::new()
        .with_nonzero("freeNetUsed", int(resources.free_bandwidth_used))
        .with_nonzero("freeNetLimit", int(resources.free_bandwidth_limit))
        .with_nonzero("NetUsed", int(resources.bandwidth_used))
        .with_nonzero("NetLimit", int(resources.bandwidth_limit))
        .with("TotalNetLimit", listed("getTotalNetLimit"));
    if !with_energy {
        return net;
    }
    net.with_nonzero("EnergyUsed", int(resources.energy_used))
        .with_nonzero("EnergyLimit", int(resources.energy_limit))
        .with("TotalEnergyLimit", listed("getTotalEnergyLimit"))
}
