//! `payoutd sandbox chain`: the simulated network alone. It opens its doors, says how it is used, and stays until it is told to stop.

use std::{net::SocketAddr, path::PathBuf};

use payoutd_actors::fakes::sim_chain::{Settings, Weather, WeatherOrder};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::{
        Json,
        exit::Exit,
        failure::Failure,
        keys::folder,
        sheet::Sheet,
        table::{Rows, Side},
        terminal::{Ink, Terminal},
    },
    sandbox::{Clock, Description, Listen, Sandbox, SandboxError, SandboxSettings},
};

/// Faster than life: a payment is solid after some five seconds.
pub(super) const BLOCK_MS: u64 = 200;
/// A slot's length in life, and the longest that makes sense.
pub(super) const BLOCK_MS_MAX: u64 = 60_000;

/// `payoutd sandbox chain`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd sandbox chain                                            blocks every 200 ms at http://127.0.0.1:18090
  payoutd sandbox chain --block-ms 3000 --listen 127.0.0.1:8090    the public chain's pace
  payoutd sandbox chain --solidity-listen 127.0.0.1:18091          walletsolidity apart, as on a java-tron node
  payoutd sandbox chain --keys sandbox-data                        and in another terminal:
  payoutd run --config config/sandbox.toml

While it runs:
  curl http://127.0.0.1:18090/sandbox/book                         what really happened
  curl http://127.0.0.1:18090/sandbox/weather                      what can go wrong, by name
  curl -d '{\"fork\":2}' http://127.0.0.1:18090/sandbox/weather      and one of them ordered

The keys that it prints are the same in every run, and public: they hold sand.
Exit codes: 0 stopped as asked, 65 or 66 the saved state cannot be resumed, 69 an address is taken, 74 it could not be saved.")]
pub(super) struct Args {
    /// Where the first node answers: wallet, walletsolidity, TronGrid's and TronScan's calls
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:18090")]
    listen: SocketAddr,
    /// Serve walletsolidity here, and no longer at --listen
    #[arg(long, value_name = "ADDR")]
    solidity_listen: Option<SocketAddr>,
    /// A further node of the same network; can be given more than once
    #[arg(long = "node-listen", value_name = "ADDR")]
    node_listen: Vec<SocketAddr>,
    /// Milliseconds from block to block; 3000 on the public chain
    #[arg(long, value_name = "N", default_value_t = BLOCK_MS, value_parser = clap::value_parser!(u64).range(1..=BLOCK_MS_MAX))]
    block_ms: u64,
    /// What goes wrong by itself: calm, nothing; stormy, everything now and then
    #[arg(long, value_enum, value_name = "WEATHER", hide_possible_values = true)]
    weather: Option<Sky>,
    /// The storm's number: the same number is the same storm
    #[arg(long, value_name = "N", requires = "weather")]
    seed: Option<u64>,
    /// Keep the network in this file, and go on with what is in it
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Put the keys and the token that config/sandbox.toml names into this folder; what is there stays
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Sky {
    /// Nothing goes wrong by itself
    Calm,
    /// Everything goes wrong now and then
    Stormy,
}

impl Sky {
    /// The order that makes this weather.
    pub(super) fn order(self, seed: Option<u64>) -> WeatherOrder {
        let weather = match self {
            Self::Calm => Weather::Calm,
            Self::Stormy => Weather::Stormy,
        };
        WeatherOrder { weather: Some(weather), seed, ..WeatherOrder::default() }
    }
}

impl Args {
    /// Runs until told to stop.
    pub(super) fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        crate::cli::wait(async move {
            // Asked for before anything is printed: who reads our first line may send the signal at once.
            let mut stop = Stop::listen()?;
            let sandbox = Sandbox::start(self.settings()).await.map_err(not_started)?;
            let description = sandbox.description();
            if let Some(keys) = &self.keys {
                let wallet = description.accounts.first().map(|account| account.private_key_hex.as_str());
                folder::furnish(keys, wallet.unwrap_or_default())?;
            }
            if self.json.json {
                terminal.json(&description)?;
            } else {
                show(terminal, &description)?;
            }
            stop.told().await;
            sandbox
                .stop()
                .await
                .map_err(|why| Failure::because(Exit::Io, "the network is not saved", &why))?;
            Ok(Exit::Done)
        })
    }

    fn settings(&self) -> SandboxSettings {
        SandboxSettings {
            listen: Listen {
                http: self.listen,
                solidity: self.solidity_listen,
                more_nodes: self.node_listen.clone(),
            },
            chain: Settings { block_ms: self.block_ms, ..Settings::default() },
            weather: self.weather.map(|sky| sky.order(self.seed)),
            clock: Clock::Wall,
            state_file: self.state.clone(),
        }
    }
}

/// SIGINT and SIGTERM, listened for from the moment on at which this is made.
pub(super) struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    pub(super) fn listen() -> Result<Stop, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|why| Failure::because(Exit::Software, "signals cannot be listened for", &why))
        };
        Ok(Stop { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for one of them, and says which came.
    pub(super) async fn told(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

fn show(terminal: &Terminal, description: &Description) -> Result<(), Failure> {
    terminal.line("A simulated TRON network is running. Everything in it is sand; Ctrl-C stops it.")?;
    terminal.line("")?;
    let mut sheet = Sheet::new(terminal);
    sheet.put("node", &description.http);
    if description.solidity_http != description.http {
        sheet.put("its solid view", &description.solidity_http);
    }
    for node in &description.more_nodes_http {
        sheet.put("another node", node);
    }
    sheet
        .put("TronScan", &description.tronscan_http)
        .gap()
        .put("USDT", &description.usdt)
        .put("PayoutRouterV0", &description.router_v0)
        .put("PayoutRouterKYC", &description.router_kyc)
        .put("its officer", &description.kyc_officer)
        .put("the officer's key", &description.compliance_key_hex)
        .print()?;
    terminal.line("")?;
    terminal.line("Accounts with 1,000,000 USDT and 100,000 TRX each:")?;
    let mut rows = Rows::new(terminal, [("address", Side::Left), ("private key", Side::Left)]);
    for account in &description.accounts {
        rows.push([(account.address.clone(), None), (account.private_key_hex.clone(), Some(Ink::Faint))]);
    }
    terminal.line(rows)?;
    terminal.line("")?;
    terminal.line("What really happened, and what can go wrong:")?;
    terminal.line(format_args!("  curl {}/sandbox/book", description.http))?;
    terminal.line(format_args!("  curl {}/sandbox/weather", description.http))
}

fn not_started(why: SandboxError) -> Failure {
    let (exit, next) = match &why {
        SandboxError::Listen { .. } => (Exit::Unavailable, "name another address with --listen"),
        SandboxError::State { .. } => (Exit::NoInput, "name another file with --state"),
        SandboxError::Unloadable { .. } => {
            (Exit::BadData, "name another file with --state, or remove this one")
        }
        SandboxError::TooFewNodes { .. } => {
            (Exit::Usage, "give as many --node-listen as when the state was made")
        }
        SandboxError::Weather(_) => (Exit::Usage, "see --help"),
    };
    Failure::because(exit, "the simulated network does not start", &why).next(next)
}
