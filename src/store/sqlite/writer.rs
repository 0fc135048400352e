//! A write: one transaction on the one connection that writes.
//!
//! The connection is taken from its seat for the time of a write and put back only by [`Write::commit`] and
//! [`Write::give_up`]. Whatever else happens (an error, a caller that goes away halfway) closes it, which rolls it back: no
//! half of a write is ever found by the next one, and a database that gave up its transaction by itself (a full disk) can not
//! confuse the bookkeeping of who is in one.
//!
//! Each takes along what was answered and waits to be written ([`Uses`](super::uses::Uses)). It waits for the disk when it commits,
//! unless it is begun by [`SqliteStore::begin_unsynced`]: that is on the disk with the next one that waits, for there is one log, in one
//! order. So whatever is built upon it never outlives it.

use payoutd_actors::ports::StoreFault;
use sqlx::{ConnectOptions, Executor, SqliteConnection};
use tokio::sync::MutexGuard;

use super::{SqliteStore, Writer, fault, register, uses::Taken};

/// A transaction that is under way.
pub(super) struct Write<'a> {
    /// Before the seat, which is let go of after it: what was taken along waits again before anybody else begins.
    along: Taken<'a>,
    seat: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
    ends: Ends,
}

/// The words that a transaction begins and ends with.
#[derive(Clone, Copy)]
struct Ends {
    begin: &'static str,
    commit: &'static str,
    give_up: &'static str,
}

// Immediate: whoever finds out at its first write that another was faster has read for nothing.
const SYNCED: Ends = Ends { begin: "BEGIN IMMEDIATE", commit: "COMMIT", give_up: "ROLLBACK" };
// SQLite obeys this pragma as it prepares it: the words are sent bare, which sqlx prepares each time, and never as a kept query.
const UNSYNCED: Ends = Ends {
    begin: "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE",
    commit: "COMMIT; PRAGMA synchronous = FULL",
    give_up: "ROLLBACK; PRAGMA synchronous = FULL",
};

impl SqliteStore {
    /// Begins a write as soon as it is its turn.
    pub(super) async fn begin(&self) -> Result<Write<'_>, StoreFault> {
        self.begin_with(SYNCED).await
    }

    /// The same; its commit waits for no disk.
    pub(super) async fn begin_unsynced(&self) -> Result<Write<'_>, StoreFault> {
        self.begin_with(UNSYNCED).await
    }

    async fn begin_with(&self, ends: Ends) -> Result<Write<'_>, StoreFault> {
        let Writer { options, seat, wait_max, uses } = &self.inner.writer;
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
        connection.execute(ends.begin).await.map_err(fault::of)?;
        let along = uses.take_along();
        register::use_up(&mut connection, along.uses()).await?;
        Ok(Write { seat, connection, ends, along })
    }
}

impl Write<'_> {
    /// The connection, for statements.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Makes it durable.
    pub(super) async fn commit(mut self) -> Result<(), StoreFault> {
        self.connection.execute(self.ends.commit).await.map_err(fault::of)?;
        self.along.written();
        *self.seat = Some(self.connection);
        Ok(())
    }

    /// Undoes it; nothing was written, and what it took along waits again.
    pub(super) async fn give_up(mut self) -> Result<(), StoreFault> {
        self.connection.execute(self.ends.give_up).await.map_err(fault::of)?;
        *self.seat = Some(self.connection);
        Ok(())
    }
}
