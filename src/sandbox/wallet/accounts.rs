//! Accounts, their resources, and whether an address is one.

use payoutd_actors::domain::address::Address;

use super::Question;
use crate::sandbox::{
    ask::{Given, Read},
    json::Fields,
    printed,
    reply::Reply,
};

/// `getaccount`: with everything that is pending in the head view.
pub(crate) fn account(question: &Question<'_>) -> Read<Reply> {
    let given = question.ask.given()?;
    let found = address_in(&given, "address")?.and_then(|address| question.view.account(address));
    Ok(match found {
        Some(account) => {
            Reply::protobuf(printed::account(&account, question.view.timestamp_ms(), given.visible))
        }
        None => Reply::nothing(),
    })
}

/// `getaccountresource`.
pub(crate) fn resources(question: &Question<'_>) -> Read<Reply> {
    used(question, true)
}

/// `getaccountnet`.
pub(crate) fn bandwidth(question: &Question<'_>) -> Read<Reply> {
    used(question, false)
}

/// `validateaddress`.
pub(crate) fn validate(question: &Question<'_>) -> Read<Reply> {
    let text = question.ask.given()?.text("address")?.unwrap_or_default();
    let (result, message) = match text.len() {
        34 => match text.parse::<Address>() {
            Ok(_) => (true, "Base58check format"),
            Err(_) => (false, "Invalid address"),
        },
        42 => match hex::decode(&text).ok().and_then(|payload| Address::from_payload(&payload).ok()) {
            Some(_) => (true, "Hex string format"),
            None => (false, "Invalid address"),
        },
        _ => (false, "Length error"),
    };
    Ok(Reply::hashed(Fields::new().with("result", result).with("message", message)))
}

fn used(question: &Question<'_>, with_energy: bool) -> Read<Reply> {
    let given = question.ask.given()?;
    let found = address_in(&given, "address")?.and_then(|address| question.view.account_resources(address));
    Ok(match found {
        Some(found) => Reply::protobuf(printed::resources(&found, question.view.parameters(), with_energy)),
        None => Reply::nothing(),
    })
}

/// An address that could be one; bytes that are none belong to nobody.
pub(super) fn address_in(given: &Given<'_>, name: &str) -> Read<Option<Address>> {
    Ok(Address::from_payload(&given.address(name)?).ok())
}
