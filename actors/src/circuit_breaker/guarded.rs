//! A dependency behind its breaker: the same port, with a permit before each call and a report after it.

use super::SharedBreaker;
use crate::domain::address::Address;
use crate::domain::tron::{Block, BlockId, SignedTransfer, TransactionInfo, TxId};
use crate::ledger::OnFile;
use crate::ports::{
    AccountView, BroadcastReply, ChainFault, ChainNode, ChainParameters, IndexedTransfer, ResourceView,
    SecondOpinion, TrialRun, View,
};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A dependency behind its breaker.
pub struct Guarded<N: ?Sized> {
    inner: Arc<N>,
    breaker: SharedBreaker,
}

impl<N: ?Sized> Guarded<N> {
    /// Puts a dependency behind a breaker.
    #[must_use]
    pub fn new(inner: Arc<N>, breaker: SharedBreaker) -> Self {
        Self { inner, breaker }
    }

    /// The call is made only when it is let through: nothing of it runs before the permit.
    async fn pass<T>(
        &self,
        call: impl Future<Output = Result<T, ChainFault>> + Send,
    ) -> Result<T, ChainFault> {
        self.breaker.permit()?;
        let under_way = UnderWay { breaker: Some(&self.breaker), began: Instant::now() };
        let result = call.await;
        under_way.came_back(&result);
        result
    }
}

/// How long a call was waited for when it counts as silence that its caller gave it up. Sooner than that it was not needed any
/// more, which says nothing of the dependency.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(2);

/// A call that was let through: it comes back, or its caller gives it up.
struct UnderWay<'a> {
    breaker: Option<&'a SharedBreaker>,
    began: Instant,
}

impl UnderWay<'_> {
    fn came_back<T>(mut self, result: &Result<T, ChainFault>) {
        if let Some(breaker) = self.breaker.take() {
            breaker.report(result, self.began.elapsed());
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let waited = self.began.elapsed();
        if let Some(breaker) = self.breaker.take().filter(|_| waited >= GIVEN_UP_AFTER) {
            let silent = ChainFault::Silent("nobody waits for it any longer".to_owned());
            breaker.report::<()>(&Err(silent), waited);
        }
    }
}

#[async_trait]
impl ChainNode for Guarded<dyn ChainNode> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        self.pass(self.inner.broadcast(transfer)).await
    }

    async fn now_block(&self, view: View) -> Result<Block, ChainFault> {
        self.pass(self.inner.now_block(view)).await
    }

    async fn block(&self, view: View, number: u64) -> Result<Option<Block>, ChainFault> {
        self.pass(self.inner.block(view, number)).await
    }

    async fn blocks(&self, view: View, first: u64, last: u64) -> Result<Vec<Block>, ChainFault> {
        self.pass(self.inner.blocks(view, first, last)).await
    }

    async fn transaction_infos(&self, view: View, number: u64) -> Result<Vec<TransactionInfo>, ChainFault> {
        self.pass(self.inner.transaction_infos(view, number)).await
    }

    async fn transaction_info(&self, view: View, txid: &TxId) -> Result<Option<TransactionInfo>, ChainFault> {
        self.pass(self.inner.transaction_info(view, txid)).await
    }

    async fn genesis_id(&self) -> Result<BlockId, ChainFault> {
        self.pass(self.inner.genesis_id()).await
    }

    async fn account(&self, view: View, address: Address) -> Result<AccountView, ChainFault> {
        self.pass(self.inner.account(view, address)).await
    }

    async fn resources(&self, address: Address) -> Result<ResourceView, ChainFault> {
        self.pass(self.inner.resources(address)).await
    }

    async fn parameters(&self) -> Result<ChainParameters, ChainFault> {
        self.pass(self.inner.parameters()).await
    }

    async fn trial_run(
        &self,
        view: View,
        caller: Address,
        contract: Address,
        call_data: Vec<u8>,
    ) -> Result<TrialRun, ChainFault> {
        self.pass(self.inner.trial_run(view, caller, contract, call_data)).await
    }
}

#[async_trait]
impl SecondOpinion for Guarded<dyn SecondOpinion> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn outgoing(
        &self,
        wallet: Address,
        token: Address,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<IndexedTransfer>, ChainFault> {
        self.pass(self.inner.outgoing(wallet, token, from_ms, to_ms)).await
    }
}
