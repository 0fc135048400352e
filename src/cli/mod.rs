//! The command line: one file per command, each with its `Args` and its `run`.
//!
//! Promises, the same for every command:
//! - **stdout is the answer, stderr is the talk.** Progress, warnings and errors never mix into what a script reads.
//! - `--json` prints exactly one JSON value (or one per line where a command streams), in the names of the API.
//! - A failure is one line with its whole chain of causes, then the next step, then an exit code from [`exit::Exit`].
//! - Colour only on a terminal, never with `NO_COLOR`; `--color always|never` decides it by hand.
//!
//! **Never here:** rules about money. A command asks the daemon, the store or the domain, and prints.
//!
//! To add a command: a file with `Args` and `run(self, &Terminal) -> Result<Exit, Failure>`, one variant and one arm below.

pub mod client;
pub mod door;
pub mod exit;
pub mod failure;
pub mod jobs;
pub mod keys;
pub mod place;
pub mod sheet;
pub mod store;
pub mod table;
pub mod terminal;

mod actors;
mod address;
mod audit;
mod check_config;
mod events;
mod limits;
mod migrate;
mod nodes;
mod password;
mod pause;
mod payouts;
mod reconcile;
pub mod roles;
mod run;
mod sandbox;
mod second_factor;
mod sign_in;
mod tx;
mod users;

use clap::{Parser, Subcommand};

use self::{exit::Exit, failure::Failure, terminal::Terminal};

/// What `payoutd` understands.
#[derive(Debug, Parser)]
#[command(
    name = "payoutd",
    version,
    about = "Pays USDT (TRC-20) on TRON, exactly once, and can prove it",
    long_about = "Pays USDT (TRC-20) on TRON, exactly once, and can prove it.\n\n\
        Orders come in over HTTP and RabbitMQ, every step is one database transaction with its journal record, and a payout is\n\
        settled only when the solidified chain and a second source prove it.",
    after_help = EXAMPLES,
    after_long_help = EXAMPLES_AND_CODES,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 110
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// auto, always or never; auto: on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output",
        display_order = 901
    )]
    color: terminal::Colour,
}

macro_rules! examples {
    () => {
        "\
Examples:
  payoutd sandbox                                           the whole daemon on a simulated network: try it first
  payoutd run --config payoutd.toml                         the daemon
  payoutd check-config --template > payoutd.toml            a configuration with every key explained
  payoutd keys new wallet --out wallet.key                  the key that pays; prints its address
  payoutd keys new journal --out journal.pem                the key that seals the journal
  payoutd check-config --config payoutd.toml                every mistake at once, or what holds and why
  payoutd address TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t        every form of an address, or what is wrong with it
  payoutd tx inspect 0a02b530…                              what a transaction does, who signed it, until when
  payoutd payouts create TMVQ… 25.5 --key inv-7 --watch     order a payout and follow it to its end
  payoutd payouts list --stage held                         what waits for a person or for time
  payoutd events --follow                                   what happens, as it happens"
    };
}

const EXAMPLES: &str = examples!();

const EXAMPLES_AND_CODES: &str = concat!(
    examples!(),
    "

Exit codes (sysexits where one fits):
    0  done                                  1  looked, and found something wrong (audit verify, reconcile)
    2  the command line is wrong            65  the data given is wrong
   66  a file given cannot be read          69  something needed is away
   70  a fault in payoutd                   73  a file cannot be created
   74  reading or writing failed            75  try again later
   77  not permitted                        78  the configuration is wrong
   80  the guardian gave up: start again, the rows tell the rest
  130  interrupted                         141  nobody reads the answer"
);

/// The commands that exist. A command is listed when it works, never before.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every actor's view of itself
    Actors(actors::Args),
    /// Show every form of an address, or what is wrong with it
    Address(address::Args),
    /// Check the journal, export it, print a signed checkpoint of it
    Audit(audit::Args),
    /// Name every mistake of a configuration, or show what holds and where it comes from
    CheckConfig(check_config::Args),
    /// Show what happened, in order, and follow what happens
    Events(events::Args),
    /// Look at the jobs of the broker that could not be done, and decide about them
    Jobs(jobs::Args),
    /// Make fresh keys: for the wallet, the journal's seal, the register; and API keys for programs
    Keys(keys::Args),
    /// Show how often who may ask and what who may spend; set spending limits
    Limits(limits::Args),
    /// Make the store, or bring it to the newest schema
    Migrate(migrate::Args),
    /// Say which accounts are run together, and list them
    Nodes(nodes::Args),
    /// Pull the kill switch: nothing new is signed or sent
    Pause(pause::Pause),
    /// Order payouts, follow them, decide about them
    Payouts(payouts::Args),
    /// Hold the store against the chain; after a restore, take over what was paid
    Reconcile(reconcile::Args),
    /// Let go of the kill switch
    Resume(pause::Resume),
    /// Show who may do what
    Roles(roles::Args),
    /// Run the daemon: take orders, pay them, prove it
    Run(run::Args),
    /// Try everything on a simulated TRON network
    Sandbox(sandbox::Args),
    /// Set up, show and give up a second factor
    SecondFactor(second_factor::Args),
    /// Sign in as a person, and get a token
    SignIn(sign_in::Args),
    /// Look after the store: make a copy while the daemon works
    Store(store::Args),
    /// Take a TRON transaction apart
    Tx(tx::Args),
    /// Invite people, list them, keep them out
    Users(users::Args),
}

impl Cli {
    /// The two streams as this call wants them.
    #[must_use]
    pub fn terminal(&self) -> Terminal {
        Terminal::new(self.color)
    }
}

impl Command {
    /// Runs the command to its end. Errors carry their exit code.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        match self {
            Self::Actors(args) => args.run(terminal),
            Self::Address(args) => args.run(terminal),
            Self::Audit(args) => args.run(terminal),
            Self::CheckConfig(args) => args.run(terminal),
            Self::Events(args) => args.run(terminal),
            Self::Jobs(args) => args.run(terminal),
            Self::Keys(args) => args.run(terminal),
            Self::Limits(args) => args.run(terminal),
            Self::Migrate(args) => args.run(terminal),
            Self::Nodes(args) => args.run(terminal),
            Self::Pause(args) => args.run(terminal),
            Self::Payouts(args) => args.run(terminal),
            Self::Reconcile(args) => args.run(terminal),
            Self::Resume(args) => args.run(terminal),
            Self::Roles(args) => args.run(terminal),
            Self::Run(args) => args.run(terminal),
            Self::Sandbox(args) => args.run(terminal),
            Self::SecondFactor(args) => args.run(terminal),
            Self::SignIn(args) => args.run(terminal),
            Self::Store(args) => args.run(terminal),
            Self::Tx(args) => args.run(terminal),
            Self::Users(args) => args.run(terminal),
        }
    }
}

/// Runs asynchronous work on an actix system of this thread: the one way in which a command waits.
pub fn wait<F: Future>(work: F) -> F::Output {
    actix_rt::System::new().block_on(work)
}

/// The flag of every command that can answer a script.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Json {
    /// Answer in JSON, for scripts
    #[arg(long, help_heading = "Output", display_order = 900)]
    pub json: bool,
}
