//! `payoutd users accept`: whoever was invited chooses a password.

use std::path::PathBuf;

use crate::{
    cli::{
        Json, client::NoAnswer, door::Doorstep, exit::Exit, failure::Failure, password, terminal::Terminal,
    },
    http::{auth::AcceptanceBody, users::UserBody},
};

/// `payoutd users accept`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd users accept --url https://pay.example                    asks for the invitation and for a password, unseen
  payoutd users accept --invitation-file alice.invitation --password-file alice.password")]
pub(super) struct Accept {
    /// The file with the invitation, or - for stdin; asked for on a terminal, unless it is said
    #[arg(long, value_name = "FILE")]
    invitation_file: Option<PathBuf>,
    /// The file with the password that they choose, its first line, or - for stdin; asked for on a terminal, unless it is said
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    #[command(flatten)]
    doorstep: Doorstep,
}

impl Accept {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let client = self.doorstep.client()?;
        let invitation = password::read(terminal, self.invitation_file.as_deref(), "invitation: ")?;
        let chosen = password::read_new(terminal, self.password_file.as_deref())?;
        let acceptance = AcceptanceBody { invitation: invitation.to_string(), password: chosen.to_string() };
        let accepted = client.post("/v1/auth/accept", Some(&acceptance)).await;
        let user: UserBody = accepted.map_err(|why| match why {
            NoAnswer::Refused(problem) if problem.status == 401 => {
                let why =
                    "the invitation is not good: it was used, its time is over, or there is a newer one";
                Failure::new(Exit::NotPermitted, why).next("ask whoever runs the house for a new one")
            }
            why => why.into(),
        })?;
        match self.json.json {
            true => terminal.json(&user)?,
            false => super::sheet(terminal, &user)?,
        }
        Ok(Exit::Done)
    }
}
