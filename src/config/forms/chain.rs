//! Things of the chain: addresses and amounts.

use std::path::Path;

use payoutd_actors::domain::{
    address::Address,
    money::{MicroUsdt, Sun},
};

use crate::config::key::{Form, Written, Wrong, quoted};

/// An address in its base58 form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TronAddress;

impl Form for TronAddress {
    type Value = Address;

    fn words(&self) -> String {
        "a TRON address (34 characters, the first a T)".into()
    }

    fn read(&self, written: &Written, _: &Path) -> Result<Address, Wrong> {
        let text = written.text()?;
        text.parse().map_err(|error| {
            Wrong::new(
                format!("\"{text}\" is not an address ({error})"),
                "write the 34 characters that begin with T",
            )
        })
    }

    fn show(&self, value: &Address) -> String {
        quoted(&value.to_string())
    }
}

/// An amount of USDT as text, in bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usdt {
    pub(crate) from: MicroUsdt,
    pub(crate) to: MicroUsdt,
}

impl Form for Usdt {
    type Value = MicroUsdt;

    fn words(&self) -> String {
        format!("an amount of USDT as text, \"{}\" to \"{}\"", self.from, self.to)
    }

    fn read(&self, written: &Written, _: &Path) -> Result<MicroUsdt, Wrong> {
        amount(written, self.from, self.to, "USDT")
    }

    fn show(&self, value: &MicroUsdt) -> String {
        quoted(&value.to_string())
    }
}

/// An amount of TRX as text, in bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trx {
    pub(crate) from: Sun,
    pub(crate) to: Sun,
}

impl Form for Trx {
    type Value = Sun;

    fn words(&self) -> String {
        format!("an amount of TRX as text, \"{}\" to \"{}\"", self.from, self.to)
    }

    fn read(&self, written: &Written, _: &Path) -> Result<Sun, Wrong> {
        amount(written, self.from, self.to, "TRX")
    }

    fn show(&self, value: &Sun) -> String {
        quoted(&value.to_string())
    }
}

fn amount<M>(written: &Written, from: M, to: M, unit: &str) -> Result<M, Wrong>
where
    M: std::str::FromStr<Err: std::fmt::Display> + std::fmt::Display + PartialOrd + Copy,
{
    if let Written::Whole(_) | Written::Other("number with a fraction") = written {
        return Err(Wrong::new(
            "an amount is text, so that no computer rounds it",
            format!("put it in quotes: \"25.5\" is 25.5 {unit}"),
        ));
    }
    let text = written.text()?;
    let amount: M = text.parse().map_err(|error| {
        Wrong::new(
            format!("\"{text}\" is not an amount ({error})"),
            "write digits with at most six places after a point, as \"1000\" or \"25.5\"",
        )
    })?;
    if (from..=to).contains(&amount) {
        return Ok(amount);
    }
    Err(Wrong::new(format!("\"{text}\" is out of bounds"), format!("write \"{from}\" to \"{to}\" {unit}")))
}
