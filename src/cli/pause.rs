//! `payoutd pause` and `payoutd resume`: the kill switch, through the daemon where it runs, else in the store itself. What the
//! switch does is the worker's promise: when the command returns, no signing and no first send begins any more; what is out is
//! watched and sent again. Either way it stands in the store, survives restarts, and is in the journal with its reason.

use payoutd_actors::payout_worker::SWITCH_GOOD_FOR;
use payoutd_actors::ports::{Clock, HouseChange, Pause as Switch};

use super::{
    Json,
    client::{Client, NoAnswer},
    exit::Exit,
    failure::Failure,
    place::Place,
    store::not_opened,
    terminal::{Ink, Terminal},
};
use crate::http::body::NOTE_CHARS_MAX;
use crate::http::office::Switches;
use crate::http::pause::{PauseBody, PauseStateBody};
use crate::store;
use crate::world::SystemClock;

/// `payoutd pause REASON`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd pause \"the auditors are here\"
  payoutd pause                                                     at once, without words
  payoutd pause --reason \"the auditors are here\" --config /etc/payoutd/payoutd.toml

Orders are still taken in, and what is out is watched and sent again. It survives restarts until `payoutd resume`. With the
daemon down the store is told itself. Exit codes: 0 paused, 66 no store, 69 the daemon did not answer: it may be paused or
not, ask again, 75 another process holds the store and does not answer.")]
pub struct Pause {
    /// Why, for the journal
    #[arg(value_name = "REASON")]
    words: Option<String>,

    /// Why, for the journal
    #[arg(long, value_name = "REASON", conflicts_with = "words")]
    reason: Option<String>,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    place: Place,
}

/// `payoutd resume`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd resume \"looked at it, all is well\"

With the daemon down the store is told itself. A restore gate that is shut is said: nothing is signed before it opens by itself.
Exit codes: 0 running, 66 no store, 69 the daemon did not answer: ask again, 75 another process holds the store and does not
answer.")]
pub struct Resume {
    /// Why, for the journal
    #[arg(value_name = "REASON")]
    words: Option<String>,

    /// Why, for the journal
    #[arg(long, value_name = "REASON", conflicts_with = "words")]
    reason: Option<String>,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    place: Place,
}

impl Pause {
    /// Pulls the switch.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        // Whoever pulls a kill switch at night is not asked for words first.
        let reason = self.words.or(self.reason).unwrap_or_else(|| "paused at the command line".to_owned());
        let reason = checked(reason)?;
        let state = super::wait(async {
            let body = PauseBody { reason: reason.clone() };
            match Client::of(&self.place)?.post("/v1/admin/pause", Some(&body)).await {
                Err(NoAnswer::NobodyThere { .. }) => {
                    let now_ms = SystemClock.now_ms();
                    let switch = Switch { reason, since_ms: now_ms };
                    change(&self.place, HouseChange::Pause(switch), now_ms).await
                }
                answer => Ok(answer?),
            }
        })?;
        show(terminal, self.json, &state)
    }
}

impl Resume {
    /// Lets go of it.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let reason = self.words.or(self.reason).map(checked).transpose()?;
        let state = super::wait(async {
            let body = reason.clone().map(|reason| PauseBody { reason });
            match Client::of(&self.place)?.post("/v1/admin/resume", body.as_ref()).await {
                Err(NoAnswer::NobodyThere { .. }) => {
                    let reason = reason.unwrap_or_else(|| "resumed at the command line".to_owned());
                    change(&self.place, HouseChange::Resume { reason }, SystemClock.now_ms()).await
                }
                answer => Ok(answer?),
            }
        })?;
        show(terminal, self.json, &state)
    }
}

/// The same words that the door takes.
fn checked(reason: String) -> Result<String, Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "say why, in a few words: they stand in the journal"));
    }
    if reason.chars().count() > NOTE_CHARS_MAX || reason.chars().any(char::is_control) {
        let why = format!("at most {NOTE_CHARS_MAX} characters without control characters are kept");
        return Err(Failure::new(Exit::Usage, why));
    }
    Ok(reason)
}

/// The daemon is down: the store is told itself, under its lock.
async fn change(place: &Place, change: HouseChange, now_ms: i64) -> Result<PauseStateBody, Failure> {
    let loaded = place.sources()?.load()?;
    let place = &loaded.config.store;
    // Nothing is made here: a store that is not there is said to be missing.
    store::look(place).await.map_err(|why| not_opened(&why))?.close().await;
    let store = store::open(place).await.map_err(|why| not_opened(&why))?;
    let changed = store.change(vec![change], now_ms).await;
    let facts = store.facts().await;
    store.close().await;
    // Other daemons of a fleet may be at work: they act for so long upon what they read before.
    tokio::time::sleep(SWITCH_GOOD_FOR).await;
    let told = changed.and(facts).map_err(|why| {
        Failure::because(Exit::Io, "the store was not told", &why)
            .next("look at store.url and at the disk under it")
    })?;
    Ok(PauseStateBody::from(Switches::from(told)))
}

fn show(terminal: &Terminal, json: Json, state: &PauseStateBody) -> Result<Exit, Failure> {
    if json.json {
        terminal.json(state)?;
        return Ok(Exit::Done);
    }
    match &state.reason {
        Some(reason) => {
            let since = state.since.as_deref().unwrap_or_default();
            terminal
                .line(format_args!("{} since {since}: {reason}", terminal.on_stdout(Ink::Care, "paused")))?;
        }
        None => terminal.line(terminal.on_stdout(Ink::Good, "running"))?,
    }
    if let Some(gate) = &state.restore_gate {
        let shut = terminal.on_stdout(Ink::Care, "the restore gate is shut");
        terminal.line(format_args!("{shut} since {}: {}", gate.since, gate.reason))?;
        terminal.line(format_args!("{}; it opens by itself", gate.detail))?;
    }
    Ok(Exit::Done)
}
