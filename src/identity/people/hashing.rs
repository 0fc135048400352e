//! Password hashes: Argon2id is made here; bcrypt, which people may bring along, is verified and made anew (F003-08).
//!
//! A hash costs memory and time on purpose. So they are made off the threads that answer, so many at once and no more, and whoever
//! finds too many waiting is told to come back: a flood of sign-ins costs [`HASHES_AT_ONCE_MAX`] times [`MEMORY_KIB`], whatever it
//! sends. Where there is no person there is still a hash to verify, so that a name nobody has takes as long as any other.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash,
};
use thiserror::Error;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::password::normalised;

/// Memory of one hash, KiB: 19 MiB, the OWASP Password Storage Cheat Sheet's least for two passes.
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
pub const PASSES: u32 = 2;
/// Lanes.
pub const LANES: u32 = 1;
/// Hashes that are worked on at once.
pub const HASHES_AT_ONCE_MAX: usize = 2;
/// Those who may wait for a hash, at most.
pub const WAITING_MAX: usize = 64;
/// The least cost of a bcrypt hash that somebody brings along.
pub const BCRYPT_COST_MIN: u32 = 12;
/// The highest: each step doubles the time of every sign-in.
pub const BCRYPT_COST_MAX: u32 = 14;
/// bcrypt takes no more bytes: more are cut off by others, and refused here.
pub const BCRYPT_BYTES_MAX: usize = 72;
/// The most memory of an Argon2 hash that somebody brings along, KiB.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
/// The most passes of such a hash.
const PASSES_MAX: u32 = 4;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HashFault {
    /// Too many wait.
    #[error("as many passwords as are checked at once are being checked")]
    Busy,
    /// The library says no, which it does for want of memory or randomness.
    #[error("a password could not be hashed")]
    Broken,
}

/// A hash that can be verified here. Debug tells which kind it is alone.
#[derive(Clone, PartialEq, Eq)]
pub enum StoredHash {
    /// Ours, as a PHC string.
    Argon2id(String),
    /// Brought along: `$2b$12$…`.
    Bcrypt(String),
}

impl StoredHash {
    /// Reads a hash that somebody brings along: Argon2id or bcrypt, neither too cheap nor so dear that it is a weapon.
    ///
    /// # Errors
    /// What is wrong with it; the hash is not quoted.
    pub fn brought_along(text: &str) -> Result<Self, String> {
        let hash = Self::of_text(text)
            .ok_or("it is neither an Argon2id hash ($argon2id$…) nor a bcrypt hash ($2b$…)")?;
        match &hash {
            Self::Bcrypt(text) => {
                let cost = bcrypt_cost(text).ok_or("its bcrypt cost can not be read")?;
                if !(BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(&cost) {
                    return Err(format!(
                        "its bcrypt cost is {cost}: {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX} are taken"
                    ));
                }
            }
            Self::Argon2id(text) => {
                let params = argon2_params(text).ok_or("its Argon2 parameters can not be read")?;
                let fits = (MEMORY_KIB..=MEMORY_KIB_MAX).contains(&params.m_cost())
                    && (PASSES..=PASSES_MAX).contains(&params.t_cost())
                    && params.p_cost() <= 4;
                if !fits {
                    return Err(format!(
                        "its Argon2 parameters are m={},t={},p={}: m={MEMORY_KIB} to {MEMORY_KIB_MAX}, t={PASSES} to {PASSES_MAX}, p=1 to 4 are taken",
                        params.m_cost(),
                        params.t_cost(),
                        params.p_cost()
                    ));
                }
            }
        }
        Ok(hash)
    }

    /// A hash as it is kept.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        if text.starts_with("$argon2id$") {
            return PasswordHash::new(text).ok().map(|_| Self::Argon2id(text.to_owned()));
        }
        let is_bcrypt = ["$2a$", "$2b$", "$2y$"].iter().any(|form| text.starts_with(form));
        let whole = text.len() == 60 && text.parse::<bcrypt::HashParts>().is_ok();
        (is_bcrypt && whole).then(|| Self::Bcrypt(text.to_owned()))
    }

    /// As it is kept.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Argon2id(text) | Self::Bcrypt(text) => text,
        }
    }

    /// Whether it is made as hashes are made here today.
    fn is_of_today(&self) -> bool {
        let Self::Argon2id(text) = self else { return false };
        argon2_params(text)
            .is_some_and(|own| (own.m_cost(), own.t_cost(), own.p_cost()) == (MEMORY_KIB, PASSES, LANES))
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argon2id(_) => "Argon2id(…)",
            Self::Bcrypt(_) => "Bcrypt(…)",
        })
    }
}

/// What became of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// Another password.
    No,
    /// It is the one.
    Yes,
    /// It is the one, and this is its hash as hashes are made today.
    YesMadeAnew(StoredHash),
}

/// Makes and verifies hashes.
pub struct Hasher {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// What is verified where there is no person.
    nobody: StoredHash,
}

impl Hasher {
    /// A hasher, with a hash of nobody's password.
    ///
    /// # Errors
    /// When the system gives no randomness or no memory.
    pub fn new() -> Result<Self, HashFault> {
        let mut nobodys = Zeroizing::new([0_u8; 32]);
        getrandom::fill(nobodys.as_mut_slice()).map_err(|_| HashFault::Broken)?;
        let nobody = make(&hex::encode(nobodys.as_slice()))?;
        let places = Arc::new(Semaphore::new(HASHES_AT_ONCE_MAX));
        Ok(Self { places, waiting: AtomicUsize::new(0), nobody })
    }

    /// Hashes a password that was accepted.
    ///
    /// # Errors
    /// See [`HashFault`].
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<StoredHash, HashFault> {
        self.off_the_thread(move || make(&password)).await
    }

    /// Verifies a password against a hash, or against nobody's where there is none: the answer is no then, after the same time.
    ///
    /// # Errors
    /// See [`HashFault`].
    pub async fn verify(&self, hash: Option<StoredHash>, password: &str) -> Result<Verified, HashFault> {
        let password = Zeroizing::new(password.to_owned());
        let nobody = self.nobody.clone();
        self.off_the_thread(move || verify(hash, &nobody, &password)).await
    }

    async fn off_the_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashFault> + Send + 'static,
    ) -> Result<T, HashFault> {
        let _waits = Waits::begin(&self.waiting)?;
        let place = self.places.clone().acquire_owned().await.map_err(|_| HashFault::Broken)?;
        // The place goes along: a caller who hangs up frees it when the work is done, not before.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        done.await.map_err(|_| HashFault::Broken)?
    }
}

/// Somebody who waits, or whose hash is worked on.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Result<Self, HashFault> {
        let waits = Self(waiting);
        match waiting.fetch_add(1, Ordering::Relaxed) {
            before if before >= WAITING_MAX => Err(HashFault::Busy),
            _ => Ok(waits),
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn argon2() -> Result<Argon2<'static>, HashFault> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashFault::Broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn make(password: &str) -> Result<StoredHash, HashFault> {
    let hash = argon2()?.hash_password(password.as_bytes()).map_err(|_| HashFault::Broken)?;
    Ok(StoredHash::Argon2id(hash.to_string()))
}

fn verify(hash: Option<StoredHash>, nobody: &StoredHash, given: &str) -> Result<Verified, HashFault> {
    let password = normalised(given);
    let Some(hash) = hash else {
        is_of(nobody, given, &password)?;
        return Ok(Verified::No);
    };
    if !is_of(&hash, given, &password)? {
        return Ok(Verified::No);
    }
    if hash.is_of_today() {
        return Ok(Verified::Yes);
    }
    Ok(Verified::YesMadeAnew(make(&password)?))
}

/// A hash that others made is of the text as it was typed; ours is of its normal form.
fn is_of(hash: &StoredHash, given: &str, password: &str) -> Result<bool, HashFault> {
    match hash {
        StoredHash::Argon2id(text) => {
            let hash = PasswordHash::new(text).map_err(|_| HashFault::Broken)?;
            let is_of =
                |password: &str| argon2().map(|a| a.verify_password(password.as_bytes(), &hash).is_ok());
            Ok(is_of(password)? || (given != password && is_of(given)?))
        }
        // The work is done all the same: how long the answer takes tells nothing of the hash.
        StoredHash::Bcrypt(text) => {
            let is_of = bcrypt::verify(given, text).map_err(|_| HashFault::Broken)?;
            Ok(is_of && given.len() <= BCRYPT_BYTES_MAX)
        }
    }
}

fn argon2_params(text: &str) -> Option<Params> {
    Params::try_from(&PasswordHash::new(text).ok()?).ok()
}

fn bcrypt_cost(text: &str) -> Option<u32> {
    text.parse::<bcrypt::HashParts>().ok().map(|parts| parts.get_cost())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OWASP's least, and a hash that says so itself.
    #[tokio::test]
    async fn a_password_is_known_again_by_its_hash_and_by_nothing_else() {
        let hasher = Hasher::new().unwrap();
        let hash = hasher.hash(Zeroizing::new("correct zebra staple".to_owned())).await.unwrap();
        assert!(hash.text().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.text());
        let verify = async |password: &str| hasher.verify(Some(hash.clone()), password).await.unwrap();
        assert_eq!(verify("correct zebra staple").await, Verified::Yes);
        for wrong in ["", "correct zebra stapl", "Correct zebra staple"] {
            assert_eq!(verify(wrong).await, Verified::No, "{wrong}");
        }
        assert_eq!(hasher.verify(None, "correct zebra staple").await.unwrap(), Verified::No);
    }

    /// Two keyboards, one password.
    #[tokio::test]
    async fn a_letter_that_is_typed_in_two_ways_is_one_letter() {
        let hasher = Hasher::new().unwrap();
        let hash = hasher.hash(normalised("e\u{301}t\u{e9} indien de 1911")).await.unwrap();
        let other = hasher.verify(Some(hash), "\u{e9}te\u{301} indien de 1911").await.unwrap();
        assert_eq!(other, Verified::Yes);
    }

    /// F003-08: a bcrypt hash is believed and made anew; what bcrypt would cut off is refused.
    #[tokio::test]
    async fn a_bcrypt_hash_is_made_anew_at_its_first_use() {
        let hasher = Hasher::new().unwrap();
        let text = bcrypt::hash("a password from before", BCRYPT_COST_MIN).unwrap();
        let hash = StoredHash::brought_along(&text).unwrap();
        let Verified::YesMadeAnew(anew) =
            hasher.verify(Some(hash.clone()), "a password from before").await.unwrap()
        else {
            panic!("it was not made anew");
        };
        assert_eq!(hasher.verify(Some(anew), "a password from before").await.unwrap(), Verified::Yes);
        assert_eq!(hasher.verify(Some(hash), "another").await.unwrap(), Verified::No);
        let long = "x".repeat(BCRYPT_BYTES_MAX + 8);
        let cut = StoredHash::Bcrypt(bcrypt::hash(&long, 4).unwrap());
        assert_eq!(hasher.verify(Some(cut), &long).await.unwrap(), Verified::No);
    }

    #[test]
    fn a_hash_that_is_too_cheap_or_a_weapon_is_not_taken() {
        let cheap = bcrypt::hash("x", 4).unwrap();
        let dear = cheap.replace("$04$", "$20$");
        let of = |memory: u32, passes: u32| {
            let params = Params::new(memory, passes, 1, None).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password(b"x").unwrap().to_string()
        };
        let weak = of(8 * 1024, 2);
        let memory_bomb = of(MEMORY_KIB, 2).replace("m=19456", "m=4194304");
        for wrong in
            ["", "password", "$1$abc", "$argon2id$", "$2b$12$short", &cheap, &dear, &weak, &memory_bomb]
        {
            assert!(StoredHash::brought_along(wrong).is_err(), "{wrong}");
        }
        assert!(StoredHash::brought_along(&of(MEMORY_KIB, PASSES)).is_ok());
    }

    /// A flood costs so many hashes at once and so many who wait; one more is told to come back.
    #[tokio::test]
    async fn a_flood_of_passwords_is_told_to_come_back() {
        let hasher = Hasher::new().unwrap();
        let flood = (0..WAITING_MAX + 8).map(|_| hasher.verify(None, "x"));
        let answers = futures_util::future::join_all(flood).await;
        let busy = answers.iter().filter(|answer| **answer == Err(HashFault::Busy)).count();
        assert_eq!(busy, 8);
        assert_eq!(hasher.verify(None, "x").await, Ok(Verified::No), "and the next is heard again");
    }
}
