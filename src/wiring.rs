//! The wiring: from a configuration and its secrets to a house that is open, and from there to one that is closed.
//!
//! Order of opening: the door (which shows that the house starts, and lets nobody through), the store (locked, migrated),
//! the chain (every node's genesis compared), the office; then the door lets callers through. Of closing: the door takes
//! nothing new, the office finishes what it has in hand, the store is let go.
//! Never here: rules about money.

use crate::amqp::credentials::Senders;
use crate::amqp::{AmqpBus, Broker, DeadQueue, IntakeTools, JobIntake, Link, intake};
use crate::config::{Config, ExternalKeys, InternalPlace, Secrets, UnixSocket};
use crate::egress::{self, EgressLimits, OpenError, Reach};
use crate::http::listeners::{
    CannotListen, Certificates, InternalListener, InternalSettings, SocketFile, TlsSettings,
    UnixSocketSettings,
};
use crate::http::office::Staffed;
use crate::http::{self, CursorKey, Door, TokenDigest};
use crate::identity::{
    CLERK, Clerk, Gatekeeper, GatekeeperSettings, Keyring,
    gateway::Gateways,
    issuer::{
        ISSUER_KEEPER, Issuer, IssuerKeeper,
        source::{KeyAddress, KeyFile, KeySource},
    },
    people::{HashFault, Hasher, People},
    reception::{Reception, ReceptionSettings, token_keys::TokenKeys},
    vault::Vault,
};
use crate::limits::{LIMIT_CLERK, LimitClerk, LimitDesk};
use crate::nodes::NodeDesk;
use crate::record::Recorded;
use crate::service_manager;
use crate::signer::FileSigner;
use crate::store::{self, Cellar, CheckpointFile, StoreOpenError};
use crate::telemetry::Metrics;
use crate::tron::{ClientError, NodeSettings, ScanSettings, TronNode, TronScan};
use crate::world::{SystemClock, SystemEntropy};
use actix_web::dev::ServerHandle;
use futures_util::future::join_all;
use payoutd_actors::admission::AdmissionSettings;
use payoutd_actors::audit_writer::AuditWriterSettings;
use payoutd_actors::confirmation_watcher::WatcherSettings;
use payoutd_actors::domain::rates::BookLimits;
use payoutd_actors::domain::stranger::{FINGERPRINT_PURPOSE, MarkMaker};
use payoutd_actors::domain::tron::BlockId;
use payoutd_actors::event_publisher::EventPublisherSettings;
use payoutd_actors::guardian::{GiveUp, Handle, Hiring};
use payoutd_actors::office::{Office, OfficeRules, World};
use payoutd_actors::payout_worker::WorkerSettings;
use payoutd_actors::ports::{ChainNode, EventBus, House, SecondOpinion, StoreFault};
use payoutd_actors::rate_limiter::{RateLimiterTools, RateLimiters};
use payoutd_actors::refusal_recorder::{self, RefusalRecorder, RefusalRecorderTools};
use payoutd_actors::treasurer::TreasurerSettings;
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::task::JoinHandle;
use tracing::{info, warn};

/// How long a closing house shows that it drains before its door shuts: whoever polls `/readyz` sends no more to it by then.
const DRAINING_SHOWN: Duration = Duration::from_millis(500);
/// How long the office may take to close: with the door before it, 30 s (F-P26).
pub const CLOSE_WITHIN: Duration = Duration::from_secs(19);

/// What the key is derived for that makes principals of names.
const RATES_PURPOSE: &str = "rates v1";

/// Why a house does not open. Nothing was signed, no order was taken in, and the door is shut again.
#[derive(Debug, Error)]
pub enum NotOpened {
    /// The store.
    #[error("the store can not be opened")]
    Store(#[source] StoreOpenError),
    /// The store does not answer.
    #[error("the store does not answer")]
    StoreFault(#[from] StoreFault),
    /// Passwords can not be hashed.
    #[error("passwords can not be hashed here: the system gives no randomness or no memory")]
    NoPasswords(#[source] HashFault),
    /// A provider's client can not be made.
    #[error("a client of the network can not be made")]
    Client(#[source] ClientError),
    /// The issuer's keys can not be asked for.
    #[error("the keys of identity.external can not be asked for")]
    Issuer(#[source] OpenError),
    /// Nodes of different chains, or of another chain than the store's.
    #[error(
        "{name} is a node of another chain: its genesis block is {found}, and {expected} is this store's"
    )]
    OtherChain {
        /// The node.
        name: String,
        /// Its genesis block.
        found: BlockId,
        /// What was expected.
        expected: BlockId,
    },
    /// One of the places where the door listens.
    #[error(transparent)]
    Door(CannotListen),
}

/// A house that is open.
pub struct OpenHouse {
    /// The office.
    pub office: Office,
    /// The store, for the commands that read it in the same process.
    pub store: Arc<dyn Cellar>,
    /// The nodes, as they are without their breakers.
    pub nodes: Vec<Arc<dyn ChainNode>>,
    /// What makes this store's marks, for reconciling.
    pub marks: MarkMaker,
    /// Where the door is, on this machine.
    pub address: SocketAddr,
    /// What stands behind the door, for whoever tells how the house is.
    pub door: Door,
    listening: Listening,
}

/// Opens a house upon the clock, the store and the network of a configuration.
///
/// # Errors
/// See [`NotOpened`]. Of a store that refuses and a door that can not be opened, the store's word is told: two daemons of
/// one configuration meet at both, and the store knows who the other is.
pub async fn open(
    config: &Config,
    mut secrets: Secrets,
    metrics: Metrics,
    give_up: GiveUp,
) -> Result<OpenHouse, NotOpened> {
    let hasher = secrets.vault.as_ref().map(|_| Hasher::new()).transpose().map_err(NotOpened::NoPasswords)?;
    let issuer = issuer(config)?;
    let door = Door::new(door_settings(config, &secrets), metrics);
    let listening = Listening::begin(&door);
    let store = match store::open(&config.store).await {
        Ok(store) => store,
        Err(why) => {
            if let Ok(listening) = listening {
                listening.stop().await;
            }
            return Err(NotOpened::Store(why));
        }
    };
    let listening = match listening {
        Ok(listening) => listening,
        Err(why) => {
            store.close().await;
            return Err(why);
        }
    };
    let rate_key = secrets.wallet_key.derive_key(RATES_PURPOSE);
    let (identity, token_keys) = (secrets.vault.clone(), secrets.token_keys.take());
    let amqp = Broker::of(&config.amqp, secrets.amqp_password.clone());
    let bus = amqp.clone().map(|broker| Arc::new(AmqpBus::new(broker, &config.amqp)));
    let heard = bus.clone().map(|bus| bus as Arc<dyn EventBus>);
    actix::spawn(leave_when_lost(store.clone(), give_up.clone()));
    let Behind { mut office, world, nodes, marks } =
        match behind(config, secrets, store.clone(), heard, give_up).await {
            Ok(behind) => behind,
            Err(why) => {
                listening.stop().await;
                store.close().await;
                return Err(why);
            }
        };
    let gatekeeper = identity.zip(hasher).map(|(vault, hasher)| {
        let secrets = (vault, hasher, token_keys, issuer);
        hire_gatekeeper(config, secrets, &mut office, &world)
    });
    if let Some(gatekeeper) = &gatekeeper {
        door.take_keys(gatekeeper.clone());
    }
    let jobs = amqp.clone().map(|broker| open_amqp_door(config, broker, gatekeeper, &mut office, &world));
    let mut staffed = Staffed::of(&office, &world, config.limits.rules());
    if let (Some(broker), Some(jobs), Some(bus)) = (amqp, jobs, bus) {
        let links = vec![jobs, bus.link()];
        let (house, clock) = (world.house.clone(), world.clock.clone());
        staffed = staffed.with_broker(links, DeadQueue::new(broker, config.amqp.clone(), house, clock));
    }
    hire_refusal_recorder(&door, &mut office, &world);
    door.take_limits(hire_limit_clerk(config, &mut office, &world));
    door.take_nodes(Arc::new(NodeDesk::new(world.register.clone(), world.clock.clone())));
    door.measure_rates(hire_rate_limiters(config, rate_key, &mut office, &world));
    door.staff(Arc::new(staffed));
    let address = listening.address;
    listening.tell_where_the_token_counts(&config.http);
    info!(%address, wallet = %config.wallet.address, "the house is open");
    Ok(OpenHouse { office, store, nodes, marks, address, door, listening })
}

/// What is remembered of a store that lost something is worth nothing: the process begins anew from the rows.
async fn leave_when_lost(store: Arc<dyn Cellar>, give_up: GiveUp) {
    let why = store.loss().await;
    give_up("store", &why);
}

/// The second door: jobs come from the broker to the same Admission. The sign of its connection is in the answer.
fn open_amqp_door(
    config: &Config,
    broker: Broker,
    gatekeeper: Option<Arc<Gatekeeper>>,
    office: &mut Office,
    world: &World,
) -> Link {
    let link = Link::new("jobs");
    let intake = IntakeTools {
        broker,
        config: config.amqp.clone(),
        office: Arc::new(Staffed::of(office, world, config.limits.rules())),
        clock: world.clock.clone(),
        body_bytes_max: config.http.body_bytes_max as usize,
        link: link.clone(),
        senders: Senders {
            gatekeeper,
            require_signed_jobs: config.identity.require_signed_jobs,
            queue: config.amqp.queue.clone(),
        },
    };
    let post = Handle::vacant(intake::NAME);
    office.hire_at_a_door(&post, move || JobIntake::new(intake.clone()));
    link
}

/// Who says how often somebody may ask.
fn hire_rate_limiters(
    config: &Config,
    rate_key: [u8; 32],
    office: &mut Office,
    world: &World,
) -> RateLimiters {
    let limiters = RateLimiters::vacant(config.rates.policies.clone(), rate_key);
    let (house, clock) = (world.house.clone(), world.clock.clone());
    let tools = RateLimiterTools { house, clock, limits: BookLimits::default() };
    limiters.hire(&tools, |post, factory| office.hire_at_a_door(post, factory));
    limiters
}

/// Whoever writes down what the door refuses.
fn hire_refusal_recorder(door: &Door, office: &mut Office, world: &World) {
    let tools = RefusalRecorderTools {
        refusals: door.refusals.clone(),
        house: world.house.clone(),
        clock: world.clock.clone(),
    };
    let post = Handle::vacant(refusal_recorder::NAME);
    office.hire_at_a_door(&post, move || RefusalRecorder::new(tools.clone()));
}

/// Where spending limits are set, and the clerk who tells of those that have passed away.
fn hire_limit_clerk(config: &Config, office: &mut Office, world: &World) -> Arc<LimitDesk> {
    let (payouts, clock) = (world.payouts.clone(), world.clock.clone());
    let limits = Arc::new(LimitDesk::new(world.register.clone(), payouts, clock, config.limits.rules()));
    let (post, desk) = (Handle::vacant(LIMIT_CLERK), limits.clone());
    office.hire_at_a_door(&post, move || LimitClerk::new(desk.clone()));
    limits
}

/// The issuer elsewhere whose tokens are believed, where one is written; its keys are asked for once the house is open.
fn issuer(config: &Config) -> Result<Option<Issuer>, NotOpened> {
    let Some(external) = &config.identity.external else { return Ok(None) };
    let source: Box<dyn KeySource> = match &external.keys {
        ExternalKeys::File(file) => Box::new(KeyFile(file.clone())),
        ExternalKeys::Url { url, private_address } => {
            let reach = if *private_address { Reach::Anywhere } else { Reach::Public };
            let (url, limits) = (url.url().clone(), EgressLimits::default());
            let transport =
                egress::open_to(config.egress, &[&url], &limits, reach).map_err(NotOpened::Issuer)?;
            Box::new(KeyAddress { transport, url })
        }
    };
    Ok(Some(Issuer::new(external.settings.clone(), source, Arc::new(SystemClock))))
}

/// Whoever knows API keys, and the clerk who keeps their register.
fn hire_gatekeeper(
    config: &Config,
    (vault, hasher, token_keys, issuer): (Vault, Hasher, Option<TokenKeys>, Option<Issuer>),
    office: &mut Office,
    world: &World,
) -> Arc<Gatekeeper> {
    let (register, clock) = (world.register.clone(), world.clock.clone());
    let keyring = Arc::new(Keyring::new(register.clone(), vault.clone(), clock.clone()));
    let policy = config.identity.password_policy;
    let people = Arc::new(People::new(register.clone(), clock.clone(), hasher, policy));
    let access_ms = i64::from(config.identity.access_token_minutes) * 60_000;
    let reception = token_keys.map(|keys| {
        let settings = ReceptionSettings {
            keys,
            vault: vault.clone(),
            access_ms,
            skew_steps: i64::from(config.identity.totp_skew_steps),
        };
        Arc::new(Reception::new(people.clone(), register.clone(), clock.clone(), settings))
    });
    let issuer = issuer.map(|issuer| {
        let (issuer, post) = (Arc::new(issuer), Handle::vacant(ISSUER_KEEPER));
        let kept = issuer.clone();
        office.hire_at_a_door(&post, move || IssuerKeeper::new(kept.clone()));
        issuer
    });
    let settings = GatekeeperSettings { require_signed_requests: config.identity.require_signed_requests };
    let gatekeeper = Gatekeeper::new(keyring.clone(), people, register.clone(), clock.clone(), settings);
    let gatekeeper = match reception {
        Some(reception) => gatekeeper.with_reception(reception),
        None => gatekeeper,
    };
    let gatekeeper = match issuer {
        Some(issuer) => gatekeeper.with_issuer(issuer),
        None => gatekeeper,
    };
    let post = Handle::vacant(CLERK);
    office.hire_at_a_door(&post, move || Clerk::new(keyring.clone(), register.clone(), clock.clone()));
    Arc::new(gatekeeper)
}

/// Servers at work, with nobody behind their door yet.
struct Listening {
    servers: Vec<ServerHandle>,
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    certificates: Option<Arc<Certificates>>,
    watch: Option<JoinHandle<()>>,
    internal: Option<String>,
    _socket_files: [Option<SocketFile>; 2],
}

impl Listening {
    fn begin(door: &Door) -> Result<Self, NotOpened> {
        let opened = door.clone().open().map_err(NotOpened::Door)?;
        let servers = opened.handles();
        for server in iter::once(opened.local).chain(opened.tls) {
            actix::spawn(server);
        }
        let (internal, internal_file) = match opened.internal {
            None => (None, None),
            Some(internal) => {
                actix::spawn(internal.server);
                (Some(internal.place), internal.socket_file)
            }
        };
        let certificates = door.settings.certificates();
        let watch = certificates.clone().map(|certificates| actix::spawn(certificates.watch()));
        Ok(Self {
            servers,
            address: opened.address,
            tls_address: opened.tls_address,
            certificates,
            watch,
            internal,
            _socket_files: [opened.socket_file, internal_file],
        })
    }

    /// One line in each start's log: who the holder of the token is, and where it counts.
    fn tell_where_the_token_counts(&self, http: &crate::config::Http) {
        let socket = http.unix_socket.as_ref().map(|socket| format!(" and {}", socket.path.display()));
        info!(
            principal = Gatekeeper::house().name(),
            counts_at = format!("{}{}", self.address, socket.unwrap_or_default()),
            "whoever shows the token of http.token_file is the house itself, without signatures; elsewhere it is unknown"
        );
        if let Some(address) = self.tls_address {
            info!(%address, "others come over TLS, and show API keys");
        }
        if let Some(place) = &self.internal {
            info!(place, "gateways come here, and say for whom they ask");
        }
    }

    /// Nothing was promised to anybody: nobody is waited for.
    async fn stop(self) {
        self.close(false).await;
    }

    async fn close(self, graceful: bool) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
        join_all(self.servers.iter().map(|server| server.stop(graceful))).await;
    }
}

fn door_settings(config: &Config, secrets: &Secrets) -> http::Settings {
    let cursor_key = CursorKey::new(secrets.wallet_key.derive_key("cursor v1"));
    let token = TokenDigest::of(secrets.http_token.expose());
    let files = config.http.tls_files.clone().zip(secrets.tls.clone());
    let certificates = files.map(|(files, pair)| Arc::new(Certificates::new(files, pair)));
    let tls = config.http.tls_listen.zip(certificates.clone());
    let tls = tls.map(|(listen, certificates)| TlsSettings { listen, certificates });
    let unix_socket = config.http.unix_socket.clone();
    http::Settings {
        tls,
        internal: internal_settings(config, secrets, certificates),
        unix_socket: unix_socket.map(|UnixSocket { path, mode }| UnixSocketSettings { path, mode }),
        body_bytes_max: config.http.body_bytes_max as usize,
        workers: config.http.workers as usize,
        cors_origins: config.http.cors_origins.clone(),
        trusted_proxies: config.http.trusted_proxies.clone(),
        takes_keys: config.identity.master_key_file.is_some(),
        ..http::Settings::new(config.http.listen, token, cursor_key)
    }
}

/// The listener for gateways, where one is written.
fn internal_settings(
    config: &Config,
    secrets: &Secrets,
    certificates: Option<Arc<Certificates>>,
) -> Option<InternalSettings> {
    let internal = config.http.internal.as_ref()?;
    let listener = match &internal.listen {
        InternalPlace::Address(listen) => InternalListener::Tls {
            listen: *listen,
            certificates: certificates?,
            clients: secrets.gateway_certificates.clone()?,
        },
        InternalPlace::UnixSocket(path) => {
            let mode = config.http.unix_socket_mode;
            InternalListener::UnixSocket(UnixSocketSettings { path: path.clone(), mode })
        }
    };
    let gateways = Arc::new(Gateways::of(internal.peers.clone()));
    let token = secrets.internal_token.as_ref().map(|token| TokenDigest::of(token.expose()));
    Some(InternalSettings { listener, gateways, token })
}

/// What stands behind an open door.
struct Behind {
    office: Office,
    world: World,
    nodes: Vec<Arc<dyn ChainNode>>,
    marks: MarkMaker,
}

async fn behind(
    config: &Config,
    secrets: Secrets,
    store: Arc<dyn Cellar>,
    bus: Option<Arc<dyn EventBus>>,
    give_up: GiveUp,
) -> Result<Behind, NotOpened> {
    let (nodes, second) = network(config, &secrets)?;
    compare_chains(&nodes, &*store).await?;
    let marks = MarkMaker::new(secrets.wallet_key.derive_key(FINGERPRINT_PURPOSE), store.store_id());
    let world = World {
        payouts: store.clone(),
        house: store.clone(),
        journal: store.clone(),
        strangers: store.clone(),
        register: Arc::new(Recorded::new(store.clone())),
        roles: store.clone(),
        keeper: Arc::new(CheckpointFile::of(config)),
        nodes: nodes.clone(),
        second,
        bus,
        signer: Arc::new(FileSigner::new(secrets.wallet_key)),
        journal_key: Arc::new(secrets.journal_key),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let hiring = Hiring { rules: service_manager::hiring_rules(), clock: world.clock.clone(), give_up };
    let mut rules = office_rules(config);
    rules.worker.gather_ms = store.gather_ms();
    let office = Office::open(world.clone(), rules, hiring).await?;
    Ok(Behind { office, world, nodes, marks })
}

impl OpenHouse {
    /// Reads again what may change while the house is open: the certificate of the TLS listener.
    pub fn reload(&self) {
        match &self.listening.certificates {
            Some(certificates) => certificates.reload(),
            None => info!("there is nothing to read again: no certificate is served"),
        }
    }

    /// Closes the house: the door first, the books last. The names of those who were not done in time are in the answer.
    pub async fn close(self) -> Vec<&'static str> {
        self.door.drain();
        tokio::time::sleep(DRAINING_SHOWN).await;
        self.listening.close(true).await;
        let unfinished = self.office.close(CLOSE_WITHIN).await;
        self.store.close().await;
        info!("the house is closed");
        unfinished
    }
}

type Network = (Vec<Arc<dyn ChainNode>>, Option<Arc<dyn SecondOpinion>>);

/// The clients of the configured nodes and of the index.
///
/// # Errors
/// When a client can not be made.
pub fn network(config: &Config, secrets: &Secrets) -> Result<Network, NotOpened> {
    let timeout = config.network.request_timeout;
    let mut nodes: Vec<Arc<dyn ChainNode>> = Vec::with_capacity(config.network.nodes.len());
    for (node, api_key) in config.network.nodes.iter().zip(&secrets.node_api_keys) {
        let mut settings = NodeSettings::of(node, api_key.as_ref(), timeout).map_err(NotOpened::Client)?;
        // Breakers, proofs and metrics go by name: two paths of one host are two nodes.
        let name = settings.name.clone();
        let is_namesake = |earlier: &str| earlier == name || earlier.starts_with(&format!("{name} #"));
        let namesakes = nodes.iter().filter(|earlier| is_namesake(earlier.name())).count();
        if namesakes > 0 {
            settings.name = format!("{} #{}", settings.name, namesakes + 1);
        }
        nodes.push(Arc::new(TronNode::new(settings).map_err(NotOpened::Client)?));
    }
    let second = match &config.network.tronscan {
        None => None,
        Some(index) => {
            let api_key = secrets.tronscan_api_key.as_ref();
            let settings = ScanSettings::of(index, api_key, timeout).map_err(NotOpened::Client)?;
            Some(Arc::new(TronScan::new(settings).map_err(NotOpened::Client)?) as Arc<dyn SecondOpinion>)
        }
    };
    Ok((nodes, second))
}

/// All nodes must be of one chain, the store's. A node that is away now is compared when it comes.
async fn compare_chains(nodes: &[Arc<dyn ChainNode>], store: &dyn House) -> Result<(), NotOpened> {
    let mut expected = store.facts().await?.genesis_id;
    for node in nodes {
        match node.genesis_id().await {
            Ok(found) => {
                let expected = *expected.get_or_insert(found);
                if found != expected {
                    return Err(NotOpened::OtherChain { name: node.name().to_owned(), found, expected });
                }
            }
            Err(fault) => warn!(node = node.name(), %fault, "away at the start"),
        }
    }
    Ok(())
}

/// The configuration in the office's words.
#[must_use]
pub fn office_rules(config: &Config) -> OfficeRules {
    let lifetime_ms = millis(config.transfer.lifetime);
    OfficeRules {
        policy: config.policy(),
        limits: config.limits.rules(),
        breaker: config.breaker.rules(),
        single_source: config.network.single_source,
        admission: AdmissionSettings::default(),
        treasurer: TreasurerSettings {
            look_every_ms: millis(config.treasurer.look_every).unsigned_abs(),
            fee_limit_cap_sun: config.transfer.fee_limit_max.sun(),
            ..TreasurerSettings::default()
        },
        worker: WorkerSettings {
            batch_max: config.worker.batch_max,
            look_every_ms: millis(config.worker.look_every).unsigned_abs(),
            resend_every_ms: millis(config.worker.resend_every).unsigned_abs(),
            sends_per_node_max: config.worker.sends_per_node_max as usize,
            transfer_lifetime_ms: lifetime_ms,
            ..WorkerSettings::default()
        },
        watcher: WatcherSettings {
            look_every_ms: millis(config.watcher.look_every).unsigned_abs(),
            second_source_patience_ms: millis(config.watcher.second_source_patience),
            confirmations_min: u64::from(config.confirmations.minimum),
            longest_lifetime_ms: lifetime_ms,
            ..WatcherSettings::default()
        },
        events: EventPublisherSettings::default(),
        audit: AuditWriterSettings::default(),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
