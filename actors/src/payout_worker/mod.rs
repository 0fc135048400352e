//! The payout worker: takes admitted payouts, asks the rules once more, builds, signs, files, and sends what is filed.
//!
//! Promises: no byte leaves before it is durably on file; what is sent is what is on file, to every configured node at
//! once and again until it is seen or dead; no answer of a node ever leads to a second transfer. After a pause returns,
//! nothing is signed and no first send begins. Whoever waits past `not_after` is called off, unless the chain has paid it.
//! Never here: judging what became of a transfer (the watcher's).

mod adopt;
mod build;
mod lapse;
mod put_off;
mod resend;
mod round;
mod send;
mod switch;

use crate::chain_sight::SightReader;
use crate::domain::journal::Cause;
use crate::domain::limits::LimitRules;
use crate::domain::order::HousePolicy;
use crate::guardian::{ActorView, Drain, Handle, LookNow, Nudge, ShowView};
use crate::ledger::Ledger;
use crate::ports::{ChainNode, Clock, House, HouseChange, Pause, Signer, StoreFault};
use crate::recollection::Recollection;
use crate::rounds::Rounds;
use crate::treasurer::Treasurer;
use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture};
use put_off::PutOff;
use send::Sender;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
pub use switch::GOOD_FOR as SWITCH_GOOD_FOR;
use switch::Switch;

/// The worker's name in the roster, in views and in metrics.
pub const NAME: &str = "payout_worker";

/// The worker's limits and periods.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Payouts that are signed and filed in one transaction.
    pub batch_max: u32,
    /// How often it looks without being nudged, ms.
    pub look_every_ms: u64,
    /// How long it waits for more before it looks, unless its last look found as much as it may, ms. Where writers follow one another a
    /// few large transactions leave more room for others, orders among them, than many small ones.
    pub gather_ms: u64,
    /// How long after the chain's newest block a transfer expires, ms.
    pub transfer_lifetime_ms: i64,
    /// Sends under way to one node at a time.
    pub sends_per_node_max: usize,
    /// Transfers that wait for one node; what comes on top is left out of its line, and sent again later.
    pub waiting_per_node_max: usize,
    /// How long after it was signed an unseen transfer is sent again, and how often from then on, ms.
    pub resend_every_ms: u64,
    /// Transfers that one round sends again.
    pub resend_batch_max: u32,
    /// Transfers that are filed and that no node has answered yet, at most, before signing waits.
    pub unsent_max: usize,
    /// How often it looks for whom time has ended, ms.
    pub lapse_every_ms: u64,
    /// Of those, at one look.
    pub lapse_max: u32,
    /// A sight of the chain that is older than this signs nothing, ms.
    pub sight_stale_ms: i64,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            batch_max: 600,
            look_every_ms: 1_000,
            gather_ms: 0,
            transfer_lifetime_ms: 300_000,
            sends_per_node_max: 32,
            waiting_per_node_max: 2_000,
            resend_every_ms: 20_000,
            resend_batch_max: 200,
            unsent_max: 2_000,
            lapse_every_ms: 5_000,
            lapse_max: 1_000,
            sight_stale_ms: 20_000,
        }
    }
}

/// What the worker works with.
#[derive(Clone)]
pub struct WorkerTools {
    /// The payouts.
    pub ledger: Ledger,
    /// The kill switch, and the store's own name.
    pub house: Arc<dyn House>,
    /// What the chain shows of a payout and the store does not know.
    pub recollection: Rc<Recollection>,
    /// The wallet's signature.
    pub signer: Arc<dyn Signer>,
    /// Every node that is sent to.
    pub nodes: Vec<Arc<dyn ChainNode>>,
    /// Says what is covered.
    pub treasurer: Handle<Treasurer>,
    /// The newest sight of the chain.
    pub sight: SightReader,
    /// Told when there is something to seal.
    pub audit_writer: Nudge,
    /// The house's time ([`crate::house_clock::HouseClock`]).
    pub clock: Arc<dyn Clock>,
    /// The wall clock as it is, held against the chain's.
    pub wall: Arc<dyn Clock>,
    /// Whom the house pays, and how.
    pub policy: HousePolicy,
    /// The spending limits, asked once more before signing.
    pub limits: LimitRules,
    /// Limits and periods.
    pub settings: WorkerSettings,
}

/// Pulls the kill switch. When it is answered, no signing and no first send begins any more, on any daemon of the fleet.
#[derive(Debug, Message)]
#[rtype(result = "Result<Pause, StoreFault>")]
pub struct PauseHouse {
    /// Why, in a person's words or an alarm's.
    pub reason: String,
    /// Who wants it, and in which request, for the journal; nobody where the house pauses itself.
    pub cause: Cause,
}

/// Lets go of the kill switch.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreFault>")]
pub struct ResumeHouse {
    /// Why.
    pub reason: String,
    /// Who wants it, and in which request, for the journal.
    pub cause: Cause,
}

/// The worker's view of itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WorkerView {
    /// Why nothing is signed now, where that is so.
    pub signing_waits_for: Option<String>,
    /// Payouts signed and filed since it was hired.
    pub filed: u64,
    /// Payouts held, cancelled or left for later since it was hired.
    pub put_aside: u64,
    /// Payouts called off because their time was over before they were about to be signed, since it was hired.
    pub lapsed: u64,
    /// Transfers filed that no node has answered yet.
    pub unsent: usize,
    /// Transfers that wait for each node.
    pub waiting: BTreeMap<String, usize>,
    /// Transfers that were left out of a node's line because it was full, since it was hired: they are sent again.
    pub sends_left_out: u64,
    /// Sends answered since it was hired.
    pub sends_answered: u64,
    /// Sends that met silence or a fault since it was hired.
    pub sends_unanswered: u64,
}

/// What the worker's rounds share.
pub(crate) struct Desk {
    pub(crate) tools: WorkerTools,
    /// Asked right before every first send.
    switch: Switch,
    /// Whether what was on file before this worker was hired has been sent again.
    has_resent: Cell<bool>,
    pub(crate) view: RefCell<WorkerView>,
    pub(crate) sender: Sender,
    /// Payouts that could not be paid a moment ago.
    put_off: PutOff,
    /// Whether the last look found as much as it may.
    is_behind: Cell<bool>,
    /// When it was last looked for whom time has ended.
    lapse_looked_at: Cell<Option<tokio::time::Instant>>,
}

/// The payout worker.
pub struct PayoutWorker {
    desk: Rc<Desk>,
    look: Rounds,
    resend: Rounds,
}

impl PayoutWorker {
    /// A worker with its tools.
    #[must_use]
    pub fn new(tools: WorkerTools) -> Self {
        let sender = Sender::new(&tools);
        let view = RefCell::default();
        let desk = Rc::new(Desk {
            tools,
            switch: Switch::default(),
            has_resent: Cell::new(false),
            view,
            sender,
            put_off: PutOff::default(),
            is_behind: Cell::default(),
            lapse_looked_at: Cell::default(),
        });
        Self { desk, look: Rounds::default(), resend: Rounds::default() }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.look.run(ctx, move || round::look(desk.clone()));
    }

    fn resend(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.resend.run(ctx, move || resend::round(desk.clone()));
    }
}

/// Whoever is no longer the worker sends nothing for the first time: what it had not sent is on file, and its successor's to
/// send, who hears of every pause.
impl Drop for PayoutWorker {
    fn drop(&mut self) {
        self.desk.switch.pull();
    }
}

impl Actor for PayoutWorker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let settings = &self.desk.tools.settings;
        let (look_every, resend_every) = (settings.look_every_ms, settings.resend_every_ms);
        self.look(ctx);
        ctx.run_interval(Duration::from_millis(look_every), |worker, ctx| {
            worker.look(ctx);
            // What was on file before this start may never have left: as soon as the chain is seen it is sent.
            if !worker.desk.has_resent.get() {
                worker.resend(ctx);
            }
        });
        ctx.run_interval(Duration::from_millis(resend_every), |worker, ctx| worker.resend(ctx));
    }
}

impl Handler<LookNow> for PayoutWorker {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<PauseHouse> for PayoutWorker {
    type Result = ResponseFuture<Result<Pause, StoreFault>>;

    fn handle(&mut self, PauseHouse { reason, cause }: PauseHouse, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move {
            // First the switch, so that a round in the middle of its work stops at its next step; then the store, for good.
            desk.switch.pull();
            let now_ms = desk.tools.clock.now_ms();
            let pause = Pause { reason, since_ms: now_ms };
            // A store that was away may have written it all the same: the switch stays pulled until a look has read it.
            let change = HouseChange::Pause(pause.clone()).wanted_by(cause);
            desk.tools.house.change(vec![change], now_ms).await?;
            // Once more: a look may have read the store before it said so.
            desk.switch.pull();
            // The other daemons of a fleet act for so long upon what they read before.
            tokio::time::sleep(switch::GOOD_FOR).await;
            Ok(pause)
        })
    }
}

impl Handler<ResumeHouse> for PayoutWorker {
    type Result = ResponseFuture<Result<(), StoreFault>>;

    fn handle(
        &mut self,
        ResumeHouse { reason, cause }: ResumeHouse,
        ctx: &mut Self::Context,
    ) -> Self::Result {
        let desk = self.desk.clone();
        let worker = ctx.address();
        Box::pin(async move {
            let now_ms = desk.tools.clock.now_ms();
            let change = HouseChange::Resume { reason }.wanted_by(cause);
            desk.tools.house.change(vec![change], now_ms).await?;
            desk.switch.let_go();
            // A full mailbox means that it is about to look anyway.
            let _ = worker.try_send(LookNow);
            Ok(())
        })
    }
}

/// F-P26: no round begins any more, and what was handed to the sender is answered and noted. Whatever is left is on file.
impl Handler<Drain> for PayoutWorker {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let (look, resend, desk) = (self.look.close(), self.resend.close(), self.desk.clone());
        Box::pin(async move {
            look.await;
            resend.await;
            desk.sender.idle().await;
        })
    }
}

impl Handler<ShowView> for PayoutWorker {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        let mut view = self.desk.view.borrow().clone();
        (view.unsent, view.waiting) = (self.desk.sender.unsent(), self.desk.sender.waiting());
        ActorView::of(NAME, &view)
    }
}
