//! The fear: the auditor comes while the house works, or after somebody has been at the database of a house that worked, and what the
//! commands say is true of a test's journal alone. A real daemon, real payouts, and the place of every change named.

use std::fs;

use serde_json::{Value, json};

use crate::kit::{daemon::Daemon, desk::Desk, network::Network};

/// A daemon that has settled two payouts.
async fn at_work(network: &Network, desk: &Desk) -> Daemon {
    let mut daemon = Daemon::open(desk).await;
    for (key, amount) in [("a", "1"), ("b", "2.5")] {
        let order = json!({ "recipient": network.account(1), "amount": amount });
        assert_eq!(daemon.caller.order(key, &order).await.status, 202);
    }
    daemon.until_stage("settled", 2).await;
    daemon
}

/// The row of the journal that says `kind` first.
fn row_of(export: &str, kind: &str) -> i64 {
    let rows = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let row = rows.into_iter().find(|row| row["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {export}"));
    row["seq"].as_i64().unwrap()
}

/// F002-19, F002-22: the checkpoint that the command prints is the one that the door answers; it covers the last row, and holds.
#[actix_rt::test]
async fn a_daemon_at_work_states_its_journal_and_the_statement_holds() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let daemon = at_work(&network, &desk).await;
    let printed: Value = desk.json(0, &["audit", "checkpoint"]);
    let answered = daemon.caller.get("/v1/audit/checkpoint").await.json();
    assert_eq!(printed, answered);
    assert_eq!(answered["public_key"], json!(desk.journal_key));
    fs::write(desk.path("checkpoint.json"), printed.to_string()).unwrap();

    let verify = ["audit", "verify", "--checkpoint", "checkpoint.json", "--json"];
    let beside = desk.json(0, &verify);
    assert_eq!((&beside["sound"], &beside["rows"]), (&json!(true), &printed["last_seq"]));
    // What happens afterwards adds to what was stated and takes nothing from it.
    let paused = daemon.caller.post("/v1/admin/pause", Some(&json!({ "reason": "audit" }))).await;
    assert_eq!(paused.status, 200, "{}", paused.text);
    daemon.stop();
    let afterwards = desk.json(0, &verify);
    assert_eq!((&afterwards["sound"], &afterwards["findings"]), (&json!(true), &json!([])));
    assert!(afterwards["rows"].as_i64() > printed["last_seq"].as_i64(), "{afterwards}");
}

/// F002-22: somebody lowers what was paid, takes a step away, or cuts the end off.
#[actix_rt::test]
async fn whoever_changes_what_a_daemon_has_written_is_found_with_the_place() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let daemon = at_work(&network, &desk).await;
    let checkpoint = desk.ends(0, &["audit", "checkpoint"]);
    fs::write(desk.path("checkpoint.json"), checkpoint).unwrap();
    daemon.stop();
    desk.ends(0, &["store", "backup", "honest.db"]);
    let settled = row_of(&desk.ends(0, &["audit", "export"]), "payout_settled");
    let ways: [(&'static [&'static str], &str, String); 3] = [
        (
            &["UPDATE journal SET body = replace(body, '\"', '''') \
               WHERE seq = (SELECT min(seq) FROM journal WHERE kind = 'payout_settled')"],
            "row_changed",
            format!("row {settled} was changed"),
        ),
        (
            &["DELETE FROM journal WHERE seq = (SELECT min(seq) FROM journal WHERE kind = 'payout_settled')"],
            "rows_missing",
            format!("row {settled} missing"),
        ),
        (
            &[
                "DELETE FROM seal WHERE seal_no > 1",
                "DELETE FROM journal WHERE seq > (SELECT max(last_seq) FROM seal)",
            ],
            "truncated",
            "the checkpoint says".to_owned(),
        ),
    ];
    for (sql, finding, words) in ways {
        desk.put_back("honest.db");
        desk.ends(0, &["audit", "verify", "--checkpoint", "checkpoint.json"]);
        desk.tamper(sql).await;
        let report = desk.json(1, &["audit", "verify", "--checkpoint", "checkpoint.json", "--json"]);
        assert_eq!(report["findings"][0]["finding"], finding, "{sql:?}: {report}");
        let page = desk.ends(1, &["audit", "verify", "--checkpoint", "checkpoint.json"]);
        assert!(page.contains(&words), "{sql:?}: {page}");
    }
}
