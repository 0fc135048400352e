//! The register's entries, what may be used once, and how often keys are used.

use std::collections::BTreeMap;

use async_trait::async_trait;
use payoutd_actors::ports::{
    Entry, EntryKind, KeyUsage, KeyUses, Register, RegisterChange, Registered, StoreFault, USAGE_HOUR_MS,
    Use, usage_hour_of,
};
use sqlx::{Executor, SqliteConnection};

use super::{
    SqliteStore, cells,
    cells::Cells,
    fault, house,
    journal::{self, Chapter},
    reads,
    rows::{self, Rows},
    uses,
};

const ENTRY: &str =
    "SELECT kind, id, name, owner, version, body, expires_at_ms FROM register WHERE kind = ?1 AND id = ?2";
const NAMED: &str =
    "SELECT kind, id, name, owner, version, body, expires_at_ms FROM register WHERE kind = ?1 AND name = ?2";
const PAGE: &str = "SELECT kind, id, name, owner, version, body, expires_at_ms FROM register \
     WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
const PAGE_OF: &str = "SELECT kind, id, name, owner, version, body, expires_at_ms FROM register \
     WHERE kind = ?1 AND owner = ?2 AND id > ?3 ORDER BY id LIMIT ?4";
const ADD: &str = "INSERT INTO register (kind, id, name, owner, version, body, expires_at_ms) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6) \
     ON CONFLICT DO NOTHING";
/// `OR IGNORE`: a name that is another's changes nothing.
const CHANGE: &str = "UPDATE OR IGNORE register SET name = ?3, owner = ?4, version = version + 1, body = ?5, expires_at_ms = ?6 \
     WHERE kind = ?1 AND id = ?2 AND version = ?7";
const REMOVE: &str = "DELETE FROM register WHERE kind = ?1 AND id = ?2 AND version = ?3";
const USE_UP: &str = "INSERT INTO used_once (what, until_ms) SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1) WHERE TRUE \
     ON CONFLICT DO NOTHING RETURNING what";
const USED: &str = "SELECT what FROM used_once WHERE what IN (SELECT value FROM jsonb_each(?1))";
const COUNT: &str = "INSERT INTO key_usage (key_id, hour_ms, uses, last_used_at_ms) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM jsonb_each(?1) WHERE TRUE \
     ON CONFLICT (key_id, hour_ms) DO UPDATE SET uses = uses + excluded.uses, \
        last_used_at_ms = max(last_used_at_ms, excluded.last_used_at_ms)";
const USAGE: &str = "SELECT key_id, \
        sum(CASE WHEN hour_ms = 0 THEN uses ELSE 0 END), \
        sum(CASE WHEN hour_ms > 0 THEN uses ELSE 0 END), \
        max(last_used_at_ms) \
     FROM key_usage WHERE key_id IN (SELECT value FROM jsonb_each(?1)) AND (hour_ms = 0 OR hour_ms >= ?2) GROUP BY key_id";
const FORGET_ENTRIES: &str = "DELETE FROM register WHERE rowid IN \
     (SELECT rowid FROM register WHERE expires_at_ms IS NOT NULL AND expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT ?2)";
const FORGET_USES: &str = "DELETE FROM used_once WHERE rowid IN \
     (SELECT rowid FROM used_once WHERE until_ms <= ?1 ORDER BY until_ms LIMIT ?2)";
const FORGET_HOURS: &str = "DELETE FROM key_usage WHERE hour_ms > 0 AND hour_ms < ?1";

#[async_trait]
impl Register for SqliteStore {
    async fn entry(&self, kind: EntryKind, id: &str) -> Result<Option<Entry>, StoreFault> {
        let question = sqlx::query(ENTRY).bind(kind.word()).bind(id.to_owned());
        let row = reads::one(&mut *self.reader().await?, question).await?;
        row.as_ref().map(cells::entry).transpose()
    }

    async fn entry_named(&self, kind: EntryKind, name: &str) -> Result<Option<Entry>, StoreFault> {
        let question = sqlx::query(NAMED).bind(kind.word()).bind(name.to_owned());
        let row = reads::one(&mut *self.reader().await?, question).await?;
        row.as_ref().map(cells::entry).transpose()
    }

    async fn entries(
        &self,
        kind: EntryKind,
        owner: Option<&str>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreFault> {
        let question = match owner {
            Some(owner) => sqlx::query(PAGE_OF).bind(kind.word()).bind(owner.to_owned()),
            None => sqlx::query(PAGE).bind(kind.word()),
        };
        let question = question.bind(after.to_owned()).bind(limit);
        let rows = self.inner.readers.fetch_all(question).await.map_err(fault::of)?;
        rows.iter().map(cells::entry).collect()
    }

    async fn register(&self, change: RegisterChange, now_ms: i64) -> Result<Registered, StoreFault> {
        // Until this is committed or given up, for anybody else it is used.
        let claim = self.inner.writer.uses.claim(&change.uses);
        if !claim.is_whole() {
            return Ok(Registered::UsedBefore);
        }
        let mut write = self.begin().await?;
        let at_ms = self.at_ms(now_ms);
        let verdict = apply(write.connection(), change, at_ms).await?;
        match verdict {
            Registered::Done => {
                write.commit().await?;
                self.passed(at_ms);
            }
            Registered::Outdated | Registered::UsedBefore => write.give_up().await?,
        }
        Ok(verdict)
    }

    async fn use_once(&self, uses: &[Use]) -> Result<Vec<bool>, StoreFault> {
        let book = &self.inner.writer.uses;
        // Claimed before it is asked: what is written in between was claimed all the while.
        let claim = book.claim(uses);
        let question = sqlx::query(USED).bind(rows::texts(claim.asked()));
        let rows = self.inner.readers.fetch_all(question).await.map_err(fault::of)?;
        let known = rows.iter().map(|row| Cells::of(row).take()).collect::<Result<_, _>>()?;
        if book.waiting() >= uses::WAITING_MAX {
            self.write_uses().await?;
        }
        Ok(claim.keep(&known))
    }

    async fn count_uses(&self, uses: &BTreeMap<String, KeyUses>) -> Result<(), StoreFault> {
        let mut counted = Rows::with_room_for(uses.len() * 2, 80);
        for (key, more) in uses {
            for hour in [0, usage_hour_of(more.last_used_at_ms)] {
                counted.row().text(key).whole(hour).whole(more.uses).whole(more.last_used_at_ms).end();
            }
        }
        if counted.is_empty() {
            return Ok(());
        }
        let mut write = self.begin().await?;
        write.connection().execute(sqlx::query(COUNT).bind(counted.into_json())).await.map_err(fault::of)?;
        write.commit().await
    }

    async fn usage(&self, keys: &[String], now_ms: i64) -> Result<BTreeMap<String, KeyUsage>, StoreFault> {
        let since = usage_hour_of(now_ms) - 23 * USAGE_HOUR_MS;
        let question = sqlx::query(USAGE).bind(rows::texts(keys)).bind(since);
        let rows = self.inner.readers.fetch_all(question).await.map_err(fault::of)?;
        rows.iter().map(cells::key_usage).collect()
    }

    async fn forget_expired(&self, now_ms: i64, limit: u32) -> Result<u64, StoreFault> {
        let mut write = self.begin().await?;
        let mut gone = 0;
        for forget in [FORGET_ENTRIES, FORGET_USES] {
            let forget = sqlx::query(forget).bind(now_ms).bind(limit);
            gone += write.connection().execute(forget).await.map_err(fault::of)?.rows_affected();
        }
        let since = usage_hour_of(now_ms) - 24 * USAGE_HOUR_MS;
        write.connection().execute(sqlx::query(FORGET_HOURS).bind(since)).await.map_err(fault::of)?;
        write.commit().await?;
        Ok(gone)
    }
}

/// Writes a change as far as it goes; whoever calls gives the write up unless all of it was done.
async fn apply(
    connection: &mut SqliteConnection,
    change: RegisterChange,
    at_ms: i64,
) -> Result<Registered, StoreFault> {
    for Entry { kind, id, name, owner, version, body, expires_at_ms } in change.put {
        let statement = if version == 0 { ADD } else { CHANGE };
        let put = sqlx::query(statement).bind(kind.word()).bind(id).bind(name).bind(owner).bind(body);
        let put = put.bind(expires_at_ms);
        let put = if version == 0 { put } else { put.bind(version) };
        if (&mut *connection).execute(put).await.map_err(fault::of)?.rows_affected() != 1 {
            return Ok(Registered::Outdated);
        }
    }
    for (kind, id, version) in change.remove {
        let remove = sqlx::query(REMOVE).bind(kind.word()).bind(id).bind(version);
        if (&mut *connection).execute(remove).await.map_err(fault::of)?.rows_affected() != 1 {
            return Ok(Registered::Outdated);
        }
    }
    if use_up(connection, &change.uses).await?.contains(&false) {
        return Ok(Registered::UsedBefore);
    }
    let mut chapter = Chapter::after(journal::last_seq(connection).await?);
    for draft in change.journal {
        chapter.add(draft);
    }
    chapter.write(connection).await?;
    house::pass_to(connection, at_ms).await?;
    Ok(Registered::Done)
}

impl SqliteStore {
    /// Writes what waits without waiting for the disk.
    pub(super) async fn write_uses(&self) -> Result<(), StoreFault> {
        self.begin_unsynced().await?.commit().await
    }
}

/// Uses things up; of each, whether it had not been used before.
pub(super) async fn use_up(connection: &mut SqliteConnection, uses: &[Use]) -> Result<Vec<bool>, StoreFault> {
    if uses.is_empty() {
        return Ok(Vec::new());
    }
    let mut new = Rows::with_room_for(uses.len(), 80);
    for one in uses {
        new.row().text(&one.what).whole(one.until_ms).end();
    }
    let question = sqlx::query(USE_UP).bind(new.into_json());
    let rows = connection.fetch_all(question).await.map_err(fault::of)?;
    cells::first_uses(&rows, uses)
}
