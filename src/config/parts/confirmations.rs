//! `[confirmations]`: how deep a block must lie (F004-21).

use std::path::Path;

use payoutd_actors::domain::payout::CONFIRMATIONS_FLOOR;

use crate::config::{
    forms::Count,
    key::{Fallback, Form, Key, Written, Wrong},
    reader::Reader,
};

/// The domain's floor, as a count of the configuration.
const FLOOR: u32 = CONFIRMATIONS_FLOOR as u32;

/// How deep a block must lie before what stands in it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmations {
    /// Blocks on top, its own counted; solid as well, always.
    pub minimum: u32,
}

/// A count that may be raised and never lowered.
#[derive(Debug, Clone, Copy)]
struct Floor(Count);

impl Form for Floor {
    type Value = u32;

    fn words(&self) -> String {
        self.0.words()
    }

    fn read(&self, written: &Written, folder: &Path) -> Result<u32, Wrong> {
        self.0.read(written, folder).map_err(|Wrong { wrong, right }| {
            Wrong::new(wrong, format!("{right}: the floor may be raised, never lowered"))
        })
    }

    fn show(&self, value: &u32) -> String {
        self.0.show(value)
    }
}

const MINIMUM: Key<Floor> = Key {
    name: "confirmations.minimum",
    form: Floor(Count { of: "blocks", from: FLOOR, to: 1000 }),
    fallback: Fallback::Is("19"),
    about: "How many blocks must confirm a transfer before its payout is settled, beside the block being solid. 19 of \
            the 27 producers have then built on it: it may be raised and never lowered.",
};

impl Confirmations {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("confirmations", "How deep a block must lie before what stands in it counts.");
        let minimum = reader.ask(&MINIMUM);
        Some(Self { minimum: minimum? })
    }
}
