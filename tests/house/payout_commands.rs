//! The fear: a person at a terminal, or a script, is told something else than the daemon knows.

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use payoutd_actors::domain::payout::{Reason, Stage};
use serde_json::Value;

use crate::kit::{
    door::{OpenDoor, TOKEN},
    small_office::{ALICE, WALLET},
};

struct Desk {
    door: OpenDoor,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Self {
        let (door, folder) = (OpenDoor::open().await, tempfile::tempdir().unwrap());
        let token = folder.path().join("token");
        std::fs::write(&token, TOKEN).unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
        configure(folder.path(), &door.address.to_string());
        Self { door, folder }
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
        command.args(arguments).args(["--data", self.folder.path().to_str().unwrap()]);
        actix_web::web::block(move || command.output().unwrap()).await.unwrap()
    }

    /// A file of the folder; its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

fn configure(folder: &Path, listen: &str) {
    let config = format!(
        "[store]\nurl = \"sqlite:x.db\"\n[http]\nlisten = \"{listen}\"\ntoken_file = \"token\"\n\
         [wallet]\naddress = \"{WALLET}\"\nkey_file = \"wallet.key\"\n[journal]\nkey_file = \"journal.pem\"\n\
         [network]\nsingle_source = true\nnodes = [{{ url = \"http://127.0.0.1:1\" }}]\nusdt = \"{ALICE}\"\n"
    );
    std::fs::write(folder.join("payoutd.toml"), config).unwrap();
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[actix_web::test]
async fn an_order_is_made_once_and_shown_as_the_daemon_knows_it() {
    let desk = Desk::open().await;
    let alice = ALICE.to_string();
    let order = [
        "payouts",
        "create",
        &alice,
        "25.5",
        "--key",
        "inv-7",
        "--reference",
        "inv-7",
        "--metadata",
        "shop=3",
    ];
    let (first, again) = (desk.json(&order).await, desk.json(&order).await);
    assert_eq!((&first, desk.door.office.taken()), (&again, 1));
    let id = first["id"].as_str().unwrap();
    assert_eq!(desk.json(&["payouts", "show", id]).await, first);
    let shown = text(&desk.run(&["payouts", "show", id]).await);
    for part in [id, alice.as_str(), "25.5 USDT", "admitted", "inv-7", "shop=3"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let listed = desk.json(&["payouts", "list", "--reference", "inv-7"]).await;
    assert_eq!(listed["payouts"][0]["id"].as_str(), Some(id));
    assert!(text(&desk.run(&["payouts", "list"]).await).contains(id));
}

#[actix_web::test]
async fn a_wrong_order_names_every_mistake_and_ends_with_65() {
    let desk = Desk::open().await;
    let output = desk.run(&["payouts", "create", "Tx", "-1"]).await;
    assert_eq!(output.status.code(), Some(65), "{output:?}");
    let said = text(&output);
    assert!(said.contains("/recipient: ") && said.contains("/amount: "), "{said}");
    assert_eq!(desk.run(&["payouts", "show", "nobody"]).await.status.code(), Some(65));
    assert_eq!(desk.run(&["payouts", "list", "--limit", "1000"]).await.status.code(), Some(65));
    assert_eq!(desk.door.office.taken(), 0);
}

/// The fear: a person counts arguments to find out which is the amount, or a script quotes JSON by hand.
#[actix_web::test]
async fn an_order_can_be_written_by_name_and_in_a_file_and_is_the_same_order() {
    let desk = Desk::open().await;
    let alice = ALICE.to_string();
    let named = [
        "payouts",
        "create",
        "--recipient",
        &alice,
        "--amount",
        "25.5",
        "--memo",
        "thanks",
        "--idempotency-key",
        "k",
    ];
    let by_name = desk.json(&named).await;
    let file =
        desk.file("order.json", &format!(r#"{{"recipient":"{alice}","amount":"25.5","memo":"thanks"}}"#));
    assert_eq!(desk.json(&["payouts", "create", "--file", &file, "--key", "k"]).await, by_name);
    assert_eq!(desk.door.office.taken(), 1);

    let many = format!(
        r#"{{"payouts":[{{"recipient":"{alice}","amount":"1"}},{{"recipient":"{alice}","amount":"2"}}]}}"#
    );
    let many = desk.file("payroll.json", &many);
    let taken = desk.json(&["payouts", "create", "--file", &many, "--key", "payroll"]).await;
    let amounts: Vec<_> =
        taken["payouts"].as_array().unwrap().iter().map(|payout| &payout["amount"]).collect();
    assert_eq!(amounts, ["1", "2"]);
    let fresh = text(&desk.run(&["payouts", "create", &alice, "3"]).await);
    assert!(fresh.contains("its key is "), "{fresh}");
}

/// The file goes to the door as it is, so that a pointer points into what was written, and nothing is taken for something else.
#[actix_web::test]
async fn a_file_that_is_no_order_is_refused_by_name() {
    let desk = Desk::open().await;
    let alice = ALICE.to_string();
    let unquoted = desk.file("unquoted.json", &format!(r#"{{"recipient":"{alice}","amount":25.5}}"#));
    let many = desk.file("many.json", r#"{"payouts":[{"recipient":"Tx","amount":"1"}]}"#);
    let broken = desk.file("broken.json", "{recipient");
    for (arguments, code, words) in [
        (&["--file", &unquoted][..], 65, "/amount"),
        (&["--file", &many], 65, "/payouts/0/recipient"),
        (&["--file", &many, "--watch"], 2, "leave --watch out"),
        (&["--file", &broken], 65, "broken.json is no JSON"),
        (&["--file", "/no/such/order.json"], 66, "/no/such/order.json"),
        (&["--file", &unquoted, "--amount", "1"], 2, "cannot be used with"),
        (&[&alice], 2, "AMOUNT"),
        (&["--amount", "1"], 2, "RECIPIENT"),
        (&[&alice, "1", "--recipient", &alice], 2, "cannot be used with"),
    ] {
        let refused = desk.run(&[&["payouts", "create"], arguments].concat()).await;
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}: {refused:?}");
        assert!(text(&refused).contains(words), "{words} is not in {refused:?}");
    }
    assert_eq!(desk.door.office.taken(), 0);
}

#[actix_web::test]
async fn a_watch_ends_with_the_payout_and_tells_how() {
    let desk = Desk::open().await;
    for (key, stage, code) in [("a", Stage::Settled, 0), ("b", Stage::Failed, 1), ("c", Stage::Mismatched, 1)]
    {
        let id = desk.door.ordered(key).await;
        desk.door.office.put(&id, stage, None);
        let output = desk.run(&["payouts", "watch", &id]).await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(text(&output).contains(stage.word()));
    }
}

#[actix_web::test]
async fn decisions_are_made_at_the_terminal() {
    let desk = Desk::open().await;
    let id = desk.door.ordered("k").await;
    desk.door.office.put(&id, Stage::Held, Some(Reason::FeeAboveCap));
    assert_eq!(desk.json(&["payouts", "release", &id]).await["stage"], "admitted");
    assert_eq!(desk.json(&["payouts", "cancel", &id]).await["reason"], "cancelled_by_sender");
    let late = desk.run(&["payouts", "reject", &id, "--note", "no"]).await;
    assert_eq!(
        (late.status.code(), text(&late).contains("the payout is cancelled")),
        (Some(65), true),
        "{late:?}"
    );
    desk.door.office.put(&id, Stage::Mismatched, Some(Reason::PaidShort));
    assert_eq!(desk.run(&["payouts", "resolve", &id, "--note", "x"]).await.status.code(), Some(2));
    let resolved = desk.json(&["payouts", "resolve", &id, "--failed", "--note", "sent back"]).await;
    assert_eq!(resolved["stage"], "failed");
    let unproved = desk.run(&["payouts", "verify", &id]).await;
    assert_eq!(
        (unproved.status.code(), text(&unproved).contains("0 confirmations, 19 are wanted")),
        (Some(1), true),
        "{unproved:?}"
    );
}

#[actix_web::test]
async fn the_kill_switch_is_pulled_with_its_reason_and_let_go() {
    let desk = Desk::open().await;
    let paused = desk.json(&["pause", "the auditors are here"]).await;
    assert_eq!(
        (&paused["paused"], paused["reason"].as_str()),
        (&Value::Bool(true), Some("the auditors are here"))
    );
    assert_eq!(text(&desk.run(&["resume"]).await), "running\n");
    assert_eq!(desk.door.get("/v1/stats").await.json()["pause"]["paused"], Value::Bool(false));
}

#[actix_web::test]
async fn the_actors_are_shown() {
    let desk = Desk::open().await;
    assert_eq!(desk.json(&["actors"]).await["actors"][0]["name"], "admission");
    let page = text(&desk.run(&["actors"]).await);
    assert!(page.contains("at work") && !page.contains(['{', '"', '=']), "{page}");
}

#[actix_web::test]
async fn a_daemon_that_is_down_or_a_wrong_token_is_said_with_the_next_step() {
    let desk = Desk::open().await;
    std::fs::write(desk.folder.path().join("token"), "another-token-of-thirty-two-chars!").unwrap();
    let stranger = desk.run(&["payouts", "list"]).await;
    assert_eq!(
        (stranger.status.code(), text(&stranger).contains("http.token_file")),
        (Some(77), true),
        "{stranger:?}"
    );
    assert!(!text(&stranger).contains("another-token"));
    configure(desk.folder.path(), "127.0.0.1:1");
    let nobody = desk.run(&["actors"]).await;
    assert_eq!(
        (nobody.status.code(), text(&nobody).contains("payoutd sandbox --data")),
        (Some(69), true),
        "{nobody:?}"
    );
}

/// From a machine without the daemon's configuration: an address and a token are enough, and what is wrong with them is said.
#[actix_web::test]
async fn an_address_and_a_token_are_enough_for_a_client() {
    let desk = Desk::open().await;
    let (token, url) = (desk.folder.path().join("token"), format!("http://{}/", desk.door.address));
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
        command.args(arguments).current_dir("/").env_remove("PAYOUTD_CONFIG");
        actix_web::web::block(move || command.output().unwrap()).await.unwrap()
    };
    let token = token.to_str().unwrap();
    let there = ["--url", &url, "--token-file", token];
    let alice = ALICE.to_string();
    let order = [&["payouts", "create", &alice, "1.5", "--key", "far", "--json"], there.as_slice()].concat();
    let made = run(&order).await;
    let made: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|why| panic!("{why}: {made:?}"));
    let id = made["id"].as_str().unwrap();
    let shown = run(&[&["payouts", "show", id, "--json"], there.as_slice()].concat()).await;
    assert_eq!(serde_json::from_slice::<Value>(&shown.stdout).unwrap(), made);

    let listed = run(&["payouts", "list", "--url", &url]).await;
    assert_eq!(listed.status.code(), Some(2), "{listed:?}");
    assert!(text(&listed).contains("--token-file"), "{listed:?}");
    let both = run(&[&["payouts", "list", "--config", "x.toml"], there.as_slice()].concat()).await;
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    let missing = run(&["payouts", "list", "--url", &url, "--token-file", "/no/such/file"]).await;
    assert_eq!(missing.status.code(), Some(66), "{missing:?}");
    assert!(text(&missing).contains("/no/such/file"), "{missing:?}");
    let odd = run(&["payouts", "list", "--url", "pay.example", "--token-file", token]).await;
    assert_eq!(odd.status.code(), Some(2), "{odd:?}");
    assert!(text(&odd).contains("https://pay.example"), "{odd:?}");
    let help = run(&["payouts", "--help"]).await;
    assert!(text(&help).contains("--token-file"), "{help:?}");
}
