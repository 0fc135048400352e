//! The sandbox's day: the network starts, the house opens upon it, sample payouts travel, and it stays up for yours.

use super::chain::{BLOCK_MS, BLOCK_MS_MAX, Sky, Stop};
use super::demo::{self, FrontDoor, Tally};
use super::{furnish::furnish, page};
use crate::cli::place::{SANDBOX_NETWORK, SANDBOX_STORE};
use crate::cli::run::failure;
use crate::cli::{
    Json,
    exit::Exit,
    failure::Failure,
    terminal::{Ink, Terminal},
};
use crate::config::{Config, Secrets, Sources};
use crate::sandbox::{Clock, Listen, Sandbox, SandboxSettings};
use crate::store::{LockError, StoreLock};
use crate::telemetry::{self, Metrics};
use crate::wiring::{self, OpenHouse};
use crate::world::SystemClock;
use payoutd_actors::domain::payout::Payout;
use payoutd_actors::fakes::sim_chain::Settings;
use payoutd_actors::guardian::GiveUp;
use payoutd_actors::ports::{Clock as _, Payouts};
use payoutd_actors::reconcile::{ChainBook, Comparison, NotCompared, Reading, Tools, compare, node_of};
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Sample payouts, unless said otherwise.
const DEMO: usize = 10;
/// Nodes of the simulated network that the daemon sends to.
const MORE_NODES: usize = 1;
/// Where the front door is when nobody else is there and nobody said otherwise.
const DOOR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 18080);

#[derive(Debug, clap::Args)]
pub(super) struct Town {
    /// How many sample payouts to make
    #[arg(long, value_name = "N", default_value_t = DEMO)]
    demo: usize,
    /// Leave when they have ended: 0 only if all settled and the books agree with the chain
    #[arg(long)]
    exit: bool,
    /// Milliseconds from block to block; 3000 on the public chain
    #[arg(long, value_name = "N", default_value_t = BLOCK_MS, value_parser = clap::value_parser!(u64).range(1..=BLOCK_MS_MAX))]
    block_ms: u64,
    /// What goes wrong by itself: calm, nothing; stormy, everything now and then
    #[arg(long, value_enum, value_name = "WEATHER", hide_possible_values = true)]
    weather: Option<Sky>,
    /// The storm's number: the same number is the same storm
    #[arg(long, value_name = "N", requires = "weather")]
    seed: Option<u64>,
    /// Keep keys, store and network in this folder, and go on with what is in it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the front door listens [default: 127.0.0.1:18080, or a free port]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    json: Json,
}

/// The last line of `--json`.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    tally: Tally,
    /// Differences between the books and the chain.
    violations: usize,
    seconds: u64,
}

impl Town {
    /// Runs the sandbox's day.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let folder = Folder::of(self.data.clone());
        crate::cli::wait(async move {
            // From the first moment on: whoever changes their mind during the demonstration is heard.
            let stop = Stop::listen()?;
            let _alone = folder.lock()?;
            let sandbox = Sandbox::start(self.network(&folder.path)).await.map_err(|why| {
                Failure::because(Exit::Unavailable, "the simulated network does not start", &why)
            })?;
            let file = furnish(&folder.path, &sandbox.description(), self.door_address()?)?;
            let (loaded, secrets) =
                Sources { file: Some(file), environment: Vec::new() }.load_with_secrets()?;
            let told = self.day(terminal, &sandbox, &loaded.config, secrets, &folder.path, stop).await;
            let stopped = sandbox.stop().await;
            let exit = told?;
            stopped.map_err(|why| Failure::because(Exit::Io, "the network is not saved", &why))?;
            Ok(exit)
        })
    }

    fn network(&self, data: &Path) -> SandboxSettings {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        SandboxSettings {
            listen: Listen { http: free, solidity: None, more_nodes: vec![free; MORE_NODES] },
            chain: Settings { block_ms: self.block_ms, ..Settings::default() },
            weather: self.weather.map(|sky| sky.order(self.seed)),
            clock: Clock::Wall,
            state_file: self.data.is_some().then(|| data.join(SANDBOX_NETWORK)),
        }
    }

    /// The address is written into the configuration, so that other commands find the door: a free port is chosen now.
    fn door_address(&self) -> Result<SocketAddr, Failure> {
        if let Some(listen) = self.listen {
            return Ok(listen);
        }
        let usual = (!self.exit).then(|| TcpListener::bind(DOOR).ok()).flatten();
        let listener = match usual {
            Some(listener) => Ok(listener),
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)),
        };
        listener
            .and_then(|listener| listener.local_addr())
            .map_err(|why| Failure::because(Exit::Unavailable, "no port is free on 127.0.0.1", &why))
    }

    async fn day(
        self,
        terminal: &Terminal,
        sandbox: &Sandbox,
        config: &Config,
        secrets: Secrets,
        data: &Path,
        mut stop: Stop,
    ) -> Result<Exit, Failure> {
        telemetry::start_log(&config.log)
            .map_err(|why| Failure::because(Exit::Software, "the log can not be started", &why))?;
        let metrics = Metrics::start()
            .map_err(|why| Failure::because(Exit::Software, "the metrics can not be started", &why))?;
        actix::spawn(metrics.clone().keep_up());
        let token = secrets.http_token.expose().to_owned();
        let give_up: GiveUp = Arc::new(|actor, why| {
            tracing::error!(actor, why, "an actor failed too often");
            std::process::exit(Exit::GaveUp as i32);
        });
        let house = Box::pin(wiring::open(config, secrets, metrics, give_up)).await.map_err(failure)?;
        let base = format!("http://{}", house.address);
        terminal.note(format_args!("payoutd is open at {base}; a block every {} ms", self.block_ms));
        let door = FrontDoor { base, token, client: reqwest::Client::new() };
        let exit = tokio::select! {
            exit = self.demonstrate(terminal, sandbox, config, &house, &door, data) => exit,
            signal = stop.told() => Ok(self.stopped(terminal, signal)),
        };
        for actor in house.close().await {
            terminal.note(format_args!("{actor} was not done in time; the rows tell the rest"));
        }
        exit
    }

    /// Somebody wants it to end. That is in order, unless the end of the demonstration was what they wanted to hear.
    fn stopped(&self, terminal: &Terminal, signal: &str) -> Exit {
        match &self.data {
            Some(folder) => terminal.note(format_args!(
                "{signal}: closing; `payoutd sandbox --data {}` goes on from here",
                folder.display()
            )),
            None => terminal.note(format_args!("{signal}: closing")),
        }
        if self.exit { Exit::Interrupted } else { Exit::Done }
    }

    async fn demonstrate(
        &self,
        terminal: &Terminal,
        sandbox: &Sandbox,
        config: &Config,
        house: &OpenHouse,
        door: &FrontDoor,
        data: &Path,
    ) -> Result<Exit, Failure> {
        let began = Instant::now();
        let resume = format!("payoutd resume --data {}", data.display());
        let paused = demo::pause_of(&*house.store).await?;
        if let (Some(words), true) = (&paused, self.exit) {
            return Err(Failure::new(Exit::TryLater, words)
                .next(format_args!("`{resume}` lets go of the switch; then run this again")));
        }
        let description = sandbox.description();
        let recipients: Vec<String> =
            description.accounts.iter().skip(1).map(|account| account.address.clone()).collect();
        let ended = match paused {
            Some(words) => {
                terminal.note(format_args!(
                    "{words}, so no sample payouts are made: `{resume}` lets go of the switch"
                ));
                Vec::new()
            }
            None => {
                let ids = demo::order_all(door, &run_name(), &recipients, self.demo).await?;
                demo::follow(terminal, house, &resume, &ids, began).await?
            }
        };
        let seconds = began.elapsed().as_secs();
        if !self.json.json && !ended.is_empty() {
            terminal.line(demo::table(terminal, &ended, sandbox.book().head))?;
        }
        if !self.exit {
            if self.json.json {
                self.answer(terminal, &ended, 0, seconds)?;
            } else {
                let chain = &sandbox.urls().http;
                page::show(
                    terminal,
                    &door.base,
                    &door.token,
                    recipients.first().map_or("", String::as_str),
                    chain,
                    data,
                )?;
            }
            // It stays up until somebody says stop, which `day` listens for.
            return std::future::pending().await;
        }
        let comparison = reconcile(house, config, sandbox).await?;
        for finding in &comparison.findings {
            let line = format!("{}: {}", finding.anomaly.word(), finding.detail);
            terminal.note(terminal.on_stderr(Ink::Bad, line));
        }
        let violations = comparison.findings.len();
        let tally = demo::tally(&ended);
        let good = tally.settled == tally.paid && violations == 0;
        if self.json.json {
            self.answer(terminal, &ended, violations, seconds)?;
        } else {
            let ink = if good { Ink::Good } else { Ink::Bad };
            let line = format!(
                "{} ordered, {} settled, {violations} differences between books and chain, {seconds} s",
                tally.paid, tally.settled
            );
            terminal.line(terminal.on_stdout(ink, line))?;
        }
        Ok(if good { Exit::Done } else { Exit::Found })
    }

    fn answer(
        &self,
        terminal: &Terminal,
        ended: &[Payout],
        violations: usize,
        seconds: u64,
    ) -> Result<(), Failure> {
        terminal.json(&Answer { tally: demo::tally(ended), violations, seconds })
    }
}

/// Begins the keys of this demonstration's orders: those of an earlier one in the same folder are other orders.
fn run_name() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    format!("demo-{}", now.map_or(0, |now| now.as_millis()))
}

/// Holds the books against the chain. The storm is over by then: what is judged is the payments, not the weather.
async fn reconcile(house: &OpenHouse, config: &Config, sandbox: &Sandbox) -> Result<Comparison, Failure> {
    let calm = Sky::Calm.order(None);
    payoutd_actors::fakes::look(&sandbox.chain())
        .order(&calm)
        .map_err(|why| Failure::because(Exit::Software, "the weather can not be ordered", &why))?;
    let mut tries = 0;
    loop {
        match compare_once(house, config).await {
            Ok(comparison) => return Ok(comparison),
            Err(why) if tries >= COMPARE_TRIES => {
                return Err(Failure::because(
                    Exit::Unavailable,
                    "the books can not be held against the chain",
                    &why,
                ));
            }
            Err(_) => tries += 1,
        }
        tokio::time::sleep(COMPARE_AGAIN).await;
    }
}

/// What the storm has left behind (a penalty, an open breaker) goes away by itself.
const COMPARE_TRIES: u32 = 30;
/// Between two tries.
const COMPARE_AGAIN: Duration = Duration::from_millis(500);

async fn compare_once(house: &OpenHouse, config: &Config) -> Result<Comparison, NotCompared> {
    let facts = house.store.facts().await?;
    let since = facts.birth.ok_or(NotCompared::NeverSawTheChain)?;
    let node = node_of(&house.nodes, &facts).await?;
    let (policy, now_ms) = (config.policy(), SystemClock.now_ms());
    let payouts: &dyn Payouts = &*house.store;
    let book = ChainBook::read(Reading { node, payouts, policy: &policy, now_ms }, since, |_, _| {}).await?;
    let tools = Tools { payouts, strangers: &*house.store, policy: &policy, marks: &house.marks, now_ms };
    compare(tools, &book).await
}

/// The folder: the one that was named, or one that goes when the day is over.
struct Folder {
    path: PathBuf,
    passing: bool,
}

impl Folder {
    fn of(named: Option<PathBuf>) -> Self {
        let passing = named.is_none();
        let of_its_own = || std::env::temp_dir().join(format!("payoutd-sandbox-{}", std::process::id()));
        Self { path: named.unwrap_or_else(of_its_own), passing }
    }

    /// Makes the folder where it is not there, and takes it for this process alone, before anything is written into it: a second
    /// sandbox would put its own addresses into the configuration of the first, and its own network over it.
    fn lock(&self) -> Result<StoreLock, Failure> {
        let taken = |why: LockError| {
            Failure::because(Exit::TryLater, "another process works in this folder", &why).next(format_args!(
                "use it (`payoutd payouts list --data {}`), stop it, or name another folder",
                self.path.display()
            ))
        };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(|why| {
            Failure::because(Exit::CannotCreate, format_args!("cannot make {}", self.path.display()), &why)
                .next("name a folder with --data that can be made here")
        })?;
        // Also whoever runs the daemon alone upon this folder's store; the house takes this lock again when it opens.
        drop(StoreLock::take(&self.path.join(SANDBOX_STORE)).map_err(taken)?);
        StoreLock::take(&self.path.join(SANDBOX_NETWORK)).map_err(taken)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.passing {
            // What is left of a folder under the system's temporary folder is the system's.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
