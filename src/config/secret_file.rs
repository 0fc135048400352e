//! Files that hold secrets: read late, only when nobody else can read them, and never shown.
//!
//! Nobody else means: mode 0600 or less; or root's own file that root has given to the group of the process that reads it (0640), as
//! packages and service managers do it, so that the service can read its secrets and not change them. What everybody may read is
//! refused always.

use std::{
    env,
    ffi::OsStr,
    fmt, fs, io,
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt},
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
        let credentials = env::var_os("CREDENTIALS_DIRECTORY");
        let given = is_given_by_root(metadata.uid(), metadata.gid(), &Who::am_i());
        if mode & forbidden_bits(&self.0, credentials.as_deref(), given) != 0 {
            return Err(Wrong::new(
                format!("others can reach {shown} (mode {mode:04o})"),
                format!("chmod 600 {shown}; root's file may also be 640, for the group that payoutd runs as"),
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

/// Who this process is.
struct Who {
    user: u32,
    group: u32,
}

impl Who {
    fn am_i() -> Self {
        Self { user: rustix::process::geteuid().as_raw(), group: rustix::process::getegid().as_raw() }
    }
}

/// Whether a file is root's, who has given it to the group of this process. Root itself takes root's word for every group: it
/// looks at the files of a service that is somebody else.
fn is_given_by_root(owner: u32, group: u32, who: &Who) -> bool {
    owner == 0 && (who.user == 0 || who.group == group)
}

/// Which bits of a file's mode say that others can reach it.
///
/// systemd gives a service its credentials as root's files with an access list that names the service's user alone; the
/// bits of the group then show that list's mask (0440), and no group may read.
fn forbidden_bits(file: &Path, credentials: Option<&OsStr>, is_given_by_root: bool) -> u32 {
    let is_credential = credentials
        .filter(|folder| !folder.is_empty())
        .is_some_and(|folder| file.parent() == Some(Path::new(folder)));
    if is_credential || is_given_by_root { 0o037 } else { 0o077 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fear: systemd's 0440 is refused, or a credential's leave reaches a file beside the folder.
    #[test]
    fn a_credential_may_show_its_access_list_and_nothing_else_may() {
        let folder = Some(OsStr::new("/run/credentials/payoutd.service"));
        let bits = |file: &str, folder| forbidden_bits(Path::new(file), folder, false);
        assert_eq!(bits("/run/credentials/payoutd.service/wallet.key", folder), 0o037);
        assert_eq!(bits("/run/credentials/payoutd.service.old/wallet.key", folder), 0o077);
        assert_eq!(bits("/run/credentials/payoutd.service/../wallet.key", folder), 0o077);
        assert_eq!(bits("/etc/payoutd/wallet.key", folder), 0o077);
        assert_eq!(bits("wallet.key", Some(OsStr::new(""))), 0o077);
        assert_eq!(bits("/etc/payoutd/wallet.key", None), 0o077);
    }

    /// The fear: `root:payoutd 0640`, as packages install it, is refused; or a group that is everybody's is taken for the service's.
    #[test]
    fn roots_file_may_be_read_by_the_services_own_group_and_by_no_other() {
        let (root, service, users) = (0, 990, 100);
        let payoutd = Who { user: service, group: service };
        assert!(is_given_by_root(root, service, &payoutd));
        assert!(is_given_by_root(root, service, &Who { user: root, group: root }), "an operator looks");
        assert!(!is_given_by_root(root, users, &payoutd), "a group that it is a guest of");
        assert!(!is_given_by_root(service, service, &payoutd), "its own file: chmod 600 costs nothing");
        assert!(!is_given_by_root(users, service, &payoutd), "somebody else's file");
        for others in [0o644, 0o641, 0o660, 0o650, 0o604] {
            assert!(
                others & forbidden_bits(Path::new("/etc/payoutd/wallet.key"), None, true) != 0,
                "{others:o}"
            );
        }
        assert_eq!(0o640 & forbidden_bits(Path::new("/etc/payoutd/wallet.key"), None, true), 0);
    }
}
