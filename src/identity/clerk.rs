//! The clerk: writes down how often keys are used, and forgets what nobody can use any more.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use payoutd_actors::{
    guardian::{ActorView, Drain, LookNow, ShowView},
    ports::{Clock, Register},
    rounds::{Found, Rounds},
};
use serde::Serialize;
use tracing::warn;

use super::keyring::Keyring;

/// The clerk's name in the roster and in views.
pub const CLERK: &str = "register_clerk";
/// How often it writes.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Rows that are forgotten at a time.
const FORGOTTEN_MAX: u32 = 5_000;

/// The clerk.
pub struct Clerk {
    desk: Rc<Desk>,
    look: Rounds,
}

struct Desk {
    keyring: Arc<Keyring>,
    register: Arc<dyn Register>,
    clock: Arc<dyn Clock>,
    view: RefCell<ClerkView>,
}

/// What the clerk says of itself.
#[derive(Debug, Clone, Default, Serialize)]
struct ClerkView {
    /// What keeps it from its work, since its last look.
    trouble: Option<String>,
}

impl Clerk {
    /// The clerk of a register.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, register: Arc<dyn Register>, clock: Arc<dyn Clock>) -> Self {
        Self {
            desk: Rc::new(Desk { keyring, register, clock, view: RefCell::default() }),
            look: Rounds::default(),
        }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.look.run(ctx, move || work(desk.clone()));
    }
}

async fn work(desk: Rc<Desk>) -> Found {
    let counted = desk.keyring.count_uses().await;
    if let Err(fault) = &counted {
        warn!(%fault, "the uses of API keys can not be written down; they are counted with the next");
    }
    let forgotten = desk.register.forget_expired(desk.clock.now_ms(), FORGOTTEN_MAX).await;
    if let Err(fault) = &forgotten {
        warn!(%fault, "what has expired can not be forgotten now");
    }
    let fault = counted.err().or(forgotten.as_ref().err().cloned());
    desk.view.borrow_mut().trouble = fault.map(|fault| fault.to_string());
    if forgotten.is_ok_and(|gone| gone >= u64::from(FORGOTTEN_MAX)) { Found::More } else { Found::Nothing }
}

impl Actor for Clerk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        ctx.run_interval(LOOK_EVERY, |clerk, ctx| clerk.look(ctx));
    }
}

impl Handler<LookNow> for Clerk {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<ShowView> for Clerk {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        ActorView::of(CLERK, &*self.desk.view.borrow())
    }
}

impl Handler<Drain> for Clerk {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let (desk, idle) = (self.desk.clone(), self.look.close());
        Box::pin(async move {
            idle.await;
            work(desk).await;
        })
    }
}
