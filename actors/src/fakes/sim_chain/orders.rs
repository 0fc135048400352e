//! Orders to the weather: one JSON object says what shall go wrong, on `POST /sandbox/weather` and in tests alike.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::address::Address;
use crate::domain::tron::TxId;

use super::SimChain;
use super::bytes::Bytes;
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
}
