//! The fear: at three in the morning the kill switch is pulled, and nothing happens because the daemon is down.

use payoutd_actors::ports::{House, HouseChange, Journal};

use crate::kit::desk::{Desk, told};

/// F004-42, F-P10: with the daemon down the store is told itself; it stands there, and in the journal with its reason.
#[tokio::test]
async fn the_switch_works_with_the_daemon_down() {
    let desk = Desk::new();
    desk.store().await.close().await;
    let paused = desk.json(0, &["pause", "--reason", "the auditors are here", "--json"]);
    assert_eq!((&paused["paused"], &paused["reason"]), (&true.into(), &"the auditors are here".into()));
    let store = desk.store().await;
    assert_eq!(store.facts().await.unwrap().pause.unwrap().reason, "the auditors are here");
    store.close().await;
    drop(store);

    assert!(desk.ends(0, &["resume", "they are gone"]).contains("running"));
    assert!(desk.ends(0, &["pause", "again"]).contains("paused since"));
    assert_eq!(desk.json(0, &["resume", "--json"])["paused"], false);
    let store = desk.store().await;
    assert_eq!(store.facts().await.unwrap().pause, None);
    let rows = store.records(1, 100).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.kind.as_ref(), row.body.as_str())).collect();
    assert_eq!(
        told,
        [
            ("house_paused", r#"{"reason":"the auditors are here"}"#),
            ("house_resumed", r#"{"reason":"they are gone"}"#),
            ("house_paused", r#"{"reason":"again"}"#),
            ("house_resumed", r#"{"reason":"resumed at the command line"}"#),
        ]
    );
}

/// F-N06: `running` is not the whole truth of a house whose restore gate is shut, and the command does not leave it at that.
#[tokio::test]
async fn a_resumed_house_whose_restore_gate_is_shut_is_not_just_running() {
    let desk = Desk::new();
    let store = desk.store().await;
    let why = "this copy is older".to_owned();
    store.change(vec![HouseChange::ShutGate { since_ms: 1_000, why }], 1_000).await.unwrap();
    store.close().await;
    drop(store);
    let said = desk.ends(0, &["resume"]);
    assert!(
        said.contains("the restore gate is shut since 1970-01-01T00:00:01.000Z: this copy is older"),
        "{said}"
    );
    assert!(said.contains("nothing is signed"), "{said}");
    let gate = desk.json(0, &["resume", "--json"])["restore_gate"].clone();
    assert_eq!((&gate["until"], &gate["reason"]), (&serde_json::Value::Null, &"this copy is older".into()));
}

/// A process that holds the store and does not answer at its door may be signing: the switch does not claim to be pulled.
#[tokio::test]
async fn a_switch_that_can_not_be_pulled_says_so() {
    let desk = Desk::new();
    let at_work = desk.store().await;
    let refused = desk.run(&["pause", "now"]);
    assert_eq!(refused.status.code(), Some(75), "{}", told(&refused));
    assert_eq!(at_work.facts().await.unwrap().pause, None);
    at_work.close().await;
}

#[test]
fn a_switch_with_an_empty_reason_or_without_a_store_is_not_pulled() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["pause", "  "]).status.code(), Some(2));
    assert_eq!(desk.run(&["pause", &"x".repeat(501)]).status.code(), Some(2));
    assert_eq!(desk.run(&["pause", "now"]).status.code(), Some(66));
    assert_eq!(desk.run(&["pause"]).status.code(), Some(66));
    assert!(!desk.path("payoutd.db").exists());
}
