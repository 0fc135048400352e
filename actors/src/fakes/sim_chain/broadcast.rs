//! `broadcasthex` and `broadcasttransaction`: java-tron's checks in java-tron's order (`Wallet.broadcastTransaction`), and how a
//! transaction travels from node to node: once to each, never twice.

use crate::domain::tron::TxId;
use crate::domain::tron::broadcast::BroadcastCode;

use super::answer::Answer;
use super::block::BlockIndex;
use super::bytes::Bytes;
use super::execution::{self, Scene};
use super::node::NodeId;
use super::permission::{Signers, recover_signers};
use super::pool::{Ahead, Pending};
use super::receipt::ContractResult;
use super::state::Ledger;
use super::transaction::{Malformed, Transaction};
use super::weather::BroadcastWeather;
use super::{Record, SimChain};

/// How long an id stays in the cache of a node, and how long a peer ignores an id that it has seen.
const REMEMBERED_MS: u64 = 3_600_000;
/// `Constant.MAXIMUM_TIME_UNTIL_EXPIRATION`.
const EXPIRATION_AHEAD_MAX_MS: i64 = 86_400_000;

/// What a node replies to a broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadcastReply {
    /// The code.
    pub code: BroadcastCode,
    /// The words; empty for SUCCESS. Plain text here, in hex in `broadcasttransaction`.
    pub message: String,
    /// The id that the node says the bytes have.
    pub txid: TxId,
    /// What the node read, for `broadcasthex`'s `transaction`.
    pub transaction: Transaction,
}

/// Why a node does not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: BroadcastCode,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: BroadcastCode, message: String) -> Refusal {
        Refusal { code, message }
    }

    pub(super) fn validate(words: &str) -> Refusal {
        Refusal::new(BroadcastCode::ContractValidateError, format!("Contract validate error : {words}"))
    }

    fn duplicate(words: &str) -> Refusal {
        Refusal::new(BroadcastCode::DupTransactionError, words.to_owned())
    }

    fn expired() -> Refusal {
        Refusal::new(BroadcastCode::TransactionExpirationError, "Transaction expired".to_owned())
    }
}

/// Who takes a transaction in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The producers' own pool.
    Producers,
    /// A node that can be asked.
    Node(usize),
}

impl SimChain {
    /// Sends `Transaction` bytes to a node. What comes back is a reply or the weather.
    pub fn broadcast(&mut self, node: NodeId, bytes: &[u8]) -> Answer<Result<BroadcastReply, Malformed>> {
        if let Some(lost) = self.refuses_everything(node) {
            return Answer::Lost(lost);
        }
        let transaction = match Transaction::parse(bytes) {
            Ok(transaction) => transaction,
            Err(malformed) => return Answer::Reply(Err(malformed)),
        };
        let weather = self.weather_of_broadcast(node, &transaction);
        // The weather may just have begun to refuse everything.
        match self.refuses_everything(node) {
            Some(lost) => Answer::Lost(lost),
            None => self.broadcast_in(node, transaction, weather),
        }
    }

    /// The reply without any weather, as on a good day.
    pub(super) fn broadcast_on_a_good_day(
        &mut self,
        node: NodeId,
        transaction: Transaction,
    ) -> BroadcastReply {
        let outcome = self.take(node, &transaction);
        BroadcastReply::of(transaction, outcome)
    }

    fn broadcast_in(
        &mut self,
        node: NodeId,
        transaction: Transaction,
        weather: Option<BroadcastWeather>,
    ) -> Answer<Result<BroadcastReply, Malformed>> {
        match weather {
            None => Answer::Reply(Ok(self.broadcast_on_a_good_day(node, transaction))),
            Some(weather) => self.broadcast_in_weather(node, transaction, weather),
        }
    }

    fn take(&mut self, node: NodeId, transaction: &Transaction) -> Result<(), Refusal> {
        if transaction.contracts.is_empty() {
            return Err(Refusal::validate("No contract!"));
        }
        self.check_links(node)?;
        if self.nodes[node.0].pool.len() > self.settings.pending_max {
            return Err(Refusal::new(BroadcastCode::ServerBusy, "Server busy.".into()));
        }
        self.check_cache(node, transaction.txid)?;
        let next_slot_ms = self.blocks[self.nodes[node.0].tip as usize].timestamp_ms + self.settings.block_ms;
        if transaction.expiration_ms < millis(next_slot_ms) {
            return Err(Refusal::expired());
        }
        if self.nodes[node.0].pool.get(transaction.txid).is_some_and(|pending| pending.came_back) {
            self.nodes[node.0].pool.acknowledge(transaction.txid);
            return Ok(());
        }
        self.accept(Place::Node(node.0), transaction)?;
        let told = self.announce(node.0, transaction);
        if told == 0 && self.nodes[node.0].settings.min_effective_connection > 0 {
            let code = BroadcastCode::NotEnoughEffectiveConnection;
            return Err(Refusal::new(code, "P2P broadcast failed.".into()));
        }
        Ok(())
    }

    fn check_links(&self, node: NodeId) -> Result<(), Refusal> {
        let node = &self.nodes[node.0];
        let (wanted, links) = (node.settings.min_effective_connection, node.links());
        match links {
            _ if wanted == 0 || links >= wanted => Ok(()),
            0 => Err(Refusal::new(BroadcastCode::NoConnection, "No connection.".into())),
            _ => Err(Refusal::new(
                BroadcastCode::NotEnoughEffectiveConnection,
                format!("Effective connection:{links} lt minEffectiveConnection:{wanted}"),
            )),
        }
    }

    /// With the cache on an id is remembered before anything is checked, and stays after a refusal.
    fn check_cache(&mut self, node: NodeId, txid: TxId) -> Result<(), Refusal> {
        let now_ms = self.now_ms;
        let node = &mut self.nodes[node.0];
        if node.weather.poisoned.get(&txid).is_some_and(|until_ms| now_ms < *until_ms) {
            return Err(Refusal::duplicate("Transaction already exists."));
        }
        if !node.settings.transaction_cache {
            return Ok(());
        }
        if node.cache.get(&txid).is_some_and(|until_ms| now_ms < *until_ms) {
            return Err(Refusal::duplicate("Transaction already exists."));
        }
        node.cache.insert(txid, now_ms + REMEMBERED_MS);
        Ok(())
    }

    /// Makes a node answer DUP for an id for the next hour.
    pub(super) fn poison(&mut self, node: NodeId, txid: TxId) {
        let until_ms = self.now_ms + REMEMBERED_MS;
        self.nodes[node.0].weather.poisoned.insert(txid, until_ms);
    }

    /// `pushTransaction` on a node or with the producers: everything that can be wrong with it there, then into the pool.
    pub(super) fn accept(&mut self, place: Place, transaction: &Transaction) -> Result<(), Refusal> {
        let tip = self.tip_of(place);
        let signers = self.signers_of(transaction);
        let ahead = self.take_ahead(place);
        let mut ledger = Ledger::over(&self.state, self.state_height(tip), ahead.layer);
        let checked = self.check_and_run(&mut ledger, tip, place, transaction, &signers);
        let mut results = ahead.results;
        let layer = ledger.into_layer();
        if let Ok(result) = &checked {
            results.insert(transaction.txid, *result);
        }
        // The cell was emptied above, so this can not fail.
        let _ = self.pool(place).ahead.set(Ahead { layer, results });
        checked?;
        let accepted_ms = self.now_ms;
        self.pool_mut(place).add(Pending {
            txid: transaction.txid,
            accepted_ms,
            expiration_ms: transaction.expiration_ms,
            came_back: false,
            forgotten_soon: false,
        });
        self.remember(transaction, signers);
        self.mark_seen(place, transaction.txid);
        Ok(())
    }

    fn check_and_run(
        &self,
        ledger: &mut Ledger<'_>,
        tip: BlockIndex,
        place: Place,
        transaction: &Transaction,
        signers: &Signers,
    ) -> Result<ContractResult, Refusal> {
        let head = &self.blocks[tip as usize];
        let scene = self.scene(head.timestamp_ms);
        execution::check_signatures(ledger, scene, transaction, signers)?;
        self.check_reference(tip, transaction)?;
        self.check_expiration(head.timestamp_ms, transaction.expiration_ms)?;
        if self.pool(place).get(transaction.txid).is_some() || self.inclusion(tip, transaction.txid).is_some()
        {
            return Err(Refusal::duplicate("Dup transaction."));
        }
        Ok(execution::run(ledger, scene, transaction, signers)?.result)
    }

    /// TAPOS: the block that it names is an ancestor, the latest of its 16 bits.
    pub(super) fn check_reference(&self, tip: BlockIndex, transaction: &Transaction) -> Result<(), Refusal> {
        let head = self.blocks[tip as usize].number;
        let wanted = transaction.ref_block_bytes.as_slice().try_into().ok().map(u16::from_be_bytes);
        let number = wanted.and_then(|low| {
            let back = (head as u16).wrapping_sub(low);
            head.checked_sub(u64::from(back))
        });
        let block = number.and_then(|number| self.block_at(tip, number));
        let matches = block.is_some_and(|block| block.id.as_bytes()[8..16] == transaction.ref_block_hash[..]);
        if matches {
            Ok(())
        } else {
            Err(Refusal::new(BroadcastCode::TaposError, "Tapos check error.".into()))
        }
    }

    /// `E <= P.timestamp` is too late, `E > P.timestamp + 24 h` too early (`Manager.validateCommon`).
    pub(super) fn check_expiration(&self, head_timestamp_ms: u64, expiration_ms: i64) -> Result<(), Refusal> {
        let head_ms = millis(head_timestamp_ms);
        let fine = expiration_ms > head_ms && expiration_ms <= head_ms + EXPIRATION_AHEAD_MAX_MS;
        if fine { Ok(()) } else { Err(Refusal::expired()) }
    }

    /// Tells the peers that have not seen the id, and they theirs; how many the first node told.
    pub(super) fn announce(&mut self, from: usize, transaction: &Transaction) -> usize {
        let mut told_by_first = None;
        let mut telling = vec![from];
        while let Some(teller) = telling.pop() {
            let node = &self.nodes[teller];
            let places = node.peers.iter().map(|peer| Place::Node(*peer));
            let producers = node.hears_producers.then_some(Place::Producers);
            let new: Vec<_> = producers
                .into_iter()
                .chain(places)
                .filter(|to| !self.has_seen(*to, transaction.txid))
                .collect();
            told_by_first.get_or_insert(new.len());
            for place in new {
                self.mark_seen(place, transaction.txid);
                let withheld = place == Place::Producers && self.is_withheld(transaction.txid);
                if !withheld
                    && self.accept(place, transaction).is_ok()
                    && let Place::Node(index) = place
                {
                    telling.push(index);
                }
            }
        }
        told_by_first.unwrap_or(0)
    }

    fn is_withheld(&self, txid: TxId) -> bool {
        self.records.get(&txid).is_some_and(|record| record.withheld)
    }

    fn has_seen(&self, place: Place, txid: TxId) -> bool {
        let Some(record) = self.records.get(&txid) else { return false };
        record.seen_by & place.bit() != 0 && self.now_ms < record.first_seen_ms + REMEMBERED_MS
    }

    fn mark_seen(&mut self, place: Place, txid: TxId) {
        let now_ms = self.now_ms;
        if let Some(record) = self.records.get_mut(&txid) {
            if now_ms >= record.first_seen_ms + REMEMBERED_MS {
                record.first_seen_ms = now_ms;
                record.seen_by = 0;
            }
            record.seen_by |= place.bit();
        }
    }

    /// Makes a record of a transaction that nobody has taken yet.
    pub(super) fn know(&mut self, transaction: &Transaction) {
        let signers = self.signers_of(transaction);
        self.remember(transaction, signers);
    }

    fn remember(&mut self, transaction: &Transaction, signers: Signers) {
        let (now_ms, bytes) = (self.now_ms, transaction.to_bytes());
        let record = self.records.entry(transaction.txid).or_insert_with(|| Record {
            bytes: bytes.clone(),
            signers: signers.clone(),
            seen_by: 0,
            first_seen_ms: now_ms,
            inclusions: Vec::new(),
            withheld: false,
            padding: 0,
        });
        if record.seen_by == 0 {
            // Nobody has taken it yet, so an earlier signature under this id may have been a broken one.
            (record.bytes, record.signers) = (bytes, signers);
        }
    }

    /// Recovered once for each id and signature; a different signature under the same id is another matter.
    pub(super) fn signers_of(&self, transaction: &Transaction) -> Signers {
        if !self.settings.verify_signatures {
            return Signers::new();
        }
        match self.records.get(&transaction.txid) {
            Some(record) if record.bytes == transaction.to_bytes() => record.signers.clone(),
            _ => recover_signers(transaction),
        }
    }

    /// The bytes that the producers put into a block: as they were sent, or as a relay has padded them.
    pub(super) fn bytes_for_block(&self, record: &Record) -> Bytes {
        if record.padding == 0 {
            return record.bytes.clone();
        }
        let Ok(mut transaction) = Transaction::parse(&record.bytes) else { return record.bytes.clone() };
        if let Some(signature) = transaction.signatures.first_mut() {
            signature.resize(signature.len() + record.padding as usize, 0);
        }
        transaction.to_bytes()
    }

    pub(super) fn scene(&self, timestamp_ms: u64) -> Scene<'_> {
        Scene { contracts: &self.contracts, settings: &self.settings, timestamp_ms }
    }
}

impl Place {
    fn bit(self) -> u64 {
        match self {
            Place::Producers => 1 << 63,
            Place::Node(index) => 1 << (index % 63),
        }
    }
}

impl BroadcastReply {
    fn of(transaction: Transaction, outcome: Result<(), Refusal>) -> BroadcastReply {
        let txid = transaction.txid;
        let (code, message) = match outcome {
            Ok(()) => (BroadcastCode::Success, String::new()),
            Err(refusal) => (refusal.code, refusal.message),
        };
        BroadcastReply { code, message, txid, transaction }
    }

    pub(super) fn refused(transaction: Transaction, code: BroadcastCode, message: &str) -> BroadcastReply {
        BroadcastReply::of(transaction, Err(Refusal::new(code, message.to_owned())))
    }
}

pub(super) fn millis(unsigned: u64) -> i64 {
    i64::try_from(unsigned).unwrap_or(i64::MAX)
}
