//! The configuration: read whole, checked whole, then handed out as plain values.
//!
//! - One constant per key (`key::Key`) says its name, what may be written, its default and its reason. Reading, the
//!   checks, `config/payoutd.toml` and `docs/configuration.md` come from it and cannot drift apart.
//! - The environment wins over the file: `PAYOUTD_STORE__URL` is `store.url`. Names without a double underscore are
//!   left alone. A key that nobody knows is a mistake, in the file and in the environment.
//! - **All mistakes are named at once**, each with its key, its place, what was wrong and what would be right, before a
//!   port is opened or a file is written.
//! - Secrets are in files of their own, which nobody but the daemon may read. They are never shown.
//!
//! To add a key: a constant in its file under `parts/`, a field, one `ask`; then write the documents again
//! (`payoutd check-config --template`, `--reference`; a test compares).

mod addresses;
mod document;
mod documents;
mod forms;
mod key;
mod mistake;
mod parts;
mod reader;
mod secret_file;
mod secrets;
mod tls_files;

use std::{
    ffi::OsString,
    io::{self, Read},
    path::{Path, PathBuf},
};

use payoutd_actors::domain::order::HousePolicy;

use self::{document::Document, key::Wrong, reader::Reader};
pub use self::{
    documents::{reference, template},
    forms::{AmqpUrl, InternalPlace, PostgresUrl, ProviderUrl, StoreUrl},
    mistake::{Mistake, Mistakes, Origin},
    parts::{
        Amqp, Breaker, Confirmations, Egress, External, ExternalKeys, Http, Identity, Internal, Journal,
        Limits, Log, LogFormat, Network, Node, Rates, Routers, Store, Transfer, Treasurer, TronScan,
        UnixSocket, Wallet, Watcher, Worker,
    },
    reader::Setting,
    secret_file::{Secret, SecretFile},
    secrets::Secrets,
    tls_files::{TlsFiles, TlsPair},
};

/// The whole configuration; secrets apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How connections leave the house.
    pub egress: Egress,
    /// Where payouts and the journal live.
    pub store: Store,
    /// The front door.
    pub http: Http,
    /// How often who may ask.
    pub rates: Rates,
    /// The broker: jobs come from it, events go to it.
    pub amqp: Amqp,
    /// Who else may come in.
    pub identity: Identity,
    /// Who pays.
    pub wallet: Wallet,
    /// The record of every step, sealed.
    pub journal: Journal,
    /// The nodes, the second eye and the contracts.
    pub network: Network,
    /// What may leave the wallet.
    pub limits: Limits,
    /// How one signed transfer lives and what it may cost.
    pub transfer: Transfer,
    /// How deep a block must lie.
    pub confirmations: Confirmations,
    /// When a dependency is given a rest.
    pub breaker: Breaker,
    /// The one who signs and sends.
    pub worker: Worker,
    /// The one who reads the chain and settles.
    pub watcher: Watcher,
    /// The one who knows what the wallet holds.
    pub treasurer: Treasurer,
    /// What the daemon says while it works.
    pub log: Log,
}

impl Config {
    /// What this house pays, and whom it never pays.
    #[must_use]
    pub fn policy(&self) -> HousePolicy {
        let Routers { v0, kyc } = self.network.routers;
        HousePolicy {
            wallet: self.wallet.address,
            token: self.network.usdt,
            router_v0: v0,
            router_kyc: kyc.map(|(router, _)| router),
            kyc_officer: kyc.map(|(_, officer)| officer),
            per_payout: self.limits.per_payout,
        }
    }
}

/// A configuration without mistakes, and where each value comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Every key with its value and its origin, in the order of the documents.
    pub settings: Vec<Setting>,
    /// What is allowed and what the operator should know.
    pub warnings: Vec<String>,
}

/// Where a configuration is read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file; without one the environment alone speaks.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Sources {
    /// A file and the environment of this process.
    #[must_use]
    pub fn of_process(file: Option<PathBuf>) -> Self {
        Self { file, environment: std::env::vars_os().collect() }
    }

    /// The configuration; the files that hold secrets are not opened.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn load(&self) -> Result<Loaded, Mistakes> {
        self.read(|_, _| Some(())).map(|(loaded, ())| loaded)
    }

    /// The configuration and the secrets that it names, checked together: the key must belong to the wallet.
    ///
    /// # Errors
    /// All mistakes at once, those of the secret files among them.
    pub fn load_with_secrets(&self) -> Result<(Loaded, Secrets), Mistakes> {
        self.read(|reader, parts| {
            let nodes = parts.network.as_ref().map_or(0, |network| network.nodes.len());
            let token_keys = parts.identity.as_ref().map_or(&[][..], |identity| &identity.token_key_files);
            Secrets::read(reader, parts.wallet.as_ref(), parts.http.as_ref(), token_keys, nodes)
        })
    }

    fn read<S>(
        &self,
        secrets: impl FnOnce(&mut Reader<'_>, &Parts) -> Option<S>,
    ) -> Result<(Loaded, S), Mistakes> {
        let file = self.file.as_deref();
        let text = match file.map(read_file).transpose() {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => return Err(self.unreadable(&error)),
        };
        let document = Document::read(&text, self.environment.iter().cloned());
        // A file without a folder before its name stands in the present one.
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let mut reader = Reader::new(&document, folder);
        let parts = Parts::read(&mut reader);
        let secrets = secrets(&mut reader, &parts);
        reader.refuse_strangers();
        let settings = documents::settings(&reader.asked);
        match (parts.whole(), secrets) {
            (Some(config), Some(secrets)) if reader.mistakes.is_empty() => {
                Ok((Loaded { config, settings, warnings: reader.warnings }, secrets))
            }
            _ => Err(self.mistakes(reader.mistakes)),
        }
    }

    fn unreadable(&self, error: &io::Error) -> Mistakes {
        self.mistakes(vec![Mistake {
            key: THE_FILE.into(),
            origin: Origin::Default,
            wrong: format!("cannot be read ({error})"),
            right: "name one that payoutd's user can read".into(),
        }])
    }

    fn mistakes(&self, mistakes: Vec<Mistake>) -> Mistakes {
        Mistakes { file: self.file.as_ref().map(|file| file.display().to_string()), mistakes }
    }
}

/// What a mistake names in the place of a key where the whole file can not be read.
pub const THE_FILE: &str = "the file";
/// A longer file is not a configuration.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    match text.len() as u64 > FILE_BYTES_MAX {
        true => Err(io::Error::other("it is longer than 1 MiB")),
        false => Ok(text),
    }
}

/// The parts as they were read; `None` where there is a mistake.
struct Parts {
    egress: Option<Egress>,
    store: Option<Store>,
    http: Option<Http>,
    rates: Option<Rates>,
    amqp: Option<Amqp>,
    identity: Option<Identity>,
    wallet: Option<Wallet>,
    journal: Option<Journal>,
    network: Option<Network>,
    limits: Option<Limits>,
    transfer: Option<Transfer>,
    confirmations: Option<Confirmations>,
    breaker: Option<Breaker>,
    worker: Option<Worker>,
    watcher: Option<Watcher>,
    treasurer: Option<Treasurer>,
    log: Option<Log>,
}

impl Parts {
    /// Every part asks for all of its keys, whatever the others found. This order is the documents' order.
    fn read(reader: &mut Reader<'_>) -> Self {
        let parts = Self {
            egress: Egress::read(reader),
            store: Store::read(reader),
            http: Http::read(reader),
            rates: Rates::read(reader),
            amqp: Amqp::read(reader),
            identity: Identity::read(reader),
            wallet: Wallet::read(reader),
            journal: Journal::read(reader),
            network: Network::read(reader),
            limits: Limits::read(reader),
            transfer: Transfer::read(reader),
            confirmations: Confirmations::read(reader),
            breaker: Breaker::read(reader),
            worker: Worker::read(reader),
            watcher: Watcher::read(reader),
            treasurer: Treasurer::read(reader),
            log: Log::read(reader),
        };
        parts.fit_together(reader);
        parts
    }

    /// What only two parts show: an address that stands twice; and beside a PostgreSQL there is no file of which the checkpoint
    /// could be the neighbour; and without a register nobody is there whom gateways could bring.
    fn fit_together(&self, reader: &mut Reader<'_>) {
        addresses::check(reader);
        if let (Some(store), Some(journal)) = (&self.store, &self.journal)
            && matches!(store.url, StoreUrl::Postgres(_))
            && journal.checkpoint_file.is_none()
        {
            let right = "write checkpoint_file = \"/var/lib/payoutd/checkpoint\"";
            reader.mistake(
                "journal.checkpoint_file",
                Wrong::new("is missing: store.url is a PostgreSQL", right),
            );
        }
        if let (Some(http), Some(identity)) = (&self.http, &self.identity)
            && http.internal.is_some()
            && identity.master_key_file.is_none()
        {
            let right = "name identity.master_key_file, too: whom gateways bring stands in the register";
            reader.mistake("http.internal_listen", Wrong::new("stands without a master key", right));
        }
    }

    fn whole(self) -> Option<Config> {
        Some(Config {
            egress: self.egress?,
            store: self.store?,
            http: self.http?,
            rates: self.rates?,
            amqp: self.amqp?,
            identity: self.identity?,
            wallet: self.wallet?,
            journal: self.journal?,
            network: self.network?,
            limits: self.limits?,
            transfer: self.transfer?,
            confirmations: self.confirmations?,
            breaker: self.breaker?,
            worker: self.worker?,
            watcher: self.watcher?,
            treasurer: self.treasurer?,
            log: self.log?,
        })
    }
}
