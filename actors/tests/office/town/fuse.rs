//! The fuse: ends a life at its k-th write or send, before or after it took effect. It also keeps what left the house, and
//! cuts the line to a node for good.

use async_trait::async_trait;
use payoutd_actors::domain::tron::{SignedTransfer, TxId};
use payoutd_actors::fakes::{Disguise, MemoryStore};
use payoutd_actors::ledger::OnFile;
use payoutd_actors::ports::{BroadcastReply, ChainFault, ChainNode};
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a life looks whether it is over.
const LOOK: Duration = Duration::from_millis(1);

/// How long somebody waits for an answer that never comes.
const NUMB: Duration = Duration::from_secs(30);

/// Burns at a send. (Writes are cut by the store itself: `fail_after` and `lose_answer_of`.)
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    sends: AtomicU64,
    burns_before_send: AtomicI64,
    burns_after_send: AtomicI64,
    burnt: AtomicBool,
    armed: AtomicBool,
    sent: Mutex<BTreeSet<TxId>>,
    cut: Mutex<BTreeSet<String>>,
    numb: Mutex<BTreeSet<String>>,
}

impl Fuse {
    /// A fuse that is not lit.
    pub(crate) fn rest(&self) {
        self.burns_before_send.store(i64::MAX, Ordering::Relaxed);
        self.burns_after_send.store(i64::MAX, Ordering::Relaxed);
        self.burnt.store(false, Ordering::Relaxed);
        self.armed.store(false, Ordering::Relaxed);
    }

    /// Ends the life before the k-th send from now (1 is the next) leaves.
    pub(crate) fn before_send(&self, k: i64) {
        self.rest();
        self.burns_before_send.store(k, Ordering::Relaxed);
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Ends the life right after the k-th send from now arrived, before its answer is heard.
    pub(crate) fn after_send(&self, k: i64) {
        self.rest();
        self.burns_after_send.store(k, Ordering::Relaxed);
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Ends the life when the store does ([`MemoryStore::fail_after`] or [`MemoryStore::lose_answer_of`]).
    pub(crate) fn with_store(&self) {
        self.rest();
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Sends so far.
    pub(crate) fn sends(&self) -> u64 {
        self.sends.load(Ordering::Relaxed)
    }

    /// The transfers that have left the house so far, each once.
    pub(crate) fn sent(&self) -> BTreeSet<TxId> {
        self.sent.lock().unwrap().clone()
    }

    /// Cuts the line to a node: whatever it is asked or sent, nobody answers, in this life and the next.
    pub(crate) fn cut_line(&self, node: &str) {
        self.cut.lock().unwrap().insert(node.to_owned());
    }

    /// Makes the line to a node numb: whatever it is asked or sent is never answered, and whoever asks waits until he gives up.
    pub(crate) fn make_numb(&self, node: &str) {
        self.numb.lock().unwrap().insert(node.to_owned());
    }

    /// Resolves when the life is over.
    pub(super) async fn burnt(&self, store: &MemoryStore) {
        loop {
            if self.is_burnt(store) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_burnt(&self, store: &MemoryStore) -> bool {
        self.burnt.load(Ordering::Relaxed) || (self.armed.load(Ordering::Relaxed) && store.is_away())
    }

    fn counts_down(&self, count: &AtomicI64) -> bool {
        if !self.armed.load(Ordering::Relaxed) {
            return false;
        }
        let left = count.load(Ordering::Relaxed);
        if left == i64::MAX {
            return false;
        }
        count.store(left - 1, Ordering::Relaxed);
        left <= 1
    }
}

/// A node whose line is cut the instant the process dies.
pub(crate) struct FusedNode {
    inner: Arc<dyn ChainNode>,
    fuse: Arc<Fuse>,
    store: MemoryStore,
}

impl FusedNode {
    pub(crate) fn new(inner: Arc<dyn ChainNode>, fuse: Arc<Fuse>, store: MemoryStore) -> Self {
        Self { inner, fuse, store }
    }
}

#[async_trait]
impl Disguise for FusedNode {
    fn node(&self) -> &dyn ChainNode {
        self.inner.as_ref()
    }

    /// The dead neither speak nor hear; over a line that is cut nobody does, and over one that is numb nobody does in time.
    async fn before(&self) -> Result<(), ChainFault> {
        if self.fuse.is_burnt(&self.store) {
            pending::<()>().await;
        }
        let name = self.inner.name();
        if self.fuse.numb.lock().unwrap().contains(name) {
            tokio::time::sleep(NUMB).await;
            return Err(ChainFault::Silent("timed out".to_owned()));
        }
        if self.fuse.cut.lock().unwrap().contains(name) {
            return Err(ChainFault::Silent("the line is cut".to_owned()));
        }
        Ok(())
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        self.before().await?;
        self.fuse.sends.fetch_add(1, Ordering::Relaxed);
        self.fuse.sent.lock().unwrap().insert(transfer.get().txid());
        if self.fuse.counts_down(&self.fuse.burns_before_send) {
            self.fuse.burnt.store(true, Ordering::Relaxed);
            return pending().await;
        }
        let answer = self.inner.broadcast(transfer).await;
        if self.fuse.counts_down(&self.fuse.burns_after_send) {
            self.fuse.burnt.store(true, Ordering::Relaxed);
            return pending().await;
        }
        answer
    }
}
