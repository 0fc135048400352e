//! A sandbox's folder: the three secrets that a daemon needs, made once and left alone from then on.

use std::{fs::DirBuilder, io::ErrorKind, os::unix::fs::DirBuilderExt, path::Path};

use zeroize::Zeroizing;

use super::{key_file, new};
use crate::cli::{exit::Exit, failure::Failure};

/// The wallet's key, as `wallet.key_file` takes it.
pub const WALLET_KEY: &str = "wallet.key";
/// The journal's key, as `journal.key_file` takes it.
pub const JOURNAL_KEY: &str = "journal.pem";
/// The API's token, as `http.token_file` takes it.
pub const TOKEN: &str = "token";

/// Makes the folder (mode 0700) and in it what is missing of the wallet's key, the journal's key and the token.
/// The wallet's key is given, because a simulated chain has funded it; the others are fresh.
///
/// # Errors
/// Exit 73 or 74 when the folder or a file cannot be made.
pub fn furnish(folder: &Path, wallet_key_hex: &str) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        Failure::because(Exit::CannotCreate, format_args!("cannot make {}", folder.display()), &error)
    })?;
    unless_there(&folder.join(WALLET_KEY), || {
        let mut text = Zeroizing::new(String::with_capacity(wallet_key_hex.len() + 1));
        text.push_str(wallet_key_hex);
        text.push('\n');
        Ok(text)
    })?;
    unless_there(&folder.join(JOURNAL_KEY), || new::journal_key().map(|(pem, _)| pem))?;
    unless_there(&folder.join(TOKEN), || {
        let mut text = Zeroizing::new(hex::encode(new::random_32()?.as_slice()));
        text.push('\n');
        Ok(text)
    })
}

fn unless_there(
    path: &Path,
    secret: impl FnOnce() -> Result<Zeroizing<String>, Failure>,
) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => key_file::create(path, secret()?.as_bytes()),
        Err(error) => {
            Err(Failure::because(Exit::NoInput, format_args!("cannot look at {}", path.display()), &error))
        }
    }
}
