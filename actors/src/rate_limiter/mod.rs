//! The rate limiter: may this request pass? Several stand side by side, each with its share of the principals.
//!
//! One message carries everything that measures a request, and all of a principal's counters are with one limiter, so that they are
//! decided together. Promises: what it knows is bounded and passes away when it is idle (F004-04); refusals reach the journal as one
//! record for each principal and policy in a minute (F004-05), so that a flood of them is no flood of records; whoever does not get
//! an answer does not pass. Its state is its own and in memory: a limiter that is hired anew begins with an empty book, and so does
//! a house that is opened again. Time is the process' own: a wall clock that is set changes nothing. Never here: who somebody is.

mod limiters;
#[cfg(test)]
mod tests;

pub use limiters::{ANSWER_WITHIN, Asking, Factory, RateLimiters, SHARDS, Trial, Verdict};

use crate::domain::journal::{Body, BodyError};
use crate::domain::rates::{Book, BookLimits, Breach, Breaches, Charge, Decision, Purpose, RateClass, Whom};
use crate::guardian::{ActorView, Drain, LookNow, ShowView};
use crate::metrics_names as names;
use crate::ports::{Clock, House, HouseChange};
use crate::rounds::{Found, Rounds};
use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture};
use serde::Serialize;
use serde_json::json;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// The role's name in the roster, in views and in metrics; which share it has is in the view.
pub const NAME: &str = "rate_limiter";

/// How often the idle are forgotten and due breaches are written down.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many idle principals are forgotten at a look: a few hundred microseconds of everybody's thread.
const FORGOTTEN_A_LOOK_MAX: usize = 2_000;

/// What a rate limiter works with.
#[derive(Clone)]
pub struct RateLimiterTools {
    /// Where breaches are journalled.
    pub house: Arc<dyn House>,
    /// The house's time, for the dates in the journal.
    pub clock: Arc<dyn Clock>,
    /// The bounds of one limiter's book.
    pub limits: BookLimits,
}

/// May this request pass? All of its charges are decided together.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Option<Decision>")]
pub struct MayPass {
    /// Who asks, as the journal will call them.
    pub whom: Whom,
    /// What for.
    pub class: RateClass,
    /// What measures it.
    pub charges: Vec<Charge>,
    /// Whether it counts.
    pub purpose: Purpose,
}

/// A rate limiter's view of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RateLimiterView {
    /// Which share of the principals it has.
    pub shard: usize,
    /// How many principals and addresses it knows.
    pub known: usize,
    /// Requests that it let pass since it was hired.
    pub passed: u64,
    /// Requests that it refused since it was hired.
    pub refused: u64,
}

/// One rate limiter.
pub struct RateLimiter {
    book: Book,
    began: Instant,
    desk: Rc<Desk>,
    writing: Rounds,
    view: RateLimiterView,
}

struct Desk {
    tools: RateLimiterTools,
    began: Instant,
    breaches: RefCell<Breaches>,
}

impl RateLimiter {
    /// The limiter of one share; its time begins at `began`.
    #[must_use]
    pub fn new(tools: RateLimiterTools, shard: usize, began: Instant) -> Self {
        let book = Book::new(tools.limits);
        let desk = Desk { tools, began, breaches: RefCell::default() };
        let view = RateLimiterView { shard, ..RateLimiterView::default() };
        Self { book, began, desk: Rc::new(desk), writing: Rounds::default(), view }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let idle = self.book.forget_idle(millis(self.began), FORGOTTEN_A_LOOK_MAX);
        let full = self.book.take_crowded_out();
        for (reason, gone) in [("idle", idle as u64), ("full", full)] {
            if gone > 0 {
                metrics::counter!(names::RATE_LIMIT_FORGOTTEN_TOTAL, "reason" => reason).increment(gone);
            }
        }
        let known = u32::try_from(self.book.known()).unwrap_or(u32::MAX);
        metrics::gauge!(names::RATE_LIMIT_PRINCIPALS, "shard" => self.view.shard.to_string()).set(known);
        let desk = self.desk.clone();
        self.writing.run(ctx, move || {
            let desk = desk.clone();
            async move { desk.write_down(false).await }
        });
    }
}

impl Desk {
    fn note(&self, asked: &MayPass, decision: &Decision) {
        let name = decision.policy.name;
        metrics::counter!(names::RATE_LIMIT_HITS_TOTAL, "policy" => name.word()).increment(1);
        let Some(first) = asked.charges.first() else { return };
        let (now_ms, at_ms) = (millis(self.began), self.tools.clock.now_ms());
        self.breaches.borrow_mut().note(first.principal, &asked.whom, (name, asked.class), now_ms, at_ms);
    }

    /// What the store does not take is written with the next look, under a count that has grown.
    async fn write_down(&self, all: bool) -> Found {
        let due = self.breaches.borrow().due(millis(self.began), all);
        if due.is_empty() {
            return Found::Nothing;
        }
        // One that can not be written takes no other along.
        let changes = due.iter().filter_map(|breach| match body_of(breach) {
            Ok(body) => Some(HouseChange::RateExceeded(body)),
            Err(why) => {
                warn!(%why, "refusals can not be written down, and are dropped");
                None
            }
        });
        match self.tools.house.change(changes.collect(), self.tools.clock.now_ms()).await {
            Ok(()) => self.breaches.borrow_mut().written(&due, millis(self.began)),
            Err(fault) => warn!(%fault, breaches = due.len(), "refusals can not be written down yet"),
        }
        Found::Nothing
    }
}

fn body_of(breach: &Breach) -> Result<Body, BodyError> {
    let Breach { whom, measured, count, since_ms, until_ms, .. } = breach;
    let mut body = json!({ "principal": whom, "count": count, "since_ms": since_ms, "until_ms": until_ms });
    if let (Some((policy, class)), Some(facts)) = (measured, body.as_object_mut()) {
        facts.insert("policy".to_owned(), policy.word().into());
        facts.insert("class".to_owned(), class.word().into());
    }
    Body::of(&body)
}

/// Since the clock's zero, ms.
fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Actor for RateLimiter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(LOOK_EVERY, Self::look);
    }
}

impl Handler<MayPass> for RateLimiter {
    type Result = Option<Decision>;

    fn handle(&mut self, asked: MayPass, _: &mut Self::Context) -> Self::Result {
        let decision = self.book.decide(&asked.charges, asked.purpose, millis(self.began))?;
        if decision.allowed {
            self.view.passed += 1;
        } else {
            self.view.refused += 1;
            self.desk.note(&asked, &decision);
        }
        Some(decision)
    }
}

impl Handler<LookNow> for RateLimiter {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<ShowView> for RateLimiter {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        ActorView::of(NAME, &RateLimiterView { known: self.book.known(), ..self.view.clone() })
    }
}

impl Handler<Drain> for RateLimiter {
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
