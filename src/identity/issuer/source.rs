//! Where an issuer's keys come from: its address on the network, or a file beside the configuration.

use std::{fmt, io::Read as _, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use reqwest::{Method, StatusCode, Url, header};

use super::key_set::DOCUMENT_BYTES_MAX;
use crate::egress::{Request, Transport};

/// Where keys come from.
#[async_trait]
pub trait KeySource: fmt::Debug + Send + Sync {
    /// The document, as it stands now.
    ///
    /// # Errors
    /// A sentence for the log.
    async fn document(&self) -> Result<Vec<u8>, String>;
}

/// A file.
#[derive(Debug)]
pub struct KeyFile(pub PathBuf);

#[async_trait]
impl KeySource for KeyFile {
    async fn document(&self) -> Result<Vec<u8>, String> {
        let path = self.0.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut document = Vec::new();
            let file = std::fs::File::open(&path)?;
            file.take(DOCUMENT_BYTES_MAX as u64 + 1).read_to_end(&mut document).map(|_| document)
        });
        match read.await {
            Ok(Ok(document)) => Ok(document),
            Ok(Err(error)) => Err(format!("{} cannot be read ({error})", self.0.display())),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// An address.
#[derive(Debug)]
pub struct KeyAddress {
    /// Carries the question.
    pub transport: Arc<dyn Transport>,
    /// Where to.
    pub url: Url,
}

#[async_trait]
impl KeySource for KeyAddress {
    async fn document(&self) -> Result<Vec<u8>, String> {
        let accept =
            (header::ACCEPT, header::HeaderValue::from_static("application/jwk-set+json, application/json"));
        let request = Request {
            method: Method::GET,
            url: self.url.clone(),
            headers: [accept].into_iter().collect(),
            body: Vec::new(),
            answer_bytes_max: DOCUMENT_BYTES_MAX,
        };
        let answer = self.transport.carry(request).await.map_err(|fault| fault.to_string())?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status => Err(format!("the issuer answers {status}")),
        }
    }
}
