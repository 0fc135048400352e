//! The event publisher: tells others what happened, in order, one publisher a store (F-P12).
//!
//! The journal is the outbox: its rows are written in the money's own transactions, and each of them is one event. Promises: an
//! event goes out only when it is durable, after all those before it; none is left out, whoever dies in between; how far the
//! bus has confirmed is remembered, and what was not remembered goes out again with the same sequence. Nothing waits for it:
//! while the bus is away money goes on, and the events that wait are counted and shown; a publisher that does not reach the bus
//! leaves its role to one that does. Never here: what an event looks like on the wire, a change of a row.

mod stream;
#[cfg(test)]
mod tests;

pub use stream::{EventStream, KNOWN_MAX};

use crate::guardian::{ActorView, Drain, LookNow, ShowView};
use crate::metrics_names as names;
use crate::ports::{
    BusFault, CheckpointKeeper, Clock, EventBus, House, HouseChange, Journal, Payouts, Role, Roles,
    StoreFault,
};
use crate::rounds::{Found, Rounds};
use crate::tenure::Tenure;
use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use serde::Serialize;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::warn;

/// The event publisher's name in the roster, in views and in metrics.
pub const NAME: &str = "event_publisher";

/// The event publisher's limits and periods.
#[derive(Debug, Clone)]
pub struct EventPublisherSettings {
    /// How often it looks for new rows, ms.
    pub look_every_ms: u64,
    /// How often whoever stands by asks for the role, and whoever has it keeps it, ms: well within the lease.
    pub role_every_ms: i64,
    /// How long whoever holds the role may not reach the bus before it leaves the role to another daemon, ms.
    pub cut_off_max_ms: u64,
    /// Events that are published, and confirmed, at a time.
    pub batch_max: u32,
    /// Events after which the confirmed place is remembered even while more are waiting: so many go out again after a crash.
    pub remember_every: i64,
    /// How often the newest checkpoint goes out, where there is a new one, ms (F002-05).
    pub checkpoint_every_ms: i64,
    /// How long a closing house goes on telling what waits, ms: the audit writer wants its time too.
    pub drain_ms: u64,
}

impl Default for EventPublisherSettings {
    fn default() -> Self {
        Self {
            look_every_ms: 250,
            role_every_ms: 5_000,
            cut_off_max_ms: 10_000,
            batch_max: 1_000,
            remember_every: 10_000,
            checkpoint_every_ms: 60_000,
            drain_ms: 3_000,
        }
    }
}

/// What the event publisher works with.
#[derive(Clone)]
pub struct EventPublisherTools {
    /// The rows.
    pub journal: Arc<dyn Journal>,
    /// The orders that the rows speak of.
    pub payouts: Arc<dyn Payouts>,
    /// Where it is remembered how far the bus has confirmed.
    pub house: Arc<dyn House>,
    /// Who of a fleet publishes; the others stand by.
    pub roles: Arc<dyn Roles>,
    /// Where the newest checkpoint lies.
    pub keeper: Arc<dyn CheckpointKeeper>,
    /// Where events go.
    pub bus: Arc<dyn EventBus>,
    /// The house's time.
    pub clock: Arc<dyn Clock>,
    /// Limits and periods.
    pub settings: EventPublisherSettings,
}

/// The event publisher's view of itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EventPublisherView {
    /// Where events go.
    pub bus: String,
    /// The last event that the bus has confirmed.
    pub published_seq: i64,
    /// The last event there is.
    pub last_seq: i64,
    /// Events that wait.
    pub unpublished: u64,
    /// When the oldest of the events that wait happened, unix ms; absent where none waits.
    pub oldest_unpublished_at_ms: Option<i64>,
    /// The journal's row that the last published checkpoint covers.
    pub checkpoint_seq: Option<i64>,
    /// Another process of the fleet publishes.
    pub stands_by: bool,
    /// Why nothing goes out now, where that is so.
    pub trouble: Option<String>,
}

/// Why nothing goes out.
#[derive(Debug, Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    Bus(#[from] BusFault),
}

/// The event publisher.
pub struct EventPublisher {
    desk: Rc<Desk>,
    look: Rounds,
}

struct Desk {
    tools: EventPublisherTools,
    place: Mutex<Place>,
    tenure: Tenure,
    view: RefCell<EventPublisherView>,
}

/// Where it stands in the journal. Known only while the role is held: another may have gone on meanwhile.
struct Place {
    stream: EventStream,
    store_id: String,
    /// The last event that the bus has confirmed; `None` until it is read.
    published: Option<i64>,
    remembered: i64,
    role_asked_at_ms: Option<i64>,
    /// The fencing token, while the role is ours.
    token: Option<i64>,
    checkpoint_at_ms: Option<i64>,
    checkpoint_no: Option<i64>,
}

impl EventPublisher {
    /// A publisher with its tools; it reads where it stopped by itself.
    #[must_use]
    pub fn new(tools: EventPublisherTools) -> Self {
        let stream = EventStream::of(tools.journal.clone(), tools.payouts.clone());
        let place = Place {
            stream,
            store_id: String::new(),
            published: None,
            remembered: 0,
            role_asked_at_ms: None,
            token: None,
            checkpoint_at_ms: None,
            checkpoint_no: None,
        };
        let view = EventPublisherView { bus: tools.bus.name().to_owned(), ..EventPublisherView::default() };
        let tenure = Tenure::of(Role::EventPublisher);
        let desk = Desk { tools, place: Mutex::new(place), tenure, view: RefCell::new(view) };
        Self { desk: Rc::new(desk), look: Rounds::default() }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.look.run(ctx, move || {
            let desk = desk.clone();
            async move { desk.publish_some().await }
        });
    }
}

impl Desk {
    /// Publishes the next events, and shows how that went; the next look tries again.
    async fn publish_some(&self) -> Found {
        let mut place = self.place.lock().await;
        let tried = self.try_to_publish(&mut place).await;
        if let Err(Trouble::Bus(fault)) = &tried {
            self.leave_where_cut_off(&mut place, fault).await;
        }
        let mut view = self.view.borrow_mut();
        view.trouble = tried.as_ref().err().map(ToString::to_string);
        match tried {
            Ok(found) => found,
            Err(trouble) => {
                if let Trouble::Bus(_) = trouble {
                    metrics::counter!(names::EVENT_PUBLISH_FAILURES_TOTAL).increment(1);
                }
                warn!(%trouble, unpublished = view.unpublished, "events wait");
                Found::Nothing
            }
        }
    }

    async fn try_to_publish(&self, place: &mut Place) -> Result<Found, Trouble> {
        if self.tenure.stands_back() {
            self.see_whether_it_is_back(place).await?;
        }
        if !self.hold_role(place).await? {
            // Another daemon publishes, and says how much there is to do.
            metrics::gauge!(names::EVENTS_UNPUBLISHED).set(f64::NAN);
            return Ok(Found::Nothing);
        }
        let published = self.read_place(place).await?;
        let last_seq = place.stream.last().await?;
        self.show(published, last_seq, None);
        if published >= last_seq {
            self.remember(place).await?;
            self.publish_checkpoint(place).await?;
            return Ok(Found::Nothing);
        }
        let events = place.stream.after(published, self.tools.settings.batch_max).await?;
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(Found::Nothing) };
        self.show(published, last_seq, Some(first.at_ms));
        self.tools.bus.publish(&place.store_id, &events).await?;
        self.tenure.works();
        metrics::counter!(names::EVENTS_PUBLISHED_TOTAL).increment(events.len() as u64);
        let published = last.sequence;
        place.published = Some(published);
        self.show(published, last_seq, None);
        if published.saturating_sub(place.remembered) >= self.tools.settings.remember_every {
            self.remember(place).await?;
        }
        Ok(Found::More)
    }

    /// Whether the role is ours; asked again now and then.
    async fn hold_role(&self, place: &mut Place) -> Result<bool, StoreFault> {
        let now_ms = self.tools.clock.now_ms();
        let asked_lately = place
            .role_asked_at_ms
            .is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < self.tools.settings.role_every_ms);
        if asked_lately {
            return Ok(place.token.is_some());
        }
        let token = self.tenure.take(self.tools.roles.as_ref()).await?;
        place.role_asked_at_ms = Some(now_ms);
        if token != place.token {
            // Another one has gone on, or may have: while this one stood by, or while it slept.
            (place.token, place.published) = (token, None);
        }
        self.view.borrow_mut().stands_by = token.is_none();
        Ok(token.is_some())
    }

    /// The role was left to others: as long as the bus is not reached, only what waits is shown, as the store knows it.
    async fn see_whether_it_is_back(&self, place: &mut Place) -> Result<(), Trouble> {
        let published = self.tools.house.facts().await?.events_published_seq;
        let oldest = place.stream.after(published, 1).await?;
        self.show(published, place.stream.last().await?, oldest.first().map(|event| event.at_ms));
        self.tools.bus.reach().await?;
        self.tenure.works();
        place.role_asked_at_ms = None;
        Ok(())
    }

    /// What is confirmed is remembered, so that whoever has the role next repeats nothing.
    async fn leave_where_cut_off(&self, place: &mut Place, fault: &BusFault) {
        if place.token.is_some()
            && let Err(fault) = self.remember(place).await
        {
            warn!(%fault, "how far the bus has confirmed is not written down: events go out again");
        }
        let patience = Duration::from_millis(self.tools.settings.cut_off_max_ms);
        self.tenure.fails(self.tools.roles.as_ref(), patience, &fault.0).await;
        if !self.tenure.holds() {
            (place.token, place.published, place.role_asked_at_ms) = (None, None, None);
            self.view.borrow_mut().stands_by = true;
        }
    }

    async fn read_place(&self, place: &mut Place) -> Result<i64, StoreFault> {
        if let Some(published) = place.published {
            return Ok(published);
        }
        let facts = self.tools.house.facts().await?;
        place.store_id = facts.store_id;
        place.remembered = facts.events_published_seq;
        place.published = Some(facts.events_published_seq);
        Ok(facts.events_published_seq)
    }

    /// Writes down how far the bus has confirmed. The store refuses it to whoever is not the publisher any more.
    async fn remember(&self, place: &mut Place) -> Result<(), StoreFault> {
        let Some(published) = place.published.filter(|published| *published > place.remembered) else {
            return Ok(());
        };
        let change = vec![HouseChange::EventsPublished(published)];
        let written = self.tools.house.change(change, self.tools.clock.now_ms()).await;
        if let Err(StoreFault::Refused(_)) = &written {
            // The role is another's: ask before anything else goes out.
            (place.role_asked_at_ms, place.published) = (None, None);
        }
        written?;
        place.remembered = published;
        Ok(())
    }

    /// The newest checkpoint goes out too, but not with each seal.
    async fn publish_checkpoint(&self, place: &mut Place) -> Result<(), Trouble> {
        let now_ms = self.tools.clock.now_ms();
        let every_ms = self.tools.settings.checkpoint_every_ms;
        if place.checkpoint_at_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < every_ms) {
            return Ok(());
        }
        // A keeper that is away is the audit writer's matter.
        let Ok(Some(checkpoint)) = self.tools.keeper.kept().await else { return Ok(()) };
        if place.checkpoint_no == Some(checkpoint.seal_no) {
            return Ok(());
        }
        self.tools.bus.publish_checkpoint(&checkpoint).await?;
        (place.checkpoint_at_ms, place.checkpoint_no) = (Some(now_ms), Some(checkpoint.seal_no));
        self.view.borrow_mut().checkpoint_seq = Some(checkpoint.last_seq);
        Ok(())
    }

    fn show(&self, published: i64, last_seq: i64, oldest_at_ms: Option<i64>) {
        let mut view = self.view.borrow_mut();
        (view.published_seq, view.last_seq) = (published, last_seq);
        view.unpublished = u64::try_from(last_seq.saturating_sub(published)).unwrap_or(0);
        view.oldest_unpublished_at_ms = oldest_at_ms.filter(|_| view.unpublished > 0);
        metrics::gauge!(names::EVENTS_UNPUBLISHED).set(u32::try_from(view.unpublished).unwrap_or(u32::MAX));
    }
}

impl Actor for EventPublisher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        let every = Duration::from_millis(self.desk.tools.settings.look_every_ms);
        ctx.run_interval(every, |publisher, ctx| publisher.look(ctx));
    }
}

impl Handler<LookNow> for EventPublisher {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<ShowView> for EventPublisher {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        ActorView::of(NAME, &*self.desk.view.borrow())
    }
}

impl Handler<Drain> for EventPublisher {
    type Result = ResponseFuture<()>;

    /// What happened while the house closed goes out before it is closed; what the bus does not take goes out after the next
    /// start.
    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let (desk, idle) = (self.desk.clone(), self.look.close());
        Box::pin(async move {
            idle.await;
            let deadline = Instant::now() + Duration::from_millis(desk.tools.settings.drain_ms);
            while desk.publish_some().await == Found::More && Instant::now() < deadline {}
        })
    }
}
