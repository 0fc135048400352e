//! Sending what is on file: to every node at once, each on a line of its own, so that a slow one keeps nobody waiting but itself
//! (F-N02, F-N23).
//!
//! The answers are advice: they decide what is noted and logged, never whether another transfer may be made. A line that is full
//! takes nothing more: what it left out is on file, and sent again.

use super::{Desk, WorkerTools, switch};
use crate::domain::payout::{Command, Payout, Stage};
use crate::domain::tron::broadcast::{BroadcastCode, ReplyClass};
use crate::domain::tron::{SignedTransfer, TxId};
use crate::ledger::{Filed, OnFile};
use crate::metrics_names;
use crate::ports::{BroadcastReply, ChainFault, ChainNode, Gate};
use crate::rounds::{Held, InHand};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, error, warn};

/// Notes of a broadcast that are written in one transaction.
const NOTES_MAX: usize = 500;

/// One line for each node, and what is to be noted of the sends.
pub(crate) struct Sender {
    lines: Vec<Line>,
    unsent: InHand,
    to_note: RefCell<Vec<(Payout, Held)>>,
    notes: InHand,
    writing: InHand,
}

/// A node's own line: what waits for it, and how many sends to it are under way.
struct Line {
    node: Arc<dyn ChainNode>,
    waiting: RefCell<VecDeque<Rc<Letter>>>,
    /// Whose turn is still to come: nothing waits twice.
    listed: RefCell<BTreeSet<TxId>>,
    under_way: InHand,
}

/// A filed transfer on its way to all nodes.
struct Letter {
    filed: Filed,
    filed_at: Instant,
    /// It was never sent before, as far as anybody knows: a pause keeps it in the house.
    is_first: bool,
    begun: Cell<bool>,
    noted: Cell<bool>,
    /// Counts as unsent until a node has answered, or no line has it any more.
    unsent: RefCell<Option<Held>>,
}

impl Letter {
    fn txid(&self) -> TxId {
        self.filed.transfer.get().txid()
    }
}

impl Sender {
    pub(super) fn new(tools: &WorkerTools) -> Self {
        let line = |node: &Arc<dyn ChainNode>| Line {
            node: node.clone(),
            waiting: RefCell::default(),
            listed: RefCell::default(),
            under_way: InHand::default(),
        };
        Self {
            lines: tools.nodes.iter().map(line).collect(),
            unsent: InHand::default(),
            to_note: RefCell::default(),
            notes: InHand::default(),
            writing: InHand::default(),
        }
    }

    /// Resolves when everything that was handed over has been answered by some node, or given up by all lines, and is noted.
    pub(super) async fn idle(&self) {
        self.unsent.none().await;
        self.notes.none().await;
    }

    /// Transfers that no node has answered yet.
    pub(super) fn unsent(&self) -> usize {
        self.unsent.count()
    }

    /// How many transfers wait for each node.
    pub(super) fn waiting(&self) -> BTreeMap<String, usize> {
        let waiting = |line: &Line| (line.node.name().to_owned(), line.waiting.borrow().len());
        self.lines.iter().map(waiting).collect()
    }

    /// Sends newly filed transfers to every node at once.
    pub(super) fn send_first(&self, desk: &Rc<Desk>, filed: Vec<Filed>) {
        for filed in filed {
            self.post(desk, filed, true);
        }
    }

    /// Sends a transfer again, to every node whose line does not have it anyway. One that no node was ever seen to take may be a
    /// first send.
    pub(super) fn send_again(&self, desk: &Rc<Desk>, filed: Filed) {
        let is_first = filed.payout.stage == Stage::Signed;
        self.post(desk, filed, is_first);
    }

    fn post(&self, desk: &Rc<Desk>, filed: Filed, is_first: bool) {
        let unsent = RefCell::new(Some(self.unsent.take(1)));
        let (begun, noted, filed_at) = (Cell::new(false), Cell::new(false), Instant::now());
        let letter = Rc::new(Letter { filed, filed_at, is_first, begun, noted, unsent });
        for (place, line) in self.lines.iter().enumerate() {
            if line.take(&letter, desk) {
                line.serve(desk, place);
            }
        }
    }

    /// Notes that a transfer may have been taken. Notes are gathered while one transaction is being written.
    fn note(&self, desk: &Rc<Desk>, payout: Payout) {
        self.to_note.borrow_mut().push((payout, self.notes.take(1)));
        if self.writing.count() > 0 {
            return;
        }
        let (desk, writing) = (desk.clone(), self.writing.take(1));
        actix::spawn(async move {
            let _writing = writing;
            loop {
                let batch: Vec<(Payout, Held)> = {
                    let mut waiting = desk.sender.to_note.borrow_mut();
                    let count = waiting.len().min(NOTES_MAX);
                    waiting.drain(..count).collect()
                };
                if batch.is_empty() {
                    return;
                }
                write_notes(&desk, batch).await;
            }
        });
    }
}

impl Line {
    /// Puts a letter in the line. `false`: it has it already, or is full.
    fn take(&self, letter: &Rc<Letter>, desk: &Desk) -> bool {
        if self.listed.borrow().contains(&letter.txid()) {
            return false;
        }
        if self.waiting.borrow().len() >= desk.tools.settings.waiting_per_node_max {
            let node = self.node.name();
            debug!(node, txid = %letter.txid(), "left out: the node's line is full");
            metrics::counter!(metrics_names::SENDS_LEFT_OUT_TOTAL, "node" => node.to_owned()).increment(1);
            let mut view = desk.view.borrow_mut();
            view.sends_left_out = view.sends_left_out.saturating_add(1);
            return false;
        }
        self.listed.borrow_mut().insert(letter.txid());
        self.waiting.borrow_mut().push_back(letter.clone());
        true
    }

    fn next(&self) -> Option<Rc<Letter>> {
        let letter = self.waiting.borrow_mut().pop_front()?;
        self.listed.borrow_mut().remove(&letter.txid());
        Some(letter)
    }

    /// Sends from this line, at most so many at a time.
    fn serve(&self, desk: &Rc<Desk>, place: usize) {
        if self.under_way.count() >= desk.tools.settings.sends_per_node_max {
            return;
        }
        let (desk, under_way) = (desk.clone(), self.under_way.take(1));
        actix::spawn(async move {
            let _under_way = under_way;
            let Some(line) = desk.sender.lines.get(place) else { return };
            while let Some(letter) = line.next() {
                deliver(&desk, line, &letter).await;
            }
        });
    }
}

/// Sends one transfer to one node; it is noted at the first answer that may mean that it was taken.
async fn deliver(desk: &Rc<Desk>, line: &Line, letter: &Letter) {
    if letter.is_first && !switch::lets_pass(desk).await {
        return;
    }
    if letter.is_first && !letter.begun.replace(true) {
        metrics::histogram!(metrics_names::SUBMISSION_QUEUE_DWELL_SECONDS).record(letter.filed_at.elapsed());
    }
    let sent = send_to(desk, line.node.as_ref(), &letter.filed.transfer).await;
    if sent.may_have_it && letter.filed.payout.stage == Stage::Signed && !letter.noted.replace(true) {
        observe_broadcast(desk, &letter.filed.payout);
        desk.sender.note(desk, letter.filed.payout.clone());
    }
    if sent.answered {
        letter.unsent.borrow_mut().take();
    }
}

/// A note that can not be written is no harm: the payout stays signed, is sent again, and noted then.
async fn write_notes(desk: &Desk, batch: Vec<(Payout, Held)>) {
    let nodes = u32::try_from(desk.tools.nodes.len()).unwrap_or(u32::MAX);
    let (payouts, _in_hand): (Vec<Payout>, Vec<Held>) = batch.into_iter().unzip();
    let batch = payouts.into_iter().map(|payout| (payout, Command::NoteBroadcast { nodes })).collect();
    if let Err(fault) = desk.tools.ledger.carry_out(batch, Gate::Open, desk.tools.clock.now_ms()).await {
        warn!(%fault, "broadcasts can not be noted");
    }
}

/// F-P18: from the order's admission to the first node that may have its transfer.
fn observe_broadcast(desk: &Desk, payout: &Payout) {
    let took_ms = desk.tools.clock.now_ms().saturating_sub(payout.created_at_ms);
    let took = Duration::from_millis(u64::try_from(took_ms).unwrap_or(0));
    metrics::histogram!(metrics_names::CREATION_TO_BROADCAST_SECONDS).record(took);
}

/// What came of one send.
struct Sent {
    /// The node may have it now.
    may_have_it: bool,
    /// It said something.
    answered: bool,
}

async fn send_to(desk: &Desk, node: &dyn ChainNode, transfer: &OnFile<SignedTransfer>) -> Sent {
    let began = Instant::now();
    let answer = node.broadcast(transfer).await;
    metrics::histogram!(metrics_names::SUBMIT_SECONDS).record(began.elapsed());
    let mut view = desk.view.borrow_mut();
    match answer {
        Ok(reply) => {
            view.sends_answered = view.sends_answered.saturating_add(1);
            Sent { may_have_it: read_reply(node, transfer, &reply), answered: true }
        }
        // It never left: the breaker kept it in the house.
        Err(ChainFault::BreakerOpen { .. }) => Sent { may_have_it: false, answered: false },
        Err(fault) => {
            view.sends_unanswered = view.sends_unanswered.saturating_add(1);
            debug!(node = node.name(), txid = %transfer.get().txid(), %fault, "sent, and no answer that says anything");
            Sent { may_have_it: true, answered: false }
        }
    }
}

fn read_reply(node: &dyn ChainNode, transfer: &OnFile<SignedTransfer>, reply: &BroadcastReply) -> bool {
    let (node, txid, code) = (node.name(), transfer.get().txid(), reply.code);
    metrics::counter!(metrics_names::BROADCAST_REPLIES_TOTAL, "node" => node.to_owned(), "code" => code.name()).increment(1);
    match code.class() {
        ReplyClass::Taken | ReplyClass::Maybe => true,
        ReplyClass::Refused
            if code == BroadcastCode::SigError || code == BroadcastCode::TooBigTransactionError =>
        {
            error!(node, %txid, code = code.name(), message = reply.message, "a node refuses our bytes for what they are");
            false
        }
        ReplyClass::Refused => {
            warn!(node, %txid, code = code.name(), message = reply.message, "a node did not take it");
            false
        }
    }
}
