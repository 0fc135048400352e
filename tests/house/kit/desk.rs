//! A folder as an operator has it: keys, a token, a configuration, a store; and the command line upon it.

use std::{
    fs,
    io::Write as _,
    iter,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use payoutd::{config::StoreUrl, store::SqliteStore};
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use tempfile::TempDir;

use super::{
    amqp::Queues,
    daemon::lasting_port,
    door::TOKEN,
    network::{Network, text},
};

const SANDBOX_CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/sandbox.toml");

/// The folder.
pub(crate) struct Desk {
    folder: TempDir,
    /// Where its daemon's door is.
    pub(crate) door: SocketAddr,
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
        Self::furnished(SocketAddr::from(([127, 0, 0, 1], 1)), nodes, usdt)
    }

    /// The same with a door at which a daemon can listen.
    pub(crate) fn with_door(nodes: &str, usdt: &str) -> Self {
        Self::furnished(lasting_port(), nodes, usdt)
    }

    fn furnished(door: SocketAddr, nodes: &str, usdt: &str) -> Self {
        let mut desk = Self::empty(door);
        desk.wallet = desk.fresh_key("wallet", "wallet.key", "address");
        desk.configure(nodes, usdt);
        desk
    }

    /// A desk for a daemon beside a simulated network: `config/sandbox.toml` with the addresses of this network, whose first account
    /// is the wallet.
    pub(crate) fn beside(network: &Network) -> Self {
        let mut desk = Self::empty(lasting_port());
        desk.wallet = network.account(0).to_owned();
        desk.write_secret("wallet.key", text(&network.about["accounts"][0]["private_key_hex"]));
        let (node, more) = (network.text("http"), &network.about["more_nodes_http"]);
        let urls = iter::once(node).chain(more.as_array().into_iter().flatten().map(text));
        let nodes: Vec<String> = urls.map(|url| format!("{{ url = \"{url}\" }}")).collect();
        let mut config = fs::read_to_string(SANDBOX_CONFIG).unwrap();
        for (from, to) in [
            ("../sandbox-data/", ""),
            ("127.0.0.1:18080", &desk.door.to_string()),
            ("[{ url = \"http://127.0.0.1:18090\" }]", &format!("[{}]", nodes.join(", "))),
            ("http://127.0.0.1:18090", network.text("tronscan_http")),
        ] {
            assert!(config.contains(from), "{from} is not in {SANDBOX_CONFIG}");
            config = config.replace(from, to);
        }
        config.push_str("\n[log]\nfilter = \"warn\"\n");
        fs::write(desk.path("payoutd.toml"), config).unwrap();
        desk
    }

    /// The same with a broker: a second door, by these queues.
    pub(crate) fn beside_with(network: &Network, queues: &Queues) -> Self {
        let desk = Self::beside(network);
        let mut config = fs::OpenOptions::new().append(true).open(desk.path("payoutd.toml")).unwrap();
        config.write_all(queues.section().as_bytes()).unwrap();
        desk
    }

    /// A folder with a journal key and a token.
    fn empty(door: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut desk = Self { folder, door, wallet: String::new(), journal_key: String::new() };
        desk.journal_key = desk.fresh_key("journal", "journal.pem", "public_key_hex");
        desk.write_secret("token", TOKEN);
        desk
    }

    fn fresh_key(&self, kind: &str, file: &str, public: &str) -> String {
        let made = Command::new(env!("CARGO_BIN_EXE_payoutd"))
            .args(["keys", "new", kind, "--json", "--out"])
            .arg(self.path(file))
            .output()
            .unwrap();
        text(&serde_json::from_slice::<Value>(&made.stdout).unwrap()[public]).to_owned()
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, nodes: &str, usdt: &str) {
        let Self { wallet, door, .. } = self;
        let config = format!(
            "[store]\nurl = \"sqlite:payoutd.db\"\n[http]\nlisten = \"{door}\"\ntoken_file = \"token\"\n\
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

    /// Runs a command that takes no configuration, in the folder.
    pub(crate) fn run_alone(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
        command.args(arguments).current_dir(self.folder.path()).output().unwrap()
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

    /// Somebody who owns the machine opens the database and does what they like.
    pub(crate) async fn tamper(&self, sql: &[&'static str]) {
        let url = format!("sqlite:{}", self.path("payoutd.db").display());
        let mut thief = SqliteConnection::connect(&url).await.unwrap();
        for trigger in ["journal_stays_as_written", "journal_stays", "seal_stays_as_written", "seal_stays"] {
            let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}"));
            thief.execute(sqlx::query(drop)).await.unwrap();
        }
        for statement in sql {
            thief.execute(*statement).await.unwrap();
        }
        thief.close().await.unwrap();
    }

    /// An older copy is put back in the store's place, as a person does it with the daemon stopped.
    pub(crate) fn put_back(&self, copy: &str) {
        for name in ["payoutd.db-wal", "payoutd.db-shm"] {
            // They go when a store is closed well.
            let _ = fs::remove_file(self.path(name));
        }
        fs::copy(self.path(copy), self.path("payoutd.db")).unwrap();
    }
}

/// Everything that a command said.
pub(crate) fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// A newer payoutd has been at this database.
pub(crate) async fn pretend_newer(database: &Path) {
    let mut connection =
        sqlx::sqlite::SqliteConnectOptions::new().filename(database).connect().await.unwrap();
    connection
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9000, 'from the future', TRUE, x'00', 0)",
        )
        .await
        .unwrap();
    connection.close().await.unwrap();
}
