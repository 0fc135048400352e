//! What must be said aloud: a transfer in two blocks stops the house, a padded one names the nodes.

use super::kit::{LONG_MS, got, lines, outgoing, pause, pay, settle_in, stays, until, until_stage};
use crate::town::{Life, Town, judge, order_to, somebody};
use async_trait::async_trait;
use payoutd_actors::admission::{DecidePayout, Decision, DecisionRefusal};
use payoutd_actors::domain::access::Reached;
use payoutd_actors::domain::journal::Cause;
use payoutd_actors::domain::order::Order;
use payoutd_actors::domain::payout::{Reason, Refusal, Stage};
use payoutd_actors::fakes::sim_chain::{BroadcastWeather as W, Finality, NodeId};
use payoutd_actors::fakes::{SharedChain, look};
use payoutd_actors::office::World;
use payoutd_actors::ports::exam::kit;
use payoutd_actors::ports::{Clock, Gate, House, HouseChange, HouseFacts, Payouts, StepResult, StoreFault};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// F-N22: the network runs one txid twice. All payouts stop, the pause is durable, and the alarm names both blocks.
#[test]
fn a_transfer_that_stands_in_two_blocks_stops_every_payout() {
    let mut town = Town::new(60);
    let fuse = town.fuse.clone();
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        look(&life.chain).next_broadcast(W::TwiceInChain);
        let payout = pay(life, 1).await;
        while life.store.facts().await.unwrap().pause.is_none() {
            life.pass(100).await;
        }
        let sent = fuse.sent();
        let next = pay(life, 2).await;
        stays(life, next.id, Stage::Admitted, 30_000).await;
        assert_eq!(fuse.sent(), sent, "no further transfer leaves");
        (life.payout(payout.id).await, next)
    });
    let (payout, next) = told.unwrap();
    // A restart does not forgive (F004-42).
    town.live(async |life: &Life| stays(life, next.id, Stage::Admitted, 20_000).await);
    assert_eq!(payout.attempts.len(), 1);
    let alarms = lines(&town, "alarm_twice_in_chain");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    let numbers = [&alarms[0].body["block"], &alarms[0].body["again_in"]]
        .map(|block| block["number"].as_u64().unwrap());
    let booked: Vec<u64> = outgoing(&town).iter().map(|row| row.block).collect();
    assert_eq!(numbers.to_vec(), booked, "the alarm names both blocks");
    assert_eq!(alarms[0].payout_id, Some(payout.id.to_string()));
    let paused = lines(&town, "house_paused");
    assert_eq!(paused.len(), 1, "{paused:?}");
    assert!(paused[0].body["reason"].as_str().unwrap().starts_with("alarm_twice_in_chain"), "{paused:?}");
    assert_eq!(got(&town, somebody(2)), 0);
}

/// F-N22: a transfer was proved dead, and is executed all the same: two nodes have lied, or a proof was forged. The house stops, and says
/// which it was.
#[test]
fn a_buried_transfer_that_is_executed_stops_the_house() {
    let mut town = Town::new(66);
    let payout = town.live(async |life: &Life| {
        settle_in(life).await;
        // Nor is it called off while the house stands still: whoever hears that orders it again.
        let until_ms = life.clock.now_ms() + 20_000;
        let order = Order { not_after_ms: Some(until_ms), ..order_to(somebody(1), 5_000_000) };
        let payout = life.pay("order-1", order).await;
        let sent = until_stage(life, payout.id, Stage::Broadcast).await;
        let forged = kit::step(&sent, kit::bury(&sent).unwrap(), sent.updated_at_ms).unwrap();
        assert_eq!(life.store.commit(&[forged], Gate::Open).await.unwrap(), [StepResult::Taken]);
        // Nobody signs a second one, so that what is seen is the first.
        pause(life).await;
        life.pass(LONG_MS).await;
        assert!(life.clock.now_ms() > until_ms);
        let payout = life.payout(payout.id).await;
        assert_eq!((payout.stage, payout.reason), (Stage::Held, Some(Reason::PaidAfterAll)));
        for decision in [Decision::Cancel, Decision::Release { by: "somebody".to_owned() }] {
            let whose = Reached::Everybody;
            let decide = DecidePayout { id: payout.id, whose, decision, cause: Cause::nobody() };
            let told = life.office.admission.ask(decide).await.unwrap();
            let refused =
                matches!(&told, Err(DecisionRefusal::Refused { refusal: Refusal::PaidAfterAll, .. }));
            assert!(refused, "{told:?}");
        }
        payout
    });
    let alarms = lines(&town, "alarm_buried_transfer_executed");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    let payout = payout.unwrap();
    assert_eq!(alarms[0].payout_id, Some(payout.id.to_string()));
    let paused = lines(&town, "house_paused");
    let reason = paused.last().unwrap().body["reason"].as_str().unwrap();
    assert!(reason.starts_with("alarm_buried_transfer_executed"), "{paused:?}");
    assert_eq!(got(&town, somebody(1)), payout.order.amount.micro(), "paid once");
}

/// F-N21: one transfer in ten is padded on its way and burns TRX for it. Each is paid once; each padded one is alarmed with the
/// nodes that it went to, and none of the others is.
#[test]
fn a_relay_that_pads_our_transfers_is_seen_and_named() {
    let mut town = Town::new(61);
    let padded = town.live(async |life: &Life| {
        settle_in(life).await;
        let mut padded = BTreeSet::new();
        for n in 0..20 {
            if n % 10 == 3 {
                look(&life.chain).next_broadcast(W::PadsTransaction);
            }
            let payout = pay(life, n).await;
            if n % 10 == 3 {
                padded.insert(payout.id.to_string());
            }
            until(life, payout.id, |payout| !matches!(payout.stage, Stage::Admitted | Stage::Signed)).await;
        }
        assert!(life.until_all_ended(super::kit::LONG_MS).await);
        padded
    });
    judge(&town).unwrap();
    let payouts = town.payouts();
    assert!(payouts.iter().all(|payout| payout.stage == Stage::Settled && payout.attempts.len() == 1));
    let alarms = lines(&town, "alarm_transfer_padded");
    let alarmed: BTreeSet<String> = alarms.iter().filter_map(|line| line.payout_id.clone()).collect();
    assert_eq!((alarms.len(), alarmed), (2, padded.unwrap()));
    for alarm in &alarms {
        assert_eq!(alarm.body["sent_to"], serde_json::json!(["sim-0", "sim-1"]));
        // Two more than were added: the longer field's length takes three bytes to write, in place of one.
        assert_eq!(alarm.body["extra_bytes"], 100_002, "{alarm:?}");
        let txid: payoutd_actors::domain::tron::TxId =
            serde_json::from_value(alarm.body["txid"].clone()).unwrap();
        let chain = look(&town.chain);
        let info = chain.view(NodeId(0), Finality::Solid).transaction_info_by_id(txid).unwrap();
        assert_eq!(alarm.body["net_fee_sun"], info.receipt.net_fee_sun);
    }
}

/// The store is away in the moment in which an alarm is to be written down, some times.
struct AwayForAlarms(Arc<dyn House>, AtomicU32);

#[async_trait]
impl House for AwayForAlarms {
    async fn facts(&self) -> Result<HouseFacts, StoreFault> {
        self.0.facts().await
    }

    async fn change(&self, changes: Vec<HouseChange>, now_ms: i64) -> Result<(), StoreFault> {
        let is_alarm = changes.iter().any(|change| matches!(change, HouseChange::Alarm { .. }));
        if is_alarm && self.1.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(StoreFault::Away("just now".to_owned()));
        }
        self.0.change(changes, now_ms).await
    }
}

fn with_a_store_that_is_away_for_alarms(mut world: World, _: &SharedChain) -> World {
    world.house = Arc::new(AwayForAlarms(world.house, AtomicU32::new(0)));
    world
}

/// F-N21: an alarm that could not be written down is written down when the store is back, once; it rang once.
#[test]
fn an_alarm_that_the_store_did_not_take_is_written_down_later() {
    let mut town = Town::new(63);
    town.tamper = Some(with_a_store_that_is_away_for_alarms);
    let rang = town.live(async |life: &Life| {
        settle_in(life).await;
        look(&life.chain).next_broadcast(W::PadsTransaction);
        let payout = pay(life, 1).await;
        until_stage(life, payout.id, Stage::Settled).await;
        let views = life.office.staff().views().await;
        views.into_iter().find(|view| view.name == "confirmation_watcher").unwrap().state["alarms"].clone()
    });
    judge(&town).unwrap();
    assert_eq!((rang, lines(&town, "alarm_transfer_padded").len()), (Some(1.into()), 1));
}

/// An alarm that rings in fine weather is soon not heard.
#[test]
fn a_calm_town_raises_no_alarm() {
    let mut town = Town::new(62);
    town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        until_stage(life, payout.id, Stage::Settled).await;
    });
    judge(&town).unwrap();
    let alarms: Vec<_> =
        super::kit::journal(&town).into_iter().filter(|line| line.kind.starts_with("alarm")).collect();
    assert!(alarms.is_empty(), "{alarms:?}");
}
