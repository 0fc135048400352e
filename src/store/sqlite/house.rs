//! What the house remembers of itself: a JSON value a fact, so that a new fact needs no migration.

use async_trait::async_trait;
use payoutd_actors::{
    domain::{breaker::Breaker, journal::BodyError},
    ports::{House, HouseChange, HouseFacts, StoreFault},
};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Executor, SqliteConnection};

use super::{SqliteStore, cells::Cells, fault, journal, journal::Chapter, reads, rows::Rows};

const STORE_ID: &str = "store_id";
const PAUSE: &str = "pause";
const GENESIS_ID: &str = "genesis_id";
const BIRTH: &str = "birth";
const LAST_SOLID: &str = "last_solid";
const RESTORE_GATE: &str = "restore_gate";
const LATEST_MS: &str = "latest_ms";
/// Before the name of each dependency.
const BREAKER: &str = "breaker:";

const FACTS: &str = "SELECT fact, value FROM house";
const REMEMBER: &str = "INSERT INTO house (fact, value) SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1) WHERE TRUE \
     ON CONFLICT (fact) DO UPDATE SET value = excluded.value";
const FORGET_PAUSE: &str = "DELETE FROM house WHERE fact = 'pause'";
const FORGET_GATE: &str = "DELETE FROM house WHERE fact = 'restore_gate'";
const NAME_STORE: &str = "INSERT INTO house (fact, value) VALUES ('store_id', ?1) ON CONFLICT DO NOTHING";
/// No row while the house is not paused.
const IS_PAUSED: &str = "SELECT 1 FROM house WHERE fact = 'pause'";

/// What a store is known by from its first opening on.
#[derive(Debug, Clone)]
pub(super) struct Born {
    pub(super) store_id: String,
    pub(super) latest_ms: i64,
}

/// Gives a new store its name, and reads it back.
pub(super) async fn born(connection: &mut SqliteConnection) -> Result<Born, StoreFault> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|why| StoreFault::Away(format!("the system gives no randomness: {why}")))?;
    let name = sqlx::query(NAME_STORE).bind(json(&hex::encode(random))?);
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
    let mut facts = HouseFacts::default();
    for row in &rows {
        let mut cells = Cells::of(row);
        let (fact, value): (&str, &str) = (cells.take()?, cells.take()?);
        match fact {
            STORE_ID => facts.store_id = read(fact, value)?,
            PAUSE => facts.pause = Some(read(fact, value)?),
            GENESIS_ID => facts.genesis_id = Some(read(fact, value)?),
            BIRTH => facts.birth = Some(read(fact, value)?),
            LAST_SOLID => facts.last_solid = Some(read(fact, value)?),
            RESTORE_GATE => facts.restore_gate = Some(read(fact, value)?),
            LATEST_MS => facts.latest_ms = read(fact, value)?,
            _ => {
                if let Some(name) = fact.strip_prefix(BREAKER) {
                    let breaker: Breaker = read(fact, value)?;
                    facts.breakers.insert(name.to_owned(), breaker);
                }
            }
        }
    }
    Ok(facts)
}

/// Writes the facts that differ.
async fn remember(
    connection: &mut SqliteConnection,
    before: &HouseFacts,
    after: &HouseFacts,
) -> Result<(), StoreFault> {
    let mut rows = Rows::with_room_for(4, 120);
    if let Some(pause) = after.pause.as_ref().filter(|_| after.pause != before.pause) {
        rows.row().text(PAUSE).text(&json(pause)?).end();
    }
    if let Some(id) = after.genesis_id.filter(|_| after.genesis_id != before.genesis_id) {
        rows.row().text(GENESIS_ID).text(&json(&id)?).end();
    }
    if let Some(mark) = after.birth.filter(|_| after.birth != before.birth) {
        rows.row().text(BIRTH).text(&json(&mark)?).end();
    }
    if let Some(mark) = after.last_solid.filter(|_| after.last_solid != before.last_solid) {
        rows.row().text(LAST_SOLID).text(&json(&mark)?).end();
    }
    if let Some(gate) = after.restore_gate.as_ref().filter(|_| after.restore_gate != before.restore_gate) {
        rows.row().text(RESTORE_GATE).text(&json(gate)?).end();
    }
    for (name, breaker) in &after.breakers {
        if before.breakers.get(name) != Some(breaker) {
            rows.row().text(&[BREAKER, name].concat()).text(&json(breaker)?).end();
        }
    }
    if after.latest_ms != before.latest_ms {
        rows.row().text(LATEST_MS).text(&json(&after.latest_ms)?).end();
    }
    if !rows.is_empty() {
        let remember = sqlx::query(REMEMBER).bind(rows.into_json());
        (&mut *connection).execute(remember).await.map_err(fault::of)?;
    }
    if before.pause.is_some() && after.pause.is_none() {
        (&mut *connection).execute(sqlx::query(FORGET_PAUSE)).await.map_err(fault::of)?;
    }
    if before.restore_gate.is_some() && after.restore_gate.is_none() {
        connection.execute(sqlx::query(FORGET_GATE)).await.map_err(fault::of)?;
    }
    Ok(())
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreFault> {
    serde_json::to_string(value)
        .map_err(|why| StoreFault::Corrupt(format!("a fact can not be written: {why}")))
}

fn read<T: DeserializeOwned>(fact: &str, value: &str) -> Result<T, StoreFault> {
    serde_json::from_str(value)
        .map_err(|why| StoreFault::Corrupt(format!("the fact {fact} can not be read: {why}")))
}
