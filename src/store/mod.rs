//! The cellar: where payouts, the journal and what the house remembers are kept, and what lies beside the database.
//!
//! Promises what the ports promise: one transaction a batch, a row that fails its guard is lost alone, nothing is written twice.
//! When things go wrong: a full disk is said by name and loses nothing; a database that another process holds, or that a newer
//! payoutd has written, is not opened.
//!
//! **Never here:** rules about money (they are asked from the domain, inside the transaction), SQL that is put together at run
//! time (F001-28).

mod checkpoint_file;
mod lock;
mod sqlite;

pub use checkpoint_file::CheckpointFile;
pub use lock::{Holder, LockError, StoreLock};
pub use sqlite::{Backup, BackupError, SqliteSettings, SqliteStore, StoreOpenError, Versions};
