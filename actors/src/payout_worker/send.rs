//! Sending what is on file: to every node at once, and again until it is seen or dead (F-N02, F-N23).
//!
//! The answers are advice: they decide what is noted and logged, never whether another transfer may be made.

use super::{Desk, WorkerTools};
use crate::domain::payout::{Command, Payout};
use crate::domain::tron::SignedTransfer;
use crate::domain::tron::broadcast::{BroadcastCode, ReplyClass};
use crate::ledger::{Filed, OnFile};
use crate::metrics_names;
use crate::ports::{BroadcastReply, ChainFault, ChainNode, Gate, LiveTransfer, View};
use crate::rounds::Found;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{debug, error, warn};

/// Notes of a broadcast that are written in one transaction.
const NOTES_MAX: usize = 200;

/// How often a leaving worker looks whether everything is sent.
const IDLE_LOOK: Duration = Duration::from_millis(10);

/// Sends to each node with its own bound, and gathers what is to be noted.
pub(crate) struct Sender {
    per_node: Vec<Arc<Semaphore>>,
    unsent: Cell<usize>,
    to_note: RefCell<Vec<Payout>>,
    noting: Cell<bool>,
}

impl Sender {
    pub(super) fn new(tools: &WorkerTools) -> Self {
        let bound = tools.settings.sends_per_node_max;
        let per_node = tools.nodes.iter().map(|_| Arc::new(Semaphore::new(bound))).collect();
        Self { per_node, unsent: Cell::new(0), to_note: RefCell::default(), noting: Cell::new(false) }
    }

    /// Resolves when everything that was handed over is sent and noted.
    pub(super) async fn idle(&self) {
        while self.unsent() > 0 || self.noting.get() {
            tokio::time::sleep(IDLE_LOOK).await;
        }
    }

    pub(super) fn unsent(&self) -> usize {
        self.unsent.get()
    }

    /// Sends newly filed transfers to every node at once.
    pub(super) fn send_first(&self, desk: &Rc<Desk>, filed: Vec<Filed>) {
        for filed in filed {
            self.unsent.set(self.unsent.get() + 1);
            let (desk, filed_at) = (desk.clone(), Instant::now());
            actix::spawn(async move {
                send_to_all(&desk, filed, filed_at).await;
                let sender = &desk.sender;
                sender.unsent.set(sender.unsent.get().saturating_sub(1));
            });
        }
    }

    /// Notes that a transfer may have been taken. Notes are gathered while one transaction is being written.
    fn note(&self, desk: &Rc<Desk>, payout: Payout) {
        self.to_note.borrow_mut().push(payout);
        if self.noting.replace(true) {
            return;
        }
        let desk = desk.clone();
        actix::spawn(async move {
            loop {
                let batch: Vec<Payout> = {
                    let mut waiting = desk.sender.to_note.borrow_mut();
                    let count = waiting.len().min(NOTES_MAX);
                    waiting.drain(..count).collect()
                };
                if batch.is_empty() {
                    break;
                }
                write_notes(&desk, batch).await;
            }
            desk.sender.noting.set(false);
        });
    }
}

/// A note that can not be written is no harm: the payout stays signed, is sent again, and noted then.
async fn write_notes(desk: &Desk, batch: Vec<Payout>) {
    let nodes = u32::try_from(desk.tools.nodes.len()).unwrap_or(u32::MAX);
    let batch = batch.into_iter().map(|payout| (payout, Command::NoteBroadcast { nodes })).collect();
    if let Err(fault) = desk.tools.ledger.carry_out(batch, Gate::Open, desk.tools.clock.now_ms()).await {
        warn!(%fault, "broadcasts can not be noted");
    }
}

/// Sends one transfer to all nodes at once; it is noted at the first answer that may mean that it was taken.
async fn send_to_all(desk: &Rc<Desk>, filed: Filed, filed_at: Instant) {
    let filed = Rc::new(filed);
    let (begun, noted) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let sends = desk.tools.nodes.iter().zip(&desk.sender.per_node).map(|(node, bound)| {
        let (desk, filed, noted, node, bound) =
            (desk.clone(), filed.clone(), noted.clone(), node.clone(), bound.clone());
        let begun = begun.clone();
        async move {
            let Ok(_permit) = bound.acquire_owned().await else { return };
            // The last moment at which a pause can still keep this transfer in the house.
            if desk.switch.is_pulled() {
                return;
            }
            if !begun.replace(true) {
                metrics::histogram!(metrics_names::SUBMISSION_QUEUE_DWELL_SECONDS).record(filed_at.elapsed());
            }
            let may_have_it = send_to(&desk, node.as_ref(), &filed.transfer).await;
            if may_have_it && !noted.replace(true) {
                observe_broadcast(&desk, &filed.payout);
                desk.sender.note(&desk, filed.payout.clone());
            }
        }
    });
    futures_util::future::join_all(sends).await;
}

/// F-P18: from the order's admission to the first node that may have its transfer.
fn observe_broadcast(desk: &Desk, payout: &Payout) {
    let took_ms = desk.tools.clock.now_ms().saturating_sub(payout.created_at_ms);
    let took = Duration::from_millis(u64::try_from(took_ms).unwrap_or(0));
    metrics::histogram!(metrics_names::CREATION_TO_BROADCAST_SECONDS).record(took);
}

/// Sends to one node. `true`: the node may have it now.
async fn send_to(desk: &Desk, node: &dyn ChainNode, transfer: &OnFile<SignedTransfer>) -> bool {
    let began = Instant::now();
    let answer = node.broadcast(transfer).await;
    metrics::histogram!(metrics_names::SUBMIT_SECONDS).record(began.elapsed());
    let mut view = desk.view.borrow_mut();
    match answer {
        Ok(reply) => {
            view.sends_answered = view.sends_answered.saturating_add(1);
            read_reply(node, transfer, &reply)
        }
        // It never left: the breaker kept it in the house.
        Err(ChainFault::BreakerOpen { .. }) => false,
        Err(fault) => {
            view.sends_unanswered = view.sends_unanswered.saturating_add(1);
            debug!(node = node.name(), txid = %transfer.get().txid(), %fault, "sent, and no answer that says anything");
            true
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

/// Sends again what is on file, unseen and not expired: each transfer after a look for it in the head view of each node.
pub(super) async fn resend(desk: Rc<Desk>) -> Found {
    let Some(sight) = *desk.tools.sight.borrow() else { return Found::Nothing };
    desk.has_resent.set(true);
    let (head_ms, settings) = (sight.head.timestamp_ms, &desk.tools.settings);
    let signed_until_ms =
        desk.tools.clock.now_ms().saturating_sub(i64::try_from(settings.resend_every_ms / 2).unwrap_or(0));
    let mut after = None;
    loop {
        let page =
            match desk.tools.ledger.payouts().unincluded(head_ms, after, settings.resend_batch_max).await {
                Ok(page) => page,
                Err(fault) => {
                    warn!(%fault, "what is to be sent again can not be read");
                    return Found::Nothing;
                }
            };
        let Some(last) = page.last() else { return Found::Nothing };
        after = Some(last.payout_id);
        let full = page.len() >= settings.resend_batch_max as usize;
        let due: Vec<LiveTransfer> =
            page.into_iter().filter(|live| live.signed_at_ms <= signed_until_ms).collect();
        resend_page(&desk, due).await;
        if !full {
            return Found::Nothing;
        }
    }
}

async fn resend_page(desk: &Rc<Desk>, due: Vec<LiveTransfer>) {
    let ids: Vec<_> = due.iter().map(|live| live.payout_id).collect();
    if ids.is_empty() {
        return;
    }
    let filed = match desk.tools.ledger.on_file(&ids).await {
        Ok(filed) => filed,
        Err(fault) => return warn!(%fault, "what is on file can not be read"),
    };
    let sends = filed.into_iter().map(|filed| resend_one(desk, filed));
    futures_util::future::join_all(sends).await;
}

/// A transfer that no node has ever been seen to take is a first send, which a pause forbids; any other goes out again.
async fn resend_one(desk: &Rc<Desk>, filed: Filed) {
    if seen_anywhere(desk, &filed).await {
        return;
    }
    let first = filed.payout.stage == crate::domain::payout::Stage::Signed;
    let noted = Rc::new(Cell::new(false));
    let sends = desk.tools.nodes.iter().zip(&desk.sender.per_node).map(|(node, bound)| {
        let (filed, noted) = (&filed, noted.clone());
        async move {
            let Ok(_permit) = bound.clone().acquire_owned().await else { return };
            if first && desk.switch.is_pulled() {
                return;
            }
            if send_to(desk, node.as_ref(), &filed.transfer).await && first && !noted.replace(true) {
                desk.sender.note(desk, filed.payout.clone());
            }
        }
    });
    futures_util::future::join_all(sends).await;
}

/// Defence in depth (a network was seen to execute the same bytes six times): what stands in a block is never sent again.
async fn seen_anywhere(desk: &Desk, filed: &Filed) -> bool {
    let txid = filed.transfer.get().txid();
    for node in &desk.tools.nodes {
        if let Ok(Some(_)) = node.transaction_info(View::Head, &txid).await {
            return true;
        }
    }
    false
}
