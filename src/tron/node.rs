//! One TRON node over HTTP, as java-tron 4.8 and the services in front of it answer.
//!
//! Promises: what is sent is what is on file, by `broadcasthex`, which alone takes our bytes as they are; ids and numbers in an
//! answer are those that were asked for; `wallet/…` answers for the head and `walletsolidity/…` for what cannot be undone,
//! both from the same operator.
//!
//! **Never here:** a conclusion from an answer, and a second try of a broadcast.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use payoutd_actors::{
    domain::{
        address::Address,
        tron::{Block, BlockId, SignedTransfer, TransactionInfo, TxId},
    },
    ledger::OnFile,
    ports::{
        AccountView, BroadcastReply, ChainFault, ChainNode, ChainParameters, ResourceView, TrialRun, View,
    },
};
use reqwest::Url;
use serde_json::json;

use super::{
    ClientError, api_key_of,
    call::Call,
    limits::{BLOCKS_PER_CALL_MAX, ProviderLimits},
    provider::{Provider, Trouble},
    wire::{account, block, broadcast, info, trial},
};
use crate::{
    config::{self, Egress, Secret},
    egress::{self, ApiKey, Transport},
};

/// Where a node is and what a call to it may take.
#[derive(Debug, Clone)]
pub struct NodeSettings {
    /// Its name in proofs, views, logs and metrics: host and port.
    pub name: String,
    /// Where `wallet/…` is asked.
    pub url: Url,
    /// Where `walletsolidity/…` is asked.
    pub solidity_url: Url,
    /// Sent as TRON-PRO-API-KEY, where there is one.
    pub api_key: Option<ApiKey>,
    /// Time, sizes, connections.
    pub limits: ProviderLimits,
}

/// One TRON node.
pub struct TronNode {
    provider: Provider,
    url: Url,
    solidity_url: Url,
    broadcast_url: Url,
}

impl fmt::Debug for TronNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TronNode({})", self.provider.name())
    }
}

impl NodeSettings {
    /// As the operator configured it.
    ///
    /// # Errors
    /// When the key can not stand in a header.
    pub fn of(
        node: &config::Node,
        api_key: Option<&Secret>,
        request_timeout: Duration,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            name: node.url.host(),
            url: node.url.url().clone(),
            solidity_url: node.solidity_url.url().clone(),
            api_key: api_key_of(api_key)?,
            limits: ProviderLimits::with_request_timeout(request_timeout),
        })
    }
}

impl TronNode {
    /// A node that is reached directly. Nothing is sent yet. The metrics' recorder must be installed before.
    ///
    /// # Errors
    /// When an address is none that can be dialled, or the system has no root certificates for https.
    pub fn new(settings: NodeSettings) -> Result<Self, ClientError> {
        let addresses = [&settings.url, &settings.solidity_url];
        let transport = egress::open(Egress::Direct, &addresses, &settings.limits.egress)?;
        Ok(Self::through(transport, settings))
    }

    /// A node that is reached by a way that is open already.
    #[must_use]
    pub fn through(transport: Arc<dyn Transport>, settings: NodeSettings) -> Self {
        let NodeSettings { name, url, solidity_url, api_key, limits } = settings;
        let broadcast_url = egress::below(&url, &Call::BroadcastHex.path(View::Head));
        Self { provider: Provider::new(name, api_key, limits, transport), url, solidity_url, broadcast_url }
    }

    fn url(&self, call: Call, view: View) -> Url {
        let address = match view {
            View::Head => &self.url,
            View::Solid => &self.solidity_url,
        };
        egress::below(address, &call.path(view))
    }

    /// Asks for one thing and reads the answer.
    async fn ask<T>(
        &self,
        call: Call,
        view: View,
        question: serde_json::Value,
        read: impl FnOnce(&[u8]) -> Result<T, ChainFault>,
    ) -> Result<T, ChainFault> {
        let answer = self.provider.ask(call, self.url(call, view), question.to_string().into_bytes()).await?;
        self.read(call, &answer, read)
    }

    /// As [`TronNode::ask`], where the answer may be as long as a block.
    async fn list<T>(
        &self,
        call: Call,
        view: View,
        question: serde_json::Value,
        read: impl FnOnce(&[u8]) -> Result<T, ChainFault>,
    ) -> Result<T, ChainFault> {
        let answer =
            self.provider.ask_list(call, self.url(call, view), question.to_string().into_bytes()).await?;
        self.read(call, &answer, read)
    }

    fn read<T>(
        &self,
        call: Call,
        answer: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, ChainFault>,
    ) -> Result<T, ChainFault> {
        read(answer).map_err(|fault| self.provider.garbled(call, fault))
    }

    /// Sends a transfer's bytes; see [`ChainNode::broadcast`], which takes only what is on file.
    pub(super) async fn send(&self, transfer: &SignedTransfer) -> Result<BroadcastReply, ChainFault> {
        let url = self.broadcast_url.clone();
        let answer = self.provider.post_once(Call::BroadcastHex, url, broadcast_body(transfer)).await?;
        let reply =
            self.read(Call::BroadcastHex, &answer, |body| broadcast::read_reply(body, &transfer.txid()))?;
        Ok(BroadcastReply { message: self.provider.redact(reply.message), ..reply })
    }

    /// Blocks of a range that java-tron answers in one call.
    async fn range(&self, view: View, first: u64, count: u64) -> Result<Vec<Block>, Trouble> {
        let call = Call::BlockByLimitNext;
        let question = json!({ "startNum": first, "endNum": first.saturating_add(count) });
        let body = question.to_string().into_bytes();
        let answer = self.provider.ask_list(call, self.url(call, view), body).await?;
        let read = |body: &[u8]| block::read_blocks(body).and_then(|blocks| in_order(blocks, first, count));
        self.read(call, &answer, read).map_err(Trouble::Fault)
    }
}

#[async_trait]
impl ChainNode for TronNode {
    fn name(&self) -> &str {
        self.provider.name()
    }

    async fn broadcast(&self, transfer: &OnFile<SignedTransfer>) -> Result<BroadcastReply, ChainFault> {
        self.send(transfer.get()).await
    }

    async fn now_block(&self, view: View) -> Result<Block, ChainFault> {
        self.list(Call::NowBlock, view, json!({}), |body| {
            block::read_block(body)?.ok_or_else(|| ChainFault::Garbled("no newest block".to_owned()))
        })
        .await
    }

    async fn block(&self, view: View, number: u64) -> Result<Option<Block>, ChainFault> {
        self.list(Call::BlockByNum, view, json!({ "num": number }), |body| {
            block::read_block(body)?.map(|block| numbered(block, number)).transpose()
        })
        .await
    }

    async fn blocks(&self, view: View, first: u64, last: u64) -> Result<Vec<Block>, ChainFault> {
        let Some(span) = last.checked_sub(first) else {
            return Ok(Vec::new());
        };
        let mut count = span.saturating_add(1).min(BLOCKS_PER_CALL_MAX);
        loop {
            match self.range(view, first, count).await {
                // Full blocks: fewer at a time.
                Err(Trouble::TooLong { .. }) if count > 1 => count /= 2,
                answer => return Ok(answer?),
            }
        }
    }

    async fn transaction_infos(&self, view: View, number: u64) -> Result<Vec<TransactionInfo>, ChainFault> {
        self.list(Call::TransactionInfoByBlockNum, view, json!({ "num": number }), |body| {
            let infos = info::read_infos(body)?;
            match infos.iter().find(|info| info.block_number != number) {
                None => Ok(infos),
                Some(stray) => Err(ChainFault::Garbled(format!(
                    "a result of block {} among those of block {number}, which were asked for",
                    stray.block_number
                ))),
            }
        })
        .await
    }

    async fn transaction_info(&self, view: View, txid: &TxId) -> Result<Option<TransactionInfo>, ChainFault> {
        self.ask(Call::TransactionInfoById, view, json!({ "value": txid }), |body| {
            let info = info::read_info(body)?;
            match &info {
                Some(other) if other.txid != *txid => Err(ChainFault::Garbled(format!(
                    "the result of {} and not of {txid}, which was asked for",
                    other.txid
                ))),
                _ => Ok(info),
            }
        })
        .await
    }

    async fn genesis_id(&self) -> Result<BlockId, ChainFault> {
        self.list(Call::BlockByNum, View::Head, json!({ "num": 0 }), block::read_genesis_id).await
    }

    async fn account(&self, view: View, address: Address) -> Result<AccountView, ChainFault> {
        let question = json!({ "address": address.to_hex41() });
        self.ask(Call::Account, view, question, |body| account::read_account(body, address)).await
    }

    async fn resources(&self, address: Address) -> Result<ResourceView, ChainFault> {
        let question = json!({ "address": address.to_hex41() });
        self.ask(Call::AccountResource, View::Head, question, account::read_resources).await
    }

    async fn parameters(&self) -> Result<ChainParameters, ChainFault> {
        self.ask(Call::ChainParameters, View::Head, json!({}), account::read_parameters).await
    }

    async fn trial_run(
        &self,
        view: View,
        caller: Address,
        contract: Address,
        call_data: Vec<u8>,
    ) -> Result<TrialRun, ChainFault> {
        let question = json!({
            "owner_address": caller.to_hex41(),
            "contract_address": contract.to_hex41(),
            "data": hex::encode(call_data),
        });
        self.ask(Call::TriggerConstantContract, view, question, trial::read_trial).await
    }
}

/// `{"transaction":"…"}`, without a detour through JSON values: this is the hot path.
fn broadcast_body(transfer: &SignedTransfer) -> Vec<u8> {
    ["{\"transaction\":\"", &hex::encode(transfer.bytes()), "\"}"].concat().into_bytes()
}

/// The block, if it has the number that was asked for in its header and in its id.
fn numbered(block: Block, asked: u64) -> Result<Block, ChainFault> {
    if block.number() == asked && block.id.number() == asked {
        return Ok(block);
    }
    let found = block.number();
    Err(ChainFault::Garbled(format!(
        "block {found} ({}) and not block {asked}, which was asked for",
        block.id
    )))
}

/// The blocks, if they are the first of those that were asked for, one after the other.
fn in_order(blocks: Vec<Block>, first: u64, count: u64) -> Result<Vec<Block>, ChainFault> {
    let came = blocks.len();
    if u64::try_from(came).is_ok_and(|came| came > count) {
        return Err(ChainFault::Garbled(format!("{came} blocks where {count} were asked for")));
    }
    (first..).zip(blocks).map(|(number, block)| numbered(block, number)).collect()
}
