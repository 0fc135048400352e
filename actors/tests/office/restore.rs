//! An older copy of the store is put back, and the wallet has paid since (F-N06, F-N24). Never twice.
//!
//! In most of these stories a person lets the house go on as soon as it has paused itself, without looking: even then nothing
//! is paid again.

use crate::town::{Life, MemoryKeeper, Town, judge, order_to, somebody};
use payoutd_actors::admission::{AdmissionRefusal, DecidePayout, Decision, DecisionRefusal};
use payoutd_actors::domain::access::Reached;
use payoutd_actors::domain::identity::PayoutId;
use payoutd_actors::domain::journal::{Cause, Checkpoint};
use payoutd_actors::domain::limits::OnExcess;
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::order::{Order, Route};
use payoutd_actors::domain::payout::{AttemptOutcome, Payout, Reason, Stage};
use payoutd_actors::fakes::sim_chain::{BookedTransfer, DoctoredBlock, WeatherOrder, genesis};
use payoutd_actors::fakes::{MemorySnapshot, MemoryStore, look};
use payoutd_actors::payout_worker::ResumeHouse;
use payoutd_actors::ports::{
    CheckpointKeeper, Clock, House, HouseFacts, Journal, PayoutFilter, Payouts, Strangers,
};
use payoutd_actors::recollection::Unsaid;
use payoutd_actors::sessions::ends_of_every_session;
use std::collections::BTreeSet;

/// Long enough for a handful of payouts to be settled in calm weather, ms.
pub(crate) const SETTLED_WITHIN_MS: u64 = 60_000;
/// The restore gate of the town, and some more: a lifetime, what clock and chain may be apart, how far the solid head is behind, ms.
const GATE_MS: u64 = 15_000 + 60_000 + 40_000;
/// The watcher of a house that was opened has looked, ms.
pub(crate) const LOOKED_MS: u64 = 5_000;

pub(crate) fn outgoing(town: &Town) -> Vec<BookedTransfer> {
    let wallet = genesis().accounts[0].address;
    look(&town.chain).book().transfers.into_iter().filter(|row| row.from == wallet).collect()
}

pub(crate) fn paid_to(town: &Town, n: u64) -> usize {
    outgoing(town).iter().filter(|row| row.to == somebody(n)).count()
}

pub(crate) async fn facts(life: &Life) -> HouseFacts {
    life.store.facts().await.unwrap()
}

pub(crate) async fn resume(life: &Life) {
    life.office
        .payout_worker
        .ask(ResumeHouse { reason: "looked at it".to_owned(), cause: Cause::nobody() })
        .await
        .unwrap()
        .unwrap();
}

/// Whoever is on duty sees the pause and lets the house go on, every time, until everything has ended.
pub(crate) async fn resume_until_all_ended(life: &Life) {
    for _ in 0..(GATE_MS + SETTLED_WITHIN_MS) / 1_000 {
        if facts(life).await.pause.is_some() {
            resume(life).await;
        }
        if life.until_all_ended(1_000).await {
            return;
        }
    }
    panic!("not all ended");
}

fn amount(n: u64) -> u64 {
    1_000_000 + n
}

/// Orders that are taken in now and signed some time later: time for a backup.
pub(crate) async fn order_many(life: &Life, count: u64, later_ms: i64) {
    order_many_until(life, count, later_ms, None).await;
}

/// The same; their time is over at some moment.
async fn order_many_until(life: &Life, count: u64, later_ms: i64, not_after_ms: Option<i64>) {
    let not_before_ms = Some(life.clock.now_ms() + later_ms);
    for n in 0..count {
        let route = if n % 10 == 3 { Route::RouterV0 } else { Route::Transfer };
        let order = Order { not_before_ms, not_after_ms, route, ..order_to(somebody(n), amount(n)) };
        life.pay(&format!("order-{n}"), order).await;
    }
}

/// A town whose backup holds `count` orders that are taken in and not yet signed; all of them are paid after it was taken.
pub(crate) fn paid_since_the_backup(count: u64) -> (Town, MemorySnapshot) {
    let mut town = Town::new(1);
    let backup = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            order_many(life, count, 5_000).await;
            life.pass(2_000).await;
            let backup = life.store.snapshot();
            assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
            backup
        })
        .unwrap();
    assert_eq!(outgoing(&town).len() as u64, count);
    (town, backup)
}

/// F-N06, F-P23: their time is over while the gate is shut. What the chain has paid is not called off, or its sender would order it again;
/// what it has not paid is, as soon as that is known.
#[test]
fn what_was_paid_since_the_backup_is_not_called_off_when_its_time_is_over() {
    const COUNT: u64 = 12;
    let mut town = Town::new(17);
    let (backup, unpaid) = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            let until_ms = life.clock.now_ms() + 60_000;
            order_many_until(life, COUNT, 5_000, Some(until_ms)).await;
            let late =
                Order { not_before_ms: Some(until_ms - 1_000), ..order_to(somebody(COUNT), amount(COUNT)) };
            let late = Order { not_after_ms: Some(until_ms), ..late };
            let unpaid = life.pay("late", late).await.id;
            life.pass(2_000).await;
            let backup = life.store.snapshot();
            life.pass(40_000).await;
            (backup, unpaid)
        })
        .unwrap();
    assert_eq!(outgoing(&town).len() as u64, COUNT);
    town.store.restore(&backup);
    town.live(async |life: &Life| {
        life.pass(30_000).await;
        assert!(facts(life).await.restore_gate.is_some());
        let all = life.store.list(&PayoutFilter::default(), 100).await.unwrap();
        assert!(all.iter().all(|payout| payout.stage == Stage::Admitted), "nobody knows yet");
        resume_until_all_ended(life).await;
    });
    let payouts = town.payouts();
    let settled =
        payouts.iter().filter(|payout| payout.stage == Stage::Settled && payout.attempts.len() == 1);
    assert_eq!(settled.count() as u64, COUNT, "{payouts:#?}");
    let unpaid = payouts.iter().find(|payout| payout.id == unpaid).unwrap();
    assert_eq!((unpaid.stage, unpaid.reason), (Stage::Cancelled, Some(Reason::Deadline)));
    assert_eq!(outgoing(&town).len() as u64, COUNT);
    judge(&town).unwrap();
}

async fn cancel(life: &Life, id: PayoutId) -> Result<Payout, DecisionRefusal> {
    let whose = Reached::Everybody;
    let decision = Decision::Cancel;
    life.office.admission.ask(DecidePayout { id, whose, decision, cause: Cause::nobody() }).await.unwrap()
}

/// F-N06, F-N24: whoever calls an order off is told that it is not paid. While the gate is shut nobody knows that; and once it is open,
/// what the chain has paid is not called off, even if the house stands still.
#[test]
fn what_was_paid_since_the_backup_is_called_off_by_nobody() {
    const COUNT: u64 = 4;
    let (mut town, backup) = paid_since_the_backup(COUNT);
    town.store.restore(&backup);
    town.live(async |life: &Life| {
        let ids: Vec<PayoutId> =
            life.store.list(&PayoutFilter::default(), 100).await.unwrap().iter().map(|one| one.id).collect();
        for id in &ids {
            let told = cancel(life, *id).await;
            assert!(matches!(told, Err(DecisionRefusal::Unsaid(Unsaid::GateShut))), "{told:?}");
        }
        life.pass(GATE_MS).await;
        assert!(facts(life).await.restore_gate.is_none() && facts(life).await.pause.is_some());
        for id in &ids {
            let told = cancel(life, *id).await;
            assert!(matches!(told, Err(DecisionRefusal::Refused { .. })), "{told:?}");
        }
        resume_until_all_ended(life).await;
    });
    every_payout_was_paid_once(&town, COUNT);
}

/// F-N24: an order that was paid and lost comes again when its time is over. Its sender is not told that it was refused, or would order it
/// under another key; one that was never paid is refused, as soon as that is known.
#[test]
fn an_order_that_comes_again_too_late_finds_its_old_payment() {
    let mut town = Town::new(18);
    let (backup, until_ms) = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            let (backup, until_ms) = (life.store.snapshot(), life.clock.now_ms() + 30_000);
            order_many_until(life, 3, 0, Some(until_ms)).await;
            assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
            life.pass(30_000).await;
            (backup, until_ms)
        })
        .unwrap();
    town.store.restore(&backup);
    town.live(async |life: &Life| {
        let again = async |n: u64| {
            let order = Order { not_after_ms: Some(until_ms), ..order_to(somebody(n), amount(n)) };
            life.ask(&format!("order-{n}"), order).await
        };
        for n in 0..4 {
            assert!(matches!(again(n).await, Err(AdmissionRefusal::Busy { .. })), "nobody knows yet");
        }
        life.pass(GATE_MS).await;
        assert!(facts(life).await.restore_gate.is_none());
        for n in 0..3 {
            assert!(again(n).await.is_ok());
        }
        assert!(matches!(again(3).await, Err(AdmissionRefusal::Invalid(_))));
        resume_until_all_ended(life).await;
    });
    every_payout_was_paid_once(&town, 3);
}

/// The same where the house refuses what is above a limit: the limit is used up by others by now.
#[test]
fn an_order_that_comes_again_above_a_limit_finds_its_old_payment() {
    let mut town = Town::new(19);
    let backup = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            let backup = life.store.snapshot();
            order_many(life, 3, 0).await;
            assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
            backup
        })
        .unwrap();
    town.store.restore(&backup);
    town.rules.limits.hourly = MicroUsdt::new(0);
    town.rules.limits.on_excess = OnExcess::Refuse;
    town.live(async |life: &Life| {
        let again = async |n: u64| life.ask(&format!("order-{n}"), order_to(somebody(n), amount(n))).await;
        assert!(matches!(again(0).await, Err(AdmissionRefusal::Busy { .. })), "nobody knows yet");
        life.pass(GATE_MS).await;
        for n in 0..3 {
            assert!(again(n).await.is_ok());
        }
        assert!(matches!(again(3).await, Err(AdmissionRefusal::OverLimit { .. })));
        resume_until_all_ended(life).await;
    });
    every_payout_was_paid_once(&town, 3);
}

pub(crate) fn every_payout_was_paid_once(town: &Town, count: u64) {
    assert_eq!(outgoing(town).len() as u64, count);
    let payouts = town.payouts();
    assert_eq!(payouts.len() as u64, count);
    assert!(payouts.iter().all(|payout| payout.stage == Stage::Settled), "{payouts:#?}");
    judge(town).unwrap();
}

/// F-N06, F-N24: restore an old copy with 100 payouts paid since: the house starts paused, 100 are recognised, 0 are paid again. Who
/// was shown out since is known as good: every session has ended before anybody is let in (F001-06).
#[test]
fn a_hundred_payouts_that_were_paid_since_the_backup_are_not_paid_again() {
    let (mut town, backup) = paid_since_the_backup(100);
    town.store.restore(&backup);
    town.live(async |life: &Life| {
        assert_eq!(ends_of_every_session(&life.store).await.unwrap(), 1);
        assert!(facts(life).await.pause.expect("paused").reason.contains("docs/restore.md"));
        life.pass(LOOKED_MS).await;
        let found = facts(life).await;
        assert!(found.restore_gate.is_some());
        let reason = found.pause.expect("paused").reason;
        assert!(reason.contains("restore gate"), "{reason}");
        assert_eq!(life.store.strangers(0, 1_000).await.unwrap().len(), 100);
        resume_until_all_ended(life).await;
        assert_eq!(facts(life).await.restore_gate, None);
    });
    every_payout_was_paid_once(&town, 100);
    assert!(town.payouts().iter().all(|payout| payout.attempts.len() == 1));
}

/// F-N24: the copy has never heard of the orders; their sender, who heard nothing or is a queue, sends them again.
#[test]
fn orders_that_come_again_after_the_restore_find_their_old_payment() {
    let mut town = Town::new(2);
    let backup = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            let backup = life.store.snapshot();
            order_many(life, 20, 0).await;
            assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
            backup
        })
        .unwrap();
    town.store.restore(&backup);
    town.live(async |life: &Life| {
        order_many(life, 20, 0).await;
        resume_until_all_ended(life).await;
    });
    every_payout_was_paid_once(&town, 20);
}

/// The same key, after the restore, with another amount: the copy can not know that it was refused once. A person decides.
#[test]
fn a_key_that_was_paid_before_the_restore_does_not_pay_something_else_after_it() {
    let mut town = Town::new(3);
    let backup = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            let backup = life.store.snapshot();
            life.pay("order-1", order_to(somebody(1), 5_000_000)).await;
            assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
            backup
        })
        .unwrap();
    town.store.restore(&backup);
    town.live(async |life: &Life| {
        let payout = life.pay("order-1", order_to(somebody(1), 6_000_000)).await;
        life.pass(LOOKED_MS).await;
        resume(life).await;
        life.pass(GATE_MS).await;
        let payout = life.payout(payout.id).await;
        assert_eq!((payout.stage, payout.reason), (Stage::Held, Some(Reason::PaidOtherwise)));
    });
    assert_eq!(paid_to(&town, 1), 1);
}

/// The copy knows attempt 1 as on its way; the lost store buried it and paid by attempt 2.
#[test]
fn a_second_attempt_that_the_copy_has_not_seen_is_known_again_too() {
    let mut town = Town::new(4);
    let backup = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            let payout = life.pay("order-1", order_to(somebody(1), 5_000_000)).await;
            while life.payout(payout.id).await.stage != Stage::Broadcast {
                life.pass(1).await;
            }
            let txid = life.payout(payout.id).await.attempts[0].txid;
            look(&life.chain).withhold(txid, true);
            life.pass(2_000).await;
            let backup = life.store.snapshot();
            assert!(life.until_all_ended(3 * SETTLED_WITHIN_MS).await);
            assert_eq!(life.payout(payout.id).await.attempts.len(), 2);
            backup
        })
        .unwrap();
    assert_eq!(paid_to(&town, 1), 1);
    town.store.restore(&backup);
    town.live(async |life: &Life| resume_until_all_ended(life).await);
    every_payout_was_paid_once(&town, 1);
    let outcomes: Vec<_> = town.payouts()[0].attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [AttemptOutcome::Expired, AttemptOutcome::Settled]);
}

/// A transfer that executed and failed is the end of its payout: its sender was told, and may have ordered anew. A copy that has
/// forgotten it does not try again.
#[test]
fn a_transfer_that_failed_since_the_backup_is_not_tried_again() {
    let mut town = Town::new(5);
    let backup = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            let not_before_ms = Some(life.clock.now_ms() + 3_000);
            let order = Order { not_before_ms, ..order_to(somebody(1), 5_000_000) };
            let payout = life.pay("order-1", order).await;
            let backup = life.store.snapshot();
            look(&life.chain)
                .order(&WeatherOrder { pause_blocks: Some(true), ..WeatherOrder::default() })
                .unwrap();
            while life.payout(payout.id).await.attempts.is_empty() {
                life.pass(10).await;
            }
            let reverts = WeatherOrder {
                token_paused: Some(true),
                pause_blocks: Some(false),
                ..WeatherOrder::default()
            };
            look(&life.chain).order(&reverts).unwrap();
            assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
            assert_eq!(life.payout(payout.id).await.stage, Stage::Failed);
            look(&life.chain)
                .order(&WeatherOrder { token_paused: Some(false), ..WeatherOrder::default() })
                .unwrap();
            backup
        })
        .unwrap();
    town.store.restore(&backup);
    town.live(async |life: &Life| resume_until_all_ended(life).await);
    let payout = &town.payouts()[0];
    assert_eq!((payout.stage, payout.attempts.len()), (Stage::Failed, 1));
    assert_eq!(outgoing(&town).len(), 0);
}

/// A transfer that the lost store signed stands in no block yet when the copy is put back. Until the solidified chain has passed
/// the last moment at which it may, nothing is signed, and restarts do not shorten that.
#[test]
fn a_transfer_that_is_still_on_its_way_is_waited_for() {
    let mut town = Town::new(6);
    let (backup, txid, expires_at_ms) = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            let not_before_ms = Some(life.clock.now_ms() + 3_000);
            let order = Order { not_before_ms, ..order_to(somebody(1), 5_000_000) };
            let payout = life.pay("order-1", order).await;
            let backup = life.store.snapshot();
            while life.payout(payout.id).await.stage != Stage::Broadcast {
                life.pass(1).await;
            }
            let attempt = life.payout(payout.id).await.attempts[0].clone();
            look(&life.chain).withhold(attempt.txid, true);
            (backup, attempt.txid, attempt.expires_at_ms)
        })
        .unwrap();
    town.store.restore(&backup);
    for _ in 0..3 {
        town.live(async |life: &Life| {
            life.pass(2_000).await;
            let gate = facts(life).await.restore_gate.expect("the gate is shut");
            assert!(gate.until_ms.expect("the chain was seen") > expires_at_ms);
        });
    }
    // Now, seconds before its time is over, the producers hear of it after all.
    town.live(async |life: &Life| {
        look(&life.chain).withhold(txid, false);
        resume_until_all_ended(life).await;
    });
    every_payout_was_paid_once(&town, 1);
}

/// The checkpoint was put back along with the copy (a whole machine, restored): the gap behind the chain still tells.
#[test]
fn a_whole_machine_from_yesterday_reads_what_left_the_wallet_before_it_signs() {
    let mut town = Town::new(7);
    let keeper = town.keeper.clone();
    let (backup, checkpoint) = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            order_many(life, 10, 5_000).await;
            life.pass(2_000).await;
            let copy = (life.store.snapshot(), keeper.kept().await.unwrap().unwrap());
            assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
            life.pass(60_000).await;
            copy
        })
        .unwrap();
    put_back(&town, &backup, &checkpoint);
    town.live(async |life: &Life| {
        life.pass(LOOKED_MS).await;
        let found = facts(life).await;
        assert_eq!(found.restore_gate, None);
        assert!(found.pause.expect("paused").reason.contains("restore gate"));
        resume_until_all_ended(life).await;
    });
    every_payout_was_paid_once(&town, 10);
}

/// The same, and the payment stands in a block that is not solidified yet when the machine comes up.
#[test]
fn a_payment_in_a_young_block_is_seen_before_anything_is_signed() {
    let mut town = Town::new(8);
    let keeper = town.keeper.clone();
    let (backup, checkpoint) = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            order_many(life, 1, 80_000).await;
            life.pass(3_000).await;
            let copy = (life.store.snapshot(), keeper.kept().await.unwrap().unwrap());
            while look(&life.chain).book().transfers.iter().all(|row| row.to != somebody(0)) {
                life.pass(100).await;
            }
            copy
        })
        .unwrap();
    assert!(outgoing(&town).iter().all(|row| !row.solid));
    put_back(&town, &backup, &checkpoint);
    town.live(async |life: &Life| {
        life.pass(LOOKED_MS).await;
        assert!(facts(life).await.pause.is_some());
        resume_until_all_ended(life).await;
    });
    every_payout_was_paid_once(&town, 1);
}

fn put_back(town: &Town, backup: &MemorySnapshot, checkpoint: &Checkpoint) {
    town.store.restore(backup);
    actix::System::new().block_on(town.keeper.keep(checkpoint)).unwrap();
}

/// F-N06, F-N21: the node that is read leaves the payment out of its block's list. Nothing is signed by that: the list does not hash to
/// the block's header, and the other node is read.
#[test]
fn a_node_that_leaves_out_what_was_paid_since_the_backup_is_not_believed() {
    let (mut town, backup) = paid_since_the_backup(3);
    for row in outgoing(&town) {
        let doctored_block = Some(DoctoredBlock { txid: Some(row.txid), ids_recomputed: false });
        town.order(&WeatherOrder { node: Some(0), doctored_block, ..WeatherOrder::default() });
    }
    town.store.restore(&backup);
    town.live(async |life: &Life| {
        resume_until_all_ended(life).await;
        let records = life.store.records(1, 1_000).await.unwrap();
        let told =
            |kind: &str| records.iter().any(|row| row.kind == kind && row.body.as_str().contains("sim-0"));
        assert!(told("alarm_doctored_block") && told("alarm_node_put_aside"));
    });
    every_payout_was_paid_once(&town, 3);
}

/// A store that was moved without its checkpoint may be an old copy, or a fleet's that one more daemon joins: it waits, and nobody is
/// signed out.
#[test]
fn a_store_without_its_checkpoint_waits() {
    let (mut town, backup) = paid_since_the_backup(5);
    town.store.restore(&backup);
    town.keeper = MemoryKeeper::default();
    town.live(async |life: &Life| {
        assert_eq!(ends_of_every_session(&life.store).await.unwrap(), 0);
        assert_eq!(facts(life).await.pause, None);
        life.pass(LOOKED_MS).await;
        assert!(facts(life).await.restore_gate.is_some());
        resume_until_all_ended(life).await;
    });
    every_payout_was_paid_once(&town, 5);
}

/// A house that was only switched off goes on by itself.
#[test]
fn a_house_that_slept_goes_on_without_being_asked() {
    let (mut town, _) = paid_since_the_backup(3);
    let asleep = town
        .live(async |life: &Life| {
            life.pass(3_000).await;
            let asleep = life.store.snapshot();
            life.pass(300_000).await;
            asleep
        })
        .unwrap();
    town.store.restore(&asleep);
    town.live(async |life: &Life| {
        life.pay("order-3", order_to(somebody(3), amount(3))).await;
        assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
        let found = facts(life).await;
        assert_eq!((found.pause, found.restore_gate), (None, None));
    });
    every_payout_was_paid_once(&town, 4);
}

/// F-N06: the restore stands in the journal, which itself is never rolled back further than the copy.
#[test]
fn the_journal_says_when_a_restore_was_noticed_and_when_the_gate_was_passed() {
    let (mut town, backup) = paid_since_the_backup(3);
    town.store.restore(&backup);
    town.live(async |life: &Life| {
        resume_until_all_ended(life).await;
        life.pass(GATE_MS).await;
        let kinds: Vec<String> =
            life.store.records(1, 1_000).await.unwrap().iter().map(|row| row.kind.to_string()).collect();
        for kind in [
            "restore_noticed",
            "alarm_stranger_transfer",
            "house_paused",
            "transfer_adopted",
            "restore_gate_passed",
        ] {
            assert!(kinds.iter().any(|one| one == kind), "{kind} in {kinds:?}");
        }
        assert_eq!(kinds.iter().filter(|kind| *kind == "transfer_adopted").count(), 3);
        assert_eq!(kinds.iter().filter(|kind| *kind == "alarm_stranger_transfer").count(), 3);
    });
    judge(&town).unwrap();
}

/// F-N24: two stores with one wallet, the same orders under the same keys at the same moment: no two transfers are the same bytes, and
/// neither store takes the other's for its own.
#[test]
fn two_stores_with_one_wallet_never_make_equal_bytes() {
    let mut town = Town::new(9);
    let first_store = town.store.clone();
    town.live(async |life: &Life| {
        order_many(life, 10, 0).await;
        assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
    });
    town.store = MemoryStore::new("the-other-store");
    town.keeper = MemoryKeeper::default();
    town.live(async |life: &Life| {
        order_many(life, 10, 0).await;
        assert!(life.until_all_ended(SETTLED_WITHIN_MS).await);
    });
    let transfers = outgoing(&town);
    let txids: BTreeSet<_> = transfers.iter().map(|row| row.txid).collect();
    assert_eq!((transfers.len(), txids.len()), (20, 20));
    let others = town.payouts();
    town.store = first_store;
    let ours: BTreeSet<_> = town.payouts().iter().map(|payout| payout.attempts[0].txid).collect();
    assert!(others.iter().all(|payout| !ours.contains(&payout.attempts[0].txid)));
}
