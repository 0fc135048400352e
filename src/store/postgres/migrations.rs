//! The schema, step by step, forward only, one process at a time (an advisory lock of the database).

use sqlx::{
    Executor, PgConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use tracing::warn;

use super::{StoreOpenError, Versions, cells::Cells, fault, reads};

/// Every migration: its number, what it does, its text. A text that was once released is never changed.
const MIGRATIONS: [(i64, &str, &str); 8] = [
    (1, "payouts", include_str!("../../../migrations/postgres/0001_payouts.sql")),
    (2, "events", include_str!("../../../migrations/postgres/0002_events.sql")),
    (3, "register", include_str!("../../../migrations/postgres/0003_register.sql")),
    (4, "in place", include_str!("../../../migrations/postgres/0004_in_place.sql")),
    (5, "limits", include_str!("../../../migrations/postgres/0005_limits.sql")),
    (6, "links", include_str!("../../../migrations/postgres/0006_links.sql")),
    (7, "overdue", include_str!("../../../migrations/postgres/0007_overdue.sql")),
    (8, "nodes", include_str!("../../../migrations/postgres/0008_nodes.sql")),
];

const IS_ANYTHING_THERE: &str = "SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'";
const IS_LIST_THERE: &str = "SELECT 1 FROM pg_catalog.pg_class WHERE relnamespace = current_schema()::regnamespace \
     AND relname = '_sqlx_migrations'";
const NEWEST: &str = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";

/// Brings a store to the newest schema; one that is newer is refused and left as it is.
pub(super) async fn run(store: &str, connection: &mut PgConnection) -> Result<Versions, StoreOpenError> {
    let found = found(store, connection).await?;
    let now = newest();
    if found > now {
        return Err(newer(store, found));
    }
    // A daemon that may not change the schema need not: where there is nothing to do, nothing is asked for.
    if found == now {
        return Ok(Versions { found, now });
    }
    match bring_forward(connection).await {
        Ok(()) => Ok(Versions { found, now }),
        Err(MigrateError::VersionMissing(version)) => Err(newer(store, version)),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(StoreOpenError::Fault { store: store.to_owned(), source: fault::of(error) })
        }
        Err(error) => Err(StoreOpenError::NotAStore { store: store.to_owned(), why: error.to_string() }),
    }
}

/// How often a step is tried that the database gives up for others' sake.
const TRIES_MAX: u32 = 10;

/// Takes the steps that are left. Whoever changes tables while others read them may hold one and wait for another, as they do the
/// other way round; the database then ends one of the two. What was not done whole was not done at all, and is done again.
async fn bring_forward(connection: &mut PgConnection) -> Result<(), MigrateError> {
    for _ in 1..TRIES_MAX {
        match migrator(newest()).run_direct(None, connection, false).await {
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))
                if fault::is_deadlock(&error) =>
            {
                warn!(%error, "the schema could not be brought forward beside those who work; once more");
            }
            ended => return ended,
        }
    }
    migrator(newest()).run_direct(None, connection, false).await
}

/// Whether a store has exactly the schema that this program knows.
pub(super) async fn check(store: &str, connection: &mut PgConnection) -> Result<Versions, StoreOpenError> {
    let (found, known) = (found(store, connection).await?, newest());
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(Versions { found, now: known }),
        std::cmp::Ordering::Less if found == 0 => Err(StoreOpenError::Missing(store.to_owned())),
        std::cmp::Ordering::Less => Err(StoreOpenError::Older { store: store.to_owned(), found, known }),
        std::cmp::Ordering::Greater => Err(newer(store, found)),
    }
}

fn newer(store: &str, found: i64) -> StoreOpenError {
    StoreOpenError::Newer { store: store.to_owned(), found, known: newest() }
}

fn newest() -> i64 {
    MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0)
}

/// The schema that is there: 0 for an empty database. Somebody else's database is not one of ours.
async fn found(store: &str, connection: &mut PgConnection) -> Result<i64, StoreOpenError> {
    let fault = |source| StoreOpenError::Fault { store: store.to_owned(), source };
    let row = (&mut *connection).fetch_one(IS_ANYTHING_THERE).await.map_err(|why| fault(fault::of(why)))?;
    let tables: i64 = Cells::of(&row).take().map_err(fault)?;
    let is_ours = reads::one(connection, sqlx::query(IS_LIST_THERE)).await.map_err(fault)?.is_some();
    match (tables, is_ours) {
        (0, _) => Ok(0),
        (_, false) => Err(StoreOpenError::NotAStore {
            store: store.to_owned(),
            why: "it is somebody else's database".to_owned(),
        }),
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
