//! The fear: a year later somebody asks which request it was, and who stood behind it, and the journal does not know; or a stranger
//! has written into it whatever they liked.

use std::{fs, process::Command};

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{
    daemon::Daemon,
    desk::Desk,
    door::{OpenDoor, send},
    network::Network,
    small_office::{ALARM_EVERY, JOURNAL},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const VERIFIER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify_journal.py");

/// The records of `payoutd audit list` with these words.
fn listed(desk: &Desk, words: &[&str]) -> Vec<Value> {
    let told = desk.ends(0, &[&["audit", "list", "--json"], words].concat());
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["kind"].as_str().unwrap()).collect()
}

/// F000-14, F000-16: from the id that an answer bears, and from the trace that the caller gave, one comes to the payout, and from it to
/// everything that happened to it; whoever paused the house, made a key or was refused is found the same way. A hostile name is not
/// written. A stranger's verifier finds the journal sound.
#[actix_web::test]
async fn what_a_request_has_caused_is_found_by_its_id_and_by_its_trace() {
    let network = Network::start(&[]);
    let desk = Desk::beside(&network);
    assert!(desk.run_alone(&["keys", "new", "master", "--out", "master.key"]).status.success());
    let file = desk.path("payoutd.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{config}\n[identity]\nmaster_key_file = \"master.key\"\n")).unwrap();
    let mut daemon = Daemon::open(&desk).await;
    let asks = |method: Method, path: &str, name: &str, parent: &str| {
        let request = daemon.caller.request(method, path);
        request.header("X-Request-ID", name).header("traceparent", parent)
    };
    let order = |amount: &str| json!({ "recipient": network.account(1), "amount": amount });

    let batch = json!({ "payouts": [order("1"), order("2")] });
    let taken =
        asks(Method::POST, "/v1/payouts/batch", "batch-1", TRACEPARENT).header("Idempotency-Key", "b");
    let taken = send(taken.json(&batch)).await;
    assert_eq!((taken.status, taken.header("x-request-id")), (202, "batch-1"), "{}", taken.text);
    let hostile = asks(Method::POST, "/v1/payouts", "<script>CANARY", "00-CANARY-CANARY-01");
    let hostile = send(hostile.header("Idempotency-Key", "h").json(&order("3"))).await;
    let given = hostile.header("x-request-id").to_owned();
    assert_eq!((hostile.status, given.len()), (202, 36), "{}", hostile.text);
    for (path, name) in [("/v1/admin/pause", "pause-1"), ("/v1/admin/resume", "resume-1")] {
        let asked = asks(Method::POST, path, name, TRACEPARENT).json(&json!({ "reason": "a look" }));
        assert_eq!(send(asked).await.status, 200, "{path}");
    }
    let limit = json!({ "scope": "house", "hourly_usdt": "900", "reason": "a story" });
    let limit = send(asks(Method::PUT, "/v1/admin/limits", "limit-1", TRACEPARENT).json(&limit)).await;
    assert_eq!(limit.status, 200, "{}", limit.text);
    let later =
        json!({ "recipient": network.account(1), "amount": "4", "not_before": "2099-01-01T00:00:00Z" });
    let later = daemon.caller.order("later", &later).await.json();
    let cancel = format!("/v1/payouts/{}/cancel", later["id"].as_str().unwrap());
    assert_eq!(send(asks(Method::POST, &cancel, "cancel-1", "")).await.status, 200);
    daemon.until_stage("settled", 3).await;

    let born = listed(&desk, &["--request", "batch-1"]);
    assert_eq!(kinds(&born), ["payout_admitted", "payout_admitted"]);
    for record in &born {
        let body = &record["body"];
        let told = [&body["correlation_id"], &body["trace_id"], &body["ordered_by"], &body["client"]];
        assert_eq!(told, ["batch-1", TRACE, "house", "127.0.0.1"], "{record}");
    }
    let traced = listed(&desk, &["--trace", TRACE]);
    let expected = ["limit_changed", "house_resumed", "house_paused", "payout_admitted", "payout_admitted"];
    assert_eq!(kinds(&traced), expected);
    assert!(traced[..3].iter().all(|record| record["body"]["by"] == "house"), "{traced:?}");
    let payout = born[0]["payout_id"].as_str().unwrap();
    let life = listed(&desk, &["--payout", payout]);
    let steps = kinds(&life);
    assert_eq!(
        (steps.first(), steps.last()),
        (Some(&"payout_settled"), Some(&"payout_admitted")),
        "{steps:?}"
    );
    assert!(life.iter().all(|record| record["payout_id"] == payout));
    let unnamed = listed(&desk, &["--request", &given]);
    assert_eq!((unnamed.len(), &unnamed[0]["body"]["trace_id"]), (1, &Value::Null));
    let cancelled = &listed(&desk, &["--request", "cancel-1"])[0];
    assert_eq!((&cancelled["kind"], &cancelled["body"]["by"]), (&json!("payout_cancelled"), &json!("house")));
    assert!(listed(&desk, &["--trace", TRACE, "--severity", "critical"]).is_empty());
    daemon.stop();
    let log = fs::read_to_string(desk.path("daemon.log")).unwrap();

    let checkpoint = desk.ends(0, &["audit", "checkpoint"]);
    fs::write(desk.path("checkpoint.json"), checkpoint).unwrap();
    desk.ends(0, &["audit", "verify", "--checkpoint", "checkpoint.json"]);
    desk.ends(0, &["audit", "export", "--out", "journal.jsonl"]);
    let journal = fs::read_to_string(desk.path("journal.jsonl")).unwrap();
    assert!(!journal.contains("CANARY") && !log.contains("CANARY"), "{journal}");
    let files = ["journal.jsonl", "checkpoint.json"].map(|name| desk.path(name));
    let verdict = Command::new("python3").arg(VERIFIER).args(files).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&verdict.stdout).trim(), "sound");
}

/// F004-27: whoever asks for what is at least so grave is shown that and nothing less, and a word that is no severity is told.
#[actix_web::test]
async fn a_list_shows_what_is_grave_enough_and_no_less() {
    let door = OpenDoor::open().await;
    let shown = async |path: &str| {
        let answer = door.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()["records"].as_array().unwrap().clone()
    };
    let everything = shown("/v1/audit/records?severity=info&limit=3").await;
    let places: Vec<_> = everything.iter().map(|record| record["seq"].as_i64().unwrap()).collect();
    assert_eq!(places, [JOURNAL, JOURNAL - 1, JOURNAL - 2]);
    for severity in ["warning", "critical"] {
        let grave = shown(&format!("/v1/audit/records?severity={severity}")).await;
        assert_eq!(i64::try_from(grave.len()).unwrap(), 10_000 / ALARM_EVERY, "{severity}");
        assert!(grave.iter().all(|record| record["severity"] == "critical"), "{grave:?}");
    }
    for wrong in [
        "severity=grave",
        "trace_id=00000000000000000000000000000000",
        "trace_id=4BF92F3577B34DA6A3CE929D0E0E4736",
        "correlation_id=a%20b",
        "payout_id=7",
    ] {
        let answer = door.get(&format!("/v1/audit/records?{wrong}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-query"), "{wrong}");
    }
    let (severe, mild) = ("/v1/audit/records?severity=critical&limit=1", "/v1/audit/records?severity=info");
    let cursor = door.get(severe).await.json()["next_cursor"].as_str().unwrap().to_owned();
    let answer = door.get(&format!("{mild}&limit=1&cursor={cursor}")).await;
    assert_eq!(answer.problem(), "foreign-cursor", "a cursor is bound to its filters");
}
