//! What several nodes are for: one that is poisoned, deaf, greedy, foreign or dead costs nobody a payout.

use super::kit::{at_node, lines, one_payout, outgoing, pay, settle_in, to_its_end, until};
use crate::town::{Life, Town, judge};
use payoutd_actors::domain::payout::Stage;
use payoutd_actors::fakes::sim_chain::{
    BroadcastWeather as W, NodeLag, NodeSettings, Settings, SimChain, WeatherOrder,
};
use payoutd_actors::fakes::{BEGINNING_MS, SharedChain, SimNode, look};
use payoutd_actors::office::World;
use std::sync::{Arc, Mutex};

/// F-N02: node A says SUCCESS and tells nobody; the same transfer reaches the chain through node B.
#[test]
fn a_node_that_swallows_what_it_accepted_is_not_the_only_one() {
    let mut town = Town::new(30);
    town.order(&at_node(0, W::DroppedPending));
    let payout = one_payout(&mut town);
    assert_eq!((payout.stage, payout.attempts.len()), (Stage::Settled, 1));
}

/// F-N23: one node poisoned, one deaf, one healthy: paid once, within a few blocks.
#[test]
fn one_healthy_node_of_three_is_enough_and_at_once() {
    let settings = Settings {
        block_ms: 1_000,
        tronscan_lag_ms: 1_000,
        nodes: vec![NodeSettings::default(); 3],
        ..Settings::default()
    };
    let mut town = Town::with_chain(31, settings);
    town.order(&at_node(0, W::PoisonedDup));
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let deaf = WeatherOrder {
            node: Some(1),
            lag: Some(NodeLag { by_ms: 3_600_000 }),
            ..WeatherOrder::default()
        };
        look(&life.chain).order(&deaf).unwrap();
        let head = look(&life.chain).book().head;
        let payout = pay(life, 1).await;
        (head, to_its_end(life, payout.id).await)
    });
    judge(&town).unwrap();
    let (head, payout) = told.unwrap();
    assert_eq!((payout.stage, payout.attempts.len()), (Stage::Settled, 1));
    let block = payout.attempts[0].block.unwrap().number;
    assert!(block <= head + 3, "ordered at block {head}, paid in block {block}");
}

/// F-P16: provider A dies in the middle of a run and stays dead: nobody's payout fails.
#[test]
fn a_provider_that_dies_in_the_middle_of_a_run_costs_no_payout() {
    let mut town = Town::new(32);
    let fuse = town.fuse.clone();
    town.live(async |life: &Life| {
        settle_in(life).await;
        for n in 0..12 {
            if n == 5 {
                fuse.cut_line("sim-0");
            }
            pay(life, n).await;
            life.pass(400).await;
        }
        assert!(life.until_all_ended(super::kit::LONG_MS).await);
    });
    judge(&town).unwrap();
    let payouts = town.payouts();
    assert_eq!(payouts.len(), 12);
    assert!(
        payouts.iter().all(|payout| payout.stage == Stage::Settled && payout.attempts.len() == 1),
        "{payouts:#?}"
    );
}

/// Another network's node in the place of the second one.
fn with_a_foreign_node(mut world: World, _: &SharedChain) -> World {
    let settings = Settings { block_ms: 1_000, warm_up_blocks: 77, ..Settings::default() };
    let other = SimChain::new(settings, BEGINNING_MS.cast_unsigned());
    world.nodes[1] = Arc::new(SimNode::new(Arc::new(Mutex::new(other)), 1));
    world
}

/// A node of another chain is never read, and says so in the journal; the house pays by the one that it knows.
#[test]
fn a_node_of_another_chain_is_not_believed() {
    let mut town = Town::new(33);
    town.tamper = Some(with_a_foreign_node);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = pay(life, 1).await;
        until(life, payout.id, |payout| payout.stage.is_final()).await
    });
    judge(&town).unwrap();
    assert_eq!(told.unwrap().stage, Stage::Settled);
    let alarms = lines(&town, "alarm_foreign_chain");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0].body["node"], "sim-1");
    assert_eq!(outgoing(&town).len(), 1);
}

/// F-P30: the same sum to the same address five times is five payouts by five transfers, told apart by nothing but their ids.
#[test]
fn five_equal_payouts_to_one_address_are_five_payments() {
    let mut town = Town::new(34);
    town.live(async |life: &Life| {
        settle_in(life).await;
        for n in 0..5 {
            let order = crate::town::order_to(crate::town::somebody(7), super::kit::AMOUNT);
            life.pay(&format!("wage-{n}"), order).await;
        }
        assert!(life.until_all_ended(super::kit::LONG_MS).await);
    });
    judge(&town).unwrap();
    let payouts = town.payouts();
    let txids: std::collections::BTreeSet<_> = payouts.iter().map(|payout| payout.attempts[0].txid).collect();
    let booked: std::collections::BTreeSet<_> = outgoing(&town).iter().map(|row| row.txid).collect();
    assert_eq!((txids.len(), &txids), (5, &booked));
    assert_eq!(super::kit::got(&town, crate::town::somebody(7)), 5 * super::kit::AMOUNT);
}
