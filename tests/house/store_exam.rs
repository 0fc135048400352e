//! The fear: a store on disk that keeps other promises than the one in memory. It sits the same exam.

use async_trait::async_trait;
use payoutd::store::{SqliteSettings, SqliteStore};
use payoutd_actors::ports::exam::{Hall, Trouble};
use tempfile::TempDir;

/// A hall with a folder for each store, removed with the last test that uses it.
struct SqliteHall {
    folder: TempDir,
}

impl SqliteHall {
    fn open() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
}

#[async_trait]
impl Hall for SqliteHall {
    type Store = SqliteStore;

    async fn fresh(&self) -> Result<SqliteStore, Trouble> {
        let database = self.folder.path().join("payoutd.db");
        Ok(SqliteStore::open_file(&database, SqliteSettings::default()).await?)
    }

    async fn reopened(&self, store: SqliteStore) -> Result<SqliteStore, Trouble> {
        let database = store.database().to_owned();
        store.close().await;
        drop(store);
        Ok(SqliteStore::open_file(&database, SqliteSettings::default()).await?)
    }
}

payoutd_actors::store_exam!(SqliteHall::open());
