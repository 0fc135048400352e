//! `payoutd reconcile`: the store held against the solidified chain; with `--adopt`, what an older copy of the store has paid is
//! taken over. The first is a look, the second works in the store and wants the daemon down.

use std::{cell::Cell, collections::BTreeSet, io::IsTerminal, sync::Arc, time::Instant};

use payoutd_actors::{
    domain::{
        payout::Stage,
        reconcile::Finding,
        stranger::{FINGERPRINT_PURPOSE, MarkMaker},
    },
    fakes::SimNode,
    ledger::Ledger,
    ports::{ChainNode, Clock, HouseFacts},
    reconcile::{Adoption, ChainBook, Comparison, NotCompared, Reading, Tools, adopt, compare, node_of},
};
use serde::Serialize;

use super::{
    Json,
    exit::Exit,
    failure::Failure,
    place::{Place, SANDBOX_NETWORK},
    run,
    sheet::Sheet,
    store::not_opened,
    table::{Rows, Side},
    terminal::{Ink, Terminal},
};
use crate::{
    config::{Config, Secrets},
    sandbox,
    store::{self as cellar, Cellar, StoreOpenError},
    wiring,
    world::SystemClock,
};

/// Between two words about the progress where nobody sees them overwritten, seconds.
const PROGRESS_EVERY_S: u64 = 10;

/// `payoutd reconcile`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  payoutd reconcile                    every payout against the chain, every transfer of the wallet against the payouts
  payoutd reconcile --json | jq '.findings[]'
  payoutd reconcile --adopt            after a restore, with the daemon stopped: see docs/restore.md

The chain is read from the block of the store's birth on, from the first node that answers and is on the store's chain; after a
sandbox has left (--data DIR), from the network that it has saved. The look may run beside the daemon.
What is found: false_confirmed, paid_short, overpaid, mismatched, dropped, double_paid, unrecorded, stranger.
Exit codes: 0 nothing differs, 1 something does, 66 no store, 69 no node answers, 75 --adopt while another process holds the
store, 78 the configuration is wrong.")]
pub struct Args {
    /// Take over transfers that an older copy of this store has made, where their mark proves whose they are
    #[arg(long)]
    adopt: bool,

    #[command(flatten)]
    json: Json,

    #[command(flatten)]
    place: Place,
}

/// What a script gets.
#[derive(Serialize)]
struct Answer<'a> {
    node: &'a str,
    #[serde(flatten)]
    comparison: &'a Comparison,
    #[serde(skip_serializing_if = "Option::is_none")]
    adoption: Option<&'a Adoption>,
}

impl Args {
    /// Reads, compares, adopts where asked, shows.
    pub fn run(self, terminal: &Terminal) -> Result<Exit, Failure> {
        let (loaded, secrets) = self.place.load_with_secrets(terminal)?;
        super::wait(async {
            let place = &loaded.config.store;
            // Even for adopting: a store that is not there is not made.
            let looking = cellar::look(place).await.map_err(|why| not_opened(&why))?;
            let store = match self.adopt {
                false => looking,
                true => {
                    looking.close().await;
                    cellar::open(place).await.map_err(|why| not_adopting(&why))?
                }
            };
            let exit = self.with(terminal, &store, &loaded.config, &secrets).await;
            store.close().await;
            exit
        })
    }

    async fn with(
        &self,
        terminal: &Terminal,
        store: &Arc<dyn Cellar>,
        config: &Config,
        secrets: &Secrets,
    ) -> Result<Exit, Failure> {
        let facts = store.facts().await.map_err(|why| failure(&why.into()))?;
        let (nodes, _) = wiring::network(config, secrets).map_err(run::failure)?;
        let saved: Vec<Arc<dyn ChainNode>>;
        let node = match node_of(&nodes, &facts).await {
            Ok(node) => node,
            Err(why) => {
                saved = vec![self.saved_network(terminal, &why)?];
                node_of(&saved, &facts).await.map_err(|why| self.failure(&why))?
            }
        };
        let policy = config.policy();
        let marks = MarkMaker::new(secrets.wallet_key.derive_key(FINGERPRINT_PURPOSE), store.store_id());
        let now_ms = SystemClock.now_ms().max(facts.latest_ms);
        let tools = Tools { payouts: &**store, strangers: &**store, policy: &policy, marks: &marks, now_ms };
        let reading = Reading { node, payouts: &**store, policy: &policy, now_ms };
        let book = read(terminal, reading, &facts).await.map_err(|why| self.failure(&why))?;
        let adoption = match self.adopt {
            false => None,
            true => {
                let ledger = Ledger::new(store.clone());
                Some(adopt(tools, &ledger, &book).await.map_err(|why| failure(&why))?)
            }
        };
        let comparison = compare(tools, &book).await.map_err(|why| failure(&why))?;
        let differs = !comparison.findings.is_empty()
            || adoption.as_ref().is_some_and(|adoption| !adoption.undecided.is_empty());
        if self.json.json {
            terminal.json(&Answer {
                node: node.name(),
                comparison: &comparison,
                adoption: adoption.as_ref(),
            })?;
        } else {
            show(terminal, node.name(), &comparison, adoption.as_ref(), &facts)?;
        }
        Ok(if differs { Exit::Found } else { Exit::Done })
    }

    /// The network that a sandbox has left in its folder, in place of nodes of which none answers.
    fn saved_network(&self, terminal: &Terminal, away: &NotCompared) -> Result<Arc<dyn ChainNode>, Failure> {
        let Some(folder) = self.place.sandbox() else { return Err(failure(away)) };
        let file = folder.join(SANDBOX_NETWORK);
        let network = sandbox::saved_network(&file).map_err(|why| {
            Failure::because(Exit::BadData, "the network that the sandbox has left can not be read", &why)
                .next("begin with a fresh folder: `payoutd sandbox --data DIR`")
        })?;
        let network = network.ok_or_else(|| self.failure(away))?;
        terminal.note("the sandbox is not running: the network that it has saved is read");
        Ok(Arc::new(SimNode::new(network, 0).named(file.display().to_string())))
    }

    /// As [`failure`], with a sandbox's own next step.
    fn failure(&self, why: &NotCompared) -> Failure {
        let start = self.place.start_command();
        match (why, self.place.sandbox()) {
            (NotCompared::NodeBehind { .. }, Some(_)) => failure(why).next(format_args!(
                "the sandbox was killed before its network was saved, which lacks the last seconds: `{start}` goes on with it, \
                 or begin with a fresh folder"
            )),
            (NotCompared::NoNode(_), Some(_)) => failure(why).next(format_args!("start it again: `{start}`")),
            _ => failure(why),
        }
    }
}

/// Reads the chain, and says how far it is: on one line where a person looks, now and then in a log.
async fn read(
    terminal: &Terminal,
    reading: Reading<'_>,
    facts: &HouseFacts,
) -> Result<ChainBook, NotCompared> {
    let birth = facts.birth.ok_or(NotCompared::NeverSawTheChain)?;
    let (said, watched) = (Cell::new(Instant::now()), std::io::stderr().is_terminal());
    let progress = |read: u64, all: u64| {
        let every_ms = if watched { 200 } else { u128::from(PROGRESS_EVERY_S) * 1_000 };
        if said.get().elapsed().as_millis() >= every_ms {
            said.set(Instant::now());
            let line = format_args!("block {read} of {all} read");
            if watched { eprint!("\r{line}\u{1b}[K") } else { terminal.note(line) }
        }
    };
    let book = ChainBook::read(reading, birth, progress).await;
    if watched {
        eprint!("\r\u{1b}[K");
    }
    book
}

fn show(
    terminal: &Terminal,
    node: &str,
    comparison: &Comparison,
    adoption: Option<&Adoption>,
    facts: &HouseFacts,
) -> Result<(), Failure> {
    let Comparison { first_block, last_block, payouts, outgoing, findings, stages } = comparison;
    let stages: Vec<String> = Stage::ALL
        .iter()
        .filter_map(|stage| Some(format!("{} {}", stages.get(stage.word())?, stage.word())))
        .collect();
    let mut sheet = Sheet::new(terminal);
    sheet.put("chain", format_args!("blocks {first_block} to {last_block}, solidified, from {node}"));
    sheet.put(
        "payouts",
        format_args!("{payouts}{}{}", if stages.is_empty() { "" } else { ": " }, stages.join(", ")),
    );
    let transfers = if *outgoing == 1 { "transfer" } else { "transfers" };
    sheet.put("outgoing", format_args!("{outgoing} {transfers} left the wallet"));
    if let Some(pause) = &facts.pause {
        sheet.put("paused", &pause.reason);
    }
    sheet.print()?;
    if let Some(adoption) = adoption {
        show_adoption(terminal, adoption)?;
    }
    if findings.is_empty() {
        terminal.line("")?;
        return terminal.line(terminal.on_stdout(Ink::Good, "nothing differs"));
    }
    // What a person decides stands above already, with the same words.
    let undecided: BTreeSet<_> =
        adoption.iter().flat_map(|adoption| &adoption.undecided).map(|one| one.txid).collect();
    let untold: Vec<_> = findings
        .iter()
        .filter(|finding| !finding.txid.is_some_and(|txid| undecided.contains(&txid)))
        .collect();
    if !untold.is_empty() {
        show_findings(terminal, &untold)?;
    }
    let differences = if findings.len() == 1 { "difference" } else { "differences" };
    terminal.line("")?;
    terminal.line(terminal.on_stdout(Ink::Bad, format_args!("{} {differences}", findings.len())))
}

fn show_findings(terminal: &Terminal, findings: &[&Finding]) -> Result<(), Failure> {
    let headings =
        [("found", Side::Left), ("payout", Side::Left), ("txid", Side::Left), ("detail", Side::Left)];
    let mut rows = Rows::new(terminal, headings);
    let dash = || "-".to_owned();
    for Finding { anomaly, payout_id, txid, detail } in findings {
        rows.push([
            (anomaly.word().to_owned(), Some(Ink::Bad)),
            (payout_id.map_or_else(dash, |id| id.to_string()), None),
            (txid.map_or_else(dash, |txid| txid.to_string()), None),
            (detail.clone(), None),
        ]);
    }
    terminal.line("")?;
    terminal.line(rows)
}

fn show_adoption(terminal: &Terminal, adoption: &Adoption) -> Result<(), Failure> {
    let Adoption { adopted, undecided } = adoption;
    terminal.line("")?;
    terminal.line(format_args!("{} adopted: the house settles them when it runs", adopted.len()))?;
    if !adopted.is_empty() {
        let headings = [
            ("adopted by", Side::Left),
            ("txid", Side::Left),
            ("block", Side::Right),
            ("attempt", Side::Right),
        ];
        let mut rows = Rows::new(terminal, headings);
        for one in adopted {
            rows.push([
                (one.payout_id.to_string(), Some(Ink::Good)),
                (one.txid.to_string(), None),
                (one.block.to_string(), None),
                (one.marked_as.to_string(), None),
            ]);
        }
        terminal.line(rows)?;
    }
    if undecided.is_empty() {
        return Ok(());
    }
    terminal.line("")?;
    terminal
        .line(terminal.on_stdout(Ink::Care, format_args!("{} for a person to decide", undecided.len())))?;
    let mut rows = Rows::new(terminal, [("txid", Side::Left), ("payout", Side::Left), ("why", Side::Left)]);
    for one in undecided {
        rows.push([
            (one.txid.to_string(), Some(Ink::Care)),
            (one.payout_id.map_or_else(|| "-".to_owned(), |id| id.to_string()), None),
            (one.why.clone(), None),
        ]);
    }
    terminal.line(rows)
}

fn not_adopting(why: &StoreOpenError) -> Failure {
    match why.is_locked() {
        true => Failure::because(Exit::TryLater, "adopting works in the store itself", why)
            .next("stop the daemon, run this again, then start it: without --adopt the look needs no stop"),
        false => not_opened(why),
    }
}

fn failure(why: &NotCompared) -> Failure {
    let (exit, next) = match why {
        NotCompared::Store(_) => (Exit::Io, "look at store.url and at the disk under it"),
        NotCompared::Chain(_) | NotCompared::NoNode(_) => (
            Exit::Unavailable,
            "half a chain proves nothing: ask again, or name another node in network.nodes",
        ),
        NotCompared::NodeBehind { .. } => {
            (Exit::Unavailable, "wait until the node has caught up, or name another")
        }
        NotCompared::Doctored(_) => {
            (Exit::Unavailable, "name another node in network.nodes: this one is not to be believed")
        }
        NotCompared::NeverSawTheChain => {
            (Exit::NoInput, "let `payoutd run` see the chain once; until then nothing can have been paid")
        }
    };
    Failure::because(exit, "the books can not be held against the chain", why).next(next)
}
