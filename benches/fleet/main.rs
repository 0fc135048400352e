//! How fast a house upon PostgreSQL and RabbitMQ is: `cargo bench --bench fleet`.
//!
//! Jobs wait in a quorum queue. The house takes them in, signs, files, sends, watches, proves and settles them, with its journal
//! sealed, upon [`PostgresStore`](payoutd::store::PostgresStore) as it is shipped (every commit synced). Everything shares one
//! machine: broker, database, house, and the network, which is simulated in the house's process; what each of them takes of the
//! processors is measured and printed. Events are not published but in the part that says so.
//!
//! The limits are taken in the same run: the rows that the house wrote, written once more to the same tables by a bare loop
//! (`limit`), the same jobs consumed and acknowledged by bare lapin (`consume`), orders taken in by bare actix-web and one
//! insert (`bare_door`), and the worker that a team would write in a day (`benches/peer`). It runs upon the database and the broker
//! of PAYOUTD_TEST_POSTGRES_URL and PAYOUTD_TEST_AMQP_URL, or upon those that `tests/services up` starts.
//!
//! `PAYOUTD_BENCH_SECONDS=20` makes the measured stretches longer (10 s), `PAYOUTD_BENCH_FULL=100000` the full store smaller (a
//! million settled payouts), `PAYOUTD_BENCH_PARTS=speed,limit` plays some parts alone. What was not played is not in
//! `target/bench/fleet.json`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_arithmetic,
    reason = "a bench that cannot go on says so by panicking, and its figures are no money"
)]

mod bare_door;
#[path = "../common/mod.rs"]
mod common;
mod consume;
mod database;
mod door;
mod full;
mod jobs;
mod limit;
mod node;
mod peer;
mod report;
mod services;
mod speed;

use common::{
    figures,
    stage::{self, number},
};
use database::Schema;
use report::Figures;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What one process does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// Pays jobs out of a queue as fast as it can; on the network at these addresses, or on one of its own.
    Speed { schema: String, jobs: u64, nodes: Vec<String>, events: bool },
    /// Writes what the house wrote once more by the bare loop.
    Limit { schema: String },
    /// Fills a schema with settled payouts like one of another's.
    Fill { like: String, schema: String, payouts: u64 },
    /// Consumes and acknowledges jobs, and does nothing else.
    Consume { jobs: u64 },
    /// Orders over HTTP at a pace, while everything is paid.
    Door { schema: String, orders_per_s: f64 },
    /// The same orders at the same pace, each inserted into one table.
    BareDoor { schema: String, orders_per_s: f64 },
    /// A network for other processes, until its standard input ends.
    Node,
    /// The worker that a team would write in a day.
    Peer { schema: String, jobs: u64, node: String },
}

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Some(part) = stage::own_part() {
        println!("{}", play(part));
        return;
    }
    services::see_to_them();
    let figures = measure();
    let verdicts = figures.verdicts();
    figures::print(&verdicts);
    figures.print_more();
    let file = stage::bench_folder().join("fleet.json");
    report::write(&file, &figures);
    println!("\nwritten to {}", file.display());
    figures::print_missed(&verdicts);
}

fn play(part: Part) -> String {
    let told = actix::System::new().block_on(async move {
        match part {
            Part::Speed { schema, jobs, nodes, events } => {
                serde_json::to_value(speed::run(&schema, jobs, &nodes, events).await)
            }
            Part::Limit { schema } => serde_json::to_value(limit::run(&schema).await),
            Part::Fill { like, schema, payouts } => {
                serde_json::to_value(full::fill(&like, &schema, payouts).await)
            }
            Part::Consume { jobs } => serde_json::to_value(consume::run(jobs).await),
            Part::Door { schema, orders_per_s } => {
                serde_json::to_value(door::run(&schema, orders_per_s).await)
            }
            Part::BareDoor { schema, orders_per_s } => {
                serde_json::to_value(bare_door::run(&schema, orders_per_s).await)
            }
            Part::Node => {
                node::run().await;
                serde_json::to_value(())
            }
            Part::Peer { schema, jobs, node } => serde_json::to_value(peer::run(&schema, jobs, &node).await),
        }
    });
    told.unwrap().to_string()
}

/// How long a part measures.
pub(crate) fn stretch() -> Duration {
    stage::stretch(10)
}

fn measure() -> Figures {
    let wanted = std::env::var("PAYOUTD_BENCH_PARTS").unwrap_or_else(|_| "all".to_owned());
    let wants = |part: &str| wanted == "all" || wanted.split(',').any(|name| name == part);
    let (empty, full) = (Schema::make("empty"), Schema::make("full"));
    let jobs = jobs::for_stretch(JOBS_PER_S);
    let mut figures = Figures::default();
    let speed = |schema: &Schema, jobs, nodes: Vec<String>, events| -> speed::Speed {
        stage::play(&Part::Speed { schema: schema.name.clone(), jobs, nodes, events })
    };
    let limit =
        |schema: &Schema| -> limit::Limit { stage::play(&Part::Limit { schema: schema.name.clone() }) };

    figures.speed = Some(speed(&empty, jobs, Vec::new(), false));
    if wants("limit") {
        figures.limit = Some(limit(&empty));
    }
    if wants("consume") {
        figures.consume = Some(stage::play(&Part::Consume { jobs }));
    }
    if wants("events") {
        let schema = Schema::make("events");
        figures.speed_with_events = Some(speed(&schema, jobs, Vec::new(), true));
    }
    if wants("peer") {
        let mut node = node::Node::start();
        let schema = Schema::make("peer");
        let (schema, url) = (schema.name.clone(), node.urls[0].clone());
        figures.peer =
            Some(stage::play(&Part::Peer { schema, jobs: jobs::for_stretch(PEER_JOBS_PER_S), node: url }));
        node.stop();
        // The same kind of node over the same wire, new, for whoever comes second must not find a longer chain.
        let mut node = node::Node::start();
        let schema = Schema::make("over_http");
        figures.speed_over_http = Some(speed(&schema, jobs, node.urls.clone(), false));
        node.stop();
    }
    if wants("door") {
        let orders_per_s = figures.speed.as_ref().unwrap().settled_per_s / 2.0;
        let schema = Schema::make("door");
        figures.door = Some(stage::play(&Part::Door { schema: schema.name.clone(), orders_per_s }));
        let schema = Schema::make("bare_door");
        figures.bare_door = Some(stage::play(&Part::BareDoor { schema: schema.name.clone(), orders_per_s }));
    }
    if wants("full") {
        let payouts = number("PAYOUTD_BENCH_FULL", 1_000_000);
        let (like, schema) = (empty.name.clone(), full.name.clone());
        figures.filled = Some(stage::play(&Part::Fill { like, schema, payouts }));
        figures.speed_full = Some(speed(&full, jobs, Vec::new(), false));
        figures.limit_full = Some(limit(&full));
    }
    figures
}

/// So many jobs wait for each second of a part: more than anybody pays.
const JOBS_PER_S: u64 = 7_000;
/// The same for the peer.
const PEER_JOBS_PER_S: u64 = 1_000;
