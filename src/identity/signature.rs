//! Signatures over requests and jobs (F002-07, F003-12, F004-38): HMAC-SHA256 over everything that decides what is done.
//!
//! What is signed is a text of lines, each ended by a line feed:
//!
//! ```text
//! PAYOUTD-HMAC-SHA256-V1
//! POST                                 the method; for a job: AMQP
//! /v1/payouts?limit=3                  path and query as they are sent; for a job: see [`job_target`]
//! e3b0c442…                            the SHA-256 of the body, 64 hex digits
//! inv-7                                the header Idempotency-Key as it is sent, or an empty line; for a job: its message_id
//! 1763712000                           the timestamp, unix seconds
//! 4f1c…                                the nonce
//! ```
//!
//! The key of the HMAC is the API key's secret, as text. Pure: no clock, no store.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The first line of what is signed.
pub const FORM: &str = "PAYOUTD-HMAC-SHA256-V1";
/// Before the signature in its header.
pub const VERSION: &str = "v1=";
/// A request's timestamp may be so far from this machine's clock, s (F002-07).
pub const SKEW_S_MAX: i64 = 300;
/// Characters that a nonce has.
pub const NONCE_CHARS: std::ops::RangeInclusive<usize> = 16..=64;

/// The header with the API key's id.
pub const KEY_HEADER: &str = "x-payoutd-key";
/// The header with the moment of signing, unix seconds.
pub const TIMESTAMP_HEADER: &str = "x-payoutd-timestamp";
/// The header with what is never sent twice.
pub const NONCE_HEADER: &str = "x-payoutd-nonce";
/// The header with the signature: `v1=` and 64 hex digits.
pub const SIGNATURE_HEADER: &str = "x-payoutd-signature";

/// Everything that a signature is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signable<'a> {
    /// The method, or `AMQP`.
    pub method: &'a str,
    /// Path and query, or the job's target.
    pub target: &'a str,
    /// The body.
    pub body: &'a [u8],
    /// The idempotency key as it was sent; empty where there is none.
    pub idempotency_key: &'a str,
    /// Unix seconds, as it was sent.
    pub timestamp: &'a str,
    /// As it was sent.
    pub nonce: &'a str,
}

impl Signable<'_> {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { method, target, idempotency_key, timestamp, nonce, body } = self;
        let digest = hex::encode(Sha256::digest(body));
        format!("{FORM}\n{method}\n{target}\n{digest}\n{idempotency_key}\n{timestamp}\n{nonce}\n")
    }

    /// The signature with a secret, as the header has it.
    #[must_use]
    pub fn sign(&self, secret: &str) -> String {
        let mut signature = VERSION.to_owned();
        if let Some(mac) = self.mac(secret) {
            signature.push_str(&hex::encode(mac.finalize().into_bytes()));
        }
        signature
    }

    /// Whether a signature is this one, in constant time.
    #[must_use]
    pub fn is_signed_by(&self, secret: &str, signature: &str) -> bool {
        let given = signature.strip_prefix(VERSION).and_then(|digits| hex::decode(digits).ok());
        let (Some(given), Some(mac)) = (given, self.mac(secret)) else { return false };
        mac.verify_slice(&given).is_ok()
    }

    /// A secret of any length is a key; there is none only if the library says so.
    fn mac(&self, secret: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(self.text().as_bytes());
        Some(mac)
    }
}

/// Whether a text is a nonce: 16 to 64 characters from `A-Z a-z 0-9 - _`.
#[must_use]
pub fn is_nonce(text: &str) -> bool {
    NONCE_CHARS.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// A timestamp in whole unix seconds, digits alone.
#[must_use]
pub fn timestamp_s(text: &str) -> Option<i64> {
    let plain = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// What stands in the place of the path for a job: the queue, and the properties that say how it is done.
#[must_use]
pub fn job_target(
    queue: &str,
    priority: Option<u8>,
    expiration: Option<&str>,
    sent_s: Option<u64>,
) -> String {
    let mut target = queue.to_owned();
    let priority = priority.filter(|priority| *priority > 0).map(|priority| priority.to_string());
    let parts = [
        ("priority", priority),
        ("expiration", expiration.map(str::to_owned)),
        ("timestamp", sent_s.map(|s| s.to_string())),
    ];
    let mut between = '?';
    for (name, value) in parts {
        if let Some(value) = value {
            // Writing into memory does not fail.
            let _ = write!(target, "{between}{name}={value}");
            between = '&';
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Signable<'static> = Signable {
        method: "POST",
        target: "/v1/payouts",
        body: br#"{"recipient":"TJRabPrwbZy45sbavfcjinPJC18kjpRTv8","amount":"25.5"}"#,
        idempotency_key: "inv-7",
        timestamp: "1763712000",
        nonce: "4f1c0a7be5d24f6a",
    };

    /// The value that `openssl dgst -sha256 -hmac` gives for the same text (docs/sign.sh).
    #[test]
    fn a_signature_is_the_one_that_others_compute() {
        let digest = hex::encode(Sha256::digest(ORDER.body));
        let text = format!(
            "PAYOUTD-HMAC-SHA256-V1\nPOST\n/v1/payouts\n{digest}\ninv-7\n1763712000\n4f1c0a7be5d24f6a\n"
        );
        assert_eq!(ORDER.text(), text);
        let signature = ORDER.sign("secret");
        assert_eq!(signature.len(), VERSION.len() + 64);
        assert!(ORDER.is_signed_by("secret", &signature));
        assert!(!ORDER.is_signed_by("Secret", &signature));
    }

    /// F002-07: whatever decides what is done is signed: a change of any of it is another signature.
    #[test]
    fn whatever_is_changed_the_signature_is_another() {
        let signature = ORDER.sign("secret");
        let changed = [
            Signable { method: "PUT", ..ORDER },
            Signable { target: "/v1/payouts/batch", ..ORDER },
            Signable {
                body: br#"{"recipient":"TJRabPrwbZy45sbavfcjinPJC18kjpRTv8","amount":"35.5"}"#,
                ..ORDER
            },
            Signable { idempotency_key: "inv-8", ..ORDER },
            Signable { timestamp: "1763712001", ..ORDER },
            Signable { nonce: "4f1c0a7be5d24f6b", ..ORDER },
            // What stands at the end of one line can not be moved to the next.
            Signable { idempotency_key: "inv-7\n1763712000", timestamp: "", ..ORDER },
        ];
        for other in changed {
            assert!(!other.is_signed_by("secret", &signature), "{other:?}");
        }
        for wrong in ["", "v1=", "v1=00", &signature[3..], &signature.replace("v1", "v2")] {
            assert!(!ORDER.is_signed_by("secret", wrong), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_nonce_or_moment_is_told_apart() {
        assert!(is_nonce("4f1c0a7be5d24f6a") && is_nonce(&"a".repeat(64)));
        for wrong in ["", "short", "has a blank in it", "with\nline feed..", &"a".repeat(65)] {
            assert!(!is_nonce(wrong), "{wrong}");
        }
        assert_eq!(timestamp_s("1763712000"), Some(1_763_712_000));
        for wrong in ["", "-1", "+1", "1.0", " 1", "1763712000000000"] {
            assert_eq!(timestamp_s(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_jobs_target_names_what_is_set_and_nothing_else() {
        assert_eq!(job_target("payoutd.jobs", None, None, None), "payoutd.jobs");
        assert_eq!(job_target("payoutd.jobs", Some(0), None, Some(7)), "payoutd.jobs?timestamp=7");
        assert_eq!(
            job_target("q", Some(9), Some("60000"), Some(7)),
            "q?priority=9&expiration=60000&timestamp=7"
        );
    }
}
