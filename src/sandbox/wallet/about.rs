//! The node about itself, and what the committee has voted.

use super::Question;
use crate::sandbox::{
    ask::Read,
    json::{Fields, Json},
    printed::int,
    reply::Reply,
};

/// `getnodeinfo`: what clients read of it is the two blocks; the rest is there because it is there on a node.
pub(crate) fn node_info(question: &Question<'_>) -> Read<Reply> {
    let info = question.view.node_info();
    let name = |(number, id): (u64, payoutd_actors::domain::tron::BlockId)| format!("Num:{number},ID:{id}");
    let peers = int(info.peers as u64);
    let fields = Fields::new()
        .with("activeConnectCount", 0i64)
        .with("beginSyncNum", int(info.solidity_block.0))
        .with("block", name(info.block))
        .with("cheatWitnessInfoMap", Fields::new())
        .with("configNodeInfo", configuration())
        .with("currentConnectCount", peers)
        .with("machineInfo", machine())
        .with("passiveConnectCount", peers)
        .with("peerList", Vec::<Json>::new())
        .with("solidityBlock", name(info.solidity_block))
        .with("totalFlow", 0i64);
    Ok(Reply::json(Json::Object(fields).alphabetic()))
}

/// `getchainparameters`: a value of 0 is left out.
pub(crate) fn chain_parameters(question: &Question<'_>) -> Read<Reply> {
    let parameters = question.view.parameters().listed();
    let parameters = parameters
        .into_iter()
        .map(|(key, value)| Json::Object(Fields::new().with("key", key).with_nonzero("value", int(value))));
    Ok(Reply::protobuf(Fields::new().with("chainParameter", parameters.collect::<Vec<_>>())))
}

/// `getenergyprices`.
pub(crate) fn energy_prices(question: &Question<'_>) -> Read<Reply> {
    Ok(prices(question.view.parameters().energy_fee_sun))
}

/// `getbandwidthprices`.
pub(crate) fn bandwidth_prices(question: &Question<'_>) -> Read<Reply> {
    Ok(prices(question.view.parameters().transaction_fee_sun))
}

/// `getmemofee`.
pub(crate) fn memo_fee(question: &Question<'_>) -> Read<Reply> {
    Ok(prices(question.view.parameters().memo_fee_sun))
}

/// `getburntrx`.
pub(crate) fn burnt(question: &Question<'_>) -> Read<Reply> {
    Ok(Reply::protobuf(Fields::new().with("burnTrxAmount", int(question.view.burnt_sun()))))
}

/// `getnextmaintenancetime`.
pub(crate) fn next_maintenance_time(question: &Question<'_>) -> Read<Reply> {
    let interval_ms = question.view.parameters().maintenance_interval_ms.max(1);
    let next_ms = (question.view.timestamp_ms() / interval_ms + 1) * interval_ms;
    Ok(Reply::protobuf(Fields::new().with("num", int(next_ms))))
}

/// Prices since when: here since ever.
fn prices(price_sun: u64) -> Reply {
    Reply::protobuf(Fields::new().with("prices", format!("0:{price_sun}")))
}

fn configuration() -> Fields {
    Fields::new()
        .with("activeNodeSize", 0i64)
        .with("allowAdaptiveEnergy", 0i64)
        .with("allowCreationOfContracts", 1i64)
        .with("backupListenPort", 0i64)
        .with("backupMemberSize", 0i64)
        .with("backupPriority", 0i64)
        .with("codeVersion", "4.8.0")
        .with("dbVersion", 2i64)
        .with("discoverEnable", false)
        .with("listenPort", 0i64)
        .with("maxConnectCount", 0i64)
        .with("maxTimeRatio", Json::Literal("5.0"))
        .with("minParticipationRate", 0i64)
        .with("minTimeRatio", Json::Literal("0.0"))
        .with("p2pVersion", "20250512")
        .with("passiveNodeSize", 0i64)
        .with("sameIpMaxConnectCount", 0i64)
        .with("sendNodeSize", 0i64)
        .with("supportConstant", true)
        .with("versionNum", "18631")
}

fn machine() -> Fields {
    Fields::new()
        .with("cpuCount", 1i64)
        .with("cpuRate", Json::Literal("0.0"))
        .with("deadLockThreadCount", 0i64)
        .with("deadLockThreadInfoList", Vec::<Json>::new())
        .with("freeMemory", 0i64)
        .with("javaVersion", "none")
        .with("jvmFreeMemory", 0i64)
        .with("jvmTotalMemory", 0i64)
        .with("memoryDescInfoList", Vec::<Json>::new())
        .with("osName", "payoutd sandbox")
        .with("processCpuRate", Json::Literal("0.0"))
        .with("threadCount", 0i64)
        .with("totalMemory", 0i64)
}
