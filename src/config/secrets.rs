//! The secrets that a running daemon holds, read from their files once everything else was checked.

use std::sync::Arc;

use payoutd_actors::domain::{address::Address, journal::JournalKey, tron::key::PrivateKey};

use rustls::server::danger::ClientCertVerifier;

use crate::identity::{
    reception::token_keys::{TOKEN_BYTES_MAX, TokenKeys},
    vault::Vault,
};

use super::{
    key::Wrong,
    parts::{Http, Internal, Wallet},
    reader::Reader,
    secret_file::{Secret, SecretFile},
    tls_files::{TlsFiles, TlsMistake, TlsPair, authority_of_gateways},
};

/// A shorter token can be guessed by who may ask often.
const TOKEN_CHARS_MIN: usize = 32;
/// What fits in a header line without thought.
const TOKEN_CHARS_MAX: usize = 512;

/// Everything that only the daemon may know. Debug shows dots.
#[derive(Debug)]
pub struct Secrets {
    /// Signs transfers.
    pub wallet_key: PrivateKey,
    /// Signs the journal's checkpoints.
    pub journal_key: JournalKey,
    /// What a caller must show.
    pub http_token: Secret,
    /// The certificate of the TLS listeners and its key, where there is one.
    pub tls: Option<TlsPair>,
    /// What gateways' certificates are held against, where they come over TLS.
    pub gateway_certificates: Option<Arc<dyn ClientCertVerifier>>,
    /// What gateways show besides.
    pub internal_token: Option<Secret>,
    /// The password of the broker's user.
    pub amqp_password: Option<Secret>,
    /// What seals the secrets of the register, where API keys are taken.
    pub vault: Option<Vault>,
    /// What signs and verifies access tokens, where people sign in.
    pub token_keys: Option<TokenKeys>,
    /// The nodes' API keys, in the order of `network.nodes`.
    pub node_api_keys: Vec<Option<Secret>>,
    /// TronScan's API key.
    pub tronscan_api_key: Option<Secret>,
}

impl Secrets {
    /// Reads every secret file that was named; each that is wrong is a mistake of its key.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        wallet: Option<&Wallet>,
        http: Option<&Http>,
        token_key_files: &[SecretFile],
        nodes: usize,
    ) -> Option<Self> {
        let wallet_key = required(reader, "wallet.key_file", |file| {
            wallet_key(file, wallet.map(|wallet| &wallet.address))
        });
        let journal_key = required(reader, "journal.key_file", journal_key);
        let http_token = required(reader, "http.token_file", long_token);
        let files = http.and_then(|http| http.tls_files.as_ref());
        let tls = files.map(|files| tls_pair(reader, files)).map_or(Some(None), |pair| pair.map(Some));
        let internal = http.and_then(|http| http.internal.as_ref());
        let gateway_certificates = gateway_certificates(reader, internal);
        let internal_token = optional(reader, "http.internal_token_file", long_token);
        // Whoever opens the store reads it again; here it is only made sure of.
        let store_password = optional(reader, "store.password_file", SecretFile::read_text);
        let amqp_password = optional(reader, "amqp.password_file", SecretFile::read_text);
        let vault = optional(reader, "identity.master_key_file", master_key);
        let token_keys = token_keys(reader, token_key_files);
        let node_api_keys: Vec<_> = (0..nodes)
            .map(|place| optional(reader, &format!("network.nodes[{place}].api_key_file"), api_key))
            .collect();
        let tronscan_api_key = optional(reader, "network.tronscan.api_key_file", api_key);
        Some(Self {
            wallet_key: wallet_key?,
            journal_key: journal_key?,
            http_token: http_token?,
            tls: tls?,
            gateway_certificates: gateway_certificates?,
            internal_token: internal_token?,
            amqp_password: amqp_password?,
            vault: vault?,
            token_keys: token_keys?,
            node_api_keys: node_api_keys.into_iter().collect::<Option<_>>()?,
            tronscan_api_key: store_password.and(tronscan_api_key)?,
        })
    }
}

impl SecretFile {
    /// The bearer token in this file, for a client of the API on this machine.
    ///
    /// # Errors
    /// A sentence about the file; the token is never quoted.
    pub fn http_token(&self) -> Result<Secret, String> {
        long_token(self).map_err(|Wrong { wrong, right }| format!("{wrong}; {right}"))
    }

    /// What a client of the API shows: the house's token, or a person's, which is longer.
    ///
    /// # Errors
    /// A sentence about the file; the token is never quoted.
    pub fn bearer(&self) -> Result<Secret, String> {
        bearer(self, TOKEN_BYTES_MAX).map_err(|Wrong { wrong, right }| format!("{wrong}; {right}"))
    }

    /// The password of a PostgreSQL's user in this file.
    ///
    /// # Errors
    /// A sentence about the file; the password is never quoted.
    pub fn store_password(&self) -> Result<Secret, String> {
        self.read_text().map_err(|Wrong { wrong, right }| format!("{wrong}; {right}"))
    }

    /// The journal's key in this file, for the audit commands.
    ///
    /// # Errors
    /// A sentence about the file; the key is never quoted.
    pub fn journal_key(&self) -> Result<JournalKey, String> {
        journal_key(self).map_err(|Wrong { wrong, right }| format!("{wrong}; {right}"))
    }
}

fn required<T>(
    reader: &mut Reader<'_>,
    name: &str,
    read: impl FnOnce(&SecretFile) -> Result<T, Wrong>,
) -> Option<T> {
    optional(reader, name, read).flatten()
}

/// The outer `None`: the file is wrong, and it is written down. The inner one: no file was named.
fn optional<T>(
    reader: &mut Reader<'_>,
    name: &str,
    read: impl FnOnce(&SecretFile) -> Result<T, Wrong>,
) -> Option<Option<T>> {
    let Some(file) = reader.secret_files.get(name).cloned() else { return Some(None) };
    read(&file).map(Some).map_err(|wrong| reader.mistake(name, wrong)).ok()
}

fn wallet_key(file: &SecretFile, address: Option<&Address>) -> Result<PrivateKey, Wrong> {
    let text = file.read_text()?;
    let shown = file.path().display();
    let key = PrivateKey::from_hex(text.expose()).map_err(|error| {
        Wrong::new(format!("{shown} holds no private key ({error})"), "write its 64 hex digits, nothing else")
    })?;
    match address {
        Some(address) if *address != key.address() => Err(Wrong::new(
            format!("the key in {shown} belongs to {}, and wallet.address is {address}", key.address()),
            "name the key of wallet.address",
        )),
        _ => Ok(key),
    }
}

fn journal_key(file: &SecretFile) -> Result<JournalKey, Wrong> {
    let bytes = file.read_bytes()?;
    JournalKey::from_file_bytes(&bytes).map_err(|error| {
        Wrong::new(
            format!("{} holds no journal key ({error})", file.path().display()),
            "make one with `payoutd keys new journal --out FILE`",
        )
    })
}

fn long_token(file: &SecretFile) -> Result<Secret, Wrong> {
    bearer(file, TOKEN_CHARS_MAX)
}

fn bearer(file: &SecretFile, chars_max: usize) -> Result<Secret, Wrong> {
    let token = file.read_text()?;
    let chars = token.expose().chars().count();
    let shown = file.path().display();
    if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Wrong::new(
            format!("the token in {shown} has blanks or characters beyond ASCII"),
            "write one from `openssl rand -hex 32`",
        ));
    }
    if !(TOKEN_CHARS_MIN..=chars_max).contains(&chars) {
        return Err(Wrong::new(
            format!("the token in {shown} has {chars} characters, not {TOKEN_CHARS_MIN} to {chars_max}"),
            "write one from `openssl rand -hex 32`",
        ));
    }
    Ok(token)
}

/// The pair of the TLS listener; a mistake is its file's key's.
fn tls_pair(reader: &mut Reader<'_>, files: &TlsFiles) -> Option<TlsPair> {
    match files.read() {
        Ok(pair) => {
            if pair.has_expired() {
                let shown = files.certificate.display();
                reader.warn(format!("the certificate in {shown} has expired: nobody who looks will connect"));
            }
            Some(pair)
        }
        Err(TlsMistake::Certificate(wrong)) => {
            reader.mistake("http.tls_certificate_file", wrong);
            None
        }
        Err(TlsMistake::Key(wrong)) => {
            reader.mistake("http.tls_key_file", wrong);
            None
        }
    }
}

/// The outer `None`: the file is wrong, and it is written down.
fn gateway_certificates(
    reader: &mut Reader<'_>,
    internal: Option<&Internal>,
) -> Option<Option<Arc<dyn ClientCertVerifier>>> {
    let Some(file) = internal.and_then(|internal| internal.client_ca_file.as_ref()) else {
        return Some(None);
    };
    let verifier = authority_of_gateways(file);
    verifier.map(Some).map_err(|wrong| reader.mistake("http.internal_client_ca_file", wrong)).ok()
}

fn master_key(file: &SecretFile) -> Result<Vault, Wrong> {
    let text = file.read_text()?;
    Vault::of_base64(text.expose()).map_err(|error| {
        Wrong::new(
            format!("{} holds no master key ({error})", file.path().display()),
            "make one with `payoutd keys new master --out FILE`",
        )
    })
}

/// Every file is read, so that all that are wrong are told at once.
fn token_keys(reader: &mut Reader<'_>, files: &[SecretFile]) -> Option<Option<TokenKeys>> {
    const NAME: &str = "identity.token_key_files";
    let pems: Vec<_> = files
        .iter()
        .map(|file| {
            let pem = file.read_text()?;
            TokenKeys::name_of(pem.expose()).map(|_| pem).map_err(|error| {
                Wrong::new(
                    format!("{} does not do ({error})", file.path().display()),
                    "make one with `payoutd keys new jwt --out FILE`",
                )
            })
        })
        .map(|pem| pem.map_err(|wrong| reader.mistake(NAME, wrong)).ok())
        .collect();
    let pems: Option<Vec<Secret>> = pems.into_iter().collect();
    let keys = TokenKeys::of_pems(pems?.iter().map(Secret::expose)).ok()?;
    Some((!files.is_empty()).then_some(keys))
}

fn api_key(file: &SecretFile) -> Result<Secret, Wrong> {
    let key = file.read_text()?;
    if key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(key);
    }
    let shown = file.path().display();
    Err(Wrong::new(
        format!("the key in {shown} has blanks or characters beyond ASCII"),
        "write the key alone",
    ))
}
