//! Stories of actors that fail, on paused time.

use super::*;
use crate::roster::Roster;
use actix::{Message, ResponseFuture};
use serde_json::json;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;

#[derive(Message)]
#[rtype(result = "u32")]
struct CountUp;

#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

#[derive(Message)]
#[rtype(result = "()")]
struct FallDeaf;

#[derive(Message)]
#[rtype(result = "()")]
struct BeSlow(Duration);

#[derive(Default)]
struct Clerk {
    count: u32,
    drained: Rc<Cell<u32>>,
    in_hand: crate::rounds::InHand,
}

impl Actor for Clerk {
    type Context = Context<Self>;
}

impl Handler<CountUp> for Clerk {
    type Result = u32;
    fn handle(&mut self, _: CountUp, _: &mut Self::Context) -> u32 {
        self.count += 1;
        self.count
    }
}

impl Handler<Panic> for Clerk {
    type Result = ();
    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("a clerk's bad day");
    }
}

impl Handler<FallDeaf> for Clerk {
    type Result = ();
    fn handle(&mut self, _: FallDeaf, ctx: &mut Self::Context) {
        ctx.wait(wrap_future(std::future::pending::<()>()));
    }
}

impl Handler<BeSlow> for Clerk {
    type Result = ResponseFuture<()>;
    fn handle(&mut self, BeSlow(how): BeSlow, _: &mut Self::Context) -> Self::Result {
        let held = self.in_hand.take(1);
        Box::pin(async move {
            tokio::time::sleep(how).await;
            drop(held);
        })
    }
}

impl Handler<ShowView> for Clerk {
    type Result = ActorView;
    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> ActorView {
        ActorView::of("clerk", &json!({ "count": self.count }))
    }
}

impl Handler<Drain> for Clerk {
    type Result = ResponseFuture<()>;
    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let (idle, drained) = (self.in_hand.none(), self.drained.clone());
        Box::pin(async move {
            idle.await;
            drained.set(drained.get() + 1);
        })
    }
}

struct Stopped;

impl Clock for Stopped {
    fn now_ms(&self) -> i64 {
        7
    }
}

struct Town {
    roster: Roster,
    clerk: Handle<Clerk>,
    drained: Rc<Cell<u32>>,
    gave_up: Arc<AtomicUsize>,
}

fn town() -> Town {
    tokio::time::pause();
    let gave_up = Arc::new(AtomicUsize::new(0));
    let heard = gave_up.clone();
    let give_up: GiveUp = Arc::new(move |name, _| {
        assert_eq!(name, "clerk");
        heard.fetch_add(1, Ordering::Relaxed);
    });
    let hiring = Hiring { rules: HiringRules::default(), clock: Arc::new(Stopped), give_up };
    let mut roster = Roster::new(hiring);
    let (clerk, drained) = (Handle::vacant("clerk"), Rc::new(Cell::new(0)));
    let own = drained.clone();
    roster.hire(&clerk, move || Clerk { drained: own.clone(), ..Clerk::default() });
    Town { roster, clerk, drained, gave_up }
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[actix::test]
async fn a_clerk_that_panics_is_hired_anew_and_its_mailbox_works() {
    let town = town();
    assert_eq!(town.clerk.ask(CountUp).await, Ok(1));
    assert_eq!(town.clerk.ask(Panic).await, Err(Gone::Away("clerk")));
    settle().await;
    assert_eq!(town.clerk.ask(CountUp).await, Ok(1));
    let view = town.roster.staff().views().await.remove(0);
    assert!(view.present);
    assert_eq!((view.restarts, view.state), (1, json!({ "count": 1 })));
    assert_eq!(town.gave_up.load(Ordering::Relaxed), 0);
}

/// The budget: 5 in 60 s, and one more is once too often.
#[actix::test]
async fn a_clerk_that_panics_too_often_is_given_up_loudly() {
    let town = town();
    for _ in 0..5 {
        assert!(town.clerk.ask(Panic).await.is_err());
        settle().await;
        assert!(town.clerk.is_present());
    }
    assert_eq!(town.gave_up.load(Ordering::Relaxed), 0);
    assert!(town.clerk.ask(Panic).await.is_err());
    settle().await;
    assert_eq!(town.gave_up.load(Ordering::Relaxed), 1);
    assert_eq!(town.clerk.ask(CountUp).await, Err(Gone::Away("clerk")));
    let view = town.roster.staff().views().await.remove(0);
    assert!(!view.present);
    assert_eq!(town.roster.staff().absent().await, ["clerk"]);
}

#[actix::test]
async fn a_clerk_that_panics_now_and_then_is_never_given_up() {
    let town = town();
    for _ in 0..30 {
        assert!(town.clerk.ask(Panic).await.is_err());
        tokio::time::sleep(Duration::from_secs(13)).await;
        assert_eq!(town.clerk.ask(CountUp).await, Ok(1));
    }
    assert_eq!(town.gave_up.load(Ordering::Relaxed), 0);
}

/// A deaf actor may still be at work: hiring a second one beside it could pay twice.
#[actix::test]
async fn a_deaf_clerk_that_does_not_leave_is_never_given_a_twin() {
    let town = town();
    assert_eq!(town.clerk.ask(FallDeaf).await, Ok(()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(town.gave_up.load(Ordering::Relaxed), 1);
    assert!(!town.clerk.is_present());
    assert_eq!(town.roster.staff().views().await[0].restarts, 0);
}

/// The house's pulse is the guardians' heartbeat: it beats while everybody answers, and one deaf actor stops it for good.
#[actix::test]
async fn a_deaf_clerk_stops_the_pulse() {
    let mut town = town();
    let porter = Handle::vacant("porter");
    town.roster.hire(&porter, Clerk::default);
    let pulse = town.roster.pulse().listen();
    tokio::time::sleep(Duration::from_secs(35)).await;
    assert_eq!(*pulse.borrow(), 3, "a beat every ten seconds");
    assert_eq!(town.clerk.ask(FallDeaf).await, Ok(()));
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(*pulse.borrow(), 3);
    assert!(porter.is_present() && town.gave_up.load(Ordering::Relaxed) == 1);
}

#[actix::test]
async fn somebody_away_says_what_it_said_last() {
    let town = town();
    assert_eq!(town.clerk.ask(CountUp).await, Ok(1));
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(town.clerk.ask(FallDeaf).await, Ok(()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let view = town.roster.staff().views().await.remove(0);
    assert!(!view.present);
    assert_eq!(view.last_heartbeat_at_ms, Some(7));
    assert_eq!(view.state, json!({ "count": 1 }));
}

/// F-P24: full is an answer that the asker hears at once.
#[actix::test]
async fn one_question_too_many_is_told_to_come_back() {
    let town = town();
    let slow: Vec<_> = (0..ASKS_MAX)
        .map(|_| {
            let clerk = town.clerk.clone();
            actix::spawn(async move { clerk.ask(BeSlow(Duration::from_secs(5))).await })
        })
        .collect();
    settle().await;
    assert_eq!(town.clerk.ask(CountUp).await, Err(Gone::Busy("clerk")));
    // Busy is not deaf: nobody is hired anew for it.
    tokio::time::sleep(Duration::from_secs(6)).await;
    for answer in slow {
        assert_eq!(answer.await.unwrap(), Ok(()));
    }
    assert_eq!(town.clerk.ask(CountUp).await, Ok(1));
    assert_eq!(town.roster.staff().views().await[0].restarts, 0);
}

/// F-P26: what is in hand is finished before anybody leaves, and nobody is hired for the empty post.
#[actix::test]
async fn leaving_waits_for_what_is_in_hand() {
    let town = town();
    let clerk = town.clerk.clone();
    let slow = actix::spawn(async move { clerk.ask(BeSlow(Duration::from_secs(5))).await });
    settle().await;
    assert!(town.roster.leave(Duration::from_secs(30)).await.is_empty());
    assert_eq!(slow.await.unwrap(), Ok(()));
    assert_eq!(town.drained.get(), 1);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!town.clerk.is_present());
    assert_eq!(town.gave_up.load(Ordering::Relaxed), 0);
}

/// F-P26: the time to leave is bounded, and the answer names who was not done.
#[actix::test]
async fn somebody_who_does_not_finish_is_named() {
    let town = town();
    let clerk = town.clerk.clone();
    let _slow = actix::spawn(async move { clerk.ask(BeSlow(Duration::from_secs(500))).await });
    settle().await;
    assert_eq!(town.roster.leave(Duration::from_secs(30)).await, ["clerk"]);
    assert_eq!(town.drained.get(), 0);
}
