//! A node of the simulated network, behind the office's own port. It plays the network's weather: what HTTP would lose is a
//! [`ChainFault`] here.
//!
//! **Never here:** waiting. A reply that never comes is silence at once; the test's clock belongs to the test.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::domain::address::Address;
use crate::domain::tron::abi::RevertReason;
use crate::domain::tron::broadcast::BroadcastCode;
use crate::domain::tron::{
    Block, BlockHeader, BlockId, BlockTransaction, ContractResult, Log, SignedTransfer, TransactionInfo,
    TrialFailure, TxId, execution::Receipt,
};
use crate::ledger::OnFile;
use crate::ports::{
    AccountView, BroadcastReply, ChainFault, ChainNode, ChainParameters, ResourceView, TrialRun, View,
};

use super::sim_chain::{
    self, Answer, CallRefused, Finality, Lost, NodeId, ServedBlock, ServedTransaction, SimChain,
};

/// The network, shared by its nodes, its indexer and the test.
pub type SharedChain = Arc<Mutex<SimChain>>;

/// The network, whatever happened to whoever had it last.
pub fn look(chain: &SharedChain) -> MutexGuard<'_, SimChain> {
    chain.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A node of the simulated network.
#[derive(Debug, Clone)]
pub struct SimNode {
    chain: SharedChain,
    node: NodeId,
    name: String,
    signs_blocks: bool,
}

impl SimNode {
    /// The network's node of this number, from 0.
    #[must_use]
    pub fn new(chain: SharedChain, node: usize) -> Self {
        Self { chain, node: NodeId(node), name: format!("sim-{node}"), signs_blocks: false }
    }

    /// The same node under another name.
    #[must_use]
    pub fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// Blocks come with their producer's signature, which costs time; without it that field is empty.
    #[must_use]
    pub fn with_signed_blocks(self) -> Self {
        Self { signs_blocks: true, ..self }
    }

    fn ask<T>(&self, view: View, question: impl FnOnce(sim_chain::View<'_>) -> T) -> Result<T, ChainFault> {
        let finality = match view {
            View::Head => Finality::Head,
            View::Solid => Finality::Solid,
        };
        heard(look(&self.chain).ask(self.node, finality, question))
    }

    fn block_of(&self, served: &ServedBlock) -> Block {
        let signature = if self.signs_blocks { served.witness_signature() } else { None };
        let header = BlockHeader {
            number: served.number,
            parent_id: served.parent_id,
            timestamp_ms: served.timestamp_ms.cast_signed(),
            witness: served.witness,
            witness_id: 0,
            version: served.version,
            tx_trie_root: served.tx_trie_root,
            account_state_root: None,
            signature: signature.map(Vec::from).unwrap_or_default(),
        };
        let transactions = served.transactions.iter().filter_map(transaction_of).collect();
        Block { id: served.id, header, transactions }
    }
}

/// The answer, or what the office calls the way in which it was lost.
pub(super) fn heard<T>(answer: Answer<T>) -> Result<T, ChainFault> {
    match answer {
        Answer::Reply(reply) => Ok(reply),
        Answer::Lost(Lost::HangsUp) => Err(ChainFault::Silent("the connection was closed".to_owned())),
        Answer::Lost(Lost::TimesOut) => Err(ChainFault::Silent("timed out".to_owned())),
        Answer::Lost(Lost::Html) => Err(ChainFault::Garbled("a page for people".to_owned())),
        Answer::Lost(Lost::HalfJson) => Err(ChainFault::Garbled("JSON that stops half way".to_owned())),
        Answer::Lost(Lost::Status { code, retry_after_s }) => Err(ChainFault::Penalty {
            status: code,
            retry_after_ms: retry_after_s.map(|seconds| i64::from(seconds) * 1_000),
        }),
    }
}

fn transaction_of(served: &ServedTransaction) -> Option<BlockTransaction> {
    let read = served.read()?;
    Some(BlockTransaction::with_result(read.raw_data, read.signatures, result_of(served.contract_ret)))
}

fn result_of(result: sim_chain::ContractResult) -> ContractResult {
    match result {
        sim_chain::ContractResult::Success => ContractResult::Success,
        sim_chain::ContractResult::Revert => ContractResult::Revert,
        sim_chain::ContractResult::IllegalOperation => ContractResult::IllegalOperation,
        sim_chain::ContractResult::OutOfEnergy => ContractResult::OutOfEnergy,
    }
}

fn info_of(info: sim_chain::TransactionInfo) -> TransactionInfo {
    let result_failed = info.failed();
    let receipt = info.receipt;
    let logs = receipt.logs.into_iter().map(|log| Log {
        address: *log.address.evm(),
        topics: log.topics.into_iter().map(|topic| topic.to_bytes()).collect(),
        data: log.data,
    });
    TransactionInfo {
        txid: info.txid,
        block_number: info.block_number,
        block_timestamp_ms: info.block_timestamp_ms.cast_signed(),
        fee_sun: receipt.fee_sun,
        result_failed,
        receipt: Receipt {
            result: receipt.contract.map(|_| result_of(receipt.result)),
            energy_usage: receipt.energy_usage,
            energy_fee_sun: receipt.energy_fee_sun,
            origin_energy_usage: 0,
            energy_usage_total: receipt.energy_usage_total,
            energy_penalty_total: receipt.energy_penalty_total,
            net_usage: receipt.net_usage,
            net_fee_sun: receipt.net_fee_sun,
        },
        logs: logs.collect(),
        contract_results: vec![receipt.output],
        contract_address: receipt.contract,
        res_message: receipt.message,
    }
}

#[async_trait]
impl ChainNode for SimNode {
    fn name(&self) -> &str {
        &self.name
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        let transfer = transfer.get();
        let reply = heard(look(&self.chain).broadcast(self.node, &transfer.bytes()))?;
        let reply = reply.map_err(|malformed| ChainFault::Garbled(malformed.to_string()))?;
        if reply.txid != transfer.txid() {
            let message = format!("a reply about {}", reply.txid);
            return Ok(BroadcastReply { code: BroadcastCode::NoAnswer, message });
        }
        Ok(BroadcastReply { code: reply.code, message: reply.message })
    }

    async fn now_block(&self, view: View) -> Result<Block, ChainFault> {
        let block = self.ask(view, |view| view.now_block())?;
        block.map(|block| self.block_of(&block)).ok_or_else(|| ChainFault::Garbled("no block".to_owned()))
    }

    async fn block(&self, view: View, number: u64) -> Result<Option<Block>, ChainFault> {
        let block = self.ask(view, |view| view.block_by_num(number))?;
        Ok(block.map(|block| self.block_of(&block)))
    }

    async fn blocks(&self, view: View, first: u64, last: u64) -> Result<Vec<Block>, ChainFault> {
        // A node answers nothing at all to whoever asks for more than a hundred.
        let end = last.saturating_add(1).min(first.saturating_add(100));
        let blocks = self.ask(view, |view| view.blocks_by_limit_next(first, end))?;
        Ok(blocks.unwrap_or_default().iter().map(|block| self.block_of(block)).collect())
    }

    async fn transaction_infos(&self, view: View, number: u64) -> Result<Vec<TransactionInfo>, ChainFault> {
        let infos = self.ask(view, |view| view.transaction_infos_by_block(number))?;
        Ok(infos.into_iter().map(info_of).collect())
    }

    async fn transaction_info(&self, view: View, txid: &TxId) -> Result<Option<TransactionInfo>, ChainFault> {
        Ok(self.ask(view, |view| view.transaction_info_by_id(*txid))?.map(info_of))
    }

    async fn genesis_id(&self) -> Result<BlockId, ChainFault> {
        let genesis = self.ask(View::Head, |view| view.header_by_num(0))?;
        genesis.map(|block| block.id).ok_or_else(|| ChainFault::Garbled("no block".to_owned()))
    }

    async fn account(&self, view: View, address: Address) -> Result<AccountView, ChainFault> {
        let account = self.ask(view, |view| view.account(address))?;
        Ok(account.map_or_else(AccountView::default, |account| AccountView {
            exists: true,
            balance_sun: account.balance_sun,
        }))
    }

    async fn resources(&self, address: Address) -> Result<ResourceView, ChainFault> {
        let resources = self.ask(View::Head, |view| view.account_resources(address))?;
        Ok(resources.map_or_else(ResourceView::default, |resources| {
            let free = resources.free_bandwidth_limit.saturating_sub(resources.free_bandwidth_used);
            let staked = resources.bandwidth_limit.saturating_sub(resources.bandwidth_used);
            ResourceView {
                energy_left: resources.energy_limit.saturating_sub(resources.energy_used),
                bandwidth_left: free + staked,
            }
        }))
    }

    async fn parameters(&self) -> Result<ChainParameters, ChainFault> {
        self.ask(View::Head, |view| {
            let parameters = view.parameters();
            ChainParameters {
                energy_price_sun: parameters.energy_fee_sun,
                bandwidth_price_sun: parameters.transaction_fee_sun,
                fee_limit_max_sun: parameters.max_fee_limit_sun,
                memo_fee_sun: parameters.memo_fee_sun,
            }
        })
    }

    async fn trial_run(
        &self,
        view: View,
        caller: Address,
        contract: Address,
        call_data: Vec<u8>,
    ) -> Result<TrialRun, ChainFault> {
        let call = self.ask(view, |view| view.constant_call(caller, contract, &call_data, 0))?;
        Ok(match call {
            Ok(call) => {
                let words = || RevertReason::decode(&call.output).to_string();
                let failure = call.reverted.then(|| TrialFailure::Refused(words()));
                TrialRun { energy_used: call.energy_used, returned: call.output, failure }
            }
            Err(refused @ CallRefused::NoContract) => {
                return Err(ChainFault::Garbled(format!("the call was not run: {refused}")));
            }
            Err(CallRefused::Died { words }) => {
                let failure = TrialFailure::of_exception(words.to_owned());
                TrialRun { energy_used: 0, returned: Vec::new(), failure: Some(failure) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sim_chain::{Settings, WeatherOrder, genesis};
    use super::*;
    use crate::domain::money::MicroUsdt;
    use crate::domain::tron::block::RootCheck;
    use crate::domain::tron::proof::{Ordered, Verdict, judge};
    use crate::domain::tron::{PayoutCall, RefBlock, TransferTerms, Unsigned};

    const START_MS: u64 = 1_795_000_002_000;

    fn town() -> (SharedChain, SimNode) {
        let chain = Arc::new(Mutex::new(SimChain::new(Settings::default(), START_MS)));
        (Arc::clone(&chain), SimNode::new(chain, 0).with_signed_blocks())
    }

    async fn payment(node: &SimNode) -> SignedTransfer {
        let wallet = &genesis().accounts[0];
        let call = PayoutCall::Transfer {
            token: genesis().usdt,
            recipient: genesis().stranger.address,
            amount: MicroUsdt::new(25_500_000),
        };
        let terms = TransferTerms {
            owner: wallet.address,
            call,
            fee_limit_sun: 100_000_000,
            ref_block: RefBlock::new(node.now_block(View::Solid).await.unwrap().id),
            expires_at_ms: START_MS.cast_signed() + 60_000,
            timestamp_ms: START_MS.cast_signed(),
            memo: None,
            permission_id: 0,
        };
        Unsigned::build(&terms).unwrap().sign(&wallet.key().unwrap()).unwrap()
    }

    /// The office's own proof of payment and checks of blocks agree with what the network did.
    #[tokio::test]
    async fn a_payment_through_the_network_is_proved_by_the_offices_own_rules() {
        let (chain, node) = town();
        let transfer = payment(&node).await;
        assert!(look(&chain).broadcast(NodeId(0), &transfer.bytes()).reply().is_some());
        look(&chain).advance_to(START_MS + 90_000);
        let info = node.transaction_info(View::Solid, &transfer.txid()).await.unwrap().unwrap();
        let ordered = Ordered::from_raw_data(transfer.raw_data(), genesis().usdt).unwrap();
        assert!(matches!(judge(&ordered, &info).unwrap(), Verdict::Paid(_)));
        let blocks = node.blocks(View::Solid, info.block_number - 1, info.block_number).await.unwrap();
        let [parent, block] = blocks.as_slice() else { panic!("two blocks were asked for") };
        assert_eq!(block.header.parent_id, parent.id);
        block.check_id().unwrap();
        assert_eq!(block.check_root(), RootCheck::Holds);
        assert_eq!(block.header.signer().unwrap(), block.header.witness);
        assert_eq!(block.transactions[0].txid(), transfer.txid());
        assert_eq!(node.transaction_infos(View::Solid, info.block_number).await.unwrap(), vec![info]);
    }

    /// What HTTP would lose is a fault of the dependency here; nothing of it says "not sent".
    #[tokio::test]
    async fn a_lost_answer_is_a_fault_and_no_verdict() {
        let (chain, node) = town();
        for (weather, garbled) in
            [("hangs_up", false), ("times_out", false), ("html_reply", true), ("half_json", true)]
        {
            let order: WeatherOrder =
                serde_json::from_str(&format!(r#"{{"next_read":"{weather}"}}"#)).unwrap();
            look(&chain).order(&order).unwrap();
            match node.now_block(View::Head).await.unwrap_err() {
                ChainFault::Silent(_) => assert!(!garbled, "{weather}"),
                ChainFault::Garbled(_) => assert!(garbled, "{weather}"),
                other => panic!("{weather}: {other}"),
            }
        }
        let order: WeatherOrder = serde_json::from_str(r#"{"next_read":"http_429_with_penalty"}"#).unwrap();
        look(&chain).order(&order).unwrap();
        let fault = node.parameters().await.unwrap_err();
        assert_eq!(fault, ChainFault::Penalty { status: 429, retry_after_ms: Some(30_000) });
    }
}
