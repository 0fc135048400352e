//! `[store]`: where payouts and the journal live.

use crate::config::{
    forms::{StoreForm, StoreUrl},
    key::{Fallback, Key},
    reader::Reader,
};

/// Where payouts and the journal live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The database.
    pub url: StoreUrl,
}

const URL: Key<StoreForm> = Key {
    name: "store.url",
    form: StoreForm,
    fallback: Fallback::Required("\"sqlite:payoutd.db\""),
    about: "The database that holds payouts, reservations and the journal. An SQLite file is made and migrated at the \
            first start; one process holds it at a time. Keep it on a local disk: network file systems break its locks.",
};

impl Store {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("store", "Where payouts and the journal live.");
        let url = reader.ask(&URL);
        Some(Self { url: url? })
    }
}
