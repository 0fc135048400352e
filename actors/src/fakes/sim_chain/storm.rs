//! A storm: everything that can go wrong, by a seed, now and then. What it leaves out are executions that fail and a txid that runs
//! twice; those are ordered by name.
//!
//! It is bounded. A payment (the same contract call by the same owner, whichever the attempt) is kept from the producers at most
//! once; refusals of everything are short and rare; stalls of the chain last a few seconds and come a dozen seconds apart.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::tron::Hash32;
use crate::domain::tron::hash::sha256;

use super::SimChain;
use super::node::NodeId;
use super::transaction::Transaction;
use super::weather::{BroadcastWeather, ReadWeather};

/// How long a storm's 403 and 429 last.
const PENALTY_MS: u64 = 1_500;
/// What their `Retry-After` says.
const RETRY_AFTER_S: u32 = 2;
/// How far apart they are, for each node.
const PENALTY_APART_MS: u64 = 20_000;
/// How far apart forks, pauses and stalls are.
const TROUBLE_APART_MS: u64 = 12_000;
/// The longest pause, stall or lag.
const STALL_MS_MAX: u64 = 2_500;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Storm {
    chance: u64,
    last_trouble_ms: u64,
    /// Payments that have been kept from the producers once.
    struck: BTreeSet<Hash32>,
}

impl Storm {
    pub(super) fn new(seed: u64, now_ms: u64) -> Storm {
        Storm { chance: seed, last_trouble_ms: now_ms, struck: BTreeSet::new() }
    }

    /// A number below `end`.
    fn roll(&mut self, end: u64) -> u64 {
        let mut chance = fastrand::Rng::with_seed(self.chance);
        let number = chance.u64(0..end.max(1));
        self.chance = chance.get_seed();
        number
    }

    /// Strikes a payment, if it has not been struck.
    fn strikes(&mut self, transaction: &Transaction) -> bool {
        let payment =
            transaction.contracts.first().map(|contract| sha256(&contract.value)).unwrap_or_default();
        self.struck.insert(Hash32::new(payment))
    }
}

impl SimChain {
    pub(super) fn storm_at_broadcast(
        &mut self,
        node: NodeId,
        transaction: &Transaction,
    ) -> Option<BroadcastWeather> {
        use BroadcastWeather as W;
        let storm = self.storm.as_mut()?;
        let harmless = match storm.roll(1_000) {
            0..50 => Some(W::AcceptsThenHangsUp),
            50..60 => Some(W::TimesOut),
            60..80 => Some(W::HtmlReply),
            80..100 => Some(W::HalfJson),
            100..115 => Some(W::WrongTxid),
            115..125 => Some(W::Lagging),
            125..225 => {
                let padding = 500 + storm.roll(4_000);
                self.know(transaction);
                if let Some(record) = self.records.get_mut(&transaction.txid) {
                    record.padding = u32::try_from(padding).unwrap_or(0);
                }
                return None;
            }
            _ => None,
        };
        if harmless.is_some() {
            return harmless;
        }
        let blow = match storm.roll(1_000) {
            0..30 => W::ServerBusy,
            30..60 => W::RefusedThenDup,
            60..85 => W::PoisonedDup,
            85..130 => W::DroppedPending,
            130..180 => W::SuccessNeverIncluded,
            180..200 => W::Http429WithPenalty,
            _ => return None,
        };
        if !storm.strikes(transaction) {
            return None;
        }
        if blow == W::Http429WithPenalty {
            return self.storm_punishes(node, 429);
        }
        Some(blow)
    }

    pub(super) fn storm_at_read(&mut self, node: NodeId) -> Option<ReadWeather> {
        use ReadWeather as W;
        let storm = self.storm.as_mut()?;
        let until_ms = self.now_ms + 1 + storm.roll(STALL_MS_MAX);
        match storm.roll(1_000) {
            0..15 => Some(W::HangsUp),
            15..17 => Some(W::TimesOut),
            17..27 => Some(W::HtmlReply),
            27..37 => Some(W::HalfJson),
            37..47 => Some(W::Http503),
            47..67 => Some(W::Unknown),
            67..70 => self.storm_punishes(node, 429),
            70..72 => self.storm_punishes(node, 403),
            72..76 => {
                self.nodes[node.0].weather.deaf_until_ms = until_ms;
                None
            }
            76..80 => {
                let blocks = 1 + storm.roll(5);
                self.nodes[node.0].weather.stale_solid = Some((blocks, until_ms));
                None
            }
            80..84 => {
                let recompute = storm.roll(2) == 0;
                self.nodes[node.0].weather.doctors_next = Some(recompute);
                None
            }
            _ => None,
        }
    }

    /// Refuses everything from now on for a moment, this included, unless it did so a moment ago.
    fn storm_punishes<W>(&mut self, node: NodeId, code: u16) -> Option<W> {
        let last_ms = self.nodes[node.0].weather.last_penalty_ms;
        if self.now_ms >= last_ms + PENALTY_APART_MS {
            self.punish(node, code, Some(RETRY_AFTER_S), PENALTY_MS);
        }
        None
    }

    pub(super) fn storm_before_slot(&mut self) {
        let now_ms = self.now_ms;
        let Some(storm) = self.storm.as_mut() else { return };
        if storm.roll(100) < 3 {
            self.sky.miss_slot();
        }
        if now_ms < storm.last_trouble_ms + TROUBLE_APART_MS || storm.roll(100) >= 5 {
            return;
        }
        storm.last_trouble_ms = now_ms;
        let until_ms = now_ms + 1 + storm.roll(STALL_MS_MAX);
        match storm.roll(4) {
            0 => self.sky.pause_until(until_ms),
            1 => self.sky.stop_solidification_until(until_ms),
            _ => {
                let blocks = 1 + storm.roll(3);
                self.fork(u32::try_from(blocks).unwrap_or(1), &[]);
            }
        }
    }

    /// What the storm does to TronScan's next answer: a status, a lie, or nothing.
    pub(super) fn storm_at_tronscan(&mut self) -> TronScanTrouble {
        let Some(storm) = self.storm.as_mut() else { return TronScanTrouble::None };
        match storm.roll(1_000) {
            0..20 => TronScanTrouble::Status(500),
            20..30 => TronScanTrouble::Status(429),
            30..50 => TronScanTrouble::LiesConfirmed,
            50..60 => TronScanTrouble::Status(503),
            _ => TronScanTrouble::None,
        }
    }
}

/// What the storm does to TronScan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TronScanTrouble {
    None,
    Status(u16),
    LiesConfirmed,
}
