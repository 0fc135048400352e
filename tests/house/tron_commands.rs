//! The fear: a person looks at a transaction or an address before money moves, and is told less than the truth.

use std::process::{Command, Output};

use payoutd_actors::domain::{
    address::Address,
    money::MicroUsdt,
    tron::{BlockId, PayoutCall, PrivateKey, RefBlock, TransferTerms, Unsigned},
};
use serde_json::Value;

const ALICE: &str = "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC";

fn payoutd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_payoutd")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap() + &String::from_utf8(output.stderr.clone()).unwrap()
}

fn answered(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

fn transfer_hex() -> (String, String) {
    let key = PrivateKey::from_bytes(&[7; 32]).unwrap();
    let terms = TransferTerms {
        owner: key.address(),
        call: PayoutCall::Transfer {
            token: Address::from_evm([0xa6; 20]),
            recipient: ALICE.parse().unwrap(),
            amount: MicroUsdt::new(25_500_000),
        },
        fee_limit_sun: 30_000_000,
        ref_block: RefBlock::new(BlockId::of(74_171_171, &[9; 32])),
        expires_at_ms: 1_768_026_144_000,
        timestamp_ms: 1_768_026_084_098,
        memo: Some(b"inv-7".to_vec()),
        permission_id: 0,
    };
    let signed = Unsigned::build(&terms).unwrap().sign(&key).unwrap();
    (hex::encode(signed.bytes()), signed.txid().to_string())
}

#[test]
fn a_transaction_is_shown_with_what_it_does_and_who_signed_it() {
    let (hex, txid) = transfer_hex();
    let shown = payoutd(&["tx", "inspect", &hex]);
    assert!(shown.status.success(), "{}", said(&shown));
    let text = said(&shown);
    let owner = PrivateKey::from_bytes(&[7; 32]).unwrap().address().to_string();
    for part in [
        txid.as_str(),
        ALICE,
        "25.5",
        "25500000",
        "inv-7",
        "30 TRX",
        "2026-01-10T06:22:24.000Z",
        &owner,
        "the owner",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}

#[test]
fn a_script_gets_the_same_as_json() {
    let (hex, txid) = transfer_hex();
    let answer = answered(&payoutd(&["tx", "inspect", &hex, "--json"]));
    assert_eq!(answer["txid"], txid.as_str());
    assert_eq!(answer["payout"]["recipient"], ALICE);
    assert_eq!(answer["payout"]["amount"], "25.5");
    assert_eq!(answer["payout"]["route"], "transfer");
    assert_eq!(answer["raw"]["expires_at_ms"], 1_768_026_144_000_i64);
    assert_eq!(answer["signatures"][0]["signer"], answer["payout"]["owner"]);
    assert_eq!(answer["odd"], Value::Array(vec![]));
}

/// F-N21: what somebody added on the way does not hide behind the same id.
#[test]
fn padding_is_named_though_the_id_is_the_same() {
    let (hex, txid) = transfer_hex();
    // Field 100 of the transaction, two bytes that no schema knows.
    let answer = answered(&payoutd(&["tx", "inspect", &format!("{hex}a2060201ff"), "--json"]));
    assert_eq!(answer["txid"], txid.as_str());
    assert_eq!(answer["odd"][0]["kind"], "unknown_field");
    let shown = said(&payoutd(&["tx", "inspect", &format!("{hex}a2060201ff")]));
    assert!(shown.contains("field 100"), "{shown}");
}

#[test]
fn what_is_no_transaction_is_refused_with_the_next_step() {
    let id = "ab".repeat(32);
    for (input, part) in [
        ("", "no hex"),
        ("zz", "'z' at place 1"),
        (id.as_str(), "gettransactionbyid"),
        ("0a05", "no TRON transaction"),
    ] {
        let refused = payoutd(&["tx", "inspect", input]);
        assert_eq!(refused.status.code(), Some(65), "{input}");
        assert!(said(&refused).contains(part), "{input}: {}", said(&refused));
    }
}

/// F004-23: a 34-character string that starts with T and has a valid checksum is not yet an address.
#[test]
fn an_address_is_an_address_or_the_reason_why_not() {
    let good = payoutd(&["address", ALICE, "--json"]);
    assert_eq!(good.status.code(), Some(0));
    assert_eq!(answered(&good)["hex"], "417e5f4552091a69125d5dfcb7b8c2659029395bdf");
    for (input, reason) in [
        ("TqGerG7SbzxsgfDk9UZAd735MqwTMYtkuu", "prefix"),
        ("TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HD", "checksum"),
        ("417e5f4552091a69125d5dfcb7b8c2659029395bdf", "hex_form"),
        ("0x7e5f4552091a69125d5dfcb7b8c2659029395bdf", "evm_form"),
        (" TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC", "blanks"),
    ] {
        let refused = payoutd(&["address", input, "--json"]);
        assert_eq!(refused.status.code(), Some(65), "{input}");
        assert_eq!(answered(&refused)["reason"], reason, "{input}");
    }
}
