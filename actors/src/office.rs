//! The office, opened: everybody hired in order upon one world, behind breakers, with the restore gate asked first.
//!
//! The house in `src/` and the simulations open the same office; only the world behind the ports differs.

use crate::admission::{self, Admission, AdmissionSettings, AdmissionTools, PayoutIds};
use crate::audit_writer::{self, AuditWriter, AuditWriterSettings, AuditWriterTools};
use crate::chain_sight::no_sight;
use crate::circuit_breaker::{self, CircuitBreaker, Guarded, SharedBreaker};
use crate::confirmation_watcher::{self, ConfirmationWatcher, WatcherSettings, WatcherTools};
use crate::domain::breaker::BreakerRules;
use crate::domain::journal::JournalKey;
use crate::domain::limits::LimitRules;
use crate::domain::order::HousePolicy;
use crate::event_publisher::{self, EventPublisher, EventPublisherSettings, EventPublisherTools};
use crate::guardian::{Handle, Hiring, Pulse, Watchable};
use crate::house_clock::HouseClock;
use crate::journal_tail::pause_where_broken;
use crate::ledger::Ledger;
use crate::payout_worker::{self, PayoutWorker, WorkerSettings, WorkerTools};
use crate::ports::{
    ChainNode, CheckpointKeeper, Clock, Entropy, EventBus, House, HouseFacts, Journal, Payouts, Register,
    Roles, SecondOpinion, Signer, StoreFault, Strangers,
};
use crate::recollection::{Recollection, RecollectionTools};
use crate::restore::shut_the_gate_where_due;
use crate::roster::{Roster, Staff};
use crate::treasurer::{self, Treasurer, TreasurerSettings, TreasurerTools};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The world behind the ports.
#[derive(Clone)]
pub struct World {
    /// The payouts' store.
    pub payouts: Arc<dyn Payouts>,
    /// The house's own facts.
    pub house: Arc<dyn House>,
    /// The journal.
    pub journal: Arc<dyn Journal>,
    /// Transfers of the wallet that no payout knows.
    pub strangers: Arc<dyn Strangers>,
    /// Who may come in.
    pub register: Arc<dyn Register>,
    /// Who of a fleet does what one process does at a time.
    pub roles: Arc<dyn Roles>,
    /// Where the newest checkpoint is kept, outside of the store.
    pub keeper: Arc<dyn CheckpointKeeper>,
    /// The nodes, in the order in which they are read.
    pub nodes: Vec<Arc<dyn ChainNode>>,
    /// The index that is the second pair of eyes.
    pub second: Option<Arc<dyn SecondOpinion>>,
    /// Where others hear what happened; nobody is told where there is none.
    pub bus: Option<Arc<dyn EventBus>>,
    /// The wallet's signature.
    pub signer: Arc<dyn Signer>,
    /// The seal's key.
    pub journal_key: Arc<JournalKey>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// What ids are made of.
    pub entropy: Arc<dyn Entropy>,
}

/// The rules and limits by which the office works.
#[derive(Debug, Clone)]
pub struct OfficeRules {
    /// What the house pays, and whom it never pays.
    pub policy: HousePolicy,
    /// The spending limits.
    pub limits: LimitRules,
    /// The breakers' numbers.
    pub breaker: BreakerRules,
    /// One source is enough, by the operator's written word.
    pub single_source: bool,
    /// Admission's limits and periods.
    pub admission: AdmissionSettings,
    /// The treasurer's.
    pub treasurer: TreasurerSettings,
    /// The worker's.
    pub worker: WorkerSettings,
    /// The watcher's.
    pub watcher: WatcherSettings,
    /// The audit writer's.
    pub audit: AuditWriterSettings,
    /// The event publisher's.
    pub events: EventPublisherSettings,
}

/// An open office: whom to ask, and how to close it.
pub struct Office {
    /// Takes orders and people's decisions.
    pub admission: Handle<Admission>,
    /// Signs and sends; holds the kill switch.
    pub payout_worker: Handle<PayoutWorker>,
    /// Reads the chain.
    pub confirmation_watcher: Handle<ConfirmationWatcher>,
    /// Knows the wallet.
    pub treasurer: Handle<Treasurer>,
    /// Seals the journal.
    pub audit_writer: Handle<AuditWriter>,
    /// Tells others; vacant where there is no bus.
    pub event_publisher: Handle<EventPublisher>,
    /// The dependencies' breakers, in the order of the nodes, the index last.
    pub breakers: Vec<SharedBreaker>,
    /// The ledger, for reading.
    pub ledger: Ledger,
    roster: Roster,
}

impl Office {
    /// Opens the office upon a world: the restore gate and the journal's end are looked at before anybody is hired.
    ///
    /// # Errors
    /// When the store does not answer: nobody is hired then.
    pub async fn open(world: World, rules: OfficeRules, hiring: Hiring) -> Result<Self, StoreFault> {
        let facts = world.house.facts().await?;
        let house_clock: Arc<dyn Clock> = Arc::new(HouseClock::new(world.clock.clone(), facts.latest_ms));
        let (house, journal) = (world.house.as_ref(), world.journal.as_ref());
        let (register, keeper) = (world.register.as_ref(), world.keeper.as_ref());
        let (roles, now_ms) = (world.roles.as_ref(), house_clock.now_ms());
        shut_the_gate_where_due(house, journal, register, keeper, roles, now_ms).await?;
        pause_where_broken(house, journal, &world.journal_key, house_clock.now_ms()).await?;
        let (world, breakers) = behind_breakers(world, &rules, &facts);
        let ledger = Ledger::new(world.payouts.clone());
        let mut office = Self {
            admission: Handle::vacant(admission::NAME),
            payout_worker: Handle::vacant(payout_worker::NAME),
            confirmation_watcher: Handle::vacant(confirmation_watcher::NAME),
            treasurer: Handle::vacant(treasurer::NAME),
            audit_writer: Handle::vacant(audit_writer::NAME),
            event_publisher: Handle::vacant(event_publisher::NAME),
            breakers,
            ledger,
            roster: Roster::new(hiring),
        };
        office.hire(&world, &rules, &house_clock);
        Ok(office)
    }

    /// Whoever is hired first stands nearest to the rows and leaves last.
    fn hire(&mut self, world: &World, rules: &OfficeRules, clock: &Arc<dyn Clock>) {
        let (sight_writer, sight) = no_sight();
        let audit = AuditWriterTools {
            journal: world.journal.clone(),
            roles: world.roles.clone(),
            keeper: world.keeper.clone(),
            key: world.journal_key.clone(),
            house: world.house.clone(),
            clock: clock.clone(),
            settings: rules.audit.clone(),
        };
        self.roster.hire(&self.audit_writer, move || AuditWriter::new(audit.clone()));
        if let Some(bus) = &world.bus {
            let events = EventPublisherTools {
                journal: world.journal.clone(),
                payouts: world.payouts.clone(),
                house: world.house.clone(),
                roles: world.roles.clone(),
                keeper: world.keeper.clone(),
                bus: bus.clone(),
                clock: clock.clone(),
                settings: rules.events.clone(),
            };
            self.roster.hire(&self.event_publisher, move || EventPublisher::new(events.clone()));
        }
        for breaker in self.breakers.clone() {
            let (house, clock) = (world.house.clone(), clock.clone());
            let post = Handle::vacant(circuit_breaker::NAME);
            self.roster
                .hire(&post, move || CircuitBreaker::new(breaker.clone(), house.clone(), clock.clone()));
        }
        // The watcher reads the first node; the treasurer begins with the last, so that one provider's quota serves both.
        let treasurer = TreasurerTools {
            nodes: world.nodes.iter().rev().cloned().collect(),
            ledger: self.ledger.clone(),
            clock: clock.clone(),
            policy: rules.policy.clone(),
            settings: rules.treasurer.clone(),
        };
        self.roster.hire(&self.treasurer, move || Treasurer::new(treasurer.clone()));
        let watcher = WatcherTools {
            ledger: self.ledger.clone(),
            house: world.house.clone(),
            nodes: world.nodes.clone(),
            second: world.second.clone(),
            single_source: rules.single_source,
            worker: self.payout_worker.clone(),
            audit_writer: self.audit_writer.nudger(),
            sight: Rc::new(sight_writer),
            roles: world.roles.clone(),
            strangers: world.strangers.clone(),
            clock: clock.clone(),
            wall: world.clock.clone(),
            policy: rules.policy.clone(),
            settings: rules.watcher.clone(),
        };
        self.roster.hire(&self.confirmation_watcher, move || ConfirmationWatcher::new(watcher.clone()));
        let recollection = Rc::new(Recollection::new(RecollectionTools {
            house: world.house.clone(),
            strangers: world.strangers.clone(),
            signer: world.signer.clone(),
            policy: rules.policy.clone(),
            sight: sight.clone(),
            wall: world.clock.clone(),
            restore_gap_ms: rules.watcher.restore_gap_ms,
        }));
        let worker = WorkerTools {
            ledger: self.ledger.clone(),
            house: world.house.clone(),
            recollection: recollection.clone(),
            signer: world.signer.clone(),
            nodes: world.nodes.clone(),
            treasurer: self.treasurer.clone(),
            audit_writer: self.audit_writer.nudger(),
            sight,
            clock: clock.clone(),
            wall: world.clock.clone(),
            policy: rules.policy.clone(),
            limits: rules.limits,
            settings: rules.worker.clone(),
        };
        self.roster.hire(&self.payout_worker, move || PayoutWorker::new(worker.clone()));
        let admission = AdmissionTools {
            ledger: self.ledger.clone(),
            clock: clock.clone(),
            ids: Rc::new(PayoutIds::new(world.entropy.clone())),
            signer: world.signer.clone(),
            policy: rules.policy.clone(),
            limits: rules.limits,
            recollection,
            treasurer: self.treasurer.clone(),
            payout_worker: self.payout_worker.nudger(),
            audit_writer: self.audit_writer.nudger(),
            settings: rules.admission.clone(),
        };
        self.roster.hire(&self.admission, move || Admission::new(admission.clone()));
    }

    /// Hires one more for a door of the house's own. Whoever is hired last leaves first: the door finishes with what it has
    /// in hand while Admission is still there to take it.
    pub fn hire_at_a_door<A: Watchable>(&mut self, post: &Handle<A>, factory: impl Fn() -> A + 'static) {
        self.roster.hire(post, factory);
    }

    /// Everybody, for showing.
    #[must_use]
    pub fn staff(&self) -> Staff {
        self.roster.staff()
    }

    /// The office's pulse, for whoever watches the process from outside.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.roster.pulse()
    }

    /// Closes the office; the names of those who were not done in time are in the answer.
    pub async fn close(self, within: Duration) -> Vec<&'static str> {
        self.roster.leave(within).await
    }
}

/// Puts every dependency behind its breaker, which remembers how it stood.
fn behind_breakers(mut world: World, rules: &OfficeRules, facts: &HouseFacts) -> (World, Vec<SharedBreaker>) {
    let mut breakers = Vec::with_capacity(world.nodes.len() + 1);
    let mut breaker_of = |name: &str| {
        let remembered = facts.breakers.get(name).copied();
        let breaker = SharedBreaker::new(name, rules.breaker, remembered, world.clock.clone());
        breakers.push(breaker.clone());
        breaker
    };
    world.nodes = world
        .nodes
        .iter()
        .map(|node| Arc::new(Guarded::new(node.clone(), breaker_of(node.name()))) as Arc<dyn ChainNode>)
        .collect();
    world.second = world.second.map(|index| {
        let breaker = breaker_of(index.name());
        Arc::new(Guarded::new(index, breaker)) as Arc<dyn SecondOpinion>
    });
    (world, breakers)
}
