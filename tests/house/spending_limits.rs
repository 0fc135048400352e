//! The fear: whoever has stolen something spends without bound; or a limit stops those whom it is not about; or it is raised by
//! somebody who may not, and nobody knows who.

use std::sync::Arc;

use payoutd::{
    identity::By,
    limits::{LimitChange, LimitDesk, LimitFault},
    world::SystemClock,
};
use payoutd_actors::{
    domain::{
        limits::{Ceilings, Scope},
        money::MicroUsdt,
    },
    fakes::{MemoryStore, TestClock},
    ports::{
        Clock, Journal,
        exam::kit::{MORNING_MS, rules},
    },
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    amqp_jobs::reason,
    kit::{
        amqp::Queues,
        daemon::Daemon,
        desk::Desk,
        door::{Answer, send},
        network::Network,
    },
    people::{PASSWORD, Peopled},
    tokens::{Held, open},
};

const LIMITS: &str = "/v1/admin/limits";

fn desk_of(store: &MemoryStore, clock: Arc<dyn Clock>) -> Arc<LimitDesk> {
    let (register, payouts) = (Arc::new(store.clone()), Arc::new(store.clone()));
    Arc::new(LimitDesk::new(register, payouts, clock, rules(1_000, 10_000)))
}

fn somebody() -> By {
    By { name: "user:1".to_owned(), from: None }
}

/// A house with people in it and a desk where limits are set.
async fn house() -> Peopled {
    let house = open().await;
    house.door.within.take_limits(desk_of(&house.store, Arc::new(SystemClock)));
    house
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

/// What the journal says of limits: kind and body.
async fn words(store: &MemoryStore) -> Vec<(String, Value)> {
    let records = store.records(1, 999).await.unwrap().into_iter();
    let about = records.filter(|record| record.kind.starts_with("limit_"));
    about
        .map(|record| (record.kind.to_string(), serde_json::from_str(record.body.as_str()).unwrap()))
        .collect()
}

async fn put(house: &Peopled, token: &str, body: &Value) -> Answer {
    send(house.door.stranger(Method::PUT, LIMITS).bearer_auth(token).json(body)).await
}

/// F000-21: without a fresh second factor nothing is set, by whomever; with one it is, and the journal has who, why, what held before
/// and what holds now.
#[actix_web::test]
async fn a_limit_is_set_with_a_fresh_second_factor_and_stands_in_the_journal() {
    let house = house().await;
    house.person("boss", "admin").await;
    let body = json!({ "scope": "role:end_user", "hourly_usdt": "250.5", "reason": "a quiet week" });
    let bare = Held::of(&house.sign_in("boss", PASSWORD).await);
    assert_eq!(said(&put(&house, &bare.access, &body).await), (401, "step-up-required".to_owned()));
    assert_eq!(words(&house.store).await, []);

    let mut admin = house.careful("admin", "admin").await;
    let interim = house.half_way("admin").await;
    let held = Held::of(&house.finish(&interim, &admin.phone.code()).await);
    let set = put(&house, &held.access, &body).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let by = format!("user:{}", admin.id);
    let told = set.json();
    assert_eq!(told["hourly"], json!({ "limit": "250.5", "used": "0", "left": "250.5" }));
    assert_eq!((&told["daily"], &told["set"]["by"]), (&Value::Null, &json!(by)));

    let shown = house.by(&held.access, Method::GET, LIMITS).await.json();
    let scopes: Vec<_> = shown["limits"].as_array().unwrap().iter().map(|one| &one["scope"]).collect();
    assert_eq!(scopes, ["house", "role:end_user"]);
    assert_eq!(shown["limits"][0]["hourly"]["limit"], "1000", "the house's are the configuration's");

    let more = json!({ "scope": "role:end_user", "daily_usdt": "0", "reason": "nothing today" });
    assert_eq!(put(&house, &held.access, &more).await.status, 200);
    let back = json!({ "scope": "role:end_user", "reason": "as it was" });
    assert_eq!(put(&house, &held.access, &back).await.json()["set"], Value::Null);
    let body = |old: Value, new: Value, reason: &str| {
        let body = json!({ "scope": "role:end_user", "old": old, "new": new, "by": by, "reason": reason, "from": "127.0.0.1" });
        ("limit_changed".to_owned(), body)
    };
    let (first, second) = (json!({ "hourly_usdt": "250.5" }), json!({ "daily_usdt": "0" }));
    let expected = [
        body(json!({}), first.clone(), "a quiet week"),
        body(first, second.clone(), "nothing today"),
        body(second, json!({}), "as it was"),
    ];
    assert_eq!(words(&house.store).await, expected);
}

/// Who may not is told so, whoever they are, and what they wanted is not done; who is not known is not told more than that.
#[actix_web::test]
async fn whoever_may_not_sets_no_limit() {
    let house = house().await;
    let body = json!({ "scope": "house", "hourly_usdt": "1000000", "reason": "more!" });
    for role in ["node_operator", "end_user", "approver", "auditor", "viewer"] {
        house.person(role, role).await;
        let held = Held::of(&house.sign_in(role, PASSWORD).await);
        assert_eq!(said(&put(&house, &held.access, &body).await), (403, "forbidden".to_owned()), "{role}");
        let sees = house.by(&held.access, Method::GET, LIMITS).await.status;
        assert_eq!(sees, if role == "auditor" { 200 } else { 403 }, "{role}");
    }
    let stranger = send(house.door.stranger(Method::PUT, LIMITS).json(&body)).await;
    assert_eq!(said(&stranger), (401, "unauthorized".to_owned()));
    assert_eq!(words(&house.store).await, []);
}

/// Every mistake is named at its place, and nothing of it is done.
#[actix_web::test]
async fn a_limit_that_makes_no_sense_is_refused_whole() {
    let house = house().await;
    let send = async |body: Value| send(house.door.request(Method::PUT, LIMITS).json(&body)).await;
    for (body, pointers) in [
        (json!({ "scope": "tenant:x", "hourly_usdt": "1e3" }), vec!["/scope", "/hourly_usdt", "/reason"]),
        (
            json!({ "scope": "house", "daily_usdt": 5, "reason": "r", "weekly_usdt": "1" }),
            vec!["/daily_usdt", "/weekly_usdt"],
        ),
        (json!({ "scope": "house", "hourly_usdt": "9999999999999", "reason": "r" }), vec!["/hourly_usdt"]),
        (
            json!({ "scope": "house", "hourly_usdt": "1", "reason": "r", "expires_at": "2020-01-01T00:00:00Z" }),
            vec!["/expires_at"],
        ),
        (
            json!({ "scope": "house", "hourly_usdt": "1", "reason": "r", "expires_at": "soon" }),
            vec!["/expires_at"],
        ),
        (
            json!({ "scope": "house", "reason": "r", "expires_at": "2999-01-01T00:00:00Z" }),
            vec!["/expires_at"],
        ),
    ] {
        let answer = send(body).await;
        assert_eq!(
            (answer.status, answer.pointers()),
            (422, pointers.iter().map(ToString::to_string).collect()),
            "{}",
            answer.text
        );
    }
    assert_eq!(words(&house.store).await, []);
}

/// F000-21: an override passes away by itself, and the journal hears of it once, whichever daemon is first.
#[tokio::test(start_paused = true)]
async fn an_override_passes_away_and_the_journal_is_told_once() {
    let store = MemoryStore::new("s");
    let clock = Arc::new(TestClock::at(MORNING_MS));
    let desks = [desk_of(&store, clock.clone()), desk_of(&store, clock.clone())];
    let change = LimitChange {
        scope: Scope::House,
        ceilings: Ceilings { hourly: Some(MicroUsdt::new(5_000_000_000)), ..Ceilings::default() },
        expires_at_ms: Some(MORNING_MS + 60_000),
        reason: "pay day".to_owned(),
    };
    let set = desks[0].set(&change, &somebody()).await.unwrap();
    assert_eq!(set.ceilings.hourly, Some(MicroUsdt::new(5_000_000_000)));
    clock.jump(59_999);
    assert_eq!(desks[1].forget_expired().await.unwrap(), 0);
    assert!(desks[1].views().await.unwrap()[0].set.is_some());
    clock.jump(1);
    let views = desks[1].views().await.unwrap();
    assert_eq!((views[0].ceilings.hourly, &views[0].set), (Some(MicroUsdt::new(1_000_000_000)), &None));
    let gone = futures_util::future::join_all(desks.iter().map(|desk| desk.forget_expired())).await;
    assert_eq!(gone.into_iter().map(Result::unwrap).sum::<u64>(), 1);
    let told = words(&store).await;
    let [_, (kind, body)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((kind.as_str(), &body["set_by"]), ("limit_expired", &json!("user:1")));
    assert_eq!((&body["old"]["hourly_usdt"], &body["new"]["hourly_usdt"]), (&json!("5000"), &json!("1000")));
}

/// Of two who set the same limit at once one is told that it was late, or both stand one after the other; never half of each.
#[tokio::test]
async fn two_who_set_one_limit_at_once_leave_one_of_the_two() {
    let store = MemoryStore::new("s");
    let desk = desk_of(&store, Arc::new(SystemClock));
    let of = |whole: u64| {
        let amount = Some(MicroUsdt::new(whole * 1_000_000));
        let ceilings = Ceilings { hourly: amount, daily: amount, per_payout: amount };
        LimitChange { scope: Scope::House, ceilings, expires_at_ms: None, reason: "r".to_owned() }
    };
    let changes: Vec<_> = (1..=20).map(of).collect();
    let by = somebody();
    let set = changes.iter().map(|change| desk.set(change, &by));
    let done = futures_util::future::join_all(set).await;
    let stands = done.iter().filter(|done| done.is_ok()).count();
    assert!(done.iter().all(|done| matches!(done, Ok(_) | Err(LimitFault::Outdated))), "{done:?}");
    assert_eq!(words(&store).await.len(), stands, "a word for each that stands");
    let Ceilings { per_payout, hourly, daily } = desk.views().await.unwrap()[0].ceilings;
    assert!(hourly.is_some() && hourly == daily && daily == per_payout);
}

/// F000-17: the limit of a principal holds what it orders at both doors, and nobody else's; raised, what was held is paid by itself,
/// and once; `payoutd limits` shows what was used.
#[actix_rt::test]
async fn a_limit_holds_at_both_doors_and_a_raised_one_lets_go_on() {
    let (network, queues) = (Network::of_two_nodes(), Queues::names().await);
    let desk = Desk::beside_with(&network, &queues);
    let mut daemon = Daemon::open(&desk).await;
    daemon.consumes_jobs().await;
    let limit = ["limits", "set", "principal:house", "--hourly", "10", "--reason", "a story", "--json"];
    assert_eq!(desk.json(0, &limit)["hourly"]["limit"], "10");
    let order = |amount: &str| json!({ "recipient": network.account(1), "amount": amount });
    let first = daemon.caller.order("by-http-1", &order("8")).await.json();
    assert_eq!(first["stage"], "admitted", "{first}");
    let held = daemon.caller.order("by-http-2", &order("3")).await.json();
    assert_eq!((&held["stage"], &held["reason"]), (&json!("held"), &json!("limit_principal_hourly")));
    queues.job("by-amqp", &order("4")).await;
    daemon.until_stage("held", 2).await;
    daemon.until_stage("settled", 1).await;
    // Nobody else is stopped by it: a limit of a role that the house does not have is no limit of the house's.
    desk.ends(0, &["limits", "set", "role:viewer", "--hourly", "0", "--hours", "1", "--reason", "a story"]);
    let shown = desk.json(0, &["limits", "--json"]);
    let limits = shown["spending_limits"].as_array().unwrap();
    let of = |scope: &str| limits.iter().find(|one| one["scope"] == scope).unwrap();
    assert_eq!(of("principal:house")["hourly"], json!({ "limit": "10", "used": "8", "left": "2" }));
    assert_eq!((&of("house")["set"], &of("role:viewer")["daily"]), (&Value::Null, &Value::Null));

    desk.ends(0, &["limits", "set", "principal:house", "--hourly", "11.5", "--reason", "a little more"]);
    daemon.until_stage("settled", 2).await;
    desk.ends(0, &["limits", "clear", "principal:house", "--reason", "enough of it"]);
    daemon.until_stage("settled", 3).await;
    let mut paid: Vec<_> =
        network.paid_by(network.account(0)).await.iter().map(|one| one.micro_usdt).collect();
    paid.sort_unstable();
    assert_eq!(paid, [3_000_000, 4_000_000, 8_000_000]);
    daemon.stop();
}

/// `limits.on_excess = "refuse"`: whoever is above a limit hears so at once, at both doors; nothing is kept or paid of it, nobody else is
/// stopped, and the same key is paid once when there is room.
#[actix_rt::test]
async fn a_house_that_refuses_says_so_at_both_doors_and_pays_the_same_key_when_there_is_room() {
    let (network, queues) = (Network::of_two_nodes(), Queues::names().await);
    let desk = Desk::beside_with(&network, &queues);
    let mut daemon = Daemon::open_with(&desk, &[("PAYOUTD_LIMITS__ON_EXCESS", "refuse")]).await;
    daemon.consumes_jobs().await;
    let limit = |hourly| ["limits", "set", "principal:house", "--hourly", hourly, "--reason", "a story"];
    desk.ends(0, &limit("10"));
    let order = |amount: &str| json!({ "recipient": network.account(1), "amount": amount });
    assert_eq!(daemon.caller.order("first", &order("8")).await.status, 202);
    let refused = daemon.caller.order("second", &order("3")).await;
    assert_eq!(said(&refused), (409, "limit-exceeded".to_owned()), "{}", refused.text);
    assert!(refused.text.contains("limit_principal_hourly has no room for this order"), "{}", refused.text);
    queues.job("by-amqp", &order("4")).await;
    let dead = queues.take(&queues.config.dead_queue).await;
    let why = reason(&dead);
    assert_eq!(
        (&why["type"], &why["instance"]),
        (&"/problems/limit-exceeded".into(), &"by-amqp".into()),
        "{why}"
    );
    assert!(why["detail"].as_str().unwrap().contains("limit_principal_hourly"), "{why}");
    assert_eq!(daemon.caller.order("third", &order("2")).await.status, 202, "what fits is taken");
    daemon.until_stage("settled", 2).await;

    desk.ends(0, &limit("17"));
    assert_eq!(daemon.caller.order("second", &order("3")).await.status, 202);
    queues.job("by-amqp", &order("4")).await;
    daemon.until_stage("settled", 4).await;
    let mut paid: Vec<_> =
        network.paid_by(network.account(0)).await.iter().map(|one| one.micro_usdt).collect();
    paid.sort_unstable();
    assert_eq!(paid, [2_000_000, 3_000_000, 4_000_000, 8_000_000]);
    daemon.stop();
}
