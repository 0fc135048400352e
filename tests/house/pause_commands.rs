//! The fear: at three in the morning the kill switch is pulled, and nothing happens because the daemon is down.

use payoutd_actors::ports::{House, Journal};

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
