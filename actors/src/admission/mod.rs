//! Admission: the one way in, for every door alike, and the desk where people's decisions on payouts are carried out.
//!
//! Promises: an answer says what is durably written, and only that; a repeated key gets the first answer; a batch is
//! taken whole or not at all; whoever asks for more than the limits leave room for waits by himself and stops nobody
//! else (F-N13); nobody hears that an order is called off, or is not taken, which the chain may have paid. What waits while a transaction is under way shares the next one. Payouts that room or money may release are
//! released without anybody asking. Never here: who may ask (the door's), signing, sending, whose time is over (the worker's).

mod again;
mod decide;
mod digest;
mod ids;
mod intake;
mod line;
mod release;
#[cfg(test)]
mod tests;

pub use decide::{DecidePayout, Decision, DecisionRefusal};
pub use ids::PayoutIds;
pub use intake::{AdmissionRefusal, AdmitPayouts, ReviewOrders};

use crate::domain::limits::LimitRules;
use crate::domain::order::{HousePolicy, OrderProblem};
use crate::domain::payout::{ORDER_DIGEST_PURPOSE, Reason};
use crate::guardian::{ActorView, Drain, Handle, LookNow, Nudge, ShowView};
use crate::ledger::Ledger;
use crate::ports::{Admitted, Clock, Signer, Urgency};
use crate::recollection::Recollection;
use crate::rounds::{InHand, Rounds};
use crate::treasurer::Treasurer;
use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use line::Line;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Admission's name in the roster, in views and in metrics.
pub const NAME: &str = "admission";

/// Admission's limits and periods.
#[derive(Debug, Clone)]
pub struct AdmissionSettings {
    /// Payouts that share one transaction. A request that is larger by itself has one of its own.
    pub batch_max: usize,
    /// Payouts that may wait for a transaction; whoever would exceed it is told to come back (F-P24).
    pub waiting_max: usize,
    /// How often held payouts are looked at, ms.
    pub look_every_ms: u64,
    /// Held payouts that one look reads for each reason: so many of the most urgent, and as many of the others in turn.
    pub release_max: u32,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self { batch_max: 300, waiting_max: 10_000, look_every_ms: 5_000, release_max: 1_000 }
    }
}

/// What Admission works with.
#[derive(Clone)]
pub struct AdmissionTools {
    /// The payouts.
    pub ledger: Ledger,
    /// The house's time ([`crate::house_clock::HouseClock`]).
    pub clock: Arc<dyn Clock>,
    /// Makes the payouts' ids.
    pub ids: Rc<PayoutIds>,
    /// The key of the order digests is derived from the wallet's.
    pub signer: Arc<dyn Signer>,
    /// What the house pays, and whom it never pays.
    pub policy: HousePolicy,
    /// The spending limits.
    pub limits: LimitRules,
    /// What the chain shows of a payout and the store does not know.
    pub recollection: Rc<Recollection>,
    /// Says when the wallet would cover what was held for want of money.
    pub treasurer: Handle<Treasurer>,
    /// Told when there is something to sign.
    pub payout_worker: Nudge,
    /// Told when there is something to seal.
    pub audit_writer: Nudge,
    /// Limits and periods.
    pub settings: AdmissionSettings,
}

/// Admission's view of itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AdmissionView {
    /// Payouts that wait for a transaction.
    pub waiting: usize,
    /// Whether new orders are taken: not while the house closes.
    pub open: bool,
    /// Payouts taken in since it was hired, those that were held at once among them.
    pub admitted: u64,
    /// Of these, held at once for want of room.
    pub held: u64,
    /// Orders that were answered with what their key had made before.
    pub repeated: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Transactions made for all that.
    pub transactions: u64,
    /// Decisions of people carried out.
    pub decisions: u64,
    /// Held payouts that were released because there is room again.
    pub released: u64,
    /// Why the store did not do what was asked of it last, where that is so.
    pub trouble: Option<String>,
}

/// What Admission's rounds share.
pub(crate) struct Desk {
    tools: AdmissionTools,
    digest_key: [u8; 32],
    line: Line,
    view: RefCell<AdmissionView>,
    deciding: InHand,
    /// Where the next page of the payouts held for a reason begins.
    turns: RefCell<BTreeMap<Reason, Urgency>>,
}

/// Admission.
pub struct Admission {
    desk: Rc<Desk>,
    admit: Rounds,
    release: Rounds,
}

impl Admission {
    /// Admission with its tools.
    #[must_use]
    pub fn new(tools: AdmissionTools) -> Self {
        let digest_key = tools.signer.derived_key(ORDER_DIGEST_PURPOSE);
        let line = Line::new(tools.settings.waiting_max, tools.settings.batch_max);
        let desk = Desk {
            tools,
            digest_key,
            line,
            view: RefCell::default(),
            deciding: InHand::default(),
            turns: RefCell::default(),
        };
        Self { desk: Rc::new(desk), admit: Rounds::default(), release: Rounds::default() }
    }

    fn look_at_held(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.release.run(ctx, move || release::look(desk.clone()));
    }
}

impl Actor for Admission {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look_at_held(ctx);
        let every = Duration::from_millis(self.desk.tools.settings.look_every_ms);
        ctx.run_interval(every, |admission, ctx| admission.look_at_held(ctx));
    }
}

impl Handler<AdmitPayouts> for Admission {
    type Result = ResponseFuture<Result<Vec<Admitted>, AdmissionRefusal>>;

    fn handle(&mut self, request: AdmitPayouts, ctx: &mut Self::Context) -> Self::Result {
        let answer = intake::take(&self.desk, request);
        let desk = self.desk.clone();
        self.admit.run(ctx, move || intake::admit_some(desk.clone()));
        answer
    }
}

impl Handler<ReviewOrders> for Admission {
    type Result = Vec<(usize, OrderProblem)>;

    fn handle(&mut self, ReviewOrders(orders): ReviewOrders, _: &mut Self::Context) -> Self::Result {
        intake::review(&self.desk, &orders)
    }
}

impl Handler<DecidePayout> for Admission {
    type Result = ResponseFuture<Result<crate::domain::payout::Payout, DecisionRefusal>>;

    fn handle(&mut self, request: DecidePayout, _: &mut Self::Context) -> Self::Result {
        Box::pin(decide::carry_out(self.desk.clone(), request))
    }
}

impl Handler<LookNow> for Admission {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look_at_held(ctx);
    }
}

impl Handler<ShowView> for Admission {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        let mut view = self.desk.view.borrow().clone();
        view.waiting = self.desk.line.waiting();
        view.open = self.desk.line.is_open();
        ActorView::of(NAME, &view)
    }
}

impl Handler<Drain> for Admission {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        // What waits already was promised an answer: the rounds go on until the line is empty.
        let (answered, decided, released) =
            (self.desk.line.close(), self.desk.deciding.none(), self.release.close());
        Box::pin(async move {
            answered.await;
            decided.await;
            released.await;
        })
    }
}
