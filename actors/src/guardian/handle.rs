//! Handles: how everybody reaches an actor, whoever stands at its post just now.

use super::messages::LookNow;
use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Context, Handler, Message};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// Questions that may be with one actor at a time, asked and not yet answered (F-P24). One more is told to come back.
pub const ASKS_MAX: usize = 4_096;
/// Places in a mailbox beyond the questions: nudges, and the guardian's heartbeat.
pub(super) const NUDGE_PLACES: usize = 64;

/// Why a question was not answered. It may have been acted upon all the same: whoever asks for money asks by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Gone {
    /// As many questions as it takes are with it already: come back.
    #[error("{0} has more questions before it than it takes")]
    Busy(&'static str),
    /// Nobody stands at the post, or it left before it answered.
    #[error("{0} is away")]
    Away(&'static str),
}

struct Post<A: Actor> {
    name: &'static str,
    present: Mutex<Option<Addr<A>>>,
    asked: AtomicUsize,
}

/// The way to one role: it stays good when the actor behind it is hired anew. `Send + Sync`; cloning it costs nothing.
///
/// A handle is made before anybody is hired, so that two roles may know each other.
pub struct Handle<A: Actor>(Arc<Post<A>>);

impl<A: Actor> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.0.name).finish()
    }
}

impl<A: Actor<Context = Context<A>>> Handle<A> {
    /// The handle of a post that nobody holds yet.
    #[must_use]
    pub fn vacant(name: &'static str) -> Self {
        Self(Arc::new(Post { name, present: Mutex::new(None), asked: AtomicUsize::new(0) }))
    }

    /// The role's name, as in views, logs and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Whether somebody stands at the post.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.with_present(Addr::connected).unwrap_or(false)
    }

    /// Asks, and waits for the answer.
    pub async fn ask<M>(&self, question: M) -> Result<M::Result, Gone>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let _place = Place::take(&self.0.asked).ok_or(Gone::Busy(self.0.name))?;
        let away = Gone::Away(self.0.name);
        let request = self.with_present(|addr| addr.send(question)).ok_or(away)?;
        request.await.map_err(|_| away)
    }

    /// Says "look now". A nudge that is lost costs time only: whoever it was for looks by itself before long.
    pub fn nudge(&self)
    where
        A: Handler<LookNow>,
    {
        let _ = self.with_present(|addr| addr.try_send(LookNow));
    }

    /// Tells something that may be lost as a nudge may: whoever it was for finds out by himself before long.
    pub fn tell<M>(&self, news: M)
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message<Result = ()> + Send + 'static,
    {
        let _ = self.with_present(|addr| addr.try_send(news));
    }

    /// The nudge alone, for somebody who need not know whom it reaches.
    #[must_use]
    pub fn nudger(&self) -> Nudge
    where
        A: Handler<LookNow>,
    {
        let handle = self.clone();
        Nudge(Arc::new(move || handle.nudge()))
    }

    pub(super) fn set_present(&self, addr: Option<Addr<A>>) {
        *self.0.present.lock().unwrap_or_else(PoisonError::into_inner) = addr;
    }

    fn with_present<T>(&self, tell: impl FnOnce(&Addr<A>) -> T) -> Option<T> {
        self.0.present.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(tell)
    }
}

/// One of the [`ASKS_MAX`] places; given back when the question is answered or dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(asked: &'a AtomicUsize) -> Option<Self> {
        let before = asked.fetch_add(1, Ordering::Relaxed);
        let place = Self(asked);
        (before < ASKS_MAX).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A nudge for somebody, whoever it is.
#[derive(Clone)]
pub struct Nudge(Arc<dyn Fn() + Send + Sync>);

impl Nudge {
    /// A nudge that reaches nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self(Arc::new(|| {}))
    }

    /// A nudge that calls this.
    #[must_use]
    pub fn calling(call: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    /// Nudges.
    pub fn nudge(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Nudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nudge")
    }
}
