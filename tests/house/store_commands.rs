//! The fear: a store that is migrated, copied or opened in a way that somebody regrets.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use payoutd::{
    config::StoreUrl,
    store::{SqliteSettings, SqliteStore},
};
use payoutd_actors::ports::{Payouts, exam::kit};
use tempfile::TempDir;

use crate::kit::desk::pretend_newer;

/// A folder with a configuration whose store is in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = "\
        [store]\nurl = \"sqlite:payoutd.db\"\n\
        [http]\nlisten = \"127.0.0.1:0\"\ntoken_file = \"token\"\n\
        [wallet]\naddress = \"TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC\"\nkey_file = \"wallet.key\"\n\
        [journal]\nkey_file = \"journal.pem\"\n\
        [network]\nusdt = \"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\"\nsingle_source = true\n\
        nodes = [{ url = \"http://127.0.0.1:1\" }]\n";
    fs::write(folder.path().join("payoutd.toml"), config).unwrap();
    folder
}

fn payoutd(folder: &TempDir, arguments: &[&str]) -> Output {
    let config = folder.path().join("payoutd.toml");
    Command::new(env!("CARGO_BIN_EXE_payoutd"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].concat().iter().map(|byte| char::from(*byte)).collect()
}

fn json(output: &Output) -> serde_json::Value {
    assert_eq!(output.status.code(), Some(0), "{}", told(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn url(folder: &TempDir, name: &str) -> StoreUrl {
    StoreUrl::Sqlite(folder.path().join(name))
}

#[test]
fn migrate_makes_a_private_store_and_says_so_twice() {
    let folder = folder();
    let made = json(&payoutd(&folder, &["migrate", "--json"]));
    assert_eq!((&made["schema_found"], &made["schema"]), (&0.into(), &7.into()));
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("payoutd.db"), mode("payoutd.db.lock")), (0o600, 0o600));
    let again = json(&payoutd(&folder, &["migrate", "--json"]));
    assert_eq!((&again["schema_found"], &again["store_id"]), (&7.into(), &made["store_id"]));
    assert!(told(&payoutd(&folder, &["migrate"])).contains("has schema 7 already"));
}

/// One process a store: the second is refused and told who is there; a copy can be made all the same.
#[tokio::test]
async fn a_store_at_work_is_copied_and_not_migrated() {
    let folder = folder();
    let store = SqliteStore::open(&url(&folder, "payoutd.db")).await.unwrap();
    let paid = kit::pay(&store, kit::payout(1), 1_001).await.unwrap();

    let refused = payoutd(&folder, &["migrate"]);
    assert_eq!(refused.status.code(), Some(75));
    assert!(
        told(&refused).contains(&format!("held by process {}", std::process::id())),
        "{}",
        told(&refused)
    );

    let made = json(&payoutd(&folder, &["store", "backup", "copy.db", "--json"]));
    assert_eq!((&made["store_id"], &made["last_seq"]), (&store.store_id().into(), &5.into()));
    let again = payoutd(&folder, &["store", "backup", "copy.db"]);
    assert_eq!(again.status.code(), Some(73), "{}", told(&again));
    let copy = SqliteStore::look(&url(&folder, "copy.db")).await.unwrap();
    assert_eq!(copy.find(paid.id).await.unwrap(), Some(paid));
}

#[test]
fn what_is_no_store_is_left_alone() {
    let folder = folder();
    let nothing = payoutd(&folder, &["store", "backup", "copy.db"]);
    assert_eq!(nothing.status.code(), Some(66), "{}", told(&nothing));
    assert!(!folder.path().join("copy.db").exists() && !folder.path().join("payoutd.db").exists());

    let diary = "this is a diary, not a database: ".repeat(40);
    fs::write(folder.path().join("payoutd.db"), &diary).unwrap();
    let refused = payoutd(&folder, &["migrate"]);
    assert_eq!(refused.status.code(), Some(74), "{}", told(&refused));
    assert_eq!(fs::read_to_string(folder.path().join("payoutd.db")).unwrap(), diary);
}

/// A database from a newer version is refused with words that say what to do.
#[tokio::test]
async fn a_store_of_a_newer_payoutd_is_refused_in_clear_words() {
    let folder = folder();
    json(&payoutd(&folder, &["migrate", "--json"]));
    let database = folder.path().join("payoutd.db");
    pretend_newer(&database).await;
    for command in [&["migrate"][..], &["store", "backup", "copy.db"]] {
        let refused = payoutd(&folder, command);
        assert_eq!(refused.status.code(), Some(78), "{}", told(&refused));
        let words = told(&refused);
        assert!(
            words.contains("its schema is 9000") && words.contains("run the payoutd that wrote it"),
            "{words}"
        );
    }
}

/// A log that is folded back all the time, a cache of a few pages and a store that is never closed keep what is answered.
#[tokio::test]
async fn a_cramped_store_keeps_what_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("payoutd.db");
    let tiny = SqliteSettings { readers: 1, wal_pages: 4, cache_kb: 64, ..SqliteSettings::default() };
    let store = SqliteStore::open_file(&database, tiny).await.unwrap();
    let mut paid = Vec::new();
    for n in 0..30 {
        paid.push(kit::pay(&store, kit::payout(n), 1_001).await.unwrap());
    }
    drop(store);
    let store = SqliteStore::open_file(&database, SqliteSettings::default()).await.unwrap();
    for payout in paid {
        assert_eq!(store.find(payout.id).await.unwrap(), Some(payout));
    }
}
