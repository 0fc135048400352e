//! A node that is another one but for what it does differently: liars, dead lines, weaknesses. Whoever disguises a node writes
//! down only that.

use crate::domain::address::Address;
use crate::domain::tron::{Block, BlockId, SignedTransfer, TransactionInfo, TxId};
use crate::ledger::OnFile;
use crate::ports::{
    AccountView, BroadcastReply, ChainFault, ChainNode, ChainParameters, ResourceView, TrialRun, View,
};
use async_trait::async_trait;

/// What is different about a node; everything else is the node's within.
#[async_trait]
pub trait Disguise: Send + Sync {
    /// The node within.
    fn node(&self) -> &dyn ChainNode;

    /// Asked before everything but a broadcast: a line that is cut says so here.
    async fn before(&self) -> Result<(), ChainFault> {
        Ok(())
    }

    /// Asked before blocks are, when there is more than one.
    async fn before_blocks(&self) -> Result<(), ChainFault> {
        Ok(())
    }

    /// Which view is really asked.
    fn view(&self, view: View) -> View {
        view
    }

    /// Under which name it goes.
    fn name(&self) -> &str {
        self.node().name()
    }

    /// As [`ChainNode::broadcast`].
    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        self.node().broadcast(transfer).await
    }

    /// What it shows in a block's place.
    fn shown(&self, _: View, block: Block) -> Block {
        block
    }

    /// What it shows in the place of what became of a transaction; `None`: it shows nothing.
    fn told(&self, _: View, info: TransactionInfo) -> Option<TransactionInfo> {
        Some(info)
    }

    /// What it says of a trial run.
    fn tried(&self, _: &[u8], run: Result<TrialRun, ChainFault>) -> Result<TrialRun, ChainFault> {
        run
    }
}

#[async_trait]
impl<D: Disguise> ChainNode for D {
    fn name(&self) -> &str {
        Disguise::name(self)
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        Disguise::broadcast(self, transfer).await
    }

    async fn now_block(&self, view: View) -> Result<Block, ChainFault> {
        self.before().await?;
        Ok(self.shown(view, self.node().now_block(self.view(view)).await?))
    }

    async fn block(&self, view: View, number: u64) -> Result<Option<Block>, ChainFault> {
        self.before().await?;
        let block = self.node().block(self.view(view), number).await?;
        Ok(block.map(|block| self.shown(view, block)))
    }

    async fn blocks(&self, view: View, first: u64, last: u64) -> Result<Vec<Block>, ChainFault> {
        self.before().await?;
        self.before_blocks().await?;
        let blocks = self.node().blocks(self.view(view), first, last).await?;
        Ok(blocks.into_iter().map(|block| self.shown(view, block)).collect())
    }

    async fn transaction_infos(&self, view: View, number: u64) -> Result<Vec<TransactionInfo>, ChainFault> {
        self.before().await?;
        let infos = self.node().transaction_infos(self.view(view), number).await?;
        Ok(infos.into_iter().filter_map(|info| self.told(view, info)).collect())
    }

    async fn transaction_info(&self, view: View, txid: &TxId) -> Result<Option<TransactionInfo>, ChainFault> {
        self.before().await?;
        let info = self.node().transaction_info(self.view(view), txid).await?;
        Ok(info.and_then(|info| self.told(view, info)))
    }

    async fn genesis_id(&self) -> Result<BlockId, ChainFault> {
        self.before().await?;
        self.node().genesis_id().await
    }

    async fn account(&self, view: View, address: Address) -> Result<AccountView, ChainFault> {
        self.before().await?;
        self.node().account(self.view(view), address).await
    }

    async fn resources(&self, address: Address) -> Result<ResourceView, ChainFault> {
        self.before().await?;
        self.node().resources(address).await
    }

    async fn parameters(&self) -> Result<ChainParameters, ChainFault> {
        self.before().await?;
        self.node().parameters().await
    }

    async fn trial_run(
        &self,
        view: View,
        caller: Address,
        contract: Address,
        call_data: Vec<u8>,
    ) -> Result<TrialRun, ChainFault> {
        self.before().await?;
        let run = self.node().trial_run(self.view(view), caller, contract, call_data.clone()).await;
        self.tried(&call_data, run)
    }
}
