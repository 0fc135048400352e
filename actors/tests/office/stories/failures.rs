//! What the chain executes and does not pay: each ends as what it is, on the solidified chain, with its reason (F-P29).

use super::kit::{
    AMOUNT, decide, got, lines, outgoing, pay, reject, settle_in, stays, to_its_end, until, until_stage,
};
use crate::town::{Life, Town, judge, somebody};
use payoutd_actors::admission::Decision;
use payoutd_actors::domain::payout::{AttemptOutcome, Payout, Reason, Reservation, Stage};
use payoutd_actors::fakes::look;
use payoutd_actors::fakes::sim_chain::{TokenFee, WeatherOrder, genesis};

fn failed_for(payout: &Payout, reason: Reason) {
    assert_eq!((payout.stage, payout.reason), (Stage::Failed, Some(reason)));
    assert_eq!((payout.attempts.len(), payout.attempts[0].outcome), (1, AttemptOutcome::Failed));
    assert_eq!(payout.reservation, Reservation::Released);
}

fn order(life: &Life, order: WeatherOrder) {
    look(&life.chain).order(&order).unwrap();
}

/// The issuer blacklists the wallet between the treasurer's look and the block: the contract refuses, and the payout says so.
#[test]
fn a_wallet_that_is_blacklisted_under_our_hands_fails_the_payout_and_says_why() {
    let mut town = Town::new(50);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let first = pay(life, 1).await;
        until_stage(life, first.id, Stage::Included).await;
        order(
            life,
            WeatherOrder { blacklist: Some(genesis().accounts[0].address), ..WeatherOrder::default() },
        );
        life.pass(1_500).await;
        let second = pay(life, 2).await;
        let second = to_its_end(life, second.id).await;
        // By now it is known: what comes later waits, and burns nothing.
        life.pass(60_000).await;
        let third = pay(life, 3).await;
        stays(life, third.id, Stage::Admitted, 30_000).await;
        decide(life, &third, Decision::Cancel).await.unwrap();
        assert!(life.until_all_ended(super::kit::LONG_MS).await);
        second
    });
    judge(&town).unwrap();
    failed_for(&told.unwrap(), Reason::Reverted);
    assert_eq!(outgoing(&town).len(), 1);
}

/// A paused token: one payout may run into it, the next ones wait until it is unpaused, and are paid then.
#[test]
fn a_token_that_is_paused_fails_what_is_on_its_way_and_holds_back_the_rest() {
    let mut town = Town::new(51);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let first = pay(life, 1).await;
        until_stage(life, first.id, Stage::Included).await;
        order(life, WeatherOrder { token_paused: Some(true), ..WeatherOrder::default() });
        life.pass(1_500).await;
        let second = pay(life, 2).await;
        let second = to_its_end(life, second.id).await;
        life.pass(60_000).await;
        let third = pay(life, 3).await;
        stays(life, third.id, Stage::Admitted, 30_000).await;
        order(life, WeatherOrder { token_paused: Some(false), ..WeatherOrder::default() });
        (second, to_its_end(life, third.id).await)
    });
    judge(&town).unwrap();
    let (second, third) = told.unwrap();
    failed_for(&second, Reason::Reverted);
    assert_eq!((third.stage, third.attempts.len()), (Stage::Settled, 1));
}

/// The contract's energy factor leaps between estimate and block: the fee limit burns whole, nothing is paid, and the payout
/// says why. The next estimate knows better.
#[test]
fn an_energy_factor_that_leaps_fails_the_payout_and_not_the_house() {
    let mut town = Town::new(52);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let first = pay(life, 1).await;
        until_stage(life, first.id, Stage::Included).await;
        order(life, WeatherOrder { dynamic_energy_factor: Some(34_000), ..WeatherOrder::default() });
        let second = pay(life, 2).await;
        let second = to_its_end(life, second.id).await;
        life.pass(60_000).await;
        let third = pay(life, 3).await;
        (second, to_its_end(life, third.id).await)
    });
    judge(&town).unwrap();
    let (second, third) = told.unwrap();
    failed_for(&second, Reason::OutOfEnergy);
    assert_eq!(third.stage, Stage::Settled);
    let burned = lines(&town, "transfer_failed")[0].body["fee_sun"].as_u64().unwrap();
    assert!(
        burned >= second.attempts[0].fee_limit_sun,
        "an OUT_OF_ENERGY burns its whole fee limit: {burned}"
    );
}

/// The token takes a fee: less arrives than was ordered. That is nobody's "paid": it is alarmed, the money is counted as
/// spent, and a person decides. Once the fee is known, nothing more is sent into it (F-N09).
#[test]
fn a_token_fee_that_pays_short_is_put_before_a_person() {
    let mut town = Town::new(53);
    let fee = |basis_points_rate| WeatherOrder {
        token_fee: Some(TokenFee { basis_points_rate, maximum_micro_usdt: 10_000_000 }),
        ..WeatherOrder::default()
    };
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let first = pay(life, 1).await;
        until_stage(life, first.id, Stage::Included).await;
        order(life, fee(10));
        life.pass(1_500).await;
        let second = pay(life, 2).await;
        let short = until_stage(life, second.id, Stage::Mismatched).await;
        life.pass(60_000).await;
        let third = pay(life, 3).await;
        stays(life, third.id, Stage::Admitted, 30_000).await;
        order(life, fee(0));
        to_its_end(life, third.id).await;
        stays(life, second.id, Stage::Mismatched, 10_000).await;
        let resolved =
            decide(life, &short, Decision::Resolve { paid: true, note: "the rest by hand".into() }).await;
        (short, resolved.unwrap())
    });
    let (short, resolved) = told.unwrap();
    assert_eq!((short.reason, short.reservation), (Some(Reason::PaidShort), Reservation::Settled));
    assert_eq!((resolved.stage, resolved.reservation), (Stage::Settled, Reservation::Settled));
    let alarms = lines(&town, "alarm_mismatched");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0].payout_id, Some(short.id.to_string()));
    assert_eq!(lines(&town, "transfer_mismatched")[0].body["paid_micro_usdt"], AMOUNT - AMOUNT / 1_000);
    assert_eq!(got(&town, somebody(2)), AMOUNT - AMOUNT / 1_000);
    assert_eq!((got(&town, somebody(1)), got(&town, somebody(3))), (AMOUNT, AMOUNT));
}

/// A recipient whom the issuer has blacklisted is held before anything is signed (F-N09): no energy is burned on it.
#[test]
fn a_blacklisted_recipient_is_held_before_anything_is_burned() {
    let mut town = Town::new(54);
    let outcast = somebody(66);
    town.order(&WeatherOrder { blacklist: Some(outcast), ..WeatherOrder::default() });
    let told = town.live(async |life: &Life| {
        // Until the blacklisting is solid.
        life.pass(40_000).await;
        let payout = life.pay("outcast", crate::town::order_to(outcast, AMOUNT)).await;
        let held = until(life, payout.id, |payout| payout.stage == Stage::Held).await;
        reject(life, &held).await;
        held
    });
    judge(&town).unwrap();
    assert_eq!(told.unwrap().reason, Some(Reason::RecipientBlacklisted));
    assert!(town.fuse.sent().is_empty());
}
