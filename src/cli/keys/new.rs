//! `payoutd keys new journal --out FILE`: a fresh key from the system's randomness.

use std::path::PathBuf;

use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, spki::der::pem::LineEnding},
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::key_file;
use crate::cli::{Json, exit::Exit, failure::Failure, terminal::Terminal};

/// `payoutd keys new KIND --out FILE`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd keys new journal --out /etc/payoutd/journal.pem

The file is what `journal.key_file` names. Keep a copy where the machine's failure does not reach.")]
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
    /// Ed25519, PEM PKCS#8: seals the journal's checkpoints
    Journal,
}

/// What is known of the key in public.
#[derive(Debug, Serialize)]
struct Made {
    kind: &'static str,
    file: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key_hex: Option<String>,
}

impl Args {
    /// Makes the key, writes it, prints its public half.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let made = match self.kind {
            Kind::Journal => new_journal_key(self.out)?,
        };
        if self.json.json {
            terminal.json(&made)?;
        } else {
            terminal.line(format_args!("wrote       {}", made.file.display()))?;
            if let Some(public_key) = &made.public_key_hex {
                terminal.line(format_args!("public key  {public_key}"))?;
            }
        }
        Ok(Exit::Done)
    }
}

fn new_journal_key(out: PathBuf) -> Result<Made, Failure> {
    let seed = random_32()?;
    let key = SigningKey::from_bytes(&seed);
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| Failure::because(Exit::Software, "cannot write the key as PEM", &error))?;
    key_file::create(&out, pem.as_bytes())?;
    let public_key_hex = Some(hex::encode(key.verifying_key().as_bytes()));
    Ok(Made { kind: "journal", file: out, public_key_hex })
}

/// 32 bytes of the operating system's randomness.
fn random_32() -> Result<Zeroizing<[u8; 32]>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| Failure::because(Exit::Software, "the system gives no randomness", &error))?;
    Ok(bytes)
}
