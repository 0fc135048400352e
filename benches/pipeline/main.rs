//! How fast, how small and how quiet the whole office is: `cargo bench --bench pipeline`.
//!
//! Payouts go in through Admission and come out settled: every limit asked, signed, filed, sent to two nodes, seen in a block,
//! solidified, proved by two nodes, journalled and sealed, upon [`SqliteStore`](payoutd::store::SqliteStore) as it is shipped
//! (every commit synced). The network is simulated in this process; its blocks have no ceiling. What it takes of the same two
//! hands is measured and printed, not taken off.
//!
//! The limit is a bare loop: the rows that the office wrote, written once more to the same kind of file by plain prepared
//! statements, 200 a batch, a commit for each of the five steps. Every part is a process of its own, so that none inherits
//! another's memory. Prints a table and writes `target/bench/pipeline.json`.
//!
//! `PAYOUTD_BENCH_FULL=100000` makes the full store smaller (a million settled payouts otherwise), `PAYOUTD_BENCH_SECONDS=5` the
//! measured stretch shorter, `PAYOUTD_BENCH_IN_FLIGHT=10000` the crowd in flight smaller.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_arithmetic,
    reason = "a bench that cannot go on says so by panicking, and its figures are no money"
)]

#[path = "../common/mod.rs"]
mod common;
mod full;
mod limit;
mod load;
mod parts;
mod report;

use common::{
    figures,
    stage::{self, number},
};
use report::Figures;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What one process does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// Pays as fast as it can.
    Speed { database: PathBuf },
    /// Writes what the office wrote in one store into another (or again into the same) by the bare loop.
    Limit { from: PathBuf, into: PathBuf },
    /// Fills a store with settled payouts like one of another's.
    Fill { like: PathBuf, database: PathBuf, payouts: u64 },
    /// Pays at a given pace.
    Pace { database: PathBuf, payouts_per_s: f64, new_recipients: bool },
    /// Has so many payouts in flight.
    Crowd { database: PathBuf, payouts: u64 },
}

fn main() {
    if let Some(part) = stage::own_part() {
        println!("{}", parts::play(part));
        return;
    }
    let folder = stage::bench_folder();
    let stores = folder.join("pipeline-stores");
    drop(std::fs::remove_dir_all(&stores));
    std::fs::create_dir_all(&stores).unwrap();
    let figures = measure(&stores);
    std::fs::remove_dir_all(&stores).unwrap();
    let verdicts = figures.verdicts();
    report::print(&figures, &verdicts);
    let file = folder.join("pipeline.json");
    report::write(&file, &verdicts);
    println!("\nwritten to {}", file.display());
    figures::print_missed(&verdicts);
}

fn measure(stores: &Path) -> Figures {
    let store = |name: &str| stores.join(name);
    let full_payouts = number("PAYOUTD_BENCH_FULL", 1_000_000);
    let crowd_payouts = number("PAYOUTD_BENCH_IN_FLIGHT", 100_000);

    let empty = store("empty.db");
    let speed: parts::Speed = play(Part::Speed { database: empty.clone() });
    let limit: parts::Limit = play(Part::Limit { from: empty.clone(), into: store("bare.db") });

    let full = store("full.db");
    let filled: parts::Filled =
        play(Part::Fill { like: empty, database: full.clone(), payouts: full_payouts });
    let speed_full: parts::Speed = play(Part::Speed { database: full.clone() });
    let limit_full: parts::Limit = play(Part::Limit { from: full.clone(), into: full });

    let payouts_per_s = speed.settled_per_s / 2.0;
    let pace = |name: &str, new_recipients| -> parts::Pace {
        play(Part::Pace { database: store(name), payouts_per_s, new_recipients })
    };
    let half_load = pace("half.db", false);
    let new_recipients = pace("new.db", true);
    let crowd: parts::Crowd = play(Part::Crowd { database: store("crowd.db"), payouts: crowd_payouts });
    Figures { speed, limit, filled, speed_full, limit_full, half_load, new_recipients, crowd }
}

/// Has a process of its own play a part.
fn play<T: DeserializeOwned>(part: Part) -> T {
    stage::play(&part)
}

/// How long a part measures.
pub(crate) fn stretch() -> Duration {
    stage::stretch(20)
}
