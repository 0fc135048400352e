//! `payoutd store`: the store as a thing that is looked after.

mod backup;
mod copy;

use payoutd_actors::ports::StoreFault;

use super::{exit::Exit, failure::Failure, terminal::Terminal};
use crate::store::StoreOpenError;

/// `payoutd store …`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Copy the store into a new file, whole, while the daemon works
    Backup(backup::Args),
    /// Move a house from an SQLite file into an empty PostgreSQL, with proof
    Copy(copy::Args),
}

impl Args {
    /// Runs what was asked.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::Backup(args) => args.run(terminal),
            Command::Copy(args) => args.run(terminal),
        }
    }
}

/// A store that does not open, with the next step.
#[must_use]
pub fn not_opened(why: &StoreOpenError) -> Failure {
    let (exit, next) = match why {
        StoreOpenError::Locked(_) if why.is_locked() => {
            (Exit::TryLater, "stop the process that it names, or use another store")
        }
        StoreOpenError::Newer { .. } => {
            (Exit::Configuration, "run the payoutd that wrote it, or a newer one; nothing was changed")
        }
        StoreOpenError::Older { .. } => (
            Exit::Configuration,
            "stop the daemon and run `payoutd migrate`, after `payoutd store backup FILE`",
        ),
        StoreOpenError::Missing(_) => {
            (Exit::NoInput, "store.url says where it is looked for; `payoutd migrate` makes one")
        }
        StoreOpenError::NotAStore { .. } => (
            Exit::Io,
            "look at store.url; a damaged store is restored from a backup, which `payoutd run` then compares with the chain",
        ),
        StoreOpenError::Moved { .. } => (
            Exit::Configuration,
            "name that store in store.url; this file is kept as it was when it was left",
        ),
        StoreOpenError::Password(_) => (Exit::Configuration, "look at store.password_file"),
        StoreOpenError::Fault { source: StoreFault::Away(_), store } if store.starts_with("postgres") => (
            Exit::Unavailable,
            "look at store.url, at the database's log, and at its certificate where store.url asks for one (sslmode, sslrootcert)",
        ),
        StoreOpenError::Locked(_) | StoreOpenError::Io { .. } | StoreOpenError::Fault { .. } => {
            (Exit::Io, "look at store.url, at the folder's permissions and at the disk under it")
        }
    };
    Failure::because(exit, "the store does not open", why).next(next)
}
