//! The fear: a request that nobody thought of breaks the door, or is answered in a way that nobody wrote down.
//!
//! Schemathesis, a stranger's program, reads the description that the daemon serves and sends whatever it can think of, as whoever
//! holds the house's token, as a program with a key of one account, as people who have signed in, and as somebody whom nobody knows. `tests/sdk/install` puts it
//! under `target/test-tools`; `tests/run` calls it.

use std::{
    fs,
    process::{Command, Output},
};

use payoutd_actors::domain::journal::JournalKey;
use serde_json::json;

use crate::{
    api_keys::Held,
    kit::{
        daemon::Daemon,
        desk::Desk,
        door::{Caller, TOKEN},
        network::Network,
    },
    people::PASSWORD,
    sdks::tools,
};

/// Requests that are thought of for each route and phase.
const EXAMPLES: &str = "20";
/// The same ones each time, so that a red run can be looked into.
const SEED: &str = "7";
/// What it finds that is no fault of ours: a description can not say all that is wrong with an order (an address's checksum, a key
/// that was used before), so that what fits it may still be refused, with what is wrong.
const NOT_ASKED: &str = "positive_data_acceptance";

/// A daemon that takes keys and measures nobody: what is asked here is what it answers, not how often.
async fn open(network: &Network) -> (Desk, Daemon) {
    let desk = Desk::beside(network);
    desk.write_secret("master.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    desk.write_secret("token-key.pem", &JournalKey::from_seed(&[5; 32]).to_pem().unwrap());
    let mut config = fs::read_to_string(desk.path("payoutd.toml")).unwrap();
    config.push_str(
        "\n[identity]\nmaster_key_file = \"master.key\"\ntoken_key_files = [\"token-key.pem\"]\nrequire_signed_requests = false\n\n[rates]\n",
    );
    for policy in [
        "payout_create",
        "payout_batch",
        "payout_list",
        "stats",
        "health",
        "standard",
        "premium",
        "anonymous",
        "ip_default",
        "auth",
        "auth_refresh",
    ] {
        config.push_str(&format!("{policy}_per_minute = 60000\n"));
    }
    config.push_str("burst_capacity = 60000\nburst_per_second = 60000\n");
    fs::write(desk.path("payoutd.toml"), config).unwrap();
    let daemon = Daemon::open(&desk).await;
    (desk, daemon)
}

/// Sends what it thinks of, as somebody who shows this, or nothing.
async fn at_random(desk: &Desk, shows: Option<&str>) -> Output {
    let description = format!("http://{}/v1/openapi.json", desk.door);
    let mut generator = Command::new(tools().join("schemathesis/bin/schemathesis"));
    generator.current_dir(desk.path("."));
    generator.args(["run", &description, "--checks", "all", "--exclude-checks", NOT_ASKED]);
    generator.args(["--max-examples", EXAMPLES, "--seed", SEED, "--continue-on-failure", "--no-color"]);
    generator.args(["--request-timeout", "30", "--generation-database", "none"]);
    // Whoever has signed out is nobody for the rest of it, and everybody is whose tokens were taken back.
    generator.args(["--exclude-operation-id", "signOut", "--exclude-operation-id", "revokeTokens"]);
    if let Some(token) = shows {
        generator.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    let ran = tokio::task::spawn_blocking(move || generator.output());
    ran.await.unwrap().unwrap_or_else(|error| panic!("run tests/run, which installs schemathesis: {error}"))
}

/// The access token of somebody with a role.
async fn person(caller: &Caller, role: &str) -> String {
    let wanted = json!({ "name": role, "role": role, "account": "generator" });
    let invited = caller.post("/v1/admin/users", Some(&wanted)).await.json();
    let accepted = json!({ "invitation": invited["invitation"], "password": PASSWORD });
    assert_eq!(caller.post("/v1/auth/accept", Some(&accepted)).await.status, 200);
    let shown = json!({ "name": role, "password": PASSWORD });
    caller.post("/v1/auth/sign-in", Some(&shown)).await.json()["access_token"].as_str().unwrap().to_owned()
}

/// F003-24: no 5xx, every answer of a shape and a status that the description has, nothing that is wrong taken for right, nobody
/// let in who shows nothing.
#[actix_rt::test]
async fn whatever_a_generator_thinks_of_is_answered_as_it_is_written_down() {
    let network = Network::of_two_nodes();
    let (desk, mut daemon) = open(&network).await;
    let wanted = json!({
        "name": "generator", "account": "generator", "networks": ["any"],
        "permissions": ["payout:create", "payout:read", "payout:cancel", "house:read"]
    });
    let issued = daemon.caller.post("/v1/admin/keys", Some(&wanted)).await;
    let key = Held::of(&issued.json());
    let house = TOKEN;
    let (boss, viewer) = (person(&daemon.caller, "admin").await, person(&daemon.caller, "viewer").await);
    for (who, shows) in [
        ("the house", Some(house)),
        ("a key", Some(key.text.as_str())),
        ("an admin", Some(boss.as_str())),
        ("a viewer", Some(viewer.as_str())),
        ("nobody", None),
    ] {
        let said = at_random(&desk, shows).await;
        let text = String::from_utf8_lossy(&said.stdout);
        assert!(said.status.success(), "{who}\n{text}\n{}", String::from_utf8_lossy(&said.stderr));
        assert!(text.contains("Operations"), "nothing was asked as {who}: {text}");
        daemon.must_live();
    }
    daemon.stop();
}
