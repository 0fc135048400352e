//! The house, paying what waits in the queue as fast as it can.

use crate::common::house::{Ground, House, Standing, limits};
use crate::common::network::Network;
use crate::common::usage::{Machine, processor_time, processor_time_of};
use crate::database::Counter;
use crate::jobs::Jobs;
use crate::{database, node, stretch};
use payoutd::amqp::{AmqpBus, Broker, IntakeTools, JobIntake, Link, intake};
use payoutd::http::office::Staffed;
use payoutd::store::CheckpointFile;
use payoutd::telemetry::Metrics;
use payoutd::world::SystemClock;
use payoutd_actors::guardian::Handle;
use payoutd_actors::ports::{ChainNode, EventBus};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long after the first payout is settled it is measured from.
const WARM_UP: Duration = Duration::from_secs(3);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(200);
/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(300);
/// The longest order's body that is taken, as the configuration has it.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What it did in the measured stretch, during which jobs were always waiting, and from the first job to the last payout.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Speed {
    pub(crate) settled_per_s: f64,
    /// Taken in at the same time.
    pub(crate) admitted_per_s: f64,
    /// All jobs, by the time from the first job to the last payout, the nineteen blocks of waiting at its end included.
    pub(crate) whole_per_s: f64,
    pub(crate) seconds: f64,
    /// What each part has cost of the processors for each settled payout, µs.
    pub(crate) house_us_per_payout: f64,
    pub(crate) network_us_per_payout: f64,
    pub(crate) postgres_us_per_payout: f64,
    pub(crate) rabbitmq_us_per_payout: f64,
    /// What of the machine's processors others had meanwhile, who are no part of this: above a few hundredths, measure again.
    pub(crate) others_share: f64,
}

pub(crate) async fn run(schema: &str, count: u64, nodes: &[String], events: bool) -> Speed {
    let metrics = Metrics::start().unwrap();
    let jobs = Jobs::publish(count).await;
    let (mut house, network) = open(schema, nodes, events.then_some(&jobs)).await;
    let mut counter = Counter::of(schema).await;
    let before = counter.standing().await;
    let began = Instant::now();
    take_jobs(&mut house, &jobs);
    until(&mut counter, |standing| standing.settled > before.settled).await;
    actix::clock::sleep(WARM_UP).await;
    let first = Moment::of(&mut counter, network.as_ref()).await;
    let enough = first.at + stretch();
    let all = before.all + count;
    until(&mut counter, |standing| Instant::now() >= enough || standing.all >= all).await;
    let last = Moment::of(&mut counter, network.as_ref()).await;
    let seconds = (last.at - first.at).as_secs_f64();
    assert!(
        seconds * 2.0 > stretch().as_secs_f64(),
        "{seconds} s, then no job waited any more: publish more"
    );
    until(&mut counter, |standing| standing.settled >= before.settled + count).await;
    let whole = began.elapsed();
    house.close().await;
    let settled = (last.standing.settled - first.standing.settled) as f64;
    assert!(settled > 0.0, "nothing was settled");
    if let Some(network) = network {
        assert_eq!(network.paid(), count, "each job is paid once, by the network's own book");
    }
    jobs.remove().await;
    if std::env::var_os("PAYOUTD_BENCH_METRICS").is_some() {
        eprintln!("{}", metrics.render());
    }
    let micros = |first: Duration, last: Duration| (last - first).as_secs_f64() * 1e6 / settled;
    let network_us_per_payout = micros(first.network, last.network);
    Speed {
        settled_per_s: settled / seconds,
        admitted_per_s: (last.standing.all - first.standing.all) as f64 / seconds,
        whole_per_s: count as f64 / whole.as_secs_f64(),
        seconds,
        house_us_per_payout: micros(first.house, last.house) - network_us_per_payout,
        network_us_per_payout,
        postgres_us_per_payout: micros(first.postgres, last.postgres),
        rabbitmq_us_per_payout: micros(first.rabbitmq, last.rabbitmq),
        others_share: Moment::others_share(&first, &last),
    }
}

/// Opens a house upon a schema and a network; its own, where no nodes are named.
pub(crate) async fn open(
    schema: &str,
    nodes: &[String],
    events_beside: Option<&Jobs>,
) -> (House, Option<Network>) {
    let network = nodes.is_empty().then(|| Network::start(Arc::new(SystemClock), false));
    let nodes: Vec<Arc<dyn ChainNode>> = match &network {
        Some(network) => network.nodes(),
        None => nodes.iter().map(|url| node::over_http(url)).collect(),
    };
    let bus = events_beside.map(|jobs| {
        let broker = Broker::of(&jobs.config, None).unwrap();
        Arc::new(AmqpBus::new(broker, &jobs.config)) as Arc<dyn EventBus>
    });
    let keeper: PathBuf = crate::stage::bench_folder().join(schema);
    let ground = Ground {
        store: Arc::new(database::store(schema).await),
        keeper: CheckpointFile::beside(&keeper),
        nodes,
        bus,
    };
    (House::open(ground).await, network)
}

/// Opens the second door, as the wiring of the house does.
fn take_jobs(house: &mut House, jobs: &Jobs) {
    let tools = IntakeTools {
        broker: Broker::of(&jobs.config, None).unwrap(),
        config: jobs.config.clone(),
        office: Arc::new(Staffed::of(&house.office, &house.world, limits())),
        clock: house.world.clock.clone(),
        body_bytes_max: BODY_BYTES_MAX,
        senders: payoutd::amqp::credentials::Senders::default(),
        link: Link::new("jobs"),
    };
    let post = Handle::vacant(intake::NAME);
    house.office.hire_at_a_door(&post, move || JobIntake::new(tools.clone()));
}

/// What there is at one moment.
struct Moment {
    at: Instant,
    standing: Standing,
    house: Duration,
    network: Duration,
    postgres: Duration,
    rabbitmq: Duration,
    machine: Machine,
}

impl Moment {
    fn others_share(first: &Self, last: &Self) -> f64 {
        let ours = |moment: &Self| moment.house + moment.postgres + moment.rabbitmq;
        let busy = last.machine.busy.saturating_sub(first.machine.busy);
        let others = busy.saturating_sub(ours(last).saturating_sub(ours(first)));
        others.as_secs_f64() / (last.machine.all - first.machine.all).as_secs_f64()
    }

    async fn of(counter: &mut Counter, network: Option<&Network>) -> Self {
        Self {
            standing: counter.standing().await,
            house: processor_time(),
            network: network.map_or(Duration::ZERO, Network::cost),
            postgres: processor_time_of("postgres"),
            rabbitmq: processor_time_of("beam.smp"),
            machine: Machine::now(),
            at: Instant::now(),
        }
    }
}

pub(crate) async fn until(counter: &mut Counter, done: impl Fn(&Standing) -> bool) -> Standing {
    let began = Instant::now();
    loop {
        let standing = counter.standing().await;
        assert_eq!(standing.astray, 0, "a payout went astray");
        if done(&standing) {
            return standing;
        }
        assert!(began.elapsed() < PATIENCE, "nothing more happens: {standing:?}");
        actix::clock::sleep(LOOK).await;
    }
}
