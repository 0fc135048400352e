//! The office with its actors: orders and decisions go to Admission, questions about the chain to the watcher, the kill switch
//! to the worker; reading goes to the store itself, which needs nobody's turn.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use payoutd_actors::{
    admission::{Admission, AdmitPayouts, DecidePayout, ReviewOrders},
    audit_writer::{AuditWriter, SealNow, SealTrouble},
    circuit_breaker::{LastAnswer, SharedBreaker},
    confirmation_watcher::{ConfirmationWatcher, Verification, VerifyPayout, VerifyRefused},
    domain::{
        access::Reached,
        breaker::Breaker,
        identity::PayoutId,
        journal::{Cause, Checkpoint, JournalPublicKey, JournalRecord},
        limits::LimitRules,
        order::{Order, OrderProblem},
        payout::{Payout, Stage},
    },
    event_publisher::EventStream,
    guardian::{ActorView, Handle},
    office as actors,
    payout_worker::{PauseHouse, PayoutWorker, ResumeHouse},
    ports::{Admitted, Clock, House, HouseFacts, Journal, JournalSearch, PayoutFilter, Payouts},
    roster::Staff,
    treasurer::{ShowWallet, Treasurer, WalletView},
};

use super::{
    BROKER, Component, EventPage, Fault, Health, JournalKeyView, NotAdmitted, NotDecided, Office, STORE,
    Shown, Stats, Switches,
};
use crate::amqp::{DeadQueue, Link, LinkState};
use crate::http::pause::waits_for;

/// How long the store may take to say that it is there.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(1);
/// How long what was seen of the components is shown again: probes must not become work.
const COMPONENTS_KEPT: Duration = Duration::from_secs(1);

/// What the office is made of, as wiring gives it.
#[derive(Clone)]
pub struct StaffedTools {
    /// Takes orders and decisions.
    pub admission: Handle<Admission>,
    /// Pulls the kill switch.
    pub worker: Handle<PayoutWorker>,
    /// Asks the chain.
    pub watcher: Handle<ConfirmationWatcher>,
    /// Knows the wallet.
    pub treasurer: Handle<Treasurer>,
    /// Everybody, for showing.
    pub staff: Staff,
    /// The payouts, for reading.
    pub payouts: Arc<dyn Payouts>,
    /// What the house remembers of itself.
    pub house: Arc<dyn House>,
    /// The journal, for reading.
    pub journal: Arc<dyn Journal>,
    /// Seals the journal.
    pub audit_writer: Handle<AuditWriter>,
    /// The key that seals the journal.
    pub journal_key: JournalPublicKey,
    /// The dependencies' breakers, as they stand now.
    pub breakers: Vec<SharedBreaker>,
    /// The spending limits, for showing.
    pub limits: LimitRules,
    /// The house's time.
    pub clock: Arc<dyn Clock>,
    /// The connections to the broker, where there is one.
    pub links: Vec<Link>,
    /// The workbench of dead jobs.
    pub dead_queue: Option<Arc<DeadQueue>>,
}

/// The office with its actors.
pub struct Staffed {
    tools: StaffedTools,
    seen: Mutex<Option<(Instant, Vec<Component>)>>,
}

impl Staffed {
    /// The office, staffed.
    #[must_use]
    pub fn new(tools: StaffedTools) -> Self {
        Self { tools, seen: Mutex::new(None) }
    }

    /// The office that was opened upon a world, as the door asks it.
    #[must_use]
    pub fn of(office: &actors::Office, world: &actors::World, limits: LimitRules) -> Self {
        Self::new(StaffedTools {
            admission: office.admission.clone(),
            worker: office.payout_worker.clone(),
            watcher: office.confirmation_watcher.clone(),
            treasurer: office.treasurer.clone(),
            staff: office.staff(),
            payouts: world.payouts.clone(),
            house: world.house.clone(),
            journal: world.journal.clone(),
            audit_writer: office.audit_writer.clone(),
            journal_key: world.journal_key.public_key().clone(),
            breakers: office.breakers.clone(),
            limits,
            clock: world.clock.clone(),
            links: Vec::new(),
            dead_queue: None,
        })
    }

    /// The same, with a broker: the connections to it, and the workbench of its dead jobs.
    #[must_use]
    pub fn with_broker(mut self, links: Vec<Link>, dead_queue: DeadQueue) -> Self {
        self.tools.links = links;
        self.tools.dead_queue = Some(Arc::new(dead_queue));
        self
    }

    fn seen_lately(&self) -> Option<Vec<Component>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.as_ref()
            .filter(|(at, _)| at.elapsed() < COMPONENTS_KEPT)
            .map(|(_, components)| components.clone())
    }

    async fn look(&self) -> Vec<Component> {
        let facts = tokio::time::timeout(STORE_ANSWERS_WITHIN, self.tools.house.facts()).await;
        let mut components = match facts {
            Ok(Ok(facts)) => parts_of(&facts),
            Ok(Err(_)) | Err(_) => vec![part(STORE, Health::Down, Some("it does not answer"))],
        };
        components
            .extend(self.tools.breakers.iter().map(|own| part_of_dependency(own.name(), own.standing())));
        components.extend(part_of_links(&self.tools.links));
        components.extend(self.tools.staff.views().await.iter().map(part_of_actor));
        components
    }
}

#[async_trait]
impl Office for Staffed {
    async fn review(&self, orders: Vec<Order>) -> Result<Vec<(usize, OrderProblem)>, Fault> {
        Ok(self.tools.admission.ask(ReviewOrders(orders)).await?)
    }

    async fn admit(&self, request: AdmitPayouts) -> Result<Vec<Admitted>, NotAdmitted> {
        let answer = self.tools.admission.ask(request).await;
        answer.map_err(|gone| NotAdmitted::Fault(gone.into()))?.map_err(NotAdmitted::Refused)
    }

    async fn find(&self, whose: &Reached, id: PayoutId) -> Result<Option<Shown>, Fault> {
        let found = self.tools.payouts.find(id).await?;
        let Some(payout) = found.filter(|payout| whose.has(&payout.account)) else { return Ok(None) };
        let proof = match payout.stage {
            Stage::Settled => self.tools.payouts.settlement(id).await?,
            _ => None,
        };
        Ok(Some(Shown { payout, proof }))
    }

    async fn list(&self, filter: &PayoutFilter, limit: u32) -> Result<Vec<Payout>, Fault> {
        Ok(self.tools.payouts.list(filter, limit).await?)
    }

    async fn decide(&self, request: DecidePayout) -> Result<Payout, NotDecided> {
        let answer = self.tools.admission.ask(request).await;
        answer.map_err(|gone| NotDecided::Fault(gone.into()))?.map_err(NotDecided::Refused)
    }

    async fn verify(&self, whose: &Reached, id: PayoutId) -> Result<Option<Verification>, Fault> {
        if self.find(whose, id).await?.is_none() {
            return Ok(None);
        }
        match self.tools.watcher.ask(VerifyPayout(id)).await? {
            Ok(verification) => Ok(Some(verification)),
            Err(VerifyRefused::Unknown) => Ok(None),
            Err(VerifyRefused::SourcesAway { why, retry_after_ms }) => {
                tracing::debug!(why, "a verification met silence");
                Err(Fault::Away { who: "every source that could verify it".to_owned(), retry_after_ms })
            }
            Err(VerifyRefused::Store(fault)) => Err(fault.into()),
        }
    }

    async fn stats(&self) -> Result<Stats, Fault> {
        let at_ms = self.tools.clock.now_ms();
        let payouts = &self.tools.payouts;
        Ok(Stats {
            stages: payouts.counts().await?,
            held_by_reason: payouts.held_by_reason().await?,
            in_flight: payouts.in_flight().await?,
            limits: Some((payouts.limit_book(at_ms).await?, self.tools.limits)),
            switches: self.tools.house.facts().await?.into(),
            at_ms,
        })
    }

    async fn wallet(&self) -> Result<WalletView, Fault> {
        Ok(self.tools.treasurer.ask(ShowWallet).await??)
    }

    async fn actors(&self) -> Vec<ActorView> {
        self.tools.staff.views().await
    }

    async fn pause(&self, reason: String, cause: Cause) -> Result<Switches, Fault> {
        let pause = self.tools.worker.ask(PauseHouse { reason, cause }).await??;
        // The house is paused by now, whether or not the store still answers.
        let restore_gate = self.tools.house.facts().await.ok().and_then(|facts| facts.restore_gate);
        Ok(Switches { pause: Some(pause), restore_gate })
    }

    async fn resume(&self, reason: String, cause: Cause) -> Result<Switches, Fault> {
        self.tools.worker.ask(ResumeHouse { reason, cause }).await??;
        Ok(self.tools.house.facts().await?.into())
    }

    async fn journal_key(&self) -> Result<JournalKeyView, Fault> {
        let key = &self.tools.journal_key;
        Ok(JournalKeyView { key_id: key.key_id().to_owned(), public_key: key.to_hex() })
    }

    async fn events(&self, after: i64, limit: u32) -> Result<EventPage, Fault> {
        let mut stream = EventStream::of(self.tools.journal.clone(), self.tools.payouts.clone());
        let events = stream.after(after, limit).await?;
        let store_id = self.tools.house.facts().await?.store_id;
        Ok(EventPage { store_id, events, last_sequence: stream.last().await? })
    }

    async fn journal_search(&self, search: &JournalSearch) -> Result<Vec<JournalRecord>, Fault> {
        Ok(self.tools.journal.search(search).await?)
    }

    async fn journal_place_behind(&self, at_ms: i64) -> Result<i64, Fault> {
        Ok(self.tools.journal.place_behind(at_ms).await?)
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>, Fault> {
        match self.tools.audit_writer.ask(SealNow).await? {
            Ok(checkpoint) => Ok(Some(checkpoint)),
            Err(SealTrouble::Empty) => Ok(None),
            Err(SealTrouble::Store(fault)) => Err(fault.into()),
            Err(trouble @ SealTrouble::StandsBy) => {
                Err(payoutd_actors::ports::StoreFault::Away(trouble.to_string()).into())
            }
            Err(trouble @ (SealTrouble::Broken(_) | SealTrouble::Keeper(_))) => {
                Err(Fault::Broken { cause: trouble.to_string() })
            }
        }
    }

    fn dead_queue(&self) -> Option<&DeadQueue> {
        self.tools.dead_queue.as_deref()
    }

    async fn components(&self) -> Vec<Component> {
        if let Some(components) = self.seen_lately() {
            return components;
        }
        let components = self.look().await;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), components.clone()));
        components
    }
}

/// The store, and what keeps the house from signing. The pause's reason and what told of a restore are for who may see them.
fn parts_of(facts: &HouseFacts) -> Vec<Component> {
    let gate = facts.restore_gate.as_ref().map(|gate| format!("shut: {}", waits_for(gate)));
    let payments = match (&facts.pause, &gate) {
        (Some(_), _) => Some("paused; orders are taken in and what is out is watched"),
        (None, Some(_)) => Some("the restore gate is shut; orders are taken in and what is out is watched"),
        (None, None) => None,
    };
    let switch = |name: &str, trouble: Option<&str>| {
        part(name, if trouble.is_some() { Health::Degraded } else { Health::Up }, trouble)
    };
    vec![part(STORE, Health::Up, None), switch("payments", payments), switch("restore_gate", gate.as_deref())]
}

/// A node or the index: a breaker that has not opened yet does not make it well.
fn part_of_dependency(name: &str, (breaker, last_answer): (Breaker, Option<LastAnswer>)) -> Component {
    let (health, detail) = match (breaker, last_answer) {
        (Breaker::Open { .. }, _) => (Health::Down, "its circuit breaker is open".to_owned()),
        (Breaker::HalfOpen { .. }, _) => {
            (Health::Degraded, "its circuit breaker lets probes through".to_owned())
        }
        (Breaker::Closed { .. }, None) => (Health::Unknown, "not asked yet".to_owned()),
        (Breaker::Closed { faults: 0 | 1 }, Some(LastAnswer::Fault)) => {
            (Health::Degraded, "its last answer was a fault".to_owned())
        }
        (Breaker::Closed { faults }, Some(LastAnswer::Fault)) => {
            (Health::Degraded, format!("its last {faults} answers were faults"))
        }
        (Breaker::Closed { .. }, Some(LastAnswer::Well)) => return part(name, Health::Up, None),
    };
    part(name, health, Some(&detail))
}

/// The broker, by the worst of the connections to it; nothing where there is none. One that was never wanted (events go out by
/// another daemon of the fleet) says nothing beside one that was.
fn part_of_links(links: &[Link]) -> Option<Component> {
    let states = links.iter().map(Link::state);
    let (tried, not_yet): (Vec<_>, Vec<_>) = states.partition(|state| *state != LinkState::Starting);
    let told = if tried.is_empty() { not_yet } else { tried };
    let of_each = told.into_iter().map(|state| match state {
        LinkState::Up(None) => (Health::Up, None),
        LinkState::Up(Some(_)) => {
            (Health::Degraded, Some("a queue or exchange is other than wanted; /v1/admin/actors says how"))
        }
        LinkState::Down(_) => (Health::Down, Some("a connection is lost; /v1/admin/actors says why")),
        LinkState::Starting => (Health::Unknown, Some("not connected yet")),
        LinkState::Closed => (Health::Down, Some("closed")),
    });
    let (health, detail) = of_each.max_by_key(|(health, _)| *health)?;
    Some(part(BROKER, health, detail))
}

/// An actor, without its own words: those are for who may see them, at `/v1/admin/actors`.
fn part_of_actor(view: &ActorView) -> Component {
    let troubled = view.state.get("trouble").is_some_and(|trouble| !trouble.is_null());
    match (view.present, troubled) {
        (false, _) => part(&view.name, Health::Down, Some("nobody stands at the post")),
        (true, true) => {
            part(&view.name, Health::Degraded, Some("it has trouble; /v1/admin/actors says which"))
        }
        (true, false) => part(&view.name, Health::Up, None),
    }
}

fn part(name: &str, health: Health, detail: Option<&str>) -> Component {
    Component { name: name.to_owned(), health, detail: detail.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use payoutd_actors::ports::{Pause, RestoreGate};
    use serde_json::json;

    #[test]
    fn an_open_breaker_and_a_pause_are_shown_by_name() {
        let healths = |facts: &HouseFacts| parts_of(facts).iter().map(|part| part.health).collect::<Vec<_>>();
        let names: Vec<_> = parts_of(&HouseFacts::default()).into_iter().map(|part| part.name).collect();
        assert_eq!(names, ["store", "payments", "restore_gate"]);
        assert_eq!(healths(&HouseFacts::default()), [Health::Up; 3]);
        let pause = Some(Pause { reason: "x".into(), since_ms: 1 });
        let paused = HouseFacts { pause, ..HouseFacts::default() };
        assert_eq!(healths(&paused), [Health::Up, Health::Degraded, Health::Up]);
        let open = (Breaker::Open { since_ms: 1 }, Some(LastAnswer::Well));
        assert_eq!(part_of_dependency("node a", open).health, Health::Down);
    }

    /// F-N06: while the gate is shut nothing is signed, and `payments` does not say that all is well.
    #[test]
    fn a_restore_gate_that_is_shut_is_shown_without_what_told_of_it() {
        let gate =
            RestoreGate { since_ms: 1, why: "no such file: /var/x".into(), until_ms: None, said_ms: None };
        let shut = |until_ms| {
            let restore_gate = Some(RestoreGate { until_ms, ..gate.clone() });
            parts_of(&HouseFacts { restore_gate, ..HouseFacts::default() })
        };
        let parts = shut(Some(1_790_000_000_000));
        assert_eq!((parts[1].health, parts[2].health), (Health::Degraded, Health::Degraded));
        let detail = parts[2].detail.clone().unwrap();
        assert!(detail.contains("until the solidified chain is past 2026-09-21T"), "{detail}");
        let detail = shut(None)[2].detail.clone().unwrap();
        assert!(detail.starts_with("shut: nothing is signed") && !detail.contains("/var/"), "{detail}");
    }

    /// A dependency is well when it answered, not because its breaker has not opened yet.
    #[test]
    fn a_node_whose_last_answer_was_a_fault_is_not_up_and_one_that_nobody_asked_is_not_known() {
        let of = |faults, last| part_of_dependency("node a", (Breaker::Closed { faults }, last));
        assert_eq!(of(0, Some(LastAnswer::Well)), part("node a", Health::Up, None));
        assert_eq!(of(3, None), part("node a", Health::Unknown, Some("not asked yet")));
        let fault = |faults| of(faults, Some(LastAnswer::Fault));
        assert_eq!(fault(1), part("node a", Health::Degraded, Some("its last answer was a fault")));
        assert_eq!(fault(3), part("node a", Health::Degraded, Some("its last 3 answers were faults")));
    }

    #[test]
    fn the_broker_is_as_its_worst_connection() {
        assert_eq!(part_of_links(&[]), None);
        let (jobs, events) = (Link::new("jobs"), Link::new("events"));
        assert_eq!(part_of_links(&[jobs.clone(), events.clone()]).unwrap().health, Health::Unknown);
        jobs.up(None);
        assert_eq!(part_of_links(&[jobs.clone(), events.clone()]).unwrap().health, Health::Up);
        events.down("Connection refused by 10.0.0.7");
        let part = part_of_links(&[jobs.clone(), events.clone()]).unwrap();
        assert_eq!((part.name.as_str(), part.health), ("amqp", Health::Down));
        assert!(!part.detail.unwrap().contains("10.0.0.7"));
        events.up(None);
        assert_eq!(part_of_links(&[jobs, events]).unwrap().health, Health::Up);
    }

    /// F003-24: an actor's own words may name files and tables; the public page does not repeat them.
    #[test]
    fn an_actors_trouble_is_shown_without_its_words() {
        let view = ActorView::of("watcher", &json!({ "trouble": "no such table: payouts at /home/x.db" }));
        let part = part_of_actor(&view);
        assert_eq!(part.health, Health::Degraded);
        assert!(!part.detail.unwrap_or_default().contains("/home/"));
        let gone = ActorView { present: false, ..view };
        assert_eq!(part_of_actor(&gone).health, Health::Down);
    }
}
