//! The fear: an order that says one thing and is read as another. Every wrong order is refused with what would be right,
//! nothing of it is taken in, and the right ones beside it are not lost.

use serde_json::{Value, json};

use crate::kit::{
    door::{Answer, OpenDoor, order},
    small_office::{ALICE, ROUTER, TOKEN, WALLET},
};
use payoutd_actors::domain::address::Address;

fn refused(answer: &Answer, pointers: &[&str]) {
    assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-order"), "{}", answer.text);
    assert_eq!(answer.pointers(), pointers, "{}", answer.text);
}

/// F001-26: the boundary table of amounts.
#[actix_web::test]
async fn an_amount_is_a_canonical_decimal_string_or_nothing() {
    let door = OpenDoor::open().await;
    let wrong = [
        "0",
        "0.0",
        "-1",
        "00001",
        "+1",
        "1e3",
        "0.0000001",
        "1,0",
        "NaN",
        "1000000.000001",
        "500000.000001",
        "",
        " 1",
        "1 ",
        "1.",
        ".5",
        "0x10",
        "1_000",
        "١",
        "Infinity",
        "1.0000000",
        "99999999999999999999999999",
    ];
    for (place, amount) in wrong.iter().enumerate() {
        refused(&door.order(&format!("a{place}"), &order(amount)).await, &["/amount"]);
    }
    for (place, amount) in
        [json!(25.5), json!(1), json!(true), json!(["1"]), json!({"v": 1})].iter().enumerate()
    {
        let answer = door
            .order(&format!("n{place}"), &json!({ "recipient": ALICE.to_string(), "amount": amount }))
            .await;
        refused(&answer, &["/amount"]);
        assert!(answer.text.contains("a string like \\\"25.5\\\""), "{}", answer.text);
    }
    let grouped = door.order("grouped", &order("1_000")).await;
    assert!(
        grouped.text.contains("groups are not separated") && !grouped.text.contains("comma"),
        "{}",
        grouped.text
    );
    let null = json!({ "recipient": null, "amount": null });
    let null = door.order("null", &null).await;
    refused(&null, &["/recipient", "/amount"]);
    assert!(null.text.contains("null where a string like \\\"25.5\\\" is wanted"), "{}", null.text);
    assert_eq!(door.office.taken(), 0);
    for (place, amount) in ["0.000001", "1", "25.5", "500000", "1.000001"].iter().enumerate() {
        let answer = door.order(&format!("g{place}"), &order(amount)).await;
        assert_eq!(
            (answer.status, answer.json()["amount"].as_str()),
            (202, Some(*amount)),
            "{}",
            answer.text
        );
    }
}

/// F004-23: what looks like an address and is none.
#[actix_web::test]
async fn an_address_is_read_exactly_or_not_at_all() {
    let door = OpenDoor::open().await;
    let alice = ALICE.to_string();
    let mut other = alice.clone();
    other.replace_range(10..11, if &alice[10..11] == "x" { "y" } else { "x" });
    let wrong = [
        other,
        ALICE.to_hex41(),
        format!("0x{}", hex::encode(ALICE.evm())),
        format!(" {alice}"),
        format!("{alice}\n"),
        format!("tron:{alice}"),
        alice.to_lowercase(),
        alice[1..].to_owned(),
        with_prefix(0x40),
        with_prefix(0x42),
        String::new(),
    ];
    for (place, recipient) in wrong.iter().enumerate() {
        let answer =
            door.order(&format!("a{place}"), &json!({ "recipient": recipient, "amount": "1" })).await;
        refused(&answer, &["/recipient"]);
    }
    assert_eq!(door.office.taken(), 0);
}

/// 34 characters that start with T and have a good checksum, and another network's first byte.
fn with_prefix(prefix: u8) -> String {
    let mut bytes = vec![prefix];
    bytes.extend_from_slice(&[0xaf; 20]);
    let sum = payoutd_actors::domain::tron::hash::sha256(&payoutd_actors::domain::tron::hash::sha256(&bytes));
    bytes.extend_from_slice(&sum[..4]);
    let text = base58(&bytes);
    assert_eq!((text.len(), &text[..1]), (34, "T"));
    text
}

fn base58(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut digits: Vec<u32> = Vec::new();
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += *digit << 8;
            *digit = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    digits.iter().rev().map(|digit| ALPHABET[usize::try_from(*digit).unwrap()] as char).collect()
}

#[actix_web::test]
async fn nobody_pays_the_wallet_the_token_a_router_or_a_black_hole() {
    let door = OpenDoor::open().await;
    for (place, recipient) in [WALLET, TOKEN, ROUTER, Address::ZERO, Address::BLACKHOLE].iter().enumerate() {
        let body = json!({ "recipient": recipient.to_string(), "amount": "1" });
        refused(&door.order(&format!("r{place}"), &body).await, &["/recipient"]);
    }
    assert_eq!(door.office.taken(), 0);
}

#[actix_web::test]
async fn every_mistake_of_an_order_is_named_at_once() {
    let door = OpenDoor::open().await;
    let body = json!({
        "recipient": "Tx", "amount": 5, "currency": "USD", "network": "tron", "route": "wire", "priority": 10,
        "not_before": "tomorrow", "not_after": 1_700_000_000, "metadata": { "a/b": 1 }, "memo": ["x"], "Amount": "5",
        "kyc": { "hash": "zz", "v": 26, "expiry": "x", "r": "00" }, "colour": "red"
    });
    let answer = door.order("all", &body).await;
    let mut pointers = answer.pointers();
    pointers.sort();
    let mut expected = [
        "/Amount",
        "/amount",
        "/colour",
        "/currency",
        "/kyc/expiry",
        "/kyc/hash",
        "/kyc/r",
        "/kyc/s",
        "/kyc/v",
        "/memo",
        "/metadata/a~1b",
        "/network",
        "/not_after",
        "/not_before",
        "/priority",
        "/recipient",
        "/route",
    ];
    expected.sort_unstable();
    assert_eq!(pointers, expected, "{}", answer.text);
    assert!(answer.text.contains("did you mean `amount`?"));
    refused(&door.order("none", &json!({})).await, &["/recipient", "/amount"]);
    refused(&door.order("list", &json!([])).await, &[""]);
    let twice = format!(r#"{{"recipient":"{ALICE}","amount":"1","amount":"1000"}}"#);
    refused(&door.order_raw(twice.into_bytes()).await, &["/amount"]);
    assert_eq!(door.office.taken(), 0);
}

#[actix_web::test]
async fn broken_bytes_and_deep_nesting_are_answered_and_not_read_further() {
    let door = OpenDoor::open().await;
    let bodies: [&[u8]; 7] = [
        b"",
        b"{",
        b"{\"memo\":\"\xff\"}",
        b"null x",
        b"{\"amount\":NaN}",
        b"'",
        &[0xef, 0xbb, 0xbf, b'{', b'}'],
    ];
    for body in bodies {
        let answer = door.order_raw(body.to_vec()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed-request"), "{}", answer.text);
    }
    let deep = "{\"metadata\":".repeat(50_000).into_bytes();
    let answer = door.order_raw(deep).await;
    assert_eq!((answer.status, answer.text.contains("deeper than 8 levels")), (400, true), "{}", answer.text);
}

/// F-P09: taken whole or refused whole, with a pointer to each bad item.
#[actix_web::test]
async fn a_batch_is_taken_whole_or_refused_whole() {
    let door = OpenDoor::open().await;
    let many = |count: usize| (0..count).map(|_| order("1")).collect::<Vec<Value>>();
    let mut with_mistakes = many(500);
    with_mistakes[3]["amount"] = json!("0");
    with_mistakes[499]["recipient"] = json!(7);
    refused(
        &door.batch("b1", &json!({ "payouts": with_mistakes })).await,
        &["/payouts/3/amount", "/payouts/499/recipient"],
    );
    let mut unpayable = many(500);
    unpayable[7]["recipient"] = json!(WALLET.to_string());
    refused(&door.batch("b1", &json!({ "payouts": unpayable })).await, &["/payouts/7/recipient"]);
    refused(&door.batch("b1", &json!({ "payouts": many(501) })).await, &["/payouts"]);
    refused(&door.batch("b1", &json!({ "payouts": [] })).await, &["/payouts"]);
    refused(&door.batch("b1", &json!({ "payout": [] })).await, &["/payouts", "/payout"]);
    assert_eq!(door.office.taken(), 0);

    let answer = door.batch("b1", &json!({ "payouts": many(500) })).await;
    assert_eq!((answer.status, door.office.taken()), (202, 500), "{}", answer.text);
    let again = door.batch("b1", &json!({ "payouts": many(500) })).await;
    assert_eq!(again.json(), answer.json());
    assert_eq!((again.header("idempotent-replayed"), door.office.taken()), ("true", 500));
    let shorter = door.batch("b1", &json!({ "payouts": many(499) })).await;
    assert_eq!((shorter.status, shorter.problem().as_str()), (422, "idempotency-key-reused"));
}

/// F001-27: a memo is kept as it came, and nothing is escaped that JSON does not want escaped.
#[actix_web::test]
async fn a_memo_comes_back_as_it_was_sent() {
    let door = OpenDoor::open().await;
    let memo = "<b>\"Zürich\"</b> & 'co' — ✓";
    let body =
        json!({ "recipient": ALICE.to_string(), "amount": "1", "memo": memo, "metadata": { "<k>": "&v" } });
    let answer = door.order("memo", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!((&answer.json()["memo"], &answer.json()["metadata"]["<k>"]), (&json!(memo), &json!("&v")));
    assert!(answer.text.contains("<b>"), "{}", answer.text);
    let bell = door
        .order("bell", &json!({ "recipient": ALICE.to_string(), "amount": "1", "memo": "a\u{7}b" }))
        .await;
    refused(&bell, &["/memo"]);
    let long = door
        .order("long", &json!({ "recipient": ALICE.to_string(), "amount": "1", "memo": "x".repeat(501) }))
        .await;
    refused(&long, &["/memo"]);
}

/// F-P30: the same person may be paid the same amount as often as it is ordered.
#[actix_web::test]
async fn five_equal_payouts_to_one_address_are_five_payouts() {
    let door = OpenDoor::open().await;
    let mut ids = Vec::new();
    for place in 0..5 {
        ids.push(door.ordered(&format!("k{place}")).await);
    }
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), door.office.taken()), (5, 5));
}

/// Mistakes of form and what the house refuses are told together: nobody corrects an order twice. What can not be judged because
/// another field is wrong is not guessed.
#[actix_web::test]
async fn mistakes_of_form_and_of_policy_are_told_together() {
    let door = OpenDoor::open().await;
    let long = "x".repeat(1_000);
    let body = json!({ "recipient": WALLET.to_string(), "amount": 25.5, "memo": long, "priority": 77, "color": "red" });
    let answer = door.order("both", &body).await;
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/amount", "/color", "/memo", "/priority", "/recipient"], "{}", answer.text);
    assert!(answer.text.contains("the paying wallet itself"), "{}", answer.text);

    // Too much, to somebody who can not be read, by a route with a clearance that nobody can hold against him.
    let clearance =
        json!({ "hash": "11".repeat(32), "expiry": 1, "v": 27, "r": "22".repeat(32), "s": "33".repeat(32) });
    let body = json!({ "recipient": "T123", "amount": "700000", "route": "transfer", "kyc": clearance });
    refused(&door.order("guess", &body).await, &["/recipient", "/amount"]);

    let items = json!({ "payouts": [
        { "recipient": TOKEN.to_string(), "amount": "1" },
        { "recipient": ALICE.to_string(), "amount": "1e3", "reference": long },
    ]});
    let answer = door.batch("items", &items).await;
    let expected = ["/payouts/1/amount", "/payouts/0/recipient", "/payouts/1/reference"];
    refused(&answer, &expected);
    assert_eq!(door.office.taken(), 0);
}
