//! `egress`: how connections leave the house.

use crate::config::{
    forms::OneOf,
    key::{Fallback, Key},
    reader::Reader,
};

/// How connections leave the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Egress {
    /// Straight to the provider's address.
    Direct,
}

const EGRESS: Key<OneOf<Egress>> = Key {
    name: "egress",
    form: OneOf {
        words: &[("direct", Egress::Direct)],
        not_yet: &[("tor", "is not built yet"), ("socks", "is not built yet")],
    },
    fallback: Fallback::Is("\"direct\""),
    about: "How connections leave the house. Direct for now: the providers see this machine's address.",
};

impl Egress {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("", "Keys above all sections.");
        reader.ask(&EGRESS)
    }
}
