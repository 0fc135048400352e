//! Rounds: the way of working of everybody here who looks at rows and brings each one step closer.
//!
//! Promises: never two rounds at once; a nudge during a round makes exactly one more follow; a round is part of its
//! actor, so that it ends where the actor ends, and a round that panics takes its actor along to where the guardian sees
//! it. Never here: what a round does.

use actix::fut::wrap_future;
use actix::{Actor, AsyncContext, Context};
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use tokio::sync::watch;

/// What a round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There may be more to do right now.
    More,
    /// Nothing more for now.
    Nothing,
}

/// Keeps rounds from overlapping. One for each kind of round that an actor makes.
#[derive(Debug, Clone)]
pub struct Rounds {
    nudged: Rc<Cell<bool>>,
    closed: Rc<Cell<bool>>,
    busy: Rc<watch::Sender<bool>>,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { nudged: Rc::default(), closed: Rc::default(), busy: Rc::new(watch::Sender::new(false)) }
    }
}

/// Opens the way for the next round however this one ends.
struct Leaves(Rc<watch::Sender<bool>>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

impl Rounds {
    /// Starts a round, or sees to it that one follows the present one. After [`Self::close`] nothing begins any more.
    pub fn run<A, F, Fut>(&self, ctx: &mut Context<A>, mut round: F)
    where
        A: Actor<Context = Context<A>>,
        F: FnMut() -> Fut + 'static,
        Fut: Future<Output = Found> + 'static,
    {
        if self.closed.get() {
            return;
        }
        if *self.busy.borrow() {
            self.nudged.set(true);
            return;
        }
        self.busy.send_replace(true);
        let (rounds, leaves) = (self.clone(), Leaves(self.busy.clone()));
        ctx.spawn(wrap_future(async move {
            let _leaves = leaves;
            loop {
                rounds.nudged.set(false);
                let found = round().await;
                let again = found == Found::More || rounds.nudged.get();
                if !again || rounds.closed.get() {
                    return;
                }
                // Others on this thread get their turn between two rounds.
                tokio::task::yield_now().await;
            }
        }));
    }

    /// Whether a round is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        *self.busy.borrow()
    }

    /// Begins no more rounds; the answer resolves when the one that is under way has ended (F-P26).
    pub fn close(&self) -> impl Future<Output = ()> + 'static {
        self.closed.set(true);
        let mut busy = self.busy.subscribe();
        async move {
            // An error means that the actor is gone, and its round with it.
            let _ = busy.wait_for(|busy| !*busy).await;
        }
    }
}

/// What somebody has in hand: things that were begun or promised and are not done yet.
#[derive(Debug, Clone)]
pub struct InHand(Rc<watch::Sender<usize>>);

/// So many of them; dropped when they are done, however that comes.
#[derive(Debug)]
pub struct Held(Rc<watch::Sender<usize>>, usize);

impl Default for InHand {
    fn default() -> Self {
        Self(Rc::new(watch::Sender::new(0)))
    }
}

impl InHand {
    /// Takes so many in hand.
    #[must_use]
    pub fn take(&self, count: usize) -> Held {
        self.0.send_modify(|held| *held = held.saturating_add(count));
        Held(self.0.clone(), count)
    }

    /// How many are in hand.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Resolves when nothing is in hand any more (F-P26).
    pub fn none(&self) -> impl Future<Output = ()> + 'static {
        let mut held = self.0.subscribe();
        async move {
            let _ = held.wait_for(|held| *held == 0).await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held = held.saturating_sub(self.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::{Handler, Message};
    use std::time::Duration;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Nudge;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Close;

    struct Walker {
        rounds: Rounds,
        walked: Rc<Cell<u32>>,
        walking: Rc<Cell<u32>>,
    }

    impl Actor for Walker {
        type Context = Context<Self>;
    }

    impl Handler<Nudge> for Walker {
        type Result = ();
        fn handle(&mut self, _: Nudge, ctx: &mut Self::Context) {
            let (walked, walking) = (self.walked.clone(), self.walking.clone());
            self.rounds.run(ctx, move || {
                let (walked, walking) = (walked.clone(), walking.clone());
                async move {
                    walking.set(walking.get() + 1);
                    assert_eq!(walking.get(), 1);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    walking.set(0);
                    walked.set(walked.get() + 1);
                    Found::Nothing
                }
            });
        }
    }

    impl Handler<Close> for Walker {
        type Result = actix::ResponseFuture<()>;
        fn handle(&mut self, _: Close, _: &mut Self::Context) -> Self::Result {
            Box::pin(self.rounds.close())
        }
    }

    fn walker() -> (actix::Addr<Walker>, Rc<Cell<u32>>) {
        tokio::time::pause();
        let walked = Rc::new(Cell::new(0));
        let walker = Walker { rounds: Rounds::default(), walked: walked.clone(), walking: Rc::default() };
        (walker.start(), walked)
    }

    #[actix::test]
    async fn ten_nudges_during_a_round_make_one_more_follow() {
        let (walker, walked) = walker();
        for _ in 0..10 {
            walker.send(Nudge).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(walked.get(), 2);
        walker.send(Nudge).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(walked.get(), 3);
    }

    /// F-P26: what is in hand is finished, what was asked for meanwhile is not begun.
    #[actix::test]
    async fn a_closed_walker_finishes_its_round_and_begins_no_other() {
        let (walker, walked) = walker();
        walker.send(Nudge).await.unwrap();
        walker.send(Nudge).await.unwrap();
        assert_eq!(walked.get(), 0);
        walker.send(Close).await.unwrap();
        assert_eq!(walked.get(), 1);
        walker.send(Nudge).await.unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(walked.get(), 1);
    }
}
