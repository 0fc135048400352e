//! Orders to the weather: one JSON object says what shall go wrong, on `POST /sandbox/weather` and in tests alike.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::address::Address;
use crate::domain::tron::TxId;

use super::SimChain;
use super::bytes::Bytes;
use super::fork::FORK_BLOCKS_MAX;
use super::storm::Storm;
use super::weather::{BroadcastWeather, Decree, ReadWeather, Weather};

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
#[serde(deny_unknown_fields)]
pub struct NodeLag {
    /// By so many milliseconds, from now on; 0 takes it back.
    pub by_ms: u64,
}

/// A node's solid view stands further back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaleSolid {
    /// By so many blocks.
    pub blocks: u64,
    /// For so long.
    pub for_ms: u64,
}

/// A block is served with a transaction taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoctoredBlock {
    /// Which transaction; left out, the first of the next block that holds one, once.
    #[serde(default)]
    pub txid: Option<TxId>,
    /// Whether the served block's Merkle root and id are made anew: the id fits, the links do not.
    pub ids_recomputed: bool,
}

/// USDT's fee on transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// Slots in a row that can be missed; fifty minutes of the public chain.
const MISSED_SLOTS_MAX: u64 = 1_000;
/// How late a node or an index can be, and how long a node's view can stand still: an hour.
const LATE_MS_MAX: u64 = 3_600_000;
/// How far back a node's solid view can stand.
const STALE_BLOCKS_MAX: u64 = 10_000;
/// Everything: a fee can not be more than what is sent.
const BASIS_POINTS_MAX: u64 = 10_000;
/// A hundred times the energy; the public chain's own limit is 3.4 times.
const ENERGY_FACTOR_MAX: u64 = 1_000_000;
/// Answers of TronScan that can be ordered at once.
const STATUSES_MAX: u64 = 1_000;

/// An order that can not be carried out. Nothing of it is done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrderRefused {
    /// Nothing is ordered.
    #[error("nothing is ordered: name what shall happen, like {{\"fork\":2}}")]
    Nothing,
    /// A figure that would mean nothing, or more than the network is made for.
    #[error("{what} is {given}: {from} to {to} is possible")]
    OutOfRange {
        /// The order's name.
        what: &'static str,
        /// What was given.
        given: u64,
        /// The least.
        from: u64,
        /// The most.
        to: u64,
    },
    /// A word about an order that is not there.
    #[error("{what} says something about {needs}, which is not ordered: name both")]
    Alone {
        /// What was given.
        what: &'static str,
        /// What it is about.
        needs: &'static str,
    },
    /// One fork at a time.
    #[error("a fork is under way: order the next one when it is over, some blocks from now")]
    ForkUnderWay,
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

impl WeatherOrder {
    /// What can be said against an order whatever the network.
    fn check(&self) -> Result<(), OrderRefused> {
        // A node and a seed are words about an order, and none.
        if *self == (Self { node: self.node, seed: self.seed, ..Self::default() }) {
            return Err(match self.seed {
                Some(_) => OrderRefused::Alone { what: "seed", needs: "weather" },
                None => OrderRefused::Nothing,
            });
        }
        if self.seed.is_some() && self.weather != Some(Weather::Stormy) {
            return Err(OrderRefused::Alone { what: "seed", needs: "stormy weather" });
        }
        if !self.rivals.is_empty() && self.fork.is_none() {
            return Err(OrderRefused::Alone { what: "rivals", needs: "fork" });
        }
        if self.tronscan.is_some_and(|scan| scan.times.is_some() && scan.status.is_none()) {
            return Err(OrderRefused::Alone { what: "tronscan.times", needs: "tronscan.status" });
        }
        if self.tronscan == Some(TronScanWeather::default()) {
            return Err(OrderRefused::Nothing);
        }
        self.check_figures()
    }

    fn check_figures(&self) -> Result<(), OrderRefused> {
        let scan = self.tronscan.unwrap_or_default();
        let figures = [
            ("fork", self.fork.map(u64::from), 1, u64::from(FORK_BLOCKS_MAX)),
            ("missed_slots", self.missed_slots.map(u64::from), 1, MISSED_SLOTS_MAX),
            ("lag.by_ms", self.lag.map(|lag| lag.by_ms), 0, LATE_MS_MAX),
            ("stale_solid.blocks", self.stale_solid.map(|stale| stale.blocks), 0, STALE_BLOCKS_MAX),
            ("stale_solid.for_ms", self.stale_solid.map(|stale| stale.for_ms), 0, LATE_MS_MAX),
            (
                "token_fee.basis_points_rate",
                self.token_fee.map(|fee| fee.basis_points_rate),
                0,
                BASIS_POINTS_MAX,
            ),
            ("dynamic_energy_factor", self.dynamic_energy_factor, 0, ENERGY_FACTOR_MAX),
            ("tronscan.lag_ms", scan.lag_ms, 0, LATE_MS_MAX),
            ("tronscan.status", scan.status.map(u64::from), 400, 599),
            ("tronscan.times", scan.times.map(u64::from), 1, STATUSES_MAX),
        ];
        for (what, given, from, to) in figures {
            if let Some(given) = given.filter(|given| !(from..=to).contains(given)) {
                return Err(OrderRefused::OutOfRange { what, given, from, to });
            }
        }
        Ok(())
    }
}

impl SimChain {
    /// Carries an order out, or refuses it whole.
    ///
    /// # Errors
    /// See [`OrderRefused`].
    pub fn order(&mut self, order: &WeatherOrder) -> Result<(), OrderRefused> {
        order.check()?;
        if order.fork.is_some() && self.split.is_some() {
            return Err(OrderRefused::ForkUnderWay);
        }
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
        sky.slots_to_miss = sky.slots_to_miss.saturating_add(order.missed_slots.unwrap_or(0));
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
}
