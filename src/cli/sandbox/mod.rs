//! `payoutd sandbox`: the whole daemon on a simulated TRON network, to try everything without money.

mod chain;
mod demo;
mod furnish;
mod page;
mod town;

use super::{exit::Exit, failure::Failure, terminal::Terminal};

/// `payoutd sandbox …`
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  payoutd sandbox                                      pays ten, then stays up for your own
  payoutd sandbox --demo 25 --exit                     pays 25; 0 only if all settled and the books agree
  payoutd sandbox --weather stormy --seed 7            the same network on a bad day
  payoutd sandbox --data my-sandbox                    keeps its state there and goes on with it
  payoutd sandbox chain                                the simulated network alone

Other commands work with its folder, while it runs and after it has left:
  payoutd payouts list --data my-sandbox
  payoutd reconcile --data my-sandbox

Exit codes: 0 stopped as asked; with --exit: all settled and the books agree. With --exit also: 1 something did not settle or
differs, 75 the folder's house is paused, 130 stopped before the demonstration was over."
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    town: town::Town,
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
            Some(Command::Chain(args)) => args.run(terminal),
            None => self.town.run(terminal),
        }
    }
}
