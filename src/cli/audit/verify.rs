//! `payoutd audit verify`: the store's journal, or an exported one, examined in constant memory.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use payoutd_actors::{
    domain::journal::{Checkpoint, ExportLine, JournalPublicKey, Report, Verifier, VerifyOptions},
    ports::{CheckpointKeeper, StoreFault},
};

use super::{
    pages::{Passage, read_through},
    store_fault,
};
use crate::{
    cli::{
        Json,
        exit::Exit,
        failure::Failure,
        place::Place,
        store::not_opened,
        terminal::{Ink, Terminal},
    },
    store::{self, CheckpointFile},
};

/// Between two words about the progress, rows.
const PROGRESS_EVERY: u64 = 250_000;

/// `payoutd audit verify`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd audit verify --checkpoint checkpoint.json      against one that you kept elsewhere: only so does a cut-off end show
  payoutd audit verify --json                            against the one beside the store
  payoutd audit verify --export journal.jsonl --key 4f…  an exported journal, by the public key that you know

The daemon may be running. Exit codes: 0 sound, 1 not sound (every fault is named with its place), 65 not a checkpoint,
66 a file can not be read, 78 the configuration is wrong.")]
pub(super) struct Args {
    /// A checkpoint that was kept elsewhere; may be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,

    /// A public key whose seals are right, 64 hex digits; may be given several times, e.g. after a change of keys
    /// [default: the key of journal.key_file]
    #[arg(long, value_name = "HEX")]
    key: Vec<String>,

    /// Examine an exported journal in place of the store's
    #[arg(long, value_name = "JSONL")]
    export: Option<PathBuf>,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    json: Json,
}

impl Args {
    /// Examines, and says what is wrong.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let keys = self.key.iter().map(|hex| public_key(hex)).collect::<Result<Vec<_>, _>>()?;
        let checkpoints =
            self.checkpoint.iter().map(|file| read_checkpoint(file)).collect::<Result<Vec<_>, _>>()?;
        let report = match &self.export {
            Some(file) => self.of_export(terminal, file, keys, checkpoints)?,
            None => crate::cli::wait(self.of_store(terminal, keys, checkpoints))?,
        };
        if self.json.json {
            terminal.json(&report)?;
        } else {
            let ink = if report.sound { Ink::Good } else { Ink::Bad };
            let text = report.to_string();
            let (sheet, result) = text.rsplit_once('\n').unwrap_or(("", &text));
            terminal.line(sheet)?;
            terminal.line(terminal.on_stdout(ink, result))?;
        }
        Ok(if report.sound { Exit::Done } else { Exit::Found })
    }

    async fn of_store(
        &self,
        terminal: &Terminal,
        mut keys: Vec<JournalPublicKey>,
        mut checkpoints: Vec<Checkpoint>,
    ) -> Result<Report, Failure> {
        let loaded = self.place.load(terminal)?;
        if keys.is_empty() {
            let key = loaded.config.journal.key_file.journal_key();
            let key = key.map_err(|why| {
                Failure::new(Exit::NoInput, format_args!("journal.key_file: {why}"))
                    .next("an auditor without the private key names the public one: --key HEX")
            })?;
            keys.push(key.public_key().clone());
        }
        // Before the journal is read: what the journal gains meanwhile only adds to what the checkpoint states.
        let kept = CheckpointFile::of(&loaded.config).kept().await;
        match kept {
            Ok(kept) => checkpoints.extend(kept.filter(|_| self.checkpoint.is_empty())),
            Err(why) => terminal.note(format_args!("the checkpoint beside the store can not be read: {why}")),
        }
        let store = store::look(&loaded.config.store).await.map_err(|why| not_opened(&why))?;
        let mut verifier = Verifier::new(options(store.store_id(), keys, checkpoints));
        let mut rows = 0_u64;
        let read = read_through::<StoreFault>(&*store, |passage| {
            match passage {
                Passage::Row(row) => {
                    verifier.row(row);
                    rows += 1;
                    if rows.is_multiple_of(PROGRESS_EVERY) {
                        terminal.note(format_args!("{rows} rows read"));
                    }
                }
                Passage::Seal(seal) => verifier.seal(seal),
            }
            Ok(())
        });
        read.await.map_err(|why| store_fault(&why))?;
        store.close().await;
        Ok(verifier.finish())
    }

    fn of_export(
        &self,
        terminal: &Terminal,
        file: &Path,
        mut keys: Vec<JournalPublicKey>,
        checkpoints: Vec<Checkpoint>,
    ) -> Result<Report, Failure> {
        let not_read = |why: &std::io::Error| {
            Failure::because(Exit::NoInput, format_args!("{} can not be read", file.display()), why)
        };
        if keys.is_empty() {
            let loaded = self.place.load(terminal)?;
            let key = loaded.config.journal.key_file.journal_key();
            let key = key.map_err(|why| {
                Failure::new(Exit::NoInput, format_args!("journal.key_file: {why}"))
                    .next("name the public key that you know: --key HEX")
            })?;
            keys.push(key.public_key().clone());
        }
        let mut lines = BufReader::new(fs::File::open(file).map_err(|why| not_read(&why))?).lines();
        let first = lines.next().transpose().map_err(|why| not_read(&why))?.unwrap_or_default();
        let Ok(ExportLine::Header(header)) = ExportLine::parse(&first) else {
            return Err(Failure::new(
                Exit::BadData,
                format_args!("{} does not begin as a journal export does", file.display()),
            )
            .next("`payoutd audit export` makes one"));
        };
        let mut verifier =
            Verifier::new(options(&header.store_id, keys, checkpoints).with_every_row_sealed());
        verifier.line(&first);
        for line in lines {
            verifier.line(&line.map_err(|why| not_read(&why))?);
        }
        Ok(verifier.finish())
    }
}

fn options(store_id: &str, keys: Vec<JournalPublicKey>, checkpoints: Vec<Checkpoint>) -> VerifyOptions {
    let options = keys.into_iter().fold(VerifyOptions::new(store_id), VerifyOptions::trusting);
    checkpoints.into_iter().fold(options, VerifyOptions::against)
}

fn public_key(hex: &str) -> Result<JournalPublicKey, Failure> {
    JournalPublicKey::parse(hex)
        .map_err(|why| Failure::because(Exit::BadData, "--key is no public key", &why))
}

fn read_checkpoint(file: &Path) -> Result<Checkpoint, Failure> {
    let text = fs::read_to_string(file).map_err(|why| {
        Failure::because(Exit::NoInput, format_args!("{} can not be read", file.display()), &why)
    })?;
    Checkpoint::parse(&text).map_err(|why| {
        Failure::because(Exit::BadData, file.display(), &why).next("`payoutd audit checkpoint` prints one")
    })
}
