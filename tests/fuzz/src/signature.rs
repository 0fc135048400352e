//! Signatures: they are the ones that RFC 2104 says, and hold for what was signed and for nothing else.
//!
//! An input is eight lines and a body: the secret; what each field is changed to in turn; the signature that somebody shows; method,
//! target, idempotency key, timestamp and nonce.

use payoutd::identity::signature::{NONCE_CHARS, Signable, VERSION, is_nonce, job_target, timestamp_s};
use sha2::{Digest, Sha256};

/// Bytes that SHA-256 works on at a time.
const BLOCK: usize = 64;

/// Whatever the input.
///
/// # Panics
/// Where a property does not hold.
pub fn holds(input: &[u8]) {
    let Some((lines, body)) = crate::fields::<8>(input) else { return };
    let [secret, other, shown, method, target, idempotency_key, timestamp, nonce] = lines;
    let signable = Signable { method, target, body, idempotency_key, timestamp, nonce };
    let signature = signable.sign(secret);
    assert_eq!(signature, format!("{VERSION}{}", hmac(secret, &signable.text())));
    assert!(signable.is_signed_by(secret, &signature));
    // Hex digits are the same in capitals; nothing else is.
    let digits = |text: &str| text.strip_prefix(VERSION).map(str::to_ascii_lowercase);
    assert_eq!(signable.is_signed_by(secret, shown), digits(shown) == digits(&signature), "{shown}");
    // Zeros behind a short secret, and the hash of a long one, are the same key of an HMAC.
    assert_eq!(signable.is_signed_by(other, &signature), key(other) == key(secret));
    for changed in [
        Signable { method: other, ..signable },
        Signable { target: other, ..signable },
        Signable { body: other.as_bytes(), ..signable },
        Signable { idempotency_key: other, ..signable },
        Signable { timestamp: other, ..signable },
        Signable { nonce: other, ..signable },
        // What two fields say in one.
        Signable { target: idempotency_key, idempotency_key: target, ..signable },
        Signable { timestamp: nonce, nonce: timestamp, ..signable },
    ] {
        assert_eq!(changed.is_signed_by(secret, &signature), changed == signable, "{changed:?}");
    }
    headers(timestamp, nonce);
    a_jobs(target, body.first().copied(), idempotency_key, timestamp_s(timestamp));
}

/// Times and nonces are read as they are written.
fn headers(timestamp: &str, nonce: &str) {
    if let Some(seconds) = timestamp_s(timestamp) {
        assert_eq!(format!("{seconds:0>width$}", width = timestamp.len()), timestamp);
    }
    if is_nonce(nonce) {
        assert!(NONCE_CHARS.contains(&nonce.chars().count()));
        assert!(!nonce.contains(|character: char| character.is_control() || character.is_whitespace()));
    }
}

/// Each property of a job can be read out of what is signed: no two ways of doing it are signed as one.
fn a_jobs(queue: &str, priority: Option<u8>, expiration: &str, sent_s: Option<i64>) {
    let digits = expiration.bytes().all(|byte| byte.is_ascii_digit());
    if queue.contains('?') || !digits {
        return;
    }
    let sent_s = sent_s.and_then(|seconds| u64::try_from(seconds).ok());
    let target = job_target(queue, priority, Some(expiration), sent_s);
    let (found, rest) = target.split_once('?').expect("an expiration is written");
    let said = |name: &str| {
        let of = |part: &'_ str| part.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        rest.split('&').find_map(of)
    };
    assert_eq!(found, queue);
    assert_eq!(
        said("priority"),
        priority.filter(|priority| *priority > 0).map(|priority| priority.to_string())
    );
    assert_eq!(said("expiration").as_deref(), Some(expiration));
    assert_eq!(said("timestamp"), sent_s.map(|seconds| seconds.to_string()));
}

/// The key of an HMAC: a block of bytes (RFC 2104 §2).
fn key(secret: &str) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    match secret.len() <= BLOCK {
        true => block[..secret.len()].copy_from_slice(secret.as_bytes()),
        false => block[..32].copy_from_slice(&Sha256::digest(secret)),
    }
    block
}

/// As RFC 2104 writes it.
fn hmac(secret: &str, text: &str) -> String {
    let inner = Sha256::new().chain_update(key(secret).map(|byte| byte ^ 0x36)).chain_update(text);
    let outer = Sha256::new().chain_update(key(secret).map(|byte| byte ^ 0x5c));
    hex::encode(outer.chain_update(inner.finalize()).finalize())
}
