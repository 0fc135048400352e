//! The log: lines for a person on a terminal, one JSON object a line elsewhere.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

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
    /// Somebody records metrics in this process already.
    #[error("metrics are being recorded already")]
    MetricsTaken,
    /// A bucket list is empty; a fault in payoutd.
    #[error("a histogram has no buckets")]
    Buckets(#[source] metrics_exporter_prometheus::BuildError),
}

/// Begins the log of this process, on stderr: stdout belongs to answers.
///
/// # Errors
/// When the filter is wrong or a log is being written already.
pub fn start_log(settings: &Log) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&settings.filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let is_terminal = io::stderr().is_terminal();
    let human = match settings.format {
        LogFormat::Auto => is_terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    if human {
        let colour = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        registry
            .with(fmt::layer().with_writer(io::stderr).with_ansi(colour).with_target(false))
            .try_init()?;
    } else {
        registry
            .with(fmt::layer().with_writer(io::stderr).json().flatten_event(true).with_current_span(true))
            .try_init()?;
    }
    Ok(())
}
