//! The numbers: one recorder per process, rendered by the door at `/metrics`.

use std::time::{Duration, SystemTime};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::{TelemetryError, names};

/// The recorder keeps every sample of a histogram until somebody tidies up; five seconds keep that small.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// From a commit (milliseconds) to a proof of expiry (minutes), in seconds.
const SECONDS_BUCKETS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 180.0, 600.0];

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Begins recording. Names that end in `_seconds` are histograms over fixed buckets, so that several daemons'
    /// numbers can be added up.
    ///
    /// # Errors
    /// When something records in this process already.
    pub fn start() -> Result<Self, TelemetryError> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS_BUCKETS)
            .map_err(TelemetryError::Buckets)?
            .install_recorder()
            .map_err(|_| TelemetryError::MetricsTaken)?;
        names::describe();
        metrics::gauge!(names::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1);
        if let Ok(now) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            metrics::gauge!(names::START_TIME_SECONDS).set(now.as_secs_f64());
        }
        Ok(Self { handle })
    }

    /// A recorder that nobody records into, for tests that start several houses in one process.
    #[must_use]
    pub fn detached() -> Self {
        Self { handle: PrometheusBuilder::new().build_recorder().handle() }
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Tidies up for ever, every [`UPKEEP_EVERY`]; spawn it beside the house.
    pub async fn keep_up(self) {
        let mut tick = tokio::time::interval(UPKEEP_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.handle.run_upkeep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_rendered_with_buckets() {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS_BUCKETS)
            .unwrap()
            .build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("payoutd_payouts_total", "stage" => "settled").increment(2);
            metrics::histogram!("payoutd_stage_seconds", "stage" => "signed").record(0.02);
        });
        handle.run_upkeep();
        let text = handle.render();
        assert!(text.contains("payoutd_payouts_total{stage=\"settled\"} 2"), "{text}");
        assert!(text.contains("payoutd_stage_seconds_bucket{stage=\"signed\",le=\"0.025\"} 1"), "{text}");
    }
}
