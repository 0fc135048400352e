//! What a page of the journal costs, however long the journal is: `cargo bench --bench audit`.
//!
//! 1,000,000 records are written through the house's own port into SQLite, and into PostgreSQL where `PAYOUTD_TEST_POSTGRES_URL` says where
//! one is; then pages of 100 are asked for at the door, from moments strewn over all of it, each followed by its next page; pages of one
//! person, whose records are every hundredth, so that a page of them costs as many rows as a page may; and pages of what is critical, every
//! thousandth. Beside each stands what the engine takes for the same rows by a query that knows where they are. Prints a table and writes
//! `target/bench/audit.json`; `PAYOUTD_BENCH_RECORDS` makes the journal shorter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_arithmetic,
    reason = "a bench that cannot go on says so by panicking, and its figures are no money"
)]

#[path = "common/mod.rs"]
mod common;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    figures::{self, Aim, Verdict},
    house::{Ground, House, limits},
    network::Network,
    stage,
};
use payoutd::{
    http::{CursorKey, Door, Settings, TokenDigest, office::Staffed},
    store::{Cellar, CheckpointFile, PostgresSettings, PostgresStore, SqliteSettings, SqliteStore},
    telemetry::Metrics,
    wire::moment,
    world::SystemClock,
};
use payoutd_actors::{
    domain::journal::Body,
    ports::{HouseChange, Journal},
};
use serde_json::{Value, json};
use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, SqliteConnection, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};

const TOKEN: &str = "a-token-of-the-bench";
/// The one person's id.
const PERSON: &str = "5d0f83423107ebe5";
/// Records of the journal, unless somebody says how many.
const RECORDS: u64 = 1_000_000;
/// Records that are written at a time, with one moment.
const AT_A_TIME: u64 = 500;
/// Records of a page.
const PAGE: u64 = 100;
/// Rows that the door reads for a page at most.
const ROWS_READ_MAX: u64 = 10_000;
/// Every which record is the one person's, and every which is critical.
const EVERY: (u64, u64) = (100, 1_000);
/// Pages of each kind.
const PAGES: usize = 500;
/// What the slowest of a hundred pages may take, ms (F004-30).
const AIM_MS: f64 = 50.0;
/// When the first records were written, unix ms, and how much later the next ones, ms.
const BEGAN_MS: i64 = 1_700_000_000_000;
const LATER_MS: i64 = 600_000;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
enum Pages {
    Anywhere,
    NextOnes,
    OfOnePerson,
    OfWhatIsCritical,
}

/// Where the journal is, and how the engine itself is asked.
enum Engine {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let metrics = Metrics::start().unwrap();
    let mut verdicts = actix::System::new().block_on(upon_sqlite(&metrics));
    if let Ok(url) = std::env::var("PAYOUTD_TEST_POSTGRES_URL") {
        verdicts.extend(actix::System::new().block_on(upon_postgres(&url, &metrics)));
    }
    figures::print(&verdicts);
    figures::print_missed(&verdicts);
    let file = stage::bench_folder().join("audit.json");
    let told: serde_json::Map<_, _> =
        verdicts.iter().map(|verdict| (verdict.name.to_owned(), verdict.json())).collect();
    let told = json!({ "records": records(), "pages_of_each": PAGES, "figures": told });
    std::fs::write(&file, serde_json::to_string_pretty(&told).unwrap()).unwrap();
    println!("written to {}", file.display());
}

fn records() -> u64 {
    std::env::var("PAYOUTD_BENCH_RECORDS").map_or(RECORDS, |number| number.parse().unwrap())
}

async fn upon_sqlite(metrics: &Metrics) -> Vec<Verdict> {
    let folder = stage::bench_folder().join("audit-store");
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    let database = folder.join("payoutd.db");
    let store = Arc::new(SqliteStore::open_file(&database, SqliteSettings::default()).await.unwrap());
    let options = SqliteConnectOptions::new().filename(&database).read_only(true);
    let engine = Engine::Sqlite(options.disable_statement_logging().connect().await.unwrap());
    let names = [
        "SQLite: 100 from anywhere",
        "SQLite: the next 100",
        "SQLite: 100 of one person",
        "SQLite: what is critical",
    ];
    let verdicts = measure(store, &database, engine, metrics, names).await;
    std::fs::remove_dir_all(&folder).unwrap();
    verdicts
}

async fn upon_postgres(url: &str, metrics: &Metrics) -> Vec<Verdict> {
    let options: PgConnectOptions = url.parse().unwrap();
    let options = options.disable_statement_logging();
    let schema = format!("payoutd_bench_audit_{:08x}", fastrand::u32(..));
    let mut server = options.connect().await.unwrap();
    server.execute(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
    let within = options.options([("search_path", schema.as_str())]);
    let store = PostgresStore::open(within.clone(), "bench", PostgresSettings::default()).await.unwrap();
    let engine = Engine::Postgres(within.connect().await.unwrap());
    let names = [
        "PostgreSQL: 100 from anywhere",
        "PostgreSQL: the next 100",
        "PostgreSQL: 100 of one person",
        "PostgreSQL: what is critical",
    ];
    let keeper = stage::bench_folder().join("audit-postgres");
    let verdicts = measure(Arc::new(store), &keeper, engine, metrics, names).await;
    server.execute(sqlx::AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"))).await.unwrap();
    server.close().await.unwrap();
    verdicts
}

async fn measure(
    store: Arc<dyn Cellar>,
    beside: &Path,
    mut engine: Engine,
    metrics: &Metrics,
    names: [&'static str; 4],
) -> Vec<Verdict> {
    // Before the house is open: its time does not go back.
    fill(&*store).await;
    let network = Network::start(Arc::new(SystemClock), false);
    let keeper = CheckpointFile::beside(beside);
    let house = House::open(Ground { store: store.clone(), keeper, nodes: network.nodes(), bus: None }).await;
    until_sealed(&*house.world.journal).await;
    let settings = Settings::new(
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        TokenDigest::of(TOKEN),
        CursorKey::new([7; 32]),
    );
    let door = Door::new(settings, metrics.clone());
    door.staff(Arc::new(Staffed::of(&house.office, &house.world, limits())));
    let opened = door.open().unwrap();
    let (handle, address) = (opened.local.handle(), opened.address);
    actix::spawn(opened.local);
    let mut verdicts = Vec::new();
    let kinds = [Pages::Anywhere, Pages::NextOnes, Pages::OfOnePerson, Pages::OfWhatIsCritical];
    for (pages, name) in kinds.into_iter().zip(names) {
        let door_ms = at_the_door(address, pages).await;
        let bare_ms = engine.bare(pages).await;
        eprintln!("{name}: p50 {:.2} ms, bare {:.2} ms", quantile(&door_ms, 0.5), quantile(&bare_ms, 0.5));
        let p99 = Verdict::new(name, quantile(&door_ms, 0.99), "ms p99").of_limit(quantile(&bare_ms, 0.99));
        verdicts.push(p99.aim(Aim::AtMost(AIM_MS)));
    }
    handle.stop(true).await;
    engine.close().await;
    house.close().await;
    verdicts
}

/// Writes the journal.
async fn fill(store: &dyn Cellar) {
    let began = Instant::now();
    for first in (0..records()).step_by(AT_A_TIME as usize) {
        let changes = (first..first + AT_A_TIME).map(record).collect();
        store.change(changes, moment_of(first)).await.unwrap();
    }
    eprintln!("{} records written in {:.0} s", records(), began.elapsed().as_secs_f64());
}

/// Waits until all of it is under a seal: nothing else is at work while it is read.
async fn until_sealed(journal: &dyn Journal) {
    let began = Instant::now();
    let last = journal.last_seq().await.unwrap();
    while journal.last_seal().await.unwrap().is_none_or(|seal| seal.last_seq < last) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eprintln!("{last} records sealed in {:.0} s", began.elapsed().as_secs_f64());
}

fn moment_of(record: u64) -> i64 {
    BEGAN_MS + i64::try_from(record / AT_A_TIME).unwrap() * LATER_MS
}

/// A record as large as those of payouts are.
fn record(number: u64) -> HouseChange {
    let (ours, critical) = (number.is_multiple_of(EVERY.0), number.is_multiple_of(EVERY.1));
    let kind = if critical { "alarm_stranger_transfer" } else { "payout_admitted" };
    let by = if ours { format!("user:{PERSON}") } else { format!("key:{:016x}", number % 997) };
    let body = json!({
        "account": "house", "by": by, "correlation_id": format!("request-{number}"), "from": "admitted", "to": "settled",
        "idempotency_key": format!("invoice-{number}"), "version": 5, "order_digest": format!("{number:064x}"),
        "order": { "amount": 25_500_000, "recipient": "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC", "route": "transfer" },
        "postings": [{ "delta_micro_usdt": -25_500_000, "ledger": "available" }, { "delta_micro_usdt": 25_500_000, "ledger": "reserved" }],
        "request_digest": format!("{:064x}", number.wrapping_mul(31)),
    });
    let payout_id = Some(format!("01930c5e-0000-7000-8000-{number:012x}"));
    HouseChange::Alarm { kind, payout_id, body: Body::of(&body).unwrap() }
}

/// How long each page took, ms; asked for from a thread of its own, one after the other.
async fn at_the_door(address: SocketAddr, pages: Pages) -> Vec<f64> {
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ask(address, pages))
    };
    tokio::task::spawn_blocking(asking).await.unwrap()
}

async fn ask(address: SocketAddr, pages: Pages) -> Vec<f64> {
    let client = reqwest::Client::new();
    let timed = async |path: String| {
        let began = Instant::now();
        let request = client.get(format!("http://{address}{path}")).bearer_auth(TOKEN);
        let answer = request.send().await.unwrap().bytes().await.unwrap();
        let took_ms = began.elapsed().as_secs_f64() * 1e3;
        (took_ms, serde_json::from_slice::<Value>(&answer).unwrap())
    };
    let mut took = Vec::with_capacity(PAGES);
    // The first ones warm up.
    for number in 0..PAGES + PAGES / 10 {
        let to = moment::write(moment_of(place()) + 1);
        let (path, at_least) = match pages {
            Pages::Anywhere | Pages::NextOnes => (format!("/v1/audit/records?limit={PAGE}&to={to}"), PAGE),
            Pages::OfOnePerson => (format!("/v1/audit/users/{PERSON}?limit={PAGE}&to={to}"), PAGE),
            Pages::OfWhatIsCritical => {
                (format!("/v1/audit/records?limit={PAGE}&severity=critical&to={to}"), ROWS_READ_MAX / EVERY.1)
            }
        };
        let (mut took_ms, mut page) = timed(path.clone()).await;
        if matches!(pages, Pages::NextOnes) {
            let cursor = page["next_cursor"].as_str().unwrap().to_owned();
            (took_ms, page) = timed(format!("{path}&cursor={cursor}")).await;
        }
        let found = page["records"].as_array().unwrap_or_else(|| panic!("{page}")).len() as u64;
        assert!(found >= at_least, "{pages:?}: {found} records");
        if number >= PAGES / 10 {
            took.push(took_ms);
        }
    }
    took
}

/// A place that has a page's worth of rows before it.
fn place() -> u64 {
    fastrand::u64(ROWS_READ_MAX * 2..records())
}

impl Engine {
    /// How long the same rows take without the house, ms: where they stand is known, and a row is what the engine hands out.
    async fn bare(&mut self, pages: Pages) -> Vec<f64> {
        let mut took = Vec::with_capacity(PAGES);
        for _ in 0..PAGES {
            let behind = place();
            let by = match self {
                Self::Sqlite(_) => "body ->> 'by'",
                Self::Postgres(_) => "body::json ->> 'by'",
            };
            let (rows, filter) = match pages {
                Pages::Anywhere | Pages::NextOnes => (PAGE, String::new()),
                Pages::OfOnePerson => (ROWS_READ_MAX, format!(" AND {by} = 'user:{PERSON}'")),
                Pages::OfWhatIsCritical => (ROWS_READ_MAX, " AND kind LIKE 'alarm%'".to_owned()),
            };
            let question = format!(
                "SELECT seq, at_ms, kind, payout_id, body, hash FROM journal WHERE seq >= {} AND seq < {behind}{filter} \
                 ORDER BY seq DESC LIMIT {PAGE}",
                behind - rows
            );
            let (question, began) = (sqlx::AssertSqlSafe(question), Instant::now());
            let found = match self {
                Self::Sqlite(engine) => engine.fetch_all(question).await.unwrap().len(),
                Self::Postgres(engine) => engine.fetch_all(question).await.unwrap().len(),
            };
            took.push(began.elapsed().as_secs_f64() * 1e3);
            assert!(found > 0);
        }
        took
    }

    async fn close(self) {
        match self {
            Self::Sqlite(engine) => engine.close().await.unwrap(),
            Self::Postgres(engine) => engine.close().await.unwrap(),
        }
    }
}

fn quantile(took_ms: &[f64], part: f64) -> f64 {
    let mut sorted = took_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part) as usize]
}
