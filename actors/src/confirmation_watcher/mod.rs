//! The confirmation watcher: reads the chain block by block and says what became of every transfer.
//!
//! Promises: each solidified block is read once and judged once, so that the cost follows blocks and not payouts; nothing
//! is settled without the solidified view, 19 confirmations, the exact log and a second pair of eyes; nothing is buried
//! without the hash-linked walk. What it can not prove it calls unknown. It never signs and never sends.

mod absence;
mod alarm;
mod eyes;
mod gate;
mod head;
mod judge;
mod lead;
mod solid;
mod standby;
mod strangers;
mod verify;

use crate::chain_sight::SightWriter;
use crate::domain::identity::PayoutId;
use crate::domain::order::HousePolicy;
use crate::guardian::{ActorView, Drain, Handle, LookNow, Nudge, ShowView};
use crate::ledger::Ledger;
use crate::payout_worker::PayoutWorker;
use crate::ports::{BlockMark, ChainNode, Clock, House, Role, Roles, SecondOpinion, Strangers};
use crate::rounds::{Found, Rounds};
use crate::tenure::Tenure;
use actix::fut::wrap_future;
use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use head::RecentChain;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

pub use verify::{Check, Verification, VerifyPayout, VerifyRefused};

/// The watcher's name in the roster, in views and in metrics.
pub const NAME: &str = "confirmation_watcher";

/// The watcher's limits and periods.
#[derive(Debug, Clone)]
pub struct WatcherSettings {
    /// How often it looks; one block is three seconds, ms.
    pub look_every_ms: u64,
    /// Blocks on top before a payout may be settled, the block itself counted; 19 is the floor (F004-21).
    pub confirmations_min: u64,
    /// Solidified blocks that one round reads.
    pub solid_blocks_max: u64,
    /// Head blocks that are followed; further behind, only the solidified ones are read.
    pub head_blocks_max: u64,
    /// Payouts that one round judges.
    pub judged_max: u32,
    /// Expired transfers that one round tries to bury.
    pub buried_max: u32,
    /// Transfers share an absence walk when they refer to blocks within so many of its start.
    pub walk_blocks_max: u64,
    /// How long after its expiration an unproved transfer is called unknown, ms.
    pub unknown_after_ms: i64,
    /// How long a lagging second source is waited for before it is said aloud, ms.
    pub second_source_patience_ms: i64,
    /// How long the node that is read may fail before another one is read, ms.
    pub lead_patience_ms: i64,
    /// How long a node that was found wanting is not read, if another can be, ms.
    pub put_aside_ms: i64,
    /// How long whoever holds the role may see no node before it leaves the role to another daemon, ms.
    pub blind_max_ms: u64,
    /// How long it may read no further before it does the same, ms: longer than a node that fails is kept (`lead_patience_ms`).
    pub stands_still_max_ms: u64,
    /// How often each node's genesis block and the prices are asked again, ms.
    pub recheck_every_ms: i64,
    /// The store has slept for longer than this behind the chain: what left the wallet since is read before anything is signed, ms.
    pub restore_gap_ms: i64,
    /// The longest that a transfer may live, ms: what the restore gate waits out.
    pub longest_lifetime_ms: i64,
}

impl Default for WatcherSettings {
    fn default() -> Self {
        Self {
            look_every_ms: 3_000,
            confirmations_min: 19,
            solid_blocks_max: 60,
            head_blocks_max: 100,
            judged_max: 1_000,
            buried_max: 500,
            walk_blocks_max: 3_000,
            unknown_after_ms: 120_000,
            second_source_patience_ms: 120_000,
            lead_patience_ms: 30_000,
            put_aside_ms: 3_600_000,
            blind_max_ms: 10_000,
            stands_still_max_ms: 60_000,
            recheck_every_ms: 600_000,
            restore_gap_ms: 60_000,
            longest_lifetime_ms: 300_000,
        }
    }
}

/// What the watcher works with.
#[derive(Clone)]
pub struct WatcherTools {
    /// The payouts.
    pub ledger: Ledger,
    /// How far the chain is read.
    pub house: Arc<dyn House>,
    /// The nodes; the first that can be read is read, all are walked.
    pub nodes: Vec<Arc<dyn ChainNode>>,
    /// The index that is the second pair of eyes; without one, the second node is.
    pub second: Option<Arc<dyn SecondOpinion>>,
    /// One source is enough: an operator's written word.
    pub single_source: bool,
    /// Pulls the switch when the chain shows what must never be.
    pub worker: Handle<PayoutWorker>,
    /// Told when there is something to seal.
    pub audit_writer: Nudge,
    /// Where the newest sight is shown.
    pub sight: Rc<SightWriter>,
    /// Who of a fleet judges; the others stand by.
    pub roles: Arc<dyn Roles>,
    /// Where it notes what the wallet signed and no payout knows.
    pub strangers: Arc<dyn Strangers>,
    /// The house's time ([`crate::house_clock::HouseClock`]).
    pub clock: Arc<dyn Clock>,
    /// The wall clock as it is, held against the chain's.
    pub wall: Arc<dyn Clock>,
    /// Wallet and token.
    pub policy: HousePolicy,
    /// Limits and periods.
    pub settings: WatcherSettings,
}

/// The watcher's view of itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WatcherView {
    /// The newest block seen.
    pub head_number: u64,
    /// The last solidified block that was judged.
    pub solid_number: u64,
    /// Its time, unix ms.
    pub solid_timestamp_ms: i64,
    /// The node that is read now.
    pub reading_from: Option<String>,
    /// Nodes that are not read for now, because they lied, hung or stood still, and until when (unix ms).
    pub put_aside: BTreeMap<String, i64>,
    /// Payouts that are solidified and wait for the second pair of eyes.
    pub waiting_for_second_source: u64,
    /// Another process of the fleet judges; this one only sees.
    pub stands_by: bool,
    /// While the restore gate is shut: until when nothing is signed.
    pub restore_gate: Option<String>,
    /// While the restore gate is shut and its end is known: the chain's time after which it opens, unix ms.
    pub restore_gate_until_ms: Option<i64>,
    /// What went wrong in the last round.
    pub trouble: Option<String>,
    /// Payouts settled since it was hired.
    pub settled: u64,
    /// Transfers buried by proof since it was hired.
    pub buried: u64,
    /// Alarms raised since it was hired.
    pub alarms: u64,
}

/// What the watcher's rounds share.
pub(crate) struct Desk {
    pub(crate) tools: WatcherTools,
    pub(crate) view: RefCell<WatcherView>,
    pub(crate) recent: RefCell<RecentChain>,
    /// How far the solidified chain is judged; read from the store once.
    pub(crate) last_solid: Cell<Option<BlockMark>>,
    /// The last solidified block on which another one was seen to stand: what new transfers refer to.
    pub(crate) linked: Cell<Option<BlockMark>>,
    /// The nodes' standing: their genesis was compared at this moment.
    pub(crate) vetted: RefCell<BTreeMap<String, i64>>,
    /// Nodes that are not read for now, and until when, unix ms.
    pub(crate) put_aside: RefCell<BTreeMap<String, i64>>,
    /// Since when the node that is read fails in every round, unix ms.
    pub(crate) lead_fails_since_ms: Cell<Option<i64>>,
    pub(crate) byte_price: Cell<Option<(u64, i64)>>,
    /// The restore gate: nothing is signed before the solidified chain is past this moment, unix ms.
    pub(crate) gate_until_ms: Cell<Option<i64>>,
    /// This block holds a stranger and is read as solidified before anything is signed.
    pub(crate) read_first: Cell<u64>,
    /// While what was missed is being read, a transfer that nobody ordered pauses the house.
    pub(crate) catching_up: Cell<bool>,
    pub(crate) judge_from: Cell<u64>,
    /// Transfers whose absence could not be proved, and until when they are left alone, unix ms.
    pub(crate) unproved: RefCell<BTreeMap<PayoutId, i64>>,
    /// How this process stands to the watcher's role.
    pub(crate) tenure: Tenure,
    /// The last look saw no node at all.
    pub(crate) is_blind: Cell<bool>,
    /// When whoever holds the role last read on.
    pub(crate) read_on_at: Cell<Instant>,
    /// The alarms that rang.
    pub(crate) raised: RefCell<BTreeSet<String>>,
    /// Those of them that stand in the journal.
    pub(crate) written_down: RefCell<BTreeSet<String>>,
}

/// The confirmation watcher.
pub struct ConfirmationWatcher {
    desk: Rc<Desk>,
    look: Rounds,
}

impl ConfirmationWatcher {
    /// A watcher with its tools; it has seen nothing yet.
    #[must_use]
    pub fn new(tools: WatcherTools) -> Self {
        let desk = Desk {
            tools,
            view: RefCell::default(),
            recent: RefCell::default(),
            last_solid: Cell::new(None),
            linked: Cell::new(None),
            vetted: RefCell::default(),
            put_aside: RefCell::default(),
            lead_fails_since_ms: Cell::new(None),
            byte_price: Cell::new(None),
            gate_until_ms: Cell::new(None),
            read_first: Cell::new(0),
            catching_up: Cell::new(true),
            judge_from: Cell::new(0),
            unproved: RefCell::default(),
            tenure: Tenure::of(Role::ConfirmationWatcher),
            is_blind: Cell::new(false),
            read_on_at: Cell::new(Instant::now()),
            raised: RefCell::default(),
            written_down: RefCell::default(),
        };
        Self { desk: Rc::new(desk), look: Rounds::default() }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        if self.look.is_busy() && desk.tenure.holds() && !desk.is_blind.get() {
            // A long round does not cost the role; what it could not renew, its next write is told by the store.
            let desk = desk.clone();
            ctx.spawn(wrap_future(async move {
                let _ = standby::take_role(&desk).await;
            }));
        }
        self.look.run(ctx, move || look(desk.clone()));
    }
}

/// One round: see, follow the head, read what is solid, judge, bury.
async fn look(desk: Rc<Desk>) -> Found {
    let result = try_look(&desk).await;
    let mut view = desk.view.borrow_mut();
    match result {
        Ok(found) => {
            desk.tools.audit_writer.nudge();
            view.trouble = None;
            found
        }
        Err(why) => {
            warn!(why, "the chain can not be followed");
            view.trouble = Some(why);
            Found::Nothing
        }
    }
}

async fn try_look(desk: &Rc<Desk>) -> Result<Found, String> {
    if !standby::take_role(desk).await? {
        return standby::look(desk).await;
    }
    let facts = desk.tools.house.facts().await.map_err(|fault| fault.to_string())?;
    let eyes = match eyes::open(desk, &facts).await {
        Ok(eyes) => eyes,
        Err(why) => {
            standby::sees_nothing(desk, &why).await;
            // Whoever sees nothing at all still says of what is overdue that it is not known (F-N01).
            absence::call_unknown(desk).await?;
            return Err(why);
        }
    };
    standby::sees(desk);
    let gate = gate::look(desk, &eyes, &facts).await;
    let mut trouble = gate.err().or(head::follow(desk, &eyes).await.err());
    let read_before = desk.last_solid.get().map_or(0, |mark| mark.block.number);
    let read = solid::read(desk, &eyes).await;
    standby::leave_where_it_stands_still(desk, read_before).await;
    if read.is_ok() {
        trouble = trouble.or(gate::show_sight(desk, &eyes, 0).await.err());
    }
    let judged = judge::judge(desk, &eyes, read_before).await;
    let buried = absence::bury(desk, &eyes).await;
    lead::judge_round(desk, &eyes, [read.as_ref().err(), judged.as_ref().err()]).await;
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    let more = [read?, judged?, buried?].contains(&Found::More);
    Ok(if more { Found::More } else { Found::Nothing })
}

impl Actor for ConfirmationWatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        let look_every = Duration::from_millis(self.desk.tools.settings.look_every_ms);
        ctx.run_interval(look_every, |watcher, ctx| watcher.look(ctx));
    }
}

impl Handler<LookNow> for ConfirmationWatcher {
    type Result = ();

    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<VerifyPayout> for ConfirmationWatcher {
    type Result = ResponseFuture<Result<Verification, VerifyRefused>>;

    fn handle(&mut self, VerifyPayout(id): VerifyPayout, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { verify::verify(&desk, id).await })
    }
}

/// F-P26: the round that is under way ends; the next one would only have read on.
impl Handler<Drain> for ConfirmationWatcher {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.look.close())
    }
}

impl Handler<ShowView> for ConfirmationWatcher {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        ActorView::of(NAME, &*self.desk.view.borrow())
    }
}
