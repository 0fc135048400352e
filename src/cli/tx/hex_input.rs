//! Hex as people paste it: with blanks, line ends and `0x`; and what they paste in its place.

use std::io::Read;

use crate::cli::{exit::Exit, failure::Failure};

/// The most that is read from a pipe: a transaction has at most 500 KiB, its hex twice that, and blanks want room.
const INPUT_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The bytes that a text stands for; `-` reads the text from stdin.
pub(super) fn read(argument: &str) -> Result<Vec<u8>, Failure> {
    if argument != "-" {
        return parse(argument);
    }
    let mut text = String::new();
    let read = std::io::stdin().take(INPUT_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::because(Exit::NoInput, "cannot read hex from stdin", &error))?;
    if text.len() as u64 > INPUT_BYTES_MAX {
        return Err(Failure::new(Exit::BadData, "more than 2 MiB on stdin, and no transaction is that long"));
    }
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<u8>, Failure> {
    let digits: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let digits = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(&digits);
    if let Some(failure) = refuse(digits) {
        return Err(failure);
    }
    hex::decode(digits).map_err(|error| Failure::because(Exit::BadData, "not hex", &error))
}

fn refuse(digits: &str) -> Option<Failure> {
    let bad = |message: String| Failure::new(Exit::BadData, message);
    if digits.is_empty() {
        return Some(
            bad("no hex was given".into()).next("give the hex of a transaction, or - to read it from stdin"),
        );
    }
    if digits.starts_with(['{', '[']) {
        let next = "give the value of \"raw_data_hex\", or of \"transaction\" in a broadcasthex body";
        return Some(bad("this is JSON, and hex is wanted".into()).next(next));
    }
    if let Some((index, character)) = digits.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit()) {
        return Some(bad(format!("'{character}' at place {} is no hex digit", index + 1)));
    }
    if digits.len() == 64 {
        let next =
            "ask a node for it: POST wallet/gettransactionbyid {\"value\":\"…\"}, and give its raw_data_hex";
        return Some(bad("64 hex digits are a transaction's id, not the transaction".into()).next(next));
    }
    if digits.len() % 2 == 1 {
        let next = "a digit is missing or one too many; copy the hex anew";
        return Some(bad(format!("{} hex digits are no whole bytes", digits.len())).next(next));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_taken_as_people_paste_it() {
        assert_eq!(parse(" 0x0A\n0b 0c\n").unwrap(), [10, 11, 12]);
    }

    #[test]
    fn what_is_pasted_in_its_place_is_named() {
        for (text, said) in [
            ("", "no hex"),
            ("{\"raw_data_hex\":\"0a\"}", "JSON"),
            ("0a0g", "'g' at place 4"),
            ("0a0", "3 hex digits"),
            (&"ab".repeat(32), "a transaction's id"),
        ] {
            let failure = parse(text).unwrap_err();
            assert!(failure.message().contains(said), "{text}: {failure}");
            assert_eq!(failure.exit, Exit::BadData);
        }
    }
}
