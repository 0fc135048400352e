//! A house that is open upon a store on disk and a simulated network.

use crate::network::Network;
use payoutd::signer::FileSigner;
use payoutd::store::{CheckpointFile, SqliteSettings, SqliteStore};
use payoutd::world::{SystemClock, SystemEntropy};
use payoutd_actors::admission::AdmissionSettings;
use payoutd_actors::audit_writer::AuditWriterSettings;
use payoutd_actors::confirmation_watcher::WatcherSettings;
use payoutd_actors::domain::breaker::BreakerRules;
use payoutd_actors::domain::journal::JournalKey;
use payoutd_actors::domain::limits::LimitRules;
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::order::HousePolicy;
use payoutd_actors::domain::payout::Stage;
use payoutd_actors::event_publisher::EventPublisherSettings;
use payoutd_actors::fakes::sim_chain::genesis;
use payoutd_actors::guardian::{Hiring, HiringRules};
use payoutd_actors::office::{Office, OfficeRules, World};
use payoutd_actors::payout_worker::WorkerSettings;
use payoutd_actors::ports::{Clock, Journal, Payouts};
use payoutd_actors::treasurer::TreasurerSettings;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A house and its network.
pub(crate) struct House {
    pub(crate) office: Office,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) network: Network,
}

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

impl House {
    /// Opens a house; the store is made where it is not.
    pub(crate) async fn open(database: &Path, swallows: bool) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let network = Network::start(clock.clone(), swallows);
        let store = Arc::new(SqliteStore::open_file(database, SqliteSettings::default()).await.unwrap());
        let world = World {
            payouts: store.clone(),
            house: store.clone(),
            journal: store.clone(),
            strangers: store.clone(),
            roles: store.clone(),
            keeper: Arc::new(CheckpointFile::beside(database)),
            nodes: network.nodes(),
            second: None,
            bus: None,
            signer: Arc::new(FileSigner::new(genesis().accounts[0].key().unwrap())),
            journal_key: Arc::new(JournalKey::from_seed(&[7; 32])),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
        };
        let hiring = Hiring {
            rules: HiringRules::default(),
            clock,
            give_up: Arc::new(|actor, why| panic!("the guardian gives up on {actor}: {why}")),
        };
        let office = Office::open(world, rules(), hiring).await.unwrap();
        Self { office, store, network }
    }

    /// How many payouts stand where now.
    pub(crate) async fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for (stage, count) in self.store.counts().await.unwrap() {
            standing.all += count.payouts;
            match stage {
                Stage::Settled => standing.settled += count.payouts,
                Stage::Broadcast | Stage::Included => standing.in_flight += count.payouts,
                Stage::Admitted | Stage::Signed => {}
                _ => standing.astray += count.payouts,
            }
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

/// The configuration's defaults; only what goes by the block goes by this network's shorter one.
fn rules() -> OfficeRules {
    let genesis = genesis();
    let without_end = MicroUsdt::new(1_000_000_000_000_000);
    OfficeRules {
        policy: HousePolicy {
            wallet: genesis.accounts[0].address,
            token: genesis.usdt,
            router_v0: None,
            router_kyc: None,
            kyc_officer: None,
            per_payout: without_end,
        },
        limits: LimitRules {
            hourly: without_end,
            daily: without_end,
            account_hourly: without_end,
            account_daily: without_end,
        },
        breaker: BreakerRules::default(),
        single_source: false,
        admission: AdmissionSettings::default(),
        treasurer: TreasurerSettings::default(),
        worker: WorkerSettings::default(),
        watcher: WatcherSettings { look_every_ms: crate::network::BLOCK_MS, ..WatcherSettings::default() },
        events: EventPublisherSettings::default(),
        audit: AuditWriterSettings::default(),
    }
}
