//! `payoutd pause` and `payoutd resume`: the kill switch, through the daemon. What the switch does is the worker's promise:
//! when the command returns, no signing and no first send begins any more; what is out is watched and sent again.

use serde::Serialize;

use super::{
    Json,
    client::Client,
    exit::Exit,
    failure::Failure,
    place::Place,
    terminal::{Ink, Terminal},
};
use crate::http::pause::{PauseBody, PauseStateBody};

/// `payoutd pause REASON`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd pause \"the auditors are here\"

Orders are still taken in, and what is out is watched and sent again. It survives restarts until `payoutd resume`.")]
pub struct Pause {
    /// Why, for the journal
    #[arg(value_name = "REASON")]
    reason: String,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    place: Place,
}

/// `payoutd resume`
#[derive(Debug, clap::Args)]
pub struct Resume {
    /// Why, for the journal
    #[arg(value_name = "REASON")]
    reason: Option<String>,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    place: Place,
}

impl Pause {
    /// Pulls the switch.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let body = PauseBody { reason: self.reason };
        turn(terminal, &self.place, self.json, "/v1/admin/pause", Some(&body))
    }
}

impl Resume {
    /// Lets go of it.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let body = self.reason.map(|reason| PauseBody { reason });
        turn(terminal, &self.place, self.json, "/v1/admin/resume", body.as_ref())
    }
}

fn turn(
    terminal: &Terminal,
    place: &Place,
    json: Json,
    path: &str,
    body: Option<&impl Serialize>,
) -> Result<Exit, Failure> {
    super::wait(async {
        let client = Client::of(place)?;
        let state: PauseStateBody = client.post(path, body).await?;
        if json.json {
            terminal.json(&state)?;
            return Ok(Exit::Done);
        }
        match state.reason {
            Some(reason) => {
                let since = state.since.unwrap_or_default();
                terminal.line(format_args!(
                    "{} since {since}: {reason}",
                    terminal.on_stdout(Ink::Care, "paused")
                ))?;
            }
            None => terminal.line(terminal.on_stdout(Ink::Good, "running"))?,
        }
        Ok(Exit::Done)
    })
}
