//! The fuse: ends a life at its k-th write or send, before or after it took effect. It also keeps what left the house, and
//! cuts the line to a node for good.

use async_trait::async_trait;
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::tron::{Block, BlockId, SignedTransfer, TransactionInfo, TxId};
use payoutd_actors::fakes::MemoryStore;
use payoutd_actors::ledger::OnFile;
use payoutd_actors::ports::{
    AccountView, BroadcastReply, ChainFault, ChainNode, ChainParameters, ResourceView, TrialRun, View,
};
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a life looks whether it is over.
const LOOK: Duration = Duration::from_millis(1);

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

    /// The dead neither speak nor hear; over a line that is cut nobody does.
    async fn alive(&self) -> Result<(), ChainFault> {
        if self.fuse.is_burnt(&self.store) {
            pending::<()>().await;
        }
        if self.fuse.cut.lock().unwrap().contains(self.inner.name()) {
            return Err(ChainFault::Silent("the line is cut".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl ChainNode for FusedNode {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        self.alive().await?;
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

    async fn now_block(&self, view: View) -> Result<Block, ChainFault> {
        self.alive().await?;
        self.inner.now_block(view).await
    }

    async fn block(&self, view: View, number: u64) -> Result<Option<Block>, ChainFault> {
        self.alive().await?;
        self.inner.block(view, number).await
    }

    async fn blocks(&self, view: View, first: u64, last: u64) -> Result<Vec<Block>, ChainFault> {
        self.alive().await?;
        self.inner.blocks(view, first, last).await
    }

    async fn transaction_infos(&self, view: View, number: u64) -> Result<Vec<TransactionInfo>, ChainFault> {
        self.alive().await?;
        self.inner.transaction_infos(view, number).await
    }

    async fn transaction_info(&self, view: View, txid: &TxId) -> Result<Option<TransactionInfo>, ChainFault> {
        self.alive().await?;
        self.inner.transaction_info(view, txid).await
    }

    async fn genesis_id(&self) -> Result<BlockId, ChainFault> {
        self.alive().await?;
        self.inner.genesis_id().await
    }

    async fn account(&self, view: View, address: Address) -> Result<AccountView, ChainFault> {
        self.alive().await?;
        self.inner.account(view, address).await
    }

    async fn resources(&self, address: Address) -> Result<ResourceView, ChainFault> {
        self.alive().await?;
        self.inner.resources(address).await
    }

    async fn parameters(&self) -> Result<ChainParameters, ChainFault> {
        self.alive().await?;
        self.inner.parameters().await
    }

    async fn trial_run(
        &self,
        view: View,
        caller: Address,
        contract: Address,
        call_data: Vec<u8>,
    ) -> Result<TrialRun, ChainFault> {
        self.alive().await?;
        self.inner.trial_run(view, caller, contract, call_data).await
    }
}
