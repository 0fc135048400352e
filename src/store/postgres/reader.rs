//! Questions: each on a connection of the pool's, and none for longer than the database itself would work on it.
//!
//! The database's own limits end what is slow; they say nothing where the wire between has gone silent, and neither does TCP for
//! a quarter of an hour. So every answer is waited for on this side too, a little longer than the database takes at most. A
//! connection whose answer did not come, or whose asker went away, is closed: it may be half a conversation, or none.

use std::{pin::Pin, time::Duration};

use payoutd_actors::ports::StoreFault;
use sqlx::{Executor, PgConnection, Postgres, pool::PoolConnection, postgres::PgRow};

use super::{PostgresSettings, PostgresStore, fault, reads::Question};

/// How much longer than the database's own limit an answer is waited for: the way there and back.
const WAY: Duration = Duration::from_millis(500);

/// A connection that asks. Until it says that its answer has come, dropping it closes it.
pub(super) struct Reader {
    /// `None` once it has gone back to the others, or is closed.
    connection: Option<PoolConnection<Postgres>>,
}

impl Reader {
    /// The connection, for one question.
    pub(super) fn ask(&mut self) -> Result<&mut PgConnection, StoreFault> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            None => Err(StoreFault::Away("the connection is closed".to_owned())),
        }
    }

    /// The answer has come, whatever it says: the connection goes back to the others. Where none has come it is closed.
    pub(super) fn back<T>(mut self, answer: Option<Result<T, StoreFault>>) -> Result<T, StoreFault> {
        match answer {
            Some(answer) => {
                drop(self.connection.take());
                answer
            }
            None => Err(no_answer()),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Out of the pool and closed, without a word: the next one asks on a new connection.
            drop(connection.detach());
        }
    }
}

impl PostgresStore {
    /// A connection that reads.
    pub(super) async fn reader(&self) -> Result<Reader, StoreFault> {
        Ok(Reader { connection: Some(self.inner.pool.acquire().await.map_err(fault::of)?) })
    }

    /// Asks one question; its rows.
    pub(super) async fn rows(&self, question: Question<'_>) -> Result<Vec<PgRow>, StoreFault> {
        let mut reader = self.reader().await?;
        let rows = async { reader.ask()?.fetch_all(question).await.map_err(fault::of) };
        let rows = self.waited_for(rows).await;
        reader.back(rows)
    }

    /// An answer, or `None` where it did not come in time.
    pub(super) async fn waited_for<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreFault>>,
    ) -> Option<Result<T, StoreFault>> {
        tokio::time::timeout(self.inner.answer_within, answer).await.ok()
    }

    /// A write as a whole, its wait for the pen included. One that is given up may stand all the same, where only the answer of
    /// its commit was lost. It is boxed by whoever asks: a write's future is large, and every caller's would be with it.
    pub(super) async fn written<T>(
        &self,
        write: Pin<Box<impl Future<Output = Result<T, StoreFault>>>>,
    ) -> Result<T, StoreFault> {
        self.waited_for(write).await.unwrap_or_else(|| Err(no_answer()))
    }
}

/// How long an answer is waited for.
pub(super) fn answer_within(settings: PostgresSettings) -> Duration {
    Duration::from_millis(settings.statement_ms_max.into()) + WAY
}

fn no_answer() -> StoreFault {
    StoreFault::Away("no answer in time".to_owned())
}
