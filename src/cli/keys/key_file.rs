//! A new file for a key: mode 0600 from its first moment, on disk before we say so, never over another file.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::cli::{exit::Exit, failure::Failure};

/// Writes `secret` to a file that does not exist yet and makes it durable, its folder's entry included.
///
/// # Errors
/// See [`Place::take`] and [`Place::fill`].
pub(in crate::cli) fn create(path: &Path, secret: &[u8]) -> Result<(), Failure> {
    Place::take(path)?.fill(secret)
}

/// A new file that waits for a secret: what is made once and shown once is made when there is a place for it. Left empty, it goes.
pub(in crate::cli) struct Place {
    file: File,
    path: PathBuf,
    is_filled: bool,
}

impl Place {
    /// Makes the file.
    ///
    /// # Errors
    /// Exit 73 when it is there already or cannot be created.
    pub(in crate::cli) fn take(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| cannot_create(path, &error))?;
        Ok(Self { file, path: path.to_owned(), is_filled: false })
    }

    /// Writes the secret and makes it durable.
    ///
    /// # Errors
    /// Exit 74 when writing fails (what was begun is removed).
    pub(in crate::cli) fn fill(mut self, secret: &[u8]) -> Result<(), Failure> {
        write_durably(&mut self.file, &self.path, secret).map_err(|error| {
            Failure::because(Exit::Io, format_args!("cannot write {}", self.path.display()), &error)
        })?;
        self.is_filled = true;
        Ok(())
    }

    /// Where it is.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_filled {
            // A half-written key must not look like one. The file is ours: create_new made it just now.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn cannot_create(path: &Path, error: &io::Error) -> Failure {
    let failure =
        Failure::because(Exit::CannotCreate, format_args!("cannot create {}", path.display()), error);
    match error.kind() {
        ErrorKind::AlreadyExists => {
            failure.next("name another file: a key that exists is never written over")
        }
        ErrorKind::NotFound => failure.next("make the folder first"),
        _ => failure,
    }
}

fn write_durably(file: &mut File, path: &Path, secret: &[u8]) -> io::Result<()> {
    file.write_all(secret)?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
