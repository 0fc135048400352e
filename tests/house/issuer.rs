//! The fear: whoever signs people in elsewhere says here what they may do, or says it of somebody whom nobody here knows.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use payoutd::{
    config::Sources,
    http::routes::{Asked, Line, TABLE},
    identity::{
        issuer::{Issuer, IssuerSettings, source::KeyFile},
        reception::token_keys::{TokenKeys, TokenKind},
    },
    world::SystemClock,
};
use payoutd_actors::ports::{EntryKind, Journal, Register, RegisterChange};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    kit::{
        desk::Desk,
        door::{Answer, order, send},
    },
    people::{PASSWORD, Peopled},
    tokens::{Held, keys, receptive_by},
};

const ISSUER: &str = "https://login.example";

/// A house that believes an issuer.
struct Believing {
    house: Peopled,
    their: TokenKeys,
    folder: TempDir,
}

fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

/// What an issuer says that would like its people to be everything.
fn claims(subject: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": "payoutd", "sub": subject, "iat": now_s(), "nbf": now_s(), "exp": now_s() + 300,
        "role": "admin", "permissions": ["key:admin", "payout:create"], "scope": "key:admin payout:create",
        "account": "house", "amr": ["pwd", "otp"], "auth_time": now_s(),
    })
}

impl Believing {
    async fn open() -> Self {
        let (folder, their) = (tempfile::tempdir().unwrap(), keys(&[9]));
        let file = folder.path().join("keys.json");
        fs::write(&file, serde_json::to_string(&their.public()).unwrap()).unwrap();
        let settings =
            IssuerSettings { issuer: ISSUER.into(), audience: "payoutd".into(), rsa_bits_min: 3072 };
        let issuer = Issuer::new(settings, Box::new(KeyFile(file)), Arc::new(SystemClock));
        let house = Peopled::with(|store| {
            receptive_by(store, Arc::new(SystemClock), |gatekeeper| gatekeeper.with_issuer(Arc::new(issuer)))
        });
        Self { house: house.await, their, folder }
    }

    fn token(&self, claims: &Value) -> String {
        self.their.sign(TokenKind::Access, claims).unwrap().to_string()
    }

    async fn link(&self, person: &str, issuer: &str, subject: &str) -> Answer {
        let body = json!({ "issuer": issuer, "subject": subject });
        self.house.door.post(&format!("/v1/admin/users/{person}/link"), Some(&body)).await
    }

    async fn unlink(&self, person: &str, subject: &str) -> Answer {
        let body = json!({ "issuer": ISSUER, "subject": subject });
        self.house.door.post(&format!("/v1/admin/users/{person}/unlink"), Some(&body)).await
    }

    /// Somebody whom the issuer knows under their own name, and who chose their password a while ago.
    async fn linked(&self, name: &str, role: &str) -> String {
        let person = self.house.person(name, role).await;
        self.a_minute_passes(&person).await;
        assert_eq!(self.link(&person, ISSUER, name).await.status, 200);
        person
    }

    /// What somebody had before has ended a minute earlier.
    async fn a_minute_passes(&self, person: &str) {
        let mut entry = self.house.store.entry(EntryKind::Person, person).await.unwrap().unwrap();
        let mut body: Value = serde_json::from_str(&entry.body).unwrap();
        body["revoked_at_ms"] = json!(body["revoked_at_ms"].as_i64().unwrap() - 60_000);
        entry.body = body.to_string();
        let change = RegisterChange { put: vec![entry], ..RegisterChange::default() };
        self.house.store.register(change, 0).await.unwrap();
        // Longer than anybody is known without being asked for again.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    async fn reads(&self, token: &str, path: &str) -> u16 {
        self.house.by(token, Method::GET, path).await.status
    }

    /// A request to a route that changes something.
    async fn changes(&self, token: &str, line: &Line) -> Answer {
        let path = line.path.replace("{id}", "0123456789abcdef");
        let method = line.method.as_str().parse().unwrap();
        send(self.house.door.stranger(method, &path).bearer_auth(token).json(&json!({}))).await
    }

    async fn does(&self, token: &str, path: &str, body: Value) -> Answer {
        let request = self.house.door.stranger(Method::POST, path).bearer_auth(token);
        send(request.header("Idempotency-Key", "k").json(&body)).await
    }
}

/// F001-03: whom an issuer vouches for is who they are here, and may what they may here, whatever their token says.
#[actix_web::test]
async fn a_token_says_who_somebody_is_and_never_what_they_may() {
    let house = Believing::open().await;
    let stranger = house.token(&claims("alice"));
    assert_eq!(house.reads(&stranger, "/v1/payouts").await, 401, "whom nobody has linked is nobody");
    let alice = house.linked("alice", "end_user").await;
    let token = house.token(&claims("alice"));
    assert_eq!(house.reads(&token, "/v1/payouts").await, 200);
    assert_eq!(house.reads(&token, &format!("/v1/audit/users/{alice}")).await, 200);
    for path in ["/v1/admin/keys", "/v1/admin/users", "/v1/wallet", "/v1/events"] {
        assert_eq!(house.reads(&token, path).await, 403, "{path}");
    }
    for path in ["/v1/auth/me", "/v1/2fa/status"] {
        assert_eq!(house.reads(&token, path).await, 403, "{path}");
    }
    // F001-06: out is out, and who was let in again shows a token that was made since.
    let path = |verb: &str| format!("/v1/admin/users/{alice}/{verb}");
    assert_eq!(house.house.door.post(&path("disable"), None).await.status, 200);
    assert_eq!(house.reads(&token, "/v1/payouts").await, 401);
    assert_eq!(house.house.door.post(&path("enable"), None).await.status, 200);
    let mut ahead = claims("alice");
    ahead["iat"] = json!(now_s() + 25);
    for older in [&token, &house.token(&ahead)] {
        assert_eq!(house.reads(older, "/v1/payouts").await, 401, "an issuer's clock may be ahead");
    }
    house.a_minute_passes(&alice).await;
    let later = house.token(&claims("alice"));
    assert_eq!(house.reads(&later, "/v1/payouts").await, 200);
    assert_eq!(house.unlink(&alice, "alice").await.status, 204);
    assert_eq!(house.reads(&later, "/v1/payouts").await, 401);
}

/// F001-09: whoever has the issuer's key is whoever they like; by its tokens nothing is changed, whatever factor was shown there.
#[actix_web::test]
async fn no_money_moves_by_another_issuers_token() {
    let house = Believing::open().await;
    house.linked("alice", "end_user").await;
    let bob = house.linked("bob", "admin").await;
    let (token, admins) = (house.token(&claims("alice")), house.token(&claims("bob")));
    let batch = json!({ "payouts": [order("1")] });
    let payout = "/v1/payouts/01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let step_up = (401, "step-up-required".to_owned());
    for (path, body) in
        [("/v1/payouts", order("1")), ("/v1/payouts/batch", batch), (&format!("{payout}/cancel"), json!({}))]
    {
        assert_eq!(said(&house.does(&admins, path, body.clone()).await), step_up, "{path}");
        assert_ne!(house.does(&token, path, body).await.status / 100, 2, "{path}");
    }
    assert_eq!(house.house.door.office.taken(), 0);
    assert_eq!(house.reads(&admins, "/v1/admin/users").await, 200);
    // Every route that changes anything, those of the table that come after today, too.
    for line in TABLE.iter().filter(|line| line.method.as_str() != "GET") {
        if matches!(line.asks(false), Some(Asked::Grant(_))) {
            let answer = house.changes(&admins, line).await;
            assert_eq!(said(&answer), step_up, "{} {}", line.method, line.path);
        }
    }
    assert_eq!(house.house.store.entries(EntryKind::Link, Some(&bob), "", 9).await.unwrap().len(), 1);
    // Everything that was given to anybody ends, whoever gave it, and however fast their clock is.
    let everything = json!({ "everything": true });
    assert_eq!(house.house.door.post("/v1/admin/tokens/revoke", Some(&everything)).await.status, 204);
    let mut ahead = claims("alice");
    ahead["iat"] = json!(now_s() + 25);
    for older in [&token, &house.token(&ahead)] {
        assert_eq!(house.reads(older, "/v1/payouts").await, 401);
    }
}

/// F001-07: our tokens are verified by our keys alone, and the issuer's by its own.
#[actix_web::test]
async fn neither_house_signs_for_the_other() {
    let house = Believing::open().await;
    let alice = house.linked("alice", "viewer").await;
    let own = Held::of(&house.house.sign_in("alice", PASSWORD).await);
    assert_eq!(house.reads(&own.access, "/v1/auth/me").await, 200);
    let mut as_ours = claims(&alice);
    (as_ours["iss"], as_ours["aud"]) = (json!("payoutd"), json!("payoutd-api"));
    (as_ours["sid"], as_ours["jti"], as_ours["ver"]) =
        (json!("0123456789abcdef"), json!(own.token_id), json!(1));
    let ours_as_theirs = keys(&[1]).sign(TokenKind::Access, &claims("alice")).unwrap();
    let other_purpose = house.their.sign(TokenKind::SecondFactor, &claims("alice")).unwrap();
    for bad in [house.token(&as_ours), ours_as_theirs.to_string(), other_purpose.to_string()] {
        assert_eq!(house.reads(&bad, "/v1/payouts").await, 401, "{bad}");
    }
    // The file has another key from now on; the old one is good until the keys are read again.
    let next = keys(&[8]);
    fs::write(house.folder.path().join("keys.json"), serde_json::to_string(&next.public()).unwrap()).unwrap();
    assert_eq!(house.reads(&house.token(&claims("alice")), "/v1/payouts").await, 200);
}

/// A subject is one person's, by the word of whoever runs the house; the journal does not call it by its name.
#[actix_web::test]
async fn a_subject_is_one_persons_and_no_one_else_can_have_it() {
    let house = Believing::open().await;
    let (alice, bob) =
        (house.house.person("alice", "viewer").await, house.house.person("bob", "admin").await);
    let subject = "alice@elsewhere.example";
    assert_eq!(house.link(&alice, "https://other.example", subject).await.pointers(), ["/issuer"]);
    for bad in ["", "é", "a\nb", &"s".repeat(256)] {
        assert_eq!(house.link(&alice, ISSUER, bad).await.pointers(), ["/subject"], "{bad}");
    }
    assert_eq!(said(&house.link("0123456789abcdef", ISSUER, subject).await), (404, "not-found".to_owned()));
    let first = house.link(&alice, ISSUER, subject).await;
    assert_eq!((first.status, &first.json()["subject"]), (200, &json!(subject)), "{}", first.text);
    assert_eq!(house.link(&alice, ISSUER, subject).await.json(), first.json(), "the same again is the same");
    assert_eq!(said(&house.link(&bob, ISSUER, subject).await), (409, "conflict".to_owned()));
    for number in 1..16 {
        assert_eq!(house.link(&alice, ISSUER, &format!("s-{number}")).await.status, 200);
    }
    assert_eq!(said(&house.link(&alice, ISSUER, "one-more").await), (409, "conflict".to_owned()));
    let links = house.house.door.get(&format!("/v1/admin/users/{alice}/links")).await.json();
    assert_eq!(links["links"].as_array().unwrap().len(), 16);
    assert_eq!(said(&house.unlink(&bob, subject).await), (404, "not-found".to_owned()));
    assert_eq!(house.unlink(&alice, subject).await.status, 204);
    assert_eq!(house.link(&bob, ISSUER, subject).await.status, 200, "it is free again");
    let records = house.house.store.records(1, 999).await.unwrap();
    for told in ["user_linked", "user_unlinked"] {
        assert!(records.iter().any(|record| record.kind == told), "{told}");
    }
    assert!(records.iter().all(|record| !record.body.to_string().contains("elsewhere.example")));
    let kept = house.house.store.entries(EntryKind::Link, Some(&bob), "", 9).await.unwrap();
    assert_eq!(kept.len(), 1);
}

/// Whoever never came is forgotten a month later; their subject is not lost to everybody with them.
#[actix_web::test]
async fn a_subject_of_somebody_who_is_forgotten_is_free_again() {
    let house = Believing::open().await;
    let (gone, bob) = (house.house.person("gone", "viewer").await, house.house.person("bob", "viewer").await);
    assert_eq!(house.link(&gone, ISSUER, "s").await.status, 200);
    let entry = house.house.store.entry(EntryKind::Person, &gone).await.unwrap().unwrap();
    let remove = vec![(entry.kind, entry.id, entry.version)];
    let change = RegisterChange { remove, ..RegisterChange::default() };
    house.house.store.register(change, 0).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(house.reads(&house.token(&claims("s")), "/v1/payouts").await, 401);
    assert_eq!(house.link(&bob, ISSUER, "s").await.status, 200);
    house.a_minute_passes(&bob).await;
    assert_eq!(house.reads(&house.token(&claims("s")), "/v1/payouts").await, 200);
}

/// Every mistake about an issuer is named at its key, before anybody is believed.
#[test]
fn an_issuer_that_is_half_written_does_not_start() {
    let (named, audience) = ("issuer = \"https://login.example\"\n", "audience = \"payoutd\"\n");
    let (url, file) = ("jwks_url = \"https://login.example/jwks.json\"\n", "jwks_file = \"keys.json\"\n");
    let table: [(String, bool, &[&str]); 12] = [
        ([named, audience, url].concat(), true, &[]),
        ([named, audience, file, "rsa_bits_min = 2048\n"].concat(), true, &[]),
        (named.to_owned(), true, &["audience", "jwks_url"]),
        (url.to_owned(), true, &["issuer", "audience"]),
        ([named, audience, url, file].concat(), true, &["jwks_file"]),
        (["issuer = \"payoutd\"\n", audience, url].concat(), true, &["issuer"]),
        ([named, audience, "jwks_url = \"http://login.example/jwks.json\"\n"].concat(), true, &["jwks_url"]),
        ([named, audience, "jwks_url = \"https://127.0.0.1/jwks.json\"\n"].concat(), true, &["jwks_url"]),
        ([named, audience, "jwks_url = \"https://[fd00::1]/jwks.json\"\n"].concat(), true, &["jwks_url"]),
        (
            [named, audience, "jwks_url = \"https://127.0.0.1/j\"\njwks_private_address = true\n"].concat(),
            true,
            &[],
        ),
        ([named, audience, url, "rsa_bits_min = 1024\n"].concat(), true, &["rsa_bits_min"]),
        ([named, audience, url].concat(), false, &["issuer"]),
    ];
    for (lines, has_master_key, mistakes) in table {
        let desk = Desk::new();
        let mut added = format!("[identity.external]\n{lines}");
        if has_master_key {
            desk.run_alone(&["keys", "new", "master", "--out", "master.key"]);
            added = format!("[identity]\nmaster_key_file = \"master.key\"\n{added}");
        }
        let config = fs::read_to_string(desk.path("payoutd.toml")).unwrap();
        fs::write(desk.path("payoutd.toml"), format!("{config}{added}")).unwrap();
        let sources = Sources { file: Some(desk.path("payoutd.toml")), environment: Vec::new() };
        let found: Vec<String> = sources.load_with_secrets().map_or_else(
            |mistakes| mistakes.mistakes.into_iter().map(|mistake| mistake.key).collect(),
            |_| Vec::new(),
        );
        let wanted: Vec<_> = mistakes.iter().map(|key| format!("identity.external.{key}")).collect();
        assert_eq!(found, wanted, "{lines}");
    }
}
