//! Several processes on one database.

use std::{collections::BTreeSet, time::Duration};

use payoutd_actors::{
    domain::{
        identity::PayoutId,
        journal::ChainHead,
        limits::{LimitRules, OnExcess},
        payout::{Payout, Stage},
    },
    ports::{
        Admitted, BlockMark, CLAIM_LEASE_MS, CLAIM_PASSES_MS, Gate, House, HouseChange, Journal, Pause,
        Payouts, ROLE_LEASE_MS, Role, Roles, StepResult, StoreFault,
        exam::kit::{self, AMPLE, MORNING_MS, payout, payout_of, rules, usdt},
    },
};
use sqlx::Executor;

use super::{beside, fresh, open, seal_after};

/// One key, whichever daemon it comes to, makes one payout; the journal has no gap; the limit is the fleet's.
#[tokio::test]
async fn three_daemons_admit_as_one() {
    let (database, first) = fresh().await;
    let fleet = [first, open(&database).await, open(&database).await];
    // Each of forty orders comes to all three at once, in batches that are cut in other places.
    let limit = rules(1_000, 10_000);
    let submissions = fleet.iter().enumerate().flat_map(|(daemon, store)| {
        let cut = 3 + daemon;
        (0..40_u32)
            .collect::<Vec<_>>()
            .chunks(cut)
            .map(<[u32]>::to_vec)
            .map(move |chunk| async move {
                // Ids are the daemon's own, keys are the sender's.
                let batch = chunk.iter().map(|n| {
                    let mut new = payout_of(*n, 100);
                    new.id = payout_of(*n + 1_000 * u32::try_from(daemon + 1).unwrap(), 1).id;
                    new
                });
                store.admit(kit::newly(batch), &limit, MORNING_MS, false).await.unwrap()
            })
            .collect::<Vec<_>>()
    });
    let answers = futures_util::future::join_all(submissions).await.concat();
    let new = answers.iter().filter(|answer| matches!(answer, Admitted::New(_))).count();
    let repeated = answers.iter().filter(|answer| matches!(answer, Admitted::Repeated(_))).count();
    assert_eq!((new, repeated), (40, 80));
    let counts = fleet[2].counts().await.unwrap();
    assert_eq!((counts[&Stage::Admitted].payouts, counts[&Stage::Held].payouts), (10, 30));
    assert_eq!(fleet[1].limit_book(MORNING_MS).await.unwrap().house.reserved_micro_usdt, usdt(1_000).micro());
    let seqs: Vec<i64> = fleet[0].records(1, 100).await.unwrap().iter().map(|record| record.seq).collect();
    assert_eq!(seqs, (1..=40).collect::<Vec<_>>());
}

/// What is payable is given to one daemon at a time, the most urgent first, and to another when the first is gone.
#[tokio::test]
async fn what_one_has_claimed_another_is_not_given_until_its_lease_ends() {
    let (database, one) = fresh().await;
    let other = open(&database).await;
    one.admit(kit::newly((0..10).map(payout)), &AMPLE, MORNING_MS, true).await.unwrap();
    let ids = |given: Vec<(Payout, [u8; 32])>| -> Vec<PayoutId> {
        given.into_iter().map(|(payout, _)| payout.id).collect()
    };
    let of = |range: std::ops::Range<u32>| range.map(|n| payout(n).id).collect::<Vec<_>>();
    assert_eq!(ids(one.payable(MORNING_MS, 4, &[]).await.unwrap()), of(0..4));
    assert_eq!(ids(one.payable(MORNING_MS, 4, &[]).await.unwrap()), of(0..4), "its own are given again");
    assert_eq!(ids(other.payable(MORNING_MS, 4, &[]).await.unwrap()), of(4..8));
    assert_eq!(ids(other.payable(MORNING_MS, 10, &[]).await.unwrap()), of(4..10));
    assert_eq!(ids(one.payable(MORNING_MS, 10, &[]).await.unwrap()), of(0..4));

    // The one leaves as it should, and its claims are free at once.
    one.close().await;
    assert_eq!(ids(other.payable(MORNING_MS, 10, &[]).await.unwrap()), of(0..10));
    // The other is killed: its claims are free when their lease has ended, by the database's clock.
    let third = open(&database).await;
    assert_eq!(third.payable(MORNING_MS, 10, &[]).await.unwrap(), []);
    let mut admin = beside(&database).await;
    admin.execute("UPDATE payout SET claimed_until_ms = claimed_until_ms - 15000").await.unwrap();
    assert_eq!(CLAIM_LEASE_MS, 15_000);
    assert_eq!(ids(third.payable(MORNING_MS, 10, &[]).await.unwrap()), of(0..10));
}

/// F-P25: a daemon that is given payouts and can not pay them, asks and asks: its lease is not longer for that. They pass to
/// another, and come back to the first only where nobody else took them.
#[tokio::test]
async fn whoever_can_not_pay_what_it_claimed_lets_it_pass() {
    let (database, one) = fresh().await;
    let other = open(&database).await;
    one.admit(kit::newly((0..4).map(payout)), &AMPLE, MORNING_MS, true).await.unwrap();
    let given =
        async |store: &super::super::PostgresStore| store.payable(MORNING_MS, 10, &[]).await.unwrap().len();
    let mut admin = beside(&database).await;
    let mut pass = async |ms: u32| {
        let later = format!("UPDATE payout SET claimed_until_ms = claimed_until_ms - {ms}");
        admin.execute(sqlx::AssertSqlSafe(later)).await.unwrap();
    };
    assert_eq!(given(&one).await, 4);
    pass(CLAIM_LEASE_MS / 2).await;
    assert_eq!((given(&one).await, given(&other).await), (4, 0), "its own are given again");
    pass(CLAIM_LEASE_MS / 2).await;
    assert_eq!(given(&one).await, 0, "the lease was not made longer");
    assert_eq!((given(&other).await, given(&one).await), (4, 0));
    // The other one can not pay them either, and the first is away.
    pass(CLAIM_LEASE_MS).await;
    assert_eq!(given(&other).await, 0);
    pass(CLAIM_PASSES_MS).await;
    assert_eq!(given(&other).await, 4);
}

/// F-P01: two daemons are given the same order at once, and there is room for it once. Whoever comes second must not say that it was
/// refused: it was taken in, and will be paid.
#[tokio::test]
async fn an_order_that_another_daemon_takes_in_meanwhile_is_not_called_refused() {
    let (database, one) = fresh().await;
    let other = open(&database).await;
    let strict = LimitRules { on_excess: OnExcess::Refuse, ..rules(100, 1_000) };
    let mut pen = beside(&database).await;
    pen.execute("BEGIN; SELECT fact FROM house WHERE fact = 'latest_ms' FOR UPDATE").await.unwrap();
    let twin = Payout { id: payout(9).id, ..payout_of(1, 60) };
    let first = one.admit(kit::newly([payout_of(1, 60)]), &strict, MORNING_MS, false);
    let second = other.admit(kit::newly([twin, payout_of(2, 30)]), &strict, MORNING_MS, false);
    let let_go = async {
        let mut looker = beside(&database).await;
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut looker).await.unwrap() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        pen.execute("COMMIT").await.unwrap();
    };
    let (first, second, ()) = tokio::join!(first, second, let_go);
    let answers = [first.unwrap(), second.unwrap()].concat();
    let count = |which: fn(&Admitted) -> bool| answers.iter().filter(|answer| which(answer)).count();
    assert_eq!(count(|answer| matches!(answer, Admitted::New(_))), 2, "{answers:?}");
    assert_eq!(count(|answer| matches!(answer, Admitted::Repeated(_))), 1, "{answers:?}");
}

/// Rows that somebody is about to change are passed over, not waited for.
#[tokio::test]
async fn a_claim_waits_for_nobody() {
    let (database, store) = fresh().await;
    store.admit(kit::newly((0..3).map(payout)), &AMPLE, MORNING_MS, true).await.unwrap();
    let mut other = beside(&database).await;
    other
        .execute("BEGIN; SELECT 1 FROM payout WHERE priority = 0 ORDER BY id LIMIT 2 FOR NO KEY UPDATE")
        .await
        .unwrap();
    let given = tokio::time::timeout(Duration::from_secs(5), store.payable(MORNING_MS, 10, &[]))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(given.into_iter().map(|(payout, _)| payout.id).collect::<Vec<_>>(), [payout(2).id]);
}

/// A claim is a courtesy: two who sign the same payout all the same file one transfer.
#[tokio::test]
async fn two_who_sign_one_payout_file_one_transfer() {
    let (database, one) = fresh().await;
    let other = open(&database).await;
    for n in 0..20 {
        let taken = kit::admit(&one, payout(n)).await.unwrap();
        let steps = [1, 2].map(|later| {
            kit::step(&taken, kit::sign(&taken, MORNING_MS + later), MORNING_MS + later).unwrap()
        });
        let (left, right) = tokio::join!(
            one.commit(&steps[..1], Gate::NotPaused),
            other.commit(&steps[1..], Gate::NotPaused)
        );
        let results: BTreeSet<bool> =
            [left.unwrap(), right.unwrap()].into_iter().map(|all| all == [StepResult::Taken]).collect();
        assert_eq!(results.len(), 2, "one is taken, one is lost");
        assert_eq!(kit::found(&other, taken.id).await.unwrap().attempts.len(), 1);
    }
}

/// F004-42 in a fleet: once the pause is answered, by whichever daemon, no daemon files a transfer.
#[tokio::test]
async fn a_pause_that_is_answered_holds_for_every_daemon() {
    let (database, one) = fresh().await;
    let other = open(&database).await;
    for n in 0..10 {
        let taken = kit::admit(&one, payout(n)).await.unwrap();
        let step = [kit::step(&taken, kit::sign(&taken, MORNING_MS), MORNING_MS).unwrap()];
        let pausing = async {
            let pause = Pause { reason: "drill".to_owned(), since_ms: MORNING_MS };
            one.change(vec![HouseChange::Pause(pause)], MORNING_MS).await.unwrap();
            one.last_seq().await.unwrap()
        };
        let (answered_at_seq, filed) = tokio::join!(pausing, other.commit(&step, Gate::NotPaused));
        if filed.unwrap() == [StepResult::Taken] {
            let at = other.records(1, 1_000).await.unwrap().into_iter().rev();
            let at = at.into_iter().find(|record| record.kind == "transfer_signed").unwrap().seq;
            assert!(at <= answered_at_seq, "a transfer was filed behind the answer");
        } else {
            assert_eq!(other.commit(&step, Gate::NotPaused).await.unwrap(), [StepResult::Lost]);
        }
        one.change(vec![HouseChange::Resume { reason: "done".to_owned() }], MORNING_MS).await.unwrap();
    }
}

/// A role has one holder; another takes over when its lease has ended, with a higher token; whoever slept meanwhile is refused
/// by the database, and gets the role back only when it is free.
#[tokio::test]
async fn whoever_sleeps_through_its_lease_writes_nothing_more() {
    let (database, sleeper) = fresh().await;
    let heir = open(&database).await;
    for n in 0..4 {
        kit::admit(&sleeper, payout(n)).await.unwrap();
    }
    let refused = sleeper.put_seal(seal_after(&sleeper, ChainHead::GENESIS).await).await;
    assert!(matches!(refused, Err(StoreFault::Refused(_))), "nobody seals without the role: {refused:?}");

    let first = sleeper.take_role(Role::AuditWriter, ROLE_LEASE_MS).await.unwrap().unwrap();
    assert_eq!(heir.take_role(Role::AuditWriter, ROLE_LEASE_MS).await.unwrap(), None);
    let seal = seal_after(&sleeper, ChainHead::GENESIS).await;
    assert!(sleeper.put_seal(seal.clone()).await.unwrap());

    // The sleeper's lease ends while it sleeps: it knows nothing of it.
    assert_eq!(sleeper.take_role(Role::AuditWriter, 1).await.unwrap(), Some(first));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let second = heir.take_role(Role::AuditWriter, ROLE_LEASE_MS).await.unwrap().unwrap();
    assert!(second > first);
    let late = sleeper.put_seal(seal_after(&sleeper, seal.head()).await).await;
    assert!(matches!(late, Err(StoreFault::Refused(_))), "{late:?}");
    assert!(heir.put_seal(seal_after(&heir, seal.head()).await).await.unwrap());

    assert_eq!(sleeper.take_role(Role::AuditWriter, ROLE_LEASE_MS).await.unwrap(), None);
    sleeper.leave_role(Role::AuditWriter).await.unwrap();
    assert_eq!(
        sleeper.take_role(Role::AuditWriter, ROLE_LEASE_MS).await.unwrap(),
        None,
        "only its holder gives it up"
    );
    heir.close().await;
    assert!(sleeper.take_role(Role::AuditWriter, ROLE_LEASE_MS).await.unwrap().unwrap() > second);
}

/// How far the chain is read is the watcher's word alone.
#[tokio::test]
async fn how_far_the_chain_is_read_is_written_by_who_holds_the_role() {
    let (database, one) = fresh().await;
    let other = open(&database).await;
    let solid =
        |number| HouseChange::LastSolid(BlockMark { block: kit::block(number), timestamp_ms: MORNING_MS });
    assert!(one.take_role(Role::ConfirmationWatcher, ROLE_LEASE_MS).await.unwrap().is_some());
    one.change(vec![solid(1_001)], MORNING_MS).await.unwrap();
    let refused = other.change(vec![solid(1_002)], MORNING_MS).await;
    assert!(matches!(refused, Err(StoreFault::Refused(_))), "{refused:?}");
    assert_eq!(other.facts().await.unwrap().last_solid.map(|mark| mark.block.number), Some(1_001));
    let pause = Pause { reason: "anybody may".to_owned(), since_ms: MORNING_MS };
    other.change(vec![HouseChange::Pause(pause)], MORNING_MS).await.unwrap();
}

/// A process that is stopped in the middle of a write holds the pen until the database has lost patience; then the others write
/// on, and what it had begun is undone.
#[tokio::test]
async fn a_process_that_stops_with_the_pen_in_its_hand_is_not_waited_for_for_ever() {
    let (database, store) = fresh().await;
    let hasty =
        super::PostgresSettings { idle_in_transaction_ms_max: 300, ..super::PostgresSettings::default() };
    let stopped = super::PostgresStore::open(database.options(), "s", hasty).await.unwrap();
    let mut write = stopped.begin().await.unwrap();
    stopped.take_pen(&mut write).await.unwrap();
    write
        .connection()
        .unwrap()
        .execute("UPDATE house SET value = '1' WHERE fact = 'latest_ms'")
        .await
        .unwrap();
    kit::admit(&store, payout(1)).await.unwrap();
    let late = write.commit().await;
    assert!(matches!(late, Err(StoreFault::Away(_))), "{late:?}");
    assert_eq!(store.facts().await.unwrap().latest_ms, MORNING_MS);
}

/// Steps of everybody at once over the same payouts, in orders that cross: each is taken once, nobody waits for somebody who
/// waits for them.
#[tokio::test]
async fn crossing_batches_do_not_lock_each_other_out() {
    let (database, first) = fresh().await;
    let fleet = [first, open(&database).await, open(&database).await];
    fleet[0].admit(kit::newly((0..60).map(payout)), &AMPLE, MORNING_MS, true).await.unwrap();
    let payouts = fleet[0].find_many(&(0..60).map(|n| payout(n).id).collect::<Vec<_>>()).await.unwrap();
    let works = (0..9_usize).map(|round| {
        let (store, payouts) = (&fleet[round % 3], &payouts);
        async move {
            let mut taken = 0;
            for chunk in payouts.chunks(7) {
                let mut steps: Vec<_> = chunk
                    .iter()
                    .map(|payout| kit::step(payout, kit::sign(payout, MORNING_MS), MORNING_MS).unwrap())
                    .collect();
                let turn = round % steps.len();
                steps.rotate_left(turn);
                if round % 2 == 0 {
                    steps.reverse();
                }
                let results = store.commit(&steps, Gate::NotPaused).await.unwrap();
                taken += results.into_iter().filter(|result| *result == StepResult::Taken).count();
                store.payable(MORNING_MS, 5, &[]).await.unwrap();
            }
            taken
        }
    });
    let taken: usize = futures_util::future::join_all(works).await.into_iter().sum();
    assert_eq!(taken, 60);
    assert_eq!(fleet[1].last_seq().await.unwrap(), 120);
}
