//! `payoutd keys new wallet|journal|master|jwt --out FILE`: a fresh key from the system's randomness.

use std::path::PathBuf;

use base64::{Engine, prelude::BASE64_STANDARD};
use payoutd_actors::domain::{
    journal::JournalKey,
    tron::key::{KeyError, PrivateKey},
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::key_file;
use crate::cli::{Json, exit::Exit, failure::Failure, terminal::Terminal};
use crate::identity::{reception::token_keys::TokenKeys, vault::Vault};

/// `payoutd keys new KIND --out FILE`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd keys new wallet --out /etc/payoutd/wallet.key       prints the address: fund it, and name it in wallet.address
  payoutd keys new journal --out /etc/payoutd/journal.pem     prints the public key: give it to who audits
  payoutd keys new master --out /etc/payoutd/master.key       seals the secrets of API keys; daemons of one store share it
  payoutd keys new jwt --out /etc/payoutd/token-key.pem       signs people's access tokens; daemons of one store share it

The file is new, mode 0600, and holds the only copy. Keep another where this machine's failure does not reach.")]
pub(super) struct Args {
    /// Which key
    kind: Kind,
    /// The file to create
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// secp256k1, 64 hex digits: signs transfers, the file of wallet.key_file
    Wallet,
    /// Ed25519, PEM PKCS#8: seals the journal, the file of journal.key_file
    Journal,
    /// AES-256, base64: seals secrets in the database, the file of identity.master_key_file
    Master,
    /// Ed25519, PEM PKCS#8: signs access tokens, a file of identity.token_key_files
    Jwt,
}

/// What may be known of the key.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Made {
    Wallet { file: PathBuf, address: String },
    Journal { file: PathBuf, public_key_hex: String },
    Master { file: PathBuf, key_id: String },
    Jwt { file: PathBuf, kid: String },
}

impl Args {
    /// Makes the key, writes it, prints its public half.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let made = match self.kind {
            Kind::Wallet => new_wallet_key(self.out)?,
            Kind::Journal => new_journal_key(self.out)?,
            Kind::Master => new_master_key(self.out)?,
            Kind::Jwt => new_token_key(self.out)?,
        };
        if self.json.json {
            terminal.json(&made)?;
            return Ok(Exit::Done);
        }
        let (file, what, value) = match &made {
            Made::Wallet { file, address } => (file, "address   ", address),
            Made::Journal { file, public_key_hex } => (file, "public key", public_key_hex),
            Made::Master { file, key_id } => (file, "key id    ", key_id),
            Made::Jwt { file, kid } => (file, "kid       ", kid),
        };
        terminal.line(format_args!("wrote       {}", file.display()))?;
        terminal.line(format_args!("{what}  {value}"))?;
        Ok(Exit::Done)
    }
}

fn new_wallet_key(out: PathBuf) -> Result<Made, Failure> {
    let key = fresh_private_key()?;
    let mut text = Zeroizing::new(String::with_capacity(65));
    text.push_str(&key.to_hex());
    text.push('\n');
    key_file::create(&out, text.as_bytes())?;
    Ok(Made::Wallet { file: out, address: key.address().to_string() })
}

/// Nearly all 32 bytes are a key; the few that are none (zero, the group's order and above) are drawn again.
fn fresh_private_key() -> Result<PrivateKey, Failure> {
    const DRAWS_MAX: usize = 8;
    let mut last: Option<KeyError> = None;
    for _ in 0..DRAWS_MAX {
        match PrivateKey::from_bytes(&*random_32()?) {
            Ok(key) => return Ok(key),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map(|error| error.to_string()).unwrap_or_default();
    Err(Failure::new(Exit::Software, format_args!("the system's randomness gives no key: {why}")))
}

fn new_journal_key(out: PathBuf) -> Result<Made, Failure> {
    let (pem, public_key_hex) = journal_key()?;
    key_file::create(&out, pem.as_bytes())?;
    Ok(Made::Journal { file: out, public_key_hex })
}

fn new_master_key(out: PathBuf) -> Result<Made, Failure> {
    let mut text = Zeroizing::new(BASE64_STANDARD.encode(random_32()?.as_slice()));
    let vault = Vault::of_base64(&text)
        .map_err(|error| Failure::because(Exit::Software, "cannot use the key that was made", &error))?;
    text.push('\n');
    key_file::create(&out, text.as_bytes())?;
    Ok(Made::Master { file: out, key_id: vault.key_id().to_owned() })
}

fn new_token_key(out: PathBuf) -> Result<Made, Failure> {
    let (pem, _) = journal_key()?;
    let (kid, _) = TokenKeys::name_of(&pem)
        .map_err(|error| Failure::because(Exit::Software, "cannot use the key that was made", &error))?;
    key_file::create(&out, pem.as_bytes())?;
    Ok(Made::Jwt { file: out, kid })
}

/// A fresh journal key as PEM, and its public half in hex.
pub(super) fn journal_key() -> Result<(Zeroizing<String>, String), Failure> {
    let key = JournalKey::from_seed(&*random_32()?);
    let pem = key
        .to_pem()
        .map_err(|error| Failure::because(Exit::Software, "cannot write the key as PEM", &error))?;
    Ok((pem, key.public_key().to_hex()))
}

/// 32 bytes of the operating system's randomness.
pub(super) fn random_32() -> Result<Zeroizing<[u8; 32]>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| Failure::because(Exit::Software, "the system gives no randomness", &error))?;
    Ok(bytes)
}
