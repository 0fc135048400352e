//! Nonces: what was signed once is done once (F002-07). Those who ask at the same time are written together.

use std::sync::{Arc, Mutex, PoisonError};

use payoutd_actors::ports::{Register, StoreFault, Use};
use tokio::sync::{Mutex as Turn, oneshot};

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
pub(super) struct Nonces {
    register: Arc<dyn Register>,
    line: Mutex<Vec<Waiting>>,
    turn: Turn<()>,
}

impl Nonces {
    pub(super) fn new(register: Arc<dyn Register>) -> Self {
        Self { register, line: Mutex::default(), turn: Turn::new(()) }
    }

    /// Uses a nonce up; `true` where it is new, `None` where too many wait.
    pub(super) async fn use_up(&self, nonce: Use) -> Option<Result<bool, StoreFault>> {
        let (answer, answered) = oneshot::channel();
        {
            let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
            if line.len() >= WAITING_MAX {
                return None;
            }
            line.push(Waiting { nonce, answer });
        }
        // Whoever has the turn writes for all who wait; most of those find, when it is theirs, that it is done.
        let _turn = self.turn.lock().await;
        while !answered_or_taken(&self.line, &answered) {
            self.write_some().await;
        }
        let lost = || StoreFault::Away("whoever wrote the nonce was interrupted".to_owned());
        Some(answered.await.unwrap_or_else(|_| Err(lost())))
    }

    async fn write_some(&self) {
        let batch: Vec<Waiting> = {
            let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
            let some = line.len().min(BATCH_MAX);
            line.drain(..some).collect()
        };
        let uses: Vec<Use> = batch.iter().map(|one| one.nonce.clone()).collect();
        let written = self.register.use_once(&uses).await;
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

/// Whether one's own nonce is answered, or was in a batch whose writer is gone: nobody in line is left to write for.
fn answered_or_taken(
    line: &Mutex<Vec<Waiting>>,
    answered: &oneshot::Receiver<Result<bool, StoreFault>>,
) -> bool {
    !answered.is_empty() || line.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
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
