use super::*;
use crate::domain::tron::{Hash32, PrivateKey};

const NOW_MS: i64 = 1_768_000_000_000;

fn officer() -> PrivateKey {
    PrivateKey::from_bytes(&[5; 32]).unwrap()
}

fn account(n: u8) -> Address {
    Address::from_evm([n; 20])
}

fn policy() -> HousePolicy {
    HousePolicy {
        wallet: account(1),
        token: account(2),
        router_v0: Some(account(3)),
        router_kyc: Some(account(4)),
        kyc_officer: Some(officer().address()),
        per_payout: MicroUsdt::new(2_000_000_000_000),
    }
}

fn order() -> Order {
    Order {
        recipient: account(9),
        amount: MicroUsdt::new(25_500_000),
        route: Route::Transfer,
        reference: Some("inv-7".to_owned()),
        memo: None,
        kyc: None,
        not_before_ms: None,
        not_after_ms: None,
        priority: 0,
        metadata: BTreeMap::new(),
    }
}

fn clearance(recipient: Address, expiry_s: u64) -> KycClearance {
    KycClearance::sign(&officer(), recipient, Hash32::new([8; 32]), expiry_s)
}

fn cleared() -> Order {
    let kyc = clearance(account(9), NOW_MS as u64 / 1000 + 60);
    Order { route: Route::RouterKyc, kyc: Some(kyc), ..order() }
}

fn pointers(order: &Order) -> Vec<String> {
    policy().refusals(order, NOW_MS).into_iter().map(|problem| problem.pointer).collect()
}

#[test]
fn good_orders_are_not_refused() {
    let long = |n| "é".repeat(n);
    for order in [
        order(),
        cleared(),
        Order { route: Route::RouterV0, memo: Some(long(MEMO_CHARS_MAX)), ..order() },
        Order { amount: MicroUsdt::new(1), priority: PRIORITY_MAX, ..order() },
        Order { amount: AMOUNT_CAP, ..order() },
        Order { not_before_ms: Some(NOW_MS + 1), not_after_ms: Some(NOW_MS + 2), ..order() },
        Order { not_before_ms: Some(NOW_MS - 1), ..order() },
        Order { reference: Some(long(REFERENCE_CHARS_MAX)), ..order() },
    ] {
        assert_eq!(pointers(&order), [""; 0], "{order:?}");
    }
}

/// F001-26: every bad order is refused where it is bad.
#[test]
fn bad_orders_are_refused_where_they_are_bad() {
    let metadata = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let many: BTreeMap<String, String> =
        (0..=METADATA_ENTRIES_MAX).map(|n| (n.to_string(), String::new())).collect();
    let over = MicroUsdt::new(AMOUNT_CAP.micro() + 1);
    let bad = [
        (Order { amount: MicroUsdt::new(0), ..order() }, "/amount"),
        (Order { amount: over, ..order() }, "/amount"),
        (Order { memo: Some("é".repeat(MEMO_CHARS_MAX + 1)), ..order() }, "/memo"),
        (Order { reference: Some("a".repeat(REFERENCE_CHARS_MAX + 1)), ..order() }, "/reference"),
        (Order { metadata: many, ..order() }, "/metadata"),
        (Order { metadata: metadata(&"n".repeat(METADATA_NAME_CHARS_MAX + 1), ""), ..order() }, "/metadata"),
        (
            Order { metadata: metadata("n", &"v".repeat(METADATA_VALUE_CHARS_MAX + 1)), ..order() },
            "/metadata",
        ),
        (Order { metadata: metadata("n\u{7f}", "v"), ..order() }, "/metadata"),
        (Order { priority: PRIORITY_MAX + 1, ..order() }, "/priority"),
        (Order { not_after_ms: Some(NOW_MS), ..order() }, "/not_after"),
        (Order { not_before_ms: Some(NOW_MS + 5), not_after_ms: Some(NOW_MS + 5), ..order() }, "/not_after"),
        (Order { kyc: cleared().kyc, ..order() }, "/kyc"),
        (Order { kyc: None, ..cleared() }, "/kyc"),
        (Order { recipient: account(10), ..cleared() }, "/kyc"),
        (Order { kyc: Some(clearance(account(9), 1)), ..cleared() }, "/kyc/expiry"),
    ];
    for (order, pointer) in bad {
        assert_eq!(pointers(&order), [pointer], "{order:?}");
    }
}

/// TRON has no way back from any of these.
#[test]
fn whom_nobody_means_to_pay_is_not_paid() {
    let never = [account(1), account(2), account(3), account(4), Address::ZERO, Address::BLACKHOLE];
    for recipient in never {
        assert_eq!(pointers(&Order { recipient, ..order() }), ["/recipient"], "{recipient}");
    }
}

/// F001-27: what is kept word for word must be in one form, and hold nothing that a terminal would obey.
#[test]
fn texts_are_in_nfc_and_free_of_control_characters() {
    for memo in ["<b>&'\"</b>", "", "zażółć gęślą jaźń", "支付 7", "🙂"] {
        assert_eq!(pointers(&Order { memo: Some(memo.to_owned()), ..order() }), [""; 0], "{memo:?}");
    }
    for memo in ["a\nb", "a\0b", "\u{1b}[2J", "a\u{85}b", "e\u{301}", "\u{212b}"] {
        assert_eq!(pointers(&Order { memo: Some(memo.to_owned()), ..order() }), ["/memo"], "{memo:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let order = Order {
        recipient: account(1),
        amount: MicroUsdt::new(0),
        kyc: cleared().kyc,
        memo: Some("\0".to_owned()),
        priority: 10,
        not_after_ms: Some(0),
        ..order()
    };
    assert_eq!(pointers(&order), ["/recipient", "/amount", "/kyc", "/memo", "/priority", "/not_after"]);
}

#[test]
fn a_house_without_routers_pays_by_plain_transfer_only() {
    let bare = HousePolicy { router_v0: None, router_kyc: None, kyc_officer: None, ..policy() };
    for route in [Route::RouterV0, Route::RouterKyc] {
        let refusals = bare.refusals(&Order { route, ..order() }, NOW_MS);
        assert_eq!(refusals.first().map(|problem| problem.pointer.as_str()), Some("/route"));
    }
    assert!(bare.refusals(&order(), NOW_MS).is_empty());
    let officerless = HousePolicy { kyc_officer: None, ..policy() };
    let refusals = officerless.refusals(&cleared(), NOW_MS);
    assert_eq!(refusals.first().map(|problem| problem.pointer.as_str()), Some("/route"));
}

/// A configured cap goes below the house's own cap, never above it.
#[test]
fn the_lower_of_two_caps_holds() {
    let strict = HousePolicy { per_payout: MicroUsdt::new(1_000_000), ..policy() };
    let of = |micro| Order { amount: MicroUsdt::new(micro), ..order() };
    assert!(strict.refusals(&of(1_000_000), NOW_MS).is_empty());
    assert_eq!(strict.refusals(&of(1_000_001), NOW_MS).len(), 1);
}
