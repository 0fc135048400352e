//! The store on SQLite: one file, one writer, a few readers.
//!
//! How it keeps its word:
//! - **Durable**: WAL with `synchronous=FULL`; an answer comes after the commit's fsync.
//! - **One writer**: a single connection behind a queue. A write that fails, or whose caller goes away, takes the connection
//!   with it, which rolls it back; the next write makes a new one.
//! - **Batches**: the rows of a step travel as one JSON text a table (`jsonb_each`, blobs as hex), so that a batch of 200
//!   costs a handful of statements. Measured against one statement a row: six times the rows a second.
//! - **Small checkpoints cost most**: the WAL may grow to 64 MB before it is folded back.
//!
//! SQL stands in [`sql`] and beside its use, always as a constant. What differs from Postgres by name: `jsonb_each`, `unhex`,
//! `BEGIN IMMEDIATE`; everything else is the SQL that both speak.

mod admit;
mod backup;
mod books;
mod cells;
mod commit;
mod fault;
mod house;
mod journal;
mod migrations;
mod payouts;
mod reads;
mod rows;
mod sql;
mod strangers;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use payoutd_actors::ports::StoreFault;
use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use thiserror::Error;
use tokio::sync::Mutex;

pub use self::{
    backup::{Backup, BackupError},
    migrations::Versions,
};
use super::lock::{LockError, StoreLock};
use crate::config::StoreUrl;

/// How the database is worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteSettings {
    /// Connections that read at the same time.
    pub readers: u32,
    /// How long a connection waits for a lock or for its turn, ms.
    pub wait_ms_max: u64,
    /// Pages (4 KB) that the write-ahead log may hold before it is folded back into the database.
    pub wal_pages: u32,
    /// Memory for pages of the writer, KB; readers have a quarter of it each.
    pub cache_kb: u32,
    /// The database may not grow beyond so many pages (4 KB); `None` leaves it to the disk. For drills of a full disk.
    pub pages_max: Option<u32>,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self { readers: 4, wait_ms_max: 10_000, wal_pages: 16_384, cache_kb: 16_384, pages_max: None }
    }
}

/// Why a store can not be opened.
#[derive(Debug, Error)]
pub enum StoreOpenError {
    /// Another process holds it.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// A newer payoutd has written it; this one would not understand what it reads.
    #[error(
        "the store {} was written by a newer payoutd: its schema is {found}, this program knows {known}",
        database.display()
    )]
    Newer {
        /// The database.
        database: PathBuf,
        /// The schema that it has.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// It was only to be looked at, and wants to be migrated first.
    #[error("the store {} has schema {found}, this program wants {known}", database.display())]
    Older {
        /// The database.
        database: PathBuf,
        /// The schema that it has.
        found: i64,
        /// The schema that this program wants.
        known: i64,
    },
    /// It was only to be looked at, and is not there.
    #[error("there is no store at {}", .0.display())]
    Missing(PathBuf),
    /// Something else is in its place, or it is damaged.
    #[error("{} is not a store of payoutd: {why}", database.display())]
    NotAStore {
        /// The database.
        database: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file or its folder can not be used.
    #[error("the store {} can not be opened", database.display())]
    Io {
        /// The database.
        database: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database does not open.
    #[error("the store {} can not be opened", database.display())]
    Fault {
        /// The database.
        database: PathBuf,
        /// Why.
        #[source]
        source: StoreFault,
    },
}

impl StoreOpenError {
    /// Whether another process holds the store: trying later makes sense.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked(LockError::Held { .. }))
    }
}

/// The store on SQLite. Clones share one store.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    database: PathBuf,
    settings: SqliteSettings,
    readers: SqlitePool,
    writer: Writer,
    store_id: String,
    versions: Versions,
    /// The latest moment that was ever written, unix ms; written along with each batch.
    latest_ms: AtomicI64,
    /// Held as long as the store is open; `None` where it is only looked at.
    _lock: Option<StoreLock>,
}

/// The one connection that writes.
struct Writer {
    /// `None` where the store was opened for looking.
    options: Option<SqliteConnectOptions>,
    /// `None` after a write that failed: the next one makes a new connection.
    seat: Mutex<Option<SqliteConnection>>,
    wait_max: Duration,
}

impl SqliteStore {
    /// Opens a store for work, as its only process: makes it if it is not there, and migrates it.
    ///
    /// # Errors
    /// See [`StoreOpenError`]; nothing is changed where it is refused.
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreOpenError> {
        let StoreUrl::Sqlite(database) = url;
        Self::open_file(database, SqliteSettings::default()).await
    }

    /// Opens a store for looking: beside the process that works it, and never writing.
    ///
    /// # Errors
    /// See [`StoreOpenError`]; a store that is not there or not migrated is not touched.
    pub async fn look(url: &StoreUrl) -> Result<Self, StoreOpenError> {
        let StoreUrl::Sqlite(database) = url;
        Self::look_at_file(database, SqliteSettings::default()).await
    }

    /// As [`Self::open`], with settings of one's own.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_file(database: &Path, settings: SqliteSettings) -> Result<Self, StoreOpenError> {
        let lock = StoreLock::take(database)?;
        make_file(database)?;
        let fault = |source| StoreOpenError::Fault { database: database.to_owned(), source };
        let options = writer_options(database, settings);
        let mut connection = options.connect().await.map_err(|error| fault(fault::of(error)))?;
        let versions = migrations::run(database, &mut connection).await?;
        let born = house::born(&mut connection).await.map_err(fault)?;
        books::forget_old_minutes(&mut connection, born.latest_ms).await.map_err(fault)?;
        let writer = Writer {
            options: Some(options),
            seat: Mutex::new(Some(connection)),
            wait_max: Duration::from_millis(settings.wait_ms_max),
        };
        Ok(Self::of(database, settings, writer, born, versions, Some(lock)))
    }

    /// As [`Self::look`], with settings of one's own.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub async fn look_at_file(database: &Path, settings: SqliteSettings) -> Result<Self, StoreOpenError> {
        if !database.exists() {
            return Err(StoreOpenError::Missing(database.to_owned()));
        }
        let fault = |source| StoreOpenError::Fault { database: database.to_owned(), source };
        let options = reader_options(database, settings);
        let mut connection = options.connect().await.map_err(|error| fault(fault::of(error)))?;
        let versions = migrations::check(database, &mut connection).await?;
        let born = house::known(&mut connection).await.map_err(fault)?;
        let wait_max = Duration::from_millis(settings.wait_ms_max);
        let writer = Writer { options: None, seat: Mutex::new(None), wait_max };
        Ok(Self::of(database, settings, writer, born, versions, None))
    }

    fn of(
        database: &Path,
        settings: SqliteSettings,
        writer: Writer,
        born: house::Born,
        versions: Versions,
        lock: Option<StoreLock>,
    ) -> Self {
        let house::Born { store_id, latest_ms } = born;
        let readers = reader_pool(database, settings);
        let (database, latest_ms) = (database.to_owned(), AtomicI64::new(latest_ms));
        Self {
            inner: Arc::new(Inner {
                database,
                settings,
                readers,
                writer,
                store_id,
                versions,
                latest_ms,
                _lock: lock,
            }),
        }
    }

    /// Where the database is.
    #[must_use]
    pub fn database(&self) -> &Path {
        &self.inner.database
    }

    /// The store's own random name, made at its birth.
    #[must_use]
    pub fn store_id(&self) -> &str {
        &self.inner.store_id
    }

    /// The schema that was found and the one that it has now.
    #[must_use]
    pub fn versions(&self) -> Versions {
        self.inner.versions
    }

    /// Closes the database; what was answered is on disk whether this is called or not.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        if let Some(connection) = self.inner.writer.seat.lock().await.take() {
            // The last one out folds the log back; if that fails, the next opening does it.
            let _ = connection.close().await;
        }
    }

    /// The later of stored and present time, unix ms (F000-17: a clock that is set back opens no window twice).
    fn at_ms(&self, now_ms: i64) -> i64 {
        self.inner.latest_ms.load(Ordering::Acquire).max(now_ms)
    }

    /// Notes that a moment was written.
    fn passed(&self, at_ms: i64) {
        self.inner.latest_ms.fetch_max(at_ms, Ordering::AcqRel);
    }
}

/// SQLite would make the file for everybody to read.
fn make_file(database: &Path) -> Result<(), StoreOpenError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(database);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreOpenError::Io { database: database.to_owned(), source }),
    }
}

fn writer_options(database: &Path, settings: SqliteSettings) -> SqliteConnectOptions {
    let options = common_options(database, settings)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("wal_autocheckpoint", settings.wal_pages.to_string())
        .pragma("journal_size_limit", (u64::from(settings.wal_pages) * 4_096).to_string())
        .pragma("cache_size", cache_pragma(settings.cache_kb));
    match settings.pages_max {
        Some(pages) => options.pragma("max_page_count", pages.to_string()),
        None => options,
    }
}

fn reader_options(database: &Path, settings: SqliteSettings) -> SqliteConnectOptions {
    common_options(database, settings)
        .pragma("query_only", "true")
        .pragma("cache_size", cache_pragma(settings.cache_kb / 4))
}

fn reader_pool(database: &Path, settings: SqliteSettings) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(settings.readers)
        .acquire_timeout(Duration::from_millis(settings.wait_ms_max))
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(reader_options(database, settings))
}

fn common_options(database: &Path, settings: SqliteSettings) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database)
        .busy_timeout(Duration::from_millis(settings.wait_ms_max))
        // Rows of a page are handed over at once, not one wake-up each.
        .row_buffer_size(1_024)
        .disable_statement_logging()
}

/// A negative number of KB: SQLite's way of saying that it is not a number of pages.
fn cache_pragma(kb: u32) -> String {
    i64::from(kb).saturating_neg().to_string()
}
