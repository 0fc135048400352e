//! The certificate that handshakes are answered with now, and how a new one takes its place without a restart.
//!
//! Promises: what is served was read whole and fits together; a new pair that does not is refused loudly, and the one that was good
//! stays. Connections that are open are not touched.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    config::{TlsFiles, TlsPair},
    telemetry::names,
};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The certificate of now.
#[derive(Debug)]
pub struct Certificates {
    files: TlsFiles,
    pair: RwLock<TlsPair>,
}

/// How a file looks from outside: another one, or one that was written again, looks otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Certificates {
    /// What was read from these files, and is read from them again.
    #[must_use]
    pub fn new(files: TlsFiles, pair: TlsPair) -> Self {
        tell_expiry(&pair);
        Self { files, pair: RwLock::new(pair) }
    }

    /// Reads the files again, and serves what is in them from now on.
    pub fn reload(&self) {
        let why = match self.files.read() {
            Ok(pair) if pair.has_expired() => "its time is over".to_owned(),
            Ok(pair) => {
                tell_expiry(&pair);
                tracing::info!(expires_at_s = pair.expires_at_s, "a new certificate is served from now on");
                *self.pair.write().unwrap_or_else(PoisonError::into_inner) = pair;
                return;
            }
            Err(mistake) => mistake.to_string(),
        };
        tracing::error!(why, "the new certificate is refused, and the one before stays");
        metrics::counter!(names::TLS_RELOADS_REFUSED_TOTAL).increment(1);
    }

    /// Looks for ever whether the files are others, and reads them once they have stopped changing; spawn it beside the door.
    pub async fn watch(self: Arc<Self>) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut served = self.stamp().await;
        let mut seen = served.clone();
        loop {
            look.tick().await;
            let now = self.stamp().await;
            // Two files are written one after the other: what was another thing a moment ago may be half of a pair.
            if now != served && now == seen {
                served = now.clone();
                self.reload();
            }
            seen = now;
        }
    }

    async fn stamp(&self) -> Stamp {
        let mut stamps = Vec::with_capacity(2);
        for file in [self.files.certificate.as_path(), self.files.key.path()] {
            stamps.push(stamp_of(file).await);
        }
        Stamp(stamps)
    }
}

async fn stamp_of(file: &Path) -> Option<(SystemTime, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let seen = tokio::fs::metadata(file).await.ok()?;
    Some((seen.modified().ok()?, seen.ino()))
}

fn tell_expiry(pair: &TlsPair) {
    metrics::gauge!(names::TLS_CERTIFICATE_EXPIRES_TIMESTAMP_SECONDS).set(pair.expires_at_s as f64);
}

impl ResolvesServerCert for Certificates {
    /// The one certificate, whatever name is asked for: who connects decides whether it is theirs.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pair.read().unwrap_or_else(PoisonError::into_inner).certified.clone())
    }
}
