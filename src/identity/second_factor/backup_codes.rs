//! Backup codes: ten of 128 bits, each good once, shown once and kept as digests (F004-09, D-53).

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::base32;

/// How many there are.
pub const CODES: usize = 10;
/// Bytes of one: 128 bits, which nobody tries out, so that a plain digest is enough (ASVS 5.0 §6.5.2, §11.5.1).
const BYTES: usize = 16;
/// Letters of one.
const LETTERS: usize = 26;
/// Letters of one as they were made at first, of 80 bits; those that lie in somebody's drawer stay good.
const LETTERS_AT_FIRST: usize = 16;

/// Ten fresh codes, as they are shown: `ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ`. `None` where the system gives no randomness.
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
    let has_length = [LETTERS, LETTERS_AT_FIRST].contains(&letters.len());
    let is_code = has_length && letters.bytes().all(|byte| super::BASE32.contains(&byte));
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
            assert_eq!(code.len(), LETTERS + 6);
            assert_eq!(place_of(code, &kept), Some(place));
            assert_eq!(place_of(&code.to_lowercase().replace('-', " "), &kept), Some(place));
            assert!(!kept.iter().any(|digest| digest.contains(code.as_str())));
        }
        let of_another = "ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ";
        for wrong in ["", "ABCD", "123456", "ABCD-EFGH-IJKL-MNO1", "ABCD-EFGH-IJKL-MNOP", of_another] {
            assert_eq!(place_of(wrong, &kept), None, "{wrong}");
        }
    }

    #[test]
    fn codes_that_were_given_out_at_first_stay_good() {
        let kept = [digest("ABCD-EFGH-IJKL-MNOP").unwrap()];
        assert_eq!(place_of("abcd efgh ijkl mnop", &kept), Some(0));
    }
}
