//! Files that hold secrets: read late, only when their owner alone can read them, and never shown.

use std::{
    env,
    ffi::OsStr,
    fmt, fs, io,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::key::Wrong;

/// More than any key or token is: a wrong file is refused before it fills the memory.
const SECRET_BYTES_MAX: usize = 16 * 1024;

/// A secret's text. Shown as dots, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret that came from elsewhere than a file.
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••••")
    }
}

/// The name of a file that holds a secret; the secret is read when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile(PathBuf);

impl SecretFile {
    /// Names a file; nothing is read.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file's text without blanks around it.
    ///
    /// # Errors
    /// As [`read_bytes`](Self::read_bytes), and when it is empty or not UTF-8. The content is never quoted.
    pub(crate) fn read_text(&self) -> Result<Secret, Wrong> {
        let shown = self.0.display();
        let bytes = self.read_bytes()?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Wrong::new(format!("{shown} is not text"), "name the file that holds the secret"))?;
        match text.trim() {
            "" => Err(Wrong::new(format!("{shown} is empty"), "write the secret into it")),
            secret => Ok(Secret(Zeroizing::new(secret.to_owned()))),
        }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// When it is not there, is not a file, others can reach it or it is too long for a secret.
    pub(crate) fn read_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Wrong> {
        let shown = self.0.display();
        let cannot = |error: io::Error| {
            Wrong::new(
                format!("{shown} cannot be read ({error})"),
                "name a file that payoutd's user can read",
            )
        };
        let mut file = fs::File::open(&self.0).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            return Err(Wrong::new(format!("{shown} is not a file"), "name the file that holds the secret"));
        }
        let mode = metadata.permissions().mode() & 0o777;
        if mode & forbidden_bits(&self.0, env::var_os("CREDENTIALS_DIRECTORY").as_deref()) != 0 {
            return Err(Wrong::new(
                format!("others can reach {shown} (mode {mode:04o})"),
                format!("chmod 600 {shown}"),
            ));
        }
        // Room for all of it at once: a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
        file.by_ref().take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(Wrong::new(
                format!("{shown} is longer than {SECRET_BYTES_MAX} bytes"),
                "name the file that holds the secret",
            ));
        }
        Ok(bytes)
    }
}

/// Which bits of a file's mode say that others can reach it.
///
/// systemd gives a service its credentials as root's files with an access list that names the service's user alone; the
/// bits of the group then show that list's mask (0440), and no group may read.
fn forbidden_bits(file: &Path, credentials: Option<&OsStr>) -> u32 {
    let is_credential = credentials
        .filter(|folder| !folder.is_empty())
        .is_some_and(|folder| file.parent() == Some(Path::new(folder)));
    if is_credential { 0o037 } else { 0o077 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fear: systemd's 0440 is refused, or a credential's leave reaches a file beside the folder.
    #[test]
    fn a_credential_may_show_its_access_list_and_nothing_else_may() {
        let folder = Some(OsStr::new("/run/credentials/payoutd.service"));
        let bits = |file: &str, folder| forbidden_bits(Path::new(file), folder);
        assert_eq!(bits("/run/credentials/payoutd.service/wallet.key", folder), 0o037);
        assert_eq!(bits("/run/credentials/payoutd.service.old/wallet.key", folder), 0o077);
        assert_eq!(bits("/run/credentials/payoutd.service/../wallet.key", folder), 0o077);
        assert_eq!(bits("/etc/payoutd/wallet.key", folder), 0o077);
        assert_eq!(bits("wallet.key", Some(OsStr::new(""))), 0o077);
        assert_eq!(bits("/etc/payoutd/wallet.key", None), 0o077);
    }
}
