//! `GET /metrics`: the numbers for Prometheus. The gauges of the table of payouts are read when somebody looks.

use actix_web::{HttpResponse, web::Data};
use payoutd_actors::{domain::payout::Stage, metrics_names as names};

use super::{door::Door, house::oldest_seconds, office::Stats};

/// The text form of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The numbers, for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "health", operation_id = "metrics",
    responses((status = 200, description = "Prometheus' text form", content_type = "text/plain", body = String))
)]
pub async fn metrics(door: Data<Door>) -> HttpResponse {
    match door.office.stats().await {
        Ok(stats) => gauge(&stats),
        // Old gauges would look like news: without the store the other numbers have to do.
        Err(fault) => tracing::debug!(?fault, "the table of payouts can not be measured"),
    }
    HttpResponse::Ok().content_type(TEXT).body(door.metrics.render())
}

/// `payoutd_payouts{stage}` and `payoutd_payout_oldest_seconds{stage}` (F-N15: alarms go by age).
fn gauge(stats: &Stats) {
    for stage in Stage::ALL {
        let count = stats.stages.get(&stage).copied().unwrap_or_default();
        metrics::gauge!(names::PAYOUTS, "stage" => stage.word()).set(lossy(count.payouts));
        if !stage.is_final() {
            let oldest = oldest_seconds(stats, stage).unwrap_or(0);
            metrics::gauge!(names::OLDEST_PAYOUT_AGE_SECONDS, "stage" => stage.word()).set(lossy(oldest));
        }
    }
    metrics::gauge!("payoutd_paused").set(lossy(u64::from(stats.pause.is_some())));
}

/// Prometheus counts in floats; beyond 2^53 a gauge is rounded, and nothing is decided by it.
#[allow(
    clippy::cast_precision_loss,
    reason = "gauges are floats by Prometheus' own form; no money is computed with them"
)]
fn lossy(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use payoutd_actors::ports::StageCount;
    use std::collections::BTreeMap;

    /// F-N15: `payoutd_payout_oldest_seconds{stage}` is the age of the payout that has stood there longest.
    #[test]
    fn the_age_that_the_alarm_looks_at_is_measured() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let count = StageCount { payouts: 3, amount_micro_usdt: 1, oldest_updated_at_ms: Some(1_000) };
        let stats =
            Stats { stages: BTreeMap::from([(Stage::Unknown, count)]), at_ms: 901_000, ..Stats::default() };
        metrics::with_local_recorder(&recorder, || gauge(&stats));
        let text = handle.render();
        assert!(text.contains("payoutd_payout_oldest_seconds{stage=\"unknown\"} 900"), "{text}");
        assert!(text.contains("payoutd_payouts{stage=\"unknown\"} 3"), "{text}");
        assert!(!text.contains("payoutd_payout_oldest_seconds{stage=\"settled\"}"), "{text}");
    }
}
