//! A store of whichever engine, as the house has it: opened by its URL, handed out as ports.

use std::sync::Arc;

use async_trait::async_trait;
use payoutd_actors::ports::{House, Journal, Payouts, Register, Roles, Strangers};
use sqlx::postgres::PgConnectOptions;

use super::{PostgresSettings, PostgresStore, SqliteStore, StoreOpenError, Versions};
use crate::config::{self, PostgresUrl, StoreUrl};

/// How long the payout worker gathers upon PostgreSQL, ms: orders at the door waited half as long with it, measured at half load, and as
/// much was paid.
const GATHER_MS: u64 = 30;

/// Everything that a store does, whatever its engine.
#[async_trait]
pub trait Cellar: Payouts + House + Journal + Strangers + Roles + Register {
    /// How it is called: its file or its URL, without a password.
    fn name(&self) -> String;

    /// The store's own random name, made at its birth.
    fn store_id(&self) -> &str;

    /// The schema that was found and the one that it has now.
    fn versions(&self) -> Versions;

    /// Resolves with what tells that the store lost what this process had written or seen, if it ever happens: whoever hears it
    /// begins anew from the rows, whose restore gate is shut (F-N06). A file that one process holds loses nothing under its hands.
    async fn loss(&self) -> String {
        std::future::pending().await
    }

    /// How long whoever writes round after round does well to gather what it writes, ms: upon a database that answers over a wire, each
    /// transaction keeps the others waiting for its own, however little is in it.
    fn gather_ms(&self) -> u64 {
        0
    }

    /// Closes it; what was answered is durable whether this is called or not.
    async fn close(&self);
}

/// Opens a store for work; makes and migrates it where it is not there.
///
/// # Errors
/// See [`StoreOpenError`]; nothing is changed where it is refused.
pub async fn open(store: &config::Store) -> Result<Arc<dyn Cellar>, StoreOpenError> {
    Ok(match &store.url {
        StoreUrl::Sqlite(_) => Arc::new(SqliteStore::open(&store.url).await?),
        StoreUrl::Postgres(url) => {
            let options = connect_options(store, url)?;
            Arc::new(PostgresStore::open(options, &url.to_string(), postgres_settings(store)).await?)
        }
    })
}

/// Opens a store for looking: beside whoever works it, and never writing.
///
/// # Errors
/// See [`StoreOpenError`]; a store that is not there or not migrated is not touched.
pub async fn look(store: &config::Store) -> Result<Arc<dyn Cellar>, StoreOpenError> {
    Ok(match &store.url {
        StoreUrl::Sqlite(_) => Arc::new(SqliteStore::look(&store.url).await?),
        StoreUrl::Postgres(url) => {
            let options = connect_options(store, url)?;
            Arc::new(PostgresStore::look(options, &url.to_string(), postgres_settings(store)).await?)
        }
    })
}

fn connect_options(store: &config::Store, url: &PostgresUrl) -> Result<PgConnectOptions, StoreOpenError> {
    let password = store.password_file.as_ref().map(config::SecretFile::store_password).transpose();
    let password = password.map_err(StoreOpenError::Password)?;
    let not_a_store = |why| StoreOpenError::NotAStore { store: url.to_string(), why };
    url.options(password.as_ref()).map_err(not_a_store)
}

fn postgres_settings(store: &config::Store) -> PostgresSettings {
    let ms = |duration: std::time::Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    PostgresSettings {
        connections_max: store.connections_max,
        statement_ms_max: ms(store.statement_timeout),
        lock_ms_max: ms(store.lock_timeout),
        ..PostgresSettings::default()
    }
}

#[async_trait]
impl Cellar for SqliteStore {
    fn name(&self) -> String {
        self.database().display().to_string()
    }

    fn store_id(&self) -> &str {
        Self::store_id(self)
    }

    fn versions(&self) -> Versions {
        Self::versions(self)
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}

#[async_trait]
impl Cellar for PostgresStore {
    fn gather_ms(&self) -> u64 {
        GATHER_MS
    }

    fn name(&self) -> String {
        Self::name(self).to_owned()
    }

    async fn loss(&self) -> String {
        Self::loss(self).await
    }

    fn store_id(&self) -> &str {
        Self::store_id(self)
    }

    fn versions(&self) -> Versions {
        Self::versions(self)
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}
