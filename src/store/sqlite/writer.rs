//! A write: one transaction on the one connection that writes.
//!
//! The connection is taken from its seat for the time of a write and put back only by [`Write::commit`] and
//! [`Write::give_up`]. Whatever else happens (an error, a caller that goes away halfway) closes it, which rolls it back: no
//! half of a write is ever found by the next one, and a database that gave up its transaction by itself (a full disk) can not
//! confuse the bookkeeping of who is in one.

use payoutd_actors::ports::StoreFault;
use sqlx::{ConnectOptions, Executor, SqliteConnection};
use tokio::sync::MutexGuard;

use super::{SqliteStore, Writer, fault};

/// A transaction that is under way.
pub(super) struct Write<'a> {
    seat: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

impl SqliteStore {
    /// Begins a write as soon as it is its turn.
    pub(super) async fn begin(&self) -> Result<Write<'_>, StoreFault> {
        let Writer { options, seat, wait_max } = &self.inner.writer;
        let Some(options) = options else {
            return Err(StoreFault::Refused("it was opened for looking only".to_owned()));
        };
        let mut seat = tokio::time::timeout(*wait_max, seat.lock()).await.map_err(|_| {
            StoreFault::Away(format!("no turn to write came within {} ms", wait_max.as_millis()))
        })?;
        let mut connection = match seat.take() {
            Some(connection) => connection,
            None => options.connect().await.map_err(fault::of)?,
        };
        // Immediate: whoever finds out at its first write that another was faster has read for nothing.
        connection.execute("BEGIN IMMEDIATE").await.map_err(fault::of)?;
        Ok(Write { seat, connection })
    }
}

impl Write<'_> {
    /// The connection, for statements.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Makes it durable.
    pub(super) async fn commit(mut self) -> Result<(), StoreFault> {
        self.connection.execute("COMMIT").await.map_err(fault::of)?;
        *self.seat = Some(self.connection);
        Ok(())
    }

    /// Undoes it; nothing was written.
    pub(super) async fn give_up(mut self) -> Result<(), StoreFault> {
        self.connection.execute("ROLLBACK").await.map_err(fault::of)?;
        *self.seat = Some(self.connection);
        Ok(())
    }
}
