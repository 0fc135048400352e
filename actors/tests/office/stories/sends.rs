//! What can happen to a broadcast. Whatever a node says or does not say, one order moves money once.

use super::kit::{at_node, history, one_payout, outgoing, town_where};
use crate::town::Town;
use payoutd_actors::domain::payout::{AttemptOutcome, Payout, Stage};
use payoutd_actors::fakes::sim_chain::{BroadcastWeather as W, ReadWeather, WeatherOrder};

/// Paid, by the first transfer: no node's words made a second one.
fn paid_by_the_first(town: &Town, payout: &Payout) {
    assert_eq!((payout.stage, payout.attempts.len()), (Stage::Settled, 1), "{:?}", history(town, payout.id));
    assert_eq!(outgoing(town).len(), 1);
}

/// Paid, by the second transfer, after the first one was proved dead.
fn paid_by_the_second(town: &Town, payout: &Payout) {
    let outcomes: Vec<_> = payout.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(
        outcomes,
        [AttemptOutcome::Expired, AttemptOutcome::Settled],
        "{:?}",
        history(town, payout.id)
    );
    assert_eq!(outgoing(town).len(), 1);
}

fn story(seed: u64, weather: W) -> (Town, Payout) {
    let mut town = town_where(seed, weather);
    let payout = one_payout(&mut town);
    (town, payout)
}

#[test]
fn a_node_that_hangs_up_after_accepting_does_not_cost_twice() {
    let (town, payout) = story(1, W::AcceptsThenHangsUp);
    paid_by_the_first(&town, &payout);
}

#[test]
fn a_reply_that_never_comes_does_not_cost_twice() {
    let (town, payout) = story(2, W::TimesOut);
    paid_by_the_first(&town, &payout);
}

#[test]
fn a_page_for_people_in_place_of_a_reply_does_not_cost_twice() {
    let (town, payout) = story(3, W::HtmlReply);
    paid_by_the_first(&town, &payout);
}

#[test]
fn a_reply_that_stops_half_way_does_not_cost_twice() {
    let (town, payout) = story(4, W::HalfJson);
    paid_by_the_first(&town, &payout);
}

#[test]
fn a_reply_about_another_transfer_does_not_cost_twice() {
    let (town, payout) = story(5, W::WrongTxid);
    paid_by_the_first(&town, &payout);
}

/// SUCCESS is a word. The transfer is proved dead, and only then another one is made.
#[test]
fn success_that_no_block_ever_shows_is_buried_before_it_is_paid_anew() {
    let (town, payout) = story(6, W::SuccessNeverIncluded);
    paid_by_the_second(&town, &payout);
    let expired = super::kit::lines(&town, "transfer_expired");
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].body["proof"]["txid"], serde_json::json!(payout.attempts[0].txid));
    assert_eq!(expired[0].body["proof"]["sources"], 2);
}

/// Every node refuses it and then calls it a duplicate: neither word is a proof of anything.
#[test]
fn a_refusal_that_turns_into_a_duplicate_is_not_believed_either_way() {
    let (town, payout) = story(7, W::RefusedThenDup);
    paid_by_the_second(&town, &payout);
}

/// Gone from every pool: the same bytes are sent again, and no others are made.
#[test]
fn a_pending_transfer_that_is_dropped_is_sent_again_and_not_made_again() {
    let (town, payout) = story(8, W::DroppedPending);
    paid_by_the_first(&town, &payout);
    assert!(town.fuse.sends() > 2, "{} sends", town.fuse.sends());
}

#[test]
fn a_node_that_takes_it_and_falls_behind_does_not_cost_twice() {
    let (town, payout) = story(9, W::Lagging);
    paid_by_the_first(&town, &payout);
}

/// `{}` to every question is "I do not know", never "there is nothing".
#[test]
fn a_node_that_knows_nothing_proves_nothing() {
    let mut town = Town::new(10);
    for _ in 0..60 {
        for node in 0..2 {
            town.order(&WeatherOrder {
                node: Some(node),
                next_read: Some(ReadWeather::Unknown),
                ..WeatherOrder::default()
            });
        }
    }
    let payout = one_payout(&mut town);
    paid_by_the_first(&town, &payout);
}

#[test]
fn busy_nodes_are_asked_again_with_the_same_bytes() {
    let (town, payout) = story(11, W::ServerBusy);
    paid_by_the_first(&town, &payout);
}

/// 403, and half a minute of it at one node: the other one takes it.
#[test]
fn a_node_that_forbids_everything_does_not_hold_a_payout_up() {
    let mut town = Town::new(12);
    town.order(&at_node(0, W::Http403));
    let payout = one_payout(&mut town);
    paid_by_the_first(&town, &payout);
}

/// 429 and half a minute of penalty at every node: the transfer dies unsent, by proof, and another one pays.
#[test]
fn when_every_node_punishes_us_the_payout_waits_and_is_paid_once() {
    let (town, payout) = story(13, W::Http429WithPenalty);
    paid_by_the_second(&town, &payout);
}

#[test]
fn every_node_poisoned_to_say_duplicate_costs_a_life_time_and_no_money() {
    let (town, payout) = story(14, W::PoisonedDup);
    paid_by_the_second(&town, &payout);
}
