//! A chain that stops solidifying: "we do not know" is a state, and it ends by proof (F-N01).

use super::kit::{at_node, history, pay, settle_in, stays, to_its_end, until, until_stage};
use crate::town::{Life, Town, judge};
use payoutd_actors::domain::payout::{Reason, Stage};
use payoutd_actors::fakes::look;
use payoutd_actors::fakes::sim_chain::{BroadcastWeather as W, WeatherOrder};

fn solidification(life: &Life, stopped: bool) {
    look(&life.chain)
        .order(&WeatherOrder { stop_solidification: Some(stopped), ..WeatherOrder::default() })
        .unwrap();
}

/// Seen in a block, long ago, with any number of blocks on it: while nothing is solid it is not paid.
#[test]
fn a_payment_that_never_becomes_solid_is_not_called_paid() {
    let mut town = Town::new(80);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        solidification(life, true);
        let payout = pay(life, 1).await;
        until_stage(life, payout.id, Stage::Included).await;
        stays(life, payout.id, Stage::Included, 120_000).await;
        solidification(life, false);
        to_its_end(life, payout.id).await
    });
    judge(&town).unwrap();
    let payout = told.unwrap();
    assert_eq!((payout.stage, payout.attempts.len()), (Stage::Settled, 1));
}

/// Overdue, in no block, and no proof to be had: unknown, and nothing is paid on a guess. When the chain solidifies again, the
/// proof comes, and the payment after it.
#[test]
fn an_overdue_transfer_on_a_stalled_chain_is_unknown_and_not_paid_on_a_guess() {
    let mut town = Town::new(81);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        solidification(life, true);
        for node in 0..2 {
            look(&life.chain).order(&at_node(node, W::SuccessNeverIncluded)).unwrap();
        }
        let payout = pay(life, 1).await;
        let unknown = until_stage(life, payout.id, Stage::Unknown).await;
        assert_eq!(unknown.reason, Some(Reason::ChainSilent));
        stays(life, payout.id, Stage::Unknown, 60_000).await;
        assert_eq!(life.payout(payout.id).await.attempts.len(), 1);
        solidification(life, false);
        to_its_end(life, payout.id).await
    });
    judge(&town).unwrap();
    let payout = told.unwrap();
    assert_eq!((payout.stage, payout.attempts.len()), (Stage::Settled, 2), "{:?}", history(&town, payout.id));
}

/// Every line is cut after the transfer left: it is unknown, and when a process with lines finds it again it is settled.
#[test]
fn a_house_without_any_node_calls_it_unknown_and_finds_it_later() {
    let mut town = Town::new(82);
    let fuse = town.fuse.clone();
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        until(life, payout.id, |payout| payout.stage == Stage::Broadcast).await;
        fuse.cut_line("sim-0");
        fuse.cut_line("sim-1");
        until_stage(life, payout.id, Stage::Unknown).await
    });
    let id = told.unwrap().id;
    town.fuse = Default::default();
    town.fuse.rest();
    let payout = town.live(async |life: &Life| until_stage(life, id, Stage::Settled).await).unwrap();
    judge(&town).unwrap();
    assert_eq!(payout.attempts.len(), 1);
}
