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
#[allow(clippy::duplicate_mod, reason = "one file for both engines; `engine` makes the difference")]
#[path = "../cells.rs"]
mod cells;
mod commit;
mod departure;
mod fault;
mod house;
mod journal;
mod migrations;
mod payouts;
#[allow(clippy::duplicate_mod, reason = "one file for both engines; `engine` makes the difference")]
#[path = "../reads.rs"]
mod reads;
mod register;
mod roles;
mod rows;
mod sql;
mod strangers;
#[cfg(test)]
mod tests;
mod uses;
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

use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

pub use self::backup::{Backup, BackupError};
pub(in crate::store) use self::departure::TABLES;
use self::uses::Uses;
use super::{
    lock::StoreLock,
    opening::{StoreOpenError, Versions},
};
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

/// Whose rows and questions the shared files are about.
mod engine {
    pub(super) use sqlx::{
        Sqlite as Engine, SqliteConnection as EngineConnection,
        sqlite::{SqliteArguments as EngineArguments, SqliteRow as EngineRow},
    };
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
    /// What the next transaction takes along.
    uses: Uses,
}

impl SqliteStore {
    /// Opens a store for work, as its only process: makes it if it is not there, and migrates it.
    ///
    /// # Errors
    /// See [`StoreOpenError`]; nothing is changed where it is refused.
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreOpenError> {
        Self::open_file(file_of(url)?, SqliteSettings::default()).await
    }

    /// Opens a store for looking: beside the process that works it, and never writing.
    ///
    /// # Errors
    /// See [`StoreOpenError`]; a store that is not there or not migrated is not touched.
    pub async fn look(url: &StoreUrl) -> Result<Self, StoreOpenError> {
        Self::look_at_file(file_of(url)?, SqliteSettings::default()).await
    }

    /// As [`Self::open`], with settings of one's own.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_file(database: &Path, settings: SqliteSettings) -> Result<Self, StoreOpenError> {
        Self::open_whether_moved(database, settings, false).await
    }

    /// Opens the file of a house for moving out: also once more, where it is marked as moved already.
    ///
    /// # Errors
    /// As [`Self::open`]; a file that is not there is not made.
    pub async fn open_for_departure(database: &Path) -> Result<Self, StoreOpenError> {
        if !database.exists() {
            return Err(StoreOpenError::Missing(named(database)));
        }
        Self::open_whether_moved(database, SqliteSettings::default(), true).await
    }

    async fn open_whether_moved(
        database: &Path,
        settings: SqliteSettings,
        may_have_moved: bool,
    ) -> Result<Self, StoreOpenError> {
        let lock = StoreLock::take(database)?;
        make_file(database)?;
        let fault = |source| StoreOpenError::Fault { store: named(database), source };
        let options = writer_options(database, settings);
        let mut connection = options.connect().await.map_err(|error| fault(fault::of(error)))?;
        let versions = migrations::run(database, &mut connection).await?;
        if let Some(to) = departure::moved_to(&mut connection).await.map_err(fault)?
            && !may_have_moved
        {
            return Err(StoreOpenError::Moved { store: named(database), to });
        }
        let born = house::born(&mut connection).await.map_err(fault)?;
        books::forget_old_minutes(&mut connection, born.latest_ms).await.map_err(fault)?;
        let writer = Writer {
            options: Some(options),
            seat: Mutex::new(Some(connection)),
            wait_max: Duration::from_millis(settings.wait_ms_max),
            uses: Uses::default(),
        };
        Ok(Self::of(database, settings, writer, born, versions, Some(lock)))
    }

    /// As [`Self::look`], with settings of one's own.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub async fn look_at_file(database: &Path, settings: SqliteSettings) -> Result<Self, StoreOpenError> {
        if !database.exists() {
            return Err(StoreOpenError::Missing(named(database)));
        }
        let fault = |source| StoreOpenError::Fault { store: named(database), source };
        let options = reader_options(database, settings);
        let mut connection = options.connect().await.map_err(|error| fault(fault::of(error)))?;
        let versions = migrations::check(database, &mut connection).await?;
        let born = house::known(&mut connection).await.map_err(fault)?;
        let wait_max = Duration::from_millis(settings.wait_ms_max);
        let writer = Writer { options: None, seat: Mutex::new(None), wait_max, uses: Uses::default() };
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
        self.write_what_waits().await;
        self.inner.readers.close().await;
        if let Some(connection) = self.inner.writer.seat.lock().await.take() {
            // The last one out folds the log back; if that fails, the next opening does it.
            let _ = connection.close().await;
        }
    }

    /// What was used up and is not written yet keeps nobody from closing: all that it let in is written.
    async fn write_what_waits(&self) {
        if self.inner.writer.uses.waiting() > 0
            && let Err(fault) = self.write_uses().await
        {
            tracing::warn!(%fault, "what was used once is not written down");
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

/// The file of a URL.
fn file_of(url: &StoreUrl) -> Result<&Path, StoreOpenError> {
    match url {
        StoreUrl::Sqlite(file) => Ok(file),
        StoreUrl::Postgres(_) => {
            Err(StoreOpenError::NotAStore { store: url.to_string(), why: "it is not a file".to_owned() })
        }
    }
}

/// How errors name a store.
fn named(database: &Path) -> String {
    database.display().to_string()
}

/// SQLite would make the file for everybody to read.
fn make_file(database: &Path) -> Result<(), StoreOpenError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(database);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreOpenError::Io { store: named(database), source }),
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
