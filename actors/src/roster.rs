//! The roster: who works here, and in which order.
//!
//! Whoever is hired first stands nearest to the rows and leaves last: the audit writer before the watcher, the watcher
//! before the worker, Admission at the end, so that the house closes its door first and its books last. Everybody works
//! on one thread; in a simulation with paused time the same seed gives the same run. Never here: what anybody does.

use crate::guardian::{
    ActorView, Dismissal, Drain, Gone, Handle, Hiring, Pulse, Record, ShowView, Watchable, hire,
};
use futures_util::future::{BoxFuture, FutureExt, join_all};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

/// A post, whatever its actor's type.
trait Post: Send + Sync {
    fn name(&self) -> &'static str;
    fn view(&self) -> BoxFuture<'_, ActorView>;
    fn drain(&self) -> BoxFuture<'_, Result<(), Gone>>;
    fn dismiss(&self) -> BoxFuture<'_, ()>;
}

struct Hired<A: Watchable> {
    handle: Handle<A>,
    record: Arc<Record>,
    dismissal: Dismissal,
}

/// How long an actor may take to show itself before what it last said is shown.
const VIEW_WITHIN: Duration = Duration::from_secs(1);

impl<A: Watchable> Post for Hired<A> {
    fn name(&self) -> &'static str {
        self.handle.name()
    }

    fn view(&self) -> BoxFuture<'_, ActorView> {
        let view = async move {
            let asked = tokio::time::timeout(VIEW_WITHIN, self.handle.ask(ShowView)).await;
            self.record.complete(self.handle.name(), asked.ok().and_then(Result::ok))
        };
        view.boxed()
    }

    fn drain(&self) -> BoxFuture<'_, Result<(), Gone>> {
        self.handle.ask(Drain).boxed()
    }

    fn dismiss(&self) -> BoxFuture<'_, ()> {
        self.dismissal.give();
        self.dismissal.done().boxed()
    }
}

/// Who works here.
pub struct Roster {
    hiring: Hiring,
    pulse: Pulse,
    posts: Vec<Arc<dyn Post>>,
}

/// The roster as others see it: `Send + Sync`, to be asked and never to be changed.
#[derive(Clone)]
pub struct Staff(Vec<Arc<dyn Post>>);

impl Roster {
    /// An empty roster.
    #[must_use]
    pub fn new(hiring: Hiring) -> Self {
        Self { hiring, pulse: Pulse::default(), posts: Vec::new() }
    }

    /// Hires for the next post: `factory` makes the actor now, and each time that it must be hired anew.
    pub fn hire<A: Watchable>(&mut self, handle: &Handle<A>, factory: impl Fn() -> A + 'static) {
        let (record, dismissal) = hire(handle.clone(), factory, self.hiring.clone(), &self.pulse);
        self.posts.push(Arc::new(Hired { handle: handle.clone(), record, dismissal }));
    }

    /// One beat each time that everybody has answered.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Everybody, for showing.
    #[must_use]
    pub fn staff(&self) -> Staff {
        Staff(self.posts.clone())
    }

    /// Closes the house (F-P26): from the last hired to the first, each finishes what it has in hand and leaves. Whoever
    /// is not done when the time is over leaves all the same, the rows tell the rest, and its name is in the answer.
    pub async fn leave(self, within: Duration) -> Vec<&'static str> {
        let deadline = Instant::now() + within;
        let mut unfinished = Vec::new();
        for post in self.posts.iter().rev() {
            match timeout_at(deadline, post.drain()).await {
                Ok(Ok(())) => info!(actor = post.name(), "finished"),
                Ok(Err(gone)) => {
                    warn!(actor = post.name(), %gone, "could not finish");
                    unfinished.push(post.name());
                }
                Err(_) => {
                    warn!(actor = post.name(), "did not finish in time");
                    unfinished.push(post.name());
                }
            }
            post.dismiss().await;
        }
        unfinished
    }
}

impl Staff {
    /// Everybody's view, in the order in which they were hired.
    pub async fn views(&self) -> Vec<ActorView> {
        join_all(self.0.iter().map(|post| post.view())).await
    }

    /// The names of posts that nobody holds just now, or whose actor does not answer.
    pub async fn absent(&self) -> Vec<String> {
        self.views().await.into_iter().filter(|view| !view.present).map(|view| view.name).collect()
    }
}
