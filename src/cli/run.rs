//! `payoutd run`: the daemon. It opens the house, waits for the word to stop, and closes it.

use super::{exit::Exit, failure::Failure, place::Place, store::not_opened, terminal::Terminal};
use crate::service_manager;
use crate::telemetry::{self, Metrics};
use crate::wiring::{self, NotOpened, OpenHouse};
use payoutd_actors::guardian::GiveUp;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info};

/// `payoutd run`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd run --config /etc/payoutd/payoutd.toml
  payoutd run --config config/sandbox.toml              beside `payoutd sandbox chain --keys sandbox-data`

SIGTERM and SIGINT drain: no new orders, what is in hand is finished, everything else waits in the store.
SIGHUP reads the certificate of the TLS listener again.
Exit codes: 0 stopped as asked, 69 something needed is away, 74 the store can not be read, 75 another process holds the store,
78 the configuration is wrong, or the store is a newer payoutd's, 80 an actor failed too often, or the
store lost something (start again: the rows tell the rest).")]
pub struct Args {
    #[command(flatten)]
    place: Place,
}

impl Args {
    /// Runs until told to stop.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let (loaded, secrets) = self.place.load_with_secrets(terminal)?;
        telemetry::start_log(&loaded.config.log)
            .map_err(|why| Failure::because(Exit::Software, "the log can not be started", &why))?;
        super::wait(async move {
            let metrics = Metrics::start()
                .map_err(|why| Failure::because(Exit::Software, "the metrics can not be started", &why))?;
            actix::spawn(metrics.clone().keep_up());
            let (gave_up, mut given_up) = mpsc::unbounded_channel::<String>();
            let give_up: GiveUp = Arc::new(move |actor, why| {
                // Nobody listens only when the process is leaving already.
                let _ = gave_up.send(format!("{actor}: {why}"));
            });
            service_manager::tell_opening();
            let house =
                Box::pin(wiring::open(&loaded.config, secrets, metrics, give_up)).await.map_err(failure)?;
            actix::spawn(service_manager::feed_watchdog(house.office.pulse().listen()));
            actix::spawn(service_manager::report(house.door.clone()));
            let exit = tokio::select! {
                () = reload_when_told(&house) => Exit::Done,
                word = stop_word() => {
                    info!(signal = word, "closing");
                    service_manager::tell_closing(word);
                    Exit::Done
                }
                Some(why) = given_up.recv() => {
                    error!(why, "it can not go on like this: leaving, to begin anew");
                    service_manager::tell_closing(&why);
                    Exit::GaveUp
                }
            };
            for actor in house.close().await {
                error!(actor, "was not done in time; the rows tell the rest");
            }
            Ok(exit)
        })
    }
}

/// Reads again what may change, at each SIGHUP, for ever.
async fn reload_when_told(house: &OpenHouse) {
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return std::future::pending().await };
    while hang_up.recv().await.is_some() {
        info!(signal = "SIGHUP", "reading again what may change");
        house.reload();
    }
    std::future::pending().await
}

/// Waits for SIGTERM or SIGINT and says which came.
async fn stop_word() -> &'static str {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

/// A house that does not open, with the next step.
pub(super) fn failure(why: NotOpened) -> Failure {
    let (exit, next) = match &why {
        // The same words and the same code as from every other command.
        NotOpened::Store(cause) => return not_opened(cause),
        NotOpened::StoreFault(_) => (Exit::Unavailable, "look at store.url and at the disk under it"),
        NotOpened::NoPasswords(_) => (Exit::Unavailable, "look at the memory that this process may have"),
        NotOpened::Client(_) => (Exit::Configuration, "look at network.nodes and network.tronscan"),
        NotOpened::Issuer(_) => (Exit::Configuration, "look at identity.external.jwks_url"),
        NotOpened::OtherChain { .. } => {
            (Exit::Configuration, "a store pays on one chain for ever: use its nodes, or another store")
        }
        NotOpened::Door(_) => (
            Exit::Unavailable,
            "is another process listening there? http.listen, http.tls_listen, http.unix_socket and http.internal_listen say where the door is",
        ),
    };
    Failure::because(exit, "the house does not open", &why).next(next)
}
