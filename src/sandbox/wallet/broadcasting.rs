//! `broadcasthex` and `broadcasttransaction`: what a client sends, and what the node says about it.

use payoutd_actors::fakes::sim_chain::{BroadcastCode, BroadcastReply, Malformed};

use crate::sandbox::{
    ask::{Ask, JavaError, Read, from_hex},
    json::Fields,
    printed::words,
    reply::Reply,
    transaction,
};

/// The bytes of `broadcasthex`; `0x` and capitals are taken.
pub(crate) fn bytes_of_hex(ask: &Ask) -> Read<Vec<u8>> {
    let object = ask.object()?;
    let text = object.get("transaction").and_then(serde_json::Value::as_str).unwrap_or_default();
    from_hex(text).ok_or_else(|| JavaError::decoder(text))
}

/// The bytes that a node makes of a posted object, and whether the exchange is visible.
pub(crate) fn bytes_of_object(ask: &Ask) -> Read<(Vec<u8>, bool)> {
    let object = ask.object()?;
    let visible = object.get("visible").and_then(serde_json::Value::as_bool).unwrap_or(false);
    Ok((transaction::rebuilt(&object)?, visible))
}

/// All five keys, always; the words are plain.
pub(crate) fn reply_to_hex(outcome: Result<BroadcastReply, Malformed>) -> Read<Reply> {
    let reply = outcome.map_err(malformed)?;
    let fields = Fields::new()
        .with("result", reply.code == BroadcastCode::Success)
        .with("code", reply.code.name())
        .with("txid", reply.txid.to_string())
        .with("message", reply.message.as_str())
        .with("transaction", transaction::repeated(&reply.transaction));
    Ok(Reply::hashed(fields))
}

/// What is default is left out: no `code` on success, no `result` on failure; the words are hex unless visible.
pub(crate) fn reply_to_object(outcome: Result<BroadcastReply, Malformed>, visible: bool) -> Read<Reply> {
    let reply = outcome.map_err(malformed)?;
    let txid = reply.txid.to_string();
    let fields = match reply.code {
        BroadcastCode::Success => Fields::new().with("result", true).with("txid", txid),
        code => Fields::new()
            .with("code", code.name())
            .with("txid", txid)
            .with_nonempty("message", words(&reply.message, visible)),
    };
    Ok(Reply::hashed(fields))
}

fn malformed(malformed: Malformed) -> JavaError {
    JavaError::new("com.google.protobuf.InvalidProtocolBufferException", malformed.to_string())
}
