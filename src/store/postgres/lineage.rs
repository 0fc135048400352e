//! Whether the database is still the one that gave its word.
//!
//! What was committed may be gone all the same: a standby that was promoted had not heard of the last commits, a copy was put back
//! underneath the daemons. A transfer whose row is gone with them may be on its way, and its payout stands there as if nothing had
//! been signed. So whoever takes the pen asks first:
//!
//! - **Is it the same line?** A promotion and a recovery to a point in time begin a new timeline of PostgreSQL, a dump that is read
//!   in makes the tables anew. The line is written in the house; where it is another, the restore gate is shut in the same breath,
//!   so that nobody of the fleet files a transfer before the chain has told what the lost rows had sent (F-N06).
//! - **Does it know what I know?** A disk that was put back to an earlier moment has the same line; but the house's time, which never
//!   goes back, has.
//!
//! A process that was open meanwhile remembers what is no longer so (what it has read of the chain, what it sealed): it is told by
//! [`Loss::heard`] and leaves, to begin anew from the rows. Never here: what the gate waits for.

use payoutd_actors::ports::{HouseChange, StoreFault};
use sqlx::{Executor, PgConnection};
use tokio::sync::watch;
use tracing::error;

use super::{PostgresStore, cells::Cells, fault, house, writer::Write};

/// The line that the database is on now.
macro_rules! live {
    () => {
        "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) || '/' || 'house'::regclass::oid"
    };
}
pub(super) use live;

const LOOK: &str = concat!(
    "SELECT fact FROM house WHERE fact = 'latest_ms' FOR UPDATE; \
     SELECT (SELECT value FROM house WHERE fact = 'lineage'), ",
    live!(),
    ", (SELECT coalesce(max(seq), 0) FROM journal), (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
);
const REMEMBER: &str = concat!(
    "INSERT INTO house (fact, value) SELECT 'lineage', ",
    live!(),
    " ON CONFLICT (fact) DO UPDATE SET value = excluded.value"
);

/// What is found out behind the pen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lines {
    /// The line that the house was on when somebody wrote last; `None` for a house that never wrote it down.
    pub(super) written: Option<String>,
    /// The line that the database is on.
    pub(super) live: String,
}

/// What tells that commits may be gone, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sign {
    /// Nobody knows it yet: the gate is to be shut.
    New(String),
    /// The gate was shut for it by another daemon; this one remembers what is no longer so.
    Known(String),
}

impl Lines {
    fn broken(&self) -> Option<String> {
        let written = self.written.as_ref().filter(|written| **written != self.live)?;
        Some(format!(
            "the database was failed over or put back (it was on line {written} and is on {}): what it took last may be gone",
            self.live
        ))
    }

    /// What a process makes of them that began on a line and has seen a moment; the house knows `latest_ms` as its latest.
    fn sign(&self, began_on: Option<&String>, known_ms: i64, latest_ms: i64) -> Option<Sign> {
        if let Some(why) = self.broken() {
            return Some(Sign::New(why));
        }
        if latest_ms < known_ms {
            let why = format!(
                "the database was put back: its latest moment is {latest_ms}, and {known_ms} was written"
            );
            return Some(Sign::New(why));
        }
        let is_other = began_on.is_some_and(|line| *line != self.live);
        is_other.then(|| {
            Sign::Known(format!(
                "the database was failed over or put back meanwhile, and is on line {}",
                self.live
            ))
        })
    }
}

/// Whether this process has found that its database lost something.
#[derive(Debug)]
pub(super) struct Loss(watch::Sender<Option<String>>);

impl Default for Loss {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Loss {
    /// Resolves with what tells it, if it ever happens.
    pub(super) async fn heard(&self) -> String {
        let mut heard = self.0.subscribe();
        match heard.wait_for(Option::is_some).await.map(|why| why.clone()) {
            Ok(Some(why)) => why,
            // Nobody is left to say it.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    fn known(&self) -> Option<String> {
        self.0.borrow().clone()
    }
}

/// At an opening: a house that is on another line than it was begins with its gate shut. Answers the line.
pub(super) async fn settle(connection: &mut PgConnection) -> Result<String, StoreFault> {
    connection.execute("BEGIN").await.map_err(fault::of)?;
    let look = look(connection).await?;
    if let Some(why) = look.lines.broken() {
        shut(connection, &look, &why).await?;
    }
    if look.lines.written.as_ref() != Some(&look.lines.live) {
        connection.execute(REMEMBER).await.map_err(fault::of)?;
    }
    connection.execute("COMMIT").await.map_err(fault::of)?;
    Ok(look.lines.live)
}

struct Look {
    lines: Lines,
    last_seq: i64,
    database_ms: i64,
}

async fn look(connection: &mut PgConnection) -> Result<Look, StoreFault> {
    let rows = connection.fetch_all(sqlx::raw_sql(LOOK)).await.map_err(fault::of)?;
    let [_, row] = rows.as_slice() else {
        return Err(StoreFault::Corrupt("the house has no latest_ms".to_owned()));
    };
    let mut cells = Cells::of(row);
    let lines = Lines { written: cells.take()?, live: cells.take()? };
    Ok(Look { lines, last_seq: cells.take()?, database_ms: cells.take()? })
}

/// Shuts the restore gate, behind the pen.
async fn shut(connection: &mut PgConnection, look: &Look, why: &str) -> Result<(), StoreFault> {
    error!(why, "the restore gate is shut");
    let shut = HouseChange::ShutGate { since_ms: look.database_ms, why: why.to_owned() };
    house::alter(connection, look.last_seq, &[shut], look.database_ms).await
}

impl PostgresStore {
    /// Whether what is seen behind the pen can follow what this process has seen; `known_ms` is the latest moment that it had seen
    /// when it asked. Where it can not, the gate is shut, the write is ended, and this process writes nothing any more.
    ///
    /// # Errors
    /// [`StoreFault::Away`] then.
    pub(super) async fn still_the_same(
        &self,
        write: &mut Write,
        lines: &Lines,
        latest_ms: i64,
        known_ms: i64,
    ) -> Result<(), StoreFault> {
        if let Some(why) = self.inner.loss.known() {
            return Err(StoreFault::Away(why));
        }
        let Some(sign) = lines.sign(self.inner.line.as_ref(), known_ms, latest_ms) else { return Ok(()) };
        let why = match &sign {
            Sign::New(why) => {
                let connection = write.connection()?;
                let look = look(connection).await?;
                shut(connection, &look, why).await?;
                connection.execute(REMEMBER).await.map_err(fault::of)?;
                write.end("COMMIT").await?;
                why
            }
            Sign::Known(why) => why,
        };
        self.inner.loss.0.send_replace(Some(why.clone()));
        Err(StoreFault::Away(why.clone()))
    }

    /// Resolves with what tells that the database lost what this process had written or seen, if it ever happens: whoever hears it
    /// begins anew from the rows.
    pub async fn loss(&self) -> String {
        self.inner.loss.heard().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(written: Option<&str>, live: &str) -> Lines {
        Lines { written: written.map(str::to_owned), live: live.to_owned() }
    }

    #[test]
    fn only_a_line_that_goes_on_is_no_sign() {
        let mine = "00000001/77".to_owned();
        let same = lines(Some("00000001/77"), "00000001/77");
        assert_eq!(same.sign(Some(&mine), 5, 5), None);
        assert_eq!(lines(None, "00000001/77").sign(Some(&mine), 5, 9), None, "a house from before lines");
        let promoted = lines(Some("00000001/77"), "00000002/77");
        assert!(matches!(promoted.sign(Some(&mine), 5, 9), Some(Sign::New(_))));
        let put_back = same.sign(Some(&mine), 6, 5);
        assert!(matches!(put_back, Some(Sign::New(_))), "{put_back:?}");
        let noticed_by_another = lines(Some("00000002/77"), "00000002/77").sign(Some(&mine), 5, 9);
        assert!(matches!(noticed_by_another, Some(Sign::Known(_))), "{noticed_by_another:?}");
    }
}
