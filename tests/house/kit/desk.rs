//! A folder as an operator has it: keys, a token, a configuration, a store; and the command line upon it. No daemon runs.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output},
};

use payoutd::{config::StoreUrl, store::SqliteStore};
use serde_json::Value;
use tempfile::TempDir;

/// The folder.
pub(crate) struct Desk {
    folder: TempDir,
    pub(crate) wallet: String,
    pub(crate) journal_key: String,
}

impl Desk {
    /// A folder with fresh keys; nobody listens at its door and no node answers.
    pub(crate) fn new() -> Self {
        Self::with_network("[{ url = \"http://127.0.0.1:1\" }]", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
    }

    /// The same, with these nodes and this token contract.
    pub(crate) fn with_network(nodes: &str, usdt: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut desk = Self { folder, wallet: String::new(), journal_key: String::new() };
        let key = |kind: &str, file: &str| {
            let out = desk.path(file);
            let made = Command::new(env!("CARGO_BIN_EXE_payoutd"))
                .args(["keys", "new", kind, "--json", "--out"])
                .arg(out)
                .output()
                .unwrap();
            serde_json::from_slice::<Value>(&made.stdout).unwrap()
        };
        let (wallet, journal) = (key("wallet", "wallet.key"), key("journal", "journal.pem"));
        desk.wallet = wallet["address"].as_str().unwrap().to_owned();
        desk.journal_key = journal["public_key_hex"].as_str().unwrap().to_owned();
        desk.write_secret("token", "0123456789abcdef0123456789abcdef");
        desk.configure(nodes, usdt);
        desk
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, nodes: &str, usdt: &str) {
        let wallet = &self.wallet;
        let config = format!(
            "[store]\nurl = \"sqlite:payoutd.db\"\n[http]\nlisten = \"127.0.0.1:1\"\ntoken_file = \"token\"\n\
             [wallet]\naddress = \"{wallet}\"\nkey_file = \"wallet.key\"\n[journal]\nkey_file = \"journal.pem\"\n\
             [network]\nusdt = \"{usdt}\"\nsingle_source = true\nnodes = {nodes}\n"
        );
        fs::write(self.path("payoutd.toml"), config).unwrap();
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write_secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command upon the folder's configuration.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_payoutd"))
            .args(arguments)
            .arg("--config")
            .arg(self.path("payoutd.toml"))
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// Runs a command that must end with this code; what it printed on stdout.
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must end with this code; its JSON.
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ends(code, arguments)).unwrap()
    }

    /// The store, to work with.
    pub(crate) async fn store(&self) -> SqliteStore {
        SqliteStore::open(&StoreUrl::Sqlite(self.path("payoutd.db"))).await.unwrap()
    }
}

/// Everything that a command said.
pub(crate) fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}
