//! The town: a simulated chain, a store in memory and an office that can die at any instant and be opened again.
//!
//! A *life* is one process: its own runtime on paused time. When it ends, by its story's end or by a [`Fuse`], everything
//! that was under way in it is gone at once, as it is when a process is killed; the chain and the store stay.

mod fuse;
mod judge;

pub(crate) use fuse::{Fuse, FusedNode};
pub(crate) use judge::judge;

use async_trait::async_trait;
use payoutd_actors::admission::{AdmissionRefusal, AdmissionSettings, AdmitPayouts};
use payoutd_actors::audit_writer::AuditWriterSettings;
use payoutd_actors::confirmation_watcher::WatcherSettings;
use payoutd_actors::domain::access::Orderer;
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::breaker::BreakerRules;
use payoutd_actors::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use payoutd_actors::domain::journal::Cause;
use payoutd_actors::domain::journal::{Checkpoint, JournalKey};
use payoutd_actors::domain::limits::{LimitRules, OnExcess};
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::order::{HousePolicy, Order, Route};
use payoutd_actors::domain::payout::Payout;
use payoutd_actors::event_publisher::EventPublisherSettings;
use payoutd_actors::fakes::sim_chain::{Settings, SimChain, Weather, WeatherOrder, genesis};
use payoutd_actors::fakes::{
    BEGINNING_MS, MemoryStore, PocketEntropy, PocketRoles, PocketSigner, SharedChain, SimNode, SimTronScan,
    TestClock, look,
};
use payoutd_actors::guardian::{Hiring, HiringRules};
use payoutd_actors::office::{Office, OfficeRules, World};
use payoutd_actors::payout_worker::WorkerSettings;
use payoutd_actors::ports::{
    Admitted, ChainNode, CheckpointKeeper, Clock, PayoutFilter, Payouts, SecondOpinion, StoreFault,
};
use payoutd_actors::treasurer::TreasurerSettings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often the town's clock moves the chain on.
const CHAIN_STEP: Duration = Duration::from_millis(250);

/// Keeps the newest checkpoint, as a file beside the database would.
#[derive(Debug, Default, Clone)]
pub(crate) struct MemoryKeeper(Arc<Mutex<Option<Checkpoint>>>);

#[async_trait]
impl CheckpointKeeper for MemoryKeeper {
    async fn keep(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        *self.0.lock().unwrap() = Some(checkpoint.clone());
        Ok(())
    }

    async fn kept(&self) -> Result<Option<Checkpoint>, String> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// What a test may put between the office and the world.
pub(crate) type Tamper = fn(World, &SharedChain) -> World;

/// The town.
pub(crate) struct Town {
    pub(crate) chain: SharedChain,
    pub(crate) store: MemoryStore,
    pub(crate) keeper: MemoryKeeper,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) rules: OfficeRules,
    pub(crate) with_index: bool,
    pub(crate) tamper: Option<Tamper>,
    seed: u64,
    lives: u64,
    /// The time in town, unix ms: what the chain lives by, whatever the office's clock says.
    now_ms: i64,
    /// Nobody has ever set the office's clock.
    pub(crate) clock_was_always_right: bool,
    /// How far the office's clock is off, ms.
    pub(crate) clock_off_ms: i64,
}

/// One life of the office.
pub(crate) struct Life {
    pub(crate) office: Office,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) chain: SharedChain,
    pub(crate) store: MemoryStore,
    /// Who judges and who seals, where the story opens a second office.
    pub(crate) roles: PocketRoles,
    world: World,
    rules: OfficeRules,
}

impl Life {
    /// One more office of the same house: the same store, the same network, its own people.
    pub(crate) async fn open_another(&self, name: &'static str) -> Office {
        self.open_another_in(name, |world| world).await
    }

    /// The same, in a world that is not quite the same.
    pub(crate) async fn open_another_in(
        &self,
        name: &'static str,
        change: impl FnOnce(World) -> World,
    ) -> Office {
        let world = World { roles: Arc::new(self.roles.seen_by(name)), ..self.world.clone() };
        open(change(world), self.rules.clone(), self.clock.clone()).await
    }
}

async fn open(world: World, rules: OfficeRules, clock: Arc<TestClock>) -> Office {
    let give_up: payoutd_actors::guardian::GiveUp =
        Arc::new(|actor, why| panic!("the guardian gave up on {actor}: {why}"));
    let hiring = Hiring { rules: HiringRules::default(), clock, give_up };
    Office::open(world, rules, hiring).await.unwrap()
}

impl Town {
    /// A town in calm weather; blocks every second, transfers live for 15 s.
    pub(crate) fn new(seed: u64) -> Self {
        let settings = Settings { block_ms: 1_000, tronscan_lag_ms: 1_000, ..Settings::default() };
        Self::with_chain(seed, settings)
    }

    pub(crate) fn with_chain(seed: u64, settings: Settings) -> Self {
        let chain = SimChain::new(settings, BEGINNING_MS.cast_unsigned());
        Self {
            chain: Arc::new(Mutex::new(chain)),
            store: MemoryStore::new(&format!("town-{seed}")),
            keeper: MemoryKeeper::default(),
            fuse: Arc::default(),
            rules: rules(),
            with_index: true,
            tamper: None,
            seed,
            lives: 0,
            now_ms: BEGINNING_MS,
            clock_was_always_right: true,
            clock_off_ms: 0,
        }
    }

    /// Makes the weather stormy, by the town's seed.
    pub(crate) fn stormy(self) -> Self {
        self.order(&WeatherOrder {
            weather: Some(Weather::Stormy),
            seed: Some(self.seed),
            ..WeatherOrder::default()
        });
        self
    }

    /// Orders weather.
    pub(crate) fn order(&self, order: &WeatherOrder) {
        look(&self.chain).order(order).unwrap();
    }

    /// One life: opens an office, lets the story happen, and ends everything at once.
    /// The story is cut off when the fuse burns; then the answer is `None`.
    pub(crate) fn live<R, F>(&mut self, story: F) -> Option<R>
    where
        F: AsyncFnOnce(&Life) -> R,
    {
        self.lives += 1;
        self.store.heal();
        let system = actix::System::new();
        let told = system.block_on(async {
            tokio::time::pause();
            let clock = Arc::new(TestClock::at(self.now_ms));
            let began_ms = self.now_ms;
            clock.jump(self.clock_off_ms);
            let began = tokio::time::Instant::now();
            let chain = self.chain.clone();
            actix::spawn(async move {
                loop {
                    let passed = i64::try_from(began.elapsed().as_millis()).unwrap();
                    look(&chain).advance_to((began_ms + passed).cast_unsigned());
                    tokio::time::sleep(CHAIN_STEP).await;
                }
            });
            let told = self.open_and_live(clock.clone(), story).await;
            self.now_ms = began_ms + i64::try_from(began.elapsed().as_millis()).unwrap();
            self.clock_off_ms = clock.now_ms() - self.now_ms;
            self.clock_was_always_right &= self.clock_off_ms == 0;
            told
        });
        // Everything that was under way is dropped here, in the middle of whatever it was doing.
        drop(system);
        told
    }

    async fn open_and_live<R, F>(&self, clock: Arc<TestClock>, story: F) -> Option<R>
    where
        F: AsyncFnOnce(&Life) -> R,
    {
        let roles = PocketRoles::of("first");
        let world = World { roles: Arc::new(roles.clone()), ..self.world(clock.clone()) };
        let rules = self.rules.clone();
        let office = open(world.clone(), rules.clone(), clock.clone()).await;
        let (chain, store) = (self.chain.clone(), self.store.clone());
        let life = Life { office, clock, chain, store, roles, world, rules };
        tokio::select! {
            biased;
            () = self.fuse.burnt(&self.store) => None,
            told = story(&life) => Some(told),
        }
    }

    fn world(&self, clock: Arc<TestClock>) -> World {
        let genesis = genesis();
        let node = |n| {
            let sim = Arc::new(SimNode::new(self.chain.clone(), n));
            Arc::new(FusedNode::new(sim, self.fuse.clone(), self.store.clone())) as Arc<dyn ChainNode>
        };
        let index =
            self.with_index.then(|| Arc::new(SimTronScan::new(self.chain.clone())) as Arc<dyn SecondOpinion>);
        let nodes = look(&self.chain).nodes();
        let world = World {
            payouts: Arc::new(self.store.clone()),
            house: Arc::new(self.store.clone()),
            journal: Arc::new(self.store.clone()),
            strangers: Arc::new(self.store.clone()),
            register: Arc::new(self.store.clone()),
            roles: Arc::new(self.store.clone()),
            keeper: Arc::new(self.keeper.clone()),
            nodes: (0..nodes).map(node).collect(),
            second: index,
            bus: None,
            signer: Arc::new(PocketSigner::new(genesis.accounts[0].key().unwrap())),
            journal_key: Arc::new(JournalKey::from_seed(&[7; 32])),
            clock,
            entropy: Arc::new(PocketEntropy::seeded(self.seed.wrapping_mul(1_000).wrapping_add(self.lives))),
        };
        match self.tamper {
            Some(tamper) => tamper(world, &self.chain),
            None => world,
        }
    }

    /// Everything that the store has, newest first.
    pub(crate) fn payouts(&self) -> Vec<Payout> {
        self.store.heal();
        futures_util::future::FutureExt::now_or_never(async {
            self.store.list(&PayoutFilter::default(), 10_000).await
        })
        .map(Result::unwrap)
        .unwrap_or_else(|| {
            actix::System::new().block_on(self.store.list(&PayoutFilter::default(), 10_000)).unwrap()
        })
    }
}

impl Life {
    /// Sends an order, as a door would, until it is answered: a sender that hears nothing sends the same again.
    pub(crate) async fn pay(&self, key: &str, order: Order) -> Payout {
        loop {
            match self.ask(key, order.clone()).await {
                Ok(payout) => return payout,
                Err(AdmissionRefusal::Store(_)) => self.pass(200).await,
                Err(refusal) => panic!("key {key}: {refusal}"),
            }
        }
    }

    /// The same, once; a refusal is the answer. Whom nobody answers asks a store that is away.
    pub(crate) async fn ask(&self, key: &str, order: Order) -> Result<Payout, AdmissionRefusal> {
        let request = AdmitPayouts {
            account: AccountId::house(),
            ordered_by: Orderer::house(),
            key: IdempotencyKey::parse(key).unwrap(),
            orders: vec![order],
            batch: false,
            cause: Cause::nobody(),
        };
        let gone = |_| AdmissionRefusal::Store(StoreFault::Away("nobody is there".to_owned()));
        match self.office.admission.ask(request).await.map_err(gone)??.remove(0) {
            Admitted::New(payout) | Admitted::Repeated(payout) => Ok(payout),
            other => panic!("key {key}: {other:?}"),
        }
    }

    /// Lets time pass, ms.
    pub(crate) async fn pass(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// Waits until every payout has ended, at most so long (ms); says whether all have.
    pub(crate) async fn until_all_ended(&self, within_ms: u64) -> bool {
        let deadline = tokio::time::Instant::now() + Duration::from_millis(within_ms);
        while tokio::time::Instant::now() < deadline {
            let counts = self.store.counts().await.unwrap_or_default();
            if !counts.is_empty()
                && counts.iter().all(|(stage, count)| stage.is_final() || count.payouts == 0)
            {
                return true;
            }
            self.pass(500).await;
        }
        false
    }

    /// The payout as it is now.
    pub(crate) async fn payout(&self, id: PayoutId) -> Payout {
        self.store.find(id).await.unwrap().unwrap()
    }
}

/// An order of so many micro-USDT to somebody.
pub(crate) fn order_to(recipient: Address, micro_usdt: u64) -> Order {
    Order {
        recipient,
        amount: MicroUsdt::new(micro_usdt),
        route: Route::Transfer,
        reference: None,
        memo: None,
        kyc: None,
        not_before_ms: None,
        not_after_ms: None,
        priority: 0,
        metadata: BTreeMap::new(),
    }
}

/// Somebody new, by number.
pub(crate) fn somebody(n: u64) -> Address {
    let mut bytes = [0x5a; 20];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    Address::from_evm(bytes)
}

fn rules() -> OfficeRules {
    let genesis = genesis();
    let usdt = |whole: u64| MicroUsdt::new(whole * 1_000_000);
    OfficeRules {
        policy: HousePolicy {
            wallet: genesis.accounts[0].address,
            token: genesis.usdt,
            router_v0: Some(genesis.router_v0),
            router_kyc: Some(genesis.router_kyc),
            kyc_officer: Some(genesis.compliance_officer.address),
            per_payout: usdt(100_000),
        },
        limits: LimitRules {
            hourly: usdt(900_000),
            daily: usdt(900_000),
            account_hourly: usdt(900_000),
            account_daily: usdt(900_000),
            on_excess: OnExcess::Hold,
        },
        breaker: BreakerRules { recovery_ms: 2_000, ..BreakerRules::default() },
        single_source: false,
        admission: AdmissionSettings::default(),
        treasurer: TreasurerSettings { look_every_ms: 2_000, ..TreasurerSettings::default() },
        worker: WorkerSettings {
            look_every_ms: 500,
            transfer_lifetime_ms: 15_000,
            resend_every_ms: 3_000,
            ..WorkerSettings::default()
        },
        watcher: WatcherSettings {
            look_every_ms: 1_000,
            longest_lifetime_ms: 15_000,
            ..WatcherSettings::default()
        },
        events: EventPublisherSettings::default(),
        audit: AuditWriterSettings::default(),
    }
}
