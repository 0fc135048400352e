//! `payoutd sandbox`: a simulated TRON network, to try everything without money.

mod chain;

use super::{exit::Exit, failure::Failure, terminal::Terminal};

/// `payoutd sandbox …`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the simulated network alone, for `payoutd run` beside it and for anybody's TRON program
    Chain(chain::Args),
}

impl Args {
    /// Runs what was asked.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::Chain(args) => args.run(terminal),
        }
    }
}
