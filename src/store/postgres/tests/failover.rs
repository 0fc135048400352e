//! The fear: the database comes back without what it had promised, and what was signed and lost is signed again. The line of the
//! database is changed here by hand; a standby that is really promoted is a story of the house's tests.

use payoutd_actors::ports::{
    Gate, House, Payouts, StepResult, StoreFault,
    exam::kit::{self, AMPLE, MORNING_MS, payout},
};
use sqlx::Executor;

use super::{Database, PostgresStore, beside, fresh, open};

async fn fail_over(database: &Database) {
    let lost = "UPDATE house SET value = '00000001/1' WHERE fact = 'lineage'";
    beside(database).await.execute(lost).await.unwrap();
}

async fn writes(store: &PostgresStore, n: u32) -> Result<(), StoreFault> {
    store.admit(kit::newly([payout(n)]), &AMPLE, MORNING_MS, false).await.map(|_| ())
}

/// F-N06: whoever takes the pen first upon another line shuts the restore gate for the whole fleet, is told to leave, and writes
/// nothing more; nobody files a transfer while it is shut.
#[tokio::test]
async fn after_a_failover_nothing_is_filed_before_the_chain_has_been_asked() {
    let (database, store) = fresh().await;
    let other = open(&database).await;
    let taken = kit::admit(&other, payout(1)).await.unwrap();
    let signing = [kit::step(&taken, kit::sign(&taken, MORNING_MS), MORNING_MS).unwrap()];
    fail_over(&database).await;

    let refused = writes(&store, 2).await;
    assert!(matches!(&refused, Err(StoreFault::Away(why)) if why.contains("failed over")), "{refused:?}");
    assert!(store.loss().await.contains("failed over"));
    assert!(writes(&store, 2).await.is_err(), "what this process remembers is worth nothing");
    let gate = other.facts().await.unwrap().restore_gate.unwrap();
    assert!(gate.why.contains("failed over") && gate.until_ms.is_none(), "{gate:?}");
    let filing = Gate::Covered { committed_max_micro_usdt: u64::MAX };
    assert_eq!(other.commit(&signing, filing).await.unwrap(), [StepResult::Lost]);

    // Whoever begins anew takes orders in, and files when the gate is open.
    let anew = open(&database).await;
    writes(&anew, 2).await.unwrap();
    assert_eq!(anew.facts().await.unwrap().restore_gate, Some(gate), "it is noticed once");
    anew.change(vec![payoutd_actors::ports::HouseChange::OpenGate], MORNING_MS).await.unwrap();
    assert_eq!(anew.commit(&signing, filing).await.unwrap(), [StepResult::Taken]);
}

/// The same, noticed at the opening: nobody was there when it happened.
#[tokio::test]
async fn a_database_that_was_put_back_overnight_is_noticed_in_the_morning() {
    let (database, store) = fresh().await;
    writes(&store, 1).await.unwrap();
    store.close().await;
    fail_over(&database).await;
    let store = open(&database).await;
    assert!(store.facts().await.unwrap().restore_gate.is_some());
    writes(&store, 2).await.unwrap();
}

/// A disk that is put back to an earlier moment is on the same line; the house's time tells.
#[tokio::test]
async fn a_house_whose_time_goes_back_was_put_back() {
    let (database, store) = fresh().await;
    writes(&store, 1).await.unwrap();
    let back = format!("UPDATE house SET value = '{}' WHERE fact = 'latest_ms'", MORNING_MS - 5_000);
    beside(&database).await.execute(sqlx::AssertSqlSafe(back)).await.unwrap();
    assert!(store.facts().await.is_err());
    assert!(store.loss().await.contains("put back"));
    assert!(open(&database).await.facts().await.unwrap().restore_gate.is_some());
}

/// F000-17: one daemon's clock that runs a day ahead moves nobody's windows: what it writes is refused, and it says why.
#[tokio::test]
async fn a_clock_that_runs_ahead_does_not_move_the_fleets_windows() {
    let (_database, store) = fresh().await;
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now_ms = i64::try_from(now_ms).unwrap();
    let ahead = store.admit(kit::newly([payout(1)]), &AMPLE, now_ms + 90_000_000, false).await;
    assert!(matches!(&ahead, Err(StoreFault::Away(why)) if why.contains("clock")), "{ahead:?}");
    assert!(store.facts().await.unwrap().latest_ms <= now_ms + 60_000);
    store.admit(kit::newly([payout(1)]), &AMPLE, now_ms + 30_000, false).await.unwrap();
}
