//! `payoutd keys`: fresh keys, in files that only their owner can read; and the API keys of programs, by the daemon's API.

mod api;
pub mod folder;
pub(in crate::cli) mod key_file;
mod new;

use crate::cli::{self, exit::Exit, failure::Failure, terminal::Terminal};

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
    /// Make an API key for a program; it is shown once
    Issue(Box<api::Issue>),
    /// List API keys, with how often they are used
    List(api::List),
    /// Show an API key, without its secret
    Show(api::Which),
    /// Make a successor of an API key; both are good for a day
    Rotate(api::Rotate),
    /// Take an API key out of use, at once
    Revoke(api::Which),
}

impl Args {
    /// Runs what was asked.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::New(args) => args.run(terminal),
            Command::Issue(args) => cli::wait(args.run(terminal)),
            Command::List(args) => cli::wait(args.run(terminal)),
            Command::Show(args) => cli::wait(args.show(terminal)),
            Command::Rotate(args) => cli::wait(args.run(terminal)),
            Command::Revoke(args) => cli::wait(args.revoke(terminal)),
        }
    }
}
