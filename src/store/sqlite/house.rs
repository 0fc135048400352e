//! What the house remembers of itself: a JSON value a fact, so that a new fact needs no migration.

use async_trait::async_trait;
use payoutd_actors::{
    domain::journal::BodyError,
    ports::{House, HouseChange, HouseFacts, StoreFault},
};
use sqlx::{Executor, SqliteConnection};

use super::{SqliteStore, cells::Cells, fault, journal, journal::Chapter, reads, rows::Rows};
use crate::store::facts;

const FACTS: &str = "SELECT fact, value FROM house";
const REMEMBER: &str = "INSERT INTO house (fact, value) SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1) WHERE TRUE \
     ON CONFLICT (fact) DO UPDATE SET value = excluded.value";
const FORGET: &str = "DELETE FROM house WHERE fact = ?1";
const PASS_TO: &str = "UPDATE house SET value = ?1 WHERE fact = 'latest_ms'";
const NAME_STORE: &str = "INSERT INTO house (fact, value) VALUES ('store_id', ?1) ON CONFLICT DO NOTHING";
/// No row while the house is not paused.
const IS_PAUSED: &str = "SELECT 1 FROM house WHERE fact = 'pause'";
const HAS_LOST_SOMETHING: &str = "SELECT 1 FROM house WHERE fact = 'restore_gate'";

/// What a store is known by from its first opening on.
#[derive(Debug, Clone)]
pub(super) struct Born {
    pub(super) store_id: String,
    pub(super) latest_ms: i64,
}

/// Gives a new store its name, and reads it back.
pub(super) async fn born(connection: &mut SqliteConnection) -> Result<Born, StoreFault> {
    let name = sqlx::query(NAME_STORE).bind(facts::new_name()?);
    connection.execute(name).await.map_err(fault::of)?;
    known(connection).await
}

/// The name and the time of a store that is there.
pub(super) async fn known(connection: &mut SqliteConnection) -> Result<Born, StoreFault> {
    let HouseFacts { store_id, latest_ms, .. } = facts(connection).await?;
    Ok(Born { store_id, latest_ms })
}

/// Whether the kill switch is pulled, as seen from within a transaction (F004-42).
pub(super) async fn is_paused(connection: &mut SqliteConnection) -> Result<bool, StoreFault> {
    Ok(reads::one(connection, sqlx::query(IS_PAUSED)).await?.is_some())
}

/// Whether the restore gate is shut, as seen from within a transaction (F-N06).
pub(super) async fn has_lost_something(connection: &mut SqliteConnection) -> Result<bool, StoreFault> {
    Ok(reads::one(connection, sqlx::query(HAS_LOST_SOMETHING)).await?.is_some())
}

/// Moves the house's time forward; the caller has seen that it is not moved back.
pub(super) async fn pass_to(connection: &mut SqliteConnection, at_ms: i64) -> Result<(), StoreFault> {
    let pass = sqlx::query(PASS_TO).bind(at_ms.to_string());
    connection.execute(pass).await.map(|_| ()).map_err(fault::of)
}

#[async_trait]
impl House for SqliteStore {
    async fn facts(&self) -> Result<HouseFacts, StoreFault> {
        let mut facts = facts(&mut *self.reader().await?).await?;
        facts.latest_ms = self.at_ms(facts.latest_ms);
        Ok(facts)
    }

    async fn change(&self, changes: Vec<HouseChange>, now_ms: i64) -> Result<(), StoreFault> {
        let mut write = self.begin().await?;
        let connection = write.connection();
        let before = facts(connection).await?;
        let at_ms = self.at_ms(now_ms);
        let mut chapter = Chapter::after(journal::last_seq(connection).await?);
        let mut after = before.clone();
        for change in &changes {
            let new;
            (after, new) = after.changed(change)?;
            if new && let Some(draft) = change.journal_draft(at_ms).map_err(unwritable)? {
                chapter.add(draft);
            }
        }
        after.latest_ms = after.latest_ms.max(at_ms);
        chapter.write(connection).await?;
        remember(connection, &before, &after).await?;
        write.commit().await?;
        self.passed(at_ms);
        Ok(())
    }
}

fn unwritable(why: BodyError) -> StoreFault {
    StoreFault::Corrupt(format!("a change of the house can not be written down: {why}"))
}

async fn facts(connection: &mut SqliteConnection) -> Result<HouseFacts, StoreFault> {
    let rows = connection.fetch_all(sqlx::query(FACTS)).await.map_err(fault::of)?;
    let mut told = HouseFacts::default();
    for row in &rows {
        let mut cells = Cells::of(row);
        facts::read(&mut told, cells.take()?, cells.take()?)?;
    }
    Ok(told)
}

/// Writes the facts that differ.
async fn remember(
    connection: &mut SqliteConnection,
    before: &HouseFacts,
    after: &HouseFacts,
) -> Result<(), StoreFault> {
    let mut rows = Rows::with_room_for(4, 120);
    for (fact, value) in facts::news(before, after)? {
        rows.row().text(&fact).text(&value).end();
    }
    if !rows.is_empty() {
        let remember = sqlx::query(REMEMBER).bind(rows.into_json());
        (&mut *connection).execute(remember).await.map_err(fault::of)?;
    }
    for fact in facts::forgotten(before, after) {
        (&mut *connection).execute(sqlx::query(FORGET).bind(fact)).await.map_err(fault::of)?;
    }
    Ok(())
}
