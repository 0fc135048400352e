//! The fear: somebody who owns the machine changes what the house has written, and the house goes on paying upon it.

use std::fs;

use payoutd_actors::{
    domain::journal::JournalKey,
    journal_tail::{SEALS_EXAMINED, pause_where_broken},
    ports::{House, HouseChange, Journal, Pause},
};
use serde_json::{Value, json};

use crate::kit::{daemon::Daemon, desk::Desk, network::Network};

/// One more than are examined at start, and some.
const SEALS: i64 = SEALS_EXAMINED + 4;
/// A moment like any other.
const MOMENT_MS: i64 = 1_767_225_600_000;

/// Rows, as the house writes them.
async fn write(desk: &Desk, rows: &[i64]) {
    let store = desk.store().await;
    for n in rows {
        // The switch is pulled and let go of, so that a pause is the examination's.
        let pause = HouseChange::Pause(Pause { reason: format!("row {n}"), since_ms: *n });
        let resume = HouseChange::Resume { reason: format!("row {n}") };
        store.change(vec![pause, resume], MOMENT_MS + n).await.unwrap();
    }
    store.close().await;
}

/// A desk with two rows under each of its seals, three pairs of rows behind them, and a copy of it all.
async fn sealed() -> Desk {
    let desk = Desk::new();
    for n in 0..SEALS {
        write(&desk, &[n]).await;
        desk.ends(0, &["audit", "checkpoint"]);
    }
    write(&desk, &[100, 101, 102]).await;
    desk.ends(0, &["store", "backup", "honest.db"]);
    desk
}

/// What the examination at start finds, and the reason of the pause that it leaves behind.
async fn examined(desk: &Desk, key: &JournalKey) -> (Option<String>, Option<String>) {
    let store = desk.store().await;
    let (before, found) =
        (store.last_seq().await.unwrap(), pause_where_broken(&store, &store, key, MOMENT_MS).await);
    let found = found.unwrap();
    let pause = store.facts().await.unwrap().pause;
    assert_eq!(store.last_seq().await.unwrap() == before, found.is_none(), "a sound journal is only read");
    store.close().await;
    (found, pause.map(|pause| pause.reason))
}

/// F002-22, at start: the newest seals, their rows and the rows behind them, each with its place.
#[actix_rt::test]
async fn a_change_of_the_journals_end_is_found_at_start_with_its_place() {
    let desk = sealed().await;
    let key = JournalKey::from_file_bytes(&fs::read(desk.path("journal.pem")).unwrap()).unwrap();
    assert_eq!(examined(&desk, &key).await, (None, None));
    let ways: [(&'static str, &str); 9] = [
        ("UPDATE journal SET at_ms = at_ms + 1 WHERE seq = 40", "row 40 was changed"),
        ("UPDATE journal SET body = 'no JSON' WHERE seq = 40", "row 40"),
        ("DELETE FROM journal WHERE seq = 38", "row 38 missing"),
        ("UPDATE journal SET kind = 'payout_settled' WHERE seq = 42", "row 42 was changed"),
        ("DELETE FROM journal WHERE seq = 44", "row 44 missing"),
        ("UPDATE seal SET signature = zeroblob(64) WHERE seal_no = 20", "seal 20 is forged"),
        ("UPDATE seal SET last_seq = 9223372036854775807 WHERE seal_no = 20", "seal 20 was changed"),
        ("DELETE FROM seal WHERE seal_no = 15", "seal 15 is missing"),
        ("DELETE FROM seal WHERE seal_no = 4", "seals 4 to 19 are missing"),
    ];
    for (sql, place) in ways {
        desk.put_back("honest.db");
        desk.tamper(&[sql]).await;
        let (found, pause) = examined(&desk, &key).await;
        let (found, pause) = (found.expect(sql), pause.expect(sql));
        assert!(found.contains(place) && pause.contains(&found), "{sql}: {found}\n{pause}");
        assert!(pause.contains("`payoutd audit verify` names every fault"), "{pause}");
    }
}

/// What lies deeper is not read at every start: that would cost a large house minutes. The command that reads all of it finds it.
#[actix_rt::test]
async fn what_lies_deeper_is_left_to_the_command_that_reads_it_all() {
    let desk = sealed().await;
    let key = JournalKey::from_file_bytes(&fs::read(desk.path("journal.pem")).unwrap()).unwrap();
    desk.tamper(&["UPDATE journal SET at_ms = at_ms + 1 WHERE seq = 1"]).await;
    assert_eq!(examined(&desk, &key).await, (None, None));
    desk.ends(1, &["audit", "verify"]);
}

/// After a change of keys a person is asked once: from the first seal of the new key on, it vouches for those of the old one.
#[actix_rt::test]
async fn another_key_is_asked_about_once() {
    let desk = sealed().await;
    fs::remove_file(desk.path("journal.pem")).unwrap();
    desk.run_alone(&["keys", "new", "journal", "--out", "journal.pem"]);
    let key = JournalKey::from_file_bytes(&fs::read(desk.path("journal.pem")).unwrap()).unwrap();
    let (found, pause) = examined(&desk, &key).await;
    assert!(found.unwrap().contains("was made with key") && pause.is_some());
    desk.ends(0, &["audit", "checkpoint"]);
    assert_eq!(examined(&desk, &key).await.0, None);
}

/// The whole daemon: orders are taken in, nothing is signed, and the place is named; a person who has looked decides.
#[actix_rt::test]
async fn no_money_moves_upon_a_journal_that_somebody_has_changed() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let mut daemon = Daemon::open(&desk).await;
    order(&daemon, &network, "a").await;
    daemon.until_stage("settled", 1).await;
    daemon.stop();
    desk.tamper(&["UPDATE journal SET at_ms = at_ms + 1 WHERE kind = 'payout_settled'"]).await;

    let mut daemon = Daemon::open(&desk).await;
    let reason = daemon
        .until("the house is paused", async |caller| reason_of(&caller.get("/v1/stats").await.json()))
        .await;
    assert!(reason.contains("was changed") && reason.contains("payoutd audit verify"), "{reason}");
    order(&daemon, &network, "b").await;
    daemon
        .until("the worker has looked", async |caller| waits(&caller.get("/v1/admin/actors").await.json()))
        .await;
    daemon.until_stage("admitted", 1).await;
    assert_eq!(network.paid_by(network.account(0)).await.len(), 1);
    assert!(desk.ends(0, &["audit", "export"]).contains("alarm_journal_broken"));

    desk.ends(0, &["resume", "the row is explained"]);
    daemon.until_stage("settled", 2).await;
    daemon.stop();
    // The row is as it was: whoever starts the house anew is told anew.
    let mut daemon = Daemon::open(&desk).await;
    daemon
        .until("the house is paused again", async |caller| reason_of(&caller.get("/v1/stats").await.json()))
        .await;
    daemon.stop();
}

async fn order(daemon: &Daemon, network: &Network, key: &str) {
    let order = json!({ "recipient": network.account(1), "amount": "2.5" });
    assert_eq!(daemon.caller.order(key, &order).await.status, 202);
}

fn reason_of(stats: &Value) -> Option<String> {
    stats["pause"]["reason"].as_str().map(str::to_owned)
}

/// Whether the worker says that it waits.
fn waits(actors: &Value) -> Option<()> {
    let actors = actors["actors"].as_array().unwrap();
    let worker = actors.iter().find(|actor| actor["name"] == "payout_worker").unwrap();
    worker["state"]["signing_waits_for"].is_string().then_some(())
}
