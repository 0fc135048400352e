//! What the house remembers of itself: a JSON value a fact, so that a new fact needs no migration.

use std::collections::BTreeSet;

use async_trait::async_trait;
use payoutd_actors::{
    domain::journal::BodyError,
    ports::{House, HouseChange, HouseFacts, Role, StoreFault},
};
use sqlx::{Executor, PgConnection};

use super::{PostgresStore, cells::Cells, fault, journal, roles, rows::column};
use crate::store::facts;

const FACTS: &str = "SELECT fact, value FROM house";
const REMEMBER: &str = "INSERT INTO house (fact, value) SELECT * FROM unnest($1::text[], $2::text[]) \
     ON CONFLICT (fact) DO UPDATE SET value = excluded.value";
const FORGET: &str = "DELETE FROM house WHERE fact = ANY ($1::text[])";
const PASS_TO: &str = "UPDATE house SET value = $1 WHERE fact = 'latest_ms'";
const HAS_LOST_SOMETHING: &str = "SELECT 1 FROM house WHERE fact = 'restore_gate'";
const NAME_STORE: &str = "INSERT INTO house (fact, value) VALUES ('store_id', $1) ON CONFLICT DO NOTHING";

/// What a store is known by from its first opening on.
#[derive(Debug, Clone)]
pub(super) struct Born {
    pub(super) store_id: String,
    pub(super) latest_ms: i64,
}

/// Gives a new store its name, and reads it back.
pub(super) async fn born(connection: &mut PgConnection) -> Result<Born, StoreFault> {
    let name = sqlx::query(NAME_STORE).bind(facts::new_name()?);
    connection.execute(name).await.map_err(fault::of)?;
    known(connection).await
}

/// The name and the time of a store that is there.
pub(super) async fn known(connection: &mut PgConnection) -> Result<Born, StoreFault> {
    let HouseFacts { store_id, latest_ms, .. } = facts(connection).await?;
    Ok(Born { store_id, latest_ms })
}

/// Moves the house's time forward; the caller has seen that it is not moved back.
pub(super) async fn pass_to(connection: &mut PgConnection, at_ms: i64) -> Result<(), StoreFault> {
    let pass = sqlx::query(PASS_TO).bind(at_ms.to_string());
    connection.execute(pass).await.map(|_| ()).map_err(fault::of)
}

#[async_trait]
impl House for PostgresStore {
    async fn facts(&self) -> Result<HouseFacts, StoreFault> {
        let known_ms = self.at_ms(0);
        let mut reader = self.reader().await?;
        let told = self.waited_for(facts(reader.ask()?)).await;
        let facts = reader.back(told)?;
        if facts.latest_ms < known_ms && self.inner.line.is_some() {
            // Whoever takes the pen finds out why, and says it.
            self.begin_with_pen().await?.0.give_up().await?;
        }
        self.passed(facts.latest_ms);
        Ok(facts)
    }

    async fn change(&self, changes: Vec<HouseChange>, now_ms: i64) -> Result<(), StoreFault> {
        self.written(Box::pin(self.change_behind_pen(changes, now_ms))).await
    }
}

impl PostgresStore {
    async fn change_behind_pen(&self, changes: Vec<HouseChange>, now_ms: i64) -> Result<(), StoreFault> {
        let mut write = self.begin().await?;
        let pen = self.take_pen(&mut write).await?;
        for role in changes.iter().filter_map(role_of).collect::<BTreeSet<_>>() {
            roles::check(self, write.connection()?, role).await?;
        }
        let at_ms = pen.at_ms(now_ms)?;
        alter(write.connection()?, pen.last_seq, &changes, at_ms).await?;
        write.commit().await?;
        self.passed(at_ms);
        Ok(())
    }
}

/// Whether the restore gate is shut (F-N06); asked behind the pen.
pub(super) async fn has_lost_something(connection: &mut PgConnection) -> Result<bool, StoreFault> {
    Ok(connection.fetch_optional(HAS_LOST_SOMETHING).await.map_err(fault::of)?.is_some())
}

/// Changes facts behind the pen, with the records that the changes want.
pub(super) async fn alter(
    connection: &mut PgConnection,
    last_seq: i64,
    changes: &[HouseChange],
    at_ms: i64,
) -> Result<(), StoreFault> {
    let before = facts(connection).await?;
    let (mut after, mut drafts) = (before.clone(), Vec::new());
    for change in changes {
        let new;
        (after, new) = after.changed(change)?;
        if new && let Some(draft) = change.journal_draft(at_ms).map_err(unwritable)? {
            drafts.push(draft);
        }
    }
    after.latest_ms = after.latest_ms.max(at_ms);
    journal::write(connection, last_seq, &drafts).await?;
    remember(connection, &before, &after).await
}

/// The role that a change wants.
fn role_of(change: &HouseChange) -> Option<Role> {
    match change {
        HouseChange::LastSolid(_) => Some(Role::ConfirmationWatcher),
        HouseChange::EventsPublished(_) => Some(Role::EventPublisher),
        HouseChange::Wanted { change, .. } => role_of(change),
        _ => None,
    }
}

fn unwritable(why: BodyError) -> StoreFault {
    StoreFault::Corrupt(format!("a change of the house can not be written down: {why}"))
}

pub(super) async fn facts(connection: &mut PgConnection) -> Result<HouseFacts, StoreFault> {
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
    connection: &mut PgConnection,
    before: &HouseFacts,
    after: &HouseFacts,
) -> Result<(), StoreFault> {
    let news = facts::news(before, after)?;
    if !news.is_empty() {
        let remember = sqlx::query(REMEMBER)
            .bind(column(&news, |(fact, _)| fact.as_str()))
            .bind(column(&news, |(_, value)| value.as_str()));
        (&mut *connection).execute(remember).await.map_err(fault::of)?;
    }
    let forgotten = facts::forgotten(before, after);
    if !forgotten.is_empty() {
        connection.execute(sqlx::query(FORGET).bind(forgotten)).await.map_err(fault::of)?;
    }
    Ok(())
}
