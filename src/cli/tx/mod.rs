//! `payoutd tx`: transactions, taken apart.

mod hex_input;
mod inspect;

use clap::Subcommand;

use super::{exit::Exit, failure::Failure, terminal::Terminal};

/// `payoutd tx COMMAND`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print any TRON transaction: fields, decoded call, amounts, id, signer, expiry, and what is odd about it
    Inspect(inspect::Args),
}

impl Args {
    /// Does what was asked.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::Inspect(args) => args.run(terminal),
        }
    }
}
