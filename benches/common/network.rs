//! The simulated network as the office meets it, with every request counted and timed.

use async_trait::async_trait;
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::tron::broadcast::BroadcastCode;
use payoutd_actors::domain::tron::{Block, BlockId, SignedTransfer, TransactionInfo, TxId};
use payoutd_actors::fakes::sim_chain::{Endowment, Settings, SimChain};
use payoutd_actors::fakes::{SharedChain, SimNode, look};
use payoutd_actors::ledger::OnFile;
use payoutd_actors::ports::{
    AccountView, BroadcastReply, ChainFault, ChainNode, ChainParameters, Clock, ResourceView, TrialRun, View,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// From block to block, ms; the public chain takes 3,000. Nineteen confirmations are four seconds here.
pub(crate) const BLOCK_MS: u64 = 200;
/// More than any wallet holds: nothing in a bench waits for money.
const SUN: u64 = 10_000_000_000_000_000;
const MICRO_USDT: u64 = 1_000_000_000_000_000;

/// What was asked of all nodes together.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) broadcasts: AtomicU64,
    pub(crate) others: AtomicU64,
    /// Nanoseconds that the office's thread spent inside the simulated network.
    pub(crate) inside_ns: AtomicU64,
    /// When each transfer was first sent, where that is wanted.
    first_sent: Mutex<Option<BTreeMap<TxId, Instant>>>,
}

impl Asked {
    /// From now on notes when each transfer is first sent.
    pub(crate) fn note_sends(&self) {
        *self.first_sent.lock().unwrap() = Some(BTreeMap::new());
    }

    pub(crate) fn first_sent(&self, txid: &TxId) -> Option<Instant> {
        self.first_sent.lock().unwrap().as_ref()?.get(txid).copied()
    }

    fn sent(&self, txid: TxId) {
        if let Some(sent) = self.first_sent.lock().unwrap().as_mut() {
            sent.entry(txid).or_insert_with(Instant::now);
        }
    }
}

/// A network that lives by the machine's clock, on a thread of its own.
pub(crate) struct Network {
    chain: SharedChain,
    pub(crate) asked: Arc<Asked>,
    /// Whether transfers are taken and never seen again.
    swallows: bool,
    over: Arc<AtomicBool>,
    /// Nanoseconds that making blocks has cost.
    blocks_ns: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Network {
    /// A network; one that `swallows` answers that it has taken a transfer, and forgets it: it stays in flight, and the network's
    /// own memory stays out of the figures.
    pub(crate) fn start(clock: Arc<dyn Clock>, swallows: bool) -> Self {
        let chain: SharedChain =
            Arc::new(Mutex::new(SimChain::new(settings(), clock.now_ms().cast_unsigned())));
        let (over, blocks_ns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let thread = {
            let (chain, over, blocks_ns) = (chain.clone(), over.clone(), blocks_ns.clone());
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    look(&chain).advance_to(clock.now_ms().cast_unsigned());
                    count(&blocks_ns, began);
                    std::thread::sleep(Duration::from_millis(BLOCK_MS / 10));
                }
            })
        };
        Self { chain, asked: Arc::default(), swallows, over, blocks_ns, thread: Some(thread) }
    }

    /// Its nodes, as the office is configured with them: two, and no index.
    pub(crate) fn nodes(&self) -> Vec<Arc<dyn ChainNode>> {
        let node = |number| {
            let inner = SimNode::new(self.chain.clone(), number);
            Arc::new(CountedNode { inner, asked: self.asked.clone(), swallows: self.swallows })
                as Arc<dyn ChainNode>
        };
        (0..2).map(node).collect()
    }

    /// How many transfers it has executed, by its own book; each of them once.
    pub(crate) fn paid(&self) -> u64 {
        let book = look(&self.chain).book();
        let txids: std::collections::BTreeSet<TxId> = book.transfers.iter().map(|row| row.txid).collect();
        assert_eq!(txids.len(), book.transfers.len(), "a transfer was executed twice");
        txids.len() as u64
    }

    /// What the network has cost so far, on whichever thread.
    pub(crate) fn cost(&self) -> Duration {
        let nanos = self.asked.inside_ns.load(Ordering::Relaxed) + self.blocks_ns.load(Ordering::Relaxed);
        Duration::from_nanos(nanos)
    }
}

/// A network without ceilings, whose accounts never run dry.
pub(crate) fn settings() -> Settings {
    Settings {
        block_ms: BLOCK_MS,
        pending_max: 10_000_000,
        verify_signatures: false,
        endowment: Endowment { micro_usdt: MICRO_USDT, sun: SUN, ..Endowment::default() },
        ..Settings::default()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn count(counter: &AtomicU64, began: Instant) {
    counter.fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

struct CountedNode {
    inner: SimNode,
    asked: Arc<Asked>,
    swallows: bool,
}

impl CountedNode {
    async fn other<T>(&self, request: impl Future<Output = T>) -> T {
        self.asked.others.fetch_add(1, Ordering::Relaxed);
        self.timed(request).await
    }

    async fn timed<T>(&self, request: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = request.await;
        count(&self.asked.inside_ns, began);
        answer
    }
}

#[async_trait]
impl ChainNode for CountedNode {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        self.asked.broadcasts.fetch_add(1, Ordering::Relaxed);
        self.asked.sent(transfer.get().txid());
        if self.swallows {
            return Ok(BroadcastReply { code: BroadcastCode::Success, message: String::new() });
        }
        self.timed(self.inner.broadcast(transfer)).await
    }

    async fn now_block(&self, view: View) -> Result<Block, ChainFault> {
        self.other(self.inner.now_block(view)).await
    }

    async fn block(&self, view: View, number: u64) -> Result<Option<Block>, ChainFault> {
        self.other(self.inner.block(view, number)).await
    }

    async fn blocks(&self, view: View, first: u64, last: u64) -> Result<Vec<Block>, ChainFault> {
        self.other(self.inner.blocks(view, first, last)).await
    }

    async fn transaction_infos(&self, view: View, number: u64) -> Result<Vec<TransactionInfo>, ChainFault> {
        self.other(self.inner.transaction_infos(view, number)).await
    }

    async fn transaction_info(&self, view: View, txid: &TxId) -> Result<Option<TransactionInfo>, ChainFault> {
        self.other(self.inner.transaction_info(view, txid)).await
    }

    async fn genesis_id(&self) -> Result<BlockId, ChainFault> {
        self.other(self.inner.genesis_id()).await
    }

    async fn account(&self, view: View, address: Address) -> Result<AccountView, ChainFault> {
        self.other(self.inner.account(view, address)).await
    }

    async fn resources(&self, address: Address) -> Result<ResourceView, ChainFault> {
        self.other(self.inner.resources(address)).await
    }

    async fn parameters(&self) -> Result<ChainParameters, ChainFault> {
        self.other(self.inner.parameters()).await
    }

    async fn trial_run(
        &self,
        view: View,
        caller: Address,
        contract: Address,
        call_data: Vec<u8>,
    ) -> Result<TrialRun, ChainFault> {
        self.other(self.inner.trial_run(view, caller, contract, call_data)).await
    }
}
