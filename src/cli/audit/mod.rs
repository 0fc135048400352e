//! `payoutd audit`: the journal, for whoever does not take our word for it. See docs/journal.md.

mod checkpoint;
mod export;
mod pages;
mod trail;
mod verify;

use super::{exit::Exit, failure::Failure, terminal::Terminal};
use payoutd_actors::ports::StoreFault;

/// `payoutd audit …`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what somebody must hear of: alarms, tokens that came twice, an older copy of the store
    Alerts(trail::Alerts),
    /// Print the signed checkpoint that covers the last row: keep it somewhere else
    Checkpoint(checkpoint::Args),
    /// Print the whole journal as lines of JSON
    Export(export::Args),
    /// Show what the journal says: by severity, payout, request, trace, time
    List(trail::List),
    /// Show who tries what they should not
    Suspicious(trail::Suspicious),
    /// Show what somebody did, and what was done to them
    User(trail::User),
    /// Find every change, deletion, insertion, reordering or truncation, and name its place
    Verify(verify::Args),
}

impl Args {
    /// Runs what was asked.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::Alerts(args) => args.run(terminal),
            Command::List(args) => args.run(terminal),
            Command::Suspicious(args) => args.run(terminal),
            Command::User(args) => args.run(terminal),
            Command::Checkpoint(args) => args.run(terminal),
            Command::Export(args) => args.run(terminal),
            Command::Verify(args) => args.run(terminal),
        }
    }
}

/// A store that stopped answering in the middle.
fn store_fault(why: &StoreFault) -> Failure {
    Failure::because(Exit::Io, "the store does not answer", why)
        .next("look at store.url and at the disk under it")
}
