//! The fear: a token that opens more than its holder may, longer than they are here, or for whoever has stolen it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use payoutd::{
    identity::{
        Gatekeeper, GatekeeperSettings, Keyring,
        people::{Hasher, PasswordPolicy, People},
        reception::{
            Reception, ReceptionSettings,
            token_keys::{TokenKeys, TokenKind},
        },
        vault::Vault,
    },
    world::SystemClock,
};
use payoutd_actors::{
    domain::journal::JournalKey,
    fakes::MemoryStore,
    ports::{Clock, Journal, Register},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    kit::door::{Answer, OpenDoor, send},
    people::{PASSWORD, Peopled},
};

/// A gatekeeper at whose reception people sign in.
pub(crate) fn receptive(store: &MemoryStore) -> Arc<Gatekeeper> {
    receptive_by(store, Arc::new(SystemClock), |gatekeeper| gatekeeper)
}

/// The same, by another clock, and with what a story adds.
pub(crate) fn receptive_by(
    store: &MemoryStore,
    clock: Arc<dyn Clock>,
    add: impl FnOnce(Gatekeeper) -> Gatekeeper,
) -> Arc<Gatekeeper> {
    let register: Arc<dyn Register> = Arc::new(store.clone());
    let vault = Vault::of_base64(&base64::prelude::BASE64_STANDARD.encode([7; 32])).unwrap();
    let keyring = Arc::new(Keyring::new(register.clone(), vault.clone(), clock.clone()));
    let hasher = Hasher::new().unwrap();
    let people = Arc::new(People::new(register.clone(), clock.clone(), hasher, PasswordPolicy::Length));
    let settings = ReceptionSettings { keys: keys(&[1]), vault, access_ms: 15 * 60 * 1_000, skew_steps: 1 };
    let reception = Reception::new(people.clone(), register.clone(), clock.clone(), settings);
    let settings = GatekeeperSettings { require_signed_requests: true };
    let gatekeeper = Gatekeeper::new(keyring, people, register, clock, settings);
    Arc::new(add(gatekeeper.with_reception(Arc::new(reception))))
}

pub(crate) fn keys(seeds: &[u8]) -> TokenKeys {
    let pems: Vec<_> =
        seeds.iter().map(|seed| JournalKey::from_seed(&[*seed; 32]).to_pem().unwrap()).collect();
    TokenKeys::of_pems(pems.iter().map(|pem| pem.as_str())).unwrap()
}

pub(crate) async fn open() -> Peopled {
    Peopled::with(receptive).await
}

/// What somebody holds who has signed in.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) token_id: String,
}

impl Held {
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text);
        let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), token_id: text("token_id") }
    }

    /// The claims, as anybody reads them.
    fn claims(&self) -> Value {
        let claims = self.access.split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    }
}

impl Peopled {
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Answer {
        let body = json!({ "name": name, "password": password });
        send(self.door.stranger(Method::POST, "/v1/auth/sign-in").json(&body)).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        let body = json!({ "refresh_token": token });
        send(self.door.stranger(Method::POST, "/v1/auth/refresh").json(&body)).await
    }

    /// With a token.
    pub(crate) async fn by(&self, token: &str, method: Method, path: &str) -> Answer {
        send(self.door.stranger(method, path).bearer_auth(token)).await
    }

    async fn opens(&self, token: &str) -> u16 {
        self.by(token, Method::GET, "/v1/auth/me").await.status
    }
}

/// The body of a 401 without what names the request.
fn body_of(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.problem()), (401, "unauthorized".to_owned()), "{}", answer.text);
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("instance");
    body.to_string()
}

/// F001-03, F001-04, F003-07, D-46: what a token says, for how long, and nothing that names a person.
#[actix_web::test]
async fn whoever_signs_in_gets_a_token_of_fifteen_minutes() {
    let house = open().await;
    let id = house.person("alice@example.com", "viewer").await;
    let held = Held::of(&house.sign_in(" Alice@example.com", PASSWORD).await);
    let claims = held.claims();
    let named: BTreeSet<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    let all = ["aud", "exp", "iat", "iss", "jti", "nbf", "permissions", "role", "scope", "sid", "sub", "ver"];
    assert_eq!(named, all.into());
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("payoutd"), &json!("payoutd-api")));
    assert_eq!((&claims["sub"], &claims["role"]), (&json!(id), &json!("viewer")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    assert!(!claims.to_string().contains("alice"));
    let me = house.by(&held.access, Method::GET, "/v1/auth/me").await.json();
    assert_eq!((&me["user"]["id"], &me["permissions"]), (&json!(id), &json!(["payout:read", "house:read"])));
    assert_eq!(house.by(&held.access, Method::GET, "/v1/payouts").await.status, 200);
    let beyond = house.by(&held.access, Method::GET, "/v1/admin/users").await;
    assert_eq!((beyond.status, beyond.problem()), (403, "forbidden".to_owned()));
    // A person's route is for people.
    assert_eq!(house.door.get("/v1/auth/me").await.status, 403);
    // F001-05, F001-11: a thief of the database reads neither token.
    let database = house.database().await;
    for secret in [&held.access, &held.refresh, &held.refresh.rsplit('_').next().unwrap()[32..].to_owned()] {
        assert!(!database.contains(secret.as_str()));
    }
    assert!(house.told().await.ends_with(&["login_success".to_owned()]));
}

/// F001-07: what verifies tokens is there for everybody to read.
#[actix_web::test]
async fn the_public_keys_verify_what_was_signed() {
    let house = open().await;
    house.person("alice", "viewer").await;
    let held = Held::of(&house.sign_in("alice", PASSWORD).await);
    let answer = send(house.door.stranger(Method::GET, "/.well-known/jwks.json")).await;
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&answer.text).unwrap();
    let header = jsonwebtoken::decode_header(&held.access).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut wanted = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    wanted.set_audience(&["payoutd-api"]);
    wanted.set_issuer(&["payoutd"]);
    assert!(jsonwebtoken::decode::<Value>(&held.access, &key, &wanted).is_ok());
    let plain = OpenDoor::open().await;
    let none = send(plain.stranger(Method::GET, "/.well-known/jwks.json")).await;
    assert_eq!((none.status, none.json()), (200, json!({ "keys": [] })));
    let nobody =
        send(plain.stranger(Method::POST, "/v1/auth/sign-in").json(&json!({ "name": "a", "password": "b" })));
    assert_eq!(nobody.await.status, 404);
}

/// F003-02, F004-36, F000-03: who exists is not told: one answer for a name that nobody has, a wrong password, and somebody who is
/// shown out, and each costs a hash.
#[actix_web::test]
async fn a_sign_in_that_fails_tells_nothing() {
    let house = open().await;
    house.person("alice", "viewer").await;
    let gone = house.person("gone", "viewer").await;
    house.door.post(&format!("/v1/admin/users/{gone}/disable"), None).await;
    house.invite("invited", "viewer").await;
    let mut bodies = BTreeSet::new();
    for (name, password) in [
        ("nobody", PASSWORD),
        ("no name at all", PASSWORD),
        ("alice", "seven quiet herons wad"),
        ("alice", ""),
        ("gone", PASSWORD),
        ("invited", PASSWORD),
    ] {
        bodies.insert(body_of(&house.sign_in(name, password).await));
    }
    assert_eq!(bodies.len(), 1);
    let told = house.told().await;
    assert_eq!(told.iter().filter(|kind| *kind == "login_failed").count(), 6);
    assert!(!house.database().await.contains("seven quiet herons wad"));
    assert_eq!(house.sign_in("alice", PASSWORD).await.status, 200);
}

/// F003-08: whoever brought a bcrypt hash along has an Argon2id one after the first sign-in.
#[actix_web::test]
async fn a_hash_from_elsewhere_is_made_anew_at_the_first_sign_in() {
    let house = open().await;
    let hash = bcrypt::hash("a password from before", 12).unwrap();
    let wanted = json!({ "name": "carol", "role": "viewer", "account": "treasury", "password_hash": hash });
    assert_eq!(house.door.post("/v1/admin/users", Some(&wanted)).await.status, 201);
    assert!(house.database().await.contains("$2b$12$"));
    for _ in 0..2 {
        assert_eq!(house.sign_in("carol", "a password from before").await.status, 200);
    }
    let database = house.database().await;
    assert!(!database.contains("$2b$12$") && database.contains("$argon2id$"));
}

/// F001-03, F001-07, F000-03: what a token claims gains nothing, what is no token of ours opens nothing, and each hears the same.
#[actix_web::test]
async fn a_token_that_is_not_ours_opens_nothing_and_each_hears_the_same() {
    let house = open().await;
    let id = house.person("alice", "viewer").await;
    let held = Held::of(&house.sign_in("alice", PASSWORD).await);
    let own = held.claims();
    let with = |change: Value| {
        let mut claims = own.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        claims
    };
    let signed = |claims: &Value| keys(&[1]).sign(TokenKind::Access, claims).unwrap().to_string();
    // Signed by our own key: more permissions in the token are no more permissions.
    let inflated =
        signed(&with(json!({ "role": "admin", "permissions": ["key:admin"], "scope": "key:admin" })));
    assert_eq!(house.by(&inflated, Method::GET, "/v1/auth/me").await.json()["user"]["role"], json!("viewer"));
    assert_eq!(house.by(&inflated, Method::GET, "/v1/admin/keys").await.status, 403);
    let (iat, exp) = (own["iat"].as_i64().unwrap(), own["exp"].as_i64().unwrap());
    let parts: Vec<&str> = held.access.split('.').collect();
    let mut bodies = BTreeSet::new();
    for bad in [
        keys(&[2]).sign(TokenKind::Access, &own).unwrap().to_string(),
        signed(&with(json!({ "exp": iat - 1, "iat": iat - 900, "nbf": iat - 900 }))),
        signed(&with(json!({ "nbf": iat + 60 }))),
        signed(&with(json!({ "exp": exp + 3_600 }))),
        signed(&with(json!({ "iss": "somebody" }))),
        signed(&with(json!({ "aud": "another" }))),
        signed(&with(json!({ "sub": "0123456789abcdef" }))),
        signed(&with(json!({ "sub": "../../etc" }))),
        signed(&with(json!({ "sid": "0123456789abcdef" }))),
        signed(&with(json!({ "ver": 99 }))),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)),
        "a.b.c".to_owned(),
        held.refresh.clone(),
    ] {
        bodies.insert(body_of(&house.by(&bad, Method::GET, "/v1/auth/me").await));
    }
    assert_eq!(bodies.len(), 1);
    // The live record decides: the same token, another role.
    house.door.post(&format!("/v1/admin/users/{id}/role"), Some(&json!({ "role": "auditor" }))).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(house.by(&held.access, Method::GET, "/v1/audit/pubkey").await.status, 200);
}

/// F001-06: out is out, within 100 ms, on another daemon too: by person, by token, by session, by password, and everybody at once.
#[actix_web::test]
async fn what_was_taken_back_opens_nothing_on_any_daemon() {
    let house = open().await;
    let id = house.person("alice", "viewer").await;
    let elsewhere = OpenDoor::open_with(|settings| settings.takes_keys = true).await;
    elsewhere.within.take_keys(receptive(&house.store));
    let there = async |token: &str| {
        send(elsewhere.stranger(Method::GET, "/v1/auth/me").bearer_auth(token)).await.status
    };
    let at = |verb: &str| format!("/v1/admin/users/{id}/{verb}");
    for way in ["token", "sign-out", "revoke", "everything", "password", "disable"] {
        let held = Held::of(&house.sign_in("alice", PASSWORD).await);
        let other = Held::of(&house.sign_in("alice", PASSWORD).await);
        assert_eq!((house.opens(&held.access).await, there(&held.access).await), (200, 200), "{way}");
        let done = match way {
            "token" => {
                let one = json!({ "token_id": held.token_id });
                house.door.post("/v1/admin/tokens/revoke", Some(&one)).await.status
            }
            "everything" => {
                let all = json!({ "everything": true });
                house.door.post("/v1/admin/tokens/revoke", Some(&all)).await.status
            }
            "sign-out" => house.by(&held.access, Method::POST, "/v1/auth/sign-out").await.status,
            "password" => {
                let body = json!({ "password": PASSWORD, "new_password": PASSWORD });
                let request = house.door.stranger(Method::POST, "/v1/auth/password");
                send(request.bearer_auth(&held.access).json(&body)).await.status
            }
            way => house.door.post(&at(way), None).await.status,
        };
        assert!([200, 204].contains(&done), "{way}: {done}");
        assert_eq!(house.opens(&held.access).await, 401, "{way}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(there(&held.access).await, 401, "{way}");
        let alone = ["token", "sign-out"].contains(&way);
        assert_eq!(there(&other.access).await == 200, alone, "{way}: the other session");
        // Of a single token the session goes on; with all else it is over.
        assert_eq!(house.refresh(&held.refresh).await.status == 200, way == "token", "{way}");
    }
    let records = house.store.records(1, 999).await.unwrap();
    for told in ["logout", "password_changed", "tokens_revoked", "user_disabled"] {
        assert!(records.iter().any(|record| record.kind == told), "{told}");
    }
    for wrong in [
        json!({}),
        json!({ "everything": false }),
        json!({ "token_id": "x" }),
        json!({ "token_id": "0123456789abcdef", "everything": true }),
    ] {
        assert_eq!(house.door.post("/v1/admin/tokens/revoke", Some(&wrong)).await.status, 422, "{wrong}");
    }
}

/// A clock that is ahead, though not so far that its tokens are not taken elsewhere.
struct Ahead;

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + 3_000
    }
}

/// F001-06: everybody is everybody, also whoever has signed in at a daemon whose clock is ahead; who signs in from then on is in.
#[actix_web::test]
async fn a_daemon_whose_clock_is_ahead_keeps_nobody_in() {
    let house = open().await;
    house.person("alice", "viewer").await;
    let ahead = OpenDoor::open_with(|settings| settings.takes_keys = true).await;
    ahead.within.take_keys(receptive_by(&house.store, Arc::new(Ahead), |gatekeeper| gatekeeper));
    let shown = json!({ "name": "alice", "password": PASSWORD });
    let held = Held::of(&send(ahead.stranger(Method::POST, "/v1/auth/sign-in").json(&shown)).await);
    assert_eq!(house.opens(&held.access).await, 200);
    let all = json!({ "everything": true });
    assert_eq!(house.door.post("/v1/admin/tokens/revoke", Some(&all)).await.status, 204);
    assert_eq!(house.opens(&held.access).await, 401);
    assert_eq!(house.refresh(&held.refresh).await.status, 401);
    let anew = Held::of(&house.sign_in("alice", PASSWORD).await);
    assert_eq!(house.opens(&anew.access).await, 200);
}

/// A stream of events outlives the moment in which its listener was asked: it ends when they may hear less than then.
#[actix_web::test]
async fn whoever_may_hear_less_hears_no_more() {
    let house = open().await;
    let id = house.person("eve", "auditor").await;
    let held = Held::of(&house.sign_in("eve", PASSWORD).await);
    let stream =
        house.door.stranger(Method::GET, "/v1/events?after=1000000").header("Accept", "text/event-stream");
    let mut stream = stream.bearer_auth(&held.access).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let post = async |role: &str| {
        let path = format!("/v1/admin/users/{id}/role");
        assert_eq!(house.door.post(&path, Some(&json!({ "role": role }))).await.status, 200);
    };
    post("admin").await;
    let silence = tokio::time::timeout(Duration::from_secs(1), stream.chunk()).await;
    assert!(silence.is_err(), "whoever may hear more goes on hearing");
    post("viewer").await;
    let end = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;
    assert_eq!(end.expect("it ends").unwrap(), None);
}

/// F003-09, ASVS 6.2.2 and 6.2.3: who does not know the password chooses no other; another takes its place.
#[actix_web::test]
async fn another_password_wants_the_one_before_and_takes_its_place() {
    const ANOTHER: &str = "nine calm otters drift";
    let house = open().await;
    house.person("alice", "viewer").await;
    let held = Held::of(&house.sign_in("alice", PASSWORD).await);
    let change = async |old: &str, new: &str| {
        let body = json!({ "password": old, "new_password": new });
        house.ask(&held.access, "/v1/auth/password", body).await.status
    };
    assert_eq!(change("a guess of a thief", ANOTHER).await, 401);
    assert_eq!(change(PASSWORD, "short").await, 422);
    assert_eq!(house.opens(&held.access).await, 200, "nothing has changed");
    assert_eq!(change(PASSWORD, ANOTHER).await, 204);
    assert_eq!(house.sign_in("alice", PASSWORD).await.status, 401);
    assert_eq!(house.sign_in("alice", ANOTHER).await.status, 200);
}

/// F001-05, D-52: a refresh token is good once; a copy that is shown later ends the session of the thief and of the owner.
#[actix_web::test]
async fn a_copy_of_a_refresh_token_ends_the_session() {
    let house = open().await;
    house.person("alice", "viewer").await;
    let first = Held::of(&house.sign_in("alice", PASSWORD).await);
    let second = Held::of(&house.refresh(&first.refresh).await);
    // A double click, or an answer that was lost: refused, and nothing ends.
    body_of(&house.refresh(&first.refresh).await);
    let third = Held::of(&house.refresh(&second.refresh).await);
    assert_eq!(house.opens(&third.access).await, 200);
    // The one before the last: nobody shows it by mistake.
    body_of(&house.refresh(&first.refresh).await);
    body_of(&house.refresh(&third.refresh).await);
    assert_eq!(house.opens(&third.access).await, 401);
    assert!(house.told().await.ends_with(&["token_reuse".to_owned()]));
    // A guess ends nothing: of another's session the id is known, and no more.
    let held = Held::of(&house.sign_in("alice", PASSWORD).await);
    let guess = format!("{}{}", &held.refresh[..held.refresh.len() - 96], "0".repeat(96));
    body_of(&house.refresh(&guess).await);
    assert_eq!(house.refresh(&held.refresh).await.status, 200);
}

/// Two hundred who show one refresh token at once: one gets the next, and the session goes on.
#[actix_web::test]
async fn of_two_hundred_who_refresh_at_once_one_gets_the_next() {
    let house = open().await;
    house.person("alice", "viewer").await;
    let held = Held::of(&house.sign_in("alice", PASSWORD).await);
    let reception = house.gatekeeper.reception().unwrap();
    let all = futures_util::future::join_all((0..200).map(|_| reception.refresh(&held.refresh, None))).await;
    let won: Vec<_> = all.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(house.opens(&won[0].access).await, 200);
    assert_eq!(house.refresh(&won[0].refresh).await.status, 200);
}
