//! What may be written for a key, by kind: counts, times, flags, words, files, addresses, money.

mod amqp;
mod chain;
mod gateways;
mod networks;
mod origins;
mod place;
mod postgres;
mod words;

use std::{path::Path, time::Duration};

use super::key::{Form, Written, Wrong};

pub use self::{
    amqp::AmqpUrl,
    gateways::InternalPlace,
    place::{ProviderUrl, StoreUrl},
    postgres::PostgresUrl,
};
pub(crate) use self::{
    amqp::{AmqpForm, AmqpName},
    chain::{TronAddress, Trx, Usdt},
    gateways::{GatewayNames, InternalListen},
    networks::Networks,
    origins::Origins,
    place::{HttpsUrl, Listen, Place, SecretPath, SecretPaths, StoreForm, UrlOfProvider},
    words::{Filter, Name, OneOf},
};

/// A whole number of things, in bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    /// What is counted: "blocks".
    pub(crate) of: &'static str,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// Whole seconds, in bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// Whole milliseconds, in bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Millis {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// `true` or `false`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag;

fn bounded(written: &Written, from: u32, to: u32, what: &str) -> Result<u32, Wrong> {
    let number = written.whole()?;
    u32::try_from(number).ok().filter(|number| (from..=to).contains(number)).ok_or_else(|| {
        let wrong = match number < i64::from(from) {
            true => format!("{number} is below {from}"),
            false => format!("{number} is above {to}"),
        };
        Wrong::new(wrong, format!("write {from} to {to} {what}"))
    })
}

impl Form for Count {
    type Value = u32;

    fn words(&self) -> String {
        format!("a whole number of {}, {} to {}", self.of, self.from, self.to)
    }

    fn read(&self, written: &Written, _: &Path) -> Result<u32, Wrong> {
        bounded(written, self.from, self.to, self.of)
    }

    fn show(&self, value: &u32) -> String {
        value.to_string()
    }
}

impl Form for Seconds {
    type Value = Duration;

    fn words(&self) -> String {
        format!("whole seconds, {} to {}", self.from, self.to)
    }

    fn read(&self, written: &Written, _: &Path) -> Result<Duration, Wrong> {
        bounded(written, self.from, self.to, "seconds").map(|seconds| Duration::from_secs(seconds.into()))
    }

    fn show(&self, value: &Duration) -> String {
        value.as_secs().to_string()
    }
}

impl Form for Millis {
    type Value = Duration;

    fn words(&self) -> String {
        format!("whole milliseconds, {} to {}", self.from, self.to)
    }

    fn read(&self, written: &Written, _: &Path) -> Result<Duration, Wrong> {
        bounded(written, self.from, self.to, "milliseconds").map(|ms| Duration::from_millis(ms.into()))
    }

    fn show(&self, value: &Duration) -> String {
        value.as_millis().to_string()
    }
}

impl Form for Flag {
    type Value = bool;

    fn words(&self) -> String {
        "true or false".into()
    }

    fn read(&self, written: &Written, _: &Path) -> Result<bool, Wrong> {
        written.flag()
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }
}
