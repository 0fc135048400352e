//! Two offices of one house: the same store, the same network, one that judges and seals and one that stands by.

use super::kit::{LONG_MS, outgoing, pay, resume, settle_in};
use crate::town::{Life, Town, judge};
use async_trait::async_trait;
use payoutd_actors::domain::journal::Cause;
use payoutd_actors::domain::payout::Stage;
use payoutd_actors::domain::tron::SignedTransfer;
use payoutd_actors::fakes::{Disguise, SharedChain};
use payoutd_actors::guardian::{Handle, ShowView};
use payoutd_actors::ledger::OnFile;
use payoutd_actors::office::{Office, World};
use payoutd_actors::payout_worker::PauseHouse;
use payoutd_actors::ports::{BroadcastReply, ChainFault, ChainNode, Journal, Payouts};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// What an office's watcher says of itself.
async fn watcher(office: &Office) -> Value {
    view(&office.confirmation_watcher).await
}

async fn view<A>(handle: &Handle<A>) -> Value
where
    A: actix::Actor<Context = actix::Context<A>> + actix::Handler<ShowView>,
{
    handle.ask(ShowView).await.unwrap().state
}

/// While one judges, the other sees the chain as far, signs by what it sees, and judges nothing; when the first sleeps through its
/// leases the other takes over, and the first stands by when it wakes. Each order is paid once, and the journal is one chain.
#[test]
fn whoever_stands_by_sees_as_far_and_takes_over() {
    let mut town = Town::new(71);
    town.live(async |life: &Life| {
        settle_in(life).await;
        let other = life.open_another("second").await;
        for n in 0..6 {
            pay(life, n).await;
            life.pass(400).await;
        }
        assert!(life.until_all_ended(LONG_MS).await);
        let (first, second) = (watcher(&life.office).await, watcher(&other).await);
        assert_eq!((&first["stands_by"], &second["stands_by"]), (&Value::from(false), &Value::from(true)));
        let apart = first["solid_number"].as_u64().unwrap() - second["solid_number"].as_u64().unwrap();
        assert!(apart <= 5, "{first} {second}");
        assert_eq!(second["settled"], 0, "whoever stands by settles nothing: {second}");
        assert_eq!(view(&other.audit_writer).await["stands_by"], true);
        let sealed_to = life.store.last_seal().await.unwrap().unwrap().last_seq;

        life.roles.put_to_sleep("first");
        for n in 6..12 {
            pay(life, n).await;
            life.pass(400).await;
        }
        assert!(life.until_all_ended(LONG_MS).await);
        life.roles.wake("first");
        life.pass(10_000).await;
        let (first, second) = (watcher(&life.office).await, watcher(&other).await);
        assert_eq!((&first["stands_by"], &second["stands_by"]), (&Value::from(true), &Value::from(false)));
        assert_eq!(second["settled"], 6, "{second}");
        assert!(life.store.last_seal().await.unwrap().unwrap().last_seq > sealed_to);
        assert_eq!(other.close(Duration::from_secs(20)).await, Vec::<&str>::new());
    });
    judge(&town).unwrap();
    let payouts = town.payouts();
    assert_eq!(payouts.len(), 12);
    assert!(payouts.iter().all(|payout| payout.stage == Stage::Settled), "{payouts:#?}");
    assert_eq!(outgoing(&town).len(), 12);
}

/// Has every transfer at once, and takes a second to say so.
struct SlowToAnswer(Arc<dyn ChainNode>);

#[async_trait]
impl Disguise for SlowToAnswer {
    fn node(&self) -> &dyn ChainNode {
        self.0.as_ref()
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        let answer = self.0.broadcast(transfer).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        answer
    }
}

fn with_nodes_that_are_slow_to_answer(mut world: World, _: &SharedChain) -> World {
    let slow = |node| Arc::new(SlowToAnswer(node)) as Arc<dyn ChainNode>;
    world.nodes = world.nodes.into_iter().map(slow).collect();
    world
}

/// F004-42, F002-04: the switch is pulled at another daemon than the one that has transfers filed and waiting for their turn. When
/// the answer is there none of them leaves any more, whoever would have sent it; what has left settles; the rest is paid later.
#[test]
fn a_pause_at_one_daemon_keeps_in_the_house_what_another_has_filed() {
    const ORDERS: u64 = 12;
    let mut town = Town::new(72);
    town.tamper = Some(with_nodes_that_are_slow_to_answer);
    town.rules.worker.sends_per_node_max = 1;
    // No look of its own comes to the rescue.
    town.rules.worker.look_every_ms = 10_000;
    let fuse = town.fuse.clone();
    town.live(async |life: &Life| {
        settle_in(life).await;
        let other = life.open_another("second").await;
        settle_in(life).await;
        for n in 0..ORDERS {
            pay(life, n).await;
        }
        life.pass(2_500).await;
        other
            .payout_worker
            .ask(PauseHouse { reason: "a story".into(), cause: Cause::nobody() })
            .await
            .unwrap()
            .unwrap();
        let out = fuse.sent();
        assert!(!out.is_empty() && out.len() < ORDERS as usize, "{}", out.len());
        let filed = life.store.list(&Default::default(), 100).await.unwrap();
        assert!(filed.iter().any(|payout| payout.stage == Stage::Signed), "something is filed and waits");
        life.pass(60_000).await;
        assert_eq!(fuse.sent(), out);
        resume(life).await;
        assert!(life.until_all_ended(LONG_MS).await);
        assert_eq!(other.close(Duration::from_secs(20)).await, Vec::<&str>::new());
    });
    judge(&town).unwrap();
    assert!(town.payouts().iter().all(|payout| payout.stage == Stage::Settled));
    assert_eq!(outgoing(&town).len(), ORDERS as usize);
}

/// The wire of one office to its nodes.
#[derive(Default)]
struct Wire(AtomicU8);

impl Wire {
    const WHOLE: u8 = 0;
    /// Nothing gets through.
    const CUT: u8 = 1;
    /// The newest blocks get through, whatever else is asked does not.
    const THIN: u8 = 2;

    fn is(&self, how: u8) -> bool {
        self.0.load(Ordering::Relaxed) == how
    }

    fn turn(&self, to: u8) {
        self.0.store(to, Ordering::Relaxed);
    }
}

/// A node at the end of a wire.
struct Wired(Arc<dyn ChainNode>, Arc<Wire>);

fn silence() -> ChainFault {
    ChainFault::Silent("the wire is cut".to_owned())
}

#[async_trait]
impl Disguise for Wired {
    fn node(&self) -> &dyn ChainNode {
        self.0.as_ref()
    }

    async fn before(&self) -> Result<(), ChainFault> {
        if self.1.is(Wire::CUT) { Err(silence()) } else { Ok(()) }
    }

    async fn before_blocks(&self) -> Result<(), ChainFault> {
        if self.1.is(Wire::THIN) { Err(silence()) } else { Ok(()) }
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        self.before().await?;
        self.0.broadcast(transfer).await
    }
}

fn at_the_end_of(wire: &Arc<Wire>) -> impl FnOnce(World) -> World {
    let wire = wire.clone();
    move |mut world| {
        let wired = |node| Arc::new(Wired(node, wire.clone())) as Arc<dyn ChainNode>;
        world.nodes = world.nodes.into_iter().map(wired).collect();
        world
    }
}

/// The office that judges loses its wire in this way, for longer than every lease, while its database stays: the other one judges,
/// and all that is ordered meanwhile is paid. Later it is the other way round.
fn the_other_office_goes_on(seed: u64, broken: u8) {
    let mut town = Town::new(seed);
    town.live(async |life: &Life| {
        settle_in(life).await;
        let wire = Arc::new(Wire::default());
        life.roles.put_to_sleep("first");
        let other = life.open_another_in("second", at_the_end_of(&wire)).await;
        life.pass(10_000).await;
        life.roles.wake("first");
        assert_eq!(watcher(&other).await["stands_by"], false);

        wire.turn(broken);
        for n in 0..6 {
            pay(life, n).await;
            life.pass(20_000).await;
        }
        assert!(life.until_all_ended(LONG_MS).await, "the fleet stands still");
        let (first, second) = (watcher(&life.office).await, watcher(&other).await);
        assert_eq!(
            (&first["stands_by"], &first["settled"]),
            (&Value::from(false), &Value::from(6)),
            "{second}"
        );
        assert_eq!(second["stands_by"], true, "{second}");

        wire.turn(Wire::WHOLE);
        life.pass(60_000).await;
        life.roles.put_to_sleep("first");
        for n in 6..9 {
            pay(life, n).await;
        }
        assert!(life.until_all_ended(LONG_MS).await);
        assert_eq!(watcher(&other).await["settled"], 3);
        assert_eq!(other.close(Duration::from_secs(20)).await, Vec::<&str>::new());
    });
    judge(&town).unwrap();
    let payouts = town.payouts();
    assert!(
        payouts.len() == 9 && payouts.iter().all(|payout| payout.stage == Stage::Settled),
        "{payouts:#?}"
    );
    assert_eq!(outgoing(&town).len(), 9);
}

/// F-P25: cut from every node.
#[test]
fn an_office_that_sees_no_node_does_not_stop_the_fleet() {
    the_other_office_goes_on(73, Wire::CUT);
}

/// F-P25: its nodes show how far the chain is and nothing of what is in it.
#[test]
fn an_office_that_reads_no_further_does_not_stop_the_fleet() {
    the_other_office_goes_on(74, Wire::THIN);
}

/// F-N18: one that is alone gives its role up too while no node answers, and judges again as soon as one does.
#[test]
fn an_office_that_is_alone_judges_as_soon_as_it_sees_again() {
    let mut town = Town::new(75);
    town.live(async |life: &Life| {
        settle_in(life).await;
        let wire = Arc::new(Wire::default());
        life.roles.put_to_sleep("first");
        let alone = life.open_another_in("second", at_the_end_of(&wire)).await;
        life.pass(10_000).await;
        for away_ms in [7_000, 12_000, 24_000, 61_000] {
            wire.turn(Wire::CUT);
            life.pass(away_ms).await;
            wire.turn(Wire::WHOLE);
            // The breakers' own pace, and a look.
            life.pass(5_000).await;
            let seen = watcher(&alone).await;
            assert_eq!(seen["stands_by"], false, "after {away_ms} ms: {seen}");
        }
        assert_eq!(alone.close(Duration::from_secs(20)).await, Vec::<&str>::new());
    });
    judge(&town).unwrap();
}
