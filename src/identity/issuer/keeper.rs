//! The issuer keeper: asks for an issuer's keys before they are old, so that no caller waits for them.

use std::{sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use payoutd_actors::{
    guardian::{ActorView, Drain, LookNow, ShowView},
    rounds::{Found, Rounds},
};
use serde::Serialize;

use super::Issuer;

/// The keeper's name in the roster and in views.
pub const ISSUER_KEEPER: &str = "issuer_keeper";
/// How often it looks whether the keys are old.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The keeper.
pub struct IssuerKeeper {
    issuer: Arc<Issuer>,
    look: Rounds,
}

/// What the keeper says of itself.
#[derive(Debug, Clone, Serialize)]
struct KeeperView {
    /// Whose keys.
    issuer: String,
    /// How many are known.
    keys: usize,
    /// When they were read, unix ms; 0 before the first time.
    read_at_ms: i64,
    /// Why they could not be read the last time.
    trouble: Option<String>,
}

impl IssuerKeeper {
    /// The keeper of an issuer's keys.
    #[must_use]
    pub fn new(issuer: Arc<Issuer>) -> Self {
        Self { issuer, look: Rounds::default() }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let issuer = self.issuer.clone();
        self.look.run(ctx, move || {
            let issuer = issuer.clone();
            async move {
                issuer.keep().await;
                Found::Nothing
            }
        });
    }
}

impl Actor for IssuerKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        ctx.run_interval(LOOK_EVERY, |keeper, ctx| keeper.look(ctx));
    }
}

impl Handler<LookNow> for IssuerKeeper {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<ShowView> for IssuerKeeper {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        let known = self.issuer.known();
        ActorView::of(
            ISSUER_KEEPER,
            &KeeperView {
                issuer: self.issuer.settings.issuer.clone(),
                keys: known.keys.as_ref().map_or(0, |keys| keys.count()),
                read_at_ms: known.read_at_ms,
                trouble: known.trouble.clone(),
            },
        )
    }
}

impl Handler<Drain> for IssuerKeeper {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.look.close())
    }
}
