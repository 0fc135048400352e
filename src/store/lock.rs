//! One process a store: an exclusive lock on a file beside the database.
//!
//! The kernel holds the lock for the process and lets go of it however the process ends, so there is nothing to clean up
//! after a crash. The file says who holds it, for the one who has to wait. It is never removed: a lock file that comes and
//! goes can be held twice.

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::owner::give_to_owner_of;

/// Who holds a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// Since when, unix ms.
    pub since_ms: i64,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)?;
        match chrono::DateTime::from_timestamp_millis(self.since_ms) {
            Some(since) => write!(f, ", since {}", since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
            None => Ok(()),
        }
    }
}

/// Why the lock is not ours.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process is at work on this store.
    #[error("the store {} is held by {}", database.display(), named(holder.as_ref()))]
    Held {
        /// The database.
        database: PathBuf,
        /// Who holds it, where the lock file says so.
        holder: Option<Holder>,
    },
    /// The lock file can not be made or locked.
    #[error("the lock file {} can not be used", file.display())]
    Io {
        /// The lock file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn named(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), ToString::to_string)
}

/// The exclusive lock on a store, held as long as this lives.
#[derive(Debug)]
pub struct StoreLock {
    file: File,
}

/// Let go of by name, and not by closing alone: a process that this one begins shares every open file until it is another
/// program, and would hold the lock for that moment.
impl Drop for StoreLock {
    fn drop(&mut self) {
        // Closing, which follows, lets go as well.
        let _ = self.file.unlock();
    }
}

impl StoreLock {
    /// Takes the lock of a database, or says who has it.
    ///
    /// # Errors
    /// [`LockError::Held`] while another process, or another store of this one, holds it.
    pub fn take(database: &Path) -> Result<Self, LockError> {
        let path = lock_file(database);
        let io = |source| LockError::Io { file: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held {
                    database: database.to_owned(),
                    holder: read_holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        if let Some(folder) = database.parent() {
            give_to_owner_of(folder, &file).map_err(io)?;
        }
        write_holder(&mut file, &myself()).map_err(io)?;
        Ok(Self { file })
    }
}

/// `payoutd.db` is locked by `payoutd.db.lock`.
fn lock_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn myself() -> Holder {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "this machine".to_owned(),
        name => name.to_owned(),
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Holder { pid: std::process::id(), host, since_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX) }
}

fn write_holder(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(serde_json::to_string(holder)?.as_bytes())?;
    file.flush()
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two daemons on one store would each believe that the rows are theirs alone.
    #[test]
    fn the_second_who_comes_is_told_who_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("payoutd.db");
        let first = StoreLock::take(&database).unwrap();
        let refusal = StoreLock::take(&database).unwrap_err();
        let LockError::Held { holder: Some(holder), .. } = &refusal else { panic!("{refusal:?}") };
        assert_eq!(holder.pid, std::process::id());
        assert!(refusal.to_string().contains(&format!("held by process {}", holder.pid)), "{refusal}");
        drop(first);
        StoreLock::take(&database).unwrap();
    }

    /// A child between fork and exec has what this process has open, the lock with it.
    #[test]
    fn a_child_that_is_being_born_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("payoutd.db");
        let first = StoreLock::take(&database).unwrap();
        let childs = first.file.try_clone().unwrap();
        drop(first);
        StoreLock::take(&database).unwrap();
        drop(childs);
    }

    #[test]
    fn a_lock_file_that_says_nothing_still_locks() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("payoutd.db");
        let _first = StoreLock::take(&database).unwrap();
        std::fs::write(lock_file(&database), "{").unwrap();
        let refusal = StoreLock::take(&database).unwrap_err();
        assert!(refusal.to_string().ends_with("is held by another process"), "{refusal}");
    }
}
