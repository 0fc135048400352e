//! Thousands of seeded runs of the whole office: storms, crashes, clocks that jump (F-N03).
//!
//! `PAYOUTD_SIM_RUNS=100000` makes it longer; a failing seed prints the command that replays it.

use crate::town::{Life, Tamper, Town, judge, order_to, somebody};
use payoutd_actors::domain::order::Route;
use payoutd_actors::fakes::sim_chain::Settings;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Runs in CI.
const RUNS: u64 = 10_000;
/// Lives of one run at most; the last one is not cut.
const LIVES_MAX: u64 = 4;
/// Long past the last expiration and its proof, in a storm that is bounded.
const ENDED_WITHIN_MS: u64 = 180_000;

fn runs() -> u64 {
    std::env::var("PAYOUTD_SIM_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS)
}

fn only_seed() -> Option<u64> {
    std::env::var("PAYOUTD_SIM_SEED").ok().and_then(|seed| seed.parse().ok())
}

/// One run by its seed: a handful of orders, a storm, a few deaths.
pub(crate) fn run(seed: u64, tamper: Option<Tamper>) -> Result<(), String> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let settings = Settings {
        block_ms: 1_000,
        tronscan_lag_ms: chance.u64(0..4_000),
        parameters: payoutd_actors::fakes::sim_chain::Parameters {
            consensus_logic_optimization: chance.bool(),
            ..Default::default()
        },
        ..Settings::default()
    };
    let mut town = Town::with_chain(seed, settings).stormy();
    town.with_index = chance.bool();
    town.tamper = tamper;
    let count = chance.u64(1..6);
    let deaths = chance.u64(0..LIVES_MAX);
    for _ in 0..deaths {
        light_a_fuse(&town, &mut chance);
        if chance.u8(0..4) == 0 {
            town.clock_off_ms += chance.i64(-30_000..30_000);
            town.clock_was_always_right = false;
        }
        let (spread_ms, lasts_ms) = (chance.u64(1..4_000), chance.u64(500..40_000));
        town.live(async |life: &Life| {
            send_orders(life, seed, count, spread_ms).await;
            life.pass(lasts_ms).await;
        });
    }
    town.fuse.rest();
    town.clock_off_ms = 0;
    let ended = town.live(async |life: &Life| {
        send_orders(life, seed, count, 100).await;
        if life.until_all_ended(ENDED_WITHIN_MS).await {
            return None;
        }
        Some(life.office.staff().views().await)
    });
    if ended != Some(None) {
        let stuck: Vec<String> =
            town.payouts().iter().map(|p| format!("{} {} {:?}", p.id, p.stage.word(), p.reason)).collect();
        let views: Vec<String> = ended
            .flatten()
            .unwrap_or_default()
            .iter()
            .map(|view| format!("{}: {}", view.name, view.state))
            .collect();
        return Err(format!("not all ended: {stuck:#?}\n{views:#?}"));
    }
    judge(&town)
}

fn light_a_fuse(town: &Town, chance: &mut fastrand::Rng) {
    let k = chance.u64(1..30);
    match chance.u8(0..5) {
        0 => town.fuse.before_send(k.cast_signed() / 2 + 1),
        1 => town.fuse.after_send(k.cast_signed() / 2 + 1),
        2 => {
            town.fuse.with_store();
            town.store.fail_after(k);
        }
        3 => {
            town.fuse.with_store();
            town.store.lose_answer_of(k);
        }
        _ => town.fuse.rest(),
    }
}

/// Every life sends every order again: a sender that is not sure sends the same once more.
async fn send_orders(life: &Life, seed: u64, count: u64, spread_ms: u64) {
    for n in 0..count {
        let mut order = order_to(somebody(seed * 100 + n), 1_000_000 + n);
        if n == 3 {
            order.route = Route::RouterV0;
        }
        life.pay(&format!("order-{n}"), order).await;
        life.pass(spread_ms / count).await;
    }
}

/// Runs many seeds on all cores; the first failure in the order of the seeds, if any.
pub(crate) fn run_all(
    first: u64,
    count: u64,
    tamper: Option<Tamper>,
    stop_at_first: bool,
) -> Option<(u64, String)> {
    let next = AtomicU64::new(first);
    let failed = std::sync::Mutex::new(None::<(u64, String)>);
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || (stop_at_first && failed.lock().unwrap().is_some()) {
                        return;
                    }
                    let told = std::panic::catch_unwind(|| run(seed, tamper)).unwrap_or_else(|panic| {
                        let words = panic
                            .downcast_ref::<String>()
                            .cloned()
                            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
                        Err(format!("panicked: {}", words.unwrap_or_default()))
                    });
                    if let Err(why) = told {
                        let mut failed = failed.lock().unwrap();
                        if failed.as_ref().is_none_or(|(earlier, _)| seed < *earlier) {
                            *failed = Some((seed, why));
                        }
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// F-N03, F-P02: whatever the weather and wherever the process dies, every payout is paid exactly once.
#[test]
fn simulation_of_the_whole_office_pays_every_order_once() {
    let began = std::time::Instant::now();
    if only_seed().is_some() {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .without_time()
            .with_writer(std::io::stderr)
            .init();
    }
    let failure = match only_seed() {
        Some(seed) => run(seed, None).err().map(|why| (seed, why)),
        None => run_all(0, runs(), None, true),
    };
    if let Some((seed, why)) = failure {
        panic!(
            "seed {seed}: {why}\nreplay: PAYOUTD_SIM_SEED={seed} cargo test --release -p payoutd-actors simulation_of_the_whole_office"
        );
    }
    eprintln!(
        "{} runs in {:?}",
        only_seed().map_or(runs(), |_| 1),
        Duration::from_secs(began.elapsed().as_secs())
    );
}
