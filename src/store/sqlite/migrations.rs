//! The schema, step by step, forward only.

use std::path::Path;

use sqlx::{
    Executor, SqlSafeStr, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use super::{StoreOpenError, Versions, cells::Cells, fault, named, reads};

/// Every migration: its number, what it does, its text. A text that was once released is never changed.
const MIGRATIONS: [(i64, &str, &str); 7] = [
    (1, "payouts", include_str!("../../../migrations/sqlite/0001_payouts.sql")),
    (2, "events", include_str!("../../../migrations/sqlite/0002_events.sql")),
    (3, "register", include_str!("../../../migrations/sqlite/0003_register.sql")),
    (4, "limits", include_str!("../../../migrations/sqlite/0004_limits.sql")),
    (5, "links", include_str!("../../../migrations/sqlite/0005_links.sql")),
    (6, "overdue", include_str!("../../../migrations/sqlite/0006_overdue.sql")),
    (7, "nodes", include_str!("../../../migrations/sqlite/0007_nodes.sql")),
];

const IS_ANYTHING_THERE: &str = "SELECT count(*) FROM sqlite_schema";
const IS_LIST_THERE: &str = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'";
const NEWEST: &str = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";

/// Brings a store to the newest schema; one that is newer is refused and left as it is.
pub(super) async fn run(
    database: &Path,
    connection: &mut SqliteConnection,
) -> Result<Versions, StoreOpenError> {
    let found = found(database, connection).await?;
    let now = newest();
    if found > now {
        return Err(newer(database, found));
    }
    // `run` wants a lifetime that the compiler can not show to be Send; this is what it calls.
    match migrator(newest()).run_direct(None, connection, false).await {
        Ok(()) => Ok(Versions { found, now }),
        Err(MigrateError::VersionMissing(version)) => Err(newer(database, version)),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(StoreOpenError::Fault { store: named(database), source: fault::of(error) })
        }
        Err(error) => Err(StoreOpenError::NotAStore { store: named(database), why: error.to_string() }),
    }
}

/// Whether a store has exactly the schema that this program knows.
pub(super) async fn check(
    database: &Path,
    connection: &mut SqliteConnection,
) -> Result<Versions, StoreOpenError> {
    let (found, known) = (found(database, connection).await?, newest());
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(Versions { found, now: known }),
        std::cmp::Ordering::Less => Err(StoreOpenError::Older { store: named(database), found, known }),
        std::cmp::Ordering::Greater => Err(newer(database, found)),
    }
}

fn newer(database: &Path, found: i64) -> StoreOpenError {
    StoreOpenError::Newer { store: named(database), found, known: newest() }
}

fn newest() -> i64 {
    MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

/// The schema that is there: 0 for an empty file. Somebody else's database is not one of ours.
async fn found(database: &Path, connection: &mut SqliteConnection) -> Result<i64, StoreOpenError> {
    let not_a_store = |why: String| StoreOpenError::NotAStore { store: named(database), why };
    let anything =
        (&mut *connection).fetch_one(IS_ANYTHING_THERE).await.map_err(|why| not_a_store(why.to_string()))?;
    let tables: i64 = Cells::of(&anything).take().map_err(|why| not_a_store(why.to_string()))?;
    let fault = |source| StoreOpenError::Fault { store: named(database), source };
    let is_ours = reads::one(connection, sqlx::query(IS_LIST_THERE)).await.map_err(fault)?.is_some();
    match (tables, is_ours) {
        (0, _) => Ok(0),
        (_, false) => Err(not_a_store("it is somebody else's database".to_owned())),
        (_, true) => {
            let row = connection.fetch_one(NEWEST).await.map_err(|why| fault(fault::of(why)))?;
            Cells::of(&row).take().map_err(fault)
        }
    }
}

/// The steps up to this one.
pub(super) fn migrator(up_to: i64) -> Migrator {
    let migration = |&(version, about, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, about.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let steps = MIGRATIONS.iter().filter(|(version, ..)| *version <= up_to);
    Migrator::with_migrations(steps.map(migration).collect())
}
