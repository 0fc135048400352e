//! `payoutd check-config`: all mistakes at once, or every key with what holds and why. Starts nothing.

use serde::Serialize;

use super::{
    Json,
    exit::Exit,
    failure::Failure,
    place::Place,
    table::{Rows, Side},
    terminal::{Ink, Terminal},
};
use crate::config::{self, Loaded, Mistake, Origin, Setting};

/// `payoutd check-config`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd check-config --config /etc/payoutd/payoutd.toml
  PAYOUTD_LIMITS__HOURLY_USDT=500 payoutd check-config --json
  payoutd check-config --template > payoutd.toml        every key explained, to begin with

Exit codes: 0 right, 78 mistakes (every one is named). The files that hold secrets are checked and never shown.")]
pub struct Args {
    #[command(flatten)]
    place: Place,

    /// Print a configuration file with every key explained
    #[arg(long, conflicts_with_all = ["reference", "json"])]
    template: bool,

    /// Print the page that explains every key (docs/configuration.md)
    #[arg(long, conflicts_with = "json")]
    reference: bool,

    #[command(flatten)]
    json: Json,
}

/// What a script gets.
#[derive(Serialize)]
struct Answer<'a> {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    settings: &'a [Setting],
    mistakes: &'a [Mistake],
    warnings: &'a [String],
}

impl Args {
    /// Reads, checks, shows.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        if self.template || self.reference {
            let text = if self.template { config::template() } else { config::reference() };
            terminal.line(text.trim_end())?;
            return Ok(Exit::Done);
        }
        if self.json.json {
            return self.answer(terminal);
        }
        let (loaded, _) = self.place.load_with_secrets(terminal)?;
        show(terminal, &loaded)?;
        terminal.note(terminal.on_stderr(Ink::Good, "the configuration is right"));
        Ok(Exit::Done)
    }

    fn answer(&self, terminal: &Terminal) -> Result<Exit, Failure> {
        let sources = self.place.sources()?;
        let file = sources.file.as_ref().map(|file| file.display().to_string());
        match sources.load_with_secrets() {
            Ok((Loaded { settings, warnings, .. }, _)) => {
                terminal.json(&Answer {
                    valid: true,
                    file,
                    settings: &settings,
                    mistakes: &[],
                    warnings: &warnings,
                })?;
                Ok(Exit::Done)
            }
            Err(mistakes) => {
                let mistakes = &mistakes.mistakes;
                terminal.json(&Answer { valid: false, file, settings: &[], mistakes, warnings: &[] })?;
                Ok(Exit::Configuration)
            }
        }
    }
}

fn show(terminal: &Terminal, loaded: &Loaded) -> Result<(), Failure> {
    let mut rows = Rows::new(terminal, [("key", Side::Left), ("value", Side::Left), ("from", Side::Left)]);
    for Setting { key, value, origin, secret, .. } in &loaded.settings {
        let ink = (*origin == Origin::Default).then_some(Ink::Faint);
        let value = match (value, secret) {
            (None, _) => "-".to_owned(),
            (Some(value), true) => format!("{value} ••••••"),
            (Some(value), false) => value.clone(),
        };
        rows.push([(key.clone(), None), (value, ink), (origin.to_string(), ink)]);
    }
    terminal.line(rows)
}
