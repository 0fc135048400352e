//! What the door asks of the office.
//!
//! The door parses, asks and answers; everything after authentication is the office's, the same for every door. This trait
//! is the whole of what passes through. [`Staffed`] is the office with its actors; the door's own tests put a small one in
//! its place, whose faults they choose.

mod staffed;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use payoutd_actors::{
    admission::{AdmissionRefusal, AdmitPayouts, DecidePayout, DecisionRefusal},
    confirmation_watcher::Verification,
    domain::{
        access::Reached,
        identity::PayoutId,
        journal::{Cause, Checkpoint, JournalRecord},
        limits::{LimitBook, LimitRules},
        order::{Order, OrderProblem},
        outbox::OutboxEvent,
        payout::{Payout, Reason, Settlement, Stage},
    },
    guardian::{ActorView, Gone},
    ports::{
        Admitted, HouseFacts, InFlight, JournalSearch, Pause, PayoutFilter, RestoreGate, StageCount,
        StoreFault,
    },
    treasurer::WalletView,
};

pub use staffed::{Staffed, StaffedTools};

use crate::amqp::DeadQueue;

/// Why the office does not answer. None of it says that nothing happened; whoever asks for money asks by a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Too much is waiting; come back.
    Busy {
        /// When asking again makes sense, ms.
        retry_after_ms: i64,
    },
    /// Somebody or something that is needed is away: who, in a word (`the store`, `admission`).
    Away {
        /// Who.
        who: String,
        /// When asking again makes sense, ms.
        retry_after_ms: i64,
    },
    /// A fault of payoutd; the cause is for the log only.
    Broken {
        /// The cause.
        cause: String,
    },
}

/// Why orders were not taken in; none of them was.
#[derive(Debug, Clone)]
pub enum NotAdmitted {
    /// Admission refuses them.
    Refused(AdmissionRefusal),
    /// Admission does not answer.
    Fault(Fault),
}

/// Why a decision was not carried out.
#[derive(Debug, Clone)]
pub enum NotDecided {
    /// Admission refuses it.
    Refused(DecisionRefusal),
    /// Admission does not answer.
    Fault(Fault),
}

/// The numbers of the house at one moment.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Payouts by stage.
    pub stages: BTreeMap<Stage, StageCount>,
    /// Held payouts by their reason; one that holds none is left out.
    pub held_by_reason: BTreeMap<Reason, u64>,
    /// What is on its way.
    pub in_flight: InFlight,
    /// The windows of the spending limits, and the limits.
    pub limits: Option<(LimitBook, LimitRules)>,
    /// Whether anything is signed.
    pub switches: Switches,
    /// The moment, unix ms.
    pub at_ms: i64,
}

/// What keeps the house from signing: the kill switch and the restore gate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches {
    /// Set while the house is paused.
    pub pause: Option<Pause>,
    /// Set while the restore gate is shut (F-N06): nothing is signed then, paused or not.
    pub restore_gate: Option<RestoreGate>,
}

impl From<HouseFacts> for Switches {
    fn from(facts: HouseFacts) -> Self {
        Self { pause: facts.pause, restore_gate: facts.restore_gate }
    }
}

/// How a part of the house is; the worse ones last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Up,
    /// Nobody has asked it yet.
    Unknown,
    /// Works with less than it should have, or stands still by somebody's will.
    Degraded,
    /// Away.
    Down,
}

/// A part of the house, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its name: [`STORE`], `payments`, `restore_gate`, a node's or an actor's, …
    pub name: String,
    /// How it is.
    pub health: Health,
    /// More, for a person.
    pub detail: Option<String>,
}

/// A page of what happened.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The store's own name, which every event bears.
    pub store_id: String,
    /// The events, oldest first, without a gap.
    pub events: Vec<OutboxEvent>,
    /// The last sequence number there is.
    pub last_sequence: i64,
}

/// The key that seals the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalKeyView {
    /// The key's short name, as checkpoints carry it.
    pub key_id: String,
    /// 64 hex digits.
    pub public_key: String,
}

/// A payout and, once it is settled, the proof of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The payout.
    pub payout: Payout,
    /// Its proof.
    pub proof: Option<Settlement>,
}

/// What the door asks of the office.
#[async_trait]
pub trait Office: Send + Sync {
    /// What this house would refuse of these orders, by their place; nothing is taken in.
    async fn review(&self, orders: Vec<Order>) -> Result<Vec<(usize, OrderProblem)>, Fault>;

    /// Takes in an order or a batch. The answers keep the request's order.
    async fn admit(&self, request: AdmitPayouts) -> Result<Vec<Admitted>, NotAdmitted>;

    /// One payout, of these or of nobody.
    async fn find(&self, whose: &Reached, id: PayoutId) -> Result<Option<Shown>, Fault>;

    /// A page of payouts, newest first.
    async fn list(&self, filter: &PayoutFilter, limit: u32) -> Result<Vec<Payout>, Fault>;

    /// Carries out somebody's decision.
    async fn decide(&self, request: DecidePayout) -> Result<Payout, NotDecided>;

    /// Asks the chain now. `None`: no such payout. [`Fault::Away`] while what must be asked is away (F003-06).
    async fn verify(&self, whose: &Reached, id: PayoutId) -> Result<Option<Verification>, Fault>;

    /// The numbers of the house.
    async fn stats(&self) -> Result<Stats, Fault>;

    /// The wallet, as the treasurer knows it.
    async fn wallet(&self) -> Result<WalletView, Fault>;

    /// Every actor's view of itself.
    async fn actors(&self) -> Vec<ActorView>;

    /// Pulls the kill switch. When this returns, no signing and no first send begins any more.
    async fn pause(&self, reason: String, cause: Cause) -> Result<Switches, Fault>;

    /// Lets go of the kill switch; a house that runs goes on running. What else keeps it from signing is in the answer.
    async fn resume(&self, reason: String, cause: Cause) -> Result<Switches, Fault>;

    /// The key that seals the journal.
    async fn journal_key(&self) -> Result<JournalKeyView, Fault>;

    /// What happened after a sequence number, oldest first, at most so many events.
    async fn events(&self, after: i64, limit: u32) -> Result<EventPage, Fault>;

    /// The rows of the journal that somebody looks for, newest first.
    async fn journal_search(&self, search: &JournalSearch) -> Result<Vec<JournalRecord>, Fault>;

    /// The place of the journal behind a moment, as [`Journal::place_behind`](payoutd_actors::ports::Journal::place_behind) finds it.
    async fn journal_place_behind(&self, at_ms: i64) -> Result<i64, Fault>;

    /// Seals what is written now; the signed checkpoint that covers the last row, `None` for an empty journal.
    async fn checkpoint(&self) -> Result<Option<Checkpoint>, Fault>;

    /// The workbench of dead jobs, where there is a broker.
    fn dead_queue(&self) -> Option<&DeadQueue> {
        None
    }

    /// Every part of the house, by name. Answers within a moment and never fails: what is silent is down.
    async fn components(&self) -> Vec<Component>;
}

/// The office as handlers hold it.
pub type SharedOffice = Arc<dyn Office>;

/// The name of the component without which nothing can be taken in.
pub const STORE: &str = "store";

/// The name of the component that is the broker.
pub const BROKER: &str = "amqp";

/// When asking a store that was away makes sense again, ms.
const STORE_RETRY_AFTER_MS: i64 = 5_000;
/// When asking an actor that was away makes sense again, ms: the guardian hires within a moment.
const ACTOR_RETRY_AFTER_MS: i64 = 1_000;

impl From<StoreFault> for Fault {
    fn from(fault: StoreFault) -> Self {
        let away = |who: &str| Self::Away { who: who.to_owned(), retry_after_ms: STORE_RETRY_AFTER_MS };
        match fault {
            StoreFault::Full => away("the store's disk is full: it"),
            StoreFault::Away(cause) => {
                tracing::warn!(cause, "the store does not answer");
                away("the store")
            }
            // Not the caller's fault, and mended by an operator: a right that is missing, a chain that is another.
            StoreFault::Refused(cause) => {
                tracing::error!(cause, "the store refuses");
                away("the store")
            }
            StoreFault::Corrupt(cause) => Self::Broken { cause },
        }
    }
}

impl From<Gone> for Fault {
    fn from(gone: Gone) -> Self {
        match gone {
            Gone::Busy(_) => Self::Busy { retry_after_ms: ACTOR_RETRY_AFTER_MS },
            Gone::Away(name) => Self::Away { who: name.to_owned(), retry_after_ms: ACTOR_RETRY_AFTER_MS },
        }
    }
}
