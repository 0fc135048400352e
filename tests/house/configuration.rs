//! The fear: a daemon that starts with a configuration that nobody meant, or that names its mistakes one by one.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use payoutd::cli::keys::folder::furnish;
use payoutd::config::{self, Loaded, Mistakes, Origin, Secrets, Sources};
use payoutd_actors::domain::{breaker::BreakerRules, journal::JournalKey, tron::hash::sha256};
use tempfile::TempDir;

/// The address of the private key 1.
const ADDRESS_OF_ONE: &str = "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC";
const KEY_ONE: &str = "0000000000000000000000000000000000000000000000000000000000000001";

/// A folder with everything that a start needs; stories change one thing in it.
struct Desk {
    folder: TempDir,
    environment: Vec<(OsString, OsString)>,
}

const RIGHT: &str = r#"
[store]
url = "sqlite:payoutd.db"
[http]
token_file = "token"
[wallet]
address = "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC"
key_file = "wallet.key"
[journal]
key_file = "journal.pem"
[network]
nodes = [{ url = "http://127.0.0.1:8090" }, { url = "https://node.example/key" }]
"#;

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() };
        desk.write("payoutd.toml", RIGHT, 0o644);
        desk.write("token", &"t".repeat(32), 0o600);
        desk.write("wallet.key", &format!("  {KEY_ONE}\n"), 0o600);
        let made = payoutd(&["keys", "new", "journal", "--out", desk.path("fresh.pem").as_str()]);
        assert!(made.status.success());
        fs::rename(desk.path("fresh.pem"), desk.path("journal.pem")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The right file with one text in place of another.
    fn change(self, from: &str, to: &str) -> Self {
        let text = fs::read_to_string(self.path("payoutd.toml")).unwrap();
        assert!(text.contains(from), "{from} is not in the file");
        self.write("payoutd.toml", &text.replace(from, to), 0o644);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn sources(&self) -> Sources {
        Sources { file: Some(self.folder.path().join("payoutd.toml")), environment: self.environment.clone() }
    }

    fn load(&self) -> Result<(Loaded, Secrets), Mistakes> {
        self.sources().load_with_secrets()
    }

    /// The keys of all mistakes.
    fn mistakes(&self) -> Vec<String> {
        self.load().unwrap_err().mistakes.into_iter().map(|mistake| mistake.key).collect()
    }
}

fn payoutd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_payoutd"))
        .args(arguments)
        .env_remove("PAYOUTD_CONFIG")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

#[test]
fn a_right_configuration_is_read_with_its_defaults() {
    let (loaded, secrets) = Desk::new().load().unwrap();
    let config = loaded.config;
    assert_eq!(config.transfer.lifetime, Duration::from_secs(300));
    assert_eq!(config.breaker.rules(), BreakerRules::default());
    assert_eq!(config.confirmations.minimum, 19);
    assert_eq!(config.limits.hourly.to_string(), "1000");
    assert_eq!(config.limits.daily.to_string(), "10000");
    assert_eq!(config.network.usdt.to_string(), "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t");
    assert_eq!(config.network.nodes[0].solidity_url, config.network.nodes[0].url);
    assert_eq!(secrets.wallet_key.address().to_string(), ADDRESS_OF_ONE);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn five_mistakes_are_named_in_one_answer_with_exit_78() {
    let desk = Desk::new()
        .change("sqlite:payoutd.db", "mysql://me:secret@host/db")
        .change("TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC", "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HD")
        .change("http://127.0.0.1:8090", "https://me:secret@node.example")
        .change("[network]", "[limits]\nhourly_usdt = 1000\n[transfer]\nlifetime = 300\n[network]");
    let output = payoutd(&["check-config", "--config", &desk.path("payoutd.toml")]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("5 mistakes"), "{said}");
    for key in
        ["store.url", "wallet.address", "network.nodes[0].url", "limits.hourly_usdt", "transfer.lifetime"]
    {
        assert!(said.contains(&format!("\n  {key} (line ")), "{key} is not named in: {said}");
    }
    assert!(said.contains("did you mean transfer.lifetime_s?"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

/// F001-01: nothing is guessed where a wrong guess costs money.
#[test]
fn an_empty_configuration_is_refused_with_the_list_of_what_it_needs() {
    let mistakes = Sources::default().load_with_secrets().unwrap_err();
    let keys: Vec<_> = mistakes.mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "store.url",
            "http.token_file",
            "wallet.address",
            "wallet.key_file",
            "journal.key_file",
            "network.nodes"
        ]
    );
}

/// F004-21: the floor of 19 confirmations may be raised, never lowered.
#[test]
fn eighteen_confirmations_are_a_mistake_and_twenty_are_not() {
    let at = |minimum: &str| Desk::new().variable("PAYOUTD_CONFIRMATIONS__MINIMUM", minimum);
    assert_eq!(at("18").mistakes(), ["confirmations.minimum"]);
    assert_eq!(at("20").load().unwrap().0.config.confirmations.minimum, 20);
}

#[test]
fn a_key_that_does_not_belong_to_the_wallet_is_refused() {
    let desk = Desk::new();
    desk.write("wallet.key", &KEY_ONE.replace('1', "2"), 0o600);
    let mistakes = desk.load().unwrap_err().mistakes;
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].key, "wallet.key_file");
    assert!(mistakes[0].wrong.contains("belongs to T"), "{}", mistakes[0]);
    assert!(!mistakes[0].to_string().contains(&KEY_ONE.replace('1', "2")));
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_chmod_that_mends_it() {
    for (file, key) in
        [("wallet.key", "wallet.key_file"), ("journal.pem", "journal.key_file"), ("token", "http.token_file")]
    {
        let desk = Desk::new();
        let mode = |mode| fs::set_permissions(desk.path(file), fs::Permissions::from_mode(mode)).unwrap();
        let refused = || {
            let mistakes = desk.load().unwrap_err().mistakes;
            assert_eq!((mistakes.len(), mistakes[0].key.as_str()), (1, key));
            assert!(
                mistakes[0].right.starts_with(&format!("chmod 600 {}", desk.path(file))),
                "{}",
                mistakes[0]
            );
        };
        mode(0o644);
        refused();
        mode(0o640);
        // root's file may be given to a group (where root runs the tests it is one); nobody else's may.
        if fs::metadata(desk.path(file)).unwrap().uid() == 0 {
            desk.load().unwrap();
            chown(desk.path(file), Some(4_321), None).unwrap();
        }
        refused();
    }
}

/// The fear: one address pasted twice, and the house pays into a contract or lets its own wallet clear what it pays.
#[test]
fn an_address_that_stands_twice_or_is_nobodys_is_named_with_every_other_mistake() {
    let usdt = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t";
    let network = format!(
        "[limits]\nhourly_usdt = \"x\"\n[network]\nrouter_v0 = \"{ADDRESS_OF_ONE}\"\nrouter_kyc = \"{usdt}\"\nkyc_officer = \"{ADDRESS_OF_ONE}\""
    );
    let desk = Desk::new().change("[network]", &network);
    let mistakes = desk.load().unwrap_err();
    let keys: Vec<_> = mistakes.mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(
        keys,
        ["limits.hourly_usdt", "network.router_v0", "network.router_kyc", "network.kyc_officer"]
    );
    for part in [
        "is the address that wallet.address has",
        "is the address that network.usdt has",
        "no contract and not the wallet's",
    ] {
        assert!(mistakes.to_string().contains(part), "{part} is not in {mistakes}");
    }
    let usdt_is_wallet = Desk::new().variable("PAYOUTD_NETWORK__USDT", ADDRESS_OF_ONE);
    assert_eq!(usdt_is_wallet.mistakes(), ["network.usdt"]);
    let nobody = Desk::new().variable("PAYOUTD_NETWORK__ROUTER_V0", "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb");
    assert!(nobody.load().unwrap_err().to_string().contains("zero address"));
    let twins = Desk::new()
        .variable("PAYOUTD_NETWORK__ROUTER_V0", "TLgcw9ukk4JhBVgQhd5vKDAy1UJnvYU3iU")
        .variable("PAYOUTD_NETWORK__ROUTER_KYC", "TLgcw9ukk4JhBVgQhd5vKDAy1UJnvYU3iU");
    assert_eq!(twins.mistakes(), ["network.kyc_officer", "network.router_kyc"]);
    assert!(twins.load().unwrap_err().to_string().contains("or drop router_kyc"));
}

#[test]
fn a_guessable_token_is_refused_and_not_repeated() {
    let desk = Desk::new();
    desk.write("token", "hunter2", 0o600);
    let mistakes = desk.load().unwrap_err();
    assert_eq!(mistakes.mistakes[0].key, "http.token_file");
    assert!(!mistakes.to_string().contains("hunter2"));
}

#[test]
fn the_environment_wins_and_strangers_in_it_are_mistakes_only_with_a_double_underscore() {
    let desk = Desk::new()
        .variable("PAYOUTD_STORE__URL", "sqlite:/elsewhere.db")
        .variable("PAYOUTD_VECTORS", "/somewhere")
        .variable("PAYOUTD_SIM_RUNS", "5");
    let (loaded, _) = desk.load().unwrap();
    assert_eq!(loaded.config.store.url.to_string(), "sqlite:/elsewhere.db");
    let setting = loaded.settings.iter().find(|setting| setting.key == "store.url").unwrap();
    assert_eq!(setting.origin, Origin::Environment { variable: "PAYOUTD_STORE__URL".into() });

    assert_eq!(Desk::new().variable("PAYOUTD_STORE__ULR", "sqlite:x").mistakes(), ["store.ulr"]);
    assert_eq!(Desk::new().variable("PAYOUTD_store__url", "sqlite:x").mistakes(), ["store.url"]);
}

#[test]
fn relative_paths_start_at_the_files_folder() {
    let desk = Desk::new();
    let (loaded, _) = desk.load().unwrap();
    assert_eq!(loaded.config.store.url.to_string(), format!("sqlite:{}", desk.path("payoutd.db")));
    assert_eq!(loaded.config.wallet.key_file.path(), Path::new(&desk.path("wallet.key")));
}

#[test]
fn one_node_without_tronscan_has_to_be_chosen_in_writing() {
    let one = || Desk::new().change(r#", { url = "https://node.example/key" }"#, "");
    assert_eq!(one().mistakes(), ["network.single_source"]);
    let chosen = one().change("[network]", "[network]\nsingle_source = true");
    assert_eq!(chosen.load().unwrap().0.warnings.len(), 1);
    let with_second_eye = one().variable("PAYOUTD_NETWORK__TRONSCAN__URL", "http://127.0.0.1:8092");
    assert!(with_second_eye.load().is_ok());
}

#[test]
fn two_words_for_one_node_are_not_two_sources() {
    let desk = Desk::new().change("https://node.example/key", "http://127.0.0.1:8090/");
    assert_eq!(desk.mistakes(), ["network.nodes[1].url"]);
}

#[test]
fn a_router_with_compliance_wants_its_officer() {
    let desk =
        Desk::new().change("[network]", "[network]\nrouter_kyc = \"TLgcw9ukk4JhBVgQhd5vKDAy1UJnvYU3iU\"");
    assert_eq!(desk.mistakes(), ["network.kyc_officer"]);
}

#[test]
fn what_cannot_be_had_yet_is_said() {
    let tor = Desk::new().change("[store]", "egress = \"tor\"\n[store]");
    let mistakes = tor.load().unwrap_err().mistakes;
    assert_eq!((mistakes[0].key.as_str(), mistakes[0].right.as_str()), ("egress", "write \"direct\""));
}

/// F001-04, F001-07, D-24: a token lasts an hour at most, is signed by a key that does, and what people have is sealed.
#[test]
fn tokens_are_short_and_signed_by_keys_that_do() {
    let with = |lines: &str| {
        let desk = Desk::new().change("[wallet]", &format!("[identity]\n{lines}\n[wallet]"));
        desk.write("master.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 0o600);
        desk.write("new.pem", &JournalKey::from_seed(&[1; 32]).to_pem().unwrap(), 0o600);
        desk.write("old.pem", &JournalKey::from_seed(&[2; 32]).to_pem().unwrap(), 0o600);
        desk.write("everybodys.pem", &JournalKey::from_seed(&[3; 32]).to_pem().unwrap(), 0o644);
        desk
    };
    let master = "master_key_file = \"master.key\"";
    let (loaded, secrets) =
        with(&format!("{master}\ntoken_key_files = [\"new.pem\", \"old.pem\"]")).load().unwrap();
    assert_eq!(secrets.token_keys.unwrap().public().keys.len(), 2);
    assert_eq!(loaded.config.identity.access_token_minutes, 15);
    assert!(with(master).load().unwrap().1.token_keys.is_none(), "without keys nobody signs in");
    let keys = "identity.token_key_files";
    for (lines, mistakes) in [
        (format!("{master}\naccess_token_minutes = 60"), vec![]),
        (format!("{master}\naccess_token_minutes = 61"), vec!["identity.access_token_minutes"]),
        (format!("{master}\npassword_policy = \"none\""), vec!["identity.password_policy"]),
        ("token_key_files = [\"new.pem\"]".to_owned(), vec![keys]),
        (format!("{master}\ntoken_key_files = []"), vec![]),
        (format!("{master}\ntoken_key_files = [\"new.pem\", \"token\"]"), vec![keys]),
        (format!("{master}\ntoken_key_files = [\"everybodys.pem\", \"missing.pem\"]"), vec![keys, keys]),
    ] {
        let told = with(&lines).load().err().map(|told| told.mistakes).unwrap_or_default();
        let told: Vec<_> = told.into_iter().map(|mistake| mistake.key).collect();
        assert_eq!(told, mistakes, "{lines}");
    }
}

/// A broker's password is one and kept to itself, and what belongs to a broker stands beside one.
#[test]
fn a_broker_wants_one_password_and_two_queues() {
    let with = |lines: &str| Desk::new().change("[wallet]", &format!("[amqp]\n{lines}\n[wallet]"));
    let (apart, within) =
        ("url = \"amqps://pay@mq.example/pay\"", "url = \"amqp://pay:s3cret@mq.example/pay\"");
    let (loaded, secrets) = with(&format!("{apart}\npassword_file = \"token\"")).load().unwrap();
    let amqp = &loaded.config.amqp;
    assert_eq!((amqp.queue.as_str(), amqp.dead_queue.as_str()), ("payoutd.jobs", "payoutd.jobs.dead"));
    assert!(secrets.amqp_password.is_some() && loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let (loaded, _) = with(within).load().unwrap();
    for warned in ["amqp.password_file", "clear text"] {
        assert!(loaded.warnings.iter().any(|warning| warning.contains(warned)), "{loaded:?}");
    }
    assert!(!format!("{loaded:?}").contains("s3cret"));
    for (lines, mistakes) in [
        (format!("{within}\npassword_file = \"token\""), vec!["amqp.password_file"]),
        (format!("{within}\nca_file = \"ca.pem\""), vec!["amqp.ca_file"]),
        ("password_file = \"token\"".to_owned(), vec!["amqp.password_file"]),
        (format!("{apart}\ndead_queue = \"payoutd.jobs\""), vec!["amqp.dead_queue"]),
        ("url = \"amqp://mq.example/\"\nqueue = \"amq.jobs\"".to_owned(), vec!["amqp.url", "amqp.queue"]),
    ] {
        assert_eq!(with(&lines).mistakes(), mistakes, "{lines}");
    }
}

/// Where the store is shared, what would stand beside its file must be named; and one password is enough.
#[test]
fn a_postgres_store_wants_what_a_file_has_beside_it() {
    let upon = |url: &str| Desk::new().change("sqlite:payoutd.db", url);
    let with_file = |desk: Desk| desk.change("[journal]", "[journal]\ncheckpoint_file = \"checkpoint\"");
    let with_password = |desk: Desk| desk.change("[store]", "[store]\npassword_file = \"token\"");
    let (apart, within) = ("postgres://pay@host/db", "postgres://pay:s3cret@host/db");
    assert_eq!(upon(apart).mistakes(), ["journal.checkpoint_file"]);
    for right in [with_file(upon(apart)), with_file(with_password(upon(apart)))] {
        assert!(right.load().is_ok(), "{:?}", right.load());
    }
    assert_eq!(with_file(with_password(upon(within))).mistakes(), ["store.password_file"]);
    assert_eq!(with_password(Desk::new()).mistakes(), ["store.password_file"]);
    let (loaded, _) = with_file(upon(within)).load().unwrap();
    assert!(loaded.warnings.iter().any(|warning| warning.contains("store.password_file")), "{loaded:?}");
    assert!(!format!("{loaded:?}").contains("s3cret"));
}

#[test]
fn amounts_are_text_in_bounds() {
    for wrong in [
        "1000",
        "\"1e3\"",
        "\"-1\"",
        "\"0\"",
        "\"0.0000001\"",
        "\"1,0\"",
        "\"01\"",
        "\"1000000.000001\"",
        "1.5",
    ] {
        let desk =
            Desk::new().change("[network]", &format!("[limits]\nper_payout_usdt = {wrong}\n[network]"));
        assert_eq!(desk.mistakes(), ["limits.per_payout_usdt"], "{wrong}");
    }
}

#[test]
fn a_line_that_is_no_toml_is_named_with_its_number() {
    let desk = Desk::new().change("[http]", "[http\n");
    let mistakes = desk.load().unwrap_err().mistakes;
    assert_eq!(mistakes[0].key, "the file");
    assert_eq!(mistakes[0].origin, Origin::File { line: 4 });
}

#[test]
fn a_section_with_a_value_and_a_list_written_as_a_section_are_explained() {
    let as_value =
        Desk::new().change("[store]\nurl = \"sqlite:payoutd.db\"", "store = \"sqlite:payoutd.db\"");
    assert!(as_value.load().unwrap_err().to_string().contains("write [store]"));
    let as_section = Desk::new().change(
        "nodes = [{ url = \"http://127.0.0.1:8090\" }, { url = \"https://node.example/key\" }]",
        "[network.nodes]\nurl = \"http://127.0.0.1:8090\"",
    );
    assert!(as_section.load().unwrap_err().to_string().contains("write [[network.nodes]]"));
}

#[test]
fn secrets_are_dots_wherever_they_are_shown() {
    let desk = Desk::new();
    let (loaded, secrets) = desk.load().unwrap();
    let shown = format!("{loaded:?} {secrets:?}");
    let printed = payoutd(&["check-config", "--config", &desk.path("payoutd.toml")]);
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("••••••"), "{printed}");
    for secret in [KEY_ONE, &"t".repeat(32)] {
        assert!(!shown.contains(secret) && !printed.contains(secret));
    }
}

#[test]
fn the_documents_are_what_the_program_would_write() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, written, how) in [
        ("config/payoutd.toml", config::template(), "--template"),
        ("docs/configuration.md", config::reference(), "--reference"),
    ] {
        let found = fs::read_to_string(root.join(file)).unwrap();
        assert!(found == written, "{file} is old: payoutd check-config {how} > {file}");
    }
}

/// The file that explains every key, with every default taken at its word, is the configuration that has no such line.
#[test]
fn every_default_in_the_explained_file_is_the_default() {
    let explained =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/payoutd.toml")).unwrap();
    let optional = [
        "router_v0",
        "router_kyc",
        "kyc_officer",
        "solidity_url",
        "api_key_file",
        "password_file",
        "checkpoint_file",
        "ca_file",
        "master_key_file",
        "token_key_files",
        "url = \"amqps:",
        "trusted_proxies",
        "cors_origins",
        "tls_listen",
        "tls_certificate_file",
        "tls_key_file",
        "unix_socket =",
        "internal_",
        "issuer =",
        "audience =",
        "jwks_url",
        "jwks_file",
        "token_file_per_minute",
    ];
    let uncommented: Vec<&str> = explained
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') && !optional.iter().any(|name| key.starts_with(name)) => key,
            _ => line,
        })
        .collect();
    let desk = Desk::new();
    desk.write(
        "payoutd.toml",
        &uncommented.join("\n").replace("\"T…\"", &format!("\"{ADDRESS_OF_ONE}\"")),
        0o644,
    );
    let (written_out, _) = desk.load().unwrap();
    let same_essentials = Desk::new().change(
        r#"nodes = [{ url = "http://127.0.0.1:8090" }, { url = "https://node.example/key" }]"#,
        "nodes = [{ url = \"https://api.trongrid.io\" }]\ntronscan.url = \"https://apilist.tronscanapi.com\"",
    );
    let (left_out, _) = same_essentials.load().unwrap();
    for (written, left) in written_out.settings.iter().zip(&left_out.settings) {
        assert_eq!(written.key, left.key);
        if left.origin == Origin::Default {
            assert_eq!(written.value, left.value, "{}", left.key);
        }
    }
    let said: Vec<_> = written_out.settings.iter().filter(|setting| setting.value.is_some()).collect();
    assert!(
        said.iter()
            .all(|setting| matches!(setting.origin, Origin::File { .. })
                || setting.key.ends_with("solidity_url")),
        "{said:?}"
    );
}

/// `config/sandbox.toml` works once its folder holds the keys; the wallet is the simulated chain's first account.
#[test]
fn the_sandboxs_configuration_is_right_and_its_folder_is_furnished_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::copy(root.join("config/sandbox.toml"), folder.path().join("config/sandbox.toml")).unwrap();
    let keys = folder.path().join("sandbox-data");
    furnish(&keys, &hex::encode(sha256(b"payoutd sandbox account 0"))).unwrap();
    let first = fs::read(keys.join("token")).unwrap();
    furnish(&keys, "another").unwrap();
    assert_eq!(fs::read(keys.join("token")).unwrap(), first);

    let sources = Sources { file: Some(folder.path().join("config/sandbox.toml")), environment: Vec::new() };
    let (loaded, _) = sources.load_with_secrets().unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(loaded.config.transfer.lifetime, Duration::from_secs(15));
    assert_eq!(loaded.config.breaker.recovery, Duration::from_secs(2));
}
