//! A schema of its own for each story, in the PostgreSQL of `tests/services`: made in a moment, dropped with the story. To a
//! store it is the whole database.

use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use std::process::Command;

const VARIABLE: &str = "PAYOUTD_TEST_POSTGRES_URL";

/// An empty schema, and the URL that leads to it.
pub(crate) struct Database {
    /// Where it is, with the password.
    pub(crate) url: String,
    schema: String,
    server_url: String,
}

impl Database {
    /// Makes one.
    pub(crate) async fn make() -> Self {
        Self::at(&server_url()).await
    }

    /// The same, in a PostgreSQL of the story's own.
    pub(crate) async fn at(server_url: &str) -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).unwrap();
        let schema = format!("payoutd_test_{}", hex::encode(random));
        let make = format!("CREATE SCHEMA {schema}");
        server(server_url).await.execute(sqlx::AssertSqlSafe(make)).await.unwrap();
        let url = format!("{server_url}?options[search_path]={schema}");
        Self { url, schema, server_url: server_url.to_owned() }
    }

    /// How sqlx comes to it.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.url.parse().unwrap()
    }
}

impl Drop for Database {
    /// On a thread of its own: the story's runtime may be gone or busy.
    fn drop(&mut self) {
        let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
        let server_url = self.server_url.clone();
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut server = server(&server_url).await;
                let _ = server.execute(sqlx::AssertSqlSafe(drop)).await;
                let _ = server.close().await;
            });
        });
        let _ = dropping.join();
    }
}

async fn server(url: &str) -> PgConnection {
    url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap_or_else(|why| {
        panic!("the PostgreSQL of {VARIABLE} does not answer ({why}): is it up? tests/services up")
    })
}

/// As the caller has set it, or as `tests/services` knows it.
fn server_url() -> String {
    if let Ok(url) = std::env::var(VARIABLE) {
        return url;
    }
    let services = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services");
    let said = Command::new(services).arg("env").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let line = said.lines().find_map(|line| line.strip_prefix(VARIABLE)?.strip_prefix('='));
    let Some(url) = line else { panic!("these stories want a PostgreSQL: run tests/services up") };
    url.to_owned()
}
