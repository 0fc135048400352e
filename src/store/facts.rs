//! The house's facts as rows: a JSON value a fact, so that a new fact needs no migration. The same in every engine.

use payoutd_actors::{
    domain::breaker::Breaker,
    ports::{HouseFacts, StoreFault},
};
use serde::{Serialize, de::DeserializeOwned};

const STORE_ID: &str = "store_id";
const PAUSE: &str = "pause";
const GENESIS_ID: &str = "genesis_id";
const BIRTH: &str = "birth";
const LAST_SOLID: &str = "last_solid";
const RESTORE_GATE: &str = "restore_gate";
const EVENTS_PUBLISHED_SEQ: &str = "events_published_seq";
const LATEST_MS: &str = "latest_ms";
/// Before the name of each dependency.
const BREAKER: &str = "breaker:";

/// Reads one row into the facts; one that nobody knows is left alone.
pub(in crate::store) fn read(facts: &mut HouseFacts, fact: &str, value: &str) -> Result<(), StoreFault> {
    match fact {
        STORE_ID => facts.store_id = of(fact, value)?,
        PAUSE => facts.pause = Some(of(fact, value)?),
        GENESIS_ID => facts.genesis_id = Some(of(fact, value)?),
        BIRTH => facts.birth = Some(of(fact, value)?),
        LAST_SOLID => facts.last_solid = Some(of(fact, value)?),
        RESTORE_GATE => facts.restore_gate = Some(of(fact, value)?),
        EVENTS_PUBLISHED_SEQ => facts.events_published_seq = of(fact, value)?,
        LATEST_MS => facts.latest_ms = of(fact, value)?,
        _ => {
            if let Some(name) = fact.strip_prefix(BREAKER) {
                let breaker: Breaker = of(fact, value)?;
                facts.breakers.insert(name.to_owned(), breaker);
            }
        }
    }
    Ok(())
}

/// The rows that a change writes.
pub(in crate::store) fn news(
    before: &HouseFacts,
    after: &HouseFacts,
) -> Result<Vec<(String, String)>, StoreFault> {
    let mut news = Vec::new();
    let mut put = |fact: &str, value: String| news.push((fact.to_owned(), value));
    if let Some(pause) = after.pause.as_ref().filter(|_| after.pause != before.pause) {
        put(PAUSE, json(pause)?);
    }
    if let Some(id) = after.genesis_id.filter(|_| after.genesis_id != before.genesis_id) {
        put(GENESIS_ID, json(&id)?);
    }
    if let Some(mark) = after.birth.filter(|_| after.birth != before.birth) {
        put(BIRTH, json(&mark)?);
    }
    if let Some(mark) = after.last_solid.filter(|_| after.last_solid != before.last_solid) {
        put(LAST_SOLID, json(&mark)?);
    }
    if let Some(gate) = after.restore_gate.as_ref().filter(|_| after.restore_gate != before.restore_gate) {
        put(RESTORE_GATE, json(gate)?);
    }
    for (name, breaker) in &after.breakers {
        if before.breakers.get(name) != Some(breaker) {
            put(&[BREAKER, name].concat(), json(breaker)?);
        }
    }
    if after.events_published_seq != before.events_published_seq {
        put(EVENTS_PUBLISHED_SEQ, json(&after.events_published_seq)?);
    }
    if after.latest_ms != before.latest_ms {
        put(LATEST_MS, json(&after.latest_ms)?);
    }
    Ok(news)
}

/// The rows that a change takes away.
pub(in crate::store) fn forgotten(before: &HouseFacts, after: &HouseFacts) -> Vec<&'static str> {
    let gone = [
        (PAUSE, before.pause.is_some() && after.pause.is_none()),
        (RESTORE_GATE, before.restore_gate.is_some() && after.restore_gate.is_none()),
    ];
    gone.into_iter().filter(|(_, is_gone)| *is_gone).map(|(fact, _)| fact).collect()
}

/// A new store's own random name, as its row has it.
pub(in crate::store) fn new_name() -> Result<String, StoreFault> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|why| StoreFault::Away(format!("the system gives no randomness: {why}")))?;
    json(&hex::encode(random))
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreFault> {
    serde_json::to_string(value)
        .map_err(|why| StoreFault::Corrupt(format!("a fact can not be written: {why}")))
}

fn of<T: DeserializeOwned>(fact: &str, value: &str) -> Result<T, StoreFault> {
    serde_json::from_str(value)
        .map_err(|why| StoreFault::Corrupt(format!("the fact {fact} can not be read: {why}")))
}
