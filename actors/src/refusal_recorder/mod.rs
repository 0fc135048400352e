//! The refusal recorder: writes down who was refused at the doors, what, and how often.
//!
//! Doors note each refusal in [`Refusals`], which costs them nothing; the recorder writes what has become a minute old. Promises: a
//! flood of refusals is no flood of records (F004-05), and what the store does not take now is written later under a count that has
//! grown. What is in memory when the process is killed is lost: the numbers in the metrics and the lines of the log are not.
//! Never here: why somebody is refused.

#[cfg(test)]
mod tests;

use crate::domain::journal::Cause;
use crate::domain::refusals::{Noted, Refusal, RefusalBook};
use crate::guardian::{ActorView, Drain, LookNow, ShowView};
use crate::ports::{Clock, House, HouseChange};
use crate::rounds::{Found, Rounds};
use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use serde::Serialize;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// The role's name in the roster, in views and in metrics.
pub const NAME: &str = "refusal_recorder";

/// How often it is looked whether a minute is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where doors note what they refuse; a bounded place, shared by all of them.
#[derive(Debug, Clone)]
pub struct Refusals {
    book: Arc<Mutex<RefusalBook>>,
    began: Instant,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { book: Arc::default(), began: Instant::now() }
    }
}

impl Refusals {
    /// Notes one refusal, of a request by its names, at a date (unix ms).
    pub fn note(&self, refusal: Refusal, cause: &Cause, at_ms: i64) {
        let now_ms = self.now_ms();
        self.book().note(refusal, cause, now_ms, at_ms);
    }

    fn book(&self) -> MutexGuard<'_, RefusalBook> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process' own time: a wall clock that is set changes nothing.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What the recorder works with.
#[derive(Clone)]
pub struct RefusalRecorderTools {
    /// What the doors note.
    pub refusals: Refusals,
    /// Where it is written.
    pub house: Arc<dyn House>,
    /// The house's time.
    pub clock: Arc<dyn Clock>,
}

/// The recorder's view of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RefusalRecorderView {
    /// Records that it wrote since it was hired.
    pub written: u64,
    /// What keeps it from writing.
    pub trouble: Option<String>,
}

/// The refusal recorder.
pub struct RefusalRecorder {
    desk: Rc<Desk>,
    writing: Rounds,
}

struct Desk {
    tools: RefusalRecorderTools,
    view: RefCell<RefusalRecorderView>,
}

impl RefusalRecorder {
    /// A recorder of what is noted.
    #[must_use]
    pub fn new(tools: RefusalRecorderTools) -> Self {
        Self { desk: Rc::new(Desk { tools, view: RefCell::default() }), writing: Rounds::default() }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.writing.run(ctx, move || {
            let desk = desk.clone();
            async move { desk.write_down(false).await }
        });
    }
}

impl Desk {
    async fn write_down(&self, all: bool) -> Found {
        let RefusalRecorderTools { refusals, house, clock } = &self.tools;
        let due = refusals.book().due(refusals.now_ms(), all);
        if due.is_empty() {
            return Found::Nothing;
        }
        let changes = due.iter().filter_map(change_of).collect();
        let written = house.change(changes, clock.now_ms()).await;
        let mut view = self.view.borrow_mut();
        view.trouble = written.as_ref().err().map(ToString::to_string);
        match written {
            Ok(()) => {
                view.written += due.len() as u64;
                refusals.book().written(&due, refusals.now_ms());
            }
            Err(fault) => warn!(%fault, refusals = due.len(), "refusals can not be written down yet"),
        }
        Found::Nothing
    }
}

/// Names are bounded texts and counts are whole numbers: there is nothing in a refusal that JSON can not hold.
fn change_of(noted: &Noted) -> Option<HouseChange> {
    match noted.body() {
        Ok(body) => Some(HouseChange::Refused { kind: noted.refusal.kind, body }),
        Err(why) => {
            warn!(%why, "a refusal can not be written down");
            None
        }
    }
}

impl Actor for RefusalRecorder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(LOOK_EVERY, Self::look);
    }
}

impl Handler<LookNow> for RefusalRecorder {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<ShowView> for RefusalRecorder {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        ActorView::of(NAME, &*self.desk.view.borrow())
    }
}

impl Handler<Drain> for RefusalRecorder {
    type Result = ResponseFuture<()>;

    /// What was refused in the minute that is not over is written down before the house is closed.
    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let (desk, idle) = (self.desk.clone(), self.writing.close());
        Box::pin(async move {
            idle.await;
            desk.write_down(true).await;
        })
    }
}
