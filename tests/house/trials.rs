//! The fear: whoever knows somebody's name or id keeps them out, or what people type into the wrong field is kept for ever.

use std::fs;

use payoutd_actors::{domain::journal::JournalKey, domain::rates::RatePolicies};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    kit::{
        daemon::Daemon,
        desk::Desk,
        door::{Answer, Caller, send},
        network::Network,
    },
    people::PASSWORD,
    request_rates::Measured,
    tokens::{Held, receptive},
};

/// A try from an address, as a proxy passes it on.
async fn tries(caller: &Caller, address: &str, path: &str, body: &Value) -> Answer {
    let request = caller.stranger(Method::POST, path).header("X-Forwarded-For", address);
    send(request.json(body)).await
}

/// F004-01: tries of one name are slowed down; neither its owner nor a code of theirs is.
#[actix_web::test]
async fn whoever_attacks_a_name_keeps_nobody_out() {
    let measured = Measured::behind_a_proxy(RatePolicies { auth: 4, ..RatePolicies::default() }).await;
    let (house, _roster) = measured.with_people(receptive);
    let mut alice = house.careful("alice", "viewer").await;
    let caller = &house.door;
    let sign_in = async |address: &str, name: &str| {
        tries(caller, address, "/v1/auth/sign-in", &json!({ "name": name, "password": "a guess" })).await
    };
    // One address uses up its own tries alone.
    for (number, status) in [(1, 401), (2, 401), (3, 401), (4, 401), (5, 429)] {
        assert_eq!(sign_in("203.0.113.1", "alice").await.status, status, "{number}");
    }
    let interim = json!({ "name": "alice", "password": PASSWORD });
    let elsewhere = tries(caller, "203.0.113.99", "/v1/auth/sign-in", &interim).await;
    assert_eq!(elsewhere.status, 200, "{}", elsewhere.text);
    // Many addresses use up the name's, and whoever writes her id for a name uses up nothing of hers.
    for last in 2..6 {
        for name in ["alice", &format!("user:{}", alice.id), "no name at all", "nobody"] {
            sign_in(&format!("203.0.113.{last}"), name).await;
        }
    }
    for last in 6..16 {
        sign_in(&format!("203.0.113.{last}"), "alice").await;
    }
    let refused = sign_in("203.0.113.98", "alice").await;
    assert_eq!((refused.status, &refused.json()["violated-policies"]), (429, &json!(["auth-account"])));
    assert_eq!(sign_in("203.0.113.98", "bob").await.status, 401, "another name is another's");
    // She has signed in from this machine before, shows her code, and steps up.
    let shown = json!({
        "interim_token": elsewhere.json()["interim_token"], "code": alice.phone.code(),
    });
    let held = Held::of(&tries(caller, "203.0.113.99", "/v1/auth/second-factor", &shown).await);
    assert_eq!(tries(caller, "203.0.113.99", "/v1/auth/sign-in", &interim).await.status, 200);
    let stepped = house.ask(&held.access, "/v1/auth/step-up", json!({ "code": alice.phone.code() })).await;
    assert_eq!(stepped.status, 200, "{}", stepped.text);
}

/// F000-13, ASVS 16.2.5: a canary e-mail and canary secrets, wherever somebody writes them, are in no journal, no log, no answer.
#[actix_rt::test]
async fn what_is_typed_into_the_wrong_field_is_kept_nowhere() {
    const EMAIL: &str = "canary@example.com";
    const STRANGER: &str = "canary-stranger@example.com";
    const SECRET: &str = "canary-correct-horse-battery";
    let network = Network::start(&[]);
    let desk = Desk::beside(&network);
    desk.write_secret("master.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    desk.write_secret("token-key.pem", &JournalKey::from_seed(&[5; 32]).to_pem().unwrap());
    let file = desk.path("payoutd.toml");
    let config = fs::read_to_string(&file).unwrap();
    let config = config
        .replace("filter = \"warn\"", "filter = \"debug\"")
        .replace("[http]\n", "[http]\ntrusted_proxies = [\"127.0.0.0/8\"]\n");
    let identity = "[identity]\nmaster_key_file = \"master.key\"\ntoken_key_files = [\"token-key.pem\"]\n";
    fs::write(&file, format!("{config}\n{identity}\n[rates]\nauth_per_minute = 1\n")).unwrap();
    let daemon = Daemon::open(&desk).await;
    let caller = &daemon.caller;
    let invite = json!({ "name": EMAIL, "role": "viewer", "account": "treasury" });
    let invited = caller.post("/v1/admin/users", Some(&invite)).await.json();
    let accept = json!({ "invitation": invited["invitation"], "password": PASSWORD });
    assert_eq!(caller.post("/v1/auth/accept", Some(&accept)).await.status, 200);

    let mut answers = Vec::new();
    for last in 1..=6 {
        for (net, name) in [("198.51.100", EMAIL), ("203.0.113", STRANGER), ("192.0.2", SECRET)] {
            let body = json!({ "name": name, "password": SECRET });
            answers.push(tries(caller, &format!("{net}.{last}"), "/v1/auth/sign-in", &body).await);
        }
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 6);
    for (path, body) in [
        ("/v1/auth/sign-in", json!({ "name": format!("{SECRET} {SECRET}"), "password": SECRET })),
        ("/v1/auth/sign-in", json!({ "name": SECRET.repeat(3_000), "password": SECRET })),
        ("/v1/auth/refresh", json!({ "refresh_token": SECRET })),
        ("/v1/auth/second-factor", json!({ "interim_token": SECRET, "code": SECRET })),
        ("/v1/auth/accept", json!({ "invitation": SECRET, "password": SECRET })),
    ] {
        let last = 100 + answers.len();
        answers.push(tries(caller, &format!("192.0.2.{last}"), path, &body).await);
    }
    for (path, shown) in
        [("/v1/payouts", format!("payoutd_{SECRET}")), ("/v1/auth/me", format!("a.{SECRET}.c"))]
    {
        answers.push(send(caller.stranger(Method::GET, path).bearer_auth(shown)).await);
    }
    daemon.stop();

    let id = invited["user"]["id"].as_str().unwrap();
    let journal = desk.ends(0, &["audit", "export"]);
    let breaches: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let breaches: Vec<_> = breaches.iter().filter(|row| row["kind"] == "rate_limit_exceeded").collect();
    let named = |name: &str| {
        breaches.iter().filter(|row| row["body"]["principal"].as_str().unwrap().starts_with(name)).count()
    };
    assert_eq!((named(&format!("user:{id}")), named("name ")), (1, 2), "{breaches:?}");
    let answers: String =
        answers.iter().map(|answer| format!("{:?} {}", answer.headers, answer.text)).collect();
    let log = fs::read_to_string(desk.path("daemon.log")).unwrap();
    assert!(log.contains("DEBUG"), "{log}");
    for (place, text) in [("journal", journal), ("answers", answers), ("log", log)] {
        if let Some(found) = text.find("canary") {
            panic!("{place}: {}", &text[found.saturating_sub(200)..(found + 200).min(text.len())]);
        }
    }
}
