//! Orders over HTTP at a pace, at the true door of a house that pays them all meanwhile, and how long each answer took.

use crate::common::house::limits;
use crate::database::Counter;
use crate::jobs::order;
use crate::speed::{open, until};
use crate::stretch;
use payoutd::http::office::Staffed;
use payoutd::http::{CursorKey, Door, Settings, TokenDigest};
use payoutd::telemetry::Metrics;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TOKEN: &str = "a-token-of-the-bench";
/// How long orders come before it is measured.
const WARM_UP: Duration = Duration::from_secs(4);
/// How often the pace is kept.
const BEAT: Duration = Duration::from_millis(1);

/// How long orders waited for their answer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Waits {
    pub(crate) orders_per_s: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

pub(crate) async fn run(schema: &str, orders_per_s: f64) -> Waits {
    let metrics = Metrics::start().unwrap();
    let (house, _network) = open(schema, &[], None).await;
    // Nobody stands at the wallet before the chain was seen.
    actix::clock::sleep(Duration::from_secs(2)).await;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let door = Door::new(Settings::new(address, TokenDigest::of(TOKEN), CursorKey::new([7; 32])), metrics);
    door.staff(Arc::new(Staffed::of(&house.office, &house.world, limits())));
    let opened = door.open().unwrap();
    let (handle, address) = (opened.local.handle(), opened.address);
    actix::spawn(opened.local);
    let waits = order_at_a_pace(address, orders_per_s).await;
    until(&mut Counter::of(schema).await, |standing| standing.settled == standing.all).await;
    handle.stop(true).await;
    house.close().await;
    waits
}

/// Orders at a pace, whatever becomes of them, from a thread of its own.
pub(crate) async fn order_at_a_pace(address: SocketAddr, orders_per_s: f64) -> Waits {
    let ordering = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(order_for_a_while(address, orders_per_s))
    };
    tokio::task::spawn_blocking(ordering).await.unwrap()
}

async fn order_for_a_while(address: SocketAddr, orders_per_s: f64) -> Waits {
    let client = reqwest::Client::new();
    let url = format!("http://{address}/v1/payouts");
    let took_ms: Arc<Mutex<Vec<f64>>> = Arc::default();
    let began = Instant::now();
    let (from, until) = (began + WARM_UP, began + WARM_UP + stretch());
    let (mut orders, mut number) = (tokio::task::JoinSet::new(), 0);
    while Instant::now() < until {
        let due = (began.elapsed().as_secs_f64() * orders_per_s) as u64;
        for number in number..due {
            let (request, took_ms) = (client.post(&url), took_ms.clone());
            let due_at = began + Duration::from_secs_f64(number as f64 / orders_per_s);
            orders.spawn(async move {
                let key = format!("{:032x}", fastrand::u128(..));
                let request = request.bearer_auth(TOKEN).header("idempotency-key", key);
                let request = request.header("content-type", "application/json").body(order(number));
                let answer = request.send().await.unwrap();
                let status = answer.status();
                let told = answer.text().await.unwrap();
                assert_eq!(status, 202, "{told}");
                if (from..until).contains(&due_at) {
                    took_ms.lock().unwrap().push(due_at.elapsed().as_secs_f64() * 1e3);
                }
            });
        }
        number = due;
        while let Some(done) = orders.try_join_next() {
            done.unwrap();
        }
        tokio::time::sleep(BEAT).await;
    }
    while let Some(done) = orders.join_next().await {
        done.unwrap();
    }
    let mut took_ms = took_ms.lock().unwrap().clone();
    took_ms.sort_by(f64::total_cmp);
    let at = |share: f64| took_ms[((took_ms.len() - 1) as f64 * share) as usize];
    Waits { orders_per_s: took_ms.len() as f64 / stretch().as_secs_f64(), p50_ms: at(0.5), p99_ms: at(0.99) }
}
