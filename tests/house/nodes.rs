//! The fear: whoever runs a node sees or calls off what is not of it, or still does when an account has left; or somebody who shall
//! see their own alone sees their neighbours'.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};

use futures_util::future::join_all;
use payoutd::{
    http::office::Office,
    identity::{By, Gatekeeper, Issue, Principal, Shown, signature::Signable},
    nodes::{ACCOUNTS_OF_NODE_MAX, NODES_MAX, NodeDesk, NodeFault},
    world::SystemClock,
};
use payoutd_actors::{
    admission::AdmitPayouts,
    domain::{
        access::{NodeName, Orderer, Permission},
        identity::{AccountId, IdempotencyKey},
        journal::Cause,
        order::Order,
    },
    fakes::MemoryStore,
    ports::{Admitted, Clock as _, Journal, exam::kit},
};
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api_keys,
    kit::{
        daemon::Daemon,
        desk::{Desk, told},
        door::{Answer, send},
        network::Network,
    },
    people::{PASSWORD, Peopled},
    tokens::{Held, open},
};

const NODES: &str = "/v1/admin/nodes";

/// A house with people in it and a desk where nodes are kept.
async fn house() -> Peopled {
    let house = open().await;
    house.door.within.take_nodes(Arc::new(desk_of(&house.store)));
    house
}

fn desk_of(store: &MemoryStore) -> NodeDesk {
    NodeDesk::new(Arc::new(store.clone()), Arc::new(SystemClock))
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

impl Peopled {
    /// Somebody of an account, who has signed in with their second factor.
    async fn of_account(&self, name: &str, role: &str, account: &str) -> Held {
        let mut careful = self.careful(name, role).await;
        let path = format!("/v1/admin/users/{}/role", careful.id);
        let moved = self.door.post(&path, Some(&json!({ "account": account }))).await;
        assert_eq!(moved.status, 200, "{}", moved.text);
        let interim = self.half_way(name).await;
        Held::of(&self.finish(&interim, &careful.phone.code()).await)
    }

    /// The house says which node an account is of.
    async fn assign(&self, account: &str, node: &str) -> Answer {
        let body = json!({ "node": node, "reason": "a story" });
        send(self.door.request(Method::PUT, &format!("{NODES}/{account}")).json(&body)).await
    }

    /// The house takes an account out of its node.
    async fn remove(&self, account: &str) -> Answer {
        let body = json!({ "reason": "the story is over" });
        self.door.post(&format!("{NODES}/{account}/remove"), Some(&body)).await
    }

    /// An order of an account's, taken in; gives the payout's id.
    async fn ordered(&self, name: &str, key: &str) -> String {
        let order = Order { reference: Some("a-story".to_owned()), ..kit::payout(1).order };
        let request = AdmitPayouts {
            account: account(name),
            ordered_by: Orderer::house(),
            key: IdempotencyKey::parse(key).unwrap(),
            orders: vec![order],
            batch: false,
            cause: Cause::nobody(),
        };
        match self.door.office.admit(request).await.unwrap().pop() {
            Some(Admitted::New(payout)) => payout.id.to_string(),
            other => panic!("{other:?}"),
        }
    }

    async fn reads(&self, token: &str, id: &str) -> Answer {
        self.by(token, Method::GET, &format!("/v1/payouts/{id}")).await
    }

    async fn cancels(&self, token: &str, id: &str) -> Answer {
        self.by(token, Method::POST, &format!("/v1/payouts/{id}/cancel")).await
    }

    /// The ids of a whole list, read in pages of `size`, newest first.
    async fn lists(&self, token: &str, size: usize, filter: &str) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/payouts?limit={size}{filter}{cursor}");
            let page = self.by(token, Method::GET, &path).await;
            assert_eq!(page.status, 200, "{}", page.text);
            let page = page.json();
            let payouts = page["payouts"].as_array().unwrap();
            ids.extend(payouts.iter().map(|payout| payout["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    }
}

/// What is told to whoever asks for what nobody has: the same as for what somebody else has.
fn without_its_request(answer: &Answer) -> Value {
    assert_eq!(said(answer), (404, "not-found".to_owned()), "{}", answer.text);
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("instance");
    body
}

/// F000-07, D-15: all ⊇ node ⊇ own. An operator reads, lists and calls off what every account of their node has ordered, in one list and
/// one order; of what is outside they hear what a stranger hears.
#[actix_web::test]
async fn an_operator_reads_and_calls_off_what_is_of_their_node_and_nothing_else() {
    let house = house().await;
    let operator = house.of_account("olga", "node_operator", "north-1").await.access;
    for (account, node) in [("north-1", "north"), ("north-2", "north"), ("south-1", "south")] {
        let assigned = house.assign(account, node).await;
        assert_eq!((assigned.status, &assigned.json()["node"]), (200, &json!(node)), "{}", assigned.text);
    }
    let [mut theirs, mut others] = [Vec::new(), Vec::new()];
    for n in 0..12 {
        let account = ["north-2", "south-1", "north-1", "of-none"][n % 4];
        let id = house.ordered(account, &format!("order-{n}")).await;
        if n % 2 == 0 { &mut theirs } else { &mut others }.push(id);
    }
    theirs.reverse();
    for size in [1, 4, 200] {
        assert_eq!(house.lists(&operator, size, "").await, theirs, "{size}");
        assert_eq!(house.lists(&operator, size, "&reference=a-story").await, theirs, "{size}");
    }
    // By account, it is the same list cut, and who is out of reach has as much as who is nobody.
    for (account, count) in [("north-1", 3), ("north-2", 3), ("south-1", 0), ("of-none", 0), ("nobody", 0)] {
        assert_eq!(house.lists(&operator, 2, &format!("&account={account}")).await.len(), count, "{account}");
    }
    let nobodys = house.reads(&operator, "01890a5d-ac96-774b-bcce-b302099a8057").await;
    for id in &others {
        assert_eq!(without_its_request(&house.reads(&operator, id).await), without_its_request(&nobodys));
        assert_eq!(without_its_request(&house.cancels(&operator, id).await), without_its_request(&nobodys));
    }
    for id in &theirs {
        let read = house.reads(&operator, id).await;
        assert_eq!((read.status, &read.json()["stage"]), (200, &json!("admitted")), "{}", read.text);
        let cancelled = house.cancels(&operator, id).await;
        assert_eq!((cancelled.status, &cancelled.json()["stage"]), (200, &json!("cancelled")));
    }
    assert_eq!(house.lists(&operator, 4, "&stage=cancelled").await, theirs);
    assert_eq!(house.lists(&operator, 4, "&stage=admitted").await, Vec::<String>::new());
    // To decide about what is held is another permission, and a node gives none.
    let released = house.ask(&operator, &format!("/v1/payouts/{}/release", theirs[0]), json!({})).await;
    assert_eq!(said(&released), (403, "forbidden".to_owned()));
}

/// The live record decides: with the same token, an account that has left is out of reach with the next request, and so is everybody
/// for whoever has left; a cursor from before shows nothing of it.
#[actix_web::test]
async fn reach_ends_with_the_same_token_when_an_account_leaves_the_node() {
    let house = house().await;
    let operator = house.of_account("olga", "node_operator", "north-1").await.access;
    for account in ["north-1", "north-2", "north-3"] {
        assert_eq!(house.assign(account, "north").await.status, 200);
    }
    let mut ids = Vec::new();
    for (n, account) in ["north-1", "north-2", "north-3", "north-1", "north-2", "north-3"].iter().enumerate()
    {
        ids.push(house.ordered(account, &format!("order-{n}")).await);
    }
    let page = house.by(&operator, Method::GET, "/v1/payouts?limit=1").await.json();
    assert_eq!(page["payouts"][0]["id"], json!(ids[5]));
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();

    // On another daemon of the house.
    let by = By { name: "user:1".to_owned(), from: None };
    desk_of(&house.store).remove(&account("north-2"), "sold", &by).await.unwrap();
    assert_eq!(house.reads(&operator, &ids[1]).await.status, 404);
    assert_eq!(house.cancels(&operator, &ids[4]).await.status, 404);
    let rest = house.by(&operator, Method::GET, &format!("/v1/payouts?limit=1&cursor={cursor}")).await.json();
    assert_eq!(rest["payouts"][0]["id"], json!(ids[3]), "what has left is passed over");
    let expected = [&ids[5], &ids[3], &ids[2], &ids[0]];
    assert_eq!(house.lists(&operator, 1, "").await.iter().collect::<Vec<_>>(), expected);

    // To another node is out of this one.
    assert_eq!(house.assign("north-3", "south").await.status, 200);
    assert_eq!(house.reads(&operator, &ids[5]).await.status, 404);
    assert_eq!(house.lists(&operator, 9, "").await, [ids[3].clone(), ids[0].clone()]);
    // Whoever leaves keeps their own, and nobody else's; whoever comes back is back.
    assert_eq!(house.assign("north-2", "north").await.status, 200);
    assert_eq!(house.reads(&operator, &ids[1]).await.status, 200);
    assert_eq!(house.remove("north-1").await.status, 204);
    assert_eq!(house.lists(&operator, 9, "").await, [ids[3].clone(), ids[0].clone()]);
    assert_eq!(house.cancels(&operator, &ids[1]).await.status, 404);
    assert_eq!(house.cancels(&operator, &ids[0]).await.status, 200);
    assert_eq!(said(&house.remove("north-1").await), (404, "not-found".to_owned()));
}

/// A role or a key that reaches its own gains nothing from a node; one that reaches everybody loses nothing by one.
#[actix_web::test]
async fn whoever_reaches_their_own_gains_nothing_from_a_node() {
    let house = house().await;
    let user = house.of_account("ulla", "end_user", "north-1").await.access;
    let viewer = house.of_account("vera", "viewer", "north-1").await.access;
    let mut key =
        json!({ "name": "k", "account": "north-1", "networks": ["any"], "permissions": ["payout:read"] });
    let own = house.door.post("/v1/admin/keys", Some(&key)).await.json()["text"].as_str().unwrap().to_owned();
    key["reach"] = json!("node");
    let wide = house.door.post("/v1/admin/keys", Some(&key)).await;
    assert_eq!((wide.status, &wide.json()["key"]["reach"]), (201, &json!("node")), "{}", wide.text);
    let wide = wide.json()["text"].as_str().unwrap().to_owned();
    let (mine, neighbours, others) = (
        house.ordered("north-1", "mine").await,
        house.ordered("north-2", "neighbours").await,
        house.ordered("south-1", "others").await,
    );
    let everybodys = [others.clone(), neighbours.clone(), mine.clone()];
    for is_assigned in [false, true] {
        if is_assigned {
            for account in ["north-1", "north-2"] {
                assert_eq!(house.assign(account, "north").await.status, 200);
            }
        }
        for token in [&user, &own] {
            assert_eq!(house.lists(token, 1, "").await, std::slice::from_ref(&mine), "{is_assigned}");
            assert_eq!(house.reads(token, &neighbours).await.status, 404, "{is_assigned}");
            assert_eq!(house.reads(token, &mine).await.status, 200);
        }
        assert_eq!(house.cancels(&user, &neighbours).await.status, 404, "{is_assigned}");
        assert_eq!(house.lists(&viewer, 1, "").await, everybodys, "{is_assigned}");
        let reached = if is_assigned { vec![neighbours.clone(), mine.clone()] } else { vec![mine.clone()] };
        assert_eq!(house.lists(&wide, 1, "").await, reached);
        assert_eq!(house.reads(&wide, &neighbours).await.status, if is_assigned { 200 } else { 404 });
        assert_eq!(house.reads(&wide, &others).await.status, 404);
    }
}

/// D-14: a key's signed request calls off what is of its account's node, and nothing else; what tells of everybody wants the reach
/// of everybody.
#[actix_web::test]
async fn a_key_calls_off_what_is_of_its_node_and_nothing_else() {
    let house = house().await;
    let key = json!({ "name": "k", "account": "north-1", "networks": ["any"], "reach": "node",
        "permissions": ["payout:read", "payout:cancel"] });
    let made = house.door.post("/v1/admin/keys", Some(&key)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let key = api_keys::Held::of(&made.json());
    let cancel = async |id: &str, nonce: &str| {
        let (target, now_s) = (format!("/v1/payouts/{id}/cancel"), now_s().to_string());
        let signable = Signable {
            method: "POST",
            target: &target,
            body: b"",
            idempotency_key: "",
            timestamp: &now_s,
            nonce,
        };
        let request = house.door.stranger(Method::POST, &target).header("X-Payoutd-Key", &key.id);
        let request = request.header("X-Payoutd-Timestamp", &now_s).header("X-Payoutd-Nonce", nonce);
        send(request.header("X-Payoutd-Signature", signable.sign(key.secret()))).await
    };
    let (neighbours, others) =
        (house.ordered("north-2", "neighbours").await, house.ordered("south-1", "others").await);
    assert_eq!(said(&cancel(&neighbours, "nonce-of-a-story-1").await), (404, "not-found".to_owned()));
    for account in ["north-1", "north-2"] {
        assert_eq!(house.assign(account, "north").await.status, 200);
    }
    assert_eq!(said(&cancel(&others, "nonce-of-a-story-2").await), (404, "not-found".to_owned()));
    let cancelled = cancel(&neighbours, "nonce-of-a-story-3").await;
    assert_eq!((cancelled.status, &cancelled.json()["stage"]), (200, &json!("cancelled")));

    let narrow = json!({ "name": "k", "account": "a", "networks": ["any"], "reach": "node", "permissions": ["event:read"] });
    let refused = house.door.post("/v1/admin/keys", Some(&narrow)).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/reach".to_owned()]));
}

fn now_s() -> i64 {
    SystemClock.now_ms() / 1_000
}

/// What the journal says of nodes.
async fn words(store: &MemoryStore) -> Vec<Value> {
    let records = store.records(1, 9_999).await.unwrap().into_iter();
    let about = records.filter(|record| record.kind == "account_node_changed");
    about.map(|record| serde_json::from_str(record.body.as_str()).unwrap()).collect()
}

/// F001-09, F000-13: whoever changes what others may see has shown their second factor a moment ago, and the journal has who, why, the
/// old node and the new.
#[actix_web::test]
async fn a_node_is_changed_with_a_fresh_second_factor_and_stands_in_the_journal() {
    let house = house().await;
    let body = json!({ "node": "north", "reason": "opened in May" });
    let put = async |token: &str, body: &Value| {
        send(house.door.stranger(Method::PUT, &format!("{NODES}/shop-7")).bearer_auth(token).json(body)).await
    };
    house.person("boss", "admin").await;
    let bare = Held::of(&house.sign_in("boss", PASSWORD).await);
    assert_eq!(said(&put(&bare.access, &body).await), (401, "step-up-required".to_owned()));
    let removal = house.ask(&bare.access, &format!("{NODES}/shop-7/remove"), json!({ "reason": "r" })).await;
    assert_eq!(said(&removal), (401, "step-up-required".to_owned()));
    for role in ["node_operator", "end_user", "approver", "auditor", "viewer"] {
        house.person(role, role).await;
        let held = Held::of(&house.sign_in(role, PASSWORD).await);
        assert_eq!(said(&put(&held.access, &body).await), (403, "forbidden".to_owned()), "{role}");
        assert_eq!(house.by(&held.access, Method::GET, NODES).await.status, 403, "{role}");
    }
    let stranger = send(house.door.stranger(Method::PUT, &format!("{NODES}/shop-7")).json(&body)).await;
    assert_eq!(said(&stranger), (401, "unauthorized".to_owned()));
    assert_eq!(words(&house.store).await, Vec::<Value>::new());

    let admin = house.of_account("admin", "admin", "house").await.access;
    let id = house.by(&admin, Method::GET, "/v1/auth/me").await.json()["user"]["id"].clone();
    let by = format!("user:{}", id.as_str().unwrap());
    let told = put(&admin, &body).await.json();
    assert_eq!((&told["account"], &told["node"]), (&json!("shop-7"), &json!("north")));
    assert_eq!((&told["by"], &told["reason"]), (&json!(by), &json!("opened in May")));
    assert_eq!(put(&admin, &json!({ "node": "south", "reason": "sold" })).await.status, 200);
    let gone = house.ask(&admin, &format!("{NODES}/shop-7/remove"), json!({ "reason": "shut" })).await;
    assert_eq!(gone.status, 204);
    let said = |old: Value, new: Value, reason: &str| json!({ "account": "shop-7", "old": old, "new": new, "reason": reason, "by": by, "from": "127.0.0.1" });
    let expected = [
        said(Value::Null, json!("north"), "opened in May"),
        said(json!("north"), json!("south"), "sold"),
        said(json!("south"), Value::Null, "shut"),
    ];
    assert_eq!(words(&house.store).await, expected);
}

/// Every mistake is named at its place, and nothing of it is done; lists come in pages, whole or of one node.
#[actix_web::test]
async fn a_node_that_can_not_be_is_refused_and_those_that_are_come_in_pages() {
    let house = house().await;
    for (account, body, places) in [
        ("shop-7", json!({}), vec!["/node", "/reason"]),
        ("shop-7", json!({ "node": "Nörd", "reason": "r" }), vec!["/node"]),
        (
            "shop-7",
            json!({ "node": "n".repeat(65), "reason": " ", "until": 5 }),
            vec!["/node", "/reason", "/until"],
        ),
        ("shop-7", json!({ "node": null, "reason": "r" }), vec!["/node"]),
        ("Shop%207", json!({ "node": "north", "reason": "r" }), vec!["account"]),
    ] {
        let answer = send(house.door.request(Method::PUT, &format!("{NODES}/{account}")).json(&body)).await;
        assert_eq!(said(&answer), (422, "invalid-order".to_owned()), "{}", answer.text);
        let found = if account == "shop-7" { answer.pointers() } else { answer.parameters() };
        assert_eq!(found, places, "{}", answer.text);
    }
    for query in ["node=N", "after=%00", "account=a", "node="] {
        assert_eq!(
            said(&house.door.get(&format!("{NODES}?{query}")).await),
            (422, "invalid-query".to_owned())
        );
    }
    assert_eq!(house.door.get(NODES).await.json(), json!({ "accounts": [], "next_after": null }));
    assert_eq!(words(&house.store).await, Vec::<Value>::new());
    for n in 0..203 {
        let node = if n % 2 == 0 { "north" } else { "south" };
        assert_eq!(house.assign(&format!("shop-{n:03}"), node).await.status, 200);
    }
    for (filter, expected) in [("", 203), ("node=south&", 101), ("node=nowhere&", 0)] {
        let (mut names, mut after) = (BTreeSet::new(), String::new());
        loop {
            let page = house.door.get(&format!("{NODES}?{filter}{after}")).await.json();
            let accounts = page["accounts"].as_array().unwrap();
            assert!(accounts.len() <= 100);
            names.extend(accounts.iter().map(|one| one["account"].as_str().unwrap().to_owned()));
            match page["next_after"].as_str() {
                Some(next) => after = format!("after={next}"),
                None => break,
            }
        }
        assert_eq!(names.len(), expected, "{filter}");
    }
}

/// The numbers have their limits: one node's accounts, and the nodes.
#[tokio::test]
async fn a_node_that_is_full_takes_nobody_more() {
    let store = MemoryStore::new("s");
    let desk = desk_of(&store);
    let by = By { name: "user:1".to_owned(), from: None };
    let assign = async |name: String, node: String| {
        desk.assign(&account(&name), &node.parse().unwrap(), "a story", &by).await
    };
    for n in 0..ACCOUNTS_OF_NODE_MAX {
        assign(format!("shop-{n}"), "north".to_owned()).await.unwrap();
    }
    let full = assign("one-more".to_owned(), "north".to_owned()).await;
    assert!(matches!(full, Err(NodeFault::NodeFull)), "{full:?}");
    assign("shop-0".to_owned(), "north".to_owned()).await.unwrap();
    assign("shop-0".to_owned(), "south".to_owned()).await.unwrap();
    assign("one-more".to_owned(), "north".to_owned()).await.unwrap();
    for n in 2..NODES_MAX {
        assign(format!("lone-{n}"), format!("node-{n}")).await.unwrap();
    }
    let many = assign("lone".to_owned(), "yet-another".to_owned()).await;
    assert!(matches!(many, Err(NodeFault::TooManyNodes)), "{many:?}");
    assign("lone".to_owned(), "south".to_owned()).await.unwrap();
}

/// Of many who say at once of which node an account is each is first or late; the journal has a word for each that stands.
#[tokio::test]
async fn however_many_say_at_once_of_which_node_an_account_is_it_is_of_one() {
    let store = MemoryStore::new("s");
    let (desk, by) = (desk_of(&store), By { name: "user:1".to_owned(), from: None });
    let (shop, nodes) = (account("shop"), (0..20).map(|n| format!("node-{n}").parse().unwrap()));
    let nodes: Vec<NodeName> = nodes.collect();
    let done = join_all(nodes.iter().map(|node| desk.assign(&shop, node, "a story", &by))).await;
    assert!(done.iter().all(|one| matches!(one, Ok(_) | Err(NodeFault::Outdated))), "{done:?}");
    let told = words(&store).await;
    assert_eq!(told.len(), done.iter().filter(|one| one.is_ok()).count());
    assert!(told.windows(2).all(|pair| pair[0]["new"] == pair[1]["old"]), "{told:?}");
    let [kept] = &desk.page(None, "", 99).await.unwrap()[..] else { panic!("of several") };
    assert_eq!(told.last().unwrap()["new"], json!(kept.node.as_str()));
}

/// Which accounts each account's operator reaches, as the door resolves it.
async fn reached(desk: &NodeDesk, house: &[Principal]) -> Vec<BTreeSet<u8>> {
    let mut all = Vec::new();
    for principal in house {
        let reached = desk.reached_by(principal, Permission::PayoutRead).await.unwrap();
        all.push((0..ACCOUNTS).filter(|n| reached.has(&account(&format!("a-{n}")))).collect());
    }
    all
}

const ACCOUNTS: u8 = 6;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// F000-07: reach is monotone. Whatever was said before, whoever leaves a node is reached by nobody else and reaches nobody else; and
    /// nobody at all reaches more than before. Who comes is reached by those of that node and by nobody else.
    #[test]
    fn nobody_gains_when_somebody_leaves_a_node(
        changes in prop::collection::vec((0..ACCOUNTS, prop::option::of(0_u8..3)), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(hold(&changes));
    }
}

/// Each change is of an account, which comes to a node or leaves the one that it is of.
async fn hold(changes: &[(u8, Option<u8>)]) {
    let store = MemoryStore::new("s");
    let (desk, gatekeeper) = (desk_of(&store), api_keys::gatekeeper(&store));
    let by = By { name: "user:1".to_owned(), from: None };
    let mut operators = Vec::new();
    for n in 0..ACCOUNTS {
        operators.push(a_key_of(&gatekeeper, &format!("a-{n}"), &by).await);
    }
    let mut model: BTreeMap<u8, u8> = BTreeMap::new();
    let mut before = reached(&desk, &operators).await;
    for (n, to) in changes {
        let name = account(&format!("a-{n}"));
        match to {
            Some(node) => {
                let node: NodeName = format!("node-{node}").parse().unwrap();
                desk.assign(&name, &node, "a story", &by).await.unwrap();
            }
            None => match desk.remove(&name, "a story", &by).await {
                Ok(()) => assert!(model.contains_key(n)),
                Err(why) => assert!(matches!(why, NodeFault::OfNone) && !model.contains_key(n), "{why:?}"),
            },
        }
        let was = model.remove(n);
        model.extend(to.map(|node| (*n, node)));
        let after = reached(&desk, &operators).await;
        for (own, theirs) in (0..ACCOUNTS).zip(&after) {
            let fellows = (0..ACCOUNTS).filter(|n| model.contains_key(n) && model.get(n) == model.get(&own));
            let expected: BTreeSet<u8> = fellows.chain([own]).collect();
            assert_eq!(*theirs, expected, "{own} after {n} to {to:?} of {changes:?}");
            if to.is_none() {
                assert!(theirs.is_subset(&before[usize::from(own)]), "{own} has gained: {was:?} {changes:?}");
            }
        }
        before = after;
    }
}

/// A program that reads whatever is of its account's node.
async fn a_key_of(gatekeeper: &Gatekeeper, account: &str, by: &By) -> Principal {
    let issue = Issue {
        name: "operator".to_owned(),
        account: account.to_owned(),
        permissions: vec!["payout:read".to_owned()],
        reach: Some("node".to_owned()),
        routes: None,
        batch: false,
        networks: vec!["any".to_owned()],
        tier: None,
        rate_per_minute: None,
        expires_at_ms: None,
    };
    let issued = gatekeeper.keyring().issue(&issue, by).await.unwrap();
    let shown = Shown { bearer: Some(issued.text.as_str()), signed: None, peer: None };
    let presented = gatekeeper.look(&shown).await.unwrap();
    gatekeeper.let_in(&presented)
}

/// A whole house on SQLite: by the commands an operator's key sees the payouts of its node, and those alone; a restart forgets nothing.
#[actix_web::test]
async fn by_the_commands_a_node_is_made_seen_and_left() {
    let network = Network::start(&[]);
    let desk = Desk::beside(&network);
    assert!(desk.run_alone(&["keys", "new", "master", "--out", "master.key"]).status.success());
    let file = desk.path("payoutd.toml");
    let config = fs::read_to_string(&file).unwrap();
    let identity = "\n[identity]\nmaster_key_file = \"master.key\"\nrequire_signed_requests = false\n";
    fs::write(&file, format!("{config}{identity}")).unwrap();
    let daemon = Daemon::open(&desk).await;
    let issue = |name: &str, more: &[&str]| {
        let out = format!("{name}.key");
        let begin = ["keys", "issue", name, "--account", name, "--from", "any", "--out", &out];
        desk.ends(0, &[&begin[..], more].concat());
        fs::read_to_string(desk.path(&out)).unwrap().trim().to_owned()
    };
    let operator = issue("north-1", &["--may", "payout:read,payout:cancel", "--reach", "node"]);
    let mut ids = Vec::new();
    for name in ["north-2", "south-1"] {
        let key = issue(name, &["--may", "payout:create"]);
        let order =
            json!({ "recipient": network.account(1), "amount": "2", "not_before": "2099-01-01T00:00:00Z" });
        let request = daemon.caller.stranger(Method::POST, "/v1/payouts").bearer_auth(key);
        let taken = send(request.header("Idempotency-Key", "k").json(&order)).await;
        assert_eq!(taken.status, 202, "{}", taken.text);
        ids.push(taken.json()["id"].as_str().unwrap().to_owned());
    }
    let url = format!("http://{}", desk.door);
    let door = ["--url", &url, "--token-file", "north-1.key", "--json"];
    let as_operator = |command: &[&str]| desk.run_alone(&[command, &door].concat());
    let listed = || {
        let output = as_operator(&["payouts", "list"]);
        assert!(output.status.success(), "{}", told(&output));
        let page: Value = serde_json::from_slice(&output.stdout).unwrap();
        let payouts = page["payouts"].as_array().unwrap().iter();
        payouts.map(|payout| payout["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(), Vec::<String>::new());
    desk.ends(0, &["nodes", "assign", "north-1", "north", "--reason", "the operator's own"]);
    let assigned = desk.json(0, &["nodes", "assign", "north-2", "north", "--reason", "a shop", "--json"]);
    assert_eq!((&assigned["by"], &assigned["node"]), (&json!("house"), &json!("north")));
    assert_eq!(listed(), [ids[0].clone()]);
    daemon.stop();

    let daemon = Daemon::open(&desk).await;
    assert_eq!(listed(), [ids[0].clone()], "a restart forgets nothing");
    let nodes = desk.json(0, &["nodes", "list", "--node", "north", "--json"]);
    let names: Vec<_> = nodes["accounts"].as_array().unwrap().iter().map(|one| &one["account"]).collect();
    assert_eq!(names, ["north-1", "north-2"]);
    let table = desk.ends(0, &["nodes", "list"]);
    assert!(table.contains("north-2") && table.contains("a shop"), "{table}");
    assert!(!as_operator(&["payouts", "cancel", &ids[1]]).status.success());
    assert!(as_operator(&["payouts", "cancel", &ids[0]]).status.success());
    let by_name = desk.json(0, &["payouts", "list", "--account", "south-1", "--json"]);
    assert_eq!(
        (by_name["payouts"].as_array().unwrap().len(), &by_name["payouts"][0]["id"]),
        (1, &json!(ids[1]))
    );
    let table = desk.ends(0, &["payouts", "list"]);
    assert!(table.contains("account") && table.contains("north-2"), "{table}");
    desk.ends(0, &["nodes", "remove", "north-2", "--reason", "sold"]);
    assert_eq!(listed(), Vec::<String>::new());
    let read = daemon.caller.stranger(Method::GET, &format!("/v1/payouts/{}", ids[0])).bearer_auth(&operator);
    assert_eq!(send(read).await.status, 404);
    let stage = |id: &String| desk.json(0, &["payouts", "show", id, "--json"])["stage"].clone();
    assert_eq!((stage(&ids[0]), stage(&ids[1])), (json!("cancelled"), json!("admitted")));
    daemon.stop();
    let told = desk.ends(0, &["audit", "export"]);
    let kinds = told.lines().filter(|line| line.contains("\"account_node_changed\"")).count();
    assert_eq!(kinds, 3);
}
