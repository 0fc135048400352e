//! What the chain shows of this house's own, and this store does not know (F-N24).
//!
//! After an older copy of the store was put back, or a database has lost its last commits, the transfer that paid an order stands among
//! the strangers and carries its mark. Whoever is about to sign an order, to call it off, or to say that it is refused asks here first:
//! each of them would have it paid a second time, by the house or by a sender who believes that it was not.
//!
//! Promises: where nobody can say yet (the restore gate is shut, or the chain was not read since this daemon began) the answer is that,
//! and not "no". A stranger's row proves nothing without the wallet's signature under bytes that carry the mark and pay the order.
//! **Never here:** writing: what is found is carried out by whoever asks.

use crate::chain_sight::SightReader;
use crate::domain::order::HousePolicy;
use crate::domain::payout::{Command, Payout, Reason};
use crate::domain::stranger::{FINGERPRINT_PURPOSE, Kin, MarkMaker, NotKin};
use crate::domain::tron::Fingerprint;
use crate::ports::{Clock, House, HouseFacts, NotedStranger, Signer, StoreFault, Strangers};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::Mutex;
use tracing::{error, warn};

/// Strangers that are read at a time.
const READ_MAX: u32 = 1_000;

/// When it may be worth asking again whether something was paid, ms: whoever hears [`Unsaid`] is told so, at every door.
pub const ASK_AGAIN_AFTER_MS: i64 = 10_000;
/// How far the solidified block that was read last is behind the clock in a house that keeps up, ms: nineteen blocks, and a round.
const SOLID_LAG_MS: i64 = 65_000;

/// Why nobody can say yet whether something was paid.
#[derive(Debug, Clone, Error)]
pub enum Unsaid {
    /// The store has lost something, and the chain is being read for it.
    #[error("the restore gate is shut: the chain is being read for what this store may have lost")]
    GateShut,
    /// It may have slept while another copy of it was at work.
    #[error("the chain was not read yet since this daemon began")]
    NotRead,
    /// The store does not say.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// What is asked for what it knows.
#[derive(Clone)]
pub struct RecollectionTools {
    /// The restore gate, and the store's own name.
    pub house: Arc<dyn House>,
    /// Transfers of the wallet that no payout knows.
    pub strangers: Arc<dyn Strangers>,
    /// Marks are made with the wallet's key.
    pub signer: Arc<dyn Signer>,
    /// The wallet, and what it pays with.
    pub policy: HousePolicy,
    /// The newest sight of the chain: whoever has one has read what the chain shows up to it.
    pub sight: SightReader,
    /// The wall clock as it is.
    pub wall: Arc<dyn Clock>,
    /// A store that has slept for longer than this behind the chain may be a copy, ms.
    pub restore_gap_ms: i64,
}

/// What the chain shows and the store does not know. Marks are all that is kept of it in memory.
pub struct Recollection {
    tools: RecollectionTools,
    known: RefCell<KnownMarks>,
    looks: Looks,
}

#[derive(Default)]
struct KnownMarks {
    read_to: i64,
    places: BTreeMap<Fingerprint, Vec<i64>>,
}

/// One looks for all who came before it began.
#[derive(Default)]
struct Looks {
    turn: Mutex<()>,
    begun: Cell<u64>,
    done: Cell<u64>,
}

impl Recollection {
    /// With its tools.
    #[must_use]
    pub fn new(tools: RecollectionTools) -> Self {
        Self { tools, known: RefCell::default(), looks: Looks::default() }
    }

    /// For whoever is about to say of payouts that they are not paid: of each what is to be done instead, if the chain shows a
    /// transfer of its own.
    ///
    /// # Errors
    /// See [`Unsaid`]: nobody can say it now.
    pub async fn own_transfers_of(
        &self,
        payouts: &[&Payout],
        now_ms: i64,
    ) -> Result<Vec<Option<Command>>, Unsaid> {
        self.look_behind_the_pen(now_ms).await?;
        let facts = self.tools.house.facts().await?;
        if facts.restore_gate.is_some() {
            return Err(Unsaid::GateShut);
        }
        if !self.has_read(&facts) {
            return Err(Unsaid::NotRead);
        }
        let marks =
            MarkMaker::new(self.tools.signer.derived_key(FINGERPRINT_PURPOSE), facts.store_id.clone());
        self.read_on().await?;
        let mut commands = Vec::with_capacity(payouts.len());
        for payout in payouts {
            commands.push(self.command_for(payout, &marks).await?);
        }
        Ok(commands)
    }

    /// A database that was failed over shuts the gate as soon as anybody writes: so something is written before it is asked how the
    /// gate stands.
    async fn look_behind_the_pen(&self, now_ms: i64) -> Result<(), StoreFault> {
        let came_at = self.looks.begun.get();
        let _turn = self.looks.turn.lock().await;
        if self.looks.done.get() > came_at {
            return Ok(());
        }
        let own = self.looks.begun.get().saturating_add(1);
        self.looks.begun.set(own);
        self.tools.house.change(Vec::new(), now_ms).await?;
        self.looks.done.set(own);
        Ok(())
    }

    /// Whether the chain was read since this daemon began; or was read by this store a moment ago; or nothing was ever signed upon it.
    fn has_read(&self, facts: &HouseFacts) -> bool {
        let gap_ms = |read_ms: i64| self.tools.wall.now_ms().saturating_sub(read_ms);
        self.tools.sight.borrow().is_some()
            || facts.last_solid.is_none_or(|mark| {
                gap_ms(mark.timestamp_ms) <= self.tools.restore_gap_ms.saturating_add(SOLID_LAG_MS)
            })
    }

    /// Reads what was noted since; `false` where nothing of ours ever was.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn read_on(&self) -> Result<bool, StoreFault> {
        loop {
            let read_to = self.known.borrow().read_to;
            let noted = self.tools.strangers.strangers(read_to, READ_MAX).await?;
            let mut known = self.known.borrow_mut();
            for NotedStranger { place, stranger } in &noted {
                // Of two who read at the same time one has it already.
                if *place <= known.read_to {
                    continue;
                }
                known.read_to = *place;
                if let Some(mark) = stranger.mark() {
                    known.places.entry(mark).or_default().push(*place);
                }
            }
            if noted.len() < READ_MAX as usize {
                return Ok(!known.places.is_empty());
            }
        }
    }

    /// What is to be done with a payout whose mark is among the strangers', as far as they are read.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn command_for(
        &self,
        payout: &Payout,
        marks: &MarkMaker,
    ) -> Result<Option<Command>, StoreFault> {
        let mut otherwise = None;
        for place in self.places_of(payout, marks) {
            let noted = self.tools.strangers.strangers(place.saturating_sub(1), 1).await?;
            let Some(NotedStranger { stranger, .. }) = noted.first().filter(|noted| noted.place == place)
            else {
                continue;
            };
            let policy = &self.tools.policy;
            match stranger.kin_of(payout, marks, policy.wallet, policy.token) {
                Ok(Kin { attempt, marked_as }) => {
                    let (txid, block) = (stranger.txid, stranger.block.number);
                    warn!(payout = %payout.id, %txid, block, marked_as, "the chain shows its transfer: it is adopted, not paid again");
                    return Ok(Some(Command::Adopt(Box::new(attempt))));
                }
                Err(why @ NotKin::PaysOtherwise { .. }) => otherwise = Some((stranger.txid, why)),
                Err(NotKin::NotOurs | NotKin::OtherMark) => {}
            }
        }
        Ok(otherwise.map(|(txid, why)| {
            error!(payout = %payout.id, %txid, %why, "its mark is on a transfer that pays something else: it is held");
            Command::Hold(Reason::PaidOtherwise)
        }))
    }

    fn places_of(&self, payout: &Payout, marks: &MarkMaker) -> Vec<i64> {
        let known = self.known.borrow();
        if known.places.is_empty() {
            return Vec::new();
        }
        let ahead = marks.marks_ahead(payout);
        let mut places: Vec<i64> =
            ahead.filter_map(|(_, mark)| known.places.get(&mark)).flatten().copied().collect();
        places.sort_unstable();
        places
    }
}
