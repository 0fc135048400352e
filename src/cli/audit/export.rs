//! `payoutd audit export`: the journal as lines of canonical JSON, for somebody who does not trust payoutd.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use payoutd_actors::{
    domain::journal::{export_header_line, export_line, export_seal_line},
    ports::StoreFault,
};

use super::{
    pages::{Passage, read_through},
    store_fault,
};
use crate::{
    cli::{exit::Exit, failure::Failure, place::Place, store::not_opened, terminal::Terminal},
    store,
};

/// `payoutd audit export`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd audit export > journal.jsonl
  payoutd audit export --out journal.jsonl
  python3 docs/verify_journal.py journal.jsonl checkpoint.json

The first line says whose journal it is; then each row, and each seal right after the last row that it covers. The daemon may
be running; `payoutd audit checkpoint` first seals what is written. Exit codes: 0 written, 73 the file is there already.")]
pub(super) struct Args {
    /// Write into a new file, mode 0600, in place of stdout; one that exists is never written over
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    #[command(flatten)]
    place: Place,
}

/// Why writing ended.
enum Ended {
    Store(StoreFault),
    Writing(io::Error),
}

impl From<StoreFault> for Ended {
    fn from(why: StoreFault) -> Self {
        Self::Store(why)
    }
}

impl Args {
    /// Writes it all.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let loaded = self.place.load(terminal)?;
        let key = loaded.config.journal.key_file.journal_key();
        let key = key.map_err(|why| Failure::new(Exit::NoInput, format_args!("journal.key_file: {why}")))?;
        crate::cli::wait(async {
            let store = store::look(&loaded.config.store).await.map_err(|why| not_opened(&why))?;
            let mut out = self.open()?;
            let header = export_header_line(store.store_id(), std::slice::from_ref(key.public_key()));
            let mut written = writeln!(out, "{header}").map_err(Ended::Writing);
            if written.is_ok() {
                let write = read_through(&*store, |passage| {
                    let line = match passage {
                        Passage::Row(row) => export_line(row),
                        Passage::Seal(seal) => export_seal_line(seal),
                    };
                    writeln!(out, "{line}").map_err(Ended::Writing)
                });
                written = write.await;
            }
            let written = written.and_then(|()| out.flush().map_err(Ended::Writing));
            store.close().await;
            written.map_err(not_written)
        })?;
        if let Some(file) = &self.out {
            terminal.note(format_args!("written to {}", file.display()));
        }
        Ok(Exit::Done)
    }

    fn open(&self) -> Result<Box<dyn Write>, Failure> {
        let Some(file) = &self.out else { return Ok(Box::new(BufWriter::new(io::stdout()))) };
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let made = made.map_err(|why| {
            Failure::because(Exit::CannotCreate, format_args!("{} can not be made", file.display()), &why)
                .next("name another file: an export is never written over")
        })?;
        Ok(Box::new(BufWriter::new(made)))
    }
}

fn not_written(ended: Ended) -> Failure {
    match ended {
        Ended::Store(why) => store_fault(&why),
        Ended::Writing(why) if why.kind() == io::ErrorKind::BrokenPipe => Failure::hung_up(),
        Ended::Writing(why) => Failure::because(Exit::Io, "the export can not be written", &why),
    }
}
