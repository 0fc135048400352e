//! Transactions by id, their receipts, what is pending, and how far signatures reach.

use payoutd_actors::{
    domain::tron::TxId,
    fakes::sim_chain::{ServedTransaction, SignWeight, Transaction, WeightVerdict},
};

use super::Question;
use crate::sandbox::{
    ask::{JavaError, Read},
    json::{Fields, Json},
    printed::{self, address, int},
    reply::Reply,
    transaction::{self, Ret},
};

/// `gettransactionbyid`: in a block, or pending in the head view, and no telling which.
pub(crate) fn by_id(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let found = txid(&given.bytes("value")?).and_then(|txid| question.view.transaction_by_id(txid));
    Ok(transaction_or_nothing(found, given.visible))
}

/// `gettransactioninfobyid`: only what stands in a block.
pub(crate) fn info_by_id(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let found = txid(&given.bytes("value")?).and_then(|txid| question.view.transaction_info_by_id(txid));
    Ok(match found {
        Some(info) => Reply::protobuf(printed::info(&info, given.visible)),
        None => Reply::nothing(),
    })
}

/// `gettransactionreceiptbyid`.
pub(crate) fn receipt_by_id(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let found = txid(&given.bytes("value")?).and_then(|txid| question.view.transaction_info_by_id(txid));
    Ok(match found {
        Some(info) => Reply::hashed(Fields::new().with("Receipt", printed::receipt(&info))),
        None => Reply::nothing(),
    })
}

/// `gettransactioninfobyblocknum`: a list, also for a block that is not there yet; `{}` for 0, less, or nothing named.
pub(crate) fn infos_by_block(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let Some(number) =
        given.int64("num")?.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
    else {
        return Ok(Reply::nothing());
    };
    let infos = question.view.transaction_infos_by_block(number);
    let infos = infos.iter().map(|info| Json::Object(printed::info(info, given.visible))).collect::<Vec<_>>();
    Ok(Reply::hashed(infos))
}

/// `gettransactionfrompending`.
pub(crate) fn pending_by_id(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let found = txid(&given.bytes("value")?).and_then(|txid| question.view.pending_transaction(txid));
    Ok(transaction_or_nothing(found, given.visible))
}

/// `gettransactionlistfrompending`.
pub(crate) fn pending_list(question: &Question<'_>) -> Read<Reply> {
    let ids =
        question.view.pending().into_iter().map(|txid| Json::text(txid.to_string())).collect::<Vec<_>>();
    Ok(if ids.is_empty() { Reply::nothing() } else { Reply::hashed(Fields::new().with("txId", ids)) })
}

/// `getpendingsize`.
pub(crate) fn pending_size(question: &Question<'_>) -> Read<Reply> {
    Ok(Reply::protobuf(Fields::new().with("pendingSize", int(question.view.pending_size() as u64))))
}

/// `getsignweight`.
pub(crate) fn sign_weight(question: &Question<'_>) -> Read<Reply> {
    let (transaction, visible) = posted(question)?;
    let weight = question.view.sign_weight(&transaction);
    let mut fields = Fields::new().with("result", verdict(&weight));
    if !weight.approved.is_empty() {
        let approved = weight.approved.iter().map(|signer| Json::text(address(*signer, visible)));
        fields.put("approved_list", approved.collect::<Vec<_>>());
    }
    let permission = weight.permission.as_ref().map(|permission| printed::permission(permission, visible));
    let fields = fields
        .with_some("permission", permission)
        .with_nonzero("current_weight", int(weight.current_weight))
        .with("transaction", extended(&transaction, visible));
    Ok(Reply::hashed(fields))
}

/// `getapprovedlist`.
pub(crate) fn approved_list(question: &Question<'_>) -> Read<Reply> {
    let (transaction, visible) = posted(question)?;
    let approved = question.view.approved_list(&transaction);
    let approved =
        approved.into_iter().map(|signer| Json::text(address(signer, visible))).collect::<Vec<_>>();
    let mut fields = Fields::new().with("result", Fields::new());
    if !approved.is_empty() {
        fields.put("approved_list", approved);
    }
    Ok(Reply::hashed(fields.with("transaction", extended(&transaction, visible))))
}

/// The transaction of a posted object, and whether the exchange is visible.
fn posted(question: &Question<'_>) -> Read<(Transaction, bool)> {
    let object = question.ask.object()?;
    let bytes = transaction::rebuilt(&object)?;
    let transaction = Transaction::parse(&bytes).map_err(|malformed| {
        JavaError::new("com.google.protobuf.InvalidProtocolBufferException", malformed.to_string())
    })?;
    Ok((transaction, object.get("visible").and_then(serde_json::Value::as_bool).unwrap_or(false)))
}

fn verdict(weight: &SignWeight) -> Fields {
    match &weight.verdict {
        WeightVerdict::Enough => Fields::new(),
        WeightVerdict::NotEnough => Fields::new().with("code", "NOT_ENOUGH_PERMISSION"),
        WeightVerdict::Broken { code, message } => {
            Fields::new().with("code", *code).with_nonempty("message", message.as_str())
        }
    }
}

/// `TransactionExtention` around a transaction.
fn extended(transaction: &Transaction, visible: bool) -> Fields {
    Fields::new()
        .with("result", Fields::new().with("result", true))
        .with("txid", transaction.txid.to_string())
        .with("transaction", transaction::printed(transaction, Ret::Unsaid, visible))
}

fn transaction_or_nothing(found: Option<ServedTransaction>, visible: bool) -> Reply {
    let read = found.and_then(|served| Some((served.read()?, served.contract_ret)));
    match read {
        Some((read, result)) => Reply::hashed(transaction::printed(&read, Ret::Of(result), visible)),
        None => Reply::nothing(),
    }
}

/// An id has 32 bytes; any other length is an id that nobody has.
fn txid(bytes: &[u8]) -> Option<TxId> {
    TxId::from_slice(bytes)
}
