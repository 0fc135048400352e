//! The addresses that a house names belong to different things: whoever pastes one of them twice would pay into a contract, ask the
//! wallet for its logs, or let the wallet clear its own payouts. Looked at across all parts, so that it is said along with every
//! other mistake.

use payoutd_actors::domain::address::Address;

use super::{key::Wrong, reader::Reader};

/// The keys that hold an address each, and what would be right; of two that are equal, the later one is said to be wrong.
const KEYS: [(&str, &str); 5] = [
    ("wallet.address", "write the address of the key that pays"),
    ("network.usdt", "write the token contract's own address"),
    ("network.router_v0", "write the router contract's own address, or drop it"),
    ("network.router_kyc", "write the router contract's own address, or drop it with network.kyc_officer"),
    (
        "network.kyc_officer",
        "write the address of the officer's key, which is no contract and not the wallet's",
    ),
];

/// Writes down every address that stands in two places, or is nobody's.
pub(super) fn check(reader: &mut Reader<'_>) {
    let named: Vec<(&str, &str, Address)> =
        KEYS.iter().filter_map(|(key, right)| Some((*key, *right, address_of(reader, key)?))).collect();
    for (place, (key, right, address)) in named.iter().enumerate() {
        let namesake = named.iter().take(place).find(|(_, _, earlier)| earlier == address);
        let wrong = match namesake {
            Some((earlier, ..)) => format!("is the address that {earlier} has: {address}"),
            None if *address == Address::ZERO => "is the zero address, which is nobody's".to_owned(),
            None if *address == Address::BLACKHOLE => {
                "is TRON's black hole, from which nothing comes back".to_owned()
            }
            None => continue,
        };
        reader.mistake(key, Wrong::new(wrong, *right));
    }
}

/// The address that holds for a key; one that is none has been said to be wrong already.
fn address_of(reader: &Reader<'_>, key: &str) -> Option<Address> {
    reader.value_of(key)?.trim_matches('"').parse().ok()
}
