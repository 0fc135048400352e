//! What it costs to know who orders: `cargo bench --bench signed`.
//!
//! Orders at the true door of a house upon SQLite, as fast as the answers come: with the house's token, which is compared and
//! neither measured nor signed; and with API keys, each order signed, its nonce used up in the store, its principal and key
//! measured by the limiters. The house is paused, so that nothing but admission is timed. Both take turns in one run; the median of
//! the ratios counts. Prints a table and writes `target/bench/signed.json`.
//!
//! `PAYOUTD_BENCH_SECONDS=2` makes each turn shorter.

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
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use common::{
    house::{Ground, House, limits},
    network::Network,
    stage,
};
use payoutd::{
    http::{CursorKey, Door, Settings, TokenDigest, office::Staffed},
    identity::{
        By, Gatekeeper, GatekeeperSettings, Issue, Keyring, People,
        people::{Hasher, PasswordPolicy},
        signature::Signable,
        vault::Vault,
    },
    store::{CheckpointFile, SqliteSettings, SqliteStore},
    telemetry::Metrics,
    world::SystemClock,
};
use payoutd_actors::{
    domain::{
        address::Address,
        journal::Cause,
        rates::{BookLimits, QUOTA_MAX, RatePolicies},
    },
    payout_worker::PauseHouse,
    ports::{Clock, Register},
    rate_limiter::{RateLimiterTools, RateLimiters},
};

const TOKEN: &str = "a-token-of-the-bench";
/// Accounts with a key each: one principal alone may not ask as often as a bench does.
const KEYS: usize = 16;
/// Orders under way at a time: a busy door's connections.
const AT_ONCE: usize = 64;
/// Turns of each; the median counts.
const ROUNDS: usize = 5;
/// What a signed order may cost, beside one that is not.
const AIM_RATIO: f64 = 1.5;

/// An API key, as its holder has it.
struct Held {
    id: String,
    secret: String,
}

/// Who orders.
#[derive(Clone)]
enum Orders {
    WithTheHousesToken,
    Signed(Arc<Vec<Held>>),
}

fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = stage::bench_folder().join("signed-store");
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    let rounds = actix::System::new().block_on(measure(&folder.join("payoutd.db")));
    std::fs::remove_dir_all(&folder).unwrap();
    report(rounds);
}

/// Orders a second, with the token and signed, turn by turn.
async fn measure(database: &Path) -> Vec<(f64, f64)> {
    let network = Network::start(Arc::new(SystemClock), false);
    let store = Arc::new(SqliteStore::open_file(database, SqliteSettings::default()).await.unwrap());
    let keeper = CheckpointFile::beside(database);
    let mut house =
        House::open(Ground { store: store.clone(), keeper, nodes: network.nodes(), bus: None }).await;
    house
        .office
        .payout_worker
        .ask(PauseHouse { reason: "a bench".into(), cause: Cause::nobody() })
        .await
        .unwrap()
        .unwrap();
    let gatekeeper = gatekeeper(store);
    let keys = Orders::Signed(Arc::new(issue(&gatekeeper).await));
    let limiters = limiters(&mut house);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = Settings::new(address, TokenDigest::of(TOKEN), CursorKey::new([7; 32]));
    let door = Door::new(Settings { takes_keys: true, ..settings }, Metrics::start().unwrap());
    door.take_keys(gatekeeper);
    door.measure_rates(limiters);
    door.staff(Arc::new(Staffed::of(&house.office, &house.world, limits())));
    let opened = door.open().unwrap();
    let (handle, address) = (opened.local.handle(), opened.address);
    actix::spawn(opened.local);
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        let token = turn(address, Orders::WithTheHousesToken).await;
        rounds.push((token, turn(address, keys.clone()).await));
    }
    // The first round warms up.
    rounds.remove(0);
    handle.stop(true).await;
    house.close().await;
    rounds
}

fn gatekeeper(store: Arc<SqliteStore>) -> Arc<Gatekeeper> {
    let (register, clock): (Arc<dyn Register>, Arc<dyn Clock>) = (store, Arc::new(SystemClock));
    let vault = Vault::of_base64(&BASE64_STANDARD.encode([7; 32])).unwrap();
    let keyring = Arc::new(Keyring::new(register.clone(), vault, clock.clone()));
    let hasher = Hasher::new().unwrap();
    let people = Arc::new(People::new(register.clone(), clock.clone(), hasher, PasswordPolicy::Length));
    let settings = GatekeeperSettings { require_signed_requests: true };
    Arc::new(Gatekeeper::new(keyring, people, register, clock, settings))
}

async fn issue(gatekeeper: &Gatekeeper) -> Vec<Held> {
    let mut keys = Vec::new();
    for n in 0..KEYS {
        let issue = Issue {
            name: format!("bench {n}"),
            account: format!("bench-{n}"),
            permissions: vec!["payout:create".to_owned()],
            reach: None,
            routes: None,
            batch: false,
            networks: vec!["127.0.0.0/8".to_owned()],
            tier: None,
            rate_per_minute: Some(QUOTA_MAX),
            expires_at_ms: None,
        };
        let issued =
            gatekeeper.keyring().issue(&issue, &By { name: "bench".to_owned(), from: None }).await.unwrap();
        let secret = issued.text.rsplit('_').next().unwrap().to_owned();
        keys.push(Held { id: issued.key.key.id, secret });
    }
    keys
}

/// The limiters of a house, which let a bench pass.
fn limiters(house: &mut House) -> RateLimiters {
    let quota = QUOTA_MAX;
    let policies = RatePolicies {
        payout_create: quota,
        standard: quota,
        burst_capacity: quota,
        burst_per_second: quota,
        ..RatePolicies::default()
    };
    let limiters = RateLimiters::vacant(policies, [3; 32]);
    let (kept, clock) = (house.world.house.clone(), house.world.clock.clone());
    let tools = RateLimiterTools { house: kept, clock, limits: BookLimits::default() };
    limiters.hire(&tools, |post, factory| house.office.hire_at_a_door(post, factory));
    limiters
}

/// Orders a second of one turn, from a thread of its own.
async fn turn(address: SocketAddr, orders: Orders) -> f64 {
    let ordering = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(order_for_a_while(address, orders))
    };
    tokio::task::spawn_blocking(ordering).await.unwrap()
}

async fn order_for_a_while(address: SocketAddr, orders: Orders) -> f64 {
    let (client, next) = (reqwest::Client::new(), Arc::new(AtomicU64::new(0)));
    let (began, stretch) = (Instant::now(), stage::stretch(4));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, next, orders) = (client.clone(), next.clone(), orders.clone());
        callers.spawn(async move {
            while began.elapsed() < stretch {
                let request = request(&client, address, &orders, next.fetch_add(1, Ordering::Relaxed));
                let answer = request.send().await.unwrap();
                let status = answer.status();
                let told = answer.text().await.unwrap();
                assert_eq!(status, 202, "{told}");
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    next.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

fn request(
    client: &reqwest::Client,
    address: SocketAddr,
    orders: &Orders,
    number: u64,
) -> reqwest::RequestBuilder {
    let mut recipient = [0x5a; 20];
    recipient[..8].copy_from_slice(&(number % 100).to_be_bytes());
    let body = format!(r#"{{"recipient":"{}","amount":"0.01"}}"#, Address::from_evm(recipient));
    let key = format!("{:032x}", fastrand::u128(..));
    let request = client.post(format!("http://{address}/v1/payouts")).header("idempotency-key", &key);
    let request = request.header("content-type", "application/json");
    let Orders::Signed(keys) = orders else { return request.bearer_auth(TOKEN).body(body) };
    let held = &keys[usize::try_from(number).unwrap() % keys.len()];
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
    let nonce = format!("{:032x}", fastrand::u128(..));
    let signable = Signable {
        method: "POST",
        target: "/v1/payouts",
        body: body.as_bytes(),
        idempotency_key: &key,
        timestamp: &timestamp,
        nonce: &nonce,
    };
    let signature = signable.sign(&held.secret);
    request
        .header("x-payoutd-key", &held.id)
        .header("x-payoutd-timestamp", timestamp)
        .header("x-payoutd-nonce", nonce)
        .header("x-payoutd-signature", signature)
        .body(body)
}

fn report(mut rounds: Vec<(f64, f64)>) {
    rounds.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    let (token, signed) = rounds[ROUNDS / 2];
    let ratio = token / signed;
    println!(
        "orders a second at the door, {AT_ONCE} at a time: {token:.0} with the token, {signed:.0} signed and measured"
    );
    let held = if ratio <= AIM_RATIO { "held" } else { "MISSED" };
    println!("a signed order costs {ratio:.2} times one that is not; aim {AIM_RATIO}  {held}");
    let file = stage::bench_folder().join("signed.json");
    let json = serde_json::json!({ "token_per_s": token, "signed_per_s": signed, "signed_ratio": ratio });
    std::fs::write(&file, serde_json::to_string_pretty(&json).unwrap()).unwrap();
    println!("written to {}", file.display());
}
