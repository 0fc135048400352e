//! `payoutd payouts`: order payouts, follow them, decide about them. A client of the API; what only reads also works while the
//! daemon is not running, from its store.

mod create;
mod decide;
mod list;
mod reader;
mod show;
mod watch;

use crate::http::payouts::body::PayoutBody;
use payoutd_actors::domain::{
    identity::{NotAPayoutId, PayoutId},
    payout::Stage,
};

use super::{
    client::Client,
    exit::Exit,
    failure::Failure,
    terminal::{Ink, Terminal},
};

/// `payoutd payouts …`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each of these finds the daemon by its configuration on this machine (--config FILE), by a sandbox's folder (--data DIR), or,
from any other machine, by its address and a file with the API's token:
  payoutd payouts list --url https://pay.example:8443 --token-file ~/.payoutd-token

While the daemon of this machine is not running, list, show and watch read its store; everything else wants the daemon.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Order a payout
    Create(Box<create::Args>),
    /// Show a payout: where it stands, why, its transfers and its proof
    Show(show::Args),
    /// List payouts, newest first
    List(list::Args),
    /// Follow a payout to its end
    Watch(watch::Args),
    /// Call a payout off, before anything is signed
    Cancel(decide::Cancel),
    /// Let a held payout go on
    Release(decide::Release),
    /// Refuse a held payout for good
    Reject(decide::Reject),
    /// Close a mismatched payout as paid or as failed
    Resolve(decide::Resolve),
    /// Ask the chain about a payout, now
    Verify(show::Verify),
}

impl Args {
    /// Runs the command.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        super::wait(async {
            match self.command {
                Command::Create(args) => args.run(terminal).await,
                Command::Show(args) => args.run(terminal).await,
                Command::List(args) => args.run(terminal).await,
                Command::Watch(args) => args.run(terminal).await,
                Command::Cancel(args) => args.run(terminal).await,
                Command::Release(args) => args.run(terminal).await,
                Command::Reject(args) => args.run(terminal).await,
                Command::Resolve(args) => args.run(terminal).await,
                Command::Verify(args) => args.run(terminal).await,
            }
        })
    }
}

/// What a stage means, in colour.
pub(super) fn ink(stage: Stage) -> Option<Ink> {
    match stage {
        Stage::Settled => Some(Ink::Good),
        Stage::Failed | Stage::Rejected | Stage::Mismatched => Some(Ink::Bad),
        Stage::Held | Stage::Unknown => Some(Ink::Care),
        Stage::Cancelled => Some(Ink::Faint),
        Stage::Admitted | Stage::Signed | Stage::Broadcast | Stage::Included => None,
    }
}

/// A stage and its reason, in a few words.
fn standing(payout: &PayoutBody) -> String {
    match payout.reason {
        Some(reason) => format!("{} ({})", payout.stage.word(), reason.word()),
        None => payout.stage.word().to_owned(),
    }
}

/// What can not be an id is refused before anybody is asked.
fn id_of(id: &str) -> Result<PayoutId, Failure> {
    id.parse().map_err(|why: NotAPayoutId| {
        Failure::new(Exit::BadData, why).next("`payoutd payouts list` shows the ids")
    })
}

/// The path of a payout.
fn path_of(id: &str, verb: &str) -> Result<String, Failure> {
    Ok(format!("/v1/payouts/{}{verb}", id_of(id)?))
}
