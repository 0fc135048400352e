//! A new file for a key: mode 0600 from its first moment, on disk before we say so, never over another file.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::cli::{exit::Exit, failure::Failure};

/// Writes `secret` to a file that does not exist yet and makes it durable, its folder's entry included.
///
/// # Errors
/// Exit 73 when the file is there already or cannot be created; 74 when writing fails (what was begun is removed).
pub(in crate::cli) fn create(path: &Path, secret: &[u8]) -> Result<(), Failure> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
            let failure = Failure::because(
                Exit::CannotCreate,
                format_args!("cannot create {}", path.display()),
                &error,
            );
            match error.kind() {
                ErrorKind::AlreadyExists => {
                    failure.next("name another file: a key that exists is never written over")
                }
                ErrorKind::NotFound => failure.next("make the folder first"),
                _ => failure,
            }
        })?;
    write_durably(&mut file, path, secret).map_err(|error| {
        // A half-written key must not look like one. The file is ours: create_new made it just now.
        let _ = std::fs::remove_file(path);
        Failure::because(Exit::Io, format_args!("cannot write {}", path.display()), &error)
    })
}

fn write_durably(file: &mut File, path: &Path, secret: &[u8]) -> io::Result<()> {
    file.write_all(secret)?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
