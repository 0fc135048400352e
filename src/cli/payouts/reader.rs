//! Who is asked what became of payouts: the daemon, or, while it is not running, its store. Somebody who wants to know where
//! money is does not have to start what moves it.
//!
//! **Never here:** a decision. Whatever changes something goes through the daemon.

use std::sync::Arc;

use payoutd_actors::{domain::identity::PayoutId, ports::StoreFault};
use sha2::{Digest, Sha256};

use super::{Client, Exit, Failure, PayoutBody, Terminal};
use crate::{
    cli::{client::NoAnswer, door::Door, place::Place, store::not_opened},
    http::{
        cursor::CursorKey,
        payouts::{
            list::{PageBody, Wanted},
            unknown,
        },
        problem::Problem,
    },
    store::{self as cellar, Cellar, StoreOpenError},
};

/// Reads payouts, from the daemon as long as it answers.
pub(super) struct Reader<'a> {
    terminal: &'a Terminal,
    client: Client,
    /// Where the store is, if the daemon is of this machine.
    place: Option<&'a Place>,
    store: Option<Arc<dyn Cellar>>,
}

impl<'a> Reader<'a> {
    /// A reader through a door.
    pub(super) fn of(terminal: &'a Terminal, door: &'a Door) -> Result<Self, Failure> {
        Ok(Self { terminal, client: door.client()?, place: door.place(), store: None })
    }

    /// A page, newest first.
    pub(super) async fn page(&mut self, query: &[(&'static str, String)]) -> Result<PageBody, Failure> {
        if self.store.is_none() {
            match self.client.get("/v1/payouts", query).await {
                Err(why) => self.turn_to_store(why).await?,
                Ok(page) => return Ok(page),
            }
        }
        let store = self.store.as_deref().ok_or_else(no_store)?;
        // It guards nothing but lists from confusion, and here it does so without the wallet's key.
        let key = CursorKey::new(Sha256::digest(store.store_id()).into());
        let wanted = Wanted::read(&written(query)?, &key).map_err(refused)?;
        let payouts = store.list(&wanted.filter, wanted.asked_for()).await;
        Ok(wanted.page(payouts.map_err(|why| silent(&why))?, &key))
    }

    /// One payout.
    pub(super) async fn payout(&mut self, id: &str) -> Result<PayoutBody, Failure> {
        let (id, path) = (super::id_of(id)?, super::path_of(id, "")?);
        match self.client.get(&path, &[]).await {
            Err(why) => self.turn_to_store(why).await?,
            Ok(payout) => return Ok(payout),
        }
        self.stored(id).await
    }

    /// One payout as the store has it; the daemon has been found away.
    async fn stored(&self, id: PayoutId) -> Result<PayoutBody, Failure> {
        let store = self.store.as_deref().ok_or_else(no_store)?;
        let payout = store.find(id).await.map_err(|why| silent(&why))?;
        payout.as_ref().map(PayoutBody::from).ok_or_else(|| refused(unknown()))
    }

    /// Opens the store in the place of a daemon that is not running; whatever else kept it from answering is said.
    async fn turn_to_store(&mut self, why: NoAnswer) -> Result<(), Failure> {
        let (NoAnswer::NobodyThere { .. }, Some(place)) = (&why, self.place) else { return Err(why.into()) };
        let loaded = place.sources()?.load()?;
        let store = match cellar::look(&loaded.config.store).await {
            Ok(store) => store,
            // Nothing was ever kept here: there is only the daemon to ask.
            Err(StoreOpenError::Missing(_)) => return Err(why.into()),
            Err(why) => return Err(not_opened(&why)),
        };
        let start = place.start_command();
        self.terminal.note(format_args!(
            "the daemon is not running (`{start}` starts it): this is what its store says, {}",
            store.name()
        ));
        self.store = Some(store);
        Ok(())
    }

    /// Whether the daemon was found away, and its store is read.
    pub(super) fn reads_store(&self) -> bool {
        self.store.is_some()
    }

    /// Lets go of the store.
    pub(super) async fn close(self) {
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}

/// The query as a door reads it.
fn written(query: &[(&'static str, String)]) -> Result<String, Failure> {
    let url = reqwest::Url::parse_with_params("http://store/", query)
        .map_err(|why| Failure::because(Exit::BadData, "the query can not be read", &why))?;
    Ok(url.query().unwrap_or_default().to_owned())
}

fn refused(problem: Problem) -> Failure {
    problem.document("").into()
}

fn silent(why: &StoreFault) -> Failure {
    Failure::because(Exit::Io, "the store does not answer", why)
        .next("look at store.url and at the disk under it")
}

fn no_store() -> Failure {
    Failure::new(Exit::Software, "neither the daemon nor its store was asked")
}
