//! The fear: a stolen password is enough, a code that somebody overheard is good twice, or a second factor is taken away by whoever
//! has stolen the first.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{collections::BTreeSet, time::SystemTime};

use payoutd::identity::second_factor::totp::{STEP_S, TotpSecret};
use payoutd_actors::ports::{EntryKind, Journal, Register, RegisterChange};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    kit::door::{Answer, order, send},
    people::{PASSWORD, Peopled},
    tokens::{Held, open},
};

/// Somebody's app, which shows no code twice.
pub(crate) struct Phone {
    secret: TotpSecret,
    shown: BTreeSet<i64>,
}

impl Phone {
    fn of(base32: &str) -> Self {
        let bits: String = base32
            .bytes()
            .map(|letter| {
                let place = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|one| *one == letter);
                format!("{:05b}", place.unwrap())
            })
            .collect();
        let bytes = bits.as_bytes().chunks_exact(8);
        let bytes: Vec<u8> =
            bytes.map(|eight| u8::from_str_radix(std::str::from_utf8(eight).unwrap(), 2).unwrap()).collect();
        Self { secret: TotpSecret::of_hex(&hex::encode(bytes)).unwrap(), shown: BTreeSet::new() }
    }

    pub(crate) fn code(&mut self) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let now = i64::try_from(now).unwrap() / STEP_S;
        let step = [now, now + 1, now - 1].into_iter().find(|step| self.shown.insert(*step));
        self.secret.code(step.expect("three codes are good at a time, and all of them were shown"))
    }
}

/// Somebody with a second factor.
pub(crate) struct Careful {
    pub(crate) id: String,
    pub(crate) phone: Phone,
    pub(crate) backup_codes: Vec<String>,
}

impl Peopled {
    pub(crate) async fn ask(&self, token: &str, path: &str, body: Value) -> Answer {
        send(self.door.stranger(Method::POST, path).bearer_auth(token).json(&body)).await
    }

    pub(crate) async fn careful(&self, name: &str, role: &str) -> Careful {
        let id = self.person(name, role).await;
        let held = Held::of(&self.sign_in(name, PASSWORD).await);
        let pending = self.ask(&held.access, "/v1/2fa/enroll", json!({ "password": PASSWORD })).await;
        assert_eq!(pending.status, 200, "{}", pending.text);
        let mut phone = Phone::of(pending.json()["secret"].as_str().unwrap());
        let enabled = self.ask(&held.access, "/v1/2fa/verify", json!({ "code": phone.code() })).await;
        assert_eq!(enabled.status, 200, "{}", enabled.text);
        let codes = enabled.json()["backup_codes"].clone();
        Careful { id, phone, backup_codes: serde_json::from_value(codes).unwrap() }
    }

    /// More than five minutes pass, in the entries of somebody's sessions.
    async fn age_factors(&self, person: &str) {
        for mut entry in self.store.entries(EntryKind::Session, Some(person), "", 99).await.unwrap() {
            let mut body: Value = serde_json::from_str(&entry.body).unwrap();
            if let Some(at_ms) = body["second_factor_at_ms"].as_i64() {
                body["second_factor_at_ms"] = json!(at_ms - 5 * 60 * 1_000 - 1);
            }
            entry.body = body.to_string();
            let change = RegisterChange { put: vec![entry], ..RegisterChange::default() };
            self.store.register(change, 0).await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    }

    /// The token between password and second factor.
    pub(crate) async fn half_way(&self, name: &str) -> String {
        let answer = self.sign_in(name, PASSWORD).await;
        assert_eq!((answer.status, &answer.json()["requires_2fa"]), (200, &json!(true)), "{}", answer.text);
        answer.json()["interim_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn finish(&self, interim: &str, code: &str) -> Answer {
        let body = json!({ "interim_token": interim, "code": code });
        send(self.door.stranger(Method::POST, "/v1/auth/second-factor").json(&body)).await
    }
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

const NOT_KNOWN: u16 = 401;

/// F004-07, F004-10, F004-11: set up with the password once more, confirmed by its first code, kept under the master key.
#[actix_web::test]
async fn a_second_factor_is_asked_for_once_its_first_code_was_shown() {
    let house = open().await;
    house.person("alice", "viewer").await;
    let held = Held::of(&house.sign_in("alice", PASSWORD).await);
    let wrong = house.ask(&held.access, "/v1/2fa/enroll", json!({ "password": "another" })).await;
    assert_eq!(said(&wrong), (401, "unauthorized".to_owned()));
    for method in ["sms", "email", "pigeon"] {
        let answer = house
            .ask(&held.access, "/v1/2fa/enroll", json!({ "method": method, "password": PASSWORD }))
            .await;
        assert_eq!(said(&answer), (422, "mfa-method-unsupported".to_owned()), "F001-08: {method}");
    }
    let early = house.ask(&held.access, "/v1/2fa/verify", json!({ "code": "123456" })).await;
    assert_eq!(said(&early), (409, "conflict".to_owned()));
    let pending = house.ask(&held.access, "/v1/2fa/enroll", json!({ "password": PASSWORD })).await.json();
    let secret = pending["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32);
    assert!(pending["otpauth_uri"].as_str().unwrap().contains(secret));
    let png = BASE64_STANDARD.decode(pending["qr_png"].as_str().unwrap()).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n"));
    assert!(pending["qr_svg"].as_str().unwrap().contains("<svg"));
    let status = house.by(&held.access, Method::GET, "/v1/2fa/status").await.json();
    assert_eq!((&status["enabled"], status["pending_until"].is_string()), (&json!(false), true));
    // Until it is confirmed nobody is asked for it.
    assert_eq!(house.sign_in("alice", PASSWORD).await.json()["requires_2fa"], json!(false));
    let mut phone = Phone::of(secret);
    let bad = house.ask(&held.access, "/v1/2fa/verify", json!({ "code": "000000" })).await;
    assert_eq!(bad.status, NOT_KNOWN);
    let codes = house.ask(&held.access, "/v1/2fa/verify", json!({ "code": phone.code() })).await.json();
    let codes: Vec<String> = serde_json::from_value(codes["backup_codes"].clone()).unwrap();
    assert_eq!((codes.len(), codes.iter().collect::<BTreeSet<_>>().len()), (10, 10), "D-53");
    // F001-06: whatever was given out before is worthless.
    assert_eq!(house.by(&held.access, Method::GET, "/v1/auth/me").await.status, NOT_KNOWN);
    let interim = house.half_way("alice").await;
    let again = Held::of(&house.finish(&interim, &phone.code()).await);
    let status = house.by(&again.access, Method::GET, "/v1/2fa/status").await.json();
    assert_eq!((&status["enabled"], &status["backup_codes_left"]), (&json!(true), &json!(10)));
    let database = house.database().await;
    for secret in codes.iter().map(String::as_str).chain([secret, phone.secret.to_hex().as_str()]) {
        assert!(!database.contains(secret) && !database.contains(&secret.replace('-', "")), "{secret}");
    }
    assert!(house.told().await.contains(&"mfa_enabled".to_owned()));
}

/// F004-11: what was begun and not confirmed within ten minutes is nothing.
#[actix_web::test]
async fn a_factor_that_was_not_confirmed_in_time_is_none() {
    let house = open().await;
    let id = house.person("alice", "viewer").await;
    let held = Held::of(&house.sign_in("alice", PASSWORD).await);
    let pending = house.ask(&held.access, "/v1/2fa/enroll", json!({ "password": PASSWORD })).await.json();
    let mut phone = Phone::of(pending["secret"].as_str().unwrap());
    // Ten minutes pass, in its entry.
    let mut entry = house.store.entry(EntryKind::Person, &id).await.unwrap().unwrap();
    let mut body: Value = serde_json::from_str(&entry.body).unwrap();
    let until = body["pending_factor"]["until_ms"].as_i64().unwrap();
    body["pending_factor"]["until_ms"] = json!(until - 10 * 60 * 1_000);
    entry.body = body.to_string();
    let change = RegisterChange { put: vec![entry], ..RegisterChange::default() };
    house.store.register(change, 0).await.unwrap();
    let late = house.ask(&held.access, "/v1/2fa/verify", json!({ "code": phone.code() })).await;
    assert_eq!(said(&late), (409, "conflict".to_owned()));
    assert_eq!(house.sign_in("alice", PASSWORD).await.json()["requires_2fa"], json!(false));
}

/// F004-12: what is shown between password and code opens nothing else, is good once, and a wrong code tells nothing.
#[actix_web::test]
async fn the_token_between_password_and_code_opens_nothing_else() {
    let house = open().await;
    let mut alice = house.careful("alice", "admin").await;
    let interim = house.half_way("alice").await;
    for line in payoutd::http::routes::TABLE.iter().filter(|line| line.asks(true).is_some()) {
        let method = Method::from_bytes(line.method.as_str().as_bytes()).unwrap();
        let path = line.path.replace("{id}", "0123456789abcdef");
        assert_eq!(house.by(&interim, method, &path).await.status, NOT_KNOWN, "{path}");
    }
    assert_eq!(house.refresh(&interim).await.status, NOT_KNOWN);
    let access = Held::of(&house.finish(&interim, &alice.phone.code()).await).access;
    let mut bodies = BTreeSet::new();
    for (token, code) in [
        (interim.as_str(), alice.phone.code().as_str()),
        (access.as_str(), "123456"),
        (house.half_way("alice").await.as_str(), "000000"),
        (house.half_way("alice").await.as_str(), ""),
        ("x.y.z", "123456"),
    ] {
        let mut body = house.finish(token, code).await.json();
        body.as_object_mut().unwrap().remove("instance");
        bodies.insert(body.to_string());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    // Who was shown out meanwhile does not come in by what they hold.
    let interim = house.half_way("alice").await;
    house.door.post(&format!("/v1/admin/users/{}/revoke", alice.id), None).await;
    assert_eq!(house.finish(&interim, &alice.backup_codes[0]).await.status, NOT_KNOWN);
}

/// F004-08: of two hundred who show one code at once, one is let in; the same code is good for nothing else either.
#[actix_web::test]
async fn of_two_hundred_who_show_one_code_one_is_let_in() {
    let house = open().await;
    let mut alice = house.careful("alice", "viewer").await;
    let code = alice.phone.code();
    let mut interims = Vec::new();
    for _ in 0..5 {
        interims.push(house.half_way("alice").await);
    }
    let reception = house.gatekeeper.reception().unwrap();
    let tries = (0..200).map(|n| reception.finish_sign_in(&interims[n % interims.len()], &code, None));
    let let_in = futures_util::future::join_all(tries).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(let_in, 1);
    let interim = house.half_way("alice").await;
    let held = Held::of(&house.finish(&interim, &alice.phone.code()).await);
    let again = house.ask(&held.access, "/v1/auth/step-up", json!({ "code": code })).await;
    assert_eq!(again.status, NOT_KNOWN, "a code that let somebody in approves nothing");
}

/// F004-09: a backup code is good once, also where two hundred show it at the same moment; the others stay.
#[actix_web::test]
async fn of_two_hundred_who_show_one_backup_code_one_is_let_in() {
    let house = open().await;
    let alice = house.careful("alice", "viewer").await;
    let mut interims = Vec::new();
    for _ in 0..5 {
        interims.push(house.half_way("alice").await);
    }
    let reception = house.gatekeeper.reception().unwrap();
    let code = alice.backup_codes[3].to_lowercase();
    let tries = (0..200).map(|n| reception.finish_sign_in(&interims[n % interims.len()], &code, None));
    let answers = futures_util::future::join_all(tries).await;
    let let_in: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(let_in.len(), 1);
    let status = house.by(&let_in[0].access, Method::GET, "/v1/2fa/status").await.json();
    assert_eq!(status["backup_codes_left"], json!(9));
    let interim = house.half_way("alice").await;
    assert_eq!(house.finish(&interim, &alice.backup_codes[3]).await.status, NOT_KNOWN);
    let held = Held::of(&house.finish(&interim, &alice.backup_codes[4]).await);
    let renewed =
        house.ask(&held.access, "/v1/2fa/backup-codes", json!({ "code": alice.backup_codes[5] })).await;
    assert_eq!(renewed.json()["backup_codes"].as_array().unwrap().len(), 10);
    let interim = house.half_way("alice").await;
    assert_eq!(house.finish(&interim, &alice.backup_codes[6]).await.status, NOT_KNOWN, "the old ones");
    let records = house.store.records(1, 999).await.unwrap();
    let renewed = records.iter().filter(|record| record.kind == "mfa_backup_codes_renewed").count();
    assert_eq!(renewed, 1);
}

/// D-38, F004-11: the password alone does not give the factor up, nor does a code alone.
#[actix_web::test]
async fn whoever_has_stolen_the_password_does_not_take_the_factor_away() {
    let house = open().await;
    let mut alice = house.careful("alice", "viewer").await;
    let interim = house.half_way("alice").await;
    let held = Held::of(&house.finish(&interim, &alice.phone.code()).await);
    for bad in [
        json!({ "password": PASSWORD }),
        json!({ "password": PASSWORD, "code": "000000" }),
        json!({ "password": "another", "code": alice.backup_codes[0] }),
    ] {
        let answer = house.ask(&held.access, "/v1/2fa/disable", bad).await;
        assert_eq!(said(&answer), (401, "unauthorized".to_owned()));
    }
    let twice = house.ask(&held.access, "/v1/2fa/enroll", json!({ "password": PASSWORD })).await;
    assert_eq!(said(&twice), (409, "conflict".to_owned()));
    let good = json!({ "password": PASSWORD, "code": alice.backup_codes[0] });
    assert_eq!(house.ask(&held.access, "/v1/2fa/disable", good).await.status, 204);
    assert_eq!(house.by(&held.access, Method::GET, "/v1/auth/me").await.status, NOT_KNOWN);
    assert_eq!(house.sign_in("alice", PASSWORD).await.json()["requires_2fa"], json!(false));
    let told = house.told().await;
    assert_eq!(told.iter().filter(|kind| *kind == "mfa_disabled").count(), 1);
    // Somebody who has lost phone and paper asks whoever runs the house.
    let bob = house.careful("bob", "viewer").await;
    let reset = house.door.post(&format!("/v1/admin/users/{}/reset-second-factor", bob.id), None).await;
    assert_eq!((reset.status, &reset.json()["second_factor"]), (200, &json!(false)), "{}", reset.text);
    assert_eq!(house.sign_in("bob", PASSWORD).await.json()["requires_2fa"], json!(false));
}

/// F004-11: wrong codes ring at the third, and behind the tenth no code by time is looked at; a backup code is, and all is well again.
#[actix_web::test]
async fn whoever_guesses_codes_is_heard_of_and_waits() {
    let house = open().await;
    let mut alice = house.careful("alice", "viewer").await;
    let interim = house.half_way("alice").await;
    let rung = async || house.told().await.iter().filter(|kind| *kind == "mfa_guessed").count();
    for (tried, rings) in [(2, 0), (3, 1), (5, 1), (6, 2), (10, 3)] {
        while house.told().await.iter().filter(|kind| *kind == "login_failed").count() < tried {
            assert_eq!(house.finish(&interim, "000000").await.status, NOT_KNOWN);
        }
        assert_eq!(rung().await, rings, "{tried}");
    }
    let right = alice.phone.code();
    assert_eq!(house.finish(&interim, &right).await.status, NOT_KNOWN, "a right one is not looked at");
    let held = Held::of(&house.finish(&interim, &alice.backup_codes[0]).await);
    let stepped = house.ask(&held.access, "/v1/auth/step-up", json!({ "code": right })).await;
    assert_eq!(stepped.status, 200, "{}", stepped.text);
    let record = house.store.records(1, 999).await.unwrap().into_iter().find(|r| r.kind == "mfa_guessed");
    let record = record.unwrap().body.to_string();
    assert!(record.contains(&alice.id) && record.contains("127.0.0.1"), "{record}");
}

/// F001-09: whoever has a password alone reads, and moves no money; in a session with a second factor nothing more is asked for.
#[actix_web::test]
async fn a_password_alone_moves_no_money() {
    let house = open().await;
    house.person("bare", "end_user").await;
    let bare = Held::of(&house.sign_in("bare", PASSWORD).await);
    let order = async |held: &Held, key: &str| {
        let request = house.door.stranger(Method::POST, "/v1/payouts").header("Idempotency-Key", key);
        send(request.bearer_auth(&held.access).json(&order("1"))).await
    };
    assert_eq!(said(&order(&bare, "k-1").await), (401, "step-up-required".to_owned()));
    let cancel = house.ask(&bare.access, "/v1/payouts/0123/cancel", json!({})).await;
    assert_eq!(said(&cancel), (401, "step-up-required".to_owned()));
    assert_eq!(house.by(&bare.access, Method::GET, "/v1/payouts").await.status, 200);
    let alice = house.careful("alice", "end_user").await;
    let interim = house.half_way("alice").await;
    let held = Held::of(&house.finish(&interim, &alice.backup_codes[0]).await);
    house.age_factors(&alice.id).await;
    assert_eq!(order(&held, "k-2").await.status, 202, "it need not be fresh");
}

/// F000-14: a code that is shown again is told of with the address from which it was.
#[actix_web::test]
async fn a_code_that_comes_again_is_told_of_with_where_it_came_from() {
    let house = open().await;
    let mut alice = house.careful("alice", "viewer").await;
    let interim = house.half_way("alice").await;
    let held = Held::of(&house.finish(&interim, &alice.backup_codes[0]).await);
    let code = json!({ "code": alice.phone.code() });
    for status in [200, NOT_KNOWN] {
        assert_eq!(house.ask(&held.access, "/v1/2fa/backup-codes", code.clone()).await.status, status);
    }
    let records = house.store.records(1, 999).await.unwrap();
    for record in records.iter().filter(|record| record.kind != "mfa_enrolling") {
        assert!(
            record.body.to_string().contains("\"from\":\"127.0.0.1\""),
            "{} {}",
            record.kind,
            record.body
        );
    }
    assert!(records.iter().any(|record| record.kind == "mfa_failed"));
}

/// ASVS 6.4.3: whoever forgot the password chooses another by an invitation, and is asked for the second factor all the same.
#[actix_web::test]
async fn a_forgotten_password_is_replaced_and_the_factor_stays() {
    const ANOTHER: &str = "nine calm otters drift";
    let house = open().await;
    let alice = house.careful("alice", "viewer").await;
    let anew = house.door.post(&format!("/v1/admin/users/{}/invite", alice.id), None).await;
    assert_eq!(anew.status, 201, "{}", anew.text);
    let accepted = house.accept(anew.json()["invitation"].as_str().unwrap(), ANOTHER).await;
    assert_eq!(accepted.status, 200, "{}", accepted.text);
    assert_eq!(said(&house.sign_in("alice", PASSWORD).await), (401, "unauthorized".to_owned()));
    let half_way = house.sign_in("alice", ANOTHER).await;
    assert_eq!((half_way.status, &half_way.json()["requires_2fa"]), (200, &json!(true)), "{}", half_way.text);
}

/// F001-09: what is grave wants a second factor that was shown within five minutes; the house's token is nobody's session.
#[actix_web::test]
async fn what_is_grave_wants_a_fresh_second_factor() {
    let house = open().await;
    let id = house.person("boss", "admin").await;
    let bare = Held::of(&house.sign_in("boss", PASSWORD).await);
    let grave = [
        ("/v1/admin/pause", json!({ "reason": "x" })),
        ("/v1/admin/users", json!({ "name": "eve", "role": "viewer", "account": "a" })),
        (
            "/v1/admin/keys",
            json!({ "name": "k", "account": "a", "permissions": ["payout:read"], "networks": ["any"] }),
        ),
        ("/v1/payouts/0123/release", json!({ "note": "x" })),
    ];
    for (path, body) in &grave {
        let answer = house.ask(&bare.access, path, body.clone()).await;
        assert_eq!(said(&answer), (401, "step-up-required".to_owned()), "{path}");
        assert!(answer.header("www-authenticate").contains("insufficient_user_authentication"));
    }
    assert_eq!(
        house.by(&bare.access, Method::GET, "/v1/admin/users").await.status,
        200,
        "reading is not grave"
    );
    let no_factor = house.ask(&bare.access, "/v1/auth/step-up", json!({ "code": "123456" })).await;
    assert_eq!(no_factor.status, NOT_KNOWN);
    let mut admin = house.careful("admin", "admin").await;
    let interim = house.half_way("admin").await;
    let held = Held::of(&house.finish(&interim, &admin.phone.code()).await);
    assert_eq!(house.ask(&held.access, "/v1/admin/users", grave[1].1.clone()).await.status, 201);
    house.age_factors(&admin.id).await;
    let path = format!("/v1/admin/users/{id}/disable");
    let stale = send(house.door.stranger(Method::POST, &path).bearer_auth(&held.access)).await;
    assert_eq!(said(&stale), (401, "step-up-required".to_owned()));
    let change = json!({ "password": PASSWORD, "new_password": PASSWORD });
    let other = house.ask(&held.access, "/v1/auth/password", change).await;
    assert_eq!(
        said(&other),
        (401, "step-up-required".to_owned()),
        "with a factor, not by the password alone"
    );
    // A refresh makes nothing fresh.
    let next = Held::of(&house.refresh(&held.refresh).await);
    let stale = send(house.door.stranger(Method::POST, &path).bearer_auth(&next.access)).await;
    assert_eq!(stale.status, NOT_KNOWN);
    let fresh = house.ask(&next.access, "/v1/auth/step-up", json!({ "code": admin.phone.code() })).await;
    assert_eq!(fresh.status, 200, "{}", fresh.text);
    let done = send(house.door.stranger(Method::POST, &path).bearer_auth(&next.access)).await;
    assert_eq!((done.status, &done.json()["status"]), (200, &json!("disabled")));
    let record = house.store.records(1, 999).await.unwrap().into_iter().rfind(|r| r.kind == "user_disabled");
    assert!(record.unwrap().body.to_string().contains(&format!("user:{}", admin.id)), "who did it");
    assert!(house.told().await.contains(&"mfa_verified".to_owned()));
}
