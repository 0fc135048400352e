//! What can go wrong, by name. An order is played once, or until it is taken back; a storm (see `storm`) plays them by its seed.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::domain::tron::TxId;
use crate::domain::tron::broadcast::BroadcastCode;

use super::SimChain;
use super::answer::{Answer, Lost};
use super::broadcast::BroadcastReply;
use super::genesis::genesis;
use super::node::NodeId;
use super::state::{Cell, Ledger};
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

/// What is wrong with the network at large.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sky {
    pub(super) paused: bool,
    paused_until_ms: u64,
    pub(super) slots_to_miss: u32,
    pub(super) solidification_stopped: bool,
    solidification_stopped_until_ms: u64,
    pub(super) next_broadcasts: VecDeque<BroadcastWeather>,
    pub(super) next_reads: VecDeque<ReadWeather>,
    /// To run a second time, once they have run a first time.
    twice: BTreeSet<TxId>,
    again: Vec<TxId>,
    pub(super) decrees: Vec<Decree>,
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
pub(super) enum Decree {
    Paused(bool),
    Blacklist(Address),
    Fee { basis_points_rate: u64, maximum_fee: u64 },
}

impl SimChain {
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
