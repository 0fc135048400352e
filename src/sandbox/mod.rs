//! The sandbox: the simulated network ([`SimChain`]) behind TRON's and TronScan's HTTP, for `payoutd sandbox`, for the tests, and
//! for anybody's TRON program.
//!
//! What it promises: unmodified tronweb and tronpy send and read through it; its replies have the keys, the order, the codes and
//! the words that a java-tron 4.8 node was recorded with (`tests/house/real_node` compares, `docs/sandbox-differences.md` says what
//! differs and why); bad weather reaches the client as it would in life: no byte, half a body, a gateway's page.
//!
//! How it is laid out: `door` is the sockets, `desk` decides who answers, `ask` reads a request as java-tron's servlets do,
//! `wallet/` holds java-tron's calls, `trongrid` and `tronscan` the hosted services', `control` the sandbox's own; `json`,
//! `printed` and `transaction` write the answers.
//!
//! **Never here:** the rules of the chain. They are the model's, in `payoutd_actors::fakes::sim_chain`, which has no sockets.

mod abi;
mod ask;
mod control;
mod desk;
mod door;
mod json;
mod pace;
mod pages;
mod printed;
mod reply;
mod state_file;
mod storm;
mod transaction;
mod trongrid;
mod tronscan;
mod wallet;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use payoutd_actors::fakes::sim_chain::{
    NodeId, NodeSettings, OrderRefused, Settings, SimChain, Unloadable, Weather, WeatherOrder, genesis,
};
use serde::Serialize;
use thiserror::Error;

pub use desk::SharedChain;

use desk::{NodeDesk, locked};
use door::Door;
use pace::Pace;
use state_file::StateFile;

/// What a sandbox is started with.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// Where it listens.
    pub listen: Listen,
    /// The network, for a sandbox that does not resume one.
    pub chain: Settings,
    /// The weather from the first block on; left out, calm, or as it was when the state was saved.
    pub weather: Option<WeatherOrder>,
    /// Who moves the chain's time.
    pub clock: Clock,
    /// Where the network is kept between runs; what is found there is resumed.
    pub state_file: Option<PathBuf>,
}

/// The addresses of a sandbox. Port 0 takes a free one; [`Sandbox::urls`] says which.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The first node: `wallet/…`, TronGrid's and TronScan's calls, the sandbox's own; `walletsolidity/…` too, unless it is split off.
    pub http: SocketAddr,
    /// `walletsolidity/…` of the first node alone, as a java-tron node of one's own has it.
    pub solidity: Option<SocketAddr>,
    /// Further nodes of the same network, each with both views.
    pub more_nodes: Vec<SocketAddr>,
}

/// Who moves the chain's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The wall's clock: blocks come by themselves.
    Wall,
    /// Whoever holds [`Sandbox::chain`]; it starts at this moment, in unix milliseconds.
    ByHand {
        /// The first moment.
        starts_at_ms: u64,
    },
}

/// The addresses at which a running sandbox answers, each without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// The first node.
    pub http: String,
    /// Its `walletsolidity/…`: the same, unless it was split off.
    pub solidity_http: String,
    /// TronScan.
    pub tronscan_http: String,
    /// Further nodes.
    pub more_nodes: Vec<String>,
}

/// What somebody needs to use a sandbox: the first line of `payoutd sandbox chain --json`. The keys are public on purpose: they hold
/// sand.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// The first node.
    pub http: String,
    /// Its solid view.
    pub solidity_http: String,
    /// TronScan.
    pub tronscan_http: String,
    /// Further nodes of the same network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_nodes_http: Vec<String>,
    /// The token, base58.
    pub usdt: String,
    /// PayoutRouterV0, base58.
    pub router_v0: String,
    /// PayoutRouterKYC, base58.
    pub router_kyc: String,
    /// The key whose signature PayoutRouterKYC wants, 64 hex digits.
    pub compliance_key_hex: String,
    /// The address of that key, base58: `network.kyc_officer` of a daemon beside this network.
    pub kyc_officer: String,
    /// Accounts with USDT and TRX; the first lets both routers take its USDT.
    pub accounts: Vec<DescribedAccount>,
}

/// An account of the description.
#[derive(Clone, Debug, Serialize)]
pub struct DescribedAccount {
    /// Base58.
    pub address: String,
    /// 64 hex digits.
    pub private_key_hex: String,
}

/// A running sandbox. Dropping it leaves the doors open until the process ends: [`Sandbox::stop`] closes them and saves.
#[derive(Debug)]
pub struct Sandbox {
    chain: SharedChain,
    doors: Vec<Door>,
    urls: Urls,
    pace: Option<Pace>,
    state_file: Option<StateFile>,
}

/// Why a sandbox does not start or is not saved.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// An address cannot be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The saved network has fewer nodes than addresses are given.
    #[error("the saved network has {there} nodes, and {asked} are to be listened at")]
    TooFewNodes {
        /// Nodes of the saved network.
        there: usize,
        /// Addresses.
        asked: usize,
    },
    /// The state cannot be read or written.
    #[error("cannot {verb} the sandbox's state at {path}")]
    State {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The state is not this version's.
    #[error("the sandbox's state at {path} cannot be resumed")]
    Unloadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Unloadable,
    },
    /// The weather at the start cannot be ordered.
    #[error("the weather cannot be ordered")]
    Weather(#[from] OrderRefused),
}

/// The network that a sandbox has left behind, for looking at: its blocks stand still, its weather is calm, and nothing of what
/// is done to it reaches the file. None when there is no such file.
///
/// # Errors
/// When the file can not be read, or is no saved network of this version.
pub fn saved_network(file: &Path) -> Result<Option<SharedChain>, SandboxError> {
    let Some(mut chain) = StateFile::new(file.to_owned()).load()? else { return Ok(None) };
    // Whoever looks into a folder wants to know what was paid, and not to meet the storm again.
    chain.order(&WeatherOrder { weather: Some(Weather::Calm), ..WeatherOrder::default() })?;
    Ok(Some(Arc::new(Mutex::new(chain))))
}

impl Default for Listen {
    /// One node on a free port of this machine alone.
    fn default() -> Listen {
        Listen { http: ([127, 0, 0, 1], 0).into(), solidity: None, more_nodes: Vec::new() }
    }
}

impl Default for SandboxSettings {
    /// A calm network at the public chain's pace, on a free port of this machine alone, kept nowhere.
    fn default() -> SandboxSettings {
        SandboxSettings {
            listen: Listen::default(),
            chain: Settings::default(),
            weather: None,
            clock: Clock::Wall,
            state_file: None,
        }
    }
}

impl Sandbox {
    /// Opens the doors and lets the blocks come. Has to be called inside an actix system.
    ///
    /// # Errors
    /// When an address is taken, or the state that was saved cannot be resumed.
    pub async fn start(settings: SandboxSettings) -> Result<Sandbox, SandboxError> {
        let state_file = settings.state_file.clone().map(StateFile::new);
        let mut chain = open_chain(&settings, state_file.as_ref())?;
        if let Some(weather) = &settings.weather {
            chain.order(weather)?;
        }
        let asked = 1 + settings.listen.more_nodes.len();
        if chain.nodes() < asked {
            return Err(SandboxError::TooFewNodes { there: chain.nodes(), asked });
        }
        let block_ms = chain.settings().block_ms;
        let chain = Arc::new(Mutex::new(chain));
        let (doors, urls) = open_doors(&chain, &settings.listen)?;
        let pace =
            (settings.clock == Clock::Wall).then(|| Pace::keep(chain.clone(), block_ms, state_file.clone()));
        Ok(Sandbox { chain, doors, urls, pace, state_file })
    }

    /// Where it answers.
    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The chain itself, for whoever wants to order weather or read the book without HTTP. Hold it briefly.
    #[must_use]
    pub fn chain(&self) -> SharedChain {
        self.chain.clone()
    }

    /// What somebody needs to use it.
    #[must_use]
    pub fn description(&self) -> Description {
        let genesis = genesis();
        let accounts = genesis.accounts.iter().map(|account| DescribedAccount {
            address: account.address.to_string(),
            private_key_hex: account.private_key_hex.clone(),
        });
        Description {
            http: self.urls.http.clone(),
            solidity_http: self.urls.solidity_http.clone(),
            tronscan_http: self.urls.tronscan_http.clone(),
            more_nodes_http: self.urls.more_nodes.clone(),
            usdt: genesis.usdt.to_string(),
            router_v0: genesis.router_v0.to_string(),
            router_kyc: genesis.router_kyc.to_string(),
            compliance_key_hex: genesis.compliance_officer.private_key_hex.clone(),
            kyc_officer: genesis.compliance_officer.address.to_string(),
            accounts: accounts.collect(),
        }
    }

    /// Closes the doors, stops the blocks, and saves the network where it is kept.
    ///
    /// # Errors
    /// When it cannot be saved.
    pub async fn stop(self) -> Result<(), SandboxError> {
        if let Some(pace) = self.pace {
            pace.stop().await;
        }
        for door in self.doors {
            door.close().await;
        }
        match self.state_file {
            Some(file) => file.save(&self.chain),
            None => Ok(()),
        }
    }
}

fn open_chain(settings: &SandboxSettings, state_file: Option<&StateFile>) -> Result<SimChain, SandboxError> {
    if let Some(chain) = state_file.map(StateFile::load).transpose()?.flatten() {
        return Ok(chain);
    }
    let mut chain = settings.chain.clone();
    while chain.nodes.len() < 1 + settings.listen.more_nodes.len() {
        chain.nodes.push(NodeSettings::default());
    }
    let now_ms = match settings.clock {
        Clock::Wall => pace::wall_ms(),
        Clock::ByHand { starts_at_ms } => starts_at_ms,
    };
    Ok(SimChain::new(chain, now_ms))
}

fn open_doors(chain: &SharedChain, listen: &Listen) -> Result<(Vec<Door>, Urls), SandboxError> {
    let open = |address: SocketAddr, node: usize, head: bool, solid: bool| {
        let desk = NodeDesk { chain: chain.clone(), node: NodeId(node), head, solid };
        Door::open(address, Arc::new(desk)).map_err(|source| SandboxError::Listen { address, source })
    };
    let url = |door: &Door| format!("http://{}", door.address);
    let first = open(listen.http, 0, true, listen.solidity.is_none())?;
    let http = url(&first);
    let mut urls =
        Urls { solidity_http: http.clone(), tronscan_http: http.clone(), http, more_nodes: Vec::new() };
    let mut doors = vec![first];
    if let Some(address) = listen.solidity {
        let door = open(address, 0, false, true)?;
        urls.solidity_http = url(&door);
        doors.push(door);
    }
    for (index, address) in listen.more_nodes.iter().enumerate() {
        let door = open(*address, index + 1, true, true)?;
        urls.more_nodes.push(url(&door));
        doors.push(door);
    }
    Ok((doors, urls))
}

/// What really happened, without HTTP.
impl Sandbox {
    /// Every executed USDT transfer, and where the chain stands.
    #[must_use]
    pub fn book(&self) -> payoutd_actors::fakes::sim_chain::Book {
        locked(&self.chain).book()
    }
}
