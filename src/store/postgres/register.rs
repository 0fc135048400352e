//! The register's entries, what may be used once, and how often keys are used.

use std::collections::BTreeMap;

use async_trait::async_trait;
use payoutd_actors::ports::{
    Entry, EntryKind, KeyUsage, KeyUses, Register, RegisterChange, Registered, StoreFault, USAGE_HOUR_MS,
    Use, usage_hour_of,
};
use sqlx::{Executor, PgConnection};

use super::{
    PostgresStore, cells, fault, house, journal,
    rows::{column, whole},
    writer::Pen,
};

const ENTRY: &str =
    "SELECT kind, id, name, owner, version, body, expires_at_ms FROM register WHERE kind = $1 AND id = $2";
const NAMED: &str =
    "SELECT kind, id, name, owner, version, body, expires_at_ms FROM register WHERE kind = $1 AND name = $2";
const PAGE: &str = "SELECT kind, id, name, owner, version, body, expires_at_ms FROM register \
     WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3";
const PAGE_OF: &str = "SELECT kind, id, name, owner, version, body, expires_at_ms FROM register \
     WHERE kind = $1 AND owner = $2 AND id > $3 ORDER BY id LIMIT $4";
const ADD: &str = "INSERT INTO register (kind, id, name, owner, version, body, expires_at_ms) VALUES ($1, $2, $3, $4, 1, $5, $6) \
     ON CONFLICT DO NOTHING";
/// A name that is another's changes nothing; behind the pen nobody takes it meanwhile.
const CHANGE: &str = "UPDATE register SET name = $3, owner = $4, version = version + 1, body = $5, expires_at_ms = $6 \
     WHERE kind = $1 AND id = $2 AND version = $7 \
     AND NOT EXISTS (SELECT 1 FROM register o WHERE o.kind = $1 AND o.name = $3 AND o.id <> $2)";
const REMOVE: &str = "DELETE FROM register WHERE kind = $1 AND id = $2 AND version = $3";
/// In one order, so that two who use up the same things never wait for each other.
const USE_UP: &str = "INSERT INTO used_once (what, until_ms) SELECT * FROM unnest($1::text[], $2::bigint[]) ORDER BY 1 \
     ON CONFLICT DO NOTHING RETURNING what";
const COUNT: &str = "INSERT INTO key_usage AS k (key_id, hour_ms, uses, last_used_at_ms) \
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) ORDER BY 1, 2 \
     ON CONFLICT (key_id, hour_ms) DO UPDATE SET uses = k.uses + excluded.uses, \
        last_used_at_ms = greatest(k.last_used_at_ms, excluded.last_used_at_ms)";
const USAGE: &str = "SELECT key_id, \
        sum(CASE WHEN hour_ms = 0 THEN uses ELSE 0 END)::bigint, \
        sum(CASE WHEN hour_ms > 0 THEN uses ELSE 0 END)::bigint, \
        max(last_used_at_ms) \
     FROM key_usage WHERE key_id = ANY ($1::text[]) AND (hour_ms = 0 OR hour_ms >= $2) GROUP BY key_id";
const FORGET_ENTRIES: &str = "DELETE FROM register WHERE (kind, id) IN (SELECT kind, id FROM register \
     WHERE expires_at_ms IS NOT NULL AND expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED)";
const FORGET_USES: &str = "DELETE FROM used_once WHERE what IN \
     (SELECT what FROM used_once WHERE until_ms <= $1 ORDER BY until_ms LIMIT $2 FOR UPDATE SKIP LOCKED)";
const FORGET_HOURS: &str = "DELETE FROM key_usage WHERE hour_ms > 0 AND hour_ms < $1";

#[async_trait]
impl Register for PostgresStore {
    async fn entry(&self, kind: EntryKind, id: &str) -> Result<Option<Entry>, StoreFault> {
        let question = sqlx::query(ENTRY).bind(kind.word()).bind(id.to_owned());
        self.rows(question).await?.first().map(cells::entry).transpose()
    }

    async fn entry_named(&self, kind: EntryKind, name: &str) -> Result<Option<Entry>, StoreFault> {
        let question = sqlx::query(NAMED).bind(kind.word()).bind(name.to_owned());
        self.rows(question).await?.first().map(cells::entry).transpose()
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
        let question = question.bind(after.to_owned()).bind(i64::from(limit));
        let rows = self.rows(question).await?;
        rows.iter().map(cells::entry).collect()
    }

    async fn register(&self, change: RegisterChange, now_ms: i64) -> Result<Registered, StoreFault> {
        let write = async {
            let mut write = self.begin().await?;
            let pen = self.take_pen(&mut write).await?;
            let at_ms = pen.at_ms(now_ms)?;
            let verdict = apply(write.connection()?, change, pen, at_ms).await?;
            match verdict {
                Registered::Done => {
                    write.commit().await?;
                    self.passed(at_ms);
                }
                Registered::Outdated | Registered::UsedBefore => write.give_up().await?,
            }
            Ok(verdict)
        };
        self.written(Box::pin(write)).await
    }

    async fn use_once(&self, uses: &[Use]) -> Result<Vec<bool>, StoreFault> {
        let write = async {
            let mut write = self.begin_unsynced().await?;
            let first = use_up(write.connection()?, uses).await?;
            write.commit().await?;
            Ok(first)
        };
        self.written(Box::pin(write)).await
    }

    async fn count_uses(&self, uses: &BTreeMap<String, KeyUses>) -> Result<(), StoreFault> {
        if uses.is_empty() {
            return Ok(());
        }
        let mut counted = Vec::with_capacity(uses.len() * 2);
        for (key, more) in uses {
            counted.extend([0, usage_hour_of(more.last_used_at_ms)].map(|hour| (key.as_str(), hour, *more)));
        }
        let count = sqlx::query(COUNT)
            .bind(column(&counted, |(key, ..)| *key))
            .bind(column(&counted, |(_, hour, _)| *hour))
            .bind(column(&counted, |(.., more)| whole(more.uses)))
            .bind(column(&counted, |(.., more)| more.last_used_at_ms));
        let counting = async {
            let mut write = self.begin().await?;
            write.connection()?.execute(count).await.map_err(fault::of)?;
            write.commit().await
        };
        self.written(Box::pin(counting)).await
    }

    async fn usage(&self, keys: &[String], now_ms: i64) -> Result<BTreeMap<String, KeyUsage>, StoreFault> {
        let since = usage_hour_of(now_ms) - 23 * USAGE_HOUR_MS;
        let question = sqlx::query(USAGE).bind(keys.to_vec()).bind(since);
        let rows = self.rows(question).await?;
        rows.iter().map(cells::key_usage).collect()
    }

    async fn forget_expired(&self, now_ms: i64, limit: u32) -> Result<u64, StoreFault> {
        let write = async {
            let mut write = self.begin().await?;
            let mut gone = 0;
            for forget in [FORGET_ENTRIES, FORGET_USES] {
                let forget = sqlx::query(forget).bind(now_ms).bind(i64::from(limit));
                gone += write.connection()?.execute(forget).await.map_err(fault::of)?.rows_affected();
            }
            let since = usage_hour_of(now_ms) - 24 * USAGE_HOUR_MS;
            write.connection()?.execute(sqlx::query(FORGET_HOURS).bind(since)).await.map_err(fault::of)?;
            write.commit().await?;
            Ok(gone)
        };
        self.written(Box::pin(write)).await
    }
}

/// Writes a change as far as it goes; whoever calls gives the write up unless all of it was done.
async fn apply(
    connection: &mut PgConnection,
    change: RegisterChange,
    pen: Pen,
    at_ms: i64,
) -> Result<Registered, StoreFault> {
    for Entry { kind, id, name, owner, version, body, expires_at_ms } in change.put {
        let statement = if version == 0 { ADD } else { CHANGE };
        let put = sqlx::query(statement).bind(kind.word()).bind(id).bind(name).bind(owner).bind(body);
        let put = put.bind(expires_at_ms);
        let put = if version == 0 { put } else { put.bind(i64::from(version)) };
        if (&mut *connection).execute(put).await.map_err(fault::of)?.rows_affected() != 1 {
            return Ok(Registered::Outdated);
        }
    }
    for (kind, id, version) in change.remove {
        let remove = sqlx::query(REMOVE).bind(kind.word()).bind(id).bind(i64::from(version));
        if (&mut *connection).execute(remove).await.map_err(fault::of)?.rows_affected() != 1 {
            return Ok(Registered::Outdated);
        }
    }
    if use_up(connection, &change.uses).await?.contains(&false) {
        return Ok(Registered::UsedBefore);
    }
    journal::write(connection, pen.last_seq, &change.journal).await?;
    house::pass_to(connection, at_ms).await?;
    Ok(Registered::Done)
}

async fn use_up(connection: &mut PgConnection, uses: &[Use]) -> Result<Vec<bool>, StoreFault> {
    if uses.is_empty() {
        return Ok(Vec::new());
    }
    let question = sqlx::query(USE_UP)
        .bind(column(uses, |one| one.what.as_str()))
        .bind(column(uses, |one| one.until_ms));
    let rows = connection.fetch_all(question).await.map_err(fault::of)?;
    cells::first_uses(&rows, uses)
}
