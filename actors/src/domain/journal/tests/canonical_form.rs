//! RFC 8785: its examples that hold no floats, and what is refused (F002-18).

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{BODY_MAX_BYTES, Body, BodyError, DEPTH_MAX, INTEGER_MAX};

fn canonical(text: &str) -> String {
    Body::parse(text).unwrap().as_str().to_owned()
}

/// F002-18: RFC 8785 §3.2.2 without its numbers: strings are escaped as little as may be, words are words.
#[test]
fn the_example_of_the_rfc_is_written_as_the_rfc_says() {
    let given =
        r#"{ "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }"#;
    assert_eq!(canonical(given), r#"{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"#);
}

/// F002-18: RFC 8785 §3.2.3: names are sorted by UTF-16 code units, so the smiley (D83D) stands before FB33.
#[test]
fn names_are_sorted_by_their_utf_16_code_units() {
    let given = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
        "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let value: Value = serde_json::from_str(&canonical(given)).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 7);
    let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
    let places: Vec<_> = order.iter().map(|word| canonical(given).find(word).unwrap()).collect();
    assert!(places.is_sorted(), "{}", canonical(given));
}

/// F002-18: the published test data of the RFC's author, where it is an object without floats.
#[test]
fn the_published_test_data_comes_out_byte_for_byte() {
    let pairs = [
        (
            r#"{ "peach": "This sorting order", "péché": "is wrong according to French",
                 "pêche": "but canonicalization MUST", "sin": "ignore locale" }"#,
            r#"{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}"#,
        ),
        (
            r#"{ "1": {"f": {"f": "hi","F": 5} ,"\n": 56}, "10": { }, "": "empty", "a": { }, "111": [ {"e": "yes","E": "no" } ], "A": { } }"#,
            r#"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}"#,
        ),
        ("{ \"Unnormalized Unicode\":\"A\\u030a\" }", "{\"Unnormalized Unicode\":\"A\u{30a}\"}"),
        (
            r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\u000a": "Newline", "1": "One", "\u0080": "Control\u007f",
                "\ud83d\ude02": "Smiley", "\u00f6": "Latin Small Letter O With Diaeresis",
                "\ufb33": "Hebrew Letter Dalet With Dagesh", "</script>": "Browser Challenge"}"#,
            "{\"\\n\":\"Newline\",\"\\r\":\"Carriage Return\",\"1\":\"One\",\"</script>\":\"Browser Challenge\",\"\u{80}\":\"Control\u{7f}\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😂\":\"Smiley\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        ),
    ];
    for (given, expected) in pairs {
        assert_eq!(canonical(given), expected);
    }
}

#[test]
fn every_control_character_has_its_one_escape() {
    let all: String = (0..0x20_u8).map(char::from).collect();
    let expected = concat!(
        r#"{"all":"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f"#,
        r#"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f"}"#
    );
    assert_eq!(Body::of(&json!({"all": all})).unwrap().as_str(), expected);
}

/// F002-18, D-01
#[test]
fn a_float_never_enters_the_journal() {
    for float in ["1.5", "1.0", "1e3", "-0", "1e-7"] {
        let text = format!("{{\"deep\":[{{\"amount\":{float}}}]}}");
        assert_eq!(Body::parse(&text), Err(BodyError::Float), "{float}");
    }
    assert_eq!(Body::of(&json!({"amount": 0.1})), Err(BodyError::Float));
}

#[test]
fn a_number_that_other_readers_would_round_is_refused() {
    assert!(Body::of(&json!({"n": INTEGER_MAX, "m": -INTEGER_MAX})).is_ok());
    for number in [json!(INTEGER_MAX + 1), json!(-INTEGER_MAX - 1), json!(u64::MAX), json!(i64::MIN)] {
        assert_eq!(Body::of(&json!({"n": number})), Err(BodyError::IntegerTooLarge), "{number}");
    }
}

#[test]
fn a_body_is_an_object_of_bounded_depth_and_length() {
    for no_object in [json!([1]), json!("word"), json!(1), json!(null)] {
        assert_eq!(Body::from_value(&no_object), Err(BodyError::NotAnObject));
    }
    let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({"in": inner}));
    assert!(Body::from_value(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(Body::from_value(&nested(DEPTH_MAX + 1)), Err(BodyError::TooDeep));
    let long = json!({"long": "x".repeat(BODY_MAX_BYTES)});
    assert_eq!(Body::from_value(&long), Err(BodyError::TooLong { bytes: BODY_MAX_BYTES + 11 }));
}

#[test]
fn a_body_reads_back_as_what_was_written() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Admitted {
        amount_micro_usdt: u64,
        memo: Option<String>,
    }
    let admitted = Admitted { amount_micro_usdt: 25_500_000, memo: None };
    let body = Body::of(&admitted).unwrap();
    assert_eq!(body.as_str(), r#"{"amount_micro_usdt":25500000,"memo":null}"#);
    assert_eq!(body.read::<Admitted>().unwrap(), admitted);
}

#[test]
fn a_stored_text_in_another_form_is_not_canonical() {
    for spoiled in ["{ }", "{\"b\":1,\"a\":2}", "{\"a\":1,\"a\":1}", "{\"a\":1.0}", "[]", "oops", ""] {
        assert!(!Body::from_stored(spoiled.to_owned()).is_canonical(), "{spoiled}");
    }
    assert!(Body::empty().is_canonical());
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-INTEGER_MAX..=INTEGER_MAX).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// F002-18: the form keeps the meaning, and there is one form of one meaning.
    #[test]
    fn the_canonical_form_keeps_the_meaning_and_is_its_own_canonical_form(value in anything()) {
        let body = Body::of(&json!({"value": value})).unwrap();
        prop_assert_eq!(body.read::<Value>().unwrap(), json!({"value": value}));
        prop_assert!(body.is_canonical());
    }
}
