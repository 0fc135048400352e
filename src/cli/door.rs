//! Where the daemon's API is: what this machine's configuration says, or `--url URL --token-file FILE` from any other machine.

use std::path::PathBuf;

use reqwest::Url;

use super::{
    Json,
    client::Client,
    exit::Exit,
    failure::Failure,
    place::{Place, WHERE},
};
use crate::config::SecretFile;

/// `--config FILE`, `--data DIR`, or `--url URL --token-file FILE`.
#[derive(Debug, clap::Args)]
pub struct Door {
    #[command(flatten)]
    place: Place,

    /// The API's address, from another machine; across a network https, for the token travels with every request
    #[arg(long, value_name = "URL", value_parser = api_url, requires = "token_file", conflicts_with_all = ["config", "data"], help_heading = WHERE)]
    url: Option<Url>,

    /// The file with an API key, readable by nobody else (chmod 600); on the daemon's machine, its token; with --url
    #[arg(long, value_name = "FILE", requires = "url", help_heading = WHERE)]
    token_file: Option<PathBuf>,
}

impl Door {
    /// Where the daemon's configuration is, if it is of this machine.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.url.is_none().then_some(&self.place)
    }

    /// The client that goes through this door.
    ///
    /// # Errors
    /// Exit 78 for a configuration with mistakes, 66 for a token that can not be read.
    pub fn client(&self) -> Result<Client, Failure> {
        let (Some(url), Some(file)) = (&self.url, &self.token_file) else { return Client::of(&self.place) };
        let token = SecretFile::new(file.clone()).bearer();
        let token = token.map_err(|why| Failure::new(Exit::NoInput, format_args!("--token-file: {why}")))?;
        Client::at(url, Some(token))
    }
}

/// What every command has that asks the daemon and answers a person or a script: where the daemon is, and `--json`.
#[derive(Debug, clap::Args)]
pub struct Look {
    /// How it answers.
    #[command(flatten)]
    pub json: Json,

    /// Whom it asks.
    #[command(flatten)]
    pub door: Door,
}

/// `--config FILE`, `--data DIR` or `--url URL`: where somebody stands who shows nothing yet.
#[derive(Debug, clap::Args)]
pub struct Doorstep {
    #[command(flatten)]
    place: Place,

    /// The API's address, from another machine; across a network https, for a password travels there
    #[arg(long, value_name = "URL", value_parser = api_url, conflicts_with_all = ["config", "data"], help_heading = WHERE)]
    url: Option<Url>,
}

impl Doorstep {
    /// The client that stands there.
    ///
    /// # Errors
    /// Exit 78 for a configuration with mistakes.
    pub fn client(&self) -> Result<Client, Failure> {
        match &self.url {
            Some(url) => Client::at(url, None),
            None => Client::of_nobody(&self.place),
        }
    }
}

fn api_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|why| format!("{why}; write it with its scheme, like https://pay.example:8443"))?;
    match (url.scheme(), url.username(), url.password(), url.query(), url.fragment()) {
        ("http" | "https", "", None, None, None) if url.has_host() => Ok(url),
        ("http" | "https", ..) => {
            Err("name scheme, host and port only; the token comes from --token-file".to_owned())
        }
        (scheme, ..) => Err(format!("{scheme} is not spoken here; write http://… or https://…")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for good in ["http://127.0.0.1:8080", "https://pay.example", "https://pay.example/behind/a/proxy"] {
            assert!(api_url(good).is_ok(), "{good}");
        }
        for bad in [
            "127.0.0.1:8080",
            "pay.example",
            "ftp://pay.example",
            "http://me:token@pay.example",
            "http://a/?b",
        ] {
            assert!(api_url(bad).is_err(), "{bad}");
        }
    }
}
