//! The store on PostgreSQL (14 or newer): one database, any number of processes.
//!
//! How it keeps its word:
//! - **Durable**: `synchronous_commit` is on, whatever the server's default; an answer comes after the commit.
//! - **One pen**: writers of the whole fleet follow one another behind a row lock ([`writer`]), and every step is guarded by its
//!   row's version. READ COMMITTED is enough for that; nothing rests on a stricter level.
//! - **Batches**: the rows of a step travel as arrays (`unnest`), and what a batch writes (payouts, transfers,
//!   records, books) goes in one statement ([`page`]), most of it put into words before anybody waits for the pen.
//! - **One line**: a database that was failed over or put back shuts the restore gate before anything is written ([`lineage`]).
//! - **Shared work**: what is payable is given out under leases, past what others have (`SKIP LOCKED`); work that one process
//!   does at a time is a role with a fencing token ([`roles`]). Leases are told by the database's clock.
//! - **Threads of its own** ([`thread`]): what the database is asked does not wait for what the actors work out.
//! - **Short roads only**: every question of the office goes by an index. The session says so to the planner, and lets it keep
//!   no plan: one that was made while the tables were empty walks through them for minutes when they are not.
//!
//! When things go wrong: a connection that is lost, a lock or a statement that takes too long is `StoreFault::Away`; where a
//! commit's answer is lost, nobody knows, and whoever asks again finds out.
//!
//! The files are those of `sqlite`, beside which they can be read; SQL stands in [`sql`] and beside its use.

mod admit;
mod arrival;
mod books;
#[allow(clippy::duplicate_mod, reason = "one file for both engines; `engine` makes the difference")]
#[path = "../cells.rs"]
mod cells;
mod commit;
mod fault;
mod house;
mod journal;
mod lineage;
mod migrations;
mod page;
mod payouts;
mod reader;
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
mod thread;
mod writer;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use self::lineage::Loss;
use payoutd_actors::ports::{Role, Roles, StoreFault};
use sqlx::{
    ConnectOptions, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::opening::{StoreOpenError, Versions};

/// Whose rows and questions the shared files are about.
mod engine {
    pub(super) use sqlx::{
        PgConnection as EngineConnection, Postgres as Engine,
        postgres::{PgArguments as EngineArguments, PgRow as EngineRow},
    };
}

/// How the database is worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresSettings {
    /// Connections of this process.
    pub connections_max: u32,
    /// How long a caller waits for one of them, ms.
    pub wait_ms_max: u32,
    /// How long a statement may take, ms. An answer, and a write as a whole, is waited for hardly longer (`reader`).
    pub statement_ms_max: u32,
    /// How long a statement waits for a lock, ms.
    pub lock_ms_max: u32,
    /// How long a transaction may do nothing before the database ends it, ms: a process that is stopped in the middle of a write
    /// keeps the fleet waiting for so long, not longer.
    pub idle_in_transaction_ms_max: u32,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        Self {
            connections_max: 16,
            wait_ms_max: 4_000,
            statement_ms_max: 4_500,
            lock_ms_max: 4_000,
            idle_in_transaction_ms_max: 3_000,
        }
    }
}

/// The store on PostgreSQL. Clones share one store.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    threads: thread::StoreThreads,
    /// How it is called, without a password.
    name: String,
    pool: PgPool,
    /// Who claims and holds roles: this opening of the store, and no other.
    holder: String,
    tokens: Mutex<roles::Tokens>,
    store_id: String,
    versions: Versions,
    /// How long an answer is waited for.
    answer_within: Duration,
    /// The latest moment that is known to be written, unix ms.
    latest_ms: AtomicI64,
    /// The line that the database was on when it was opened ([`lineage`]); `None`: it was opened for looking and never writes.
    line: Option<String>,
    loss: Loss,
}

const LET_GO: &str = "UPDATE payout SET claimed_by = NULL, claimed_until_ms = NULL WHERE resting_stage = 'admitted' AND claimed_by = $1";

impl PostgresStore {
    /// Opens a store for work, beside whoever else works it: makes its tables if they are not there, and migrates them.
    /// `name` is how errors and views call it.
    ///
    /// # Errors
    /// See [`StoreOpenError`]; nothing is changed where it is refused.
    pub async fn open(
        options: PgConnectOptions,
        name: &str,
        settings: PostgresSettings,
    ) -> Result<Self, StoreOpenError> {
        let fault = |source| StoreOpenError::Fault { store: name.to_owned(), source };
        // Whoever is second waits until the first has migrated, however long that takes.
        let patient = PostgresSettings { statement_ms_max: 0, lock_ms_max: 0, ..settings };
        let mut connection =
            reached(session(options.clone(), patient, false), settings).await.map_err(fault)?;
        let versions = migrations::run(name, &mut connection).await?;
        let line = lineage::settle(&mut connection).await.map_err(fault)?;
        let born = house::born(&mut connection).await.map_err(fault)?;
        books::forget_old_minutes(&mut connection, born.latest_ms).await.map_err(fault)?;
        books::tell_scopes_anew(&mut connection).await.map_err(fault)?;
        writer::close(connection).await;
        Self::of(options, name, settings, born, versions, Some(line)).map_err(fault)
    }

    /// Opens a store for looking: never writing.
    ///
    /// # Errors
    /// See [`StoreOpenError`]; a store that is not there or not migrated is not touched.
    pub async fn look(
        options: PgConnectOptions,
        name: &str,
        settings: PostgresSettings,
    ) -> Result<Self, StoreOpenError> {
        let fault = |source| StoreOpenError::Fault { store: name.to_owned(), source };
        let mut connection =
            reached(session(options.clone(), settings, true), settings).await.map_err(fault)?;
        let versions = migrations::check(name, &mut connection).await?;
        let born = house::known(&mut connection).await.map_err(fault)?;
        writer::close(connection).await;
        Self::of(options, name, settings, born, versions, None).map_err(fault)
    }

    fn of(
        options: PgConnectOptions,
        name: &str,
        settings: PostgresSettings,
        born: house::Born,
        versions: Versions,
        line: Option<String>,
    ) -> Result<Self, StoreFault> {
        let house::Born { store_id, latest_ms } = born;
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections_max)
            .acquire_timeout(Duration::from_millis(settings.wait_ms_max.into()))
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(session(options, settings, line.is_none()));
        let threads = thread::StoreThreads::start();
        let threads = threads.map_err(|why| StoreFault::Away(format!("no thread can be started: {why}")))?;
        let inner = Inner {
            threads,
            name: name.to_owned(),
            pool,
            holder: holder(),
            tokens: Mutex::default(),
            store_id,
            versions,
            answer_within: reader::answer_within(settings),
            latest_ms: AtomicI64::new(latest_ms),
            line,
            loss: Loss::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Does work on the store's own threads.
    async fn apart<T, W>(&self, work: impl FnOnce(Self) -> W) -> Result<T, StoreFault>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, StoreFault>> + Send + 'static,
    {
        self.inner.threads.run(work(self.clone())).await
    }

    /// How it is called, without a password.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
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

    /// Closes the connections, and lets go of what others would otherwise wait for until its lease ends.
    pub async fn close(&self) {
        if self.inner.line.is_some() {
            // If the database is away, the leases end by themselves.
            for role in Role::ALL {
                let _ = self.leave_role(role).await;
            }
            let _ = self.rows(sqlx::query(LET_GO).bind(&self.inner.holder)).await;
        }
        // A connection that does not answer is not waited for: it ends with the process.
        let _ = tokio::time::timeout(self.inner.answer_within, self.inner.pool.close()).await;
    }

    /// The later of known and present time, unix ms (F000-17: a clock that is set back opens no window twice). What is written
    /// goes by the time behind the pen.
    fn at_ms(&self, now_ms: i64) -> i64 {
        self.inner.latest_ms.load(Ordering::Acquire).max(now_ms)
    }

    /// Notes that a moment was written.
    fn passed(&self, at_ms: i64) {
        self.inner.latest_ms.fetch_max(at_ms, Ordering::AcqRel);
    }
}

/// A connection of its own, or the word that there is none.
async fn reached(session: PgConnectOptions, settings: PostgresSettings) -> Result<PgConnection, StoreFault> {
    let within = Duration::from_millis(settings.wait_ms_max.into());
    match tokio::time::timeout(within, session.connect()).await {
        Ok(connected) => connected.map_err(fault::of),
        Err(_) => Err(StoreFault::Away("no connection in time".to_owned())),
    }
}

/// How every session of ours begins, whatever the server's and the user's own settings say.
fn session(options: PgConnectOptions, settings: PostgresSettings, only_looks: bool) -> PgConnectOptions {
    let ms = |ms: u32| ms.to_string();
    options
        .application_name("payoutd")
        .options([
            ("statement_timeout", ms(settings.statement_ms_max)),
            ("lock_timeout", ms(settings.lock_ms_max)),
            ("idle_in_transaction_session_timeout", ms(settings.idle_in_transaction_ms_max)),
            // A caller that is gone frees its locks soon, also while its statement waits for another's.
            ("client_connection_check_interval", ms(1_000)),
            ("synchronous_commit", "on".to_owned()),
            ("default_transaction_isolation", "read committed".to_owned()),
            ("default_transaction_read_only", if only_looks { "on" } else { "off" }.to_owned()),
            // Every question goes by an index, in its order, from a few rows to a few rows: nested loops are always the way.
            ("enable_seqscan", "off".to_owned()),
            ("enable_bitmapscan", "off".to_owned()),
            ("enable_hashjoin", "off".to_owned()),
            ("enable_mergejoin", "off".to_owned()),
            // A plan that is kept from when a table was empty walks through it when it is not; one is made in no time. (The few
            // statements that are kept all the same are named in `writer`.)
            ("plan_cache_mode", "force_custom_plan".to_owned()),
            ("jit", "off".to_owned()),
        ])
        .disable_statement_logging()
}

/// A name that no other opening of a store has, and that a person can follow to its process.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut random = [0; 8];
    // Without randomness the process and its moment still tell two holders apart.
    if getrandom::fill(&mut random).is_err() {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        random = since.subsec_nanos().to_be_bytes().repeat(2).try_into().unwrap_or(random);
    }
    format!("{}:{}:{}", host.trim(), std::process::id(), hex::encode(random))
}
