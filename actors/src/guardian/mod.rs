//! The guardian: hires an actor for a post, watches it, hires it anew when it is gone, and gives up loudly when that
//! happens too often.
//!
//! Promises: a [`Handle`] always leads to whoever stands at the post now; nobody is hired while a predecessor may still
//! be at work (two payout workers would race each other); a budget that is spent is said through [`GiveUp`], upon which
//! the process leaves with its own code, is started again from outside and finds everything in the rows. An actor that
//! panics is a case like any other: actix's own `Supervisor` does not survive one, this does. Never here: what the
//! actors do.

mod handle;
mod messages;
mod pulse;
#[cfg(test)]
mod tests;

pub use handle::{ASKS_MAX, Gone, Handle, Nudge};
pub use messages::{ActorView, Drain, LookNow, ShowView};
pub use pulse::Pulse;

use crate::metrics_names;
use crate::ports::Clock;
use actix::fut::wrap_future;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler};
use pulse::Share;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};
use tracing::{error, warn};

/// How often an actor may be hired anew, and how it is watched.
#[derive(Debug, Clone, Copy)]
pub struct HiringRules {
    /// So often within [`Self::budget_window`]; once more is once too often.
    pub rehires_max: usize,
    /// The window of the budget.
    pub budget_window: Duration,
    /// How often the guardian asks whether an actor is well.
    pub heartbeat_every: Duration,
    /// How long an actor may take to answer that, and to leave when it is told to.
    pub answer_within: Duration,
}

impl Default for HiringRules {
    fn default() -> Self {
        Self {
            rehires_max: 5,
            budget_window: Duration::from_secs(60),
            heartbeat_every: Duration::from_secs(10),
            answer_within: Duration::from_secs(10),
        }
    }
}

/// Called once, with a post's name and why, when the guardian gives up on it.
pub type GiveUp = Arc<dyn Fn(&'static str, &str) + Send + Sync>;

/// What every guardian of a house has in common.
#[derive(Clone)]
pub struct Hiring {
    /// The budget and the heartbeat.
    pub rules: HiringRules,
    /// For the time of the last heartbeat.
    pub clock: Arc<dyn Clock>,
    /// What giving up means.
    pub give_up: GiveUp,
}

/// An actor that a guardian can watch: it shows itself, and it can finish and leave.
pub trait Watchable: Actor<Context = Context<Self>> + Handler<ShowView> + Handler<Drain> {}
impl<A: Actor<Context = Context<A>> + Handler<ShowView> + Handler<Drain>> Watchable for A {}

/// What the guardian knows of a post. Shared with whoever shows it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    restarts: AtomicU64,
    last: Mutex<Option<(i64, serde_json::Value)>>,
}

impl Record {
    fn heard(&self, at_ms: i64, view: &ActorView) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((at_ms, view.state.clone()));
    }

    /// Completes what the actor said, or says what it said last.
    pub(crate) fn complete(&self, name: &str, said: Option<ActorView>) -> ActorView {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (at_ms, state) =
            last.map_or((None, serde_json::Value::Null), |(at_ms, state)| (Some(at_ms), state));
        let present = said.is_some();
        ActorView {
            name: name.to_owned(),
            present,
            restarts: self.restarts.load(Ordering::Relaxed),
            last_heartbeat_at_ms: at_ms,
            state: said.map_or(state, |view| view.state),
        }
    }
}

/// The end of a post's employment: dropping or raising it lets the actor leave for good.
#[derive(Debug)]
pub(crate) struct Dismissal(watch::Sender<bool>);

impl Dismissal {
    /// Tells the actor to leave; nobody follows it.
    pub(crate) fn give(&self) {
        self.0.send_replace(true);
    }

    /// Waits until the post is empty for good.
    pub(crate) async fn done(&self) {
        self.0.closed().await;
    }
}

/// Hires an actor for a post and watches it from now on, on this thread. The first one stands there when this returns.
pub(crate) fn hire<A: Watchable>(
    handle: Handle<A>,
    factory: impl Fn() -> A + 'static,
    hiring: Hiring,
    pulse: &Pulse,
) -> (Arc<Record>, Dismissal) {
    let record = Arc::new(Record::default());
    let (dismissal, dismissed) = watch::channel(false);
    let first = Employment::begin(&handle, &factory);
    let (share, rehired) = (pulse.join(), VecDeque::new());
    let guardian = Guardian { handle, factory, hiring, record: record.clone(), share, dismissed, rehired };
    actix::spawn(guardian.watch(first));
    (record, Dismissal(dismissal))
}

/// One actor at work. Its end is seen however it comes: what it holds is dropped with it.
struct Employment {
    leave: Option<oneshot::Sender<()>>,
    gone: oneshot::Receiver<()>,
}

impl Employment {
    fn begin<A: Watchable>(handle: &Handle<A>, factory: &impl Fn() -> A) -> Self {
        let (leave, told_to_leave) = oneshot::channel::<()>();
        let (presence, gone) = oneshot::channel::<()>();
        let addr = A::create(|ctx| {
            ctx.set_mailbox_capacity(handle::ASKS_MAX + handle::NUDGE_PLACES);
            ctx.spawn(wrap_future(async move {
                let _presence = presence;
                std::future::pending::<()>().await;
            }));
            // An error means that the guardian itself is gone: nobody works unwatched.
            ctx.spawn(wrap_future(told_to_leave).map(|_, _, ctx: &mut Context<A>| ctx.stop()));
            factory()
        });
        handle.set_present(Some(addr));
        Self { leave: Some(leave), gone }
    }

    fn tell_to_leave(&mut self) {
        drop(self.leave.take());
    }
}

struct Guardian<A: Watchable, F> {
    handle: Handle<A>,
    factory: F,
    hiring: Hiring,
    record: Arc<Record>,
    share: Share,
    dismissed: watch::Receiver<bool>,
    rehired: VecDeque<Instant>,
}

/// Why an employment ended.
enum End {
    /// It stopped or panicked.
    Gone,
    /// It does not answer any more.
    Deaf,
    /// It was dismissed.
    Dismissed,
}

impl<A: Watchable, F: Fn() -> A> Guardian<A, F> {
    async fn watch(mut self, mut employment: Employment) {
        let name = self.handle.name();
        loop {
            let end = self.end_of(&mut employment).await;
            self.handle.set_present(None);
            employment.tell_to_leave();
            let left = matches!(end, End::Gone) || self.leaves(&mut employment).await;
            if matches!(end, End::Dismissed) {
                return self.share.leave();
            }
            if !left {
                return self.give_up("it neither answers nor leaves, and two must never work at one post");
            }
            let why = if matches!(end, End::Deaf) { "did not answer" } else { "stopped or panicked" };
            if !self.may_hire_again() {
                return self.give_up("it was hired anew too often");
            }
            warn!(actor = name, why, "hired anew");
            self.record.restarts.fetch_add(1, Ordering::Relaxed);
            metrics::counter!(metrics_names::ACTOR_RESTARTS_TOTAL, "actor" => name).increment(1);
            employment = Employment::begin(&self.handle, &self.factory);
        }
    }

    async fn end_of(&mut self, employment: &mut Employment) -> End {
        loop {
            tokio::select! {
                biased;
                _ = &mut employment.gone => return End::Gone,
                // An error means that the roster is gone: the house is being torn down.
                _ = self.dismissed.wait_for(|dismissed| *dismissed) => return End::Dismissed,
                () = tokio::time::sleep(self.hiring.rules.heartbeat_every) => {}
            }
            if !self.is_well().await && self.handle.is_present() {
                return End::Deaf;
            }
        }
    }

    async fn leaves(&self, employment: &mut Employment) -> bool {
        timeout(self.hiring.rules.answer_within, &mut employment.gone).await.is_ok()
    }

    async fn is_well(&self) -> bool {
        match timeout(self.hiring.rules.answer_within, self.handle.ask(ShowView)).await {
            Ok(Ok(view)) => self.record.heard(self.hiring.clock.now_ms(), &view),
            // Full of questions is not deaf: the questions have their own limits.
            Ok(Err(Gone::Busy(_))) => {}
            Ok(Err(Gone::Away(_))) | Err(_) => return false,
        }
        self.share.heard();
        true
    }

    fn may_hire_again(&mut self) -> bool {
        let (now, rules) = (Instant::now(), self.hiring.rules);
        self.rehired.retain(|at| now.duration_since(*at) < rules.budget_window);
        if self.rehired.len() >= rules.rehires_max {
            return false;
        }
        self.rehired.push_back(now);
        true
    }

    fn give_up(self, why: &str) {
        let name = self.handle.name();
        error!(actor = name, why, "the guardian gives up");
        (self.hiring.give_up)(name, why);
    }
}
