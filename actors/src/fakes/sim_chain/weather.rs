//! What can go wrong, by name. An order is played once, or until it is taken back; a storm (see `storm`) plays them by its seed.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::address::Address;
use crate::domain::tron::TxId;
use crate::domain::tron::broadcast::BroadcastCode;

use super::SimChain;
use super::answer::{Answer, Lost};
use super::broadcast::BroadcastReply;
use super::bytes::Bytes;
use super::genesis::genesis;
use super::node::NodeId;
use super::state::{Cell, Ledger};
use super::storm::Storm;
use super::transaction::{Malformed, Transaction};

/// How long a node refuses everything after it has answered 403 or 429.
const PENALTY_MS: u64 = 30_000;
/// How many blocks a node misses that falls behind at a broadcast.
const LAGGING_BLOCKS: u64 = 5;
/// Bytes that a relay adds when told to: at 1000 sun a byte they burn 100 TRX.
const PADDING_BYTES: u32 = 100_000;

/// The weather at large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weather {
    /// Nothing goes wrong by itself.
    Calm,
    /// Everything goes wrong now and then, but for executions that fail; bounded, so that all settles.
    Stormy,
}

/// What can happen to a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BroadcastWeather {
    /// The node takes it and closes the connection without a word.
    AcceptsThenHangsUp,
    /// SUCCESS, pending, and no producer ever hears of it.
    SuccessNeverIncluded,
    /// Refused as a node without the reference block would, then DUP for an hour though never taken.
    RefusedThenDup,
    /// SUCCESS, told to nobody, gone at the next block. The same bytes are welcome again.
    DroppedPending,
    /// Taken; then the node gets no blocks for a while and answers `{}`.
    Lagging,
    /// Taken; the reply is a page for people.
    HtmlReply,
    /// Taken; the reply stops half way.
    HalfJson,
    /// Taken; the reply names another id.
    WrongTxid,
    /// Not taken: 403, and everything else is refused for 30 s.
    #[serde(rename = "http_403")]
    Http403,
    /// Not taken: 429 with `Retry-After`, and everything else is refused for 30 s.
    #[serde(rename = "http_429_with_penalty")]
    Http429WithPenalty,
    /// Somebody has sent a broken signature under this id before: DUP for an hour, never taken.
    PoisonedDup,
    /// Not taken: SERVER_BUSY.
    ServerBusy,
    /// Taken; the reply never comes.
    TimesOut,
    /// Taken; a relay puts 100 000 bytes behind the signature, which burn bandwidth.
    PadsTransaction,
    /// Taken, and in two blocks: the producers forget that a txid runs once.
    TwiceInChain,
}

/// What can happen to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadWeather {
    /// No answer, the connection closes.
    HangsUp,
    /// No answer at all.
    TimesOut,
    /// A page for people.
    HtmlReply,
    /// JSON that stops half way.
    HalfJson,
    /// 503.
    #[serde(rename = "http_503")]
    Http503,
    /// 403, and everything else is refused for 30 s.
    #[serde(rename = "http_403")]
    Http403,
    /// 429 with `Retry-After`, and everything else is refused for 30 s.
    #[serde(rename = "http_429_with_penalty")]
    Http429WithPenalty,
    /// `{}` or `[]`, whatever was asked: a back end that knows nothing.
    Unknown,
}

/// An order to the weather, as `POST /sandbox/weather` takes it; everything in it is done, in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WeatherOrder {
    /// The weather at large.
    pub weather: Option<Weather>,
    /// The storm's seed; 0 without one.
    pub seed: Option<u64>,
    /// Whether the producers stand still.
    pub pause_blocks: Option<bool>,
    /// A fork of so many blocks begins.
    pub fork: Option<u32>,
    /// Signed transactions, in hex, that only the fork's winning side knows.
    pub rivals: Vec<String>,
    /// The next slots are missed.
    pub missed_slots: Option<u32>,
    /// Whether too few producers are there for anything to become solid.
    pub stop_solidification: Option<bool>,
    /// What happens to the next broadcast.
    pub next_broadcast: Option<BroadcastWeather>,
    /// What happens to the next question.
    pub next_read: Option<ReadWeather>,
    /// Which node the fields before and after are about; any when left out.
    pub node: Option<usize>,
    /// A node hears of blocks late.
    pub lag: Option<NodeLag>,
    /// A node's solid view stands still further back.
    pub stale_solid: Option<StaleSolid>,
    /// A node serves a block with a transaction taken out.
    pub doctored_block: Option<DoctoredBlock>,
    /// Whether USDT is paused.
    pub token_paused: Option<bool>,
    /// USDT refuses this sender from now on.
    pub blacklist: Option<Address>,
    /// USDT takes a fee on transfers: what is ordered is paid short.
    pub token_fee: Option<TokenFee>,
    /// The dynamic energy factor of USDT, in ten thousandths; a leap makes fee limits too low.
    pub dynamic_energy_factor: Option<u64>,
    /// What is wrong with TronScan.
    pub tronscan: Option<TronScanWeather>,
}

/// A node hears of blocks late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLag {
    /// By so many milliseconds, from now on; 0 takes it back.
    pub by_ms: u64,
}

/// A node's solid view stands further back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleSolid {
    /// By so many blocks.
    pub blocks: u64,
    /// For so long.
    pub for_ms: u64,
}

/// A block is served with a transaction taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctoredBlock {
    /// Which transaction; left out, the first of the next block that holds one, once.
    #[serde(default)]
    pub txid: Option<TxId>,
    /// Whether the served block's Merkle root and id are made anew: the id fits, the links do not.
    pub ids_recomputed: bool,
}

/// USDT's fee on transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenFee {
    /// Hundredths of a percent.
    pub basis_points_rate: u64,
    /// At most so much.
    pub maximum_micro_usdt: u64,
}

/// What is wrong with TronScan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TronScanWeather {
    /// Its index is so far behind the head, from now on.
    pub lag_ms: Option<u64>,
    /// It says of everything that it is confirmed.
    pub lies_confirmed: Option<bool>,
    /// The next answers are this status.
    pub status: Option<u16>,
    /// How many of them; one when left out.
    pub times: Option<u32>,
}

/// An order that can not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrderRefused {
    /// There are fewer nodes.
    #[error("there is no node {node}")]
    NoSuchNode {
        /// The node asked for, from 0.
        node: usize,
    },
    /// A rival that is no hex.
    #[error("a rival is no hex")]
    RivalNoHex,
}

/// What is wrong with the network at large.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sky {
    paused: bool,
    paused_until_ms: u64,
    slots_to_miss: u32,
    solidification_stopped: bool,
    solidification_stopped_until_ms: u64,
    next_broadcasts: VecDeque<BroadcastWeather>,
    next_reads: VecDeque<ReadWeather>,
    /// To run a second time, once they have run a first time.
    twice: BTreeSet<TxId>,
    again: Vec<TxId>,
    decrees: Vec<Decree>,
    decreed: Vec<(u64, Decree)>,
    pub(super) tronscan: TronScanSky,
    seed: u64,
}

/// What is wrong with TronScan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct TronScanSky {
    pub(super) lag_ms: Option<u64>,
    pub(super) lies_confirmed: bool,
    pub(super) statuses: VecDeque<u16>,
}

/// What the token's owner does at the next block, without a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Decree {
    Paused(bool),
    Blacklist(Address),
    Fee { basis_points_rate: u64, maximum_fee: u64 },
}

impl SimChain {
    /// Carries an order out.
    pub fn order(&mut self, order: &WeatherOrder) -> Result<(), OrderRefused> {
        if let Some(node) = order.node.filter(|node| *node >= self.nodes.len()) {
            return Err(OrderRefused::NoSuchNode { node });
        }
        let rivals: Result<Vec<Bytes>, _> =
            order.rivals.iter().map(|rival| hex::decode(rival).map(Bytes::from)).collect();
        let rivals = rivals.map_err(|_| OrderRefused::RivalNoHex)?;
        self.order_chain(order, &rivals);
        self.order_nodes(order);
        self.order_token(order);
        if let Some(wanted) = order.tronscan {
            self.order_tronscan(wanted);
        }
        Ok(())
    }

    fn order_chain(&mut self, order: &WeatherOrder, rivals: &[Bytes]) {
        let sky = &mut self.sky;
        match order.weather {
            Some(Weather::Calm) => self.storm = None,
            Some(Weather::Stormy) => self.storm = Some(Storm::new(order.seed.unwrap_or(0), self.now_ms)),
            None => {}
        }
        if let Some(paused) = order.pause_blocks {
            sky.paused = paused;
        }
        sky.slots_to_miss += order.missed_slots.unwrap_or(0);
        if let Some(stopped) = order.stop_solidification {
            sky.solidification_stopped = stopped;
        }
        if let Some(factor) = order.dynamic_energy_factor {
            self.settings.parameters.dynamic_energy_factor = factor;
        }
        if let Some(blocks) = order.fork {
            self.fork(blocks, rivals);
        }
    }

    fn order_nodes(&mut self, order: &WeatherOrder) {
        let sky = &mut self.sky;
        let of_node = order.node.and_then(|node| self.nodes.get_mut(node));
        match of_node {
            Some(node) => {
                node.weather.next_broadcasts.extend(order.next_broadcast);
                node.weather.next_reads.extend(order.next_read);
            }
            None => {
                sky.next_broadcasts.extend(order.next_broadcast);
                sky.next_reads.extend(order.next_read);
            }
        }
        let now_ms = self.now_ms;
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if order.node.is_some_and(|wanted| wanted != index) {
                continue;
            }
            if let Some(lag) = order.lag {
                node.settings.lag_ms = lag.by_ms;
            }
            if let Some(stale) = order.stale_solid {
                node.weather.stale_solid = Some((stale.blocks, now_ms + stale.for_ms));
            }
            match order.doctored_block {
                Some(DoctoredBlock { txid: Some(txid), ids_recomputed }) => {
                    node.weather.hides.insert(txid, ids_recomputed);
                }
                Some(DoctoredBlock { txid: None, ids_recomputed }) => {
                    node.weather.doctors_next = Some(ids_recomputed)
                }
                None => {}
            }
        }
    }

    fn order_token(&mut self, order: &WeatherOrder) {
        let decrees = &mut self.sky.decrees;
        decrees.extend(order.token_paused.map(Decree::Paused));
        decrees.extend(order.blacklist.map(Decree::Blacklist));
        decrees.extend(order.token_fee.map(|fee| Decree::Fee {
            basis_points_rate: fee.basis_points_rate,
            maximum_fee: fee.maximum_micro_usdt,
        }));
    }

    fn order_tronscan(&mut self, wanted: TronScanWeather) {
        let sky = &mut self.sky.tronscan;
        sky.lag_ms = wanted.lag_ms.or(sky.lag_ms);
        sky.lies_confirmed = wanted.lies_confirmed.unwrap_or(sky.lies_confirmed);
        if let Some(status) = wanted.status {
            sky.statuses.extend((0..wanted.times.unwrap_or(1)).map(|_| status));
        }
    }

    /// The short way to order what happens to the next broadcast at any node.
    pub fn next_broadcast(&mut self, weather: BroadcastWeather) {
        self.sky.next_broadcasts.push_back(weather);
    }

    /// Keeps a transaction from the producers, or no longer: they do not hear of it, whoever announces it.
    pub fn withhold(&mut self, txid: TxId, withheld: bool) {
        if let Some(record) = self.records.get_mut(&txid) {
            record.withheld = withheld;
        }
        if withheld {
            self.producers.remove(txid);
        }
    }

    /// Whether a node is in a mood to refuse everything.
    pub(super) fn refuses_everything(&mut self, node: NodeId) -> Option<Lost> {
        let now_ms = self.now_ms;
        let Some(node) = self.nodes.get_mut(node.0) else { return Some(Lost::HangsUp) };
        match node.weather.penalty {
            Some((until_ms, lost)) if now_ms < until_ms => Some(lost),
            _ => {
                node.weather.penalty = None;
                None
            }
        }
    }

    /// What happens to a broadcast: as ordered for this node, as ordered for any, as the storm has it.
    pub(super) fn weather_of_broadcast(
        &mut self,
        node: NodeId,
        transaction: &Transaction,
    ) -> Option<BroadcastWeather> {
        let ordered = self.nodes[node.0].weather.next_broadcasts.pop_front();
        ordered
            .or_else(|| self.sky.next_broadcasts.pop_front())
            .or_else(|| self.storm_at_broadcast(node, transaction))
    }

    /// What happens to a question.
    pub(super) fn weather_of_read(&mut self, node: NodeId) -> Option<ReadWeather> {
        let ordered = self.nodes[node.0].weather.next_reads.pop_front();
        ordered.or_else(|| self.sky.next_reads.pop_front()).or_else(|| self.storm_at_read(node))
    }

    /// A broadcast in weather.
    pub(super) fn broadcast_in_weather(
        &mut self,
        node: NodeId,
        transaction: Transaction,
        weather: BroadcastWeather,
    ) -> Answer<Result<BroadcastReply, Malformed>> {
        use BroadcastWeather as W;
        let txid = transaction.txid;
        match weather {
            W::AcceptsThenHangsUp => self.takes_but(node, transaction, Lost::HangsUp),
            W::TimesOut => self.takes_but(node, transaction, Lost::TimesOut),
            W::HtmlReply => self.takes_but(node, transaction, Lost::Html),
            W::HalfJson => self.takes_but(node, transaction, Lost::HalfJson),
            W::Http403 => Answer::Lost(self.punish(node, 403, None, PENALTY_MS)),
            W::Http429WithPenalty => Answer::Lost(self.punish(node, 429, Some(30), PENALTY_MS)),
            W::ServerBusy => refused(transaction, BroadcastCode::ServerBusy, "Server busy."),
            W::RefusedThenDup => {
                self.poison(node, txid);
                refused(transaction, BroadcastCode::TaposError, "Tapos check error.")
            }
            W::PoisonedDup => {
                self.poison(node, txid);
                refused(transaction, BroadcastCode::DupTransactionError, "Transaction already exists.")
            }
            W::WrongTxid => {
                let mut reply = self.broadcast_on_a_good_day(node, transaction);
                let mut other = txid.to_bytes();
                other[31] ^= 1;
                reply.txid = TxId::new(other);
                Answer::Reply(Ok(reply))
            }
            W::Lagging => {
                let reply = self.broadcast_on_a_good_day(node, transaction);
                self.nodes[node.0].weather.deaf_until_ms =
                    self.now_ms + LAGGING_BLOCKS * self.settings.block_ms;
                Answer::Reply(Ok(reply))
            }
            W::SuccessNeverIncluded => self.takes_in_vain(node, transaction),
            W::DroppedPending => self.takes_and_forgets(node, transaction),
            W::PadsTransaction => self.takes_padded(node, transaction, PADDING_BYTES),
            W::TwiceInChain => {
                let reply = self.broadcast_on_a_good_day(node, transaction);
                self.sky.twice.insert(txid);
                Answer::Reply(Ok(reply))
            }
        }
    }

    fn takes_but(
        &mut self,
        node: NodeId,
        transaction: Transaction,
        lost: Lost,
    ) -> Answer<Result<BroadcastReply, Malformed>> {
        self.broadcast_on_a_good_day(node, transaction);
        Answer::Lost(lost)
    }

    /// Refuses this and everything else for a while.
    pub(super) fn punish(
        &mut self,
        node: NodeId,
        code: u16,
        retry_after_s: Option<u32>,
        penalty_ms: u64,
    ) -> Lost {
        let lost = Lost::Status { code, retry_after_s };
        let now_ms = self.now_ms;
        self.nodes[node.0].weather.penalty = Some((now_ms + penalty_ms, lost));
        self.nodes[node.0].weather.last_penalty_ms = now_ms;
        lost
    }

    fn takes_in_vain(
        &mut self,
        node: NodeId,
        transaction: Transaction,
    ) -> Answer<Result<BroadcastReply, Malformed>> {
        let txid = transaction.txid;
        self.know(&transaction);
        self.withhold(txid, true);
        Answer::Reply(Ok(self.broadcast_on_a_good_day(node, transaction)))
    }

    fn takes_and_forgets(
        &mut self,
        node: NodeId,
        transaction: Transaction,
    ) -> Answer<Result<BroadcastReply, Malformed>> {
        // The only peer that was told is a dead one: as good as cut off, for this one transaction.
        let place = &mut self.nodes[node.0];
        let (heard, peers) = (place.hears_producers, std::mem::take(&mut place.peers));
        let wanted = std::mem::take(&mut place.settings.min_effective_connection);
        place.hears_producers = false;
        let txid = transaction.txid;
        let reply = self.broadcast_on_a_good_day(node, transaction);
        let place = &mut self.nodes[node.0];
        (place.hears_producers, place.peers) = (heard, peers);
        place.settings.min_effective_connection = wanted;
        place.pool.forget_soon(txid);
        Answer::Reply(Ok(reply))
    }

    /// Takes it, and whoever passes it on to the producers makes it longer.
    pub(super) fn takes_padded(
        &mut self,
        node: NodeId,
        transaction: Transaction,
        padding: u32,
    ) -> Answer<Result<BroadcastReply, Malformed>> {
        self.know(&transaction);
        if let Some(record) = self.records.get_mut(&transaction.txid) {
            record.padding = padding;
        }
        Answer::Reply(Ok(self.broadcast_on_a_good_day(node, transaction)))
    }
}

fn refused(
    transaction: Transaction,
    code: BroadcastCode,
    words: &str,
) -> Answer<Result<BroadcastReply, Malformed>> {
    Answer::Reply(Ok(BroadcastReply::refused(transaction, code, words)))
}

impl Sky {
    /// A number that nobody chose; the same in every run.
    pub(super) fn chance(&mut self) -> u64 {
        let mut chance = fastrand::Rng::with_seed(self.seed);
        let number = chance.u64(..);
        self.seed = number;
        number
    }

    /// Whether nobody makes a block in this slot.
    pub(super) fn misses_slot(&mut self, witness: u16, now_ms: u64) -> bool {
        if self.paused || now_ms < self.paused_until_ms {
            return true;
        }
        if self.slots_to_miss > 0 {
            self.slots_to_miss -= 1;
            return true;
        }
        // With every third producer away 18 of 27 are left, one too few.
        let stopped = self.solidification_stopped || now_ms < self.solidification_stopped_until_ms;
        stopped && witness.is_multiple_of(3)
    }

    pub(super) fn pause_until(&mut self, moment_ms: u64) {
        self.paused_until_ms = moment_ms;
    }

    pub(super) fn stop_solidification_until(&mut self, moment_ms: u64) {
        self.solidification_stopped_until_ms = moment_ms;
    }

    pub(super) fn miss_slot(&mut self) {
        self.slots_to_miss += 1;
    }

    /// What runs a second time in the next block.
    pub(super) fn again_in_next_block(&mut self) -> Vec<TxId> {
        std::mem::take(&mut self.again)
    }

    /// A block was made: what it holds and shall run twice, runs again in the next.
    pub(super) fn block_made(&mut self, txids: impl Iterator<Item = TxId>) {
        for txid in txids {
            if self.twice.remove(&txid) {
                self.again.push(txid);
            }
        }
    }

    /// The decrees are part of this block.
    pub(super) fn decrees_done(&mut self, block: u64) {
        self.decreed.extend(self.decrees.drain(..).map(|decree| (block, decree)));
    }

    /// Blocks above this number are no more; their decrees wait again.
    pub(super) fn decrees_undone_above(&mut self, block: u64) {
        let (kept, undone): (Vec<_>, Vec<_>) = self.decreed.drain(..).partition(|(at, _)| *at <= block);
        self.decreed = kept;
        self.decrees.splice(0..0, undone.into_iter().map(|(_, decree)| decree));
    }

    /// Carries the waiting decrees out.
    pub(super) fn decree(&self, ledger: &mut Ledger<'_>) {
        let usdt = genesis().usdt;
        for decree in &self.decrees {
            if let Decree::Blacklist(sender) = decree {
                ledger.put_flag(Cell::Blacklisted(usdt, *sender), true);
            }
            let Some(mut token) = ledger.token(usdt).cloned() else { continue };
            match *decree {
                Decree::Paused(paused) => token.paused = paused,
                Decree::Fee { basis_points_rate, maximum_fee } => {
                    token.basis_points_rate = basis_points_rate;
                    token.maximum_fee = maximum_fee;
                }
                Decree::Blacklist(_) => {}
            }
            ledger.put_token(usdt, token);
        }
    }
}
