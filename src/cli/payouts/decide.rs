//! `payoutd payouts cancel|release|reject|resolve`: a person's decisions, each in the journal.

use serde::Serialize;

use super::{Exit, Failure, PayoutBody, Terminal, path_of, show};
use crate::{
    cli::{Json, door::Door},
    http::payouts::decide::{RejectBody, ResolveBody},
};

/// Which payout, and how to answer.
#[derive(Debug, clap::Args)]
struct Which {
    /// The payout's id
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    door: Door,
}

/// `payoutd payouts cancel ID`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only before anything is signed: what is out can not be called back.
Exit codes: 0 done, 65 its stage does not permit it, or nobody has this id, 69 the daemon is away.")]
pub(super) struct Cancel {
    #[command(flatten)]
    which: Which,
}

/// `payoutd payouts release ID`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It stays held where what held it still does: a limit, an empty wallet.
Exit codes: 0 done, 65 its stage does not permit it, or nobody has this id, 69 the daemon is away.")]
pub(super) struct Release {
    #[command(flatten)]
    which: Which,
}

/// `payoutd payouts reject ID --note …`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It ends for good, and what was set aside for it is free again; paying after all is a new order.
Exit codes: 0 done, 65 its stage does not permit it, or nobody has this id, 69 the daemon is away.")]
pub(super) struct Reject {
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    note: String,

    #[command(flatten)]
    which: Which,
}

/// `payoutd payouts resolve ID --paid|--failed --note …`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Look at the transaction first: `payoutd payouts show ID` and `payoutd payouts verify ID`.
--paid: the money arrived as it should, or you settled the difference. --failed: it counts as not paid; paying again is
a new order.
Exit codes: 0 done, 65 its stage does not permit it, or nobody has this id, 69 the daemon is away.")]
pub(super) struct Resolve {
    /// It counts as paid
    #[arg(long, conflicts_with = "failed", required_unless_present = "failed")]
    paid: bool,

    /// It counts as failed
    #[arg(long)]
    failed: bool,

    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    note: String,

    #[command(flatten)]
    which: Which,
}

impl Cancel {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        decide(terminal, self.which, "/cancel", None::<&()>).await
    }
}

impl Release {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        decide(terminal, self.which, "/release", None::<&()>).await
    }
}

impl Reject {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        decide(terminal, self.which, "/reject", Some(&RejectBody { note: self.note })).await
    }
}

impl Resolve {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let body = ResolveBody { paid: self.paid, note: self.note };
        decide(terminal, self.which, "/resolve", Some(&body)).await
    }
}

async fn decide(
    terminal: &Terminal,
    which: Which,
    verb: &str,
    body: Option<&impl Serialize>,
) -> Result<Exit, Failure> {
    let client = which.door.client()?;
    let payout: PayoutBody = client.post(&path_of(&which.id, verb)?, body).await?;
    if which.json.json {
        terminal.json(&payout)?;
    } else {
        show::sheet(terminal, &payout)?;
    }
    Ok(Exit::Done)
}
