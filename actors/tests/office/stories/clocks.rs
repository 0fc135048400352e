//! Clocks that are set: more than a minute between clock and chain signs nothing, in either direction.

use super::kit::{pay, settle_in, stays, to_its_end};
use crate::town::{Life, Town, judge};
use payoutd_actors::domain::payout::Stage;

fn story(seed: u64, by_ms: i64) {
    let mut town = Town::new(seed);
    let fuse = town.fuse.clone();
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        life.clock.jump(by_ms);
        // A round or two, so that nobody still goes by what was seen before.
        life.pass(2_000).await;
        let payout = pay(life, 1).await;
        stays(life, payout.id, Stage::Admitted, 60_000).await;
        assert!(fuse.sent().is_empty());
        life.clock.jump(-by_ms);
        to_its_end(life, payout.id).await
    });
    judge(&town).unwrap();
    let payout = told.unwrap();
    assert_eq!((payout.stage, payout.attempts.len()), (Stage::Settled, 1));
}

#[test]
fn a_clock_that_is_set_forward_signs_nothing_until_it_is_right() {
    story(110, 65_000);
}

#[test]
fn a_clock_that_is_set_back_signs_nothing_until_it_is_right() {
    story(111, -65_000);
}

/// A clock that is set while a transfer is out changes nothing about its fate: it is judged by the chain's time.
#[test]
fn a_clock_that_jumps_while_a_transfer_is_out_does_not_cost_twice() {
    for (seed, by_ms) in [(112, 3_600_000), (113, -3_600_000)] {
        let mut town =
            super::kit::town_where(seed, payoutd_actors::fakes::sim_chain::BroadcastWeather::DroppedPending);
        let told = town.live(async |life: &Life| {
            settle_in(life).await;
            let payout = pay(life, 1).await;
            life.pass(500).await;
            life.clock.jump(by_ms);
            life.pass(10_000).await;
            life.clock.jump(-by_ms);
            to_its_end(life, payout.id).await
        });
        judge(&town).unwrap();
        assert_eq!(told.unwrap().stage, Stage::Settled, "jumped by {by_ms} ms");
    }
}
