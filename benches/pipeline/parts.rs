//! The parts, each played in a process of its own.

use crate::common::house::{Ground, House, Standing};
use crate::common::network::Network;
use crate::common::usage::{memory_mb, processor_time};
use crate::load::{self, Load};
use crate::{Part, full, limit, stretch};
use payoutd::store::{CheckpointFile, SqliteSettings, SqliteStore};
use payoutd::world::SystemClock;
use payoutd_actors::ports::PayoutFilter;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Payouts that are unsettled at a time when it goes as fast as it can: far more than four seconds of confirmations hold.
const OPEN_MAX: u64 = 40_000;
/// How long a house runs before it is measured.
const WARM_UP: Duration = Duration::from_secs(10);
/// How often it is looked whether something has come to pass.
const LOOK: Duration = Duration::from_millis(50);
/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(600);

/// As fast as it can.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Speed {
    pub(crate) settled_per_s: f64,
    /// Taken in at the same time: the house was not living on what it had taken in before.
    pub(crate) admitted_per_s: f64,
    /// Node requests beside the broadcasts, for each settled payout.
    pub(crate) requests_per_payout: f64,
    pub(crate) broadcasts_per_payout: f64,
    /// What the simulated network has cost of the processor for each settled payout, µs.
    pub(crate) network_us_per_payout: f64,
    /// What the whole process has, µs, the network's part included.
    pub(crate) processor_us_per_payout: f64,
}

/// The bare loop.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Limit {
    pub(crate) lifecycles_per_s: f64,
    pub(crate) payouts: u64,
}

/// A store that was filled.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Filled {
    pub(crate) payouts: u64,
    pub(crate) megabytes: u64,
}

/// At a pace.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Pace {
    pub(crate) payouts_per_s: f64,
    pub(crate) received_to_broadcast_p50_ms: f64,
    pub(crate) received_to_broadcast_p99_ms: f64,
    pub(crate) requests_per_payout: f64,
}

/// Many in flight.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Crowd {
    pub(crate) in_flight: u64,
    pub(crate) resident_mb: f64,
    pub(crate) resident_peak_mb: f64,
    /// Of the same house before it had taken in anything.
    pub(crate) resident_at_first_mb: f64,
}

/// Plays a part; the answer is its figures as JSON.
pub(crate) fn play(part: Part) -> String {
    let system = actix::System::new();
    let told = system.block_on(async move {
        match part {
            Part::Speed { database } => serde_json::to_string(&speed(&database).await),
            Part::Limit { from, into } => serde_json::to_string(&limit::run(&from, &into).await),
            Part::Fill { like, database, payouts } => {
                serde_json::to_string(&full::fill(&like, &database, payouts).await)
            }
            Part::Pace { database, payouts_per_s, new_recipients } => {
                serde_json::to_string(&pace(&database, payouts_per_s, new_recipients).await)
            }
            Part::Crowd { database, payouts } => serde_json::to_string(&crowd(&database, payouts).await),
        }
    });
    told.unwrap()
}

/// Opens a house upon a file and a simulated network; the file is made where it is not.
async fn open(database: &Path, swallows: bool) -> (House, Network) {
    let network = Network::start(Arc::new(SystemClock), swallows);
    let store = SqliteStore::open_file(database, SqliteSettings::default()).await.unwrap();
    let keeper = CheckpointFile::beside(database);
    let ground = Ground { store: Arc::new(store), keeper, nodes: network.nodes(), bus: None };
    (House::open(ground).await, network)
}

async fn speed(database: &Path) -> Speed {
    let (house, network) = open(database, false).await;
    let before = house.standing().await;
    let (load, settled) = (Load::repeated_recipients(), Rc::new(Cell::new(0)));
    load::as_fast_as_it_goes(&house, &load, &settled, OPEN_MAX);
    let count = |standing: Standing| settled.set(standing.settled - before.settled);
    run_until(&house, WARM_UP, count).await;
    let (first, began) = (Moment::of(&house, &network).await, Instant::now());
    run_until(&house, stretch(), count).await;
    let (last, took) = (Moment::of(&house, &network).await, began.elapsed());
    load.end();
    let settled = (last.standing.settled - first.standing.settled) as f64;
    assert!(settled > 0.0, "nothing was settled");
    let micros = |first: Duration, last: Duration| (last - first).as_secs_f64() * 1e6 / settled;
    let speed = Speed {
        settled_per_s: settled / took.as_secs_f64(),
        admitted_per_s: (last.standing.all - first.standing.all) as f64 / took.as_secs_f64(),
        requests_per_payout: (last.requests - first.requests) as f64 / settled,
        broadcasts_per_payout: (last.broadcasts - first.broadcasts) as f64 / settled,
        network_us_per_payout: micros(first.network, last.network),
        processor_us_per_payout: micros(first.processor, last.processor),
    };
    let all = last.standing.all;
    until(&house, |standing| standing.settled >= all.max(before.all + load.answered())).await;
    house.close().await;
    speed
}

async fn pace(database: &Path, payouts_per_s: f64, new_recipients: bool) -> Pace {
    let (house, network) = open(database, false).await;
    let load = Load::timed(new_recipients);
    // The first look at the chain comes before the first order.
    actix::clock::sleep(Duration::from_secs(2)).await;
    load::at_a_pace(&house, &load, payouts_per_s);
    run_until(&house, WARM_UP, |_| ()).await;
    network.asked.note_sends();
    let (first, began) = (Moment::of(&house, &network).await, Instant::now());
    run_until(&house, stretch(), |_| ()).await;
    let last = Moment::of(&house, &network).await;
    load.end();
    actix::clock::sleep(Duration::from_secs(1)).await;
    let until_ms = began + stretch();
    let mut took_ms = waits_ms(&house, &network, &load, began, until_ms).await;
    took_ms.sort_by(f64::total_cmp);
    let at = |share: f64| took_ms[((took_ms.len() - 1) as f64 * share) as usize];
    let settled = (last.standing.settled - first.standing.settled) as f64;
    let pace = Pace {
        payouts_per_s: settled / stretch().as_secs_f64(),
        received_to_broadcast_p50_ms: at(0.5),
        received_to_broadcast_p99_ms: at(0.99),
        requests_per_payout: (last.requests - first.requests) as f64 / settled,
    };
    until(&house, |standing| standing.settled >= load.answered()).await;
    house.close().await;
    pace
}

/// From the moment an order was received to the moment its transfer first went to a node, ms, of the orders of a stretch.
async fn waits_ms(house: &House, network: &Network, load: &Load, from: Instant, to: Instant) -> Vec<f64> {
    let (mut waits, mut before) = (Vec::new(), None);
    loop {
        let filter = PayoutFilter { before, ..PayoutFilter::default() };
        let page = house.store.list(&filter, 1_000).await.unwrap();
        let Some(last) = page.last() else { return waits };
        before = Some(last.id);
        for payout in &page {
            let received = load.received.as_ref().unwrap().borrow().get(&payout.id).copied();
            let Some(received) = received.filter(|at| (from..to).contains(at)) else { continue };
            let sent = payout.attempts.last().and_then(|attempt| network.asked.first_sent(&attempt.txid));
            let sent = sent.unwrap_or_else(|| panic!("payout {} was not sent within a second", payout.id));
            waits.push((sent - received).as_secs_f64() * 1e3);
        }
    }
}

async fn crowd(database: &Path, payouts: u64) -> Crowd {
    let (house, _network) = open(database, true).await;
    actix::clock::sleep(Duration::from_secs(2)).await;
    let resident_at_first_mb = memory_mb("VmRSS:");
    let (load, settled) = (Load::repeated_recipients(), Rc::new(Cell::new(0)));
    load::as_fast_as_it_goes(&house, &load, &settled, payouts);
    let standing = until(&house, |standing| standing.in_flight >= payouts).await;
    load.end();
    actix::clock::sleep(Duration::from_secs(5)).await;
    let crowd = Crowd {
        in_flight: standing.in_flight,
        resident_mb: memory_mb("VmRSS:"),
        resident_peak_mb: memory_mb("VmHWM:"),
        resident_at_first_mb,
    };
    house.close().await;
    crowd
}

/// What there is at one moment.
struct Moment {
    standing: Standing,
    requests: u64,
    broadcasts: u64,
    network: Duration,
    processor: Duration,
}

impl Moment {
    async fn of(house: &House, network: &Network) -> Self {
        let asked = &network.asked;
        Self {
            requests: asked.others.load(Ordering::Relaxed),
            broadcasts: asked.broadcasts.load(Ordering::Relaxed),
            network: network.cost(),
            processor: processor_time(),
            standing: house.standing().await,
        }
    }
}

async fn run_until(house: &House, length: Duration, tell: impl Fn(Standing)) {
    let began = Instant::now();
    while began.elapsed() < length {
        actix::clock::sleep(LOOK).await;
        let standing = house.standing().await;
        assert_eq!(standing.astray, 0, "a payout went astray");
        tell(standing);
    }
}

async fn until(house: &House, done: impl Fn(&Standing) -> bool) -> Standing {
    let began = Instant::now();
    loop {
        let standing = house.standing().await;
        assert_eq!(standing.astray, 0, "a payout went astray");
        if done(&standing) {
            return standing;
        }
        assert!(began.elapsed() < PATIENCE, "nothing more happens: {standing:?}");
        actix::clock::sleep(LOOK).await;
    }
}
