//! `[wallet]`: who pays.

use payoutd_actors::domain::address::Address;

use crate::config::{
    forms::{SecretPath, TronAddress},
    key::{Fallback, Key},
    reader::Reader,
    secret_file::SecretFile,
};

/// Who pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// The hot wallet.
    pub address: Address,
    /// Its private key.
    pub key_file: SecretFile,
}

const ADDRESS: Key<TronAddress> = Key {
    name: "wallet.address",
    form: TronAddress,
    fallback: Fallback::Required("\"T…\""),
    about: "The hot wallet that pays. Written out although the key would tell it: a key file that was swapped is \
            noticed at the start and not by the money.",
};

const KEY_FILE: Key<SecretPath> = Key {
    name: "wallet.key_file",
    form: SecretPath,
    fallback: Fallback::Required("\"wallet.key\""),
    about: "The wallet's private key: 64 hex digits, blanks around them ignored. `payoutd keys new wallet --out FILE` \
            makes one. It must belong to wallet.address.",
};

impl Wallet {
    pub(in crate::config) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.section("wallet", "Who pays.");
        let address = reader.ask(&ADDRESS);
        let key_file = reader.ask(&KEY_FILE);
        Some(Self { address: address?, key_file: key_file? })
    }
}
