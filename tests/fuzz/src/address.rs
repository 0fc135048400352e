//! Addresses: what is read is printed letter by letter, in each of its forms, and a reader of another's making agrees.
//!
//! An input is the text of an address. Its first 20 bytes are an account, too.

use payoutd_actors::domain::address::{Address, AddressError, LENGTH, PREFIX};

/// Whatever the input, as a text and as an account.
///
/// # Panics
/// Where a property does not hold.
pub fn holds(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        as_text(text);
    }
    if let Some((account, rest)) = input.split_first_chunk::<20>() {
        as_account(Address::from_evm(*account), rest);
    }
}

fn as_text(text: &str) {
    // Another's reader: 21 bytes in base58check with TRON's first byte, in 34 characters.
    let payload = bs58::decode(text).with_check(Some(PREFIX)).into_vec();
    let payload = payload.ok().filter(|payload| payload.len() == 21 && text.len() == LENGTH);
    match text.parse::<Address>() {
        Ok(address) => {
            assert_eq!(address.to_string(), text);
            assert_eq!(payload.as_deref(), Some(&address.payload()[..]), "{text}");
            as_account(address, &[]);
        }
        Err(why) => {
            assert_eq!(payload, None, "{text} is an address, and was refused: {why}");
            assert!(!why.to_string().is_empty() && !why.name().is_empty());
            if let AddressError::HexForm { base58 } = why {
                let digits = text.to_ascii_lowercase();
                let digits = digits.strip_prefix("0x").unwrap_or(&digits);
                assert_eq!(base58.to_hex41(), digits, "{base58} is another account");
            }
        }
    }
}

fn as_account(address: Address, change: &[u8]) {
    let text = address.to_string();
    assert_eq!(text.parse(), Ok(address));
    assert_eq!(Address::from_payload(&address.payload()), Ok(address));
    assert_eq!(Address::from_hex41(&address.to_hex41()), Ok(address));
    assert_eq!(Address::from_word(&address.word()), Ok(address));
    let json = serde_json::to_string(&address).expect("an address is a text");
    assert_eq!(serde_json::from_str::<Address>(&json).ok(), Some(address));
    if let [place, character, ..] = *change {
        let mut changed = text.into_bytes();
        changed[usize::from(place) % LENGTH] = character;
        // It is refused, or it is another account's whole address: never the same account's under another name.
        if let Ok(changed) = std::str::from_utf8(&changed) {
            let is_same = changed.parse() == Ok(address);
            assert_eq!(is_same, changed == address.to_string());
            as_changed(changed);
        }
    }
}

fn as_changed(text: &str) {
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string(), text);
    }
}
