//! The figures, their aims, and where both are shown.

use crate::common::figures::{Aim, Verdict, rounded};
use crate::common::network::BLOCK_MS;
use crate::consume::Consumed;
use crate::door::Waits;
use crate::full::Filled;
use crate::limit::Limit;
use crate::peer::Peer;
use crate::speed::Speed;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What the parts have told, each if it was played.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) speed: Option<Speed>,
    pub(crate) limit: Option<Limit>,
    pub(crate) consume: Option<Consumed>,
    pub(crate) speed_with_events: Option<Speed>,
    pub(crate) peer: Option<Peer>,
    pub(crate) speed_over_http: Option<Speed>,
    pub(crate) door: Option<Waits>,
    pub(crate) bare_door: Option<Waits>,
    pub(crate) filled: Option<Filled>,
    pub(crate) speed_full: Option<Speed>,
    pub(crate) limit_full: Option<Limit>,
}

impl Figures {
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let settled = |speed: &Option<Speed>| speed.map(|speed| speed.settled_per_s);
        let mut verdicts = Vec::new();
        if let Some(speed) = self.speed {
            let verdict = Verdict::new("settled_per_s_absolute", speed.settled_per_s, "1/s");
            verdicts.push(verdict.aim(Aim::AtLeast(5_000.0)));
        }
        if let (Some(speed), Some(limit)) = (settled(&self.speed), self.limit) {
            let verdict = Verdict::new("settled_per_s", speed, "1/s").of_limit(limit.lifecycles_per_s);
            verdicts.push(verdict.aim(Aim::RatioAtLeast(0.35)));
        }
        if let (Some(speed), Some(limit)) = (settled(&self.speed_full), self.limit_full) {
            let verdict = Verdict::new("settled_per_s_full", speed, "1/s").of_limit(limit.lifecycles_per_s);
            verdicts.push(verdict.aim(Aim::RatioAtLeast(0.35)));
        }
        if let (Some(full), Some(empty)) = (settled(&self.speed_full), settled(&self.speed)) {
            verdicts.push(Verdict::new("full_to_empty", full / empty, "ratio").aim(Aim::AtLeast(0.9)));
        }
        if let (Some(speed), Some(consume)) = (settled(&self.speed), self.consume) {
            verdicts.push(Verdict::new("consume_ratio", speed, "1/s").of_limit(consume.jobs_per_s));
        }
        if let Some(with_events) = settled(&self.speed_with_events) {
            verdicts.push(Verdict::new("settled_per_s_with_events", with_events, "1/s"));
        }
        if let (Some(speed), Some(peer)) = (settled(&self.speed), self.peer) {
            let times = Verdict::new("times_one_day_worker", speed / peer.settled_per_s, "times");
            verdicts.push(times.aim(Aim::AtLeast(10.0)));
        }
        if let (Some(over_http), Some(peer)) = (settled(&self.speed_over_http), self.peer) {
            verdicts.push(Verdict::new("settled_per_s_over_http", over_http, "1/s"));
            let times = over_http / peer.settled_per_s;
            verdicts.push(Verdict::new("times_one_day_worker_over_http", times, "times"));
        }
        if let (Some(door), Some(bare)) = (self.door, self.bare_door) {
            let ratio = Verdict::new("admission_p99_ratio", door.p99_ms / bare.p99_ms, "times");
            verdicts.push(ratio.aim(Aim::AtMost(2.0)));
            verdicts.push(Verdict::new("admission_p99_ms", door.p99_ms, "ms").of_limit(bare.p99_ms));
            verdicts.push(Verdict::new("admission_p50_ms", door.p50_ms, "ms").of_limit(bare.p50_ms));
        }
        verdicts
    }

    /// What else a person wants to know.
    pub(crate) fn print_more(&self) {
        println!(
            "\ntwo nodes, no index; a block every {BLOCK_MS} ms without a ceiling, nineteen confirmations; jobs are single orders"
        );
        let told = [
            ("", &self.speed),
            (" (full store)", &self.speed_full),
            (" (events published)", &self.speed_with_events),
            (" (nodes over HTTP)", &self.speed_over_http),
        ];
        for (which, speed) in told {
            let Some(speed) = speed else { continue };
            println!(
                "a settled payout costs{which}, µs of processor: house {:.0}, network {:.0}, PostgreSQL {:.0}, RabbitMQ {:.0}; \
                 meanwhile {:.0}/s were taken in; all jobs to their end: {:.0}/s",
                speed.house_us_per_payout,
                speed.network_us_per_payout,
                speed.postgres_us_per_payout,
                speed.rabbitmq_us_per_payout,
                speed.admitted_per_s,
                speed.whole_per_s
            );
        }
        if let Some(peer) = self.peer {
            println!("the worker of a day: {:.0}/s", peer.settled_per_s);
        }
        if let Some(Filled { payouts, megabytes }) = self.filled {
            println!("the full store: {payouts} settled payouts, {megabytes} MB");
        }
    }

    /// Ratios under the names that they are asked by, what they were made of beside them. What was not played is not there.
    fn json(&self) -> Value {
        let mut told = Map::new();
        for verdict in self.verdicts() {
            told.insert(verdict.name.to_owned(), json!(rounded(verdict.ratio().unwrap_or(verdict.value))));
        }
        let mut tell = |name: &str, value: Option<f64>| {
            value.map(|value| told.insert(name.to_owned(), json!(rounded(value))));
        };
        tell("payouts_settled_per_s", self.speed.map(|speed| speed.settled_per_s));
        tell("payouts_settled_per_s_full", self.speed_full.map(|speed| speed.settled_per_s));
        tell("database_lifecycles_per_s", self.limit.map(|limit| limit.lifecycles_per_s));
        tell("database_lifecycles_per_s_full", self.limit_full.map(|limit| limit.lifecycles_per_s));
        tell("bare_consume_jobs_per_s", self.consume.map(|consumed| consumed.jobs_per_s));
        tell("one_day_worker_settled_per_s", self.peer.map(|peer| peer.settled_per_s));
        tell("admission_p99_ms", self.door.map(|door| door.p99_ms));
        tell("bare_admission_p99_ms", self.bare_door.map(|door| door.p99_ms));
        tell("orders_per_s_at_half_load", self.door.map(|door| door.orders_per_s));
        tell("settled_payouts_in_full_store", self.filled.map(|filled| filled.payouts as f64));
        told.remove("settled_per_s_absolute");
        Value::Object(told)
    }
}

/// Writes it for a machine.
pub(crate) fn write(file: &Path, figures: &Figures) {
    std::fs::write(file, serde_json::to_string_pretty(&figures.json()).unwrap() + "\n").unwrap();
}
