//! Thieves and greedy senders: a changed order is not signed, and whoever asks for too much waits by himself.

use super::kit::{AMOUNT, pause, pay, pay_for, reject, resume, settle_in, to_its_end, until_stage};
use crate::town::{Life, Town, judge, order_to, somebody};
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::payout::{Payout, Reason, Stage};
use payoutd_actors::fakes::sim_chain::genesis;

/// A thief with the database file changes one row; the payout is held, and nothing is signed.
fn thief(seed: u64, change: impl FnOnce(&mut Payout)) {
    let mut town = Town::new(seed);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        pause(life).await;
        let payout = pay(life, 1).await;
        assert!(life.store.alter(payout.id, change));
        resume(life).await;
        let held = until_stage(life, payout.id, Stage::Held).await;
        reject(life, &held).await;
        held
    });
    judge(&town).unwrap();
    assert_eq!(told.unwrap().reason, Some(Reason::OrderAltered));
    assert!(town.fuse.sent().is_empty());
}

#[test]
fn a_thief_who_changes_the_recipient_is_paid_nothing() {
    thief(100, |payout| payout.order.recipient = genesis().stranger.address);
}

#[test]
fn a_thief_who_changes_the_amount_moves_nothing() {
    thief(101, |payout| payout.order.amount = MicroUsdt::new(AMOUNT * 100));
}

/// He can not make the digest that fits, with or without the one that was there.
#[test]
fn a_thief_who_changes_the_digest_along_is_paid_nothing() {
    thief(102, |payout| {
        payout.order.recipient = genesis().stranger.address;
        payout.order_digest = [7; 32];
    });
}

/// One payout's order under another payout's name: the digest knows whose it is.
#[test]
fn a_thief_who_moves_an_order_to_another_account_moves_nothing() {
    thief(103, |payout| payout.account = payoutd_actors::domain::identity::AccountId::new("thief").unwrap());
}

/// F-N13: one account floods the house over its limit; what is over waits, and everybody else is paid.
#[test]
fn whoever_floods_the_house_waits_alone() {
    let mut town = Town::new(104);
    town.rules.limits.account_hourly = MicroUsdt::new(5 * AMOUNT);
    town.live(async |life: &Life| {
        settle_in(life).await;
        let mut held = Vec::new();
        for n in 0..12 {
            let payout = pay_for(life, "flood", &format!("f-{n}"), order_to(somebody(n), AMOUNT)).await;
            if n >= 5 {
                assert_eq!((payout.stage, payout.reason), (Stage::Held, Some(Reason::LimitAccountHourly)));
                held.push(payout);
            }
        }
        let other = pay_for(life, "modest", "m-1", order_to(somebody(50), AMOUNT)).await;
        assert_eq!(to_its_end(life, other.id).await.stage, Stage::Settled);
        for payout in &held {
            assert_eq!(life.payout(payout.id).await.stage, Stage::Held);
            reject(life, payout).await;
        }
        assert!(life.until_all_ended(super::kit::LONG_MS).await);
    });
    judge(&town).unwrap();
    let settled = town.payouts().iter().filter(|payout| payout.stage == Stage::Settled).count();
    assert_eq!(settled, 6);
}
