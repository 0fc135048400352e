//! The ABI as a caller writes it and a contract reads it: words in, words out, and the list that `getcontract` shows.

use crate::domain::address::Address;
use crate::domain::tron::hash::keccak256;
use crate::domain::tron::{Hash32, Uint256};

/// The arguments of a call, word by word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments<'a>(pub(super) &'a [u8]);

impl<'a> Arguments<'a> {
    /// A word, when it is there.
    pub(super) fn word(self, index: usize) -> Option<[u8; 32]> {
        self.0.get(index * 32..index * 32 + 32)?.try_into().ok()
    }

    /// An address: the low 20 bytes, as the TVM takes it.
    pub(super) fn address(self, index: usize) -> Option<Address> {
        Some(Address::from_word_masked(&self.word(index)?))
    }

    /// An amount; `u64::MAX` stands for everything above, which nobody owns.
    pub(super) fn amount(self, index: usize) -> Option<u64> {
        Some(Uint256::from_word(self.word(index)?).to_u64().unwrap_or(u64::MAX))
    }

    /// A string, by the offset in its word.
    pub(super) fn text(self, index: usize) -> Option<&'a [u8]> {
        let start = usize::try_from(self.amount(index)?).ok()?;
        let length = Arguments(self.0.get(start..)?).amount(0)?;
        let from = start.checked_add(32)?;
        self.0.get(from..from.checked_add(usize::try_from(length).ok()?)?)
    }
}

/// The first four bytes of a signature's hash.
pub(super) fn selector(signature: &str) -> [u8; 4] {
    let hash = keccak256(signature.as_bytes());
    [hash[0], hash[1], hash[2], hash[3]]
}

/// The topic of an event.
pub(super) fn topic(signature: &str) -> Hash32 {
    Hash32::new(keccak256(signature.as_bytes()))
}

/// A number as a word.
pub(super) fn number_word(number: u64) -> [u8; 32] {
    *Uint256::from(number).word()
}

/// An allowance as a word: `u64::MAX` stands for 2^256-1.
pub(super) fn allowance_word(amount: u64) -> [u8; 32] {
    if amount == u64::MAX { [0xff; 32] } else { number_word(amount) }
}

/// A truth as a word.
pub(super) fn bool_word(truth: bool) -> [u8; 32] {
    number_word(u64::from(truth))
}

/// A string's length and its bytes, padded.
pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&number_word(text.len() as u64));
    out.extend_from_slice(text);
    // Padded to whole words of its own: a selector may stand before everything.
    out.resize(out.len() + text.len().next_multiple_of(32) - text.len(), 0);
}

/// A string as the only return value.
pub(super) fn text_return(text: &str) -> Vec<u8> {
    let mut out = number_word(32).to_vec();
    put_text(&mut out, text.as_bytes());
    out
}

/// `Error(string)`, as `require` reverts.
pub(super) fn error_text(text: &str) -> Vec<u8> {
    let mut out = selector("Error(string)").to_vec();
    out.extend_from_slice(&text_return(text));
    out
}

/// An entry of a contract's ABI, as `getcontract` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbiEntry {
    /// `Function`, `Event` or `Constructor`.
    pub kind: &'static str,
    /// Empty for a constructor.
    pub name: &'static str,
    /// The arguments.
    pub inputs: Vec<AbiParameter>,
    /// The return values.
    pub outputs: Vec<AbiParameter>,
    /// `View` or `Nonpayable`; empty for an event.
    pub state_mutability: &'static str,
}

/// An argument or a return value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbiParameter {
    /// Empty for most return values.
    pub name: &'static str,
    /// `address`, `uint256` and so on.
    pub kind: &'static str,
    /// Whether an event's argument is a topic.
    pub indexed: bool,
}

/// Reads lines such as `view balanceOf(address who) uint256`, `call pause()`, `event Pause()`, `constructor (uint256 supply)`.
pub(super) fn entries(lines: &'static str) -> Vec<AbiEntry> {
    lines.lines().filter_map(|line| entry(line.trim())).collect()
}

fn entry(line: &'static str) -> Option<AbiEntry> {
    let (word, rest) = line.split_once(' ')?;
    let (name, rest) = rest.split_once('(')?;
    let (inputs, outputs) = rest.split_once(')')?;
    let (kind, state_mutability) = match word {
        "view" => ("Function", "View"),
        "call" => ("Function", "Nonpayable"),
        "constructor" => ("Constructor", "Nonpayable"),
        _ => ("Event", ""),
    };
    Some(AbiEntry { kind, name, inputs: parameters(inputs), outputs: parameters(outputs), state_mutability })
}

fn parameters(list: &'static str) -> Vec<AbiParameter> {
    let listed = list.split(',').map(str::trim).filter(|parameter| !parameter.is_empty());
    listed
        .map(|parameter| {
            let mut words = parameter.split(' ');
            let kind = words.next().unwrap_or_default();
            let name = words.next_back().unwrap_or_default();
            AbiParameter { name, kind, indexed: parameter.contains(" indexed ") }
        })
        .collect()
}
