//! Backup codes: ten of 80 bits, each good once, shown once and kept as digests (F004-09, D-53).

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::base32;

/// How many there are.
pub const CODES: usize = 10;
/// Bytes of one: 80 bits, which nobody tries out, so that a plain digest is enough.
const BYTES: usize = 10;
/// Letters of one.
const LETTERS: usize = 16;

/// Ten fresh codes, as they are shown: `ABCD-EFGH-IJKL-MNOP`. `None` where the system gives no randomness.
#[must_use]
pub fn fresh() -> Option<Vec<Zeroizing<String>>> {
    (0..CODES).map(|_| one()).collect()
}

fn one() -> Option<Zeroizing<String>> {
    let mut random = Zeroizing::new([0_u8; BYTES]);
    getrandom::fill(random.as_mut_slice()).ok()?;
    let letters = Zeroizing::new(base32(random.as_slice()));
    let groups: Vec<&str> =
        letters.as_bytes().chunks(4).filter_map(|four| std::str::from_utf8(four).ok()).collect();
    Some(Zeroizing::new(groups.join("-")))
}

/// What is kept of a code, however it is typed; `None` where it is none.
#[must_use]
pub fn digest(code: &str) -> Option<String> {
    let letters: Zeroizing<String> = Zeroizing::new(
        code.chars().filter(|c| !matches!(c, ' ' | '-')).collect::<String>().to_ascii_uppercase(),
    );
    let is_code = letters.len() == LETTERS && letters.bytes().all(|byte| super::BASE32.contains(&byte));
    is_code.then(|| hex::encode(Sha256::digest(letters.as_bytes())))
}

/// The place of a code among those that are kept; each is compared.
#[must_use]
pub fn place_of(code: &str, kept: &[String]) -> Option<usize> {
    let digest = digest(code)?;
    let mut found = None;
    for (place, one) in kept.iter().enumerate() {
        if bool::from(one.as_bytes().ct_eq(digest.as_bytes())) {
            found = Some(place);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ten_codes_are_known_again_however_they_are_typed() {
        let codes = fresh().unwrap();
        let kept: Vec<String> = codes.iter().map(|code| digest(code).unwrap()).collect();
        assert_eq!(kept.iter().collect::<BTreeSet<_>>().len(), CODES);
        for (place, code) in codes.iter().enumerate() {
            assert_eq!(code.len(), LETTERS + 3);
            assert_eq!(place_of(code, &kept), Some(place));
            assert_eq!(place_of(&code.to_lowercase().replace('-', " "), &kept), Some(place));
            assert!(!kept.iter().any(|digest| digest.contains(code.as_str())));
        }
        for wrong in ["", "ABCD", "123456", "ABCD-EFGH-IJKL-MNO1", "ABCD-EFGH-IJKL-MNOP"] {
            assert_eq!(place_of(wrong, &kept), None, "{wrong}");
        }
    }
}
