//! Schemas: each part's own, to a store the whole database; dropped with the bench.

use crate::common::house::Standing;
use crate::services;
use payoutd::store::{PostgresSettings, PostgresStore};
use payoutd_actors::domain::payout::Stage;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};

/// A schema of the bench's own.
pub(crate) struct Schema {
    pub(crate) name: String,
}

impl Schema {
    /// Makes an empty one.
    pub(crate) fn make(what: &str) -> Self {
        let name = format!("payoutd_bench_{what}_{:08x}", fastrand::u32(..));
        tell(format!("CREATE SCHEMA {name}"));
        Self { name }
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        tell(format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name));
    }
}

fn tell(statement: String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options: PgConnectOptions = services::postgres_url().parse().unwrap();
        let mut server = options.disable_statement_logging().connect().await.unwrap();
        server.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        server.close().await.unwrap();
    });
}

/// How one comes to a schema.
pub(crate) fn options(schema: &str) -> PgConnectOptions {
    let options: PgConnectOptions = services::postgres_url().parse().unwrap();
    options.options([("search_path", schema)]).disable_statement_logging()
}

/// The store in a schema, as it is shipped.
pub(crate) async fn store(schema: &str) -> PostgresStore {
    PostgresStore::open(options(schema), "bench", PostgresSettings::default()).await.unwrap()
}

/// A connection of the bench's own, with the planner's ways that the store has, and plans that are kept.
pub(crate) async fn connect(schema: &str) -> PgConnection {
    let ways = [
        ("synchronous_commit", "on"),
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("plan_cache_mode", "force_generic_plan"),
        ("jit", "off"),
    ];
    options(schema).options(ways).connect().await.unwrap()
}

/// Whoever counts payouts while they are paid, without asking the house.
pub(crate) struct Counter(PgConnection);

impl Counter {
    pub(crate) async fn of(schema: &str) -> Self {
        Self(connect(schema).await)
    }

    /// How many payouts stand where now.
    pub(crate) async fn standing(&mut self) -> Standing {
        let mut standing = Standing::default();
        for row in self.0.fetch_all("SELECT stage, payouts FROM tally").await.unwrap() {
            let stage = Stage::from_word(row.get(0)).unwrap();
            standing.add(stage, row.get::<i64, _>(1).unsigned_abs());
        }
        standing
    }
}

/// Everything is known to the planner, and what the disk is owed is paid.
pub(crate) async fn come_to_rest(connection: &mut PgConnection) {
    connection.execute("VACUUM (ANALYZE)").await.unwrap();
    // Only whoever runs the server may say so; elsewhere the server does it in its own time.
    let _ = connection.execute("CHECKPOINT").await;
}
