//! The worker that a team would write in a day (`benches/peer`), measured like the house: on the same jobs, the same database
//! server, the same kind of simulated node, which it reaches over HTTP.

use crate::jobs::Jobs;
use crate::{common::stage, database, services, stretch};
use payoutd_actors::fakes::sim_chain::genesis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long after its first payout is settled it is measured from.
const WARM_UP: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(120);

const SETTLED: &str = "SELECT count(*) FROM payout WHERE status = 'settled'";
const ASTRAY: &str = "SELECT count(*) FROM payout WHERE status = 'failed'";

/// What it did.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) settled_per_s: f64,
    pub(crate) settled: u64,
}

pub(crate) async fn run(schema: &str, count: u64, node: &str) -> Peer {
    let python = environment();
    let jobs = Jobs::publish(count).await;
    let mut worker = start(&python, schema, &jobs, node);
    let mut connection = database::connect(schema).await;
    let began = Instant::now();
    while counted(&mut connection, SETTLED).await == 0 {
        assert!(worker.try_wait().unwrap().is_none(), "the peer has left");
        assert!(began.elapsed() < PATIENCE, "the peer settles nothing");
        actix::clock::sleep(LOOK).await;
    }
    actix::clock::sleep(WARM_UP).await;
    let (first, from) = (counted(&mut connection, SETTLED).await, Instant::now());
    actix::clock::sleep(stretch()).await;
    let (last, took) = (counted(&mut connection, SETTLED).await, from.elapsed());
    assert!(jobs.waiting().await > 0, "no job waited for the peer any more: publish more");
    assert_eq!(counted(&mut connection, ASTRAY).await, 0, "the peer's payouts fail");
    worker.kill().unwrap();
    worker.wait().unwrap();
    connection.close().await.unwrap();
    each_is_paid_once(node, last).await;
    jobs.remove().await;
    Peer { settled_per_s: (last - first) as f64 / took.as_secs_f64(), settled: last }
}

fn start(python: &Path, schema: &str, jobs: &Jobs, node: &str) -> Child {
    let wallet = &genesis().accounts[0];
    Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer/worker.py"))
        .env("AMQP_URL", services::broker_url())
        .env("QUEUE", &jobs.config.queue)
        .env("POSTGRES_URL", services::postgres_url())
        .env("SCHEMA", schema)
        .env("NODE_URL", node)
        .env("USDT", genesis().usdt.to_string())
        .env("WALLET", wallet.address.to_string())
        .env("WALLET_KEY", &wallet.private_key_hex)
        .spawn()
        .unwrap()
}

/// A Python with what the worker is made of.
fn environment() -> PathBuf {
    let folder = stage::bench_folder().join("peer-python");
    let python = folder.join("bin/python");
    let told = |command: &mut Command| {
        let said = command.output().unwrap();
        assert!(said.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said.stderr));
    };
    if !python.exists() {
        told(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    }
    let wanted = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer/requirements.txt");
    told(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement", wanted]));
    python
}

/// Rows of its table; none before it has made it.
async fn counted(connection: &mut PgConnection, question: &'static str) -> u64 {
    let counted: Result<i64, _> = sqlx::query_scalar(question).fetch_one(connection).await;
    counted.map_or(0, i64::unsigned_abs)
}

/// No two transfers of the network's book are of one amount, which is each job's own; and at least what was told is there.
async fn each_is_paid_once(node: &str, settled: u64) {
    let book = reqwest::get(format!("{node}/sandbox/book")).await.unwrap();
    let book: Value = serde_json::from_str(&book.text().await.unwrap()).unwrap();
    let rows = book["transfers"].as_array().unwrap();
    let amounts: BTreeSet<u64> = rows.iter().map(|row| row["amount_micro_usdt"].as_u64().unwrap()).collect();
    assert_eq!(amounts.len(), rows.len(), "the peer has paid a job twice");
    assert!(rows.len() as u64 >= settled, "the peer says {settled}, the network {}", rows.len());
}
