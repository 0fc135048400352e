//! The circuit breaker of one dependency: callers stay away from what does not work, and a restart does not forgive it
//! (F000-18, F004-42).
//!
//! Whoever calls asks [`SharedBreaker`], a lock around the pure automaton of [`crate::domain::breaker`]: a permit costs
//! some ten nanoseconds and no message, faults count in the order in which they come back, and a breaker that is open is
//! open for the very next caller. The actor owns what takes time: it writes each change down, hears what the other daemons of
//! a fleet have written, and shows it. Promises: only the dependency's faults count, never what a sender got wrong; the state
//! outlives the process, and is the fleet's within [`LOOK_EVERY`]; a daemon that is cut off keeps nobody away from what
//! answers them. Never here: the calls themselves.

mod guarded;
mod shared;
#[cfg(test)]
mod tests;

pub use guarded::Guarded;
pub use shared::{BreakerView, LastAnswer, OWN_WORD_MS, PENALTY_DEFAULT_MS, PENALTY_MAX_MS, SharedBreaker};

use crate::guardian::{ActorView, Drain, LookNow, ShowView};
use crate::ports::{Clock, House, HouseChange};
use crate::rounds::{Found, Rounds};
use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, warn};

/// The role's name in the roster, in views and in metrics; the dependency's name is in the view.
pub const NAME: &str = "circuit_breaker";

/// How often the fleet's state is looked at, and ours written down if it changed. A change of our state's word does not wait for it.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The owner of one breaker.
pub struct CircuitBreaker {
    desk: Rc<Desk>,
    look: Rounds,
}

struct Desk {
    shared: SharedBreaker,
    house: Arc<dyn House>,
    clock: Arc<dyn Clock>,
}

impl CircuitBreaker {
    /// The owner of a breaker. What the store remembers of it was handed to [`SharedBreaker::new`], before the first call.
    #[must_use]
    pub fn new(shared: SharedBreaker, house: Arc<dyn House>, clock: Arc<dyn Clock>) -> Self {
        Self { desk: Rc::new(Desk { shared, house, clock }), look: Rounds::default() }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.look.run(ctx, move || work(desk.clone()));
    }
}

async fn work(desk: Rc<Desk>) -> Found {
    match desk.house.facts().await {
        Ok(facts) => desk.shared.hear(facts.breakers.get(desk.shared.name()).copied().unwrap_or_default()),
        Err(fault) => debug!(dependency = desk.shared.name(), %fault, "the fleet's breaker can not be read"),
    }
    write_down(&desk).await;
    Found::Nothing
}

async fn write_down(desk: &Desk) {
    let Some(now) = desk.shared.unwritten() else { return };
    let change = HouseChange::Breaker(desk.shared.name().to_owned(), now);
    match desk.house.change(vec![change], desk.clock.now_ms()).await {
        Ok(()) => desk.shared.note_written(now),
        Err(fault) => {
            warn!(dependency = desk.shared.name(), %fault, "the breaker's state can not be written down")
        }
    }
}

impl Actor for CircuitBreaker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let owner = ctx.address();
        self.desk.shared.tell_owner(move || {
            // A full mailbox means that it is about to look anyway.
            let _ = owner.try_send(LookNow);
        });
        self.look(ctx);
        ctx.run_interval(LOOK_EVERY, |breaker, ctx| breaker.look(ctx));
    }
}

impl Handler<LookNow> for CircuitBreaker {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<ShowView> for CircuitBreaker {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        ActorView::of(NAME, &self.desk.shared.view())
    }
}

impl Handler<Drain> for CircuitBreaker {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let (desk, idle) = (self.desk.clone(), self.look.close());
        Box::pin(async move {
            idle.await;
            write_down(&desk).await;
        })
    }
}
