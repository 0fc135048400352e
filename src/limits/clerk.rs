//! The clerk of limits: tells the journal of those that have passed away, and forgets them. What holds does not wait for it.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use payoutd_actors::{
    guardian::{ActorView, Drain, LookNow, ShowView},
    rounds::{Found, Rounds},
};
use serde::Serialize;
use tracing::{info, warn};

use super::LimitDesk;

/// The clerk's name in the roster and in views.
pub const LIMIT_CLERK: &str = "limit_clerk";
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// The clerk.
pub struct LimitClerk {
    desk: Rc<Desk>,
    look: Rounds,
}

struct Desk {
    limits: Arc<LimitDesk>,
    view: RefCell<LimitClerkView>,
}

/// What the clerk says of itself.
#[derive(Debug, Clone, Default, Serialize)]
struct LimitClerkView {
    /// Limits that have passed away under its eyes.
    expired: u64,
    /// What keeps it from its work, since its last look.
    trouble: Option<String>,
}

impl LimitClerk {
    /// The clerk of a desk.
    #[must_use]
    pub fn new(limits: Arc<LimitDesk>) -> Self {
        Self { desk: Rc::new(Desk { limits, view: RefCell::default() }), look: Rounds::default() }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.look.run(ctx, move || work(desk.clone()));
    }
}

async fn work(desk: Rc<Desk>) -> Found {
    let gone = desk.limits.forget_expired().await;
    let mut view = desk.view.borrow_mut();
    view.trouble = gone.as_ref().err().map(ToString::to_string);
    match gone {
        Ok(0) => {}
        Ok(gone) => {
            info!(limits = gone, "spending limits have passed away: the configuration's hold again");
            view.expired = view.expired.saturating_add(gone);
        }
        Err(fault) => warn!(%fault, "which limits have passed away can not be written down now"),
    }
    Found::Nothing
}

impl Actor for LimitClerk {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        ctx.run_interval(LOOK_EVERY, |clerk, ctx| clerk.look(ctx));
    }
}

impl Handler<LookNow> for LimitClerk {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<ShowView> for LimitClerk {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        ActorView::of(LIMIT_CLERK, &*self.desk.view.borrow())
    }
}

impl Handler<Drain> for LimitClerk {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let idle = self.look.close();
        Box::pin(idle)
    }
}
