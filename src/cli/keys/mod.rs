//! `payoutd keys`: fresh keys, in files that only their owner can read.

pub mod folder;
mod key_file;
mod new;

use super::{exit::Exit, failure::Failure, terminal::Terminal};

/// `payoutd keys …`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a fresh key in a new file (mode 0600); a file that exists is never touched
    New(new::Args),
}

impl Args {
    /// Runs what was asked.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::New(args) => args.run(terminal),
        }
    }
}
