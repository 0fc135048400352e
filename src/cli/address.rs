//! `payoutd address ADDRESS`: all forms of an address, or what is wrong with a text that looks like one.

use payoutd_actors::domain::address::{Address, AddressError};
use serde::Serialize;

use super::{
    Json,
    exit::Exit,
    failure::Failure,
    sheet::Sheet,
    terminal::{Ink, Terminal},
};

/// USDT on TRON's mainnet (TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t).
pub(super) const USDT: Address = Address::from_evm([
    0xa6, 0x14, 0xf8, 0x03, 0xb6, 0xfd, 0x78, 0x09, 0x86, 0xa4, 0x2c, 0x78, 0xec, 0x9c, 0x7f, 0x77, 0xe6,
    0xde, 0xd1, 0x3c,
]);

/// `payoutd address ADDRESS`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd address TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t
  payoutd address 41a614f803b6fd780986a42c78ec9c7f77e6ded13c       a node's hex form is refused, with its base58
  payoutd address TqGerG7SbzxsgfDk9UZAd735MqwTMYtkuu --json        starts with T, good checksum, and is no address

Exit codes: 0 an address, 65 not one. Nothing is trimmed: blanks around are a mistake, as they are in an order.")]
pub struct Args {
    /// The text to look at, exactly as it would stand in an order
    #[arg(value_name = "ADDRESS", allow_hyphen_values = true)]
    address: String,

    #[command(flatten)]
    json: Json,
}

/// What a script gets.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<'a> {
    Valid {
        valid: bool,
        address: Address,
        hex: String,
        evm: String,
        abi_word: String,
        note: Option<&'static str>,
    },
    Invalid {
        valid: bool,
        input: &'a str,
        reason: &'static str,
        detail: String,
    },
}

impl Args {
    /// Looks, and says.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.address.parse::<Address>() {
            Ok(address) if self.json.json => terminal.json(&valid(address)).map(|()| Exit::Done),
            Ok(address) => show(terminal, address).map(|()| Exit::Done),
            Err(error) if self.json.json => terminal.json(&self.invalid(&error)).map(|()| Exit::BadData),
            Err(error) => Err(self.refuse(&error)),
        }
    }

    fn invalid(&self, error: &AddressError) -> Answer<'_> {
        Answer::Invalid {
            valid: false,
            input: &self.address,
            reason: error.name(),
            detail: error.to_string(),
        }
    }

    fn refuse(&self, error: &AddressError) -> Failure {
        let failure =
            Failure::because(Exit::BadData, format_args!("{:?} is not a TRON address", self.address), error);
        match error {
            AddressError::HexForm { base58 } => failure.next(format_args!("payoutd address {base58}")),
            AddressError::Prefix { found: 0x00 } => {
                failure.next("this is a Bitcoin address: nothing on TRON can be paid to it")
            }
            AddressError::Blanks if self.address.trim().parse::<Address>().is_ok() => {
                failure.next(format_args!("without the blanks it is one: {}", self.address.trim()))
            }
            _ => failure,
        }
    }
}

fn valid(address: Address) -> Answer<'static> {
    Answer::Valid {
        valid: true,
        address,
        hex: address.to_hex41(),
        evm: evm(address),
        abi_word: hex::encode(address.word()),
        note: note(address),
    }
}

fn show(terminal: &Terminal, address: Address) -> Result<(), Failure> {
    let mut sheet = Sheet::new(terminal);
    sheet.put("address", terminal.on_stdout(Ink::Strong, address));
    sheet.put("hex", address.to_hex41());
    sheet.put("evm", evm(address));
    sheet.put("abi word", hex::encode(address.word()));
    if let Some(note) = note(address) {
        sheet.put("note", terminal.on_stdout(Ink::Care, note));
    }
    sheet.print()
}

fn evm(address: Address) -> String {
    format!("0x{}", hex::encode(address.evm()))
}

/// Addresses that are valid and that nobody should be paid at.
fn note(address: Address) -> Option<&'static str> {
    match address {
        Address::ZERO => Some("the zero address: USDT refuses to move there, and no order is taken for it"),
        Address::BLACKHOLE => {
            Some("the genesis block's Blackhole: what goes there is lost, and no order is taken for it")
        }
        USDT => {
            Some("the contract of USDT on mainnet: tokens sent to it are lost, and no order is taken for it")
        }
        _ => None,
    }
}
