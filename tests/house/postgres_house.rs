//! The fear: a house that was built upon a file does not stand upon a shared database. Real daemons, the simulated network, and
//! PostgreSQL under them; what was paid is counted by the network's own book.

use std::{collections::BTreeMap, fs};

use serde_json::json;

use crate::kit::{
    daemon::Daemon,
    desk::{Desk, told},
    network::Network,
    postgres::Database,
};

/// The URL of a database as one writes it down, and the password.
fn apart(database: &Database) -> (String, String) {
    let (before, after) = database.url.split_once('@').unwrap();
    let (user, password) = before.rsplit_once(':').unwrap();
    (format!("{user}@{after}"), password.to_owned())
}

/// A desk whose store is this database; the password is in a file of its own.
fn upon(database: &Database, desk: Desk) -> Desk {
    let (url, password) = apart(database);
    desk.write_secret("postgres.password", &password);
    let config = fs::read_to_string(desk.path("payoutd.toml")).unwrap();
    let (file, journal) = ("url = \"sqlite:payoutd.db\"", "[journal]\n");
    assert!(config.contains(file) && config.contains(journal), "{config}");
    let config = config
        .replace(file, &format!("url = \"{url}\"\npassword_file = \"postgres.password\""))
        .replace(journal, "[journal]\ncheckpoint_file = \"payoutd.checkpoint\"\n");
    fs::write(desk.path("payoutd.toml"), config).unwrap();
    desk
}

/// One more daemon of the same house: the same wallet, the same journal key, another door.
fn beside(first: &Desk, network: &Network, database: &Database) -> Desk {
    let mut desk = upon(database, Desk::beside(network));
    fs::copy(first.path("journal.pem"), desk.path("journal.pem")).unwrap();
    desk.journal_key.clone_from(&first.journal_key);
    desk
}

/// Orders `n`, by its key, at a daemon's door.
async fn order(daemon: &Daemon, network: &Network, n: usize) {
    let order = json!({ "recipient": network.account(1 + n % 3), "amount": format!("1.{n:03}") });
    let answer = daemon.caller.order(&format!("key-{n}"), &order).await;
    assert!(matches!(answer.status, 200 | 202), "{}: {}", answer.status, answer.text);
}

/// Each of so many orders was paid once, by the network's own book.
async fn each_is_paid_once(network: &Network, orders: usize) {
    let mut paid = BTreeMap::new();
    for one in network.paid_by(network.account(0)).await {
        *paid.entry(one.micro_usdt).or_insert(0) += 1;
    }
    let expected = (0..orders).map(|n| (1_000_000 + 1_000 * u64::try_from(n).unwrap(), 1)).collect();
    assert_eq!(paid, expected);
}

/// F002-05, F004-42: `payoutd run` on PostgreSQL pays, is paused and resumed, states its journal, and every command that looks
/// after a store knows it. The password is in no answer and in no log.
#[actix_rt::test]
async fn a_house_upon_postgres_pays_and_is_looked_after() {
    let (network, database) = (Network::of_two_nodes(), Database::make().await);
    let desk = upon(&database, Desk::beside(&network));
    assert!(desk.ends(0, &["migrate"]).contains("is made, with schema"));
    assert!(desk.ends(0, &["migrate"]).contains("already"));
    desk.ends(0, &["check-config"]);

    let mut daemon = Daemon::open(&desk).await;
    for n in 0..5 {
        order(&daemon, &network, n).await;
    }
    daemon.until_stage("settled", 5).await;
    order(&daemon, &network, 0).await;
    let printed = desk.json(0, &["audit", "checkpoint"]);
    fs::write(desk.path("checkpoint.json"), printed.to_string()).unwrap();
    let report = desk.json(0, &["audit", "verify", "--checkpoint", "checkpoint.json", "--json"]);
    assert_eq!(report["sound"], json!(true), "{report}");
    let words = daemon.last_words();
    daemon.stop();

    // The daemon is down: the store is told itself.
    desk.ends(0, &["pause", "the auditors are here"]);
    let mut daemon = Daemon::open(&desk).await;
    order(&daemon, &network, 5).await;
    daemon.until_stage("admitted", 1).await;
    desk.ends(0, &["resume", "all is well"]);
    daemon.until_stage("settled", 6).await;
    daemon.stop();
    each_is_paid_once(&network, 6).await;
    assert!(desk.path("payoutd.checkpoint").exists());

    let refused = desk.run(&["store", "backup", "copy.db"]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(told(&refused).contains("pg_dump"), "{}", told(&refused));
    let reconciled = desk.json(0, &["reconcile", "--json"]);
    assert_eq!(reconciled["findings"], json!([]), "{reconciled}");
    let shown = told(&desk.run(&["check-config", "--json"]));
    assert!(!shown.contains(&format!(":{}@", apart(&database).1)), "{shown}");
    assert!(!words.contains(&format!(":{}@", apart(&database).1)), "{words}");
}

/// Two daemons of one house share the work; the one that judges the chain and seals the journal is killed, and the other takes
/// over what it did. Each order, sent to both doors, is paid once.
#[actix_rt::test]
async fn two_daemons_pay_as_one_and_one_takes_over_from_the_other() {
    const ORDERS: usize = 60;
    let (network, database) = (Network::of_two_nodes(), Database::make().await);
    let first_desk = upon(&database, Desk::beside(&network));
    let second_desk = beside(&first_desk, &network, &database);
    let first = Daemon::open(&first_desk).await;
    let mut second = Daemon::open(&second_desk).await;
    for n in 0..ORDERS / 2 {
        order(&first, &network, n).await;
        order(&second, &network, n).await;
    }
    second.until_stage("settled", (ORDERS / 2) as u64).await;
    for n in ORDERS / 2..ORDERS {
        order(if n % 2 == 0 { &first } else { &second }, &network, n).await;
    }
    first.kill();
    second.until_stage("settled", ORDERS as u64).await;
    each_is_paid_once(&network, ORDERS).await;

    // Whoever is left seals all of it, and the journal of both is one.
    second
        .until("the journal is sealed", async |caller| {
            (caller.get("/v1/audit/checkpoint").await.status == 200).then_some(())
        })
        .await;
    second.stop();
    let report = second_desk.json(0, &["audit", "verify", "--json"]);
    assert_eq!((&report["sound"], &report["findings"]), (&json!(true), &json!([])), "{report}");
    // The one that was killed comes back, as if it had slept.
    let mut first = Daemon::open(&first_desk).await;
    order(&first, &network, 0).await;
    first.until_stage("settled", ORDERS as u64).await;
    first.stop();
    each_is_paid_once(&network, ORDERS).await;
}

/// A house that outgrows its file moves, with proof; the file is then no store any more, for two of them would pay twice.
#[actix_rt::test]
async fn a_house_moves_from_its_file_into_postgres_and_pays_on() {
    let (network, database) = (Network::of_two_nodes(), Database::make().await);
    let desk = Desk::beside(&network);
    let mut daemon = Daemon::open(&desk).await;
    for n in 0..8 {
        order(&daemon, &network, n).await;
    }
    daemon.until_stage("settled", 8).await;
    let checkpoint = desk.json(0, &["audit", "checkpoint"]);
    fs::write(desk.path("checkpoint.json"), checkpoint.to_string()).unwrap();
    // While it works the file is held, and nothing moves.
    let (url, password) = apart(&database);
    desk.write_secret("postgres.password", &password);
    let file = format!("sqlite:{}", desk.path("payoutd.db").display());
    let copy =
        ["store", "copy", "--from", &file, "--to", &url, "--password-file", "postgres.password", "--json"];
    assert_eq!(desk.run_alone(&copy).status.code(), Some(75));
    daemon.stop();

    let moved = desk.run_alone(&copy);
    assert_eq!(moved.status.code(), Some(0), "{}", told(&moved));
    let moved: serde_json::Value = serde_json::from_slice(&moved.stdout).unwrap();
    assert_eq!(
        (&moved["payouts"], moved["last_seq"].as_i64() >= checkpoint["last_seq"].as_i64()),
        (&json!(8), true)
    );
    // Told twice, it moved once; another house does not move in on top of it.
    assert_eq!(desk.run_alone(&copy).status.code(), Some(0));
    let stays = desk.run(&["migrate"]);
    assert_eq!(stays.status.code(), Some(78), "{}", told(&stays));
    assert!(told(&stays).contains("has moved to postgres://"), "{}", told(&stays));
    let other = Desk::beside(&network);
    other.ends(0, &["migrate"]);
    let (from, to) = (format!("sqlite:{}", other.path("payoutd.db").display()), database.url.clone());
    let refused = other.run_alone(&["store", "copy", "--from", &from, "--to", &to]);
    assert_eq!(refused.status.code(), Some(73), "{}", told(&refused));

    fs::rename(desk.path("payoutd.db.checkpoint"), desk.path("payoutd.checkpoint")).unwrap();
    let desk = upon(&database, desk);
    let report = desk.json(0, &["audit", "verify", "--checkpoint", "checkpoint.json", "--json"]);
    assert_eq!(report["sound"], json!(true), "{report}");
    let mut daemon = Daemon::open(&desk).await;
    order(&daemon, &network, 3).await;
    order(&daemon, &network, 8).await;
    daemon.until_stage("settled", 9).await;
    daemon.stop();
    each_is_paid_once(&network, 9).await;
}
