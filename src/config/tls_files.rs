//! The certificate of the TLS listeners and its key: read together, and held against each other before anybody is served with them.
//! Beside them the authority whose certificates gateways show.

use std::{
    fmt, fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{
    Error, InconsistentKeys, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};

use super::{key::Wrong, secret_file::SecretFile};

/// A longer file is no chain of certificates.
const CERTIFICATE_BYTES_MAX: u64 = 256 * 1024;

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: SecretFile,
}

/// A certificate and the key that belongs to it.
#[derive(Debug, Clone)]
pub struct TlsPair {
    /// What a handshake is answered with.
    pub certified: Arc<CertifiedKey>,
    /// The last moment at which the server's own certificate is good, unix seconds.
    pub expires_at_s: i64,
}

/// Which of the two files is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TlsMistake {
    /// The certificate.
    Certificate(Wrong),
    /// The key, or that it belongs to another certificate.
    Key(Wrong),
}

impl fmt::Display for TlsMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Certificate(Wrong { wrong, right }) | Self::Key(Wrong { wrong, right })) = self;
        write!(f, "{wrong}; {right}")
    }
}

impl TlsFiles {
    /// Reads both files.
    ///
    /// # Errors
    /// With the file that is wrong; nothing of the key is quoted.
    pub(crate) fn read(&self) -> Result<TlsPair, TlsMistake> {
        let right = "write the chain in PEM, the server's own certificate first";
        let chain = certificates_in(&self.certificate, right).map_err(TlsMistake::Certificate)?;
        let expires_at_s = chain.first().and_then(expiry_of).ok_or_else(|| {
            TlsMistake::Certificate(Wrong::new(
                format!("the first certificate in {} can not be read", self.certificate.display()),
                "write the server's own X.509 certificate first",
            ))
        })?;
        let certified = self.with_key(chain).map_err(TlsMistake::Key)?;
        Ok(TlsPair { certified: Arc::new(certified), expires_at_s })
    }

    fn with_key(&self, chain: Vec<CertificateDer<'static>>) -> Result<CertifiedKey, Wrong> {
        let shown = self.key.path().display();
        let bytes = self.key.read_bytes()?;
        let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
            let right = "write it in PEM, without a passphrase";
            Wrong::new(format!("{shown} holds no private key"), right)
        })?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Wrong::new(
                format!("the key in {shown} belongs to another certificate"),
                "name the key of http.tls_certificate_file, whose first certificate is the server's own",
            ),
            _ => Wrong::new(
                format!("{shown} holds a private key that TLS 1.3 does not take"),
                "write one of ECDSA (P-256, P-384), Ed25519, or RSA from 2048 bits on",
            ),
        })
    }
}

impl TlsPair {
    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.expires_at_s < i64::try_from(now).unwrap_or(i64::MAX)
    }
}

/// The certificates of a file.
fn certificates_in(file: &Path, right: &str) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let shown = file.display();
    let mut bytes = Vec::new();
    let opened = fs::File::open(file);
    let read = opened.and_then(|file| file.take(CERTIFICATE_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        Wrong::new(format!("{shown} cannot be read ({error})"), "name a file that payoutd's user can read")
    })?;
    if bytes.len() as u64 > CERTIFICATE_BYTES_MAX {
        return Err(Wrong::new(format!("{shown} is longer than {CERTIFICATE_BYTES_MAX} bytes"), right));
    }
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(Wrong::new(format!("{shown} holds no certificate"), right)),
        Ok(chain) => Ok(chain),
        Err(error) => Err(Wrong::new(format!("{shown} is not PEM ({error})"), right)),
    }
}

/// What holds gateways' certificates against the authorities of a file. Who shows none gets through the handshake, and is told over
/// HTTP that they are not known.
///
/// # Errors
/// When the file holds no certificate that could sign another.
pub(crate) fn authority_of_gateways(file: &Path) -> Result<Arc<dyn ClientCertVerifier>, Wrong> {
    let right = "write the certificate of the gateways' authority in PEM";
    let shown = file.display();
    let mut authorities = RootCertStore::empty();
    for certificate in certificates_in(file, right)? {
        authorities
            .add(certificate)
            .map_err(|_| Wrong::new(format!("{shown} holds a certificate that can not be read"), right))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
    let verifier = verifier.allow_unauthenticated().build();
    verifier.map_err(|error| Wrong::new(format!("{shown} does not do ({error})"), right))
}

fn expiry_of(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(read.validity().not_after.timestamp())
}
