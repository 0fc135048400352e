//! What it costs to ask whether a request may pass: `cargo bench --bench rates`.
//!
//! The limiters work as in a house: all on the office's thread, asked from another one by several callers at a time, each question
//! with three policies. A million principals are made known first, and what they cost is read from the process. Then a flood by one
//! principal is held against the answers to another. Prints a table and writes `target/bench/rates.json`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_arithmetic,
    reason = "a bench that cannot go on says so by panicking, and its figures are no money"
)]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use payoutd_actors::{
    domain::rates::{BookLimits, QUOTA_MAX, RateClass, RatePolicies, Tier, Whom},
    fakes::{MemoryStore, TestClock},
    guardian::{Hiring, HiringRules},
    rate_limiter::{Asking, RateLimiterTools, RateLimiters},
    roster::Roster,
};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Principals that are made known (F004-04).
const KNOWN: u64 = 1_000_000;
/// What they may cost, MB.
const AIM_MEGABYTES: f64 = 200.0;
/// What one decision may cost, amortised, µs.
const AIM_MICROS: f64 = 5.0;
/// Questions that are under way at a time: a busy door's connections.
const AT_ONCE: usize = 64;
/// Decisions that are timed.
const DECISIONS: u64 = 2_000_000;
/// What another's p99 may be under a flood, beside without one.
const AIM_RATIO: f64 = 1.5;
/// Rounds of the flood; the median of their ratios counts.
const ROUNDS: usize = 5;

struct Figures {
    known_megabytes: f64,
    bytes_each: f64,
    micros_each: f64,
    flood_ratio: f64,
    quiet_p99_micros: f64,
    flooded_p99_micros: f64,
}

fn main() {
    let limiters = staffed();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let figures = runtime.block_on(tokio::task::LocalSet::new().run_until(measure(limiters)));
    print_table(&figures);
    println!("\nwritten to {}", write_figures(&figures).display());
}

/// An office's thread with the limiters and nobody else.
fn staffed() -> RateLimiters {
    let (told, hear) = mpsc::channel();
    std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let clock = Arc::new(TestClock::default());
            let give_up = Arc::new(|name: &'static str, why: &str| panic!("{name}: {why}"));
            let mut roster =
                Roster::new(Hiring { rules: HiringRules::default(), clock: clock.clone(), give_up });
            let quota = QUOTA_MAX;
            let policies = RatePolicies {
                payout_create: quota,
                standard: quota,
                burst_capacity: quota,
                burst_per_second: quota,
                ..RatePolicies::default()
            };
            let limiters = RateLimiters::vacant(policies, [3; 32]);
            let house = Arc::new(MemoryStore::new("store-of-rates"));
            let tools = RateLimiterTools { house, clock, limits: BookLimits::default() };
            limiters.hire(&tools, |post, factory| roster.hire(post, factory));
            told.send(limiters).unwrap();
            std::future::pending::<()>().await;
        });
    });
    hear.recv().unwrap()
}

async fn measure(limiters: RateLimiters) -> Figures {
    let before = resident_bytes();
    ask_many(&limiters, KNOWN, KNOWN).await;
    let bytes = resident_bytes().saturating_sub(before) as f64;
    let began = Instant::now();
    ask_many(&limiters, DECISIONS, KNOWN).await;
    let micros_each = began.elapsed().as_secs_f64() * 1e6 / DECISIONS as f64;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let quiet = p99_of_bob(&limiters).await;
        let flooded = under_flood(&limiters).await;
        rounds.push((flooded / quiet, quiet, flooded));
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (flood_ratio, quiet_p99_micros, flooded_p99_micros) = rounds[ROUNDS / 2];
    Figures {
        known_megabytes: bytes / 1e6,
        bytes_each: bytes / KNOWN as f64,
        micros_each,
        flood_ratio,
        quiet_p99_micros,
        flooded_p99_micros,
    }
}

/// So many questions of so many principals in turn, [`AT_ONCE`] under way at a time.
async fn ask_many(limiters: &RateLimiters, questions: u64, principals: u64) {
    let next = Arc::new(AtomicU64::new(0));
    let ask = || {
        let (limiters, next) = (limiters.clone(), next.clone());
        tokio::task::spawn_local(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= questions {
                    return;
                }
                // Spread, so that no page is in the cache because its neighbour was.
                let name = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % principals;
                let asked = if questions == principals { number } else { name };
                limiters.principal(&asking(asked), RateClass::PayoutCreate).await.unwrap().unwrap();
            }
        })
    };
    for asker in (0..AT_ONCE).map(|_| ask()).collect::<Vec<_>>() {
        asker.await.unwrap();
    }
}

fn asking(number: u64) -> Asking {
    Asking { whom: Whom::named(&format!("user {number}")), tier: Tier::Standard, api_key: None }
}

/// The 99th percentile of 2,000 answers to somebody who asks a thousand times a second, µs.
async fn p99_of_bob(limiters: &RateLimiters) -> f64 {
    let mut took = Vec::new();
    for _ in 0..2_000 {
        let began = Instant::now();
        limiters.principal(&asking(KNOWN + 1), RateClass::Default).await.unwrap().unwrap();
        took.push(began.elapsed().as_secs_f64() * 1e6);
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    took.sort_by(f64::total_cmp);
    took[took.len() * 99 / 100]
}

/// The same while another asks at fifty times a premium principal's rate: 50,000 a minute.
async fn under_flood(limiters: &RateLimiters) -> f64 {
    let over = Arc::new(AtomicBool::new(false));
    let flood = tokio::task::spawn_local({
        let (limiters, over) = (limiters.clone(), over.clone());
        async move {
            let mut tick = tokio::time::interval(Duration::from_micros(1_200));
            while !over.load(Ordering::Relaxed) {
                tick.tick().await;
                limiters.principal(&asking(7), RateClass::PayoutCreate).await.unwrap().unwrap();
            }
        }
    });
    let p99 = p99_of_bob(limiters).await;
    over.store(true, Ordering::Relaxed);
    flood.await.unwrap();
    p99
}

/// What the process has in memory (proc(5), statm).
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

fn print_table(figures: &Figures) {
    let held = |is_held: bool| if is_held { "held" } else { "MISSED" };
    println!("{:<58} {:>12} {:>10}", "", "measured", "aim");
    let rows = [
        ("a million known principals, three policies each, MB", figures.known_megabytes, AIM_MEGABYTES),
        ("one decision through the actor, amortised, µs", figures.micros_each, AIM_MICROS),
        ("p99 of another under a flood, beside without, times", figures.flood_ratio, AIM_RATIO),
    ];
    for (what, measured, aim) in rows {
        println!("{what:<58} {measured:>12.2} {aim:>10.1}  {}", held(measured <= aim));
    }
    println!(
        "{:.0} bytes each; p99 {:.0} µs without the flood, {:.0} µs with it; {AT_ONCE} questions at a time",
        figures.bytes_each, figures.quiet_p99_micros, figures.flooded_p99_micros
    );
}

fn write_figures(figures: &Figures) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("rates.json");
    let json = serde_json::json!({
        "known_principals": KNOWN,
        "known_megabytes": figures.known_megabytes,
        "bytes_each": figures.bytes_each,
        "decision_micros": figures.micros_each,
        "flood_ratio": figures.flood_ratio,
        "quiet_p99_micros": figures.quiet_p99_micros,
        "flooded_p99_micros": figures.flooded_p99_micros,
    });
    std::fs::write(&file, serde_json::to_string_pretty(&json).unwrap()).unwrap();
    file
}
