//! The figures, their aims, and where both are shown.

use crate::common::figures::{self, Aim, Verdict};
use crate::common::network::BLOCK_MS;
use crate::parts::{Crowd, Filled, Limit, Pace, Speed};
use serde_json::{Map, Value};
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
    figures::print(verdicts);
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
