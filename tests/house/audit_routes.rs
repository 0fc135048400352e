//! The fear: whoever is let in reads what others did; or the one who should read it finds nothing, because the journal is long.

use std::{collections::BTreeSet, fs};

use payoutd_actors::domain::journal::{Body, JournalDraft, JournalRecord};
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{
    daemon::Daemon,
    desk::Desk,
    door::{OpenDoor, send},
    network::Network,
    small_office::{ALARM_EVERY, JOURNAL},
};

/// The places of a page, and its next cursor.
fn page(answer: &Value) -> (Vec<i64>, Option<String>) {
    let records = answer["records"].as_array().unwrap();
    let places = records.iter().map(|record| record["seq"].as_i64().unwrap()).collect();
    (places, answer["next_cursor"].as_str().map(str::to_owned))
}

/// F004-30: whoever follows the cursors has seen each record once, newest first, and no page costs more than so many rows.
#[actix_web::test]
async fn every_record_is_found_page_by_page_and_no_page_reads_the_whole_journal() {
    let door = OpenDoor::open().await;
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let more = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let answer = door.get(&format!("/v1/audit/alerts?limit=4{more}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(door.office.rows_read() <= 10_000);
        let (places, next) = page(&answer.json());
        assert!(places.len() <= 4);
        seen.extend(places);
        pages += 1;
        match next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let all: Vec<i64> = (1..=JOURNAL / ALARM_EVERY).rev().map(|number| number * ALARM_EVERY).collect();
    assert_eq!(seen, all);
    assert!(pages >= all.len() / 4);
    let first = &door.get("/v1/audit/alerts?limit=1").await.json()["records"][0];
    assert_eq!(
        (&first["kind"], &first["severity"]),
        (&Value::from("alarm_foreign_chain"), &Value::from("critical"))
    );
}

/// A time in the middle of a long journal is found without walking there.
#[actix_web::test]
async fn a_time_range_is_gone_to_and_not_walked_to() {
    let door = OpenDoor::open().await;
    let answer = door.get(&format!("/v1/audit/alerts?limit=1&to={}", moment(5_001))).await;
    assert!(door.office.rows_read() < 3_000);
    assert_eq!(page(&answer.json()).0, [5_000]);
    let none = door.get(&format!("/v1/audit/alerts?from={}&to={}", moment(5_001), moment(5_999))).await;
    assert_eq!(page(&none.json()), (Vec::new(), None));
    let somebody = door.get("/v1/audit/users/somebody-7").await;
    let (mut places, next) = page(&somebody.json());
    let rest = door.get(&format!("/v1/audit/users/somebody-7?cursor={}", next.unwrap())).await;
    places.extend(page(&rest.json()).0);
    assert_eq!(places, [20_007, 10_007]);
}

/// When the busy journal begins, unix ms.
const BUSY_MS: i64 = 1_795_000_000_000;

/// Five rows each millisecond, and every hundredth of a daemon whose clock goes four and a half minutes behind; each thousandth says what is
/// looked for, each third names who is looked for elsewhere than where people are named.
fn a_busy_journal(rows: i64) -> Vec<JournalRecord> {
    let row = |seq: i64| {
        let late_ms = if seq % 100 == 50 { 270_000 } else { 0 };
        let kind = if seq % 1_000 == 50 { "alarm_foreign_chain" } else { "payout_settled" };
        let name = if seq % 1_000 == 50 { "by" } else { "seen" };
        let told = if seq % 3 == 0 || seq % 1_000 == 50 { "a \"quoted\" \\ name" } else { "else" };
        let body = Body::of(&json!({ name: told })).unwrap();
        JournalDraft::new(BUSY_MS + seq / 5 - late_ms, kind, body).into_record(seq)
    };
    (1..=rows).map(row).collect()
}

/// Everything that a list shows, page by page; how many pages there were, and the rows that the dearest of them has read.
async fn whole_list(door: &OpenDoor, path: &str) -> (Vec<i64>, usize, i64) {
    let (mut seen, mut pages, mut dearest, mut cursor) = (Vec::new(), 0, 0, None::<String>);
    loop {
        let more = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        door.office.rows_read();
        let answer = door.get(&format!("{path}{more}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        dearest = dearest.max(door.office.rows_read());
        let (places, next) = page(&answer.json());
        seen.extend(places);
        pages += 1;
        match next {
            Some(next) => cursor = Some(next),
            None => return (seen, pages, dearest),
        }
    }
}

/// F004-30: where thousands of rows are written a second, a time is found with the first page, and so is what a daemon has written whose
/// clock goes behind; what only looks like what is asked for costs pages and hides nothing.
#[actix_web::test]
async fn nothing_is_lost_and_no_page_is_in_vain_where_much_is_written_and_clocks_differ() {
    let door = OpenDoor::open().await;
    let journal = a_busy_journal(100_000);
    door.office.remembers(journal.clone());
    let at = |ms: i64| payoutd::wire::moment::write(BUSY_MS + ms);
    let expected = |from_ms: i64, to_ms: i64, alarms: bool| -> Vec<i64> {
        let in_time = |row: &&JournalRecord| (BUSY_MS + from_ms..BUSY_MS + to_ms).contains(&row.at_ms);
        let wanted = |row: &&JournalRecord| !alarms || row.kind.starts_with("alarm");
        journal.iter().rev().filter(in_time).filter(wanted).map(|row| row.seq).collect()
    };
    // The rows of others lie before and behind, all of them within the five minutes.
    for (from_ms, to_ms) in [(12_000, 12_400), (-261_000, -260_000), (19_990, 30_000), (-270_000, -269_990)] {
        let list = format!("from={}&to={}", at(from_ms), at(to_ms));
        let (seen, _, dearest) = whole_list(&door, &format!("/v1/audit/records?limit=200&{list}")).await;
        assert_eq!(seen, expected(from_ms, to_ms, false), "{list}");
        assert!(dearest <= 30_001, "{list}: {dearest}");
        for path in ["/v1/audit/alerts?", "/v1/audit/users/a%20%22quoted%22%20%5C%20name?"] {
            for limit in [1, 3, 200] {
                let (seen, ..) = whole_list(&door, &format!("{path}limit={limit}&{list}")).await;
                assert_eq!(seen, expected(from_ms, to_ms, true), "{path}{limit} {list}");
            }
        }
    }
    let all = "/v1/audit/users/a%20%22quoted%22%20%5C%20name?limit=7";
    let (seen, pages, dearest) = whole_list(&door, all).await;
    assert_eq!(seen, expected(-300_000, 300_000, true));
    assert!(pages >= 100_000 / 3 / 1_008 && dearest <= 10_000, "{pages} {dearest}");
    let first = door.get(&format!("/v1/audit/records?limit=200&to={}", at(16_500))).await;
    assert_eq!(page(&first.json()).0.first(), Some(&99_950), "one that was late is the first");
    let (places, _) = page(
        &door.get(&format!("/v1/audit/records?limit=200&from={}&to={}", at(16_000), at(16_500))).await.json(),
    );
    assert_eq!(places.first(), Some(&82_499), "17,500 rows that came later were passed over");
}

/// One second for each row, from the small office's beginning on.
fn moment(seq: i64) -> String {
    payoutd::wire::moment::write(1_790_000_000_000 + seq * 1_000)
}

/// A cursor of one list is none of another's, and a wrong query is told.
#[actix_web::test]
async fn a_cursor_of_another_list_is_refused() {
    let door = OpenDoor::open().await;
    let (_, next) = page(&door.get("/v1/audit/alerts?limit=1").await.json());
    let next = next.unwrap();
    for (path, problem) in [
        (format!("/v1/audit/suspicious?cursor={next}"), "foreign-cursor"),
        (format!("/v1/audit/alerts?cursor={next}&to={}", moment(9)), "foreign-cursor"),
        ("/v1/audit/alerts?limit=201".to_owned(), "invalid-query"),
        ("/v1/audit/alerts?from=yesterday".to_owned(), "invalid-query"),
        (format!("/v1/audit/alerts?from={}&to={}", moment(9), moment(8)), "invalid-query"),
        ("/v1/audit/users/x?kind=y".to_owned(), "invalid-query"),
    ] {
        let answer = door.get(&path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, problem), "{path}");
    }
}

/// F004-30, D-67: a key reads what was done with it and nothing of anybody else, whether there is such a one or not; an auditor reads
/// of everybody, here by the commands.
#[actix_web::test]
async fn whoever_is_no_auditor_reads_of_themselves_alone() {
    let network = Network::start(&[]);
    let desk = Desk::beside(&network);
    assert!(desk.run_alone(&["keys", "new", "master", "--out", "master.key"]).status.success());
    let file = desk.path("payoutd.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{config}\n[identity]\nmaster_key_file = \"master.key\"\n")).unwrap();
    let daemon = Daemon::open(&desk).await;
    let mut keys = Vec::new();
    for (name, may, reach) in
        [("reader", "payout:read", "all"), ("auditor", "audit:read", "all"), ("narrow", "audit:read", "own")]
    {
        let out = format!("{name}.key");
        let issue = [
            "keys",
            "issue",
            name,
            "--account",
            name,
            "--may",
            may,
            "--reach",
            reach,
            "--from",
            "any",
            "--out",
            &out,
        ];
        desk.ends(0, &issue);
        keys.push(fs::read_to_string(desk.path(&out)).unwrap().trim().to_owned());
        // No key is made that there is no place for.
        assert_eq!(desk.run(&issue).status.code(), Some(73));
        assert_eq!(desk.json(0, &["keys", "list", "--json"])["keys"].as_array().unwrap().len(), keys.len());
    }
    let [reader, auditor, narrow] = keys.try_into().unwrap();
    let name_of = |key: &str| format!("key:{}", key.split('_').nth(1).unwrap());
    let ask = async |daemon: &Daemon, key: &str, path: &str| {
        send(daemon.caller.stranger(Method::GET, path).bearer_auth(key)).await
    };
    // Something to be read: the reader wants what it may not have.
    assert_eq!(ask(&daemon, &reader, "/v1/stats").await.status, 403);
    daemon.stop();
    let daemon = Daemon::open(&desk).await;

    let own = ask(&daemon, &reader, &format!("/v1/audit/users/{}", name_of(&reader))).await;
    assert_eq!(own.status, 200, "{}", own.text);
    let kinds: BTreeSet<_> = own.json()["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["kind"].as_str().unwrap().to_owned())
        .collect();
    assert!(kinds.contains("authorization_denied"), "{kinds:?}");
    let foreign: Vec<_> = ["house".to_owned(), name_of(&auditor), "nobody".to_owned()].into();
    for id in foreign {
        let answer = ask(&daemon, &reader, &format!("/v1/audit/users/{id}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"), "{id}");
    }
    let beyond = ask(&daemon, &narrow, &format!("/v1/audit/users/{}", name_of(&reader))).await;
    assert_eq!((beyond.status, beyond.problem().as_str()), (404, "not-found"), "its reach is its own");
    for path in ["/v1/audit/suspicious", "/v1/audit/alerts"] {
        assert_eq!(ask(&daemon, &reader, path).await.status, 403, "{path}");
        assert_eq!(ask(&daemon, &auditor, path).await.status, 200, "{path}");
    }
    let of_reader = ask(&daemon, &auditor, &format!("/v1/audit/users/{}", name_of(&reader))).await;
    assert_eq!(of_reader.status, 200, "{}", of_reader.text);
    let told = desk.ends(0, &["audit", "suspicious"]);
    assert!(told.contains("authorization_denied") && told.contains(&name_of(&reader)), "{told}");
    let by_house = desk.ends(0, &["audit", "user", "house", "--json"]);
    assert!(by_house.lines().any(|line| line.contains("api_key_added")), "{by_house}");
    desk.ends(0, &["audit", "alerts"]);
    daemon.stop();
}

/// ASVS 8.2.3: whoever may order and not read finds in what is said of them that they have ordered, and not what.
#[actix_web::test]
async fn whoever_may_order_and_not_read_is_not_shown_what_was_ordered() {
    let network = Network::start(&[]);
    let desk = Desk::beside(&network);
    assert!(desk.run_alone(&["keys", "new", "master", "--out", "master.key"]).status.success());
    let file = desk.path("payoutd.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{config}\n[identity]\nmaster_key_file = \"master.key\"\n")).unwrap();
    let daemon = Daemon::open_with(&desk, &[("PAYOUTD_IDENTITY__REQUIRE_SIGNED_REQUESTS", "false")]).await;
    let key = |name: &str, may: &[&str]| {
        let out = format!("{name}.key");
        desk.ends(
            0,
            &[&["keys", "issue", name, "--account", name, "--from", "any", "--out", &out], may].concat(),
        );
        fs::read_to_string(desk.path(&out)).unwrap().trim().to_owned()
    };
    let writer = key("writer", &["--may", "payout:create"]);
    let auditor = key("auditor", &["--may", "audit:read", "--reach", "all"]);
    let asks = |method: Method, path: &str, key: &str| daemon.caller.stranger(method, path).bearer_auth(key);
    let recipient = network.account(1);
    let order = json!({ "recipient": recipient, "amount": "1", "memo": "CANARY" });
    let request = asks(Method::POST, "/v1/payouts", &writer).header("Idempotency-Key", "k");
    let taken = send(request.header("X-Request-ID", "order-1").json(&order)).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    let payout = format!("/v1/payouts/{}", taken.json()["id"].as_str().unwrap());
    assert_eq!(send(asks(Method::GET, &payout, &writer)).await.status, 403);

    let about = format!("/v1/audit/users/key:{}", writer.split('_').nth(1).unwrap());
    let own = send(asks(Method::GET, &about, &writer)).await;
    let born = own.json()["records"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["kind"] == "payout_admitted")
        .cloned();
    assert_eq!(born.unwrap()["body"]["correlation_id"], "order-1");
    assert!(!own.text.contains(recipient) && !own.text.contains("CANARY"), "{}", own.text);
    let audited = send(asks(Method::GET, &about, &auditor)).await;
    assert!(audited.text.contains(recipient) && audited.text.contains("CANARY"), "{}", audited.text);
    daemon.stop();
}
