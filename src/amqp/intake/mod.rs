//! JobIntake: takes jobs out of the queue and brings them to Admission.
//!
//! Promises: a job is acknowledged when it is durably taken in, or durably in the dead queue with its reason, and not before;
//! many with one word. It is never held while the chain is slow, and given back when the house can not take it in. Whatever
//! the broker does, the intake is consuming again within five seconds of its being back (F-N18). Answers to those who asked
//! for one never hold up the intake. Told to finish, it takes nothing new, finishes what it has in hand, and the rest goes
//! back to the broker (F-P26).
//!
//! `session` is one connection's life, `hand` one job's, `replier` sends the answers, `depth` looks
//! how many jobs wait.

mod depth;
mod desk;
mod hand;
mod replier;
mod session;

use std::rc::Rc;

use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture, fut::wrap_future};
use payoutd_actors::guardian::{ActorView, Drain, ShowView};

use self::desk::Desk;
pub use self::desk::{IntakeTools, IntakeView};

/// The intake's name in the roster, in views and in metrics.
pub const NAME: &str = "job_intake";

/// JobIntake.
pub struct JobIntake {
    desk: Rc<Desk>,
}

impl JobIntake {
    /// The intake with its tools.
    #[must_use]
    pub fn new(tools: IntakeTools) -> Self {
        Self { desk: Rc::new(Desk::new(tools)) }
    }
}

impl Actor for JobIntake {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // Part of the actor: it ends where the actor ends, and a panic in it is the actor's.
        ctx.spawn(wrap_future(session::consume(self.desk.clone())));
    }
}

impl Handler<ShowView> for JobIntake {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        ActorView::of(NAME, &self.desk.view())
    }
}

impl Handler<Drain> for JobIntake {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.desk.close())
    }
}
