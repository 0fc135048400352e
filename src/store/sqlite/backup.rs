//! A consistent copy of a store, made while it works.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use payoutd_actors::ports::{Journal, StoreFault};
use serde::Serialize;
use sqlx::{ConnectOptions, Connection, Executor};
use thiserror::Error;

use super::{SqliteStore, fault};

const COPY: &str = "VACUUM INTO ?1";

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// The copy.
    pub file: PathBuf,
    /// Its size, bytes.
    pub bytes: u64,
    /// Whose copy it is.
    pub store_id: String,
    /// The journal's last row when the copy was begun; the copy has this row and perhaps later ones.
    pub last_seq: i64,
}

/// Why there is no copy.
#[derive(Debug, Error)]
pub enum BackupError {
    /// A file of that name is there.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// The file can not be made or made durable.
    #[error("{} can not be written", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store did not give it.
    #[error("the store can not be copied")]
    Store(#[from] StoreFault),
}

impl SqliteStore {
    /// Copies the store as it is at one moment into a new file (mode 0600), durably. The store works on meanwhile.
    ///
    /// # Errors
    /// A file that exists is never written over; what was begun is removed.
    pub async fn backup(&self, file: &Path) -> Result<Backup, BackupError> {
        let io = |source| BackupError::Io { file: file.to_owned(), source };
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
            _ => io(error),
        })?;
        let copied = self.copy_into(file).await;
        if copied.is_err() {
            // Half a copy must not look like one. The file is ours: create_new made it just now.
            let _ = std::fs::remove_file(file);
        }
        let last_seq = copied?;
        let bytes = make_durable(file).map_err(io)?;
        Ok(Backup { file: file.to_owned(), bytes, store_id: self.store_id().to_owned(), last_seq })
    }

    /// Into an empty file, which SQLite takes for a new one.
    async fn copy_into(&self, file: &Path) -> Result<i64, StoreFault> {
        let last_seq = self.last_seq().await?;
        let Some(name) = file.to_str() else {
            return Err(StoreFault::Refused("the copy's name is not UTF-8".to_owned()));
        };
        // Not a reader: SQLite takes the copy for a write, and a copy takes long.
        let options = super::common_options(self.database(), self.inner.settings);
        let mut connection = options.connect().await.map_err(fault::of)?;
        connection.execute(sqlx::query(COPY).bind(name)).await.map_err(fault::of)?;
        connection.close().await.map_err(fault::of)?;
        Ok(last_seq)
    }
}

fn make_durable(file: &Path) -> io::Result<u64> {
    let copy = File::open(file)?;
    copy.sync_all()?;
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()?;
    Ok(copy.metadata()?.len())
}
