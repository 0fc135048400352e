//! Nonces: what was signed once is done once (F002-07). Those who ask at the same time are written together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use payoutd_actors::ports::{Register, StoreFault, Use};
use tokio::sync::oneshot;

/// Nonces that wait to be written, at most; one more is told that too much is asked at once.
const WAITING_MAX: usize = 2_000;
/// Nonces that are written at a time.
const BATCH_MAX: usize = 500;

/// Somebody who waits to hear whether a nonce is new.
struct Waiting {
    nonce: Use,
    answer: oneshot::Sender<Result<bool, StoreFault>>,
}

/// The book of nonces.
pub(super) struct Nonces(Arc<Book>);

struct Book {
    register: Arc<dyn Register>,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    waiting: Vec<Waiting>,
    /// Whether somebody writes for all who wait.
    is_written: bool,
}

impl Nonces {
    pub(super) fn new(register: Arc<dyn Register>) -> Self {
        Self(Arc::new(Book { register, line: Mutex::default() }))
    }

    /// Uses a nonce up; `true` where it is new, `None` where too many wait.
    pub(super) async fn use_up(&self, nonce: Use) -> Option<Result<bool, StoreFault>> {
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut line = self.0.line();
            if line.waiting.len() >= WAITING_MAX {
                return None;
            }
            line.waiting.push(Waiting { nonce, answer });
            !std::mem::replace(&mut line.is_written, true)
        };
        if is_first {
            // A task of its own: whoever asked may go away, and the others would have to wait for each other's turn.
            tokio::spawn(Scribe { book: self.0.clone(), is_done: false }.write_all());
        }
        let lost = || StoreFault::Away("whoever wrote the nonce was interrupted".to_owned());
        Some(answered.await.unwrap_or_else(|_| Err(lost())))
    }
}

impl Book {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who are written for next; with none of them, nobody writes any more.
    fn next(&self) -> Vec<Waiting> {
        let mut line = self.line();
        let some = line.waiting.len().min(BATCH_MAX);
        line.is_written = some > 0;
        line.waiting.drain(..some).collect()
    }
}

/// Writes for all who wait. Where it ends before they are written, those who wait hear that, and the next one begins anew.
struct Scribe {
    book: Arc<Book>,
    is_done: bool,
}

impl Scribe {
    async fn write_all(mut self) {
        loop {
            let batch = self.book.next();
            if batch.is_empty() {
                self.is_done = true;
                return;
            }
            let uses: Vec<Use> = batch.iter().map(|one| one.nonce.clone()).collect();
            let written = self.book.register.use_once(&uses).await;
            for (place, one) in batch.into_iter().enumerate() {
                let answer = match &written {
                    Ok(first) => Ok(first.get(place).copied().unwrap_or(false)),
                    Err(fault) => Err(fault.clone()),
                };
                // Whoever does not wait any more has left.
                let _ = one.answer.send(answer);
            }
        }
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        // After its end another may be at work already.
        if !self.is_done {
            let mut line = self.book.line();
            line.is_written = false;
            line.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use payoutd_actors::fakes::MemoryStore;

    /// F002-07: of two hundred who send the same nonce at once, one is let in; others' nonces are their own.
    #[tokio::test]
    async fn of_two_hundred_who_send_one_nonce_one_is_first() {
        let store = MemoryStore::new("s");
        let nonces = Arc::new(Nonces::new(Arc::new(store.clone())));
        let sent = (0..200).flat_map(|n| [("shared".to_owned(), true), (format!("own-{n}"), false)]);
        let asked = sent.map(|(what, shared)| {
            let nonces = nonces.clone();
            async move { (shared, nonces.use_up(Use { what, until_ms: 1 }).await.unwrap().unwrap()) }
        });
        let answers = join_all(asked).await;
        assert_eq!(answers.iter().filter(|(shared, first)| *shared && *first).count(), 1);
        assert!(answers.iter().all(|(shared, first)| *shared || *first));
        assert!(store.writes() < 20, "{} writes for 400 nonces", store.writes());
    }

    /// A thread that ends while it writes for others leaves nobody waiting, and the next one is served.
    #[test]
    fn who_writes_for_others_and_ends_leaves_nobody_waiting() {
        let nonces = Arc::new(Nonces::new(Arc::new(MemoryStore::new("s"))));
        let once = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let first = once();
        let asked = nonces.clone();
        first.spawn(async move { asked.use_up(Use { what: "a".to_owned(), until_ms: 1 }).await });
        // It asks, and ends before the other task has begun to write.
        first.block_on(tokio::task::yield_now());
        drop(first);
        assert!(!nonces.0.line().is_written);
        let told = once().block_on(nonces.use_up(Use { what: "b".to_owned(), until_ms: 1 }));
        assert!(matches!(told, Some(Ok(true))));
    }

    /// A store that is away says so to each of them; nobody is taken for new.
    #[tokio::test]
    async fn a_store_that_is_away_lets_nobody_in() {
        let store = MemoryStore::new("s");
        let nonces = Nonces::new(Arc::new(store.clone()));
        store.fail_after(0);
        let use_up = || nonces.use_up(Use { what: "n".to_owned(), until_ms: 1 });
        assert!(matches!(use_up().await, Some(Err(StoreFault::Away(_)))));
        store.heal();
        assert!(matches!(use_up().await, Some(Ok(true))));
        assert!(matches!(use_up().await, Some(Ok(false))));
    }
}
