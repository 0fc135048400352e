//! Forks: a block is not a fact before it is solid.

use super::kit::{AMOUNT, got, history, lines, outgoing, pay, settle_in, to_its_end, until_stage};
use crate::town::{Life, Town, judge, somebody};
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::payout::{AttemptOutcome, Reason, Reservation, Stage};
use payoutd_actors::domain::tron::{PayoutCall, RefBlock, TransferTerms, Unsigned};
use payoutd_actors::fakes::sim_chain::{Bytes, Finality, NodeId, SimChain, genesis};
use payoutd_actors::fakes::{SharedChain, look};
use std::collections::BTreeSet;

/// One, two and three blocks are undone, with the payment in them: it is taken back, seen again, and paid once.
#[test]
fn a_fork_that_drops_our_block_does_not_cost_twice() {
    let mut lost = 0;
    for blocks in 1..=3 {
        let mut town = Town::new(40 + u64::from(blocks));
        let told = town.live(async |life: &Life| {
            settle_in(life).await;
            look(&life.chain).fork_in_ignorance(blocks, &[]);
            let payout = pay(life, 1).await;
            to_its_end(life, payout.id).await
        });
        judge(&town).unwrap();
        let payout = told.unwrap();
        assert_eq!((payout.stage, payout.attempts.len()), (Stage::Settled, 1), "{blocks} blocks");
        lost += history(&town, payout.id).iter().filter(|kind| *kind == "inclusion_lost").count();
    }
    assert!(lost > 0, "no fork ever took an inclusion back");
}

/// A transfer of everything that the wallet has, signed behind the house's back.
fn rival_of_everything(chain: &SimChain) -> Bytes {
    let wallet = &genesis().accounts[0];
    let solid = chain.view(NodeId(0), Finality::Solid).now_block().unwrap();
    let terms = TransferTerms {
        owner: wallet.address,
        call: PayoutCall::Transfer {
            token: genesis().usdt,
            recipient: genesis().stranger.address,
            amount: MicroUsdt::new(chain.settings().endowment.micro_usdt),
        },
        fee_limit_sun: 100_000_000,
        ref_block: RefBlock::new(solid.id),
        expires_at_ms: chain.now_ms().cast_signed() + 60_000,
        timestamp_ms: chain.now_ms().cast_signed(),
        memo: None,
        permission_id: 0,
    };
    let signed = Unsigned::build(&terms).unwrap().sign(&wallet.key().unwrap()).unwrap();
    Bytes::from(signed.bytes())
}

fn fork_with_a_rival(chain: &SharedChain) {
    let mut chain = look(chain);
    let rival = rival_of_everything(&chain);
    chain.fork_in_ignorance(3, &[rival]);
}

/// The winning branch knew a rival that spends the tokens: what was SUCCESS in a block is REVERT under the same id. It is
/// called failed only when the REVERT can not be undone either.
#[test]
fn a_fork_that_turns_success_into_revert_is_a_failure_once_it_is_solid() {
    let mut town = Town::new(44);
    let told = town.live(async |life: &Life| {
        settle_in(life).await;
        fork_with_a_rival(&life.chain);
        let payout = pay(life, 1).await;
        until_stage(life, payout.id, Stage::Included).await;
        assert_eq!(got_now(life), AMOUNT, "the losing branch paid");
        to_its_end(life, payout.id).await
    });
    let payout = told.unwrap();
    assert_eq!((payout.stage, payout.reason), (Stage::Failed, Some(Reason::Reverted)));
    assert_eq!(payout.reservation, Reservation::Released);
    assert_eq!(payout.attempts.len(), 1);
    assert_eq!(payout.attempts[0].outcome, AttemptOutcome::Failed);
    let kinds = history(&town, payout.id);
    let seen = kinds.iter().filter(|kind| *kind == "transfer_included").count();
    assert!(seen >= 2 && kinds.iter().any(|kind| kind == "inclusion_lost"), "{kinds:?}");
    let blocks: BTreeSet<String> =
        lines(&town, "transfer_included").iter().map(|line| line.body["block"].to_string()).collect();
    assert!(blocks.len() >= 2, "{blocks:?}");
    assert_eq!(got(&town, somebody(1)), 0);
    let rows = outgoing(&town);
    assert_eq!((rows.len(), rows[0].to), (1, genesis().stranger.address));
    assert_eq!(lines(&town, "alarm_stranger_transfer").len(), 1, "nobody ordered the rival");
}

fn got_now(life: &Life) -> u64 {
    let rows = look(&life.chain).book().transfers;
    rows.iter().filter(|row| row.to == somebody(1)).map(|row| row.amount_micro_usdt).sum()
}
