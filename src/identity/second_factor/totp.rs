//! One-time codes by time (RFC 6238): six digits, 30 seconds, HMAC-SHA-1, which every app knows (F004-08).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::base32;

/// How long a step of time is, s.
pub const STEP_S: i64 = 30;
/// Digits of a code.
pub const DIGITS: u32 = 6;
/// Bytes of a secret: those of the hash (RFC 4226 §4, R6).
pub const SECRET_BYTES: usize = 20;
/// A used code is remembered for so long after it is over, ms: clocks of a fleet may be apart.
const REMEMBERED_MS: i64 = 10 * 60 * 1_000;
/// What every code is below.
const CODES: u32 = 10_u32.pow(DIGITS);

/// A secret that an app and the house share. Debug tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// A fresh secret; `None` where the system gives no randomness.
    #[must_use]
    pub fn fresh() -> Option<Self> {
        let mut random = Zeroizing::new(vec![0; SECRET_BYTES]);
        getrandom::fill(random.as_mut_slice()).ok()?;
        Some(Self(random))
    }

    /// A secret from its hex digits, as the vault keeps it.
    #[must_use]
    pub fn of_hex(text: &str) -> Option<Self> {
        hex::decode(text).ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// Its hex digits, for the vault.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// As a person types it into an app.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(base32(&self.0))
    }

    /// What an app reads from the picture (the key URI format of Google Authenticator). `name` is the person's.
    #[must_use]
    pub fn uri(&self, issuer: &str, name: &str) -> Zeroizing<String> {
        let (issuer, name, secret) = (percent(issuer), percent(name), self.to_base32());
        Zeroizing::new(format!(
            "otpauth://totp/{issuer}:{name}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_S}",
            secret.as_str()
        ))
    }

    /// The code of a step.
    #[must_use]
    pub fn code(&self, step: i64) -> String {
        format!("{:06}", truncated(&self.hash(step)) % CODES)
    }

    /// The step whose code this is: the present one, or one of so many before and after it. Every one of them is compared.
    #[must_use]
    pub fn step_of(&self, code: &str, now_ms: i64, skew_steps: i64) -> Option<i64> {
        let code = code.replace([' ', '-'], "");
        let now = now_ms.div_euclid(STEP_S * 1_000);
        let mut found = None;
        for step in now.saturating_sub(skew_steps)..=now.saturating_add(skew_steps) {
            if bool::from(self.code(step).as_bytes().ct_eq(code.as_bytes())) {
                found = Some(step);
            }
        }
        found
    }

    fn hash(&self, step: i64) -> [u8; 20] {
        // A key of any length is one; there is none only if the library says so, and then no code is right.
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.0) else { return [0; 20] };
        mac.update(&step.to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

/// RFC 4226 §5.3: four bytes from where the last half byte says, without the sign.
fn truncated(hash: &[u8; 20]) -> u32 {
    let from = usize::from(hash[19] & 15);
    let mut four = [0; 4];
    four.copy_from_slice(&hash[from..from + 4]);
    u32::from_be_bytes(four) & 0x7fff_ffff
}

/// What is neither a letter nor a digit, by its bytes (RFC 3986 §2.1).
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Until when it is remembered that a step's code was used, unix ms: `REMEMBERED_MS` longer than it is good, by whatever clock of
/// the fleet.
#[must_use]
pub const fn over_at_ms(step: i64, skew_steps: i64) -> i64 {
    step.saturating_add(skew_steps)
        .saturating_add(1)
        .saturating_mul(STEP_S * 1_000)
        .saturating_add(REMEMBERED_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, the vectors of SHA-1, their last six digits.
    #[test]
    fn codes_are_the_rfcs() {
        let secret = TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()));
        for (at_s, code) in [
            (59_i64, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code(at_s / STEP_S), code);
            assert_eq!(secret.step_of(code, at_s * 1_000, 0), Some(at_s / STEP_S));
        }
    }

    /// F004-08: one step before and after, and none where nobody wants any.
    #[test]
    fn a_code_is_good_in_its_step_and_its_neighbours() {
        let secret = TotpSecret::fresh().unwrap();
        let code = secret.code(100);
        let spaced = format!("{} {}", &code[..3], &code[3..]);
        for (step, skew, good) in
            [(100, 0, true), (99, 1, true), (101, 1, true), (101, 0, false), (102, 1, false)]
        {
            let found = secret.step_of(&spaced, step * STEP_S * 1_000, skew);
            assert_eq!(found == Some(100), good, "{step} {skew}");
        }
        for wrong in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
            assert_eq!(secret.step_of(wrong, 3_000_000, 1), None, "{wrong}");
        }
        assert_eq!(over_at_ms(100, 1), (100 + 2) * STEP_S * 1_000 + REMEMBERED_MS);
    }

    /// F004-07: what the picture says, and what is kept.
    #[test]
    fn an_app_reads_what_it_needs_and_debug_tells_nothing() {
        let secret = TotpSecret(Zeroizing::new(b"12345678901234567890".to_vec()));
        assert_eq!(
            secret.uri("payoutd", "alice@example.com").as_str(),
            "otpauth://totp/payoutd:alice%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=payoutd&algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(TotpSecret::of_hex(&secret.to_hex()), Some(secret.clone()));
        assert_eq!(format!("{secret:?}"), "TotpSecret(…)");
    }
}
