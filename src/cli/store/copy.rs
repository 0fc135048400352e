//! `payoutd store copy --from sqlite:FILE --to postgres://…`: a house outgrows its file.

use std::path::{Path, PathBuf};

use crate::{
    cli::{Json, exit::Exit, failure::Failure, sheet::Sheet, store::not_opened, terminal::Terminal},
    config::{SecretFile, StoreUrl},
    store::{MoveError, PostgresSettings, PostgresStore, SqliteStore, StoreOpenError, move_house},
};

/// `payoutd store copy`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd store copy --from sqlite:/var/lib/payoutd/payoutd.db --to postgres://payoutd@db.example/payoutd \\
      --password-file /etc/payoutd/postgres.password

Stop the daemon first: the file is locked while it is copied. The target must be an empty database. Every row travels in one
transaction; then both journals are read through and compared, to the last seal. Afterwards the file is marked as moved and is
not opened for work again, because two stores of one wallet would pay the same payouts twice. A copy that was cut off may be
begun again. Exit codes: 0 moved and proved, 2 not such stores, 66 no file, 73 the target is in use, 74 one of them failed,
75 the file is held by another process.")]
pub(super) struct Args {
    /// The file to leave: sqlite:FILE
    #[arg(long, value_name = "URL")]
    from: String,

    /// The database to move into: postgres://USER@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL")]
    to: String,

    /// The file that holds the PostgreSQL user's password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    #[command(flatten)]
    json: Json,
}

impl Args {
    /// Moves, and says what.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let wrong = |what: &str, why: String| Failure::new(Exit::Usage, format_args!("--{what} {why}"));
        let from = StoreUrl::parse(&self.from, Path::new("")).map_err(|why| wrong("from", why))?;
        let to = StoreUrl::parse(&self.to, Path::new("")).map_err(|why| wrong("to", why))?;
        let (StoreUrl::Sqlite(file), StoreUrl::Postgres(url)) = (from, to) else {
            return Err(Failure::new(Exit::Usage, "a house moves from sqlite:FILE to postgres://…"));
        };
        let password = self.password_file.map(|file| SecretFile::new(file).store_password()).transpose();
        let password = password.map_err(|why| wrong("password-file", why))?;
        let name = url.to_string();
        let options = url.options(password.as_ref()).map_err(|why| wrong("to", why))?;
        let moved = crate::cli::wait(async {
            let source = SqliteStore::open_for_departure(&file).await.map_err(|why| not_opened(&why))?;
            let target = PostgresStore::open(options, &name, PostgresSettings::default()).await;
            let target = target.map_err(|why: StoreOpenError| not_opened(&why))?;
            let moved = move_house(&source, &target, &name, |table, rows| {
                terminal.note(format_args!("{table}: {rows} rows"));
            });
            let moved = moved.await.map_err(|why| not_moved(&why));
            target.close().await;
            source.close().await;
            moved
        })?;
        if self.json.json {
            terminal.json(&moved)?;
            return Ok(Exit::Done);
        }
        Sheet::new(terminal)
            .put("moved to", &name)
            .put("store", &moved.store_id)
            .put("payouts", moved.payouts)
            .put("journal to row", moved.last_seq)
            .put("seals", moved.last_seal_no)
            .put("both journals are", format_args!("sha256 {}", moved.journal_sha256))
            .print()?;
        terminal
            .note("name it in store.url, and journal.checkpoint_file beside it; the file is marked as moved");
        Ok(Exit::Done)
    }
}

fn not_moved(why: &MoveError) -> Failure {
    let (exit, next) = match why {
        MoveError::TargetInUse => (Exit::CannotCreate, "name an empty database"),
        MoveError::Differs(_) => (Exit::Io, "do not work the target; drop it, and copy again"),
        MoveError::Source(_) => (Exit::Io, "look at the file; nothing has moved"),
        MoveError::Target(_) => {
            (Exit::Io, "look at the PostgreSQL, and copy again: a copy is whole or not there")
        }
    };
    Failure::because(exit, "the house has not moved", why).next(next)
}
