//! The routers: a payout by them is proved by the token's log and the router's own.

use super::kit::{AMOUNT, pause, reject, resume, settle_in, to_its_end, until_stage};
use crate::town::{Life, Town, judge, order_to, somebody};
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::order::{Order, Route};
use payoutd_actors::domain::payout::{Payout, Reason, Stage};
use payoutd_actors::domain::tron::{Hash32, KycClearance};
use payoutd_actors::fakes::sim_chain::{Finality, NodeId, genesis};
use payoutd_actors::fakes::{BEGINNING_MS, look};

fn by_kyc(n: u64, valid_for_s: u64) -> Order {
    let officer = genesis().compliance_officer.key().unwrap();
    let expiry_s = BEGINNING_MS.cast_unsigned() / 1_000 + valid_for_s;
    let clearance = KycClearance::sign(&officer, somebody(n), Hash32::new([3; 32]), expiry_s);
    Order { route: Route::RouterKyc, kyc: Some(clearance), ..order_to(somebody(n), AMOUNT) }
}

/// The router's own log stands beside the token's, in the block that settled it.
fn logged_by(town: &Town, payout: &Payout, router: Address) {
    let chain = look(&town.chain);
    let info =
        chain.view(NodeId(0), Finality::Solid).transaction_info_by_id(payout.attempts[0].txid).unwrap();
    let loggers: Vec<Address> = info.receipt.logs.iter().map(|log| log.address).collect();
    assert!(loggers.contains(&router) && loggers.contains(&genesis().usdt), "{loggers:?}");
}

fn settles_by(seed: u64, order: Order, router: Address) {
    let mut town = Town::new(seed);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        let payout = life.pay("by-router", order).await;
        to_its_end(life, payout.id).await
    });
    judge(&town).unwrap();
    let payout = told.unwrap();
    assert_eq!(
        (payout.stage, payout.attempts.len(), payout.attempts[0].contract),
        (Stage::Settled, 1, router)
    );
    logged_by(&town, &payout, router);
}

#[test]
fn a_payout_by_the_plain_router_settles_with_its_log() {
    let order = Order { route: Route::RouterV0, memo: Some("June".into()), ..order_to(somebody(1), AMOUNT) };
    settles_by(120, order, genesis().router_v0);
}

#[test]
fn a_payout_by_the_compliance_router_settles_with_its_log() {
    settles_by(121, by_kyc(1, 3_600), genesis().router_kyc);
}

/// F002-04: a clearance that held at the door and has run out before the signature holds the payout; nothing is burned.
#[test]
fn a_clearance_that_runs_out_before_signing_holds_the_payout() {
    let mut town = Town::new(122);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        pause(life).await;
        let payout = life.pay("late", by_kyc(1, 10)).await;
        assert_eq!(payout.stage, Stage::Admitted);
        life.pass(15_000).await;
        resume(life).await;
        let held = until_stage(life, payout.id, Stage::Held).await;
        reject(life, &held).await;
        held
    });
    judge(&town).unwrap();
    assert_eq!(told.unwrap().reason, Some(Reason::KycExpired));
    assert!(town.fuse.sent().is_empty());
}
