//! The fear: the books say one thing and the chain another, and nobody looks; or somebody puts an old copy of the store back, and the
//! house pays again what it has forgotten. A real daemon beside a real network, and the command that holds one against the other.

use payoutd::{config::StoreUrl, store::SqliteStore, wire::moment, world::SystemClock};
use payoutd_actors::{
    domain::payout::Stage,
    ports::{Clock as _, PayoutFilter, Payouts},
};
use serde_json::{Value, json};

use crate::kit::{
    daemon::Daemon,
    desk::{Desk, told},
    network::{Network, Paid},
};

/// Time for a backup between an order and its payment, ms.
const PAID_LATER_MS: i64 = 10_000;

/// A daemon that has settled so many payouts, each of its own amount, to the second account.
async fn having_settled(network: &Network, desk: &Desk, payouts: u64) -> Daemon {
    let mut daemon = Daemon::open(desk).await;
    for n in 0..payouts {
        order(&daemon, network, n, None).await;
    }
    daemon.until_stage("settled", payouts).await;
    daemon
}

async fn order(daemon: &Daemon, network: &Network, n: u64, not_before: Option<&str>) {
    let mut body = json!({ "recipient": network.account(1), "amount": format!("{}", n + 1) });
    if let Some(not_before) = not_before {
        body["not_before"] = json!(not_before);
    }
    let answer = daemon.caller.order(&format!("order-{n}"), &body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}

async fn book(network: &Network) -> Vec<Paid> {
    let mut paid = network.paid_by(network.account(0)).await;
    paid.sort();
    paid
}

/// F-P22: a clean house, beside its daemon and without it.
#[actix_rt::test]
async fn where_nothing_differs_it_says_so_and_ends_with_0() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let daemon = having_settled(&network, &desk, 3).await;
    let compared = desk.json(0, &["reconcile", "--json"]);
    assert_eq!(compared["findings"], json!([]));
    assert_eq!((&compared["payouts"], &compared["outgoing"]), (&json!(3), &json!(3)));
    assert_eq!(compared["stages"], json!({ "settled": 3 }));
    daemon.stop();
    let page = desk.ends(0, &["reconcile"]);
    assert!(page.contains("3: 3 settled") && page.contains("nothing differs"), "{page}");
}

/// F-P22: somebody else holds the wallet's key, and uses it.
#[actix_rt::test]
async fn a_transfer_of_another_program_is_named_and_ends_with_1() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let daemon = having_settled(&network, &desk, 1).await;
    let txid = network.somebody_pays(5, 7_250_000).await;
    let compared = desk.json(1, &["reconcile", "--json"]);
    let findings = compared["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{compared}");
    assert_eq!((&findings[0]["anomaly"], &findings[0]["txid"]), (&json!("stranger"), &json!(txid)));
    assert!(findings[0]["payout_id"].is_null(), "{compared}");
    daemon.stop();
    let page = desk.ends(1, &["reconcile"]);
    let stranger = format!("7.25 USDT to {}", network.account(5));
    for part in [&txid, &stranger, "no payout of this store ordered it", "1 difference"] {
        assert!(page.contains(part), "{part} is not in: {page}");
    }
}

/// F-N06, F-N24: two payouts that the old copy knows as unpaid, and two that it has never heard of.
#[actix_rt::test]
async fn what_was_paid_since_the_backup_is_taken_over_and_not_paid_again() {
    let network = Network::of_two_nodes();
    let desk = Desk::beside(&network);
    let mut daemon = having_settled(&network, &desk, 1).await;
    let later = moment::write(SystemClock.now_ms() + PAID_LATER_MS);
    order(&daemon, &network, 1, Some(&later)).await;
    order(&daemon, &network, 2, Some(&later)).await;
    desk.ends(0, &["store", "backup", "yesterday.db"]);
    assert_eq!(admitted_in(&desk, "yesterday.db").await, 2, "the backup came too late for this story");
    order(&daemon, &network, 3, None).await;
    order(&daemon, &network, 4, None).await;
    daemon.until_stage("settled", 5).await;
    daemon.stop();
    let paid = book(&network).await;
    assert_eq!(paid.len(), 5);

    desk.put_back("yesterday.db");
    let mut daemon = Daemon::open(&desk).await;
    let reason = daemon.until("the house pauses itself", async |caller| paused(&stats(caller).await)).await;
    assert!(reason.contains("restore gate"), "{reason}");
    let compared = desk.json(1, &["reconcile", "--json"]);
    assert_eq!(compared["findings"].as_array().unwrap().len(), 4, "{compared}");
    let beside = desk.run(&["reconcile", "--adopt"]);
    assert_eq!(beside.status.code(), Some(75), "{}", told(&beside));
    daemon.stop();

    let adopted = desk.json(1, &["reconcile", "--adopt", "--json"]);
    assert_eq!(how_many(&adopted), (2, 2), "{adopted}");

    // Whoever ordered the other two heard nothing since, and orders again: their old payments are known again.
    let daemon = Daemon::open(&desk).await;
    order(&daemon, &network, 3, None).await;
    order(&daemon, &network, 4, None).await;
    daemon.stop();
    let adopted = desk.json(0, &["reconcile", "--adopt", "--json"]);
    assert_eq!(how_many(&adopted), (2, 0), "{adopted}");

    let mut daemon = Daemon::open(&desk).await;
    desk.ends(0, &["resume", "restored and reconciled"]);
    daemon.until_stage("settled", 5).await;
    assert_eq!(desk.json(0, &["reconcile", "--json"])["findings"], json!([]));
    daemon.stop();
    assert_eq!(book(&network).await, paid);
}

async fn admitted_in(desk: &Desk, copy: &str) -> usize {
    let store = SqliteStore::look(&StoreUrl::Sqlite(desk.path(copy))).await.unwrap();
    let filter = PayoutFilter { stage: Some(Stage::Admitted), ..PayoutFilter::default() };
    let found = store.list(&filter, 100).await.unwrap();
    store.close().await;
    found.len()
}

async fn stats(caller: &crate::kit::door::Caller) -> Value {
    caller.get("/v1/stats").await.json()
}

fn paused(stats: &Value) -> Option<String> {
    stats["pause"]["reason"].as_str().map(str::to_owned)
}

/// Adopted, and left for a person.
fn how_many(answer: &Value) -> (usize, usize) {
    let count = |list: &str| answer["adoption"][list].as_array().unwrap().len();
    (count("adopted"), count("undecided"))
}
