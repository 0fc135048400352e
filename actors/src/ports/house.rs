//! What the house remembers of itself: whether it is paused, which chain it pays on, how far it has read.

use super::payouts::StoreFault;
use crate::domain::breaker::Breaker;
use crate::domain::journal::{Body, BodyError, Cause, JournalDraft};
use crate::domain::payout::BlockRef;
use crate::domain::refusals::RefusalKind;
use crate::domain::tron::BlockId;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// A block and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockMark {
    /// Which block.
    pub block: BlockRef,
    /// Its time, unix ms.
    pub timestamp_ms: i64,
}

/// Why the house is paused, and since when (F004-42).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// A person's words, or the alarm that pulled the switch.
    pub reason: String,
    /// Since when, unix ms.
    pub since_ms: i64,
}

/// The restore gate, shut: this store is an older copy, or may be one (F-N06). It outlives restarts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreGate {
    /// Since when, unix ms.
    pub since_ms: i64,
    /// What tells that it is an older copy, for people.
    pub why: String,
    /// Nothing is signed before the solidified chain is past this moment, unix ms; `None` until the chain was seen.
    pub until_ms: Option<i64>,
    /// What it said before it was shut once more, unix ms: as long as the chain is not past it, nothing was signed since, and it
    /// holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_ms: Option<i64>,
}

/// What the house remembers of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HouseFacts {
    /// The store's own random name, made at its birth.
    pub store_id: String,
    /// Set while the kill switch is pulled.
    pub pause: Option<Pause>,
    /// The genesis block of the chain that this store pays on, pinned at the first start.
    pub genesis_id: Option<BlockId>,
    /// The solidified block that was read when the store was born.
    pub birth: Option<BlockMark>,
    /// The last solidified block whose transactions were judged.
    pub last_solid: Option<BlockMark>,
    /// Each dependency's breaker, so that a restart does not forgive.
    pub breakers: BTreeMap<String, Breaker>,
    /// Set while the restore gate is shut.
    #[serde(default)]
    pub restore_gate: Option<RestoreGate>,
    /// The last event that the bus has confirmed (F-P12): its sequence number, 0 for none.
    #[serde(default)]
    pub events_published_seq: i64,
    /// The latest moment that was ever written, unix ms: clocks may be set back, the house's time is not.
    pub latest_ms: i64,
}

impl HouseFacts {
    /// The facts after a change at a moment (unix ms), and whether anything of it is new: the same in every store.
    ///
    /// # Errors
    /// A second chain is refused: a store pays on the one that it was pinned to.
    pub fn changed(mut self, change: &HouseChange) -> Result<(Self, bool), StoreFault> {
        let before = self.clone();
        match change {
            HouseChange::Wanted { change, .. } => return self.changed(change),
            HouseChange::Pause(pause) => self.pause = Some(pause.clone()),
            HouseChange::Resume { .. } => self.pause = None,
            HouseChange::Alarm { .. }
            | HouseChange::DeadJob { .. }
            | HouseChange::RateExceeded(_)
            | HouseChange::Refused { .. } => {
                return Ok((self, true));
            }
            HouseChange::PinGenesis(id) => match self.genesis_id {
                Some(pinned) if pinned != *id => {
                    let why =
                        format!("it pays on the chain whose first block is {pinned}, not on that of {id}");
                    return Err(StoreFault::Refused(why));
                }
                Some(_) | None => self.genesis_id = Some(*id),
            },
            HouseChange::Birth(mark) => self.birth = self.birth.or(Some(*mark)),
            HouseChange::LastSolid(mark) => {
                let further = self.last_solid.is_none_or(|last| mark.block.number >= last.block.number);
                self.last_solid = if further { Some(*mark) } else { self.last_solid };
            }
            HouseChange::ShutGate { since_ms, why } => {
                let before = self.restore_gate.take();
                let said_ms = before.as_ref().and_then(|gate| gate.until_ms.or(gate.said_ms));
                let since_ms = before.map_or(*since_ms, |gate| gate.since_ms);
                self.restore_gate = Some(RestoreGate { since_ms, why: why.clone(), until_ms: None, said_ms });
            }
            HouseChange::GateUntil(until_ms) => {
                if let Some(gate) = &mut self.restore_gate {
                    gate.until_ms = Some(gate.until_ms.unwrap_or(i64::MIN).max(*until_ms));
                    gate.said_ms = None;
                }
            }
            HouseChange::OpenGate => self.restore_gate = None,
            HouseChange::EventsPublished(sequence) => {
                self.events_published_seq = self.events_published_seq.max(*sequence);
            }
            HouseChange::Breaker(name, breaker) => {
                self.breakers.insert(name.clone(), *breaker);
            }
        }
        let new = self != before;
        Ok((self, new))
    }
}

/// One change of what the house remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HouseChange {
    /// Pull the switch; journalled.
    Pause(Pause),
    /// Let go of it; journalled.
    Resume {
        /// Why.
        reason: String,
    },
    /// Something that a person must hear of, for the journal only: an alarm's word and its facts.
    Alarm {
        /// Which alarm: the journal's kind.
        kind: &'static str,
        /// The payout that it is about, where it is about one.
        payout_id: Option<String>,
        /// The facts.
        body: Body,
    },
    /// What a person decided about a job that could not be done, for the journal only (F-N17).
    DeadJob {
        /// `job_requeued` or `job_discarded`.
        kind: &'static str,
        /// Which job, and who decided.
        body: Body,
    },
    /// How often somebody asked for more than their rate, for the journal only (F004-05).
    RateExceeded(Body),
    /// How often somebody was refused at a door, for the journal only.
    Refused {
        /// What was refused.
        kind: RefusalKind,
        /// Who, what and why.
        body: Body,
    },
    /// Pin the chain; refused by the store where another is pinned.
    PinGenesis(BlockId),
    /// Note the block of birth, once.
    Birth(BlockMark),
    /// Note how far the solidified chain is read; never backwards (another block of the same number is a lie found out).
    LastSolid(BlockMark),
    /// Shut the restore gate (F-N06); journalled.
    ShutGate {
        /// Since when, unix ms.
        since_ms: i64,
        /// What tells that the store is an older copy.
        why: String,
    },
    /// Note how long the gate stays shut, unix ms; never shorter.
    GateUntil(i64),
    /// The gate has been waited out; journalled.
    OpenGate,
    /// Note up to which sequence number the bus has confirmed every event; never backwards.
    EventsPublished(i64),
    /// Note a breaker's state.
    Breaker(String, Breaker),
    /// One of the others, that somebody wants: the journal says who, and in which request.
    Wanted {
        /// What they want.
        change: Box<HouseChange>,
        /// Who, and in which request.
        cause: Cause,
    },
}

impl HouseChange {
    /// The same change, wanted by somebody.
    #[must_use]
    pub fn wanted_by(self, cause: Cause) -> Self {
        Self::Wanted { change: Box::new(self), cause }
    }

    /// What the journal says of a change; `None` for the bookkeeping that it does not speak of.
    pub fn journal_draft(&self, now_ms: i64) -> Result<Option<JournalDraft>, BodyError> {
        let (kind, body) = match self {
            Self::Wanted { change, cause } => {
                let draft = change.journal_draft(now_ms)?;
                return draft.map(|draft| draft.caused_by(cause)).transpose();
            }
            Self::Pause(pause) => ("house_paused", Body::of(&json!({ "reason": pause.reason }))?),
            Self::Resume { reason } => ("house_resumed", Body::of(&json!({ "reason": reason }))?),
            Self::PinGenesis(id) => ("genesis_pinned", Body::of(&json!({ "block_id": id }))?),
            Self::Birth(mark) => ("store_born", Body::of(&json!({ "block": mark.block }))?),
            Self::Alarm { kind, payout_id, body } => {
                let draft = JournalDraft::new(now_ms, kind, body.clone());
                return Ok(Some(JournalDraft { payout_id: payout_id.clone(), ..draft }));
            }
            Self::DeadJob { kind, body } => (*kind, body.clone()),
            Self::RateExceeded(body) => ("rate_limit_exceeded", body.clone()),
            Self::Refused { kind, body } => (kind.word(), body.clone()),
            Self::ShutGate { why, .. } => ("restore_noticed", Body::of(&json!({ "why": why }))?),
            Self::OpenGate => ("restore_gate_passed", Body::of(&json!({}))?),
            Self::LastSolid(_) | Self::GateUntil(_) | Self::EventsPublished(_) | Self::Breaker(..) => {
                return Ok(None);
            }
        };
        Ok(Some(JournalDraft::new(now_ms, kind, body)))
    }
}

/// The store of the house's own facts.
#[async_trait]
pub trait House: Send + Sync {
    /// All of them.
    async fn facts(&self) -> Result<HouseFacts, StoreFault>;

    /// Changes some, in one transaction with the journal records that the changes want
    /// ([`HouseChange::journal_draft`]; a change that changes nothing wants none); `now_ms` also moves
    /// [`HouseFacts::latest_ms`] forward.
    async fn change(&self, changes: Vec<HouseChange>, now_ms: i64) -> Result<(), StoreFault>;
}
