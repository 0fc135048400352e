//! The cellar: where payouts, the journal and what the house remembers are kept, and what lies beside the database.
//!
//! Promises what the ports promise: one transaction a batch, a row that fails its guard is lost alone, nothing is written twice.
//! When things go wrong: a full disk is said by name and loses nothing; a database that another process holds, or that a newer
//! payoutd has written, is not opened.
//!
//! Two engines stand side by side with the same files: `sqlite` (one process, one file) and `postgres` (many processes, one
//! database). What does not depend on the engine is here: `verdicts` and `turns` (what becomes of each of a batch), `books`,
//! `facts`, and `cells` and `reads`, which are compiled for both.
//!
//! **Never here:** rules about money (they are asked from the domain, inside the transaction), SQL that is put together at run
//! time (F001-28).

mod books;
mod cellar;
mod checkpoint_file;
mod facts;
mod lock;
mod moving;
mod opening;
mod owner;
mod postgres;
mod sqlite;
mod turns;
mod verdicts;

pub use cellar::{Cellar, look, open};
pub use checkpoint_file::CheckpointFile;
pub use lock::{Holder, LockError, StoreLock};
pub use moving::{MoveError, Moved, move_house};
pub use opening::{StoreOpenError, Versions};
pub use postgres::{PostgresSettings, PostgresStore};
pub use sqlite::{Backup, BackupError, SqliteSettings, SqliteStore};
