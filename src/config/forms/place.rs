//! Places: files, the store, the address to listen on, the URLs of providers.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use reqwest::Url;

use super::postgres::PostgresUrl;
use crate::config::{
    key::{Form, Written, Wrong, quoted},
    secret_file::SecretFile,
};

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// One SQLite file, made at the first start.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which any number of daemons share.
    Postgres(PostgresUrl),
}

impl StoreUrl {
    /// Reads one as it stands in a configuration; a relative file begins at `folder`.
    ///
    /// # Errors
    /// A sentence that does not repeat what was written, for it may hold a password.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let read = StoreForm.read(&Written::Text(text.to_owned()), folder);
        read.map_err(|Wrong { wrong, right }| format!("{wrong}; {right}"))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// `sqlite:FILE` or `postgres://…`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreForm;

impl Form for StoreForm {
    type Value = StoreUrl;

    fn words(&self) -> String {
        "\"sqlite:FILE\" or \"postgres://USER@HOST:PORT/DATABASE\"".into()
    }

    fn read(&self, written: &Written, folder: &Path) -> Result<StoreUrl, Wrong> {
        let text = written.text()?;
        let right = "write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE";
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return PostgresUrl::read(text).map(StoreUrl::Postgres);
        }
        let Some(rest) = text.strip_prefix("sqlite:") else {
            // It may hold a password: it is not repeated.
            return Err(Wrong::new("is not a store that payoutd knows", right));
        };
        let file = rest.strip_prefix("//").unwrap_or(rest);
        if file.contains(":memory:") || file.contains("mode=memory") {
            return Err(Wrong::new("a store in memory forgets what was paid", right));
        }
        if file.is_empty() || file.contains('?') {
            return Err(Wrong::new("has no plain file name after sqlite:", right));
        }
        Ok(StoreUrl::Sqlite(folder.join(file)))
    }

    fn show(&self, value: &StoreUrl) -> String {
        quoted(&value.to_string())
    }
}

/// An address and port to listen on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listen;

impl Form for Listen {
    type Value = SocketAddr;

    fn words(&self) -> String {
        "\"ADDRESS:PORT\" (port 0: any free one)".into()
    }

    fn read(&self, written: &Written, _: &Path) -> Result<SocketAddr, Wrong> {
        let text = written.text()?;
        text.parse().map_err(|_| {
            Wrong::new(
                format!("\"{text}\" is not an IP address with a port"),
                "write, for example, \"127.0.0.1:8080\" or \"[::1]:8080\"",
            )
        })
    }

    fn show(&self, value: &SocketAddr) -> String {
        quoted(&value.to_string())
    }
}

/// A file that payoutd writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place;

impl Form for Place {
    type Value = PathBuf;

    fn words(&self) -> String {
        "a file".into()
    }

    fn read(&self, written: &Written, folder: &Path) -> Result<PathBuf, Wrong> {
        written.text().map(|text| folder.join(text))
    }

    fn show(&self, value: &PathBuf) -> String {
        quoted(&value.display().to_string())
    }
}

/// A file that holds a secret and that only its owner may read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecretPath;

impl Form for SecretPath {
    type Value = SecretFile;

    fn words(&self) -> String {
        "a file that only its owner can read".into()
    }

    fn read(&self, written: &Written, folder: &Path) -> Result<SecretFile, Wrong> {
        written.text().map(|text| SecretFile::new(folder.join(text)))
    }

    fn show(&self, value: &SecretFile) -> String {
        quoted(&value.path().display().to_string())
    }

    fn secret_file<'v>(&self, value: &'v SecretFile) -> Option<&'v SecretFile> {
        Some(value)
    }
}

/// Files that hold secrets, each of which only its owner may read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SecretPaths;

impl Form for SecretPaths {
    type Value = Vec<SecretFile>;

    fn words(&self) -> String {
        "a list of files that only their owner can read; in a variable with commas between".into()
    }

    fn read(&self, written: &Written, folder: &Path) -> Result<Vec<SecretFile>, Wrong> {
        let file = |text: &str| match text.trim() {
            "" => Err(Wrong::new("has a name that is empty", "name files, or leave the key out")),
            name => Ok(SecretFile::new(folder.join(name))),
        };
        match written {
            Written::List(names) => names.iter().map(|name| file(name)).collect(),
            other => other.text()?.split(',').map(file).collect(),
        }
    }

    fn show(&self, value: &Vec<SecretFile>) -> String {
        let shown: Vec<_> = value.iter().map(|file| quoted(&file.path().display().to_string())).collect();
        format!("[{}]", shown.join(", "))
    }
}

/// Where a provider answers. It is the operator's word (F003-13): loopback and plain http are allowed.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderUrl(Url);

impl ProviderUrl {
    /// The address without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The address itself.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// The URL of a call: `wallet/getnowblock` below this address.
    #[must_use]
    pub fn call(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let whole = format!("{}/{}", self.0.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&whole);
        url
    }

    /// The host alone, for logs and metrics: a path may hold a provider's key.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

impl fmt::Debug for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProviderUrl({})", self.host())
    }
}

/// The URL of a provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UrlOfProvider;

impl Form for UrlOfProvider {
    type Value = ProviderUrl;

    fn words(&self) -> String {
        "an http or https URL without user, query or fragment".into()
    }

    fn read(&self, written: &Written, _: &Path) -> Result<ProviderUrl, Wrong> {
        let text = written.text()?;
        let right = "write, for example, \"https://api.trongrid.io\" or \"http://127.0.0.1:8090\"";
        let url = Url::parse(text).map_err(|error| Wrong::new(format!("is not a URL ({error})"), right))?;
        let wrong = if !matches!(url.scheme(), "http" | "https") {
            format!("\"{}\" is neither http nor https", url.scheme())
        } else if !url.username().is_empty() || url.password().is_some() {
            // Not repeated: it is a password.
            "holds a user or a password".into()
        } else if url.fragment().is_some() {
            "has a fragment (#…), which is never sent".into()
        } else if url.query().is_some() {
            "has a query (?…), which calls would lose".into()
        } else if url.host_str().is_some_and(|host| host.ends_with(".onion")) {
            "is an onion address, and egress is direct".into()
        } else {
            return Ok(ProviderUrl(url));
        };
        Err(Wrong::new(wrong, right))
    }

    fn show(&self, value: &ProviderUrl) -> String {
        quoted(value.as_str())
    }
}

/// The URL of an issuer's keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpsUrl;

impl Form for HttpsUrl {
    type Value = ProviderUrl;

    fn words(&self) -> String {
        "an https URL without user, query or fragment".into()
    }

    fn read(&self, written: &Written, folder: &Path) -> Result<ProviderUrl, Wrong> {
        let url = UrlOfProvider.read(written, folder)?;
        match url.url().scheme() {
            "https" => Ok(url),
            _ => Err(Wrong::new(
                "is not https: whoever is on the way could put keys of their own in",
                "write https://…",
            )),
        }
    }

    fn show(&self, value: &ProviderUrl) -> String {
        quoted(value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(text: &str) -> Result<ProviderUrl, Wrong> {
        UrlOfProvider.read(&Written::Text(text.into()), Path::new(""))
    }

    #[test]
    fn a_call_stands_below_the_providers_path() {
        let url = provider("https://node.example/key/jsonrpc/").unwrap();
        assert_eq!(url.as_str(), "https://node.example/key/jsonrpc");
        assert_eq!(
            url.call("wallet/getnowblock").as_str(),
            "https://node.example/key/jsonrpc/wallet/getnowblock"
        );
        assert_eq!(format!("{url:?}"), "ProviderUrl(node.example)");
    }

    /// F003-13: the URL of a provider is the operator's word, and its traps are refused.
    #[test]
    fn an_operator_may_name_loopback_and_may_not_hide_a_password() {
        assert!(provider("http://127.0.0.1:8090").is_ok());
        assert!(provider("http://[::1]:8090").is_ok());
        for refused in [
            "ftp://node.example",
            "https://me:pass@node.example",
            "https://me@node.example",
            "https://node.example/#top",
            "https://node.example/?key=1",
            "http://abcdefghij.onion",
            "node.example:8090",
            "not a url",
        ] {
            let wrong = provider(refused).unwrap_err();
            assert!(!wrong.wrong.contains("pass@"), "{refused}");
        }
    }

    #[test]
    fn a_store_that_forgets_is_refused_and_a_password_is_not_repeated() {
        let read = |text: &str| StoreForm.read(&Written::Text(text.into()), Path::new("/etc/payoutd"));
        assert_eq!(read("sqlite:payoutd.db"), Ok(StoreUrl::Sqlite("/etc/payoutd/payoutd.db".into())));
        assert_eq!(read("sqlite:/var/lib/payoutd.db"), Ok(StoreUrl::Sqlite("/var/lib/payoutd.db".into())));
        assert_eq!(read("sqlite:///var/lib/payoutd.db"), Ok(StoreUrl::Sqlite("/var/lib/payoutd.db".into())));
        for refused in
            ["sqlite::memory:", "sqlite:", "mysql://me:secret@host/db", "postgres:me:secret@host/db"]
        {
            let wrong = read(refused).unwrap_err();
            assert!(!wrong.wrong.contains("secret"), "{refused}");
        }
    }
}
