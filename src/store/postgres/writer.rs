//! A write: one transaction on a connection of its own, and the pen that orders all writers of the fleet.
//!
//! - **The pen** is the row `latest_ms` of `house`. Whoever writes in the journal or in the books locks it first, so that these
//!   writes follow one another, whatever process they come from: the journal's numbers have no gaps, the limits are read and
//!   moved by one at a time, and a pause that was answered is seen by every write after it. No promise rests on the isolation
//!   level: what was read before the pen was taken is asked again behind it, or guarded by the row's version.
//! - **Locks are taken in one order**, the pen before all others, so that there is no deadlock. Claims never wait for a lock.
//! - Whatever ends a write without [`Write::commit`] or [`Write::give_up`] (an error, a caller that goes away halfway) closes
//!   its connection, which rolls it back: no half of a write is ever found by the next one.
//! - Whoever has it is told whether the database is the one that it was ([`lineage`](super::lineage)), and what its clock says.
//! - A process that stops in the middle of a write (SIGSTOP, a cut wire) holds the pen until the database has lost patience
//!   (`idle_in_transaction_session_timeout`), not longer.

use payoutd_actors::ports::StoreFault;
use sqlx::{Connection, Executor, PgConnection, Postgres, pool::PoolConnection};

use super::{
    PostgresStore,
    cells::Cells,
    fault,
    lineage::{Lines, live},
};

/// Two statements in one go, each with a look of its own: what was written while the first waited is seen by the second.
macro_rules! take_pen {
    () => {
        concat!(
            "SELECT fact FROM house WHERE fact = 'latest_ms' FOR UPDATE; \
         SELECT (SELECT coalesce(max(seq), 0) FROM journal), \
                (SELECT value::bigint FROM house WHERE fact = 'latest_ms'), \
                (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
                EXISTS (SELECT 1 FROM house WHERE fact IN ('pause', 'restore_gate')), \
                (SELECT value FROM house WHERE fact = 'lineage'), ",
            live!()
        )
    };
}
const TAKE_PEN: &str = take_pen!();

/// Steps and orders are written by a few large statements, the same ones all day, whose rows are found by their keys alone: there is
/// one way to do it, however much is on file, and to work it out anew each time would take a tenth of the time behind the pen.
macro_rules! begin_with_kept_plans {
    () => {
        "BEGIN; SET LOCAL plan_cache_mode = 'force_generic_plan'; "
    };
}
const BEGIN_UNSYNCED: &str = "BEGIN; SET LOCAL synchronous_commit = off";
const BEGIN_WITH_KEPT_PLANS: &str = begin_with_kept_plans!();
const BEGIN_WITH_PEN: &str = concat!(begin_with_kept_plans!(), take_pen!());

/// A transaction that is under way.
pub(super) struct Write {
    /// `None` once it has ended.
    connection: Option<PoolConnection<Postgres>>,
}

/// What holds as long as the pen is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    /// The journal's last place; 0 for none.
    pub(super) last_seq: i64,
    /// The latest moment that was ever written, unix ms.
    pub(super) latest_ms: i64,
    /// The database's own clock, unix ms.
    database_ms: i64,
    /// Whether the kill switch is pulled (F004-42), or the restore gate shut (F-N06): nothing is filed then.
    pub(super) nothing_leaves: bool,
}

/// How far a daemon's clock may be before the database's, ms: a moment that was written is never taken back, and every window of
/// the fleet's limits would begin there.
const CLOCK_AHEAD_MAX_MS: i64 = 60_000;

impl Pen {
    /// The moment of a write: the later of present and written time, unix ms.
    ///
    /// # Errors
    /// [`StoreFault::Away`] where the present that is told is far ahead of the database's.
    pub(super) fn at_ms(&self, now_ms: i64) -> Result<i64, StoreFault> {
        let ahead_ms = now_ms.saturating_sub(self.database_ms.max(self.latest_ms));
        if ahead_ms > CLOCK_AHEAD_MAX_MS {
            return Err(StoreFault::Away(format!(
                "this machine's clock is {} s ahead of the database's; set whichever is wrong",
                ahead_ms / 1_000
            )));
        }
        Ok(self.latest_ms.max(now_ms))
    }
}

impl PostgresStore {
    /// Begins a write.
    pub(super) async fn begin(&self) -> Result<Write, StoreFault> {
        let mut write = self.write().await?;
        write.connection()?.execute("BEGIN").await.map_err(fault::of)?;
        Ok(write)
    }

    /// Begins a write whose commit waits for no disk: it is there with the next one that waits, for there is one log, in one order. So
    /// whatever is built upon it never outlives it.
    pub(super) async fn begin_unsynced(&self) -> Result<Write, StoreFault> {
        let mut write = self.write().await?;
        write.connection()?.execute(sqlx::raw_sql(BEGIN_UNSYNCED)).await.map_err(fault::of)?;
        Ok(write)
    }

    /// Begins a write of statements whose plans are kept.
    pub(super) async fn begin_with_kept_plans(&self) -> Result<Write, StoreFault> {
        let mut write = self.write().await?;
        write.connection()?.execute(sqlx::raw_sql(BEGIN_WITH_KEPT_PLANS)).await.map_err(fault::of)?;
        Ok(write)
    }

    /// Begins a write and waits for the pen, in one go; plans are kept.
    pub(super) async fn begin_with_pen(&self) -> Result<(Write, Pen), StoreFault> {
        let mut write = self.write().await?;
        let pen = self.pen(&mut write, BEGIN_WITH_PEN).await?;
        Ok((write, pen))
    }

    /// Whoever opened the store for looking does not.
    pub(super) fn may_write(&self) -> Result<(), StoreFault> {
        match &self.inner.line {
            Some(_) => Ok(()),
            None => Err(StoreFault::Refused("it was opened for looking only".to_owned())),
        }
    }

    async fn write(&self) -> Result<Write, StoreFault> {
        self.may_write()?;
        Ok(Write { connection: Some(self.inner.pool.acquire().await.map_err(fault::of)?) })
    }

    /// Waits for the pen; until the write ends, nobody else has it.
    pub(super) async fn take_pen(&self, write: &mut Write) -> Result<Pen, StoreFault> {
        self.pen(write, TAKE_PEN).await
    }

    async fn pen(&self, write: &mut Write, words: &'static str) -> Result<Pen, StoreFault> {
        let known_ms = self.at_ms(0);
        let rows = write.connection()?.fetch_all(sqlx::raw_sql(words)).await.map_err(fault::of)?;
        let [_, now] = rows.as_slice() else {
            return Err(StoreFault::Corrupt("the house has no latest_ms".to_owned()));
        };
        let mut cells = Cells::of(now);
        let pen = Pen {
            last_seq: cells.take()?,
            latest_ms: cells.take()?,
            database_ms: cells.take()?,
            nothing_leaves: cells.take()?,
        };
        let lines = Lines { written: cells.take()?, live: cells.take()? };
        Box::pin(self.still_the_same(write, &lines, pen.latest_ms, known_ms)).await?;
        self.passed(pen.latest_ms);
        Ok(pen)
    }
}

impl Write {
    /// The connection, for statements.
    pub(super) fn connection(&mut self) -> Result<&mut PgConnection, StoreFault> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            None => Err(StoreFault::Refused("the write has ended".to_owned())),
        }
    }

    /// Makes it durable. Where the answer is lost, nobody knows: it may stand, and whoever asks again finds out.
    pub(super) async fn commit(mut self) -> Result<(), StoreFault> {
        self.end("COMMIT").await
    }

    /// Undoes it; nothing was written.
    pub(super) async fn give_up(mut self) -> Result<(), StoreFault> {
        self.end("ROLLBACK").await
    }

    /// Ends it by a word.
    pub(super) async fn end(&mut self, word: &'static str) -> Result<(), StoreFault> {
        self.connection()?.execute(word).await.map_err(fault::of)?;
        // Only now may the connection go back to the others.
        drop(self.connection.take());
        Ok(())
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Out of the pool and closed, without a word: the database rolls back what is not committed.
            drop(connection.detach());
        }
    }
}

/// Closes a connection that was made for one purpose; if that fails, the database notices by itself.
pub(super) async fn close(connection: PgConnection) {
    let _ = connection.close().await;
}
