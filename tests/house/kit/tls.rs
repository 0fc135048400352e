//! Certificates for a listener, and whoever speaks to it over TLS.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use reqwest::{Certificate, Client, ClientBuilder, Identity};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

/// The name that every certificate here is for.
pub(crate) const NAME: &str = "pay.example";

/// A certificate that vouches for itself, and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    /// A good one, until 4096.
    pub(crate) fn fresh() -> Self {
        Self::until(4096)
    }

    /// One that ends with the beginning of a year.
    pub(crate) fn until(year: i32) -> Self {
        let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let signing_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let cert = params.self_signed(&signing_key).unwrap();
        Self { certificate: cert.pem(), key: signing_key.serialize_pem() }
    }

    /// A client that trusts this certificate alone, and finds its name at an address.
    pub(crate) fn client(&self, address: SocketAddr) -> Client {
        self.client_with(address, None)
    }

    /// The same, from an address of its own.
    pub(crate) fn client_from(&self, address: SocketAddr, from: IpAddr) -> Client {
        self.builder(address).local_address(from).build().unwrap()
    }

    /// The same, with a certificate of the client's own.
    pub(crate) fn client_with(&self, address: SocketAddr, identity: Option<Identity>) -> Client {
        let client = self.builder(address);
        let client = match identity {
            Some(identity) => client.identity(identity),
            None => client,
        };
        client.build().unwrap()
    }

    fn builder(&self, address: SocketAddr) -> ClientBuilder {
        let _ = aws_lc_rs::default_provider().install_default();
        let root = Certificate::from_pem(self.certificate.as_bytes()).unwrap();
        let client = Client::builder().no_proxy().tls_certs_only([root]).resolve(NAME, address);
        // Each request is a handshake of its own.
        client.pool_max_idle_per_host(0)
    }

    /// One handshake with these versions of TLS.
    pub(crate) fn shake_hands(
        &self,
        address: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<()> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(NAME).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = TcpStream::connect(address)?;
        while client.is_handshaking() {
            client.complete_io(&mut socket)?;
        }
        Ok(())
    }
}

/// What an address answers to bytes, until it hangs up.
pub(crate) fn says(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(bytes).unwrap();
    let mut said = Vec::new();
    // A reset is an end, too.
    let _ = socket.read_to_end(&mut said);
    said
}

/// A client of a unix socket.
pub(crate) fn at_socket(path: &Path) -> Client {
    let _ = aws_lc_rs::default_provider().install_default();
    Client::builder().no_proxy().unix_socket(path).build().unwrap()
}
