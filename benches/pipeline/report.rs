//! The figures, their aims, and where both are shown.

use crate::network::BLOCK_MS;
use crate::parts::{Crowd, Filled, Limit, Pace, Speed};
use serde_json::{Map, Value, json};
use std::path::Path;

/// What all parts have told.
pub(crate) struct Figures {
    pub(crate) speed: Speed,
    pub(crate) limit: Limit,
    pub(crate) filled: Filled,
    pub(crate) speed_full: Speed,
    pub(crate) limit_full: Limit,
    pub(crate) half_load: Pace,
    pub(crate) new_recipients: Pace,
    pub(crate) crowd: Crowd,
}

/// One figure and its aim.
pub(crate) struct Verdict {
    name: &'static str,
    value: f64,
    unit: &'static str,
    /// What it is held against.
    limit: Option<f64>,
    aim: Option<Aim>,
}

enum Aim {
    RatioAtLeast(f64),
    AtLeast(f64),
    Below(f64),
}

impl Verdict {
    fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, limit: None, aim: None }
    }

    fn of_limit(self, limit: f64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    fn aim(self, aim: Aim) -> Self {
        Self { aim: Some(aim), ..self }
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.value / self.limit?)
    }

    pub(crate) fn is_missed(&self) -> bool {
        match self.aim {
            None => false,
            Some(Aim::RatioAtLeast(ratio)) => self.ratio().is_none_or(|found| found < ratio),
            Some(Aim::AtLeast(least)) => self.value < least,
            Some(Aim::Below(most)) => self.value >= most,
        }
    }

    fn told(&self) -> String {
        let Some(aim) = &self.aim else { return String::new() };
        let aim = match aim {
            Aim::RatioAtLeast(ratio) => format!("ratio ≥ {ratio}"),
            Aim::AtLeast(least) => format!("≥ {least}"),
            Aim::Below(most) => format!("< {most}"),
        };
        format!("{aim}: {}", if self.is_missed() { "missed" } else { "reached" })
    }

    fn json(&self) -> Value {
        let mut figure = Map::new();
        figure.insert("value".to_owned(), json!(rounded(self.value)));
        figure.insert("unit".to_owned(), json!(self.unit));
        if let (Some(limit), Some(ratio)) = (self.limit, self.ratio()) {
            figure.insert("limit".to_owned(), json!(rounded(limit)));
            figure.insert("ratio".to_owned(), json!(rounded(ratio)));
        }
        Value::Object(figure)
    }
}

/// Four digits that mean something, and no more than are needed.
fn rounded(value: f64) -> f64 {
    if value.abs() >= 100.0 { value.round() } else { (value * 10_000.0).round() / 10_000.0 }
}

impl Figures {
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let Self { speed, limit, speed_full, limit_full, half_load, new_recipients, crowd, .. } = self;
        vec![
            Verdict::new("settled_per_s", speed.settled_per_s, "1/s")
                .of_limit(limit.lifecycles_per_s)
                .aim(Aim::RatioAtLeast(0.5)),
            Verdict::new("settled_per_s_full", speed_full.settled_per_s, "1/s")
                .of_limit(limit_full.lifecycles_per_s)
                .aim(Aim::RatioAtLeast(0.5)),
            Verdict::new("full_to_empty", speed_full.settled_per_s / speed.settled_per_s, "ratio")
                .aim(Aim::AtLeast(0.9)),
            Verdict::new("receive_to_broadcast_p50_ms", half_load.received_to_broadcast_p50_ms, "ms")
                .aim(Aim::Below(50.0)),
            Verdict::new("receive_to_broadcast_p99_ms", half_load.received_to_broadcast_p99_ms, "ms"),
            Verdict::new("resident_mb", crowd.resident_mb, "MB").aim(Aim::Below(100.0)),
            Verdict::new("resident_peak_mb", crowd.resident_peak_mb, "MB"),
            Verdict::new("requests_per_payout", speed.requests_per_payout, "requests").aim(Aim::Below(0.05)),
            Verdict::new("requests_per_payout_half_load", half_load.requests_per_payout, "requests"),
            Verdict::new("requests_per_new_recipient", new_recipients.requests_per_payout, "requests"),
        ]
    }
}

/// Shows it to a person.
pub(crate) fn print(figures: &Figures, verdicts: &[Verdict]) {
    let Figures { speed, limit, filled, speed_full, half_load, crowd, .. } = figures;
    println!("\n{:<34}{:>12} {:<9}{:>10}{:>8}  aim", "figure", "value", "unit", "limit", "ratio");
    for verdict in verdicts {
        let of = |figure: Option<f64>| figure.map_or(String::new(), |figure| rounded(figure).to_string());
        let ratio = verdict.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let (value, limit) = (rounded(verdict.value), of(verdict.limit));
        println!(
            "{:<34}{value:>12} {:<9}{limit:>10}{ratio:>8}  {}",
            verdict.name,
            verdict.unit,
            verdict.told()
        );
    }
    println!(
        "\ntwo nodes, no index; a block every {BLOCK_MS} ms without a ceiling, nineteen confirmations; single orders"
    );
    println!(
        "a settled payout costs {:.0} µs of processor, {:.0} µs of them the simulated network ({:.0} and {:.0} with a full store)",
        speed.processor_us_per_payout,
        speed.network_us_per_payout,
        speed_full.processor_us_per_payout,
        speed_full.network_us_per_payout
    );
    println!(
        "taken in meanwhile: {:.0}/s; the full store: {} settled payouts, {} MB; the bare loop: {} payouts, 200 a commit",
        speed.admitted_per_s, filled.payouts, filled.megabytes, limit.payouts
    );
    println!(
        "half load: {:.0}/s; in flight: {} payouts, the house's first {:.0} MB included",
        half_load.payouts_per_s, crowd.in_flight, crowd.resident_at_first_mb
    );
}

/// Writes it for a machine.
pub(crate) fn write(file: &Path, verdicts: &[Verdict]) {
    let figures: Map<String, Value> =
        verdicts.iter().map(|verdict| (verdict.name.to_owned(), verdict.json())).collect();
    std::fs::write(file, serde_json::to_string_pretty(&figures).unwrap() + "\n").unwrap();
}
