//! A house that moves out: its rows are read table by table, and afterwards the file is no store any more.
//!
//! Two stores of one wallet would each sign the same payouts. So the file is marked as moved, durably, before the other store
//! is complete, and is never opened for work again.

use payoutd_actors::ports::StoreFault;
use serde_json::{Map, Value};
use sqlx::{Column, Executor, Row, SqliteConnection, TypeInfo, ValueRef, sqlite::SqliteRow};

use super::{SqliteStore, cells::Cells, fault, reads};

/// Rows that travel at a time.
const PAGE_ROWS: i64 = 500;

/// The tables of a house, each after those that it leans on, and how a page of each is read.
pub(in crate::store) const TABLES: [(&str, &str); 14] = [
    ("payout", "SELECT rowid, * FROM payout WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("transfer", "SELECT rowid, * FROM transfer WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("journal", "SELECT rowid, * FROM journal WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("seal", "SELECT rowid, * FROM seal WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("reserved", "SELECT rowid, * FROM reserved WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("spending", "SELECT rowid, * FROM spending WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("scope_reserved", "SELECT rowid, * FROM scope_reserved WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("scope_spending", "SELECT rowid, * FROM scope_spending WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("tally", "SELECT rowid, * FROM tally WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("house", "SELECT rowid, * FROM house WHERE rowid > ?1 AND fact <> 'moved_to' ORDER BY rowid LIMIT ?2"),
    ("stranger", "SELECT rowid, * FROM stranger WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("register", "SELECT rowid, * FROM register WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("used_once", "SELECT rowid, * FROM used_once WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
    ("key_usage", "SELECT rowid, * FROM key_usage WHERE rowid > ?1 ORDER BY rowid LIMIT ?2"),
];

const MOVED_TO: &str = "SELECT value FROM house WHERE fact = 'moved_to'";
const MARK: &str = "INSERT INTO house (fact, value) VALUES ('moved_to', ?1) \
     ON CONFLICT (fact) DO UPDATE SET value = excluded.value";

/// A page of a table: its rows as one JSON text, blobs as PostgreSQL writes them.
#[derive(Debug)]
pub(in crate::store) struct Page {
    pub(in crate::store) json: String,
    pub(in crate::store) rows: u64,
    /// Where the next page begins.
    pub(in crate::store) last: i64,
}

impl SqliteStore {
    /// The rows of a table behind a place; `None` behind the last.
    pub(in crate::store) async fn page_of(
        &self,
        question: &'static str,
        behind: i64,
    ) -> Result<Option<Page>, StoreFault> {
        let question = sqlx::query(question).bind(behind).bind(PAGE_ROWS);
        let rows = self.inner.readers.fetch_all(question).await.map_err(fault::of)?;
        let Some(last) = rows.last() else { return Ok(None) };
        let last = Cells::of(last).take()?;
        let whole: Vec<Value> = rows.iter().map(object).collect::<Result<_, _>>()?;
        let json = serde_json::to_string(&whole)
            .map_err(|why| StoreFault::Corrupt(format!("a row can not be written down: {why}")))?;
        Ok(Some(Page { json, rows: rows.len() as u64, last }))
    }

    /// Where the house lives now, if it has moved.
    pub(in crate::store) async fn moved_to(&self) -> Result<Option<String>, StoreFault> {
        moved_to(&mut *self.reader().await?).await
    }

    /// Marks the file: from now on the house lives elsewhere.
    pub(in crate::store) async fn mark_as_moved(&self, to: &str) -> Result<(), StoreFault> {
        let mut write = self.begin().await?;
        write.connection().execute(sqlx::query(MARK).bind(to)).await.map_err(fault::of)?;
        write.commit().await
    }
}

/// Where the house of a file lives now, if it has moved.
pub(super) async fn moved_to(connection: &mut SqliteConnection) -> Result<Option<String>, StoreFault> {
    let row = reads::one(connection, sqlx::query(MOVED_TO)).await?;
    row.map(|row| Cells::of(&row).take()).transpose()
}

/// A row without its place, by the names of its columns.
fn object(row: &SqliteRow) -> Result<Value, StoreFault> {
    let mut object = Map::new();
    for column in row.columns().iter().skip(1) {
        let at = column.ordinal();
        let raw = row.try_get_raw(at).map_err(fault::of)?;
        let kind = raw.type_info().name().to_owned();
        let value = match kind.as_str() {
            _ if raw.is_null() => Value::Null,
            "INTEGER" => Value::from(row.try_get::<i64, _>(at).map_err(fault::of)?),
            "BLOB" => {
                Value::from(format!("\\x{}", hex::encode(row.try_get::<&[u8], _>(at).map_err(fault::of)?)))
            }
            _ => Value::from(row.try_get::<String, _>(at).map_err(fault::of)?),
        };
        object.insert(column.name().to_owned(), value);
    }
    Ok(Value::Object(object))
}
