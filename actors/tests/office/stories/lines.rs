//! Slow nodes and dying workers: a node that takes its time holds up nobody else, and what a worker leaves behind unsent is sent by
//! the next one.

use super::kit::{AMOUNT, outgoing, settle_in};
use crate::town::{Life, Town, judge, order_to, somebody};
use async_trait::async_trait;
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::breaker::BreakerRules;
use payoutd_actors::domain::payout::Stage;
use payoutd_actors::domain::tron::{SignedTransfer, Unsigned};
use payoutd_actors::fakes::{Disguise, SharedChain, look};
use payoutd_actors::ledger::OnFile;
use payoutd_actors::office::World;
use payoutd_actors::ports::{BroadcastReply, ChainFault, ChainNode, Signer, SignerFault, TrialRun};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Payouts of a story.
const CROWD: u64 = 12;

async fn order_some(life: &Life, numbers: std::ops::Range<u64>) {
    for n in numbers {
        life.pay(&format!("inv-{n}"), order_to(somebody(n), AMOUNT)).await;
    }
}

async fn workers_view(life: &Life) -> Value {
    let views = life.office.staff().views().await;
    views.into_iter().find(|view| view.name == "payout_worker").unwrap().state
}

/// What has left the wallet so far, by the chain's own book.
fn paid(life: &Life) -> usize {
    let wallet = payoutd_actors::fakes::sim_chain::genesis().accounts[0].address;
    look(&life.chain).book().transfers.iter().filter(|row| row.from == wallet).count()
}

/// F-N23: one node of two is silent, and each question to it takes half a minute. The other one takes everything at its own
/// pace; the silent one's line has an end, and what it left out is not lost.
#[test]
fn a_silent_node_holds_up_no_payout() {
    let mut town = Town::new(140);
    // No breaker comes to the rescue.
    town.rules.breaker = BreakerRules { failure_threshold: u32::MAX, ..town.rules.breaker };
    town.rules.worker.sends_per_node_max = 2;
    town.rules.worker.waiting_per_node_max = 3;
    town.rules.worker.unsent_max = 4;
    town.rules.worker.batch_max = 2;
    let fuse = town.fuse.clone();
    town.live(async |life: &Life| {
        settle_in(life).await;
        fuse.make_numb("sim-1");
        order_some(life, 0..CROWD).await;
        life.pass(12_000).await;
        assert_eq!(paid(life), CROWD as usize);
        let view = workers_view(life).await;
        assert_eq!((&view["unsent"], &view["waiting"]["sim-0"]), (&0.into(), &0.into()), "{view}");
        assert_eq!(view["waiting"]["sim-1"], 3, "{view}");
        assert!(view["sends_left_out"].as_u64() > Some(0), "{view}");
    });
    judge_what_was_paid(&town);
}

/// Each to a different somebody, and nobody twice.
fn judge_what_was_paid(town: &Town) {
    let paid: std::collections::BTreeSet<_> = outgoing(town).iter().map(|row| row.to).collect();
    assert_eq!(outgoing(town).len(), paid.len());
}

/// Takes a second for every transfer that it is sent.
struct Slow(Arc<dyn ChainNode>);

#[async_trait]
impl Disguise for Slow {
    fn node(&self) -> &dyn ChainNode {
        self.0.as_ref()
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.broadcast(transfer).await
    }
}

/// Falls dead at one signature, and takes the worker along.
struct DeadlySigner(Arc<dyn Signer>, AtomicU32);

/// Which one.
const DEADLY: u32 = 7;

impl Signer for DeadlySigner {
    fn address(&self) -> Address {
        self.0.address()
    }

    fn sign(&self, unsigned: Unsigned) -> Result<SignedTransfer, SignerFault> {
        if self.1.fetch_add(1, Ordering::Relaxed) + 1 == DEADLY {
            panic!("the worker dies here");
        }
        self.0.sign(unsigned)
    }

    fn derived_key(&self, purpose: &str) -> [u8; 32] {
        self.0.derived_key(purpose)
    }
}

fn with_a_deadly_signer_and_slow_nodes(mut world: World, _: &SharedChain) -> World {
    world.signer = Arc::new(DeadlySigner(world.signer, AtomicU32::new(0)));
    world.nodes = world.nodes.into_iter().map(|node| Arc::new(Slow(node)) as Arc<dyn ChainNode>).collect();
    world
}

/// The worker dies with most of a batch filed and unsent. Its lines send nothing more for the first time; the next worker sends
/// at once what is on file, however young it is, and everybody is paid once.
#[test]
fn what_a_dead_worker_left_unsent_is_sent_by_the_next_one_at_once() {
    let mut town = Town::new(141);
    town.tamper = Some(with_a_deadly_signer_and_slow_nodes);
    town.rules.worker.sends_per_node_max = 1;
    // Longer than the story: no second round of sending again comes to the rescue.
    town.rules.worker.resend_every_ms = 120_000;
    town.rules.worker.transfer_lifetime_ms = 60_000;
    town.rules.watcher.longest_lifetime_ms = 60_000;
    town.live(async |life: &Life| {
        settle_in(life).await;
        order_some(life, 0..6).await;
        life.pass(1_500).await;
        order_some(life, 6..7).await;
        life.pass(25_000).await;
        assert_eq!(paid(life), 7);
        assert!(life.until_all_ended(super::kit::LONG_MS).await);
    });
    judge(&town).unwrap();
    let payouts = town.payouts();
    assert!(payouts.iter().all(|one| one.stage == Stage::Settled && one.attempts.len() == 1));
}

/// Knows nothing of one recipient, and says so whenever it is asked about it.
struct Speechless(Arc<dyn ChainNode>);

impl Speechless {
    /// Of whom nothing is said.
    const ABOUT: u64 = 666;
}

#[async_trait]
impl Disguise for Speechless {
    fn node(&self) -> &dyn ChainNode {
        self.0.as_ref()
    }

    fn tried(&self, call_data: &[u8], run: Result<TrialRun, ChainFault>) -> Result<TrialRun, ChainFault> {
        let whom = *somebody(Self::ABOUT).evm();
        match call_data.windows(whom.len()).any(|bytes| bytes == whom) {
            true => Err(ChainFault::Garbled("of whom?".to_owned())),
            false => run,
        }
    }
}

fn with_speechless_nodes(mut world: World, _: &SharedChain) -> World {
    let speechless = |node| Arc::new(Speechless(node)) as Arc<dyn ChainNode>;
    world.nodes = world.nodes.into_iter().map(speechless).collect();
    world
}

/// F-N23: the most urgent payouts can not be paid just now, each for a reason of its own, and fill a whole batch: what is behind
/// them does not wait for them, and they are not forgotten.
#[test]
fn payouts_that_can_not_be_paid_now_do_not_hold_up_those_behind_them() {
    let mut town = Town::new(144);
    town.tamper = Some(with_speechless_nodes);
    // It is about payouts here: no breaker takes the nodes away.
    town.rules.breaker = BreakerRules { failure_threshold: u32::MAX, ..town.rules.breaker };
    town.rules.worker.batch_max = 2;
    town.live(async |life: &Life| {
        settle_in(life).await;
        for n in 0..5 {
            let mut urgent = order_to(somebody(Speechless::ABOUT), AMOUNT);
            urgent.priority = 9;
            life.pay(&format!("urgent-{n}"), urgent).await;
        }
        order_some(life, 0..CROWD).await;
        life.pass(15_000).await;
        assert_eq!(paid(life), CROWD as usize);
        let view = workers_view(life).await;
        assert!(view["signing_waits_for"].as_str().is_some_and(|why| why.contains("of whom?")), "{view}");
    });
    // The nodes speak again.
    town.tamper = None;
    town.live(async |life: &Life| {
        assert!(life.until_all_ended(60_000).await);
        assert_eq!(paid(life), CROWD as usize + 5);
    });
    judge(&town).unwrap();
}
