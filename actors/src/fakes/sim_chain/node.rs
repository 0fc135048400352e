//! A node that can be asked: its own pool, its own lag, its own links, its own bad days.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::domain::tron::TxId;

use super::answer::Lost;
use super::block::BlockIndex;
use super::pool::Pool;
use super::settings::NodeSettings;
use super::weather::{BroadcastWeather, ReadWeather};

/// Which node; counted from 0 in the order of [`super::Settings::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub usize);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) settings: NodeSettings,
    /// The block that it takes for the head.
    pub(super) tip: BlockIndex,
    /// Head events that it has heard.
    pub(super) heard: u64,
    pub(super) pool: Pool,
    /// The id cache: until when each id is remembered.
    pub(super) cache: BTreeMap<TxId, u64>,
    /// Whether it is linked to the producers.
    pub(super) hears_producers: bool,
    /// Which other nodes it is linked to.
    pub(super) peers: BTreeSet<usize>,
    pub(super) weather: NodeWeather,
}

/// What is wrong with a node just now.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct NodeWeather {
    pub(super) next_broadcasts: VecDeque<BroadcastWeather>,
    pub(super) next_reads: VecDeque<ReadWeather>,
    /// Refuses everything until then, unix ms.
    pub(super) penalty: Option<(u64, Lost)>,
    /// Gets no blocks until then, unix ms.
    pub(super) deaf_until_ms: u64,
    /// Its solid view stands this many blocks further back until then, unix ms.
    pub(super) stale_solid: Option<(u64, u64)>,
    /// Ids that it refuses as duplicates though it never took them, until then, unix ms.
    pub(super) poisoned: BTreeMap<TxId, u64>,
    /// Transactions that it leaves out of the blocks that it serves; `true` makes the block's id anew.
    pub(super) hides: BTreeMap<TxId, bool>,
    /// Leaves a transaction out of the next block that it serves which holds one.
    pub(super) doctors_next: Option<bool>,
    /// When stormy weather last refused everything, unix ms.
    pub(super) last_penalty_ms: u64,
}

impl Node {
    pub(super) fn new(settings: NodeSettings, index: usize, count: usize) -> Node {
        Node {
            settings,
            tip: 0,
            heard: 0,
            pool: Pool::default(),
            cache: BTreeMap::new(),
            hears_producers: true,
            peers: (0..count).filter(|other| *other != index).collect(),
            weather: NodeWeather::default(),
        }
    }

    /// Peers that count.
    pub(super) fn links(&self) -> usize {
        self.peers.len() + usize::from(self.hears_producers)
    }
}
