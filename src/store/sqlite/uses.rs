//! What may be used once, answered before it is written.
//!
//! A nonce must not be lost before what it lets in, and that is all: there is one log, in one order, so it is enough that it goes with
//! the very next transaction, whosever that is. Nobody waits at the one seat for it, and no order is written later because of its
//! nonce. What waits is claimed here; what is written is asked of the database. A process that dies loses both what waits and
//! whatever it would have let in.
//!
//! What is used up along with a change of the register (a one-time code) is claimed here too, for as long as its transaction lasts, and
//! written by it.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use payoutd_actors::ports::Use;

/// So many wait for the next transaction at most; one more makes a transaction for them.
pub(super) const WAITING_MAX: usize = 500;

/// The uses that are not written yet.
#[derive(Default)]
pub(super) struct Uses {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// What somebody asks for, and what waits or is being written: for anybody else it is used.
    claimed: BTreeSet<String>,
    /// What the next transaction takes along.
    waiting: Vec<Use>,
}

impl Uses {
    /// Claims what nobody else has claimed; of the same thing twice the first counts.
    pub(super) fn claim(&self, uses: &[Use]) -> Claim<'_> {
        let mut book = self.book();
        let own = uses.iter().map(|one| book.claimed.insert(one.what.clone())).collect();
        Claim { uses: self, wanted: uses.to_vec(), own }
    }

    /// What waits, for a transaction that takes it along.
    pub(super) fn take_along(&self) -> Taken<'_> {
        Taken { uses: self, taken: mem::take(&mut self.book().waiting) }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.book().waiting.len()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Claims of somebody who has not heard yet what the database knows. Dropped, they are given up.
pub(super) struct Claim<'a> {
    uses: &'a Uses,
    wanted: Vec<Use>,
    /// Of each, whether it was free.
    own: Vec<bool>,
}

impl Claim<'_> {
    /// Whether all of it was free here.
    pub(super) fn is_whole(&self) -> bool {
        !self.own.contains(&false)
    }

    /// What was free here, and has to be asked of the database.
    pub(super) fn asked(&self) -> impl Iterator<Item = &str> {
        self.own().map(|one| one.what.as_str())
    }

    /// Keeps what the database does not know, for the next transaction; of each, whether it is used for the first time.
    pub(super) fn keep(mut self, known: &BTreeSet<String>) -> Vec<bool> {
        let mut book = self.uses.book();
        let mut first = mem::take(&mut self.own);
        for (one, first) in mem::take(&mut self.wanted).into_iter().zip(&mut first) {
            if !*first {
                continue;
            }
            if known.contains(&one.what) {
                book.claimed.remove(&one.what);
                *first = false;
            } else {
                book.waiting.push(one);
            }
        }
        first
    }

    fn own(&self) -> impl Iterator<Item = &Use> {
        self.wanted.iter().zip(&self.own).filter_map(|(one, own)| own.then_some(one))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.wanted.is_empty() {
            return;
        }
        let mut book = self.uses.book();
        for one in self.own() {
            book.claimed.remove(&one.what);
        }
    }
}

/// What a transaction takes along. Dropped before it is written, it waits again.
pub(super) struct Taken<'a> {
    uses: &'a Uses,
    taken: Vec<Use>,
}

impl Taken<'_> {
    /// What there is to write.
    pub(super) fn uses(&self) -> &[Use] {
        &self.taken
    }

    /// The transaction stands: from now on the database knows.
    pub(super) fn written(mut self) {
        let mut book = self.uses.book();
        for one in mem::take(&mut self.taken) {
            book.claimed.remove(&one.what);
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.taken.is_empty() {
            self.uses.book().waiting.append(&mut self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{SqliteSettings, SqliteStore};
    use payoutd_actors::ports::Register as _;
    use sqlx::{Executor as _, Row as _};
    use tempfile::TempDir;

    async fn open(folder: &TempDir) -> SqliteStore {
        SqliteStore::open_file(&folder.path().join("payoutd.db"), SqliteSettings::default()).await.unwrap()
    }

    fn nonces(names: &[&str]) -> Vec<Use> {
        names.iter().map(|name| Use { what: (*name).to_owned(), until_ms: i64::MAX }).collect()
    }

    /// What another connection finds.
    async fn written(store: &SqliteStore) -> Vec<String> {
        let rows = store.inner.readers.fetch_all("SELECT what FROM used_once ORDER BY what").await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// F002-07: a nonce waits for nobody's turn to write, is nobody else's from then on, and goes with the next transaction.
    #[tokio::test]
    async fn a_nonce_goes_with_the_next_transaction_whosever_that_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        let write = store.begin().await.unwrap();
        assert_eq!(store.use_once(&nonces(&["a", "b", "a"])).await.unwrap(), [true, true, false]);
        assert_eq!(store.use_once(&nonces(&["b", "c"])).await.unwrap(), [false, true]);
        write.commit().await.unwrap();
        assert!(written(&store).await.is_empty(), "that one had begun before");

        store.begin().await.unwrap().commit().await.unwrap();
        assert_eq!(written(&store).await, ["a", "b", "c"]);
        assert!(
            store.inner.writer.uses.book().claimed.is_empty(),
            "nothing is remembered of what is written"
        );
        assert_eq!(store.use_once(&nonces(&["c", "d"])).await.unwrap(), [false, true]);
    }

    /// A transaction that is given up, or whose caller goes away, takes nobody's nonce with it.
    #[tokio::test]
    async fn a_nonce_outlives_a_transaction_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        store.use_once(&nonces(&["a"])).await.unwrap();
        drop(store.begin().await.unwrap());
        assert_eq!(store.use_once(&nonces(&["a", "b"])).await.unwrap(), [false, true]);
        store.begin().await.unwrap().give_up().await.unwrap();
        assert!(written(&store).await.is_empty());
        assert_eq!(store.use_once(&nonces(&["a", "b"])).await.unwrap(), [false, false]);
        store.begin().await.unwrap().commit().await.unwrap();
        assert_eq!(written(&store).await, ["a", "b"]);
    }

    /// Whoever goes away before they hear has used nothing up, and so has whoever the database does not answer.
    #[tokio::test]
    async fn who_has_heard_nothing_has_used_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        drop(store.inner.writer.uses.claim(&nonces(&["a"])));
        store.inner.readers.close().await;
        store.use_once(&nonces(&["a"])).await.unwrap_err();
        assert!(store.inner.writer.uses.book().claimed.is_empty());
        drop(store);
        assert_eq!(open(&folder).await.use_once(&nonces(&["a"])).await.unwrap(), [true]);
    }

    /// What waits is bounded, and a house that closes writes it down.
    #[tokio::test]
    async fn so_many_wait_and_none_is_forgotten_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder).await;
        for n in 0..=WAITING_MAX {
            assert_eq!(store.use_once(&nonces(&[&format!("n-{n}")])).await.unwrap(), [true]);
        }
        assert_eq!(written(&store).await.len(), WAITING_MAX);
        assert_eq!(store.inner.writer.uses.waiting(), 1);
        store.close().await;
        drop(store);
        assert_eq!(written(&open(&folder).await).await.len(), WAITING_MAX + 1);
    }
}
