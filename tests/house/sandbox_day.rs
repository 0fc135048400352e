//! The sandbox's day, as a newcomer has it: the built binary, one command, every payout settled and the books in order.

use crate::kit::{desk::told, network::terminate};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

fn sandbox(arguments: &[&str]) -> (bool, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_payoutd")).arg("sandbox").args(arguments).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer = String::from_utf8(output.stdout).unwrap();
    let last = answer.lines().last().unwrap_or_else(|| panic!("no answer; it said:\n{talk}"));
    (output.status.success(), serde_json::from_str(last).unwrap(), talk)
}

fn all_settled(paid: u64, arguments: &[&str]) {
    let (good, answer, talk) = sandbox(arguments);
    assert!(good, "{answer}\n{talk}");
    assert_eq!(answer["paid"], paid);
    assert_eq!(answer["settled"], paid);
    for none in ["failed", "held", "unknown", "violations"] {
        assert_eq!(answer[none], 0, "{none}");
    }
}

/// F-N19: one command pays, proves and leaves.
#[test]
fn a_newcomer_sees_every_sample_payout_settled() {
    all_settled(25, &["--demo", "25", "--exit", "--json"]);
}

/// F-N01, F-N02: on a network where everything goes wrong, everything settles all the same, once.
#[test]
fn a_storm_delays_and_neither_loses_nor_doubles() {
    let storms: Vec<_> = ["7", "20"]
        .map(|seed| {
            std::thread::spawn(move || {
                all_settled(25, &["--demo", "25", "--exit", "--json", "--weather", "stormy", "--seed", seed])
            })
        })
        .into_iter()
        .collect();
    for storm in storms {
        storm.join().unwrap();
    }
}

/// One sandbox after the other goes on with what is there.
#[test]
fn a_folder_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    all_settled(3, &["--demo", "3", "--exit", "--json", "--data", data]);
    all_settled(4, &["--demo", "4", "--exit", "--json", "--data", data]);
    let listed =
        Command::new(env!("CARGO_BIN_EXE_payoutd")).args(["check-config", "--data", data]).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
}

/// A command upon a sandbox's folder.
fn upon(data: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_payoutd")).args(arguments).args(["--data", data]).output().unwrap()
}

/// The same, which must end with this code; its JSON.
fn json_upon(data: &str, code: i32, arguments: &[&str]) -> Value {
    let output = upon(data, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The fear: the sandbox has paid and left, and the next command that the README names says that nobody is there.
#[test]
fn a_folder_answers_when_its_sandbox_has_left() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("my-sandbox");
    let network = data.join("chain.json");
    let data = data.to_str().unwrap();
    all_settled(3, &["--demo", "3", "--exit", "--json", "--data", data]);
    let saved = std::fs::read(&network).unwrap();

    let compared = json_upon(data, 0, &["reconcile", "--json"]);
    assert_eq!((&compared["findings"], &compared["stages"]), (&json!([]), &json!({ "settled": 3 })));
    assert_eq!(compared["node"], json!(network.to_str().unwrap()));
    assert!(saved == std::fs::read(&network).unwrap(), "a look has written");

    let page = json_upon(data, 0, &["payouts", "list", "--limit", "2", "--json"]);
    let ids: Vec<_> = page["payouts"].as_array().unwrap().iter().map(|payout| payout["id"].clone()).collect();
    let next = page["next_cursor"].as_str().unwrap();
    let rest = json_upon(data, 0, &["payouts", "list", "--limit", "2", "--json", "--cursor", next]);
    assert_eq!((ids.len(), rest["payouts"].as_array().unwrap().len()), (2, 1));
    assert!(rest["next_cursor"].is_null() && !ids.contains(&rest["payouts"][0]["id"]), "{rest}");
    let foreign = upon(data, &["payouts", "list", "--stage", "held", "--cursor", next]);
    assert_eq!(foreign.status.code(), Some(65), "{}", told(&foreign));
    let id = ids[0].as_str().unwrap();
    assert_eq!(json_upon(data, 0, &["payouts", "show", id, "--json"]), page["payouts"][0]);
    assert_eq!(json_upon(data, 0, &["payouts", "watch", id, "--json"])["stage"], "settled");
    let told_from = told(&upon(data, &["payouts", "show", id]));
    assert!(
        told_from.contains("the daemon is not running") && told_from.contains("payoutd.db"),
        "{told_from}"
    );
    let nobody = upon(data, &["payouts", "show", "0192f0c1-0000-7000-8000-000000000000"]);
    assert_eq!((nobody.status.code(), told(&nobody).contains("no payout has this id")), (Some(65), true));

    // What moves money wants the daemon, and says how it is started.
    for verb in [["payouts", "cancel", id], ["payouts", "verify", id], ["actors", "--color", "never"]] {
        let refused = upon(data, &verb);
        assert_eq!(refused.status.code(), Some(69), "{}", told(&refused));
        assert!(told(&refused).contains(&format!("payoutd sandbox --data {data}")), "{}", told(&refused));
    }
}

/// A demonstration that takes minutes, and what it says.
fn slow_day(data: &str, more: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let mut day = Command::new(env!("CARGO_BIN_EXE_payoutd"))
        .args(["sandbox", "--block-ms", "3000", "--data", data])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let says = BufReader::new(day.stderr.take().unwrap());
    (day, says)
}

/// Waits until it says this.
fn until_said(says: &mut BufReader<ChildStderr>, words: &str) -> String {
    let (mut line, mut all) = (String::new(), String::new());
    while says.read_line(&mut line).unwrap() > 0 {
        all.push_str(&line);
        if line.contains(words) {
            return std::mem::take(&mut line);
        }
        line.clear();
    }
    panic!("it never said {words:?}:\n{all}");
}

/// The fear: whoever stops the demonstration is not heard until it is over, and loses what was done.
#[test]
fn one_signal_ends_the_demonstration_in_order_and_keeps_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    // With --exit somebody waits for the verdict, and there is none.
    for (more, code, payouts) in [(&["--demo", "2", "--exit"][..], 130, 2), (&["--demo", "1"][..], 0, 3)] {
        let (mut day, mut says) = slow_day(data, more);
        until_said(&mut says, "broadcast");
        terminate(&day);
        let last = until_said(&mut says, "SIGTERM");
        assert!(last.contains(&format!("`payoutd sandbox --data {data}` goes on from here")), "{last}");
        assert_eq!(day.wait().unwrap().code(), Some(code));
        let kept = json_upon(data, 0, &["payouts", "list", "--json"]);
        assert_eq!(kept["payouts"].as_array().unwrap().len(), payouts, "{kept}");
        json_upon(data, 0, &["reconcile", "--json"]);
    }
}

/// The fear: a second sandbox in the folder is refused, but only after it has written its own addresses over the first one's.
#[test]
fn a_second_sandbox_in_the_folder_is_refused_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let (mut day, mut says) = slow_day(data, &["--demo", "1"]);
    until_said(&mut says, "is open at");
    let written = std::fs::read(folder.path().join("payoutd.toml")).unwrap();
    let second = upon(data, &["sandbox", "--demo", "1", "--exit"]);
    assert_eq!(second.status.code(), Some(75), "{}", told(&second));
    assert!(told(&second).contains(&format!("process {}", day.id())), "{}", told(&second));
    assert!(written == std::fs::read(folder.path().join("payoutd.toml")).unwrap());
    json_upon(data, 0, &["actors", "--json"]);
    terminate(&day);
    assert_eq!(day.wait().unwrap().code(), Some(0));
}

/// What somebody meets who mistypes a folder, or names nothing at all.
#[test]
fn a_folder_that_is_none_and_a_daemon_that_nobody_named_are_said_with_the_next_step() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("nothing");
    let data = data.to_str().unwrap();
    for command in [
        &["payouts", "list"][..],
        &["reconcile"],
        &["audit", "verify"],
        &["pause"],
        &["check-config", "--json"],
    ] {
        let refused = upon(data, command);
        assert_eq!(refused.status.code(), Some(66), "{command:?}: {}", told(&refused));
        assert!(
            told(&refused).contains(&format!("`payoutd sandbox --data {data}` makes one")),
            "{}",
            told(&refused)
        );
    }
    let mut nobody = Command::new(env!("CARGO_BIN_EXE_payoutd"));
    let nobody = nobody.args(["payouts", "list"]).env_remove("PAYOUTD_CONFIG").output().unwrap();
    assert_eq!(nobody.status.code(), Some(78), "{}", told(&nobody));
    assert!(told(&nobody).contains("--url URL --token-file FILE"), "{}", told(&nobody));
}

/// The fear: a folder whose kill switch was pulled yesterday, and a demonstration that waits for ever without a word.
#[test]
fn a_paused_folder_says_so_and_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    all_settled(1, &["--demo", "1", "--exit", "--json", "--data", data]);
    json_upon(data, 0, &["pause", "the auditors are here", "--json"]);
    let refused = upon(data, &["sandbox", "--demo", "1", "--exit"]);
    assert_eq!(refused.status.code(), Some(75), "{}", told(&refused));
    for part in ["the auditors are here", &format!("payoutd resume --data {data}")] {
        assert!(told(&refused).contains(part), "{}", told(&refused));
    }
    let (mut day, mut says) = slow_day(data, &["--demo", "1"]);
    let words = until_said(&mut says, "no sample payouts are made");
    assert!(words.contains("payoutd resume"), "{words}");
    terminate(&day);
    assert_eq!(day.wait().unwrap().code(), Some(0));
    json_upon(data, 0, &["resume", "--json"]);
    all_settled(1, &["--demo", "1", "--exit", "--json", "--data", data]);
}
