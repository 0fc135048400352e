//! The network between two runs: one file, replaced as a whole, so that it is always either the old state or the new one.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use payoutd_actors::fakes::sim_chain::SimChain;

use super::{
    SandboxError,
    desk::{SharedChain, locked},
};

/// Where the network is kept.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// One save at a time: the last one at the end must not meet one that is still on its way.
    saving: Arc<Mutex<()>>,
}

impl StateFile {
    /// At this path.
    pub(crate) fn new(path: PathBuf) -> StateFile {
        StateFile { path, saving: Arc::default() }
    }

    /// The network that was saved; none when there is no file yet.
    pub(crate) fn load(&self) -> Result<Option<SimChain>, SandboxError> {
        let saved = match std::fs::read(&self.path) {
            Ok(saved) => saved,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.failed("read", source)),
        };
        let loaded = SimChain::load(&saved);
        loaded.map(Some).map_err(|source| SandboxError::Unloadable { path: self.path.clone(), source })
    }

    /// Saves the network.
    pub(crate) fn save(&self, chain: &SharedChain) -> Result<(), SandboxError> {
        let _alone = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = locked(chain).save().map_err(|error| self.failed("write", error.into()))?;
        self.replace(&saved).map_err(|source| self.failed("write", source))
    }

    /// Writes beside the file, makes that durable, and puts it in the file's place.
    fn replace(&self, saved: &[u8]) -> io::Result<()> {
        let beside = self.beside();
        let mut file = File::create(&beside)?;
        file.write_all(saved)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        let folder =
            self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }

    fn beside(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        self.path.with_file_name(name)
    }

    fn failed(&self, verb: &'static str, source: io::Error) -> SandboxError {
        SandboxError::State { verb, path: self.path.clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use payoutd_actors::fakes::sim_chain::Settings;

    use super::*;

    #[test]
    fn a_saved_network_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path().join("chain.state"));
        assert!(file.load().unwrap().is_none());

        let chain = SimChain::new(Settings::default(), 1_800_000_000_000);
        let (head, moment_ms) = (chain.head_number(), chain.now_ms());
        let chain = Arc::new(Mutex::new(chain));
        file.save(&chain).unwrap();
        file.save(&chain).unwrap();

        let resumed = file.load().unwrap().unwrap();
        assert_eq!((resumed.head_number(), resumed.now_ms()), (head, moment_ms));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain.state");
        std::fs::write(&path, "not a network").unwrap();
        let refused = StateFile::new(path.clone()).load().unwrap_err();
        assert!(refused.to_string().contains(&path.display().to_string()));
    }
}
