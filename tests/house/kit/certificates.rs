//! Authorities of a story's own, and what they sign.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::Identity;
use tempfile::TempDir;

/// An authority that signs the certificates of gateways.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate (PEM).
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn fresh() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// What a client shows that has this name.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let signed = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer);
        Identity::from_pem(format!("{}{}", signed.unwrap().pem(), key.serialize_pem()).as_bytes()).unwrap()
    }
}

/// An authority, a server's certificate for 127.0.0.1 that it has signed, and the server's key, as files that every user may
/// come to; the key is its server's alone.
pub(crate) struct Certificates {
    home: TempDir,
}

impl Certificates {
    /// Makes them, for a server that runs as this user where the tests run as root.
    pub(crate) fn of_a_server(user: &str) -> Self {
        let everybody = fs::Permissions::from_mode(0o755);
        let made =
            Self { home: tempfile::Builder::new().permissions(everybody).tempdir_in("/var/tmp").unwrap() };
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let its_own = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let server_key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let server = server.signed_by(&server_key, &issuer).unwrap();
        for (path, pem, mode) in [
            (made.authority(), its_own.pem(), 0o644),
            (made.certificate(), server.pem(), 0o644),
            (made.key(), server_key.serialize_pem(), 0o600),
        ] {
            fs::write(&path, pem).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        if rustix::process::getuid().is_root() {
            assert!(Command::new("chown").arg(user).arg(made.key()).status().unwrap().success());
        }
        made
    }

    /// The authority's certificate (PEM).
    pub(crate) fn authority(&self) -> PathBuf {
        self.file("authority.pem")
    }

    /// The server's certificate (PEM).
    pub(crate) fn certificate(&self) -> PathBuf {
        self.file("server.pem")
    }

    /// The server's key (PEM).
    pub(crate) fn key(&self) -> PathBuf {
        self.file("server-key.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::join(self.home.path(), name)
    }
}
