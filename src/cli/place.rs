//! Which configuration a command works with: `--config FILE`, or `--data DIR` for a sandbox's folder.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{
    exit::Exit,
    failure::Failure,
    terminal::{Ink, Terminal},
};
use crate::config::{Loaded, Mistakes, Secrets, Sources, THE_FILE};

/// Where an installed payoutd has its configuration.
const INSTALLED: &str = "/etc/payoutd/payoutd.toml";
/// Names the configuration for every command. Without a double underscore it is no key.
const VARIABLE: &str = "PAYOUTD_CONFIG";
/// What a sandbox writes into its folder, so that every command can work with it.
pub const SANDBOX_CONFIG: &str = "payoutd.toml";
/// Where a sandbox keeps its store, in its folder.
pub const SANDBOX_STORE: &str = "payoutd.db";
/// Where a sandbox keeps its network, in its folder.
pub const SANDBOX_NETWORK: &str = "chain.json";

/// Above the flags that say with whom a command works.
pub const WHERE: &str = "Where";

/// `--config FILE` or `--data DIR`.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// The configuration file [default: $PAYOUTD_CONFIG, else /etc/payoutd/payoutd.toml if it is there]
    #[arg(long, value_name = "FILE", help_heading = WHERE)]
    config: Option<PathBuf>,

    /// A sandbox's folder, in place of --config
    #[arg(long, value_name = "DIR", conflicts_with = "config", help_heading = WHERE)]
    data: Option<PathBuf>,
}

impl Place {
    /// The file and the environment that this command reads.
    ///
    /// # Errors
    /// Exit 66 for a folder in which no sandbox has been.
    pub fn sources(&self) -> Result<Sources, Failure> {
        let named = || std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
        let installed = || Path::new(INSTALLED).exists().then(|| PathBuf::from(INSTALLED));
        let sandbox = self.data.as_deref().map(config_of).transpose()?;
        Ok(Sources::of_process(sandbox.or_else(|| self.config.clone()).or_else(named).or_else(installed)))
    }

    /// Whether somebody said where the daemon's configuration is: a file, a folder, or a variable of the environment.
    #[must_use]
    pub fn is_named(sources: &Sources) -> bool {
        let is_key = |name: &OsStr| {
            name.to_string_lossy().starts_with("PAYOUTD_") && name.to_string_lossy().contains("__")
        };
        sources.file.is_some() || sources.environment.iter().any(|(name, _)| is_key(name))
    }

    /// The sandbox's folder, where one was named.
    #[must_use]
    pub fn sandbox(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// How the daemon that works here is started.
    #[must_use]
    pub fn start_command(&self) -> String {
        match (&self.data, &self.config) {
            (Some(folder), _) => format!("payoutd sandbox --data {}", folder.display()),
            (None, Some(file)) => format!("payoutd run --config {}", file.display()),
            (None, None) => "payoutd run".to_owned(),
        }
    }

    /// The configuration without its secrets; warnings go to stderr.
    ///
    /// # Errors
    /// Exit 78 with every mistake.
    pub fn load(&self, terminal: &Terminal) -> Result<Loaded, Failure> {
        let loaded = self.sources()?.load()?;
        warn(terminal, &loaded);
        Ok(loaded)
    }

    /// The configuration and its secrets, checked together; warnings go to stderr.
    ///
    /// # Errors
    /// Exit 78 with every mistake.
    pub fn load_with_secrets(&self, terminal: &Terminal) -> Result<(Loaded, Secrets), Failure> {
        let (loaded, secrets) = self.sources()?.load_with_secrets()?;
        warn(terminal, &loaded);
        Ok((loaded, secrets))
    }
}

/// What a sandbox has written into its folder.
fn config_of(folder: &Path) -> Result<PathBuf, Failure> {
    let file = folder.join(SANDBOX_CONFIG);
    match file.exists() {
        true => Ok(file),
        false => {
            Err(Failure::new(Exit::NoInput, format_args!("{} is no sandbox's folder", folder.display()))
                .next(format_args!("`payoutd sandbox --data {}` makes one", folder.display())))
        }
    }
}

fn warn(terminal: &Terminal, loaded: &Loaded) {
    for warning in &loaded.warnings {
        terminal.note(format_args!("{} {warning}", terminal.on_stderr(Ink::Care, "warning:")));
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        let is_missing = mistakes.mistakes.iter().any(|mistake| mistake.key == THE_FILE);
        let next = match &mistakes.file {
            Some(_) if is_missing => {
                "name a file that is there; `payoutd check-config --template > FILE` begins one"
            }
            Some(_) => {
                "correct them and run `payoutd check-config`; docs/configuration.md explains every key"
            }
            None => {
                "name a file with --config FILE; `payoutd check-config --template` prints one to begin with"
            }
        };
        Self::new(Exit::Configuration, &mistakes).next(next)
    }
}
