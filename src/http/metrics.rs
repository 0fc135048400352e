//! `GET /metrics`: the numbers for Prometheus. The gauges of the table of payouts and of the wallet are read when somebody looks.

use actix_web::{HttpResponse, web::Data};
use payoutd_actors::{
    domain::{
        limits::{DAY_MS, HOUR_MS},
        money::MicroUsdt,
        payout::{Reason, Stage},
    },
    metrics_names as names,
    treasurer::WalletView,
};

use super::{
    door::Door,
    house::oldest_seconds,
    office::{Office, Stats},
};
use crate::telemetry::names as house;

/// The text form of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The numbers, for Prometheus
#[utoipa::path(
    get, path = "/metrics", tag = "health", operation_id = "metrics",
    responses((status = 200, description = "Prometheus' text form", content_type = "text/plain", body = String)),
    security((), ("token" = []))
)]
pub async fn metrics(door: Data<Door>) -> HttpResponse {
    if let Ok(office) = door.office() {
        measure(office).await;
    }
    HttpResponse::Ok().content_type(TEXT).body(door.metrics.render())
}

async fn measure(office: &dyn Office) {
    // Old gauges would look like news: without the store they are not a number, and the other metrics have to do.
    let stats = office.stats().await;
    if let Err(fault) = &stats {
        tracing::debug!(?fault, "the table of payouts can not be measured");
    }
    gauge(stats.as_ref().ok());
    match office.wallet().await {
        Ok(wallet) => gauge_wallet(&wallet),
        Err(fault) => {
            tracing::debug!(?fault, "the wallet can not be measured");
            forget_wallet();
        }
    }
}

/// `payoutd_payouts{stage}` and `payoutd_payout_oldest_seconds{stage}` (F-N15: alarms go by age). `None`: the store does not say.
fn gauge(stats: Option<&Stats>) {
    let number = |of: &dyn Fn(&Stats) -> u64| stats.map_or(f64::NAN, |stats| lossy(of(stats)));
    for stage in Stage::ALL {
        let payouts = |stats: &Stats| stats.stages.get(&stage).map_or(0, |count| count.payouts);
        metrics::gauge!(names::PAYOUTS, "stage" => stage.word()).set(number(&payouts));
        if !stage.is_final() {
            let oldest = |stats: &Stats| oldest_seconds(stats, stage).unwrap_or(0);
            metrics::gauge!(names::OLDEST_PAYOUT_AGE_SECONDS, "stage" => stage.word()).set(number(&oldest));
        }
    }
    for reason in Reason::ALL {
        let held = |stats: &Stats| stats.held_by_reason.get(reason).copied().unwrap_or(0);
        metrics::gauge!(names::PAYOUTS_HELD, "reason" => reason.word()).set(number(&held));
    }
    metrics::gauge!(house::PAUSED).set(number(&|stats| u64::from(stats.switches.pause.is_some())));
    let gate = |stats: &Stats| u64::from(stats.switches.restore_gate.is_some());
    metrics::gauge!(house::RESTORE_GATE_SHUT).set(number(&gate));
    gauge_limits(stats);
}

fn gauge_limits(stats: Option<&Stats>) {
    let limits = stats.and_then(|stats| stats.limits.as_ref().map(|(book, rules)| (stats, book, rules)));
    for (limit, window_ms) in [("hourly", HOUR_MS), ("daily", DAY_MS)] {
        let (used, most) = limits.map_or((f64::NAN, f64::NAN), |(stats, book, rules)| {
            let used = MicroUsdt::new(book.house.used_micro_usdt(window_ms, stats.at_ms));
            let most = if window_ms == HOUR_MS { rules.hourly } else { rules.daily };
            (shown(&used.to_string()), shown(&most.to_string()))
        });
        metrics::gauge!(house::LIMIT_USDT, "limit" => limit).set(most);
        metrics::gauge!(house::LIMIT_USED_USDT, "limit" => limit).set(used);
    }
}

/// What the wallet holds, as gauges that nobody can tell now.
fn forget_wallet() {
    let amounts = [house::WALLET_USDT, house::WALLET_AVAILABLE_USDT, house::WALLET_TRX];
    let counts = [house::WALLET_ENERGY, house::WALLET_BANDWIDTH_BYTES, house::WALLET_BLOCKED];
    for name in amounts.into_iter().chain(counts) {
        metrics::gauge!(name).set(f64::NAN);
    }
}

/// The wallet, once the treasurer has read it: before that its zeros would look like news. That it can not be read is news.
fn gauge_wallet(wallet: &WalletView) {
    metrics::gauge!(house::WALLET_BLOCKED).set(lossy(u64::from(wallet.blocked_by.is_some())));
    let Some(read_at_s) = wallet.read_at_ms.and_then(|at_ms| u64::try_from(at_ms / 1_000).ok()) else {
        return;
    };
    metrics::gauge!(house::WALLET_READ_TIMESTAMP_SECONDS).set(lossy(read_at_s));
    let amounts = [
        (house::WALLET_USDT, &wallet.balance_usdt),
        (house::WALLET_AVAILABLE_USDT, &wallet.available_usdt),
        (house::WALLET_TRX, &wallet.balance_trx),
    ];
    for (name, amount) in amounts {
        if let Some(amount) = amount {
            metrics::gauge!(name).set(shown(amount));
        }
    }
    let counts =
        [(house::WALLET_ENERGY, wallet.energy_left), (house::WALLET_BANDWIDTH_BYTES, wallet.bandwidth_left)];
    for (name, count) in counts {
        if let Some(count) = count {
            metrics::gauge!(name).set(lossy(count));
        }
    }
}

/// An amount of money for a picture. Prometheus has nothing but floats; nothing is computed with them here.
fn shown(amount: &str) -> f64 {
    amount.parse().unwrap_or(f64::NAN)
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
        metrics::with_local_recorder(&recorder, || gauge(Some(&stats)));
        let text = handle.render();
        assert!(text.contains("payoutd_payout_oldest_seconds{stage=\"unknown\"} 900"), "{text}");
        assert!(text.contains("payoutd_payouts{stage=\"unknown\"} 3"), "{text}");
        assert!(!text.contains("payoutd_payout_oldest_seconds{stage=\"settled\"}"), "{text}");
    }

    /// Without the store an old number would look like news: an alarm would ring for what is over, or keep quiet for what is not.
    #[test]
    fn what_the_store_does_not_say_is_not_a_number() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let held_by_reason = BTreeMap::from([(Reason::FundsTrx, 4)]);
        let stats = Stats { held_by_reason, ..Stats::default() };
        metrics::with_local_recorder(&recorder, || gauge(Some(&stats)));
        let text = handle.render();
        for line in ["payoutd_payouts_held{reason=\"funds_trx\"} 4", "payoutd_restore_gate_shut 0"] {
            assert!(text.contains(line), "{text}");
        }
        metrics::with_local_recorder(&recorder, || {
            gauge(None);
            forget_wallet();
        });
        let text = handle.render();
        let gauges: Vec<&str> = text.lines().filter(|line| line.starts_with("payoutd_")).collect();
        assert!(gauges.len() > 30 && gauges.iter().all(|line| line.ends_with(" NaN")), "{text}");
    }

    /// The wallet is shown in whole units, and not at all before it was read.
    #[test]
    fn a_wallet_that_was_not_read_is_not_shown_as_an_empty_one() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let unread = WalletView { blocked_by: Some("no node answers".into()), ..WalletView::default() };
        metrics::with_local_recorder(&recorder, || gauge_wallet(&unread));
        let text = handle.render();
        let gauges: Vec<&str> = text.lines().filter(|line| line.starts_with("payoutd_")).collect();
        assert_eq!(gauges, ["payoutd_wallet_blocked 1"], "that it can not be read is said all the same");
        let wallet = WalletView {
            balance_usdt: Some("1204.5".into()),
            balance_trx: Some("80".into()),
            read_at_ms: Some(1_790_000_000_500),
            blocked_by: Some("no TRX".into()),
            ..WalletView::default()
        };
        metrics::with_local_recorder(&recorder, || gauge_wallet(&wallet));
        let text = handle.render();
        for line in ["payoutd_wallet_usdt 1204.5", "payoutd_wallet_trx 80", "payoutd_wallet_blocked 1"] {
            assert!(text.contains(line), "{text}");
        }
        assert!(text.contains("payoutd_wallet_read_timestamp_seconds 1790000000"), "{text}");
    }
}
