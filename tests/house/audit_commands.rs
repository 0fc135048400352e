//! The fear: somebody changes the past, and the command that looks for it says "sound".

use std::{fs, process::Command};

use payoutd_actors::{
    domain::journal::JournalKey,
    ports::{House, HouseChange, Pause},
};

use crate::kit::desk::{Desk, told};

const VERIFIER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify_journal.py");

/// A store with a journal of so many rows.
async fn with_rows(desk: &Desk, first: u32, rows: u32) {
    let store = desk.store().await;
    for n in first..first + rows {
        let pause = Pause { reason: format!("row {n}"), since_ms: i64::from(n) };
        store.change(vec![HouseChange::Pause(pause)], 1_767_225_600_000 + i64::from(n)).await.unwrap();
    }
    store.close().await;
}

/// A desk whose journal has 40 rows under two seals, and the checkpoint of each.
async fn sealed() -> (Desk, String) {
    let desk = Desk::new();
    with_rows(&desk, 0, 30).await;
    desk.ends(0, &["audit", "checkpoint"]);
    with_rows(&desk, 30, 10).await;
    let checkpoint = desk.ends(0, &["audit", "checkpoint"]);
    fs::write(desk.path("checkpoint.json"), &checkpoint).unwrap();
    (desk, checkpoint)
}

/// F002-19: the checkpoint covers the last row, and is one seal's, byte for byte, however often it is printed.
#[tokio::test]
async fn a_checkpoint_covers_the_last_row() {
    let (desk, checkpoint) = sealed().await;
    let stated: serde_json::Value = serde_json::from_str(&checkpoint).unwrap();
    assert_eq!((&stated["last_seq"], &stated["seal_no"]), (&40.into(), &2.into()));
    assert_eq!(desk.ends(0, &["audit", "checkpoint"]), checkpoint);
    assert_eq!(fs::read_to_string(desk.path("payoutd.db.checkpoint")).unwrap().trim(), checkpoint.trim());
}

#[tokio::test]
async fn an_honest_journal_is_sound() {
    let (desk, _) = sealed().await;
    let report = desk.json(0, &["audit", "verify", "--checkpoint", "checkpoint.json", "--json"]);
    assert_eq!(
        (&report["sound"], &report["rows"], &report["sealed_to_seq"]),
        (&true.into(), &40.into(), &40.into())
    );
    assert_eq!((&report["checkpoints"], &report["findings"]), (&1.into(), &serde_json::json!([])));
    let beside = desk.json(0, &["audit", "verify", "--json"]);
    assert_eq!(beside["checkpoints"], 1, "without one that was kept elsewhere, the one beside the store");
    assert!(desk.ends(0, &["audit", "verify"]).contains("result       sound"));
    let key = desk.journal_key.clone();
    desk.ends(0, &["audit", "verify", "--key", &key]);
    let another = JournalKey::from_seed(&[66; 32]).public_key().to_hex();
    let report = desk.json(1, &["audit", "verify", "--key", &another, "--json"]);
    assert_eq!(report["findings"][0]["finding"], "checkpoint_forged");
}

/// F002-22: mutate, delete, insert, reorder, truncate: found, with the place.
#[tokio::test]
async fn every_way_of_changing_the_past_is_found_with_its_place() {
    let ways: [(&'static [&'static str], &str, &str); 8] = [
        (
            &["UPDATE journal SET body = '{\"reason\":\"nothing\"}' WHERE seq = 17"],
            "row_changed",
            "row 17 was changed",
        ),
        (&["UPDATE journal SET at_ms = at_ms + 1 WHERE seq = 40"], "row_changed", "row 40 was changed"),
        (&["UPDATE journal SET payout_id = 'x' WHERE seq = 1"], "row_changed", "row 1 was changed"),
        (&["DELETE FROM journal WHERE seq = 17"], "rows_missing", "row 17 missing"),
        (
            &[
                "UPDATE journal SET seq = 1000 WHERE seq = 17",
                "UPDATE journal SET seq = 17 WHERE seq = 18",
                "UPDATE journal SET seq = 18 WHERE seq = 1000",
            ],
            "row_changed",
            "row 17 was changed",
        ),
        (&["DELETE FROM journal WHERE seq > 35"], "rows_missing", "rows 36 to 40 missing"),
        (
            &["DELETE FROM journal WHERE seq > 30", "DELETE FROM seal WHERE seal_no > 1"],
            "truncated",
            "the checkpoint says 40 rows, 30 stand here",
        ),
        (&["UPDATE seal SET sealed_at_ms = 1 WHERE seal_no = 1"], "seal_changed", "seal 1 was changed"),
    ];
    for (sql, finding, words) in ways {
        let (desk, _) = sealed().await;
        desk.tamper(sql).await;
        let report = desk.json(1, &["audit", "verify", "--checkpoint", "checkpoint.json", "--json"]);
        assert_eq!(report["findings"][0]["finding"], finding, "{sql:?}: {report}");
        let page = desk.ends(1, &["audit", "verify"]);
        assert!(page.contains(words), "{sql:?}: {page}");
    }
}

/// F002-08: an export convinces somebody who does not trust payoutd; and payoutd itself reads it back.
#[tokio::test]
async fn an_export_is_checked_without_the_store_and_without_us() {
    let (desk, _) = sealed().await;
    let lines = desk.ends(0, &["audit", "export"]);
    assert_eq!(lines.lines().count(), 1 + 40 + 2);
    desk.ends(0, &["audit", "export", "--out", "journal.jsonl"]);
    assert_eq!(fs::read_to_string(desk.path("journal.jsonl")).unwrap(), lines);
    assert!(told(&desk.run(&["audit", "export", "--out", "journal.jsonl"])).contains("never written over"));

    let stranger = Command::new("python3")
        .arg(VERIFIER)
        .args(["journal.jsonl", "checkpoint.json", "--key", &desk.journal_key])
        .current_dir(desk.path(""))
        .output()
        .unwrap();
    assert_eq!((stranger.status.code(), told(&stranger).trim()), (Some(0), "sound"));

    let key = desk.journal_key.clone();
    let arguments = [
        "audit",
        "verify",
        "--export",
        "journal.jsonl",
        "--checkpoint",
        "checkpoint.json",
        "--key",
        &key,
        "--json",
    ];
    assert_eq!(desk.json(0, &arguments)["sound"], true);
    let without_a_line: String =
        lines.lines().enumerate().filter(|(n, _)| *n != 12).map(|(_, line)| format!("{line}\n")).collect();
    fs::write(desk.path("journal.jsonl"), without_a_line).unwrap();
    assert_eq!(desk.json(1, &arguments)["findings"][0]["finding"], "rows_missing");
    fs::write(desk.path("journal.jsonl"), "not a journal\n").unwrap();
    assert_eq!(desk.run(&arguments).status.code(), Some(65));
}

/// A store that another process works in is read all the same; only sealing it is the other's.
#[tokio::test]
async fn a_store_at_work_is_examined_and_not_sealed() {
    let (desk, _) = sealed().await;
    let at_work = desk.store().await;
    desk.ends(0, &["audit", "verify"]);
    assert_eq!(desk.ends(0, &["audit", "export"]).lines().count(), 43);
    let refused = desk.run(&["audit", "checkpoint"]);
    assert_eq!(refused.status.code(), Some(75), "{}", told(&refused));
    at_work.close().await;
}

/// F-N06: an older copy is put back, and the first command that somebody runs is `audit checkpoint`. It keeps a checkpoint of the copy
/// in place of the one that tells; the restore is noticed and written down before.
#[tokio::test]
async fn a_checkpoint_of_an_older_copy_does_not_hide_that_it_is_one() {
    let desk = Desk::new();
    with_rows(&desk, 0, 5).await;
    desk.ends(0, &["audit", "checkpoint"]);
    desk.ends(0, &["store", "backup", "yesterday.db"]);
    with_rows(&desk, 5, 5).await;
    let newer = desk.ends(0, &["audit", "checkpoint"]);
    fs::write(desk.path("newer.json"), newer).unwrap();
    desk.put_back("yesterday.db");

    desk.ends(0, &["audit", "checkpoint"]);
    let store = desk.store().await;
    let gate = store.facts().await.unwrap().restore_gate.expect("the gate is shut");
    assert!(gate.why.contains("row 10"), "{}", gate.why);
    store.close().await;
    let report = desk.json(1, &["audit", "verify", "--checkpoint", "newer.json", "--json"]);
    assert_eq!(report["sound"], false);
}

#[test]
fn without_a_store_there_is_nothing_to_check_and_nothing_is_made() {
    let desk = Desk::new();
    for arguments in [&["audit", "verify"][..], &["audit", "export"], &["audit", "checkpoint"]] {
        let output = desk.run(arguments);
        assert_eq!(output.status.code(), Some(66), "{arguments:?}: {}", told(&output));
    }
    assert!(!desk.path("payoutd.db").exists());
    fs::write(desk.path("x.json"), "{}").unwrap();
    assert_eq!(desk.run(&["audit", "verify", "--checkpoint", "x.json"]).status.code(), Some(65));
    assert_eq!(desk.run(&["audit", "verify", "--checkpoint", "y.json"]).status.code(), Some(66));
}
