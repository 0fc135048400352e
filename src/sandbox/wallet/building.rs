//! Transactions that a node builds for a client: unsigned, referring to its solid block, good for a minute.

use payoutd_actors::{
    domain::{address::Address, tron::protobuf::TransferContract},
    fakes::sim_chain::Transaction,
};

use super::{
    Question,
    contracts::{described, refusal, run, visible},
};
use crate::sandbox::{
    ask::{JavaError, Read},
    json::Fields,
    reply::Reply,
    transaction::{self, BuiltContract, BuiltTimes, Ret},
};

/// How long a built transaction is good for, from the head's time on.
const LIFETIME_MS: i64 = 60_000;

/// `triggersmartcontract`: builds a call without running it; a view function is run in its place.
pub(crate) fn trigger_smart_contract(question: &Question<'_>) -> Read<Reply> {
    let described = match described(question) {
        Ok(described) => described,
        Err(complaint) => return Ok(refusal("OTHER_ERROR", &complaint.sentence(), visible(question))),
    };
    let (_, address) = described.addresses();
    let Some(contract) = question.view.contract(address) else {
        return Ok(refusal(
            "CONTRACT_VALIDATE_ERROR",
            "No contract or not a valid smart contract",
            described.visible,
        ));
    };
    if contract.is_view(&described.data) {
        return Ok(run(question, &described));
    }
    let built = around(question, described.message(), described.fee_limit, described.permission_id);
    let printed =
        built.map(|built| transaction::printed(&built, Ret::Unsaid, described.visible)).unwrap_or_default();
    Ok(Reply::hashed(
        Fields::new()
            .with("result", Fields::new().with("result", true))
            .with("transaction", printed.with("visible", described.visible)),
    ))
}

/// `createtransaction`: a transfer of TRX, refused when it could not be made now.
pub(crate) fn create_transaction(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let transfer = TransferContract {
        owner_address: given.address("owner_address")?,
        to_address: given.address("to_address")?,
        amount: given.int64("amount")?.unwrap_or(0),
    };
    check(question, &transfer)?;
    let permission_id = given.int64("Permission_id")?.unwrap_or(0);
    let built = around(question, BuiltContract::Transfer(transfer), 0, permission_id);
    let printed =
        built.map(|built| transaction::printed(&built, Ret::Unsaid, given.visible)).unwrap_or_default();
    Ok(Reply::hashed(printed.with("visible", given.visible)))
}

/// An unsigned transaction around a contract's message.
pub(super) fn around(
    question: &Question<'_>,
    contract: BuiltContract,
    fee_limit_sun: i64,
    permission_id: i64,
) -> Option<Transaction> {
    let reference = question.view.reference_block();
    let head_ms = i64::try_from(question.view.timestamp_ms()).unwrap_or(i64::MAX - LIFETIME_MS);
    let times = BuiltTimes {
        made_at_ms: i64::try_from(question.now_ms).unwrap_or(i64::MAX),
        expires_at_ms: head_ms + LIFETIME_MS,
    };
    transaction::built(contract, (reference.bytes(), reference.hash()), times, fee_limit_sun, permission_id)
}

/// What `TransferActuator.validate` asks.
fn check(question: &Question<'_>, transfer: &TransferContract) -> Read<()> {
    let refused = |words: &str| {
        Err(JavaError::new("org.tron.core.exception.ContractValidateException", words.to_owned()))
    };
    let Ok(owner) = Address::from_payload(&transfer.owner_address) else {
        return refused("Invalid ownerAddress!");
    };
    let Ok(to) = Address::from_payload(&transfer.to_address) else { return refused("Invalid toAddress!") };
    if owner == to {
        return refused("Cannot transfer TRX to yourself.");
    }
    let Some(account) = question.view.account(owner) else {
        return refused("Validate TransferContract error, no OwnerAccount.");
    };
    let Some(amount) = u64::try_from(transfer.amount).ok().filter(|amount| *amount > 0) else {
        return refused("Amount must be greater than 0.");
    };
    let recipient = question.view.account(to);
    if recipient.as_ref().is_some_and(|recipient| recipient.is_contract) {
        return refused("Cannot transfer TRX to a smartContract.");
    }
    let fee = if recipient.is_none() { question.view.parameters().create_new_account_fee_sun } else { 0 };
    if account.balance_sun < amount.saturating_add(fee) {
        return refused("Validate TransferContract error, balance is not sufficient.");
    }
    Ok(())
}
