//! The log: lines for a person on a terminal, entries in systemd's journal under systemd, one JSON object a line elsewhere.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::journald::{self, Journald};
use crate::config::{Log, LogFormat};

/// Telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one; the configuration's check refuses it before.
    #[error("the log's filter is not one")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody writes a log in this process already.
    #[error("a log is being written already")]
    LogTaken(#[from] tracing_subscriber::util::TryInitError),
    /// `log.format` asks for systemd's journal, and nobody listens there.
    #[error("log.format is journald, and no journal listens at {}", journald::SOCKET)]
    NoJournal(#[source] io::Error),
    /// Somebody records metrics in this process already.
    #[error("metrics are being recorded already")]
    MetricsTaken,
    /// A bucket list is empty; a fault in payoutd.
    #[error("a histogram has no buckets")]
    Buckets(#[source] metrics_exporter_prometheus::BuildError),
}

/// Begins the log of this process: on stderr, for stdout belongs to answers; or in systemd's journal.
///
/// # Errors
/// When the filter is wrong, a log is being written already, or the journal that was asked for is not there.
pub fn start_log(settings: &Log) -> Result<(), TelemetryError> {
    let registry = tracing_subscriber::registry().with(EnvFilter::try_new(&settings.filter)?);
    let is_terminal = io::stderr().is_terminal();
    let journal = || Journald::at(Path::new(journald::SOCKET));
    let form = match settings.format {
        LogFormat::Human => Form::Human,
        LogFormat::Json => Form::Json,
        LogFormat::Journald => Form::Journal(journal().map_err(TelemetryError::NoJournal)?),
        LogFormat::Auto if is_terminal => Form::Human,
        LogFormat::Auto if journald::stderr_is_the_journals() => journal().map_or(Form::Json, Form::Journal),
        LogFormat::Auto => Form::Json,
    };
    match form {
        Form::Human => {
            let colour = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            let lines = fmt::layer().with_writer(io::stderr).with_ansi(colour).with_target(false);
            registry.with(lines).try_init()?;
        }
        Form::Json => {
            let lines = fmt::layer().with_writer(io::stderr).json().flatten_event(true);
            registry.with(lines.with_current_span(true)).try_init()?;
        }
        Form::Journal(journal) => registry.with(journal).try_init()?,
    }
    Ok(())
}

/// How the log is written after all.
enum Form {
    Human,
    Json,
    Journal(Journald),
}
