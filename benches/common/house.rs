//! A house that is open upon a store of whichever engine and a network.

use super::network::BLOCK_MS;
use actix::Actor;
use payoutd::signer::FileSigner;
use payoutd::store::{Cellar, CheckpointFile};
use payoutd::world::{SystemClock, SystemEntropy};
use payoutd_actors::admission::AdmissionSettings;
use payoutd_actors::audit_writer::{AuditWriter, AuditWriterSettings, AuditWriterTools, SealNow};
use payoutd_actors::confirmation_watcher::WatcherSettings;
use payoutd_actors::domain::breaker::BreakerRules;
use payoutd_actors::domain::journal::JournalKey;
use payoutd_actors::domain::limits::{LimitRules, OnExcess};
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::order::HousePolicy;
use payoutd_actors::domain::payout::Stage;
use payoutd_actors::event_publisher::EventPublisherSettings;
use payoutd_actors::fakes::sim_chain::genesis;
use payoutd_actors::guardian::{Drain, Hiring, HiringRules};
use payoutd_actors::office::{Office, OfficeRules, World};
use payoutd_actors::payout_worker::WorkerSettings;
use payoutd_actors::ports::{ChainNode, Clock, EventBus};
use payoutd_actors::treasurer::TreasurerSettings;
use std::sync::Arc;
use std::time::Duration;

/// A house that is open.
pub(crate) struct House {
    pub(crate) office: Office,
    pub(crate) store: Arc<dyn Cellar>,
    pub(crate) world: World,
}

/// What it is opened upon.
pub(crate) struct Ground {
    pub(crate) store: Arc<dyn Cellar>,
    pub(crate) keeper: CheckpointFile,
    pub(crate) nodes: Vec<Arc<dyn ChainNode>>,
    /// Where events go, if anywhere.
    pub(crate) bus: Option<Arc<dyn EventBus>>,
}

const WITHOUT_END: MicroUsdt = MicroUsdt::new(1_000_000_000_000_000);

/// How many payouts stand where.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    pub(crate) all: u64,
    pub(crate) settled: u64,
    /// Sent, and not ended.
    pub(crate) in_flight: u64,
    /// Ended otherwise, or waiting for a person: there must be none.
    pub(crate) astray: u64,
}

impl Standing {
    pub(crate) fn add(&mut self, stage: Stage, payouts: u64) {
        self.all += payouts;
        match stage {
            Stage::Settled => self.settled += payouts,
            Stage::Broadcast | Stage::Included => self.in_flight += payouts,
            Stage::Admitted | Stage::Signed => {}
            _ => self.astray += payouts,
        }
    }
}

/// The key of every bench's journal.
pub(crate) fn journal_key() -> JournalKey {
    JournalKey::from_seed(&[7; 32])
}

/// Puts all rows of a store under seals, as the house's own audit writer does it, and closes it.
pub(crate) async fn seal(store: Arc<dyn Cellar>, keeper: CheckpointFile) {
    let tools = AuditWriterTools {
        journal: store.clone(),
        house: store.clone(),
        roles: store.clone(),
        key: Arc::new(journal_key()),
        keeper: Arc::new(keeper),
        clock: Arc::new(SystemClock),
        settings: AuditWriterSettings::default(),
    };
    let writer = AuditWriter::new(tools).start();
    writer.send(SealNow).await.unwrap().unwrap();
    writer.send(Drain).await.unwrap();
    store.close().await;
}

impl House {
    /// Opens a house.
    pub(crate) async fn open(ground: Ground) -> Self {
        let Ground { store, keeper, nodes, bus } = ground;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let world = World {
            payouts: store.clone(),
            house: store.clone(),
            journal: store.clone(),
            strangers: store.clone(),
            register: store.clone(),
            roles: store.clone(),
            keeper: Arc::new(keeper),
            nodes,
            second: None,
            bus,
            signer: Arc::new(FileSigner::new(genesis().accounts[0].key().unwrap())),
            journal_key: Arc::new(journal_key()),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
        };
        let hiring = Hiring {
            rules: HiringRules::default(),
            clock,
            give_up: Arc::new(|actor, why| panic!("the guardian gives up on {actor}: {why}")),
        };
        let office = Office::open(world.clone(), rules(store.gather_ms()), hiring).await.unwrap();
        Self { office, store, world }
    }

    /// How many payouts stand where now.
    pub(crate) async fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for (stage, count) in self.store.counts().await.unwrap() {
            standing.add(stage, count.payouts);
        }
        standing
    }

    /// Closes it; everything must be under a seal then.
    pub(crate) async fn close(self) {
        let unfinished = self.office.close(Duration::from_secs(60)).await;
        assert!(unfinished.is_empty(), "{unfinished:?} were not done in time");
        let (last, seal) = (self.store.last_seq().await.unwrap(), self.store.last_seal().await.unwrap());
        assert_eq!(Some(last), seal.map(|seal| seal.last_seq), "the journal is sealed");
        self.store.close().await;
    }
}

/// Nothing in a bench waits for room.
pub(crate) fn limits() -> LimitRules {
    LimitRules {
        hourly: WITHOUT_END,
        daily: WITHOUT_END,
        account_hourly: WITHOUT_END,
        account_daily: WITHOUT_END,
        on_excess: OnExcess::Hold,
    }
}

/// The configuration's defaults; only what goes by the block goes by this network's shorter one.
fn rules(gather_ms: u64) -> OfficeRules {
    let genesis = genesis();
    OfficeRules {
        policy: HousePolicy {
            wallet: genesis.accounts[0].address,
            token: genesis.usdt,
            router_v0: None,
            router_kyc: None,
            kyc_officer: None,
            per_payout: WITHOUT_END,
        },
        limits: limits(),
        breaker: BreakerRules::default(),
        single_source: false,
        admission: AdmissionSettings::default(),
        treasurer: TreasurerSettings::default(),
        worker: WorkerSettings { gather_ms, ..WorkerSettings::default() },
        watcher: WatcherSettings { look_every_ms: BLOCK_MS, ..WatcherSettings::default() },
        events: EventPublisherSettings::default(),
        audit: AuditWriterSettings::default(),
    }
}
