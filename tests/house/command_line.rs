//! The fear: a command that says one thing and does another, or that a script cannot trust.

use std::{
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

fn payoutd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_payoutd")).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_fresh_key_is_for_its_owner_alone_and_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.pem");
    let path = file.to_str().unwrap();

    let made = payoutd(&["keys", "new", "journal", "--out", path, "--json"]);
    assert!(made.status.success(), "{}", stderr(&made));
    let answer: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(answer["public_key_hex"].as_str().unwrap().len(), 64);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let before = std::fs::read(&file).unwrap();
    let again = payoutd(&["keys", "new", "journal", "--out", path]);
    assert_eq!(again.status.code(), Some(73));
    assert!(stderr(&again).contains("never written over"));
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn wrong_arguments_end_with_two_and_help_with_nought() {
    assert_eq!(payoutd(&["make-me-rich"]).status.code(), Some(2));
    assert_eq!(payoutd(&["--help"]).status.code(), Some(0));
}

#[test]
fn a_fresh_wallet_key_is_what_the_configuration_takes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wallet.key");
    let made = payoutd(&["keys", "new", "wallet", "--out", file.to_str().unwrap(), "--json"]);
    assert!(made.status.success(), "{}", stderr(&made));
    let answer: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let key = payoutd_actors::domain::tron::key::PrivateKey::from_hex(text.trim()).unwrap();
    assert_eq!(answer["address"], key.address().to_string());
    assert!(!String::from_utf8(made.stdout).unwrap().contains(text.trim()));
}
