//! `payoutd migrate`: makes the store if it is not there, and brings it to the newest schema. `run` does the same by itself;
//! this is for whoever wants to see it done first.

use serde::Serialize;

use super::{Json, exit::Exit, failure::Failure, place::Place, store, terminal::Terminal};
use crate::store::{self as cellar, Versions};

/// `payoutd migrate`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd store backup before.db && payoutd migrate        a copy first: there is no way back to an older schema
  payoutd migrate --config /etc/payoutd/payoutd.toml

Only forward: a store that a newer payoutd has written is left alone. Exit codes: 0 done, 74 the store is damaged or not a
store, 75 another process holds it, 78 the configuration or the program is not the right one.")]
pub struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

/// What was done.
#[derive(Serialize)]
struct Migrated<'a> {
    store: &'a str,
    store_id: &'a str,
    /// 0: it was not there.
    schema_found: i64,
    schema: i64,
}

impl Args {
    /// Opens the store, which migrates it.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let loaded = self.place.load(terminal)?;
        let opened = super::wait(async {
            let opened = cellar::open(&loaded.config.store).await?;
            opened.close().await;
            Ok(opened)
        });
        let opened = opened.map_err(|why| store::not_opened(&why))?;
        let Versions { found, now } = opened.versions();
        let name = opened.name();
        let done = Migrated { store: &name, store_id: opened.store_id(), schema_found: found, schema: now };
        if self.json.json {
            terminal.json(&done)?;
            return Ok(Exit::Done);
        }
        let place = done.store;
        terminal.line(match (found, now) {
            (0, now) => format!("{place} is made, with schema {now}"),
            (found, now) if found == now => format!("{place} has schema {now} already"),
            (found, now) => format!("{place} is migrated from schema {found} to {now}"),
        })?;
        Ok(Exit::Done)
    }
}
