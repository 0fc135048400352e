//! What may be a password: ASVS 5.0 (6.2) by default, the composition rule as a switch (F003-09, D-33).
//!
//! Length is what counts, in Unicode code points; nothing of it is cut off, no character is asked for, none is refused but control
//! characters. What is guessed first is refused: the commonest passwords, repetitions, runs, and what is made of words that
//! belong to this place. A password is normalised (NFC) before it is counted or hashed, so that two keyboards type the same one.

use std::{
    collections::{BTreeSet, HashSet},
    sync::LazyLock,
};

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The most code points that a password may have: more are no password, but work.
pub const CHARS_MAX: usize = 128;
/// Bytes beyond which a text is no password, however its characters are composed: it is refused before anything is done with it.
pub const BYTES_MAX: usize = 16 * CHARS_MAX;
/// What the source's rule takes for special.
const SPECIAL: &str = "!@#$%^&*";
/// A repetition of so few characters is one of them.
const PIECE_CHARS_MAX: usize = 8;
/// So much of a password must not be words of this place, digits or punctuation.
const OWN_CHARS_MIN: usize = 4;
/// Shorter words of this place are in many other words.
const WORD_CHARS_MIN: usize = 4;
/// The house's own words.
const HOUSE_WORDS: [&str; 4] = ["payoutd", "payout", "usdt", "tron"];

/// The commonest passwords, in lower case.
static COMMON: LazyLock<HashSet<String>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().map(str::to_lowercase).collect());

/// Which passwords are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordPolicy {
    /// 15 characters or more, of any kind.
    Length,
    /// 8 or more, with an upper and a lower letter, a digit and one of `!@#$%^&*`.
    Composition,
}

impl PasswordPolicy {
    /// The fewest code points.
    #[must_use]
    pub const fn chars_min(self) -> usize {
        match self {
            Self::Length => 15,
            Self::Composition => 8,
        }
    }

    /// A password as it is hashed, if it may be one; `words` are those that belong to whoever chooses it.
    ///
    /// # Errors
    /// Each reason why not; the password is in none of them.
    pub fn accept(self, text: &str, words: &[&str]) -> Result<Zeroizing<String>, Vec<String>> {
        let least = self.chars_min();
        if text.len() > BYTES_MAX {
            return Err(vec![format!("it is too long: {least} to {CHARS_MAX} characters are taken")]);
        }
        let password = normalised(text);
        let mut mistakes = Vec::new();
        let chars = password.chars().count();
        if !(least..=CHARS_MAX).contains(&chars) {
            mistakes.push(format!("it has {chars} characters: {least} to {CHARS_MAX} are taken"));
        }
        if password.chars().any(char::is_control) {
            mistakes.push("it has a control character: nobody can type it twice".to_owned());
        }
        if self == Self::Composition {
            mistakes.extend(lacks(&password));
        }
        if let Some(why) = guessed_first(&password, words) {
            mistakes.push(why.to_owned());
        }
        if mistakes.is_empty() { Ok(password) } else { Err(mistakes) }
    }
}

/// A password in the form in which it is counted and hashed.
#[must_use]
pub fn normalised(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.nfc().collect())
}

/// What the composition rule misses, in one sentence.
fn lacks(password: &str) -> Option<String> {
    let has = |is: fn(char) -> bool| password.chars().any(is);
    let wanted = [
        (has(|c| c.is_ascii_uppercase()), "an upper case letter"),
        (has(|c| c.is_ascii_lowercase()), "a lower case letter"),
        (has(|c| c.is_ascii_digit()), "a digit"),
        (has(|c| SPECIAL.contains(c)), "one of !@#$%^&*"),
    ];
    let missing: Vec<_> = wanted.iter().filter(|(has, _)| !has).map(|(_, what)| *what).collect();
    (!missing.is_empty()).then(|| format!("it lacks {}", missing.join(", ")))
}

fn guessed_first(password: &str, words: &[&str]) -> Option<&'static str> {
    let lower = password.to_lowercase();
    if COMMON.contains(lower.as_str()) || COMMON.contains(&*piece_of(&lower)) {
        return Some("it is one of the commonest passwords: those are tried first");
    }
    if is_repetition(&lower) || is_run(&lower) {
        return Some("it is a repetition or a run, like abcabc or 1234: those are tried first");
    }
    if own_chars(&lower, words) < OWN_CHARS_MIN {
        return Some("it is made of words that belong to this place or to you: those are tried first");
    }
    None
}

/// The shortest text that a text is repetitions of: itself, where it is none.
fn piece_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let repeats = |of: usize| chars.len().is_multiple_of(of) && chars.chunks(of).all(|c| c == &chars[..of]);
    let length = (1..=chars.len()).find(|of| repeats(*of)).unwrap_or(chars.len());
    chars.into_iter().take(length).collect()
}

fn is_repetition(text: &str) -> bool {
    let piece = piece_of(text).chars().count();
    let distinct: BTreeSet<char> = text.chars().collect();
    distinct.len() < 3 || (piece <= PIECE_CHARS_MAX && piece < text.chars().count())
}

/// Whether each character is the one after, or before, the last.
fn is_run(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    [1, -1].into_iter().any(|step| codes.windows(2).all(|pair| matches!(pair, [a, b] if b - a == step)))
}

/// How many letters are left of it without digits, punctuation and the words of this place.
fn own_chars(lower: &str, words: &[&str]) -> usize {
    let mut left = lower.to_owned();
    let parts = words.iter().flat_map(|word| word.split(|c: char| !c.is_alphanumeric()));
    let mut all: Vec<String> = parts.map(str::to_lowercase).chain(HOUSE_WORDS.map(str::to_owned)).collect();
    // The longest first: `payoutd` before `payout`.
    all.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in all.iter().filter(|word| word.chars().count() >= WORD_CHARS_MIN) {
        left = left.replace(word.as_str(), " ");
    }
    left.chars().filter(|c| c.is_alphabetic()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: [&str; 2] = ["alice.liddell@example.com", "wonderland"];

    fn takes(policy: PasswordPolicy, text: &str) -> bool {
        policy.accept(text, &ALICE).is_ok()
    }

    /// F003-09, D-33, ASVS 6.2: length alone, of any characters, counted as a person counts them.
    #[test]
    fn a_long_password_of_any_kind_is_one() {
        let longest = "ab1".repeat(42) + "cd";
        for good in ["correct zebra staple", "nur kleine buchstaben", "пятнадцать знаков", &longest]
        {
            assert!(takes(PasswordPolicy::Length, good), "{good}");
        }
        assert!(!takes(PasswordPolicy::Length, "vierzehn zeich"), "14");
        assert!(!takes(PasswordPolicy::Length, &(longest + "e")), "129");
        assert!(!takes(PasswordPolicy::Length, "with a \u{7} bell inside"));
        // 15 of them, 45 bytes; and one that is typed as two code points and counted as one.
        assert!(takes(PasswordPolicy::Length, "山川草木花鳥風月雨雪雲空海星光"));
        assert_eq!(normalised("e\u{301}").as_str(), "é");
        assert!(!takes(PasswordPolicy::Length, "kleiner cafe\u{301}xy"), "14 once normalised");
    }

    #[test]
    fn what_is_guessed_first_is_refused() {
        for bad in [
            "passwordpassword",
            "PasswordPassword",
            "passwordpasswordpassword",
            "correct horse battery staple",
            "aaaaaaaaaaaaaaaaaa",
            "abababababababababab",
            "abcdefghijklmnop",
            "zyxwvutsrqponmlk",
            "12345678901234567",
            "payoutd-payoutd-2026",
            "alice.liddell2026!!",
            "Wonderland-Example-99",
            "usdt-on-tron-123456",
        ] {
            assert!(!takes(PasswordPolicy::Length, bad), "{bad}");
        }
        let said = PasswordPolicy::Length.accept("passwordpassword", &[]).unwrap_err();
        assert!(said.iter().all(|why| !why.contains("passwordpassword")));
    }

    /// D-33: the source's rule exactly, where somebody wants it.
    #[test]
    fn the_composition_rule_is_a_switch() {
        for good in ["Tr0ub4dor&", "aB3!efgh"] {
            assert!(takes(PasswordPolicy::Composition, good), "{good}");
            assert!(!takes(PasswordPolicy::Length, good), "{good}");
        }
        for bad in
            ["aB3!efg", "ab3!efgh", "AB3!EFGH", "aBc!efgh", "aB3?efgh", "P@ssw0rd", "correct zebra staple"]
        {
            assert!(!takes(PasswordPolicy::Composition, bad), "{bad}");
        }
    }

    /// No line of the list is there for nothing: each is refused by one policy or the other for what it is.
    #[test]
    fn every_common_password_is_refused() {
        for line in include_str!("common_passwords.txt").lines() {
            assert!(guessed_first(line, &[]).is_some(), "{line}");
            assert!(line.chars().count() >= 8, "{line}: too short for either policy");
        }
    }
}
