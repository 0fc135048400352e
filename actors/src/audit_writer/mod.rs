//! The audit writer: puts the journal's rows under its seal, in order, one writer a store (F002-18 to F002-22).
//!
//! The rows themselves are written in the money's own transactions; what is done here comes after and holds nothing up: while rows
//! can be written money goes on, and rows without a seal are counted and shown. A row that is not what was written pauses the
//! house. Promises: no seal ever covers a row that is not the next one or whose hash is not its own; two writers can not fork
//! the chain (the store refuses the second seal, and its writer reads on from the first); the newest checkpoint is kept beside
//! the database. Never here: a change of a row.

#[cfg(test)]
mod tests;

use crate::domain::journal::{ChainHead, Checkpoint, JournalKey, Seal, SealError, SealRun};
use crate::guardian::{ActorView, Drain, LookNow, ShowView};
use crate::journal_tail::stop_the_house;
use crate::metrics_names as names;
use crate::ports::{CheckpointKeeper, Clock, House, Journal, ROLE_LEASE_MS, Role, Roles, StoreFault};
use crate::rounds::{Found, Rounds};
use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Mutex;
use tracing::{error, warn};

/// The audit writer's name in the roster, in views and in metrics.
pub const NAME: &str = "audit_writer";

/// The audit writer's limits and periods.
#[derive(Debug, Clone)]
pub struct AuditWriterSettings {
    /// How often it looks without being nudged, ms.
    pub look_every_ms: u64,
    /// How long rows may gather before a nudge has them sealed, ms: one seal for many rows.
    pub gather_ms: u64,
    /// Rows that are read at a time.
    pub read_max: u32,
}

impl Default for AuditWriterSettings {
    fn default() -> Self {
        Self { look_every_ms: 5_000, gather_ms: 500, read_max: 1_024 }
    }
}

/// What the audit writer works with.
#[derive(Clone)]
pub struct AuditWriterTools {
    /// The rows and the seals.
    pub journal: Arc<dyn Journal>,
    /// For the store's own name, which is part of every seal.
    pub house: Arc<dyn House>,
    /// Who of a fleet seals; the others stand by.
    pub roles: Arc<dyn Roles>,
    /// The key of the seals.
    pub key: Arc<JournalKey>,
    /// Where the newest checkpoint is kept.
    pub keeper: Arc<dyn CheckpointKeeper>,
    /// The house's time.
    pub clock: Arc<dyn Clock>,
    /// Limits and periods.
    pub settings: AuditWriterSettings,
}

/// Asks for everything that is written now to be sealed, and for the checkpoint that covers the last row.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<Checkpoint, SealTrouble>")]
pub struct SealNow;

/// Why the journal is not sealed.
#[derive(Debug, Clone, Error)]
pub enum SealTrouble {
    /// Another process of the fleet seals, and has not come so far yet: ask again.
    #[error("another daemon seals this journal, and its last seal is older than the last row")]
    StandsBy,
    /// There is no row yet.
    #[error("the journal is empty: there is nothing to seal")]
    Empty,
    /// The rows are not what was written: nothing more is sealed until a person has looked (`payoutd audit verify`).
    #[error(transparent)]
    Broken(#[from] SealError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The seals are made, but the checkpoint could not be kept beside the database.
    #[error("the checkpoint can not be kept: {0}")]
    Keeper(String),
}

impl SealTrouble {
    /// Whether the journal is not what was written, whatever the store says later.
    fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Store(StoreFault::Corrupt(_)))
    }

    fn word(&self) -> &'static str {
        match self {
            Self::StandsBy => "stands_by",
            Self::Empty => "empty",
            Self::Broken(_) => "broken",
            Self::Store(_) => "store_fault",
            Self::Keeper(_) => "keeper",
        }
    }
}

/// The audit writer's view of itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuditWriterView {
    /// The last row.
    pub last_seq: i64,
    /// The last row under a seal.
    pub sealed_to_seq: i64,
    /// Rows that no seal covers yet.
    pub unsealed: u64,
    /// The last seal's number.
    pub seal_no: i64,
    /// When the last seal was made, unix ms.
    pub sealed_at_ms: Option<i64>,
    /// When the oldest of the rows that no seal could be put on was written, unix ms; absent where there is none.
    pub oldest_unsealed_at_ms: Option<i64>,
    /// Another process of the fleet seals.
    pub stands_by: bool,
    /// Why nothing is sealed now, where that is so.
    pub trouble: Option<String>,
}

/// The audit writer.
pub struct AuditWriter {
    desk: Rc<Desk>,
    look: Rounds,
    gathering: bool,
}

struct Desk {
    tools: AuditWriterTools,
    /// One at a time: rounds and whoever asks for a checkpoint.
    book: Mutex<Book>,
    /// The house was paused for a broken journal. Once: whoever lets go of the switch has looked.
    has_stopped_the_house: Cell<bool>,
    view: RefCell<AuditWriterView>,
}

/// What the writer knows of the chain; read from the store at the first look, and again when another writer was first.
#[derive(Default)]
struct Book {
    store_id: Option<String>,
    last_seal: Option<Seal>,
    is_read: bool,
    kept: Option<i64>,
}

impl AuditWriter {
    /// An audit writer with its tools; it reads where it stopped by itself.
    #[must_use]
    pub fn new(tools: AuditWriterTools) -> Self {
        let desk = Desk {
            tools,
            book: Mutex::default(),
            has_stopped_the_house: Cell::default(),
            view: RefCell::default(),
        };
        Self { desk: Rc::new(desk), look: Rounds::default(), gathering: false }
    }

    fn look(&self, ctx: &mut Context<Self>) {
        let desk = self.desk.clone();
        self.look.run(ctx, move || {
            let desk = desk.clone();
            async move {
                // What went wrong stands in the view; the next look tries again.
                let _ = desk.seal_everything().await;
                Found::Nothing
            }
        });
    }
}

impl Desk {
    /// Seals up to the last row that stands now, and keeps the checkpoint.
    async fn seal_everything(&self) -> Result<Checkpoint, SealTrouble> {
        let mut book = self.book.lock().await;
        let result = self.try_to_seal(&mut book).await;
        let trouble = result
            .as_ref()
            .err()
            .filter(|trouble| !matches!(trouble, SealTrouble::Empty | SealTrouble::StandsBy));
        if let Some(trouble) = trouble {
            // A row that changed is a matter for a person, a store that is away comes back.
            match trouble.is_broken() {
                true => self.stop_the_house(trouble).await,
                false => warn!(%trouble, "the journal can not be sealed"),
            }
            metrics::counter!(names::JOURNAL_SEAL_FAILURES_TOTAL, "cause" => trouble.word()).increment(1);
        }
        let mut view = self.view.borrow_mut();
        view.trouble = trouble.map(SealTrouble::to_string);
        result
    }

    /// Money does not move upon a journal that is not what was written.
    async fn stop_the_house(&self, trouble: &SealTrouble) {
        error!(%trouble, "the journal can not be sealed");
        if self.has_stopped_the_house.get() {
            return;
        }
        let stopped =
            stop_the_house(&*self.tools.house, &trouble.to_string(), self.tools.clock.now_ms()).await;
        match stopped {
            Ok(()) => self.has_stopped_the_house.set(true),
            Err(fault) => error!(%fault, "the house can not be paused: the next look tries again"),
        }
    }

    async fn try_to_seal(&self, book: &mut Book) -> Result<Checkpoint, SealTrouble> {
        let last_seq = self.tools.journal.last_seq().await?;
        let holds_role = self.take_role().await?;
        // Where another seals, what is known of the chain is as old as the last look.
        book.is_read &= holds_role;
        self.read(book).await?;
        self.show(book, last_seq);
        if !holds_role {
            // The checkpoint is kept all the same: each host has its own, which tells an older copy of the store.
            return match self.checkpoint(book).await {
                Ok(newest) if newest.last_seq < last_seq => Err(SealTrouble::StandsBy),
                Err(SealTrouble::Empty) if last_seq > 0 => Err(SealTrouble::StandsBy),
                newest_or_trouble => newest_or_trouble,
            };
        }
        while book.head().last_seq < last_seq {
            let before = book.head();
            self.take_role().await?;
            self.seal_a_run(book, last_seq).await?;
            self.show(book, last_seq);
            if book.head() == before {
                let why = format!("seal {} is neither taken nor there", before.seal_no.saturating_add(1));
                return Err(StoreFault::Away(why).into());
            }
        }
        self.checkpoint(book).await
    }

    /// Takes the role, or keeps it. `false`: another process holds it.
    async fn take_role(&self) -> Result<bool, StoreFault> {
        let is_ours = self.tools.roles.take_role(Role::AuditWriter, ROLE_LEASE_MS).await?.is_some();
        self.view.borrow_mut().stands_by = !is_ours;
        Ok(is_ours)
    }

    /// Where the chain ends, as the store has it.
    async fn read(&self, book: &mut Book) -> Result<(), StoreFault> {
        if book.store_id.is_none() {
            book.store_id = Some(self.tools.house.facts().await?.store_id);
        }
        if !book.is_read {
            book.last_seal = self.tools.journal.last_seal().await?;
            book.is_read = true;
        }
        Ok(())
    }

    async fn seal_a_run(&self, book: &mut Book, last_seq: i64) -> Result<(), SealTrouble> {
        let mut run = SealRun::after(book.head());
        let mut next = book.head().last_seq.saturating_add(1);
        while next <= last_seq && !run.is_full() {
            let rows = self.tools.journal.records(next, self.tools.settings.read_max).await?;
            if rows.is_empty() {
                // The journal ended before its last row: a row is missing in the middle of it.
                return Err(StoreFault::Corrupt(format!("row {next} of the journal is not there")).into());
            }
            if run.rows() == 0 {
                self.view.borrow_mut().oldest_unsealed_at_ms = rows.first().map(|row| row.at_ms);
            }
            for row in &rows {
                match run.push(row) {
                    Ok(()) => next = row.seq.saturating_add(1),
                    Err(SealError::RunFull) => break,
                    Err(broken) => {
                        // What came before the fault is sound and is sealed, so that the place of the fault stays narrow.
                        self.put(book, run).await?;
                        self.show(book, last_seq);
                        return Err(broken.into());
                    }
                }
            }
        }
        self.put(book, run).await
    }

    async fn put(&self, book: &mut Book, run: SealRun) -> Result<(), SealTrouble> {
        let store_id = book.store_id.clone().unwrap_or_default();
        let Some(seal) = run.close(&store_id, &self.tools.key, self.tools.clock.now_ms()) else {
            return Ok(());
        };
        // Until it is known what the store did, the store is asked again.
        book.is_read = false;
        if self.tools.journal.put_seal(seal.clone()).await? {
            metrics::counter!(names::JOURNAL_SEALS_TOTAL).increment(1);
            book.last_seal = Some(seal);
            book.is_read = true;
            return Ok(());
        }
        warn!(seal_no = seal.seal_no, "another writer sealed first: reading on from its seal");
        Ok(self.read(book).await?)
    }

    async fn checkpoint(&self, book: &mut Book) -> Result<Checkpoint, SealTrouble> {
        let (Some(seal), Some(store_id)) = (&book.last_seal, &book.store_id) else {
            return Err(SealTrouble::Empty);
        };
        let checkpoint = Checkpoint::of(seal, store_id, &self.tools.key);
        if book.kept != Some(checkpoint.seal_no) {
            self.tools.keeper.keep(&checkpoint).await.map_err(|why| {
                metrics::counter!(names::CHECKPOINT_FAILURES_TOTAL).increment(1);
                SealTrouble::Keeper(why)
            })?;
            book.kept = Some(checkpoint.seal_no);
        }
        Ok(checkpoint)
    }

    fn show(&self, book: &Book, last_seq: i64) {
        let mut view = self.view.borrow_mut();
        view.last_seq = last_seq;
        view.sealed_to_seq = book.head().last_seq;
        view.unsealed = u64::try_from(last_seq.saturating_sub(view.sealed_to_seq)).unwrap_or(0);
        view.seal_no = book.head().seal_no;
        view.sealed_at_ms = book.last_seal.as_ref().map(|seal| seal.sealed_at_ms);
        view.oldest_unsealed_at_ms = view.oldest_unsealed_at_ms.filter(|_| view.unsealed > 0);
        metrics::gauge!(names::JOURNAL_UNSEALED_ROWS).set(u32::try_from(view.unsealed).unwrap_or(u32::MAX));
    }
}

impl Book {
    fn head(&self) -> ChainHead {
        self.last_seal.as_ref().map_or(ChainHead::GENESIS, Seal::head)
    }
}

impl Actor for AuditWriter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.look(ctx);
        let every = Duration::from_millis(self.desk.tools.settings.look_every_ms);
        ctx.run_interval(every, |writer, ctx| writer.look(ctx));
    }
}

impl Handler<LookNow> for AuditWriter {
    type Result = ();

    /// Rows come in crowds: whoever nudges first makes the rest share the seal.
    fn handle(&mut self, _: LookNow, ctx: &mut Self::Context) {
        if std::mem::replace(&mut self.gathering, true) {
            return;
        }
        let gather = Duration::from_millis(self.desk.tools.settings.gather_ms);
        ctx.run_later(gather, |writer, ctx| {
            writer.gathering = false;
            writer.look(ctx);
        });
    }
}

impl Handler<SealNow> for AuditWriter {
    type Result = ResponseFuture<Result<Checkpoint, SealTrouble>>;

    fn handle(&mut self, _: SealNow, _: &mut Self::Context) -> Self::Result {
        let desk = self.desk.clone();
        Box::pin(async move { desk.seal_everything().await })
    }
}

impl Handler<ShowView> for AuditWriter {
    type Result = ActorView;

    fn handle(&mut self, _: ShowView, _: &mut Self::Context) -> Self::Result {
        ActorView::of(NAME, &*self.desk.view.borrow())
    }
}

impl Handler<Drain> for AuditWriter {
    type Result = ResponseFuture<()>;

    /// It leaves last, with everything that the others wrote under its seal.
    fn handle(&mut self, _: Drain, _: &mut Self::Context) -> Self::Result {
        let (desk, idle) = (self.desk.clone(), self.look.close());
        Box::pin(async move {
            idle.await;
            // What could not be sealed now is sealed after the next start.
            let _ = desk.seal_everything().await;
        })
    }
}
