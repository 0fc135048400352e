//! The fear: somebody tries credentials all night, or asks for what they may not have, and the record of the house says nothing of it;
//! or it says it in a word that nobody has explained.

use std::{collections::BTreeSet, fs, path::Path};

use payoutd_actors::domain::journal::vocabulary::{KINDS, kind_line, vocabulary_page};
use reqwest::Method;
use serde_json::Value;

use crate::kit::{daemon::Daemon, desk::Desk, door::send, network::Network};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The program's own sources, tests and this table left out.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", "fakes", "exam"].contains(&name.as_str()) {
            sources(&path, found);
        } else if name.ends_with(".rs") && !name.contains("tests") && name != "vocabulary.rs" {
            let text = fs::read_to_string(&path).unwrap();
            found.push(text.split("#[cfg(test)]").next().unwrap().to_owned());
        }
    }
}

/// The text in quotes right behind `mark`, wherever that stands.
fn quoted_behind<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let behind = text.split(mark).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
    behind.filter_map(|rest| rest.split('"').next()).collect()
}

/// F000-13, F004-29: whatever is written into the journal anywhere stands in the table, and whatever stands there is written.
#[test]
fn no_word_is_written_that_is_not_explained_and_none_is_explained_that_is_not_written() {
    let mut texts = Vec::new();
    for folder in ["src", "actors/src"] {
        sources(&Path::new(HERE).join(folder), &mut texts);
    }
    let mut written = BTreeSet::new();
    for text in &texts {
        // How a clerk says what became of a person, a key, a sign-in; and every alarm.
        written.extend(quoted_behind(text, "word("));
        written.extend(quoted_behind(text, "write_failure("));
        written.extend(text.split('"').filter(|word| word.starts_with("alarm_") && !word.contains(' ')));
    }
    assert!(written.contains("api_key_added") && written.contains("alarm_journal_broken"), "{written:?}");
    for word in written {
        assert!(kind_line(word).is_some(), "{word} is written, and docs/audit.md does not know it");
    }
    for line in KINDS {
        // The life cycle writes its names as variants.
        let variant: String =
            line.word.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect();
        let emitted = |text: &String| {
            text.contains(&format!("\"{}\"", line.word)) || text.contains(&format!("Event::{variant}"))
        };
        assert!(texts.iter().any(emitted), "nobody writes {}", line.word);
    }
}

/// The tests, and what in the sources is for tests alone.
fn tests(folder: &Path, is_all: bool, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_all = is_all || name.contains("tests") || name == "exam";
        if path.is_dir() {
            tests(&path, is_all, found);
        } else if name.ends_with(".rs") && !["vocabulary.rs", "outbox.rs"].contains(&name.as_str()) {
            let text = fs::read_to_string(&path).unwrap();
            let own = if is_all {
                Some(text.as_str())
            } else {
                text.split_once("#[cfg(test)]").map(|(_, own)| own)
            };
            found.extend(own.map(str::to_owned));
        }
    }
}

/// F000-13, F004-29: each word is spelled in a test that has seen it written, or written about.
#[test]
fn every_word_of_the_journal_has_a_test() {
    let mut texts = vec![include_str!("vocabulary.rs").to_owned()];
    for (folder, is_all) in [("tests", true), ("actors/tests", true), ("src", false), ("actors/src", false)] {
        tests(&Path::new(HERE).join(folder), is_all, &mut texts);
    }
    let untested: Vec<_> = KINDS
        .iter()
        .map(|line| line.word)
        .filter(|word| !texts.iter().any(|text| text.contains(word)))
        .collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn the_documented_vocabulary_is_the_programs() {
    let file = Path::new(HERE).join("docs/audit.md");
    if std::env::var_os("PAYOUTD_WRITE_DOCS").is_some() {
        fs::write(&file, vocabulary_page()).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap() == vocabulary_page(),
        "docs/audit.md is old: PAYOUTD_WRITE_DOCS=1"
    );
}

/// F000-13, F000-16: who shows a wrong credential, and who wants what they may not have, stand in the journal of a real daemon, each
/// once with how often; and no credential does.
#[actix_web::test]
async fn refusals_stand_in_the_journal_with_who_what_why_and_how_often() {
    let network = Network::start(&[]);
    let desk = Desk::beside(&network);
    let master = desk.run_alone(&["keys", "new", "master", "--out", "master.key"]);
    assert!(master.status.success());
    let file = desk.path("payoutd.toml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{config}\n[identity]\nmaster_key_file = \"master.key\"\n")).unwrap();
    let daemon = Daemon::open(&desk).await;
    let issue = [
        "keys",
        "issue",
        "reader",
        "--account",
        "reader",
        "--may",
        "payout:read",
        "--from",
        "any",
        "--out",
        "reader.key",
    ];
    desk.ends(0, &issue);
    let key = fs::read_to_string(desk.path("reader.key")).unwrap().trim().to_owned();

    let elsewhere = ["keys", "issue", "elsewhere", "--account", "reader", "--may", "payout:read"];
    desk.ends(0, &[&elsewhere[..], &["--from", "198.51.100.0/24", "--out", "elsewhere.key"]].concat());
    let stolen = fs::read_to_string(desk.path("elsewhere.key")).unwrap().trim().to_owned();

    let caller = &daemon.caller;
    assert_eq!(send(caller.stranger(Method::GET, "/v1/payouts").bearer_auth(&stolen)).await.status, 403);
    for _ in 0..3 {
        let wrong = caller.stranger(Method::GET, "/v1/payouts").bearer_auth("CANARY-of-a-guess");
        assert_eq!(send(wrong).await.status, 401);
    }
    for _ in 0..2 {
        let beyond = caller.stranger(Method::GET, "/v1/stats").bearer_auth(&key);
        assert_eq!(send(beyond.header("X-Request-ID", "who-asks")).await.status, 403);
    }
    daemon.stop();

    let exported = desk.ends(0, &["audit", "export"]);
    let rows: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| rows.iter().find(|row| row["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    let failed = &of("authentication_failed")["body"];
    assert_eq!(failed["count"], 3, "{failed}");
    for (name, told) in [
        ("principal", "this machine"),
        ("action", "payout_list"),
        ("permission", "payout:read"),
        ("reason", "malformed"),
    ] {
        assert_eq!(failed[name], told, "{name}");
    }
    let denied = &of("authorization_denied")["body"];
    let key_id = key.split('_').nth(1).unwrap();
    assert_eq!((denied["count"].as_u64(), &denied["correlation_id"]), (Some(2), &Value::from("who-asks")));
    assert_eq!(
        (&denied["principal"], &denied["action"]),
        (&Value::from(format!("key:{key_id}")), &Value::from("stats_read"))
    );
    let outside = &of("suspicious_activity")["body"];
    assert_eq!(
        (&outside["action"], outside["count"].as_u64()),
        (&Value::from("payout_list"), Some(1)),
        "{outside}"
    );
    assert!(!exported.contains("CANARY") && !exported.contains(&key), "{exported}");
    for row in rows.iter().filter(|row| row["type"] == "row") {
        assert!(kind_line(row["kind"].as_str().unwrap()).is_some(), "{row}");
    }
    desk.ends(0, &["audit", "verify"]);
}
