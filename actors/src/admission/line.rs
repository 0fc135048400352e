//! The line before the store: requests wait in it, and many share one transaction.
//!
//! Promises: at most so many payouts wait (F-P24); a batch has a transaction of its own; what was let in is counted until it is
//! answered.

use super::intake::Answer;
use crate::metrics_names as names;
use crate::ports::NewPayout;
use crate::rounds::{Held, InHand};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A request in line.
pub(super) struct Waiting {
    pub(super) payouts: Vec<NewPayout>,
    pub(super) batch: bool,
    pub(super) since: Instant,
    pub(super) answer: oneshot::Sender<Answer>,
    /// Its payouts are in hand until it is answered.
    _held: Held,
}

/// The line before the store.
pub(super) struct Line {
    waiting_max: usize,
    batch_max: usize,
    requests: RefCell<VecDeque<Waiting>>,
    in_hand: InHand,
    open: Cell<bool>,
    last_transaction_ms: Cell<i64>,
}

/// The least and the most that a busy house asks somebody to stay away, ms.
const RETRY_AFTER_MS: (i64, i64) = (250, 10_000);

impl Line {
    pub(super) fn new(waiting_max: usize, batch_max: usize) -> Self {
        let (requests, in_hand, open) = (RefCell::default(), InHand::default(), Cell::new(true));
        Self { waiting_max, batch_max, requests, in_hand, open, last_transaction_ms: Cell::new(0) }
    }

    /// Payouts in line and in the transaction that is under way.
    pub(super) fn waiting(&self) -> usize {
        self.in_hand.count()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.get()
    }

    /// Takes no more requests; resolves when every one that was taken has its answer.
    pub(super) fn close(&self) -> impl Future<Output = ()> + 'static {
        self.open.set(false);
        self.in_hand.none()
    }

    pub(super) fn has_room_for(&self, payouts: usize) -> bool {
        // A request that is larger than the whole line is taken when nobody waits: it would never be taken otherwise.
        self.open.get() && (self.waiting() == 0 || self.waiting().saturating_add(payouts) <= self.waiting_max)
    }

    /// When the line will have moved on, by how long the last transaction took.
    pub(super) fn retry_after_ms(&self) -> i64 {
        let transactions = self.waiting() / self.batch_max.max(1) + 1;
        let wait =
            self.last_transaction_ms.get().saturating_mul(i64::try_from(transactions).unwrap_or(i64::MAX));
        wait.clamp(RETRY_AFTER_MS.0, RETRY_AFTER_MS.1)
    }

    /// How long the last transaction took.
    pub(super) fn note_took(&self, took: Duration) {
        self.last_transaction_ms.set(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
    }

    pub(super) fn push(&self, payouts: Vec<NewPayout>, batch: bool) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let held = self.in_hand.take(payouts.len());
        self.requests.borrow_mut().push_back(Waiting {
            payouts,
            batch,
            since: Instant::now(),
            answer,
            _held: held,
        });
        self.show_waiting();
        answered
    }

    pub(super) fn show_waiting(&self) {
        metrics::gauge!(names::ADMISSION_WAITING_PAYOUTS)
            .set(u32::try_from(self.waiting()).unwrap_or(u32::MAX));
    }

    /// The requests of the next transaction: singles together, a batch by itself.
    pub(super) fn next_group(&self) -> Vec<Waiting> {
        let mut line = self.requests.borrow_mut();
        let Some(first) = line.pop_front() else { return Vec::new() };
        let (alone, mut payouts) = (first.batch, first.payouts.len());
        let mut group = vec![first];
        while !alone
            && line.front().is_some_and(|next| !next.batch && payouts + next.payouts.len() <= self.batch_max)
        {
            let Some(next) = line.pop_front() else { break };
            payouts += next.payouts.len();
            group.push(next);
        }
        group
    }
}
