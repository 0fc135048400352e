//! The wall's clock moves the chain: a few looks in each slot, so that a block is never later than a fraction of one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::{task::JoinHandle, time::MissedTickBehavior};

use super::{
    desk::{SharedChain, locked},
    state_file::StateFile,
};

/// Looks in each slot.
const LOOKS_PER_SLOT: u64 = 8;
/// A look is never more often than this, nor more seldom.
const LOOK_MS_MIN: u64 = 2;
const LOOK_MS_MAX: u64 = 250;
/// How often the network is saved while it runs: what a crash can cost.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// The tasks that keep a chain going.
#[derive(Debug)]
pub(crate) struct Pace {
    tasks: Vec<JoinHandle<()>>,
}

impl Pace {
    /// Keeps a chain at the wall's pace until [`Pace::stop`], and saved where it is kept.
    pub(crate) fn keep(chain: SharedChain, block_ms: u64, state_file: Option<StateFile>) -> Pace {
        let look_ms = (block_ms / LOOKS_PER_SLOT).clamp(LOOK_MS_MIN, LOOK_MS_MAX);
        let mut tasks = vec![actix_rt::spawn(advance(chain.clone(), Duration::from_millis(look_ms)))];
        if let Some(file) = state_file {
            tasks.push(actix_rt::spawn(save(chain, file)));
        }
        Pace { tasks }
    }

    /// Stops, and waits until nothing is done any more.
    pub(crate) async fn stop(self) {
        for task in self.tasks {
            task.abort();
            // An aborted task ends with an error that says so.
            let _ = task.await;
        }
    }
}

/// The wall's time, in unix milliseconds.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

async fn advance(chain: SharedChain, every: Duration) {
    let mut look = tokio::time::interval(every);
    look.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        look.tick().await;
        locked(&chain).advance_to(wall_ms());
    }
}

async fn save(chain: SharedChain, file: StateFile) {
    let mut due = tokio::time::interval(SAVE_EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let (chain, file) = (chain.clone(), file.clone());
        let saved = tokio::task::spawn_blocking(move || file.save(&chain)).await;
        if let Ok(Err(error)) = saved {
            tracing::warn!(error = &error as &dyn std::error::Error, "the sandbox could not be saved");
        }
    }
}
