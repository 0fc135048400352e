//! The fear: a key that opens more than it should, a request that somebody else has signed, or the same request done twice.

use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use payoutd::{
    identity::{
        Gatekeeper, GatekeeperSettings, Keyring,
        people::{Hasher, PasswordPolicy, People},
        signature::Signable,
        vault::Vault,
    },
    record::Recorded,
    world::SystemClock,
};
use payoutd_actors::{
    fakes::MemoryStore,
    ports::{Clock, Journal, Register},
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::kit::{
    door::{Answer, OpenDoor, order, send},
    small_office::EVENTS,
};

/// A door that takes keys, and the register behind it.
struct Guarded {
    door: OpenDoor,
    store: MemoryStore,
    gatekeeper: Arc<Gatekeeper>,
}

/// A key, as its holder has it.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) text: String,
}

impl Held {
    pub(crate) fn of(issued: &Value) -> Self {
        let text = issued["text"].as_str().unwrap().to_owned();
        Self { id: issued["key"]["id"].as_str().unwrap().to_owned(), text }
    }

    /// What signs.
    pub(crate) fn secret(&self) -> &str {
        self.text.rsplit('_').next().unwrap()
    }
}

/// A gatekeeper upon a store, with a master key of the tests.
pub(crate) fn gatekeeper(store: &MemoryStore) -> Arc<Gatekeeper> {
    let (register, clock): (Arc<dyn Register>, Arc<dyn Clock>) =
        (Arc::new(Recorded::new(Arc::new(store.clone()))), Arc::new(SystemClock));
    let vault = Vault::of_base64(&BASE64_STANDARD.encode([7; 32])).unwrap();
    let keyring = Arc::new(Keyring::new(register.clone(), vault, clock.clone()));
    let people = People::new(register.clone(), clock.clone(), Hasher::new().unwrap(), PasswordPolicy::Length);
    let settings = GatekeeperSettings { require_signed_requests: true };
    Arc::new(Gatekeeper::new(keyring, Arc::new(people), register, clock, settings))
}

impl Guarded {
    async fn open() -> Self {
        let door = OpenDoor::open_with(|settings| settings.takes_keys = true).await;
        let store = MemoryStore::new("s");
        let gatekeeper = gatekeeper(&store);
        door.within.take_keys(gatekeeper.clone());
        Self { door, store, gatekeeper }
    }

    /// A key that was made by the house.
    async fn key(&self, change: Value) -> Held {
        let mut wanted = json!({
            "name": "billing", "account": "billing", "networks": ["any"],
            "permissions": ["payout:create", "payout:read", "payout:cancel"]
        });
        wanted.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let made = self.door.post("/v1/admin/keys", Some(&wanted)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        Held::of(&made.json())
    }

    fn shows(&self, key: &Held, method: Method, path: &str) -> RequestBuilder {
        self.door.stranger(method, path).bearer_auth(&key.text)
    }

    fn signed(&self, key: &Held, order: &SignedOrder) -> RequestBuilder {
        let signature = order.signature(key);
        self.door
            .stranger(Method::POST, order.sent_to)
            .header("Idempotency-Key", order.idempotency_key)
            .header("Content-Type", "application/json")
            .header("X-Payoutd-Key", &key.id)
            .header("X-Payoutd-Timestamp", &order.timestamp)
            .header("X-Payoutd-Nonce", &order.nonce)
            .header("X-Payoutd-Signature", signature)
            .body(order.body.clone())
    }
}

/// An order on its way, signed.
#[derive(Clone)]
struct SignedOrder {
    sent_to: &'static str,
    target: &'static str,
    idempotency_key: &'static str,
    signed_key: &'static str,
    body: String,
    signed_body: String,
    timestamp: String,
    nonce: String,
}

impl SignedOrder {
    fn new(idempotency_key: &'static str, amount: &str, nonce: &str) -> Self {
        let body = order(amount).to_string();
        Self {
            sent_to: "/v1/payouts",
            target: "/v1/payouts",
            idempotency_key,
            signed_key: idempotency_key,
            signed_body: body.clone(),
            body,
            timestamp: now_s().to_string(),
            nonce: format!("nonce-of-a-story-{nonce}"),
        }
    }

    fn signature(&self, key: &Held) -> String {
        let signable = Signable {
            method: "POST",
            target: self.target,
            body: self.signed_body.as_bytes(),
            idempotency_key: self.signed_key,
            timestamp: &self.timestamp,
            nonce: &self.nonce,
        };
        signable.sign(key.secret())
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

/// F001-10, F001-11: a key's text is in one answer; neither lists nor the store nor the journal show it again.
#[actix_web::test]
async fn a_keys_text_is_shown_once_and_a_stolen_register_opens_nothing() {
    let house = Guarded::open().await;
    let key = house.key(json!({})).await;
    let shown = house.door.get(&format!("/v1/admin/keys/{}", key.id)).await;
    let list = house.door.get("/v1/admin/keys").await;
    assert_eq!((shown.status, &list.json()["keys"][0]), (200, &shown.json()));
    assert_eq!((&shown.json()["status"], &shown.json()["created_by"]), (&json!("active"), &json!("house")));
    let kept = house.store.entry(payoutd_actors::ports::EntryKind::ApiKey, &key.id).await.unwrap().unwrap();
    let told = house.store.records(1, 9).await.unwrap();
    let told: Vec<_> = told.iter().map(|record| (record.kind.to_string(), record.body.to_string())).collect();
    assert_eq!((told.len(), told[0].0.as_str()), (1, "api_key_added"));
    for text in [&shown.text, &list.text, &kept.body, &told[0].1] {
        assert!(!text.contains(key.secret()), "{text}");
    }
    for word in ["sha256", "sealed", "secret"] {
        assert!(!shown.text.contains(word), "{}", shown.text);
    }
}

/// F-P20, every mistake at once, each at its place.
#[actix_web::test]
async fn a_key_that_can_not_be_is_told_all_that_is_wrong() {
    let house = Guarded::open().await;
    let wrong = json!({
        "name": "", "account": "Not An Account", "permissions": ["house:pause", "payout:creat"], "networks": [],
        "reach": "everything", "routes": ["sepa"], "expires_at": "2000-01-01T00:00:00Z"
    });
    let answer = house.door.post("/v1/admin/keys", Some(&wrong)).await;
    assert_eq!(said(&answer), (422, "invalid-order".to_owned()));
    let places: BTreeSet<_> = answer.pointers().into_iter().collect();
    let all = ["/account", "/expires_at", "/name", "/networks", "/permissions", "/reach", "/routes"];
    assert_eq!(places, all.map(str::to_owned).into());
    for wrong in [json!({ "name": 7 }), json!({ "colour": "red" }), json!({ "permissions": "payout:read" })] {
        assert_eq!(
            said(&house.door.post("/v1/admin/keys", Some(&wrong)).await).1,
            "invalid-order",
            "{wrong}"
        );
    }
}

/// F000-04, F000-09: a key does what is written on it, to its own account's payouts, and to nobody else's.
#[actix_web::test]
async fn a_key_opens_what_is_written_on_it_and_nothing_else() {
    let house = Guarded::open().await;
    let (billing, other) = (house.key(json!({})).await, house.key(json!({ "account": "other" })).await);
    let of_house = house.door.ordered("of-the-house").await;
    let made = send(house.signed(&billing, &SignedOrder::new("inv-7", "1", "a"))).await;
    assert_eq!(made.status, 202, "{}", made.text);
    let path = format!("/v1/payouts/{}", made.json()["id"].as_str().unwrap());
    // The scope of a key is the account: another account's same key is another payout.
    let theirs = send(house.signed(&other, &SignedOrder::new("inv-7", "2", "a"))).await;
    assert_eq!((theirs.status, theirs.json()["id"] == made.json()["id"]), (202, false));

    assert_eq!(send(house.shows(&billing, Method::GET, &path)).await.status, 200);
    assert_eq!(house.door.get(&path).await.status, 200, "the house sees everybody's");
    for foreign in [&path, &format!("/v1/payouts/{of_house}")] {
        let answer = send(house.shows(&other, Method::GET, foreign)).await;
        assert_eq!(said(&answer), (404, "not-found".to_owned()), "{foreign}");
    }
    let listed = send(house.shows(&billing, Method::GET, "/v1/payouts")).await.json();
    assert_eq!(listed["payouts"].as_array().unwrap().len(), 1);
    assert_eq!(house.door.get("/v1/payouts").await.json()["payouts"].as_array().unwrap().len(), 3);

    let beyond = send(house.shows(&billing, Method::GET, "/v1/stats")).await;
    assert_eq!(said(&beyond), (403, "forbidden".to_owned()));
    assert!(beyond.text.contains("house:read"), "{}", beyond.text);
    let kyc = SignedOrder { body: String::new(), ..SignedOrder::new("inv-8", "1", "b") };
    let body =
        json!({ "recipient": order("1")["recipient"], "amount": "1", "route": "router_v0" }).to_string();
    let narrow = house.key(json!({ "routes": ["transfer"] })).await;
    let by_router = SignedOrder { body: body.clone(), signed_body: body, ..kyc };
    let answer = send(house.signed(&narrow, &by_router)).await;
    assert_eq!(said(&answer), (403, "forbidden".to_owned()));
    assert!(answer.text.contains("router_v0"), "{}", answer.text);
    let batch = json!({ "payouts": [order("1")] }).to_string();
    let (sent_to, target) = ("/v1/payouts/batch", "/v1/payouts/batch");
    let batch = SignedOrder {
        sent_to,
        target,
        body: batch.clone(),
        signed_body: batch,
        ..SignedOrder::new("b-1", "1", "c")
    };
    assert_eq!(said(&send(house.signed(&billing, &batch)).await), (403, "forbidden".to_owned()));
    assert_eq!(house.door.office.taken(), 3);
}

/// F000-09: what tells of everybody's payouts is not told to a key that reaches its own account's alone.
#[actix_web::test]
async fn a_key_of_one_account_hears_nothing_of_the_others() {
    let house = Guarded::open().await;
    let own = house.key(json!({ "permissions": ["payout:read", "house:read"] })).await;
    let all = house.key(json!({ "permissions": ["payout:read", "event:read"], "reach": "all" })).await;
    for path in ["/v1/admin/jobs/dead", "/v1/admin/jobs/dead/inv-7", "/v1/events"] {
        let answer = send(house.shows(&own, Method::GET, path)).await;
        assert_eq!(said(&answer), (403, "forbidden".to_owned()), "{path}");
        let wider = send(house.shows(&all, Method::GET, path)).await;
        assert_ne!(wider.status, 403, "{path}: {}", wider.text);
    }
    let of_house = house.door.ordered("of-the-house").await;
    let seen = send(house.shows(&all, Method::GET, &format!("/v1/payouts/{of_house}"))).await;
    assert_eq!((seen.status, &seen.json()["account"]), (200, &json!("house")));
    assert_eq!(send(house.shows(&own, Method::GET, "/v1/stats")).await.status, 200);
    for pointless in [json!(["event:read"]), json!(["payout:read", "event:read"])] {
        let wanted = json!({ "name": "n", "account": "a", "networks": ["any"], "permissions": pointless });
        let answer = house.door.post("/v1/admin/keys", Some(&wanted)).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/reach".to_owned()]), "{pointless}");
    }
}

/// F000-05, D-17: whatever a caller writes into the headers of a gateway, they stay who they are, and a stranger stays one.
#[actix_web::test]
async fn headers_that_claim_to_be_somebody_change_nothing() {
    let house = Guarded::open().await;
    let own = house.key(json!({ "permissions": ["payout:read"] })).await;
    house.door.ordered("of-the-house").await;
    let claiming = |request: RequestBuilder| {
        let request = request.header("X-User-ID", "house").header("X-User-Role", "admin");
        request.header("X-Internal-Token", "t").header("X-Payoutd-Account", "house")
    };
    for path in ["/v1/admin/keys", "/v1/wallet", "/v1/events", "/v1/payouts"] {
        let stranger = send(claiming(house.door.stranger(Method::GET, path))).await;
        assert_eq!(said(&stranger), (401, "unauthorized".to_owned()), "{path}");
        let (plain, claimed) = (
            send(house.shows(&own, Method::GET, path)).await,
            send(claiming(house.shows(&own, Method::GET, path))).await,
        );
        assert_eq!(
            (claimed.status, claimed.text.contains("\"house\"")),
            (plain.status, false),
            "{path}: {}",
            claimed.text
        );
    }
}

/// F002-07, F004-38: whatever is altered on the way, nothing is done, and the answer says no more than that the caller is not known.
#[actix_web::test]
async fn a_request_that_was_altered_on_its_way_does_nothing() {
    let house = Guarded::open().await;
    let key = house.key(json!({})).await;
    let good = SignedOrder::new("inv-7", "1", "altered");
    let unsigned =
        house.shows(&key, Method::POST, "/v1/payouts").header("Idempotency-Key", "k").json(&order("1"));
    assert_eq!(said(&send(unsigned).await), (403, "signature-required".to_owned()));
    let at = |seconds: i64| (i64::try_from(now_s()).unwrap() + seconds).to_string();
    let stranger = Held { id: "0123456789abcdef".to_owned(), text: key.text.clone() };
    let altered = [
        house.signed(&key, &SignedOrder { body: order("9").to_string(), ..good.clone() }),
        house.signed(&key, &SignedOrder { sent_to: "/v1/payouts?x=1", ..good.clone() }),
        house.signed(&key, &SignedOrder { idempotency_key: "inv-8", ..good.clone() }),
        house.signed(&key, &good).header("Idempotency-Key", "inv-8"),
        house.signed(&key, &SignedOrder { timestamp: at(301), ..good.clone() }),
        house.signed(&key, &SignedOrder { timestamp: at(-302), ..good.clone() }),
        house.signed(&key, &SignedOrder { nonce: "short".to_owned(), ..good.clone() }),
        house.signed(&key, &good).header("X-Payoutd-Signature", "v1=00"),
        house.signed(&key, &good).bearer_auth(&key.text),
        house.signed(&stranger, &good),
        house.door.stranger(Method::POST, "/v1/payouts").header("X-Payoutd-Key", &key.id),
        house.shows(
            &Held { text: format!("payoutd_{}_{}", key.id, "0".repeat(64)), ..key.clone() },
            Method::GET,
            "/v1/payouts",
        ),
        house.door.stranger(Method::GET, "/v1/payouts").bearer_auth("a-token-of-nobody"),
        house.door.stranger(Method::GET, "/v1/payouts").header("Authorization", "Basic eA=="),
        house.door.stranger(Method::GET, "/v1/payouts"),
    ];
    let mut bodies = BTreeSet::new();
    for request in altered {
        let answer = send(request).await;
        assert_eq!(said(&answer), (401, "unauthorized".to_owned()), "{}", answer.text);
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("instance");
        bodies.insert(body.to_string());
    }
    assert_eq!(bodies.len(), 1, "F000-03: one body for every cause");
    assert_eq!(house.door.office.taken(), 0);
    // What was refused has used nothing up.
    let within = SignedOrder { timestamp: at(-298), ..good };
    assert_eq!(send(house.signed(&key, &within)).await.status, 202);
}

/// F002-07: of two hundred copies of one signed request, one is done; a repeat is signed anew and gets the first answer.
#[actix_web::test]
async fn of_two_hundred_copies_of_a_signed_request_one_is_done() {
    let house = Guarded::open().await;
    let key = house.key(json!({})).await;
    let order = SignedOrder::new("inv-7", "1", "copied");
    let copies = (0..200).map(|_| send(house.signed(&key, &order)));
    let answers = futures_util::future::join_all(copies).await;
    let done = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!((done, house.door.office.taken()), (1, 1));
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status != 202)
            .all(|a| said(a) == (409, "request-replayed".to_owned()))
    );
    let again = send(house.signed(&key, &SignedOrder::new("inv-7", "1", "again"))).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (202, "true"));
    assert_eq!(house.door.office.taken(), 1);
}

/// F001-06, F001-15: a revoked key opens nothing; a key that is taken over and its successor are both good for a day.
#[actix_web::test]
async fn a_key_that_is_revoked_opens_nothing_and_a_successor_takes_over() {
    let house = Guarded::open().await;
    let (key, bound) = (house.key(json!({})).await, house.key(json!({ "networks": ["10.0.0.0/8"] })).await);
    let outside = send(house.shows(&bound, Method::GET, "/v1/payouts")).await;
    assert_eq!(said(&outside), (403, "forbidden".to_owned()), "F001-12");
    let order = SignedOrder::new("inv-7", "1", "outside");
    let outside = send(house.signed(&bound, &order)).await;
    assert_eq!(said(&outside), (403, "forbidden".to_owned()), "whoever has proved to hold the key hears why");
    let forger = Held { text: key.text.clone(), ..bound.clone() };
    let unproved = send(house.signed(&forger, &order)).await;
    assert_eq!(
        said(&unproved),
        (401, "unauthorized".to_owned()),
        "whoever has not, learns nothing of its networks"
    );
    let rotated = house.door.post(&format!("/v1/admin/keys/{}/rotate", key.id), None).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text);
    let successor = Held::of(&rotated.json());
    assert_eq!(rotated.json()["key"]["successor_of"], json!(key.id));
    for good in [&key, &successor] {
        assert_eq!(send(house.shows(good, Method::GET, "/v1/payouts")).await.status, 200);
    }
    // Another daemon of the house knows the key, too, and hears of its end by itself.
    let elsewhere = OpenDoor::open_with(|settings| settings.takes_keys = true).await;
    elsewhere.within.take_keys(gatekeeper(&house.store));
    let there = || send(elsewhere.stranger(Method::GET, "/v1/payouts").bearer_auth(&key.text));
    assert_eq!(there().await.status, 200);
    let revoked = house.door.post(&format!("/v1/admin/keys/{}/revoke", key.id), None).await;
    assert_eq!((revoked.status, &revoked.json()["status"]), (200, &json!("revoked")));
    assert_eq!(send(house.shows(&key, Method::GET, "/v1/payouts")).await.status, 401);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(there().await.status, 401);
    let late = house.door.post(&format!("/v1/admin/keys/{}/rotate", key.id), None).await;
    assert_eq!(late.status, 409, "{}", late.text);
    let told: Vec<_> = house.store.records(1, 99).await.unwrap().iter().map(|r| r.kind.to_string()).collect();
    assert_eq!(told, ["api_key_added", "api_key_added", "api_key_updated", "api_key_deleted"]);
    house.gatekeeper.keyring().count_uses().await.unwrap();
    let shown = house.door.get(&format!("/v1/admin/keys/{}", successor.id)).await.json();
    assert_eq!((&shown["uses"], &shown["uses_24h"]), (&json!(1), &json!(1)), "F001-14");
}

/// F001-06: a stream that a key has opened does not outlive it, whoever else goes on listening.
#[actix_web::test]
async fn a_stream_ends_with_the_key_that_opened_it() {
    let house = Guarded::open().await;
    let key = house.key(json!({ "permissions": ["event:read"], "reach": "all" })).await;
    let all_told = format!("/v1/events?after={EVENTS}");
    let follow = |request: RequestBuilder| request.header("Accept", "text/event-stream").send();
    let mut of_key = follow(house.shows(&key, Method::GET, &all_told)).await.unwrap();
    let mut of_house = follow(house.door.request(Method::GET, &all_told)).await.unwrap();
    assert_eq!((of_key.status().as_u16(), of_house.status().as_u16()), (200, 200));
    let listens_on = tokio::time::timeout(Duration::from_millis(600), of_key.chunk()).await;
    assert!(listens_on.is_err(), "nothing happens, and the stream is open");
    assert_eq!(house.door.post(&format!("/v1/admin/keys/{}/revoke", key.id), None).await.status, 200);
    let ended = tokio::time::timeout(Duration::from_secs(10), of_key.chunk()).await;
    assert_eq!(ended.expect("it ends at its next look").unwrap(), None);
    let goes_on = tokio::time::timeout(Duration::from_millis(600), of_house.chunk()).await;
    assert!(goes_on.is_err(), "the house's own goes on");
}

/// "We do not know" is no "no": a store that is away says 503, and a house that starts says so too.
#[actix_web::test]
async fn a_register_that_is_away_is_not_a_wrong_key() {
    let house = Guarded::open().await;
    let key = house.key(json!({})).await;
    house.store.fail_after(0);
    tokio::time::sleep(Duration::from_millis(60)).await;
    let away = send(house.shows(&key, Method::GET, "/v1/payouts")).await;
    assert_eq!(said(&away), (503, "unavailable".to_owned()));
    house.store.heal();
    assert_eq!(send(house.shows(&key, Method::GET, "/v1/payouts")).await.status, 200);
    let plain = OpenDoor::open().await;
    let unknown = send(plain.stranger(Method::GET, "/v1/payouts").bearer_auth(&key.text)).await;
    assert_eq!(said(&unknown), (401, "unauthorized".to_owned()), "where no keys are taken");
    assert_eq!(said(&plain.get("/v1/admin/keys").await), (404, "not-found".to_owned()));
}

/// The signers of docs/ are believed by the door, and the checker of docs/ believes what it should.
#[actix_web::test]
async fn the_signers_that_we_hand_out_are_believed() {
    let house = Guarded::open().await;
    let key = house.key(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body.json");
    std::fs::write(&file, order("1").to_string()).unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let run = |program: &str, arguments: &[&str], more: &[(String, String)]| {
        let mut child = Command::new(program)
            .args(arguments)
            .env("PAYOUTD_API_KEY", &key.text)
            .envs(more.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(order("1").to_string().as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let python = format!("{root}/docs/sign.py");
    let shell = format!("{root}/docs/sign.sh");
    let by_python = run("python3", &[&python, "request", "POST", "/v1/payouts", "by-python"], &[]);
    let by_shell = run("sh", &[&shell, "POST", "/v1/payouts", "by-shell", file.to_str().unwrap()], &[]);
    for (name, headers) in [("by-python", &by_python), ("by-shell", &by_shell)] {
        let mut request = house.door.stranger(Method::POST, "/v1/payouts").header("Idempotency-Key", name);
        for line in headers.lines() {
            let (header, value) = line.split_once(": ").unwrap();
            request = request.header(header, value);
        }
        let request = request.header("Content-Type", "application/json").body(order("1").to_string());
        let answer = send(request).await;
        assert_eq!(answer.status, 202, "{name}: {} {headers}", answer.text);
    }
    let given: Vec<_> = by_shell.lines().map(|line| line.split_once(": ").unwrap()).collect();
    let given: Vec<_> =
        given.iter().map(|(n, v)| (n.to_uppercase().replace('-', "_"), (*v).to_owned())).collect();
    assert_eq!(run("python3", &[&python, "check", "POST", "/v1/payouts", "by-shell"], &given), "yes\n");
    assert_eq!(run("python3", &[&python, "check", "POST", "/v1/payouts", "another"], &given), "no\n");
}
