//! The kill switch: what has not left stays, what has left is watched to its end, and no restart lets go of it.

use super::kit::{AMOUNT, decide, pause, pay, resume, settle_in, stays, to_its_end};
use crate::town::{Life, Town, judge, order_to, somebody};
use async_trait::async_trait;
use payoutd_actors::admission::Decision;
use payoutd_actors::domain::order::Order;
use payoutd_actors::domain::payout::{Reason, Stage};
use payoutd_actors::fakes::{BEGINNING_MS, SharedChain};
use payoutd_actors::office::World;
use payoutd_actors::ports::{Clock, House, HouseChange, HouseFacts, Payouts, StoreFault};
use std::sync::Arc;
use std::time::Duration;

/// F002-04: a pause after admission and before signing stops the payout; resuming lets it go.
#[test]
fn a_pause_between_admission_and_signing_stops_the_payout() {
    let mut town = Town::new(90);
    let fuse = town.fuse.clone();
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let mut order = order_to(somebody(1), AMOUNT);
        order.not_before_ms = Some(BEGINNING_MS + 6_000);
        let payout = life.pay("later", order).await;
        pause(life).await;
        stays(life, payout.id, Stage::Admitted, 30_000).await;
        assert!(fuse.sent().is_empty());
        resume(life).await;
        to_its_end(life, payout.id).await
    });
    judge(&town).unwrap();
    assert_eq!(told.unwrap().stage, Stage::Settled);
}

/// Whenever the switch is pulled, no transfer leaves for the first time after the answer; what was out by then is watched and
/// settles while the house is paused; the rest is paid after it.
#[test]
fn nothing_leaves_for_the_first_time_after_a_pause_was_answered() {
    let mut stopped_some = false;
    for seed in 0..12 {
        let mut town = Town::new(900 + seed);
        let fuse = town.fuse.clone();
        town.live(async |life: &Life| {
            settle_in(life).await;
            for n in 0..6 {
                pay(life, n).await;
                for _ in 0..seed * 3 {
                    tokio::task::yield_now().await;
                }
            }
            pause(life).await;
            let out = fuse.sent();
            life.pass(60_000).await;
            assert_eq!(fuse.sent(), out, "seed {seed}");
            for payout in life.store.list(&Default::default(), 100).await.unwrap() {
                let left = payout.attempts.iter().any(|attempt| out.contains(&attempt.txid));
                assert_eq!(payout.stage == Stage::Settled, left, "seed {seed}: {}", payout.stage.word());
            }
            stopped_some |= out.len() < 6;
            resume(life).await;
            assert!(life.until_all_ended(super::kit::LONG_MS).await);
        });
        judge(&town).unwrap();
    }
    assert!(stopped_some, "every pause came too late to show anything");
}

/// F004-42: a restart keeps the switch where it is.
#[test]
fn a_restart_does_not_let_go_of_the_switch() {
    let mut town = Town::new(91);
    town.live(async |life: &Life| pause(life).await);
    let fuse = town.fuse.clone();
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        stays(life, payout.id, Stage::Admitted, 30_000).await;
        assert_eq!(life.store.facts().await.unwrap().pause.unwrap().reason, "a story");
        assert!(fuse.sent().is_empty());
        resume(life).await;
        to_its_end(life, payout.id).await
    });
    judge(&town).unwrap();
    assert_eq!(told.unwrap().stage, Stage::Settled);
}

/// F-P23: a deadline that passes before anything is signed calls the payout off; it is never paid late.
#[test]
fn a_deadline_that_passes_before_signing_calls_the_payout_off() {
    let mut town = Town::new(92);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        pause(life).await;
        let mut order = order_to(somebody(1), AMOUNT);
        order.not_after_ms = Some(BEGINNING_MS + 10_000);
        let payout = life.pay("brief", order).await;
        let patient = pay(life, 2).await;
        life.pass(20_000).await;
        // Nothing is paid now, and time ends all the same.
        let brief = life.payout(payout.id).await;
        assert_eq!(life.payout(patient.id).await.stage, Stage::Admitted);
        decide(life, &patient, Decision::Cancel).await.unwrap();
        resume(life).await;
        brief
    });
    judge(&town).unwrap();
    let payout = told.unwrap();
    assert_eq!((payout.stage, payout.reason), (Stage::Cancelled, Some(Reason::Deadline)));
    assert!(payout.attempts.is_empty() && town.fuse.sent().is_empty());
}

/// F-P10: a sender calls off while the worker signs, at any instant: exactly one of them wins.
#[test]
fn of_a_cancel_and_a_signature_exactly_one_wins() {
    let mut town = Town::new(93);
    let (mut cancelled, mut too_late) = (0, 0);
    town.live(async |life: &Life| {
        settle_in(life).await;
        for n in 0..60 {
            // Sooner and later, around the moment at which the worker sees it.
            let not_before_ms = Some(life.clock.now_ms() + 500);
            let order = Order { not_before_ms, ..order_to(somebody(n), 1_000_000 + n) };
            let payout = life.pay(&format!("order-{n}"), order).await;
            life.pass(25 * n).await;
            for _ in 0..n {
                tokio::task::yield_now().await;
            }
            match decide(life, &payout, Decision::Cancel).await {
                Ok(payout) => {
                    assert!(payout.stage == Stage::Cancelled && payout.attempts.is_empty());
                    cancelled += 1;
                }
                Err(_) => {
                    assert!(!life.payout(payout.id).await.attempts.is_empty());
                    too_late += 1;
                }
            }
        }
        assert!(life.until_all_ended(super::kit::LONG_MS).await);
    });
    judge(&town).unwrap();
    let settled = town.payouts().iter().filter(|payout| payout.stage == Stage::Settled).count();
    assert_eq!((settled, settled + cancelled), (too_late, 60));
    assert!(cancelled > 0 && too_late > 0, "{cancelled} cancelled, {too_late} too late: nobody raced");
}

/// Takes longer to say what it remembers than its word is good for.
struct SlowToTell(Arc<dyn House>);

#[async_trait]
impl House for SlowToTell {
    async fn facts(&self) -> Result<HouseFacts, StoreFault> {
        let facts = self.0.facts().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        facts
    }

    async fn change(&self, changes: Vec<HouseChange>, now_ms: i64) -> Result<(), StoreFault> {
        self.0.change(changes, now_ms).await
    }
}

fn with_a_store_that_is_slow_to_tell(mut world: World, _: &SharedChain) -> World {
    world.house = Arc::new(SlowToTell(world.house));
    world
}

/// "Not paused" that is two seconds old is no word to act upon: nothing is signed, nothing leaves, and the worker says why instead
/// of asking for ever. In the next life the store is quick, and the order is paid.
#[test]
fn an_old_word_of_the_store_lets_nothing_leave_and_is_said() {
    let mut town = Town::new(94);
    town.tamper = Some(with_a_store_that_is_slow_to_tell);
    let fuse = town.fuse.clone();
    let ordered = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        stays(life, payout.id, Stage::Admitted, 60_000).await;
        let views = life.office.staff().views().await;
        let worker = views.into_iter().find(|view| view.name == "payout_worker").unwrap().state;
        assert!(worker["signing_waits_for"].as_str().unwrap().contains("nobody says"), "{worker}");
        payout
    });
    assert!(fuse.sent().is_empty());
    town.tamper = None;
    let told = town.live(async |life: &Life| to_its_end(life, ordered.unwrap().id).await);
    judge(&town).unwrap();
    assert_eq!(told.unwrap().stage, Stage::Settled);
}
