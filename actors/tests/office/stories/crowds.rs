//! More payouts than one look at the store: whatever is done page by page is done to the last of them.

use super::kit::{AMOUNT, outgoing, pay, settle_in};
use crate::town::{Life, Town, judge, order_to, somebody};
use payoutd_actors::domain::payout::{BlockRef, Payout, Stage};
use payoutd_actors::fakes::look;
use payoutd_actors::fakes::sim_chain::WeatherOrder;
use payoutd_actors::ports::{PayoutFilter, Payouts};

/// Payouts of a story.
const CROWD: u64 = 7;

/// A town whose watcher reads two payouts at a time.
fn town_of_short_looks(seed: u64) -> Town {
    let mut town = Town::new(seed);
    town.rules.watcher.judged_max = 2;
    town.rules.watcher.buried_max = 2;
    town
}

async fn everybody(life: &Life) -> Vec<Payout> {
    life.store.list(&PayoutFilter::default(), 100).await.unwrap()
}

fn blocks_of(payouts: &[Payout]) -> Vec<BlockRef> {
    payouts.iter().filter_map(|payout| payout.live_attempt()?.block).collect()
}

/// A fork drops a block that holds more of ours than one page: all of them are taken back, and at once.
#[test]
fn a_fork_takes_back_every_payout_of_its_block() {
    let mut town = town_of_short_looks(130);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        look(&life.chain).fork_in_ignorance(2, &[]);
        for n in 0..CROWD {
            life.pay(&format!("inv-{n}"), order_to(somebody(n), AMOUNT)).await;
        }
        let mut seen_together = 0;
        loop {
            let before = blocks_of(&everybody(life).await);
            life.pass(50).await;
            let after = blocks_of(&everybody(life).await);
            let lost: Vec<&BlockRef> = before.iter().filter(|block| !after.contains(block)).collect();
            seen_together = seen_together.max(before.len() - after.len().min(before.len()));
            if !lost.is_empty() {
                break;
            }
        }
        assert!(life.until_all_ended(super::kit::LONG_MS).await);
        seen_together
    });
    judge(&town).unwrap();
    assert!(told.unwrap() > 2, "the lost block held no more than one page");
    assert!(town.payouts().iter().all(|payout| payout.stage == Stage::Settled));
}

/// F-N01: every node falls silent, and more transfers are overdue than one page holds: each of them is called unknown.
#[test]
fn each_of_a_crowd_whose_fate_nobody_tells_is_called_unknown() {
    let mut town = town_of_short_looks(131);
    let fuse = town.fuse.clone();
    town.live(async |life: &Life| {
        settle_in(life).await;
        look(&life.chain)
            .order(&WeatherOrder { pause_blocks: Some(true), ..WeatherOrder::default() })
            .unwrap();
        for n in 0..CROWD {
            pay(life, n).await;
        }
        life.pass(1_000).await;
        fuse.cut_line("sim-0");
        fuse.cut_line("sim-1");
        life.pass(200_000).await;
        let crowd = everybody(life).await;
        let stages: Vec<_> = crowd.iter().map(|payout| (payout.stage, payout.attempts.len())).collect();
        assert_eq!(stages, [(Stage::Unknown, 1); CROWD as usize]);
    });
    assert!(outgoing(&town).is_empty());
}
