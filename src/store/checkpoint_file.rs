//! The last checkpoint, kept beside the database, so that a restored copy of the database knows that it is one.
//!
//! Promises that after [`CheckpointKeeper::keep`] returns, a reader finds that checkpoint or a later one, whole, also after a
//! power cut: written to another file, synced, renamed over the last one, and the folder synced (F002-20).

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use payoutd_actors::{domain::journal::Checkpoint, ports::CheckpointKeeper};

use super::owner::give_to_owner_of;
use crate::config::{Config, StoreUrl};

/// A file that holds the newest checkpoint.
#[derive(Debug, Clone)]
pub struct CheckpointFile {
    file: PathBuf,
}

impl CheckpointFile {
    /// The file that a configuration names, or the one beside its store: `payoutd.db` has `payoutd.db.checkpoint`.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        match (&config.journal.checkpoint_file, &config.store.url) {
            (Some(file), _) => Self { file: file.clone() },
            (None, StoreUrl::Sqlite(database)) => Self::beside(database),
            // Not reached: a PostgreSQL wants the file named, and the configuration is not read without it.
            (None, StoreUrl::Postgres(_)) => Self { file: PathBuf::from("payoutd.checkpoint") },
        }
    }

    /// The one beside a database file.
    #[must_use]
    pub fn beside(database: &Path) -> Self {
        let mut name = database.as_os_str().to_owned();
        name.push(".checkpoint");
        Self { file: PathBuf::from(name) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let folder = match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        let mut new = self.file.as_os_str().to_owned();
        new.push(".new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        give_to_owner_of(folder, &file)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.file)?;
        File::open(folder)?.sync_all()
    }

    fn read(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl CheckpointKeeper for CheckpointFile {
    async fn keep(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        let (this, text) = (self.clone(), format!("{checkpoint}\n"));
        let kept = tokio::task::spawn_blocking(move || this.replace(&text)).await;
        let said = |why: &dyn std::fmt::Display| format!("{} can not be written: {why}", self.file.display());
        kept.map_err(|why| said(&why))?.map_err(|why| said(&why))
    }

    async fn kept(&self) -> Result<Option<Checkpoint>, String> {
        let this = self.clone();
        let said = |why: &dyn std::fmt::Display| format!("{} can not be read: {why}", self.file.display());
        let text = tokio::task::spawn_blocking(move || this.read()).await.map_err(|why| said(&why))?;
        let Some(text) = text.map_err(|why| said(&why))? else { return Ok(None) };
        Checkpoint::parse(&text).map(Some).map_err(|why| said(&why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payoutd_actors::domain::journal::{Body, ChainHead, JournalDraft, JournalKey, Seal, SealRun};

    fn seal_after(head: ChainHead, key: &JournalKey) -> Seal {
        let mut run = SealRun::after(head);
        run.push(&JournalDraft::new(1, "house_paused", Body::empty()).into_record(head.last_seq + 1))
            .unwrap();
        run.close("store", key, 2).unwrap()
    }

    /// The restore gate asks this file: what it says must be the last word, never half a word.
    #[tokio::test]
    async fn the_newest_checkpoint_is_found_whole() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = CheckpointFile::beside(&folder.path().join("payoutd.db"));
        assert_eq!(keeper.kept().await, Ok(None));

        let key = JournalKey::from_seed(&[7; 32]);
        let first = seal_after(ChainHead::GENESIS, &key);
        let second = seal_after(first.head(), &key);
        for seal in [&first, &second] {
            let checkpoint = Checkpoint::of(seal, "store", &key);
            keeper.keep(&checkpoint).await.unwrap();
            assert_eq!(keeper.kept().await, Ok(Some(checkpoint)));
        }
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["payoutd.db.checkpoint"]);

        fs::write(keeper.path(), "{").unwrap();
        assert!(keeper.kept().await.unwrap_err().contains("can not be read"));
    }
}
