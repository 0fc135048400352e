//! `payoutd audit checkpoint`: everything that is written now goes under the seal; the signed statement about it is printed.

use std::sync::Arc;

use actix::Actor;
use payoutd_actors::{
    audit_writer::{AuditWriter, AuditWriterSettings, AuditWriterTools, SealNow, SealTrouble},
    domain::journal::{Checkpoint, JournalKey},
    house_clock::HouseClock,
    restore::shut_the_gate_where_due,
};

use super::store_fault;
use crate::{
    cli::{
        client::{Client, NoAnswer},
        exit::Exit,
        failure::Failure,
        place::Place,
        store::not_opened,
        terminal::Terminal,
    },
    config::Loaded,
    store::{self, Cellar, CheckpointFile},
    world::SystemClock,
};

/// `payoutd audit checkpoint`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd audit checkpoint > checkpoint-$(date +%F).json     and carry it to where the operator of this machine can not write

One line of JSON, signed; it covers the last row. The daemon is asked where it runs; else the store is sealed here. Exit codes:
0 printed, 1 the journal is broken and was not sealed, 66 the journal is empty, 75 the store is held and its daemon does not answer.")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
}

impl Args {
    /// Seals, and prints.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let checkpoint = crate::cli::wait(async {
            match Client::of(&self.place)?.get::<Checkpoint>("/v1/audit/checkpoint", &[]).await {
                Ok(checkpoint) => Ok(checkpoint),
                Err(NoAnswer::NobodyThere { .. }) => self.seal_here(terminal).await,
                Err(NoAnswer::Refused(problem)) if problem.status == 404 => Err(empty()),
                Err(why) => Err(why.into()),
            }
        })?;
        terminal.line(checkpoint)?;
        Ok(Exit::Done)
    }

    async fn seal_here(&self, terminal: &Terminal) -> Result<Checkpoint, Failure> {
        let loaded = self.place.load(terminal)?;
        let key = loaded.config.journal.key_file.journal_key();
        let key = key.map_err(|why| Failure::new(Exit::NoInput, format_args!("journal.key_file: {why}")))?;
        let place = &loaded.config.store;
        // Nothing is made here: a store that is not there is said to be missing.
        store::look(place).await.map_err(|why| not_opened(&why))?.close().await;
        let store = store::open(place).await.map_err(|why| not_opened(&why))?;
        let sealed = seal(store.clone(), key, &loaded).await;
        store.close().await;
        sealed
    }
}

async fn seal(store: Arc<dyn Cellar>, key: JournalKey, loaded: &Loaded) -> Result<Checkpoint, Failure> {
    let facts = store.facts().await.map_err(|why| store_fault(&why))?;
    let keeper = CheckpointFile::of(&loaded.config);
    let clock = HouseClock::new(Arc::new(SystemClock), facts.latest_ms);
    // The checkpoint that is about to be replaced may be what tells that this store is an older copy.
    let now_ms = payoutd_actors::ports::Clock::now_ms(&clock);
    shut_the_gate_where_due(&*store, &*store, &*store, &keeper, &*store, now_ms)
        .await
        .map_err(|why| store_fault(&why))?;
    let writer = AuditWriter::new(AuditWriterTools {
        journal: store.clone(),
        house: store.clone(),
        roles: store,
        key: Arc::new(key),
        keeper: Arc::new(keeper),
        clock: Arc::new(clock),
        settings: AuditWriterSettings::default(),
    });
    match writer.start().send(SealNow).await {
        Ok(Ok(checkpoint)) => Ok(checkpoint),
        Ok(Err(SealTrouble::Empty)) => Err(empty()),
        Ok(Err(why @ SealTrouble::StandsBy)) => {
            Err(Failure::because(Exit::TryLater, "the journal was not sealed here", &why)
                .next("ask the daemon that seals, or ask again in a few seconds"))
        }
        Ok(Err(SealTrouble::Store(why))) => Err(store_fault(&why)),
        Ok(Err(why @ SealTrouble::Broken(_))) => {
            Err(Failure::because(Exit::Found, "the journal can not be sealed", &why)
                .next("`payoutd audit verify` names every fault"))
        }
        Ok(Err(why @ SealTrouble::Keeper(_))) => {
            Err(Failure::because(Exit::Io, "the seal is made", &why).next("look at the folder of the store"))
        }
        Err(gone) => Err(Failure::because(Exit::Software, "the audit writer is gone", &gone)),
    }
}

fn empty() -> Failure {
    Failure::new(Exit::NoInput, "the journal is empty: there is nothing to state yet")
}
