//! The sandbox's day, as a newcomer has it: the built binary, one command, every payout settled and the books in order.

use serde_json::Value;
use std::process::Command;

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

/// A second sandbox in the same folder is refused by the store's lock; one after the other goes on with what is there.
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
