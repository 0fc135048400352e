//! The same fear about PostgreSQL. It sits the same exam, each story in a database of its own.

use crate::kit::postgres::Database;
use async_trait::async_trait;
use payoutd::store::{PostgresSettings, PostgresStore};
use payoutd_actors::ports::exam::{Hall, Trouble};
use tokio::sync::OnceCell;

/// A hall with a database for each store, dropped with the story that used it.
#[derive(Default)]
struct PostgresHall {
    database: OnceCell<Database>,
}

impl PostgresHall {
    async fn open(&self) -> Result<PostgresStore, Trouble> {
        let database = self.database.get_or_init(Database::make).await;
        // Few connections, so that stories in which many come at once are about waiting, too.
        let settings = PostgresSettings { connections_max: 6, ..PostgresSettings::default() };
        Ok(PostgresStore::open(database.options(), "the exam's", settings).await?)
    }
}

#[async_trait]
impl Hall for PostgresHall {
    type Store = PostgresStore;

    async fn fresh(&self) -> Result<PostgresStore, Trouble> {
        self.open().await
    }

    async fn reopened(&self, store: PostgresStore) -> Result<PostgresStore, Trouble> {
        store.close().await;
        drop(store);
        self.open().await
    }
}

payoutd_actors::store_exam!(PostgresHall::default());
