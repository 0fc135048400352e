//! The fear: a daemon that starts although something is wrong, opens its door, and finds out with the money.

use std::{
    fs, io,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

use crate::kit::desk::{Desk, pretend_newer, told};

/// A node that nobody may ask, and a door that nobody may open.
struct Trap {
    node: TcpListener,
    door: TcpListener,
}

impl Trap {
    fn set() -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let trap = Self { node: listen(), door: listen() };
        trap.node.set_nonblocking(true).unwrap();
        trap
    }

    fn node_url(&self) -> String {
        format!("http://{}", self.node.local_addr().unwrap())
    }

    /// Runs a daemon whose door would be where somebody stands already: had it tried, it would say so.
    fn run(&self, desk: &Desk) -> String {
        let output = run(desk, &[("PAYOUTD_HTTP__LISTEN", &self.door.local_addr().unwrap().to_string())]);
        assert_eq!(output.status.code(), Some(78), "{}", told(&output));
        let said = told(&output);
        assert!(!said.contains("door"), "{said}");
        let asked = self.node.accept();
        assert_eq!(asked.unwrap_err().kind(), io::ErrorKind::WouldBlock, "the node was asked");
        said
    }
}

fn run(desk: &Desk, environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_payoutd"))
        .args(["run", "--config"])
        .arg(desk.path("payoutd.toml"))
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// A desk whose only node is the trap's.
fn desk(trap: &Trap) -> Desk {
    let nodes = format!("[{{ url = \"{}\" }}]", trap.node_url());
    Desk::with_network(&nodes, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
}

fn change(desk: &Desk, from: &str, to: &str) {
    let file = desk.path("payoutd.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from} is not in the file");
    fs::write(file, text.replace(from, to)).unwrap();
}

fn no_store(folder: &Path) -> bool {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    !names.into_iter().any(|name| name.to_string_lossy().starts_with("payoutd.db"))
}

/// Five mistakes are five sentences; nothing is opened, made or asked.
#[test]
fn a_daemon_with_five_mistakes_names_all_of_them_and_opens_nothing() {
    let trap = Trap::set();
    let desk = desk(&trap);
    change(&desk, "single_source = true\n", "");
    change(&desk, "token_file = \"token\"", "token_file = \"nowhere\"");
    change(&desk, "[network]\n", "[limits]\nhourly_usdt = 1000\n[transfer]\nlifetime = 300\n[network]\n");
    change(&desk, &desk.wallet, "TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HD");
    let said = trap.run(&desk);
    assert!(said.contains("5 mistakes"), "{said}");
    for key in [
        "network.single_source",
        "http.token_file",
        "limits.hourly_usdt",
        "transfer.lifetime",
        "wallet.address",
    ] {
        assert!(said.contains(&format!("\n  {key}")), "{key} is not named in: {said}");
    }
    assert!(no_store(&desk.path("")));
}

/// A key file that was swapped is noticed at the start and not by the money; the key itself is in no word of it.
#[test]
fn a_key_of_another_wallet_does_not_start() {
    let trap = Trap::set();
    let desk = desk(&trap);
    let key = "11".repeat(32);
    desk.write_secret("wallet.key", &key);
    let said = trap.run(&desk);
    assert!(said.contains("1 mistake") && said.contains("wallet.key_file"), "{said}");
    assert!(said.contains("belongs to T") && said.contains(&desk.wallet) && !said.contains(&key), "{said}");
    assert!(no_store(&desk.path("")));
}

/// A store that a newer payoutd has written is left as it is, and the words say what to do.
#[tokio::test]
async fn a_store_of_a_newer_payoutd_does_not_start() {
    let trap = Trap::set();
    let desk = desk(&trap);
    desk.ends(0, &["migrate"]);
    pretend_newer(&desk.path("payoutd.db")).await;
    let said = trap.run(&desk);
    assert!(said.contains("its schema is 9000") && said.contains("run the payoutd that wrote it"), "{said}");
}

/// Variables that belong to tests and tools are left alone; with a double underscore they are keys.
#[test]
fn a_variable_that_is_no_key_is_left_alone_and_one_that_looks_like_one_is_not() {
    let desk = Desk::new();
    fs::write(desk.path("payoutd.db"), "no store").unwrap();
    let left_alone = run(&desk, &[("PAYOUTD_KILLS", "7"), ("PAYOUTD_KILLS_SEED", "1")]);
    assert_eq!(left_alone.status.code(), Some(74), "only its store is wrong: {}", told(&left_alone));
    let mistaken = run(&desk, &[("PAYOUTD_STORE__ULR", "sqlite:x")]);
    assert_eq!(mistaken.status.code(), Some(78), "{}", told(&mistaken));
    assert!(told(&mistaken).contains("store.ulr"), "{}", told(&mistaken));
}
