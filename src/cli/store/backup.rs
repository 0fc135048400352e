//! `payoutd store backup FILE`: a consistent copy, made at work.

use std::path::PathBuf;

use crate::{
    cli::{
        Json, exit::Exit, failure::Failure, place::Place, sheet::Sheet, store::not_opened, terminal::Terminal,
    },
    config::StoreUrl,
    store::{BackupError, SqliteStore},
};

/// `payoutd store backup FILE`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd store backup /backup/payoutd-$(date +%F).db

The copy is one moment of the store, whole and synced, mode 0600; the daemon works on meanwhile. It holds orders and the
journal, no keys. Whoever puts it back starts behind the chain: `payoutd run` notices, reads the wallet's transfers since, and
pays nothing twice. Exit codes: 0 copied, 66 no store, 73 the file is there already or can not be made, 74 the disk.")]
pub(super) struct Args {
    /// The file to make; one that exists is never written over
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    json: Json,
}

impl Args {
    /// Copies, and says what.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let loaded = self.place.load(terminal)?;
        if matches!(loaded.config.store.url, StoreUrl::Postgres(_)) {
            return Err(Failure::new(Exit::Usage, "a PostgreSQL is not copied by payoutd")
                .next("`pg_dump --format=custom` copies it, whole and at work; `payoutd run` upon a copy notices that it is one"));
        }
        let made = crate::cli::wait(async {
            let store = SqliteStore::look(&loaded.config.store.url).await.map_err(|why| not_opened(&why))?;
            let made = store.backup(&self.file).await.map_err(|why| not_copied(&why));
            store.close().await;
            made
        })?;
        if self.json.json {
            terminal.json(&made)?;
            return Ok(Exit::Done);
        }
        Sheet::new(terminal)
            .put("wrote", made.file.display())
            .put("bytes", made.bytes)
            .put("store", &made.store_id)
            .put("journal to row", made.last_seq)
            .print()?;
        Ok(Exit::Done)
    }
}

fn not_copied(why: &BackupError) -> Failure {
    let (exit, next) = match why {
        BackupError::Exists(_) => (Exit::CannotCreate, "name another file: a backup is never written over"),
        BackupError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            (Exit::CannotCreate, "make the folder first")
        }
        BackupError::Io { .. } | BackupError::Store(_) => {
            (Exit::Io, "is there room for a copy as large as the store? What was begun is removed")
        }
    };
    Failure::because(exit, "there is no backup", why).next(next)
}
