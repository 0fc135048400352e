//! Death at every instant: each write and each send of a run is numbered, and the office dies right before it, right after
//! it, or between its effect and its answer (F-P02). Then it is opened again on what is left.

use crate::town::{Life, Town, judge, order_to, somebody};
use payoutd_actors::domain::order::Route;
use payoutd_actors::fakes::sim_chain::{BroadcastWeather, WeatherOrder};

const ORDERS: u64 = 3;
const ENDED_WITHIN_MS: u64 = 180_000;

/// The run that is cut: three payouts, one of them by a router, one broadcast that is lost and so expires and is paid by a
/// second transfer, a fork in between.
fn town() -> Town {
    let town = Town::new(1);
    town.order(&WeatherOrder {
        next_broadcast: Some(BroadcastWeather::SuccessNeverIncluded),
        ..WeatherOrder::default()
    });
    town.fuse.rest();
    town
}

async fn day(life: &Life) -> bool {
    for n in 0..ORDERS {
        let mut order = order_to(somebody(n), 2_000_000 + n);
        if n == 1 {
            order.route = Route::RouterV0;
        }
        life.pay(&format!("order-{n}"), order).await;
        life.pass(700).await;
    }
    life.until_all_ended(ENDED_WITHIN_MS).await
}

/// One whole day without deaths: how many writes and sends it has.
fn count() -> (u64, u64) {
    let mut town = town();
    assert_eq!(town.live(day), Some(true));
    judge(&town).unwrap();
    (town.store.writes(), town.fuse.sends())
}

fn dies_and_comes_back(what: &str, k: u64, light: impl FnOnce(&Town)) {
    let mut town = town();
    light(&town);
    town.live(day);
    town.fuse.rest();
    assert_eq!(town.live(day), Some(true), "{what} {k}: not all ended");
    if let Err(why) = judge(&town) {
        panic!("{what} {k}: {why}");
    }
}

/// F-P02: killed after any write, with or without having heard of it: nothing is paid twice, nothing is lost.
#[test]
fn death_after_any_write_costs_nothing_twice_and_loses_nothing() {
    let (writes, _) = count();
    assert!(writes > 20, "the day is too quiet to prove anything: {writes} writes");
    for k in 1..=writes {
        dies_and_comes_back("after write", k, |town| {
            town.fuse.with_store();
            town.store.fail_after(k);
        });
        dies_and_comes_back("between the effect and the answer of write", k, |town| {
            town.fuse.with_store();
            town.store.lose_answer_of(k);
        });
    }
}

/// F-P02: killed before any send leaves, or after it arrived and before its answer is heard.
#[test]
fn death_around_any_send_costs_nothing_twice_and_loses_nothing() {
    let (_, sends) = count();
    assert!(sends >= 2 * ORDERS, "the day is too quiet to prove anything: {sends} sends");
    for k in 1..=sends {
        dies_and_comes_back("before send", k, |town| town.fuse.before_send(k.cast_signed()));
        dies_and_comes_back("after send", k, |town| town.fuse.after_send(k.cast_signed()));
    }
}
