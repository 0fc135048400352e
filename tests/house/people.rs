//! The fear: somebody comes in whom nobody invited, with a password that anybody guesses, or stays who was shown out.

use std::{collections::BTreeSet, sync::Arc};

use payoutd::identity::{
    By, Gatekeeper, Issue,
    people::{PasswordPolicy, Verified},
};
use payoutd_actors::{
    fakes::MemoryStore,
    ports::{EntryKind, Journal, Register, RegisterChange},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api_keys::gatekeeper,
    kit::door::{Answer, OpenDoor, send},
};

/// What nobody has chosen before.
pub(crate) const PASSWORD: &str = "seven quiet herons wade";

/// A door that people come to, and the register behind it.
pub(crate) struct Peopled {
    pub(crate) door: OpenDoor,
    pub(crate) store: MemoryStore,
    pub(crate) gatekeeper: Arc<Gatekeeper>,
}

impl Peopled {
    pub(crate) async fn open() -> Self {
        Self::with(gatekeeper).await
    }

    pub(crate) async fn with(gatekeeper: impl FnOnce(&MemoryStore) -> Arc<Gatekeeper>) -> Self {
        let door = OpenDoor::open_with(|settings| settings.takes_keys = true).await;
        let store = MemoryStore::new("s");
        let gatekeeper = gatekeeper(&store);
        door.within.take_keys(gatekeeper.clone());
        Self { door, store, gatekeeper }
    }

    pub(crate) async fn invite(&self, name: &str, role: &str) -> Value {
        let wanted = json!({ "name": name, "role": role, "account": "treasury" });
        let invited = self.door.post("/v1/admin/users", Some(&wanted)).await;
        assert_eq!(invited.status, 201, "{}", invited.text);
        invited.json()
    }

    pub(crate) async fn accept(&self, invitation: &str, password: &str) -> Answer {
        let body = json!({ "invitation": invitation, "password": password });
        send(self.door.stranger(Method::POST, "/v1/auth/accept").json(&body)).await
    }

    /// Somebody who has chosen [`PASSWORD`]; gives the id.
    pub(crate) async fn person(&self, name: &str, role: &str) -> String {
        let invited = self.invite(name, role).await;
        let accepted = self.accept(invited["invitation"].as_str().unwrap(), PASSWORD).await;
        assert_eq!(accepted.status, 200, "{}", accepted.text);
        accepted.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn told(&self) -> Vec<String> {
        let records = self.store.records(1, 999).await.unwrap();
        records.iter().map(|record| record.kind.to_string()).collect()
    }

    /// Everything that a thief of the database reads.
    pub(crate) async fn database(&self) -> String {
        let mut all = String::new();
        for kind in EntryKind::ALL {
            for entry in self.store.entries(kind, None, "", 999).await.unwrap() {
                all.push_str(&format!("{} {:?} {}\n", entry.id, entry.name, entry.body));
            }
        }
        for record in self.store.records(1, 999).await.unwrap() {
            all.push_str(&format!("{} {}\n", record.kind, record.body));
        }
        all
    }
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

/// F003-16, D-68: nobody signs up; whoever is invited chooses a password, once.
#[actix_web::test]
async fn whoever_is_invited_chooses_a_password_once() {
    let house = Peopled::open().await;
    let invited = house.invite("Alice@Example.com", "approver").await;
    let (user, text) = (&invited["user"], invited["invitation"].as_str().unwrap());
    assert_eq!((&user["name"], &user["status"]), (&json!("alice@example.com"), &json!("invited")));
    let stranger = house.door.stranger(Method::POST, "/v1/admin/users");
    let wanted = json!({ "name": "mallory", "role": "admin", "account": "house" });
    assert_eq!(said(&send(stranger.json(&wanted)).await), (401, "unauthorized".to_owned()));

    let accepted = house.accept(text, PASSWORD).await;
    assert_eq!((accepted.status, &accepted.json()["status"]), (200, &json!("active")), "{}", accepted.text);
    let again = house.accept(text, "another good long one").await;
    assert_eq!(said(&again), (401, "unauthorized".to_owned()), "an invitation is used up");
    let path = format!("/v1/admin/users/{}", user["id"].as_str().unwrap());
    let shown = house.door.get(&path).await.json();
    assert_eq!((&shown["status"], shown.get("invited_until")), (&json!("active"), None));
    assert_eq!(house.told().await, ["user_invited", "user_joined"]);

    // F003-08: Argon2id; and neither the password, nor the invitation, nor in the journal the name.
    let database = house.database().await;
    assert!(database.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "{database}");
    for secret in [PASSWORD, text.rsplit('_').next().unwrap()] {
        assert!(!database.contains(secret), "{secret}");
    }
    let journal: String =
        house.store.records(1, 99).await.unwrap().iter().map(|r| r.body.to_string()).collect();
    assert!(!journal.contains("alice"), "{journal}");
}

/// F-P20: every mistake at once, each at its place; a name is one person's.
#[actix_web::test]
async fn an_invitation_that_can_not_be_is_told_all_that_is_wrong() {
    let house = Peopled::open().await;
    let wrong = json!({ "name": "a b", "role": "service", "account": "No", "password_hash": "x" });
    let answer = house.door.post("/v1/admin/users", Some(&wrong)).await;
    assert_eq!(said(&answer), (422, "invalid-order".to_owned()));
    let mut places = answer.pointers();
    places.sort();
    assert_eq!(places, ["/account", "/name", "/password_hash", "/role"]);
    house.invite("alice", "viewer").await;
    let wanted = json!({ "name": "ALICE", "role": "admin", "account": "house" });
    let twin = house.door.post("/v1/admin/users", Some(&wanted)).await;
    assert_eq!(said(&twin), (409, "conflict".to_owned()));
    let listed = house.door.get("/v1/admin/users").await.json();
    assert_eq!(listed["users"].as_array().unwrap().len(), 1);
    assert_eq!(house.door.get("/v1/admin/users?account=other").await.json()["users"], json!([]));
    for list in ["users", "keys"] {
        assert_eq!(house.door.get(&format!("/v1/admin/{list}?after=%00")).await.status, 422);
    }
    for nobody in ["0123456789abcdef", "nobody"] {
        let answer = house.door.get(&format!("/v1/admin/users/{nobody}")).await;
        assert_eq!(said(&answer), (404, "not-found".to_owned()));
    }
}

/// F003-09: a password that is guessed first is none, and refusing it uses nothing up.
#[actix_web::test]
async fn a_password_that_is_guessed_first_is_refused_and_the_invitation_stays_good() {
    let house = Peopled::open().await;
    let invited = house.invite("alice.liddell", "viewer").await;
    let text = invited["invitation"].as_str().unwrap();
    for bad in ["short", "passwordpassword", "alice.liddell-2026!", "treasury treasury", &"x".repeat(129)] {
        let answer = house.accept(text, bad).await;
        assert_eq!(said(&answer), (422, "invalid-order".to_owned()), "{bad}");
        assert!(answer.pointers().iter().all(|place| place == "/password"), "{}", answer.text);
        assert!(!answer.text.contains(bad), "{}", answer.text);
    }
    assert_eq!(house.accept(text, PASSWORD).await.status, 200);
}

/// Of invitations the newest alone is good; whoever is shown out can not accept one, and nobody tells the reasons apart.
#[actix_web::test]
async fn an_invitation_that_was_replaced_or_taken_back_opens_nothing() {
    let house = Peopled::open().await;
    let first = house.invite("alice", "viewer").await;
    let id = first["user"]["id"].as_str().unwrap();
    let anew = house.door.post(&format!("/v1/admin/users/{id}/invite"), None).await;
    assert_eq!(anew.status, 201, "{}", anew.text);
    let second = anew.json()["invitation"].as_str().unwrap().to_owned();
    let disabled = house.door.post(&format!("/v1/admin/users/{id}/disable"), None).await;
    assert_eq!(disabled.json()["status"], json!("disabled"));
    let refused = house.door.post(&format!("/v1/admin/users/{id}/invite"), None).await;
    assert_eq!(said(&refused), (409, "conflict".to_owned()));
    let enabled = house.door.post(&format!("/v1/admin/users/{id}/enable"), None).await;
    assert_eq!(enabled.json()["status"], json!("invited"));
    let forged = format!("{}{}", &second[..second.len() - 4], "0000");
    let mut bodies = BTreeSet::new();
    for bad in [first["invitation"].as_str().unwrap(), &second, &forged, "payoutd_invitation_", "x"] {
        let answer = house.accept(bad, PASSWORD).await;
        assert_eq!(said(&answer), (401, "unauthorized".to_owned()), "{bad}");
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("instance");
        bodies.insert(body.to_string());
    }
    assert_eq!(bodies.len(), 1, "F000-03: one body for every cause");
    let third = house.door.post(&format!("/v1/admin/users/{id}/invite"), None).await.json();
    assert_eq!(house.accept(third["invitation"].as_str().unwrap(), PASSWORD).await.status, 200);
}

/// ASVS 6.4.1: an invitation that nobody has accepted in three days opens nothing.
#[actix_web::test]
async fn an_invitation_is_over_after_three_days() {
    const THREE_DAYS_MS: i64 = 3 * 24 * 60 * 60 * 1_000;
    let house = Peopled::open().await;
    let mut statuses = Vec::new();
    for (name, passed_ms) in [("early", THREE_DAYS_MS - 60_000), ("late", THREE_DAYS_MS)] {
        let invited = house.invite(name, "viewer").await;
        let id = invited["user"]["id"].as_str().unwrap();
        // So much time passes, in its entry.
        let entries = house.store.entries(EntryKind::Invitation, Some(id), "", 9).await.unwrap();
        let mut entry = entries.into_iter().next().unwrap();
        entry.expires_at_ms = entry.expires_at_ms.map(|until_ms| until_ms - passed_ms);
        let change = RegisterChange { put: vec![entry], ..RegisterChange::default() };
        house.store.register(change, 0).await.unwrap();
        statuses.push(house.accept(invited["invitation"].as_str().unwrap(), PASSWORD).await.status);
    }
    assert_eq!(statuses, [200, 401]);
}

/// Two hundred who show one invitation at once: one password is chosen.
#[actix_web::test]
async fn of_many_who_show_one_invitation_one_chooses() {
    let house = Peopled::open().await;
    let invited = house.invite("alice", "viewer").await;
    let text = invited["invitation"].as_str().unwrap();
    let passwords: Vec<String> = (0..20).map(|n| format!("{PASSWORD} number {n}")).collect();
    let answers =
        futures_util::future::join_all(passwords.iter().map(|password| house.accept(text, password))).await;
    let won: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    let others: BTreeSet<_> = answers.iter().map(|answer| answer.status).collect();
    assert!(others.is_subset(&[200, 401, 409].into()), "{others:?}");
    assert_eq!(house.told().await, ["user_invited", "user_joined"]);
}

/// Each change is one record with who did it, what was and what is (F000-13).
#[actix_web::test]
async fn what_is_changed_about_a_person_stands_in_the_journal() {
    let house = Peopled::open().await;
    let id = house.person("bob", "viewer").await;
    let at = |verb: &str| format!("/v1/admin/users/{id}/{verb}");
    let changed = house.door.post(&at("role"), Some(&json!({ "role": "approver" }))).await;
    assert_eq!((changed.status, &changed.json()["role"]), (200, &json!("approver")));
    for wrong in
        [json!({}), json!({ "role": "service" }), json!({ "role": "king" }), json!({ "account": "" })]
    {
        assert_eq!(house.door.post(&at("role"), Some(&wrong)).await.status, 422, "{wrong}");
    }
    for verb in ["disable", "disable", "enable"] {
        assert_eq!(house.door.post(&at(verb), None).await.status, 200);
    }
    let told = house.told().await;
    assert_eq!(told, ["user_invited", "user_joined", "user_role_changed", "user_disabled", "user_enabled"]);
    let record = &house.store.records(3, 1).await.unwrap()[0];
    let body: Value = serde_json::from_str(&record.body.to_string()).unwrap();
    let (old, new) = (body["old_role"].clone(), body["role"].clone());
    assert_eq!((old, new, body["by"].clone()), (json!("viewer"), json!("approver"), json!("house")));
    assert_eq!(body["from"], json!("127.0.0.1"));
}

/// Whoever is shown out has made keys for programs: they are good still, and whoever shows them out is told which.
#[actix_web::test]
async fn the_keys_of_somebody_who_is_shown_out_are_named() {
    let house = Peopled::open().await;
    let id = house.person("bob", "admin").await;
    let key = |name: &str| Issue {
        name: name.to_owned(),
        account: "billing".to_owned(),
        permissions: vec!["payout:read".to_owned()],
        reach: None,
        routes: None,
        batch: false,
        networks: vec!["any".to_owned()],
        tier: None,
        rate_per_minute: None,
        expires_at_ms: None,
    };
    let keyring = house.gatekeeper.keyring();
    let bob = By { name: format!("user:{id}"), from: None };
    let (good, gone) = (keyring.issue(&key("good"), &bob).await, keyring.issue(&key("gone"), &bob).await);
    keyring.revoke(&gone.unwrap().key.key.id, &bob).await.unwrap();
    keyring.issue(&key("other"), &By { name: "house".to_owned(), from: None }).await.unwrap();
    let disabled = house.door.post(&format!("/v1/admin/users/{id}/disable"), None).await.json();
    assert_eq!(disabled["good_keys"], json!([good.unwrap().key.key.id]));
    assert_eq!(disabled["status"], json!("disabled"));
}

/// F003-08: somebody who comes from elsewhere brings the hash of their password along; one that is too weak is not taken.
#[actix_web::test]
async fn a_password_hash_from_elsewhere_is_taken_if_it_is_strong() {
    let house = Peopled::open().await;
    let hash = bcrypt::hash("a password from before", 12).unwrap();
    let wanted = json!({ "name": "carol", "role": "viewer", "account": "treasury", "password_hash": hash });
    let made = house.door.post("/v1/admin/users", Some(&wanted)).await.json();
    assert_eq!((&made["user"]["status"], &made["invitation"]), (&json!("active"), &Value::Null));
    let records = house.store.records(1, 99).await.unwrap();
    assert!(records.iter().any(|record| record.kind == "user_imported"));
    let weak = json!({ "name": "dave", "role": "viewer", "account": "treasury", "password_hash": bcrypt::hash("x", 4).unwrap() });
    assert_eq!(house.door.post("/v1/admin/users", Some(&weak)).await.pointers(), ["/password_hash"]);
    let person = house.gatekeeper.people().view(made["user"]["id"].as_str().unwrap()).await.unwrap();
    let hasher = payoutd::identity::people::Hasher::new().unwrap();
    let verified = hasher.verify(person.password_hash, "a password from before").await.unwrap();
    assert!(matches!(verified, Verified::YesMadeAnew(_)));
    assert_eq!(PasswordPolicy::Length.chars_min(), 15);
}
