//! An issuer elsewhere whose tokens are believed, because the configuration says so (F001-03 to F001-07, F000-03).
//!
//! - Its keys say that a token is its own, and whom it is about. Nothing else of the token decides anything: who that is here, and what
//!   they may do, stands in the register. Somebody whom nobody has linked is nobody.
//! - Its keys verify its tokens and no others; ours are never looked at with them, nor its with ours.
//! - Its silence keeps nobody out whose key is known, for [`GOOD_FOR_MS`]; a token of a key that is not known makes one question to it in
//!   [`ASK_APART_MS`] at most, however many come.
//!
//! **Never here:** second factors: what somebody has shown there was not shown here.

mod keeper;
pub mod key_set;
pub mod source;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use payoutd_actors::ports::Clock;
use tokio::sync::Mutex as Turn;

use self::{
    key_set::{KeySet, TOKEN_BYTES_MAX, issuer_of, key_id_of},
    source::KeySource,
};
use super::gatekeeper::Unknown;
use crate::telemetry::names;

pub use self::keeper::{ISSUER_KEEPER, IssuerKeeper};

/// Keys are asked for again after so long, ms: five minutes.
pub const ASK_AGAIN_AFTER_MS: i64 = 5 * 60 * 1_000;
/// And never sooner than so long after the last time, ms: half a minute.
pub const ASK_APART_MS: i64 = 30 * 1_000;
/// Keys that could not be asked for again are good for so long, ms: a day.
pub const GOOD_FOR_MS: i64 = 24 * 60 * 60 * 1_000;
/// A token that is made to live longer is not believed, ms: a day.
pub const TOKEN_LIFE_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
/// The issuer's clock may be ahead by so much, ms.
pub const AHEAD_MS_MAX: i64 = 30 * 1_000;

/// Which tokens of the issuer are taken, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Its name: the claim `iss`, letter by letter.
    pub issuer: String,
    /// What its tokens for this house are made for: one of the claim `aud`.
    pub audience: String,
    /// The least length of its RSA keys.
    pub rsa_bits_min: u32,
}

/// What a token of the issuer says that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Whom it is about, in the issuer's words.
    pub subject: String,
    /// When it was made, unix ms.
    pub issued_at_ms: i64,
    /// When it ends, unix ms.
    pub expires_at_ms: i64,
}

/// What is known of the keys.
#[derive(Default)]
struct Known {
    keys: Option<Arc<KeySet>>,
    /// When they were read, unix ms.
    read_at_ms: i64,
    /// When they were asked for last, unix ms.
    asked_at_ms: Option<i64>,
    trouble: Option<String>,
}

/// An issuer.
pub struct Issuer {
    settings: IssuerSettings,
    source: Box<dyn KeySource>,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
    turn: Turn<()>,
}

impl Issuer {
    /// An issuer, of which no key is known yet.
    #[must_use]
    pub fn new(settings: IssuerSettings, source: Box<dyn KeySource>, clock: Arc<dyn Clock>) -> Self {
        Self { settings, source, clock, known: Mutex::default(), turn: Turn::new(()) }
    }

    /// Which tokens are taken, and for what.
    #[must_use]
    pub const fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// Whether a token says that it is this issuer's.
    #[must_use]
    pub fn is_named_by(&self, token: &str) -> bool {
        issuer_of(token).is_some_and(|named| named == self.settings.issuer)
    }

    /// What a token says that this issuer has signed for this house, and that is good now.
    ///
    /// # Errors
    /// Why it is not believed.
    pub async fn vouch(self: &Arc<Self>, token: &str) -> Result<Vouched, Unknown> {
        if token.len() > TOKEN_BYTES_MAX || !self.is_named_by(token) {
            return Err(Unknown::TokenNotOurs);
        }
        let key_id = key_id_of(token).ok_or(Unknown::TokenNotOurs)?;
        let keys = self.keys_with(&key_id).await.ok_or(Unknown::TokenNotOurs)?;
        let IssuerSettings { issuer, audience, .. } = &self.settings;
        let claims = keys.verify(token, issuer, audience).ok_or(Unknown::TokenNotOurs)?;
        let ms = |seconds: i64| seconds.saturating_mul(1_000);
        let (now_ms, expires_at_ms) = (self.clock.now_ms(), ms(claims.exp));
        if now_ms >= expires_at_ms {
            return Err(Unknown::TokenExpired);
        }
        let begins_ms = ms(claims.iat.max(claims.nbf.unwrap_or(claims.iat)));
        let is_long = expires_at_ms.saturating_sub(ms(claims.iat)) > TOKEN_LIFE_MS_MAX;
        if begins_ms > now_ms.saturating_add(AHEAD_MS_MAX) || is_long {
            return Err(Unknown::TokenNotOurs);
        }
        Ok(Vouched { subject: claims.sub, issued_at_ms: ms(claims.iat), expires_at_ms })
    }

    /// The keys, if one of this name is among them; they are asked for where it is not, and that is not too soon.
    async fn keys_with(self: &Arc<Self>, id: &str) -> Option<Arc<KeySet>> {
        let good = || self.good_keys().filter(|keys| keys.has(id));
        if let Some(keys) = good() {
            return Some(keys);
        }
        // Whoever has the turn asks for all who wait; most of those find, when it is theirs, that it is done.
        let _turn = self.turn.lock().await;
        if let Some(keys) = good() {
            return Some(keys);
        }
        self.ask().await;
        good()
    }

    fn good_keys(&self) -> Option<Arc<KeySet>> {
        let (known, now_ms) = (self.known(), self.clock.now_ms());
        known.keys.clone().filter(|_| now_ms.saturating_sub(known.read_at_ms) < GOOD_FOR_MS)
    }

    /// Asks for the keys again where they are old, or none are known.
    pub async fn keep(self: &Arc<Self>) {
        let is_due = {
            let known = self.known();
            known.keys.is_none()
                || !(0..ASK_AGAIN_AFTER_MS).contains(&self.clock.now_ms().saturating_sub(known.read_at_ms))
        };
        if is_due {
            let _turn = self.turn.lock().await;
            self.ask().await;
        }
    }

    /// One question to the issuer, unless there was one a moment ago. Whoever calls has the turn.
    async fn ask(self: &Arc<Self>) {
        let now_ms = self.clock.now_ms();
        let was_now = |at_ms: i64| (0..ASK_APART_MS).contains(&now_ms.saturating_sub(at_ms));
        if self.known().asked_at_ms.is_some_and(was_now) {
            return;
        }
        self.known().asked_at_ms = Some(now_ms);
        // Whoever waits may hang up; the question is asked to its end all the same, or strangers could keep it from ever being.
        let issuer = self.clone();
        let asked = tokio::spawn(async move { issuer.read(now_ms).await });
        if let Err(error) = asked.await {
            tracing::error!(%error, "reading an issuer's keys has failed");
        }
    }

    async fn read(&self, now_ms: i64) {
        let read = self.source.document().await.and_then(|document| {
            KeySet::read(&document, self.settings.rsa_bits_min).map_err(|why| why.to_string())
        });
        let outcome = if read.is_ok() { "ok" } else { "failed" };
        metrics::counter!(names::JWKS_FETCHES_TOTAL, "outcome" => outcome).increment(1);
        let mut known = self.known();
        match read {
            Ok(keys) => {
                if known.keys.is_none() || known.trouble.is_some() {
                    tracing::info!(
                        issuer = self.settings.issuer,
                        keys = keys.count(),
                        "the issuer's keys are known"
                    );
                }
                *known = Known {
                    keys: Some(Arc::new(keys)),
                    read_at_ms: now_ms,
                    asked_at_ms: Some(now_ms),
                    trouble: None,
                };
            }
            Err(why) => {
                if known.trouble.is_none() {
                    tracing::warn!(
                        issuer = self.settings.issuer,
                        why,
                        "the issuer's keys can not be read; those that are known are good for a day"
                    );
                }
                known.trouble = Some(why);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
