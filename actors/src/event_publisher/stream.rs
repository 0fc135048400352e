//! The journal, read as the stream of events that it is.

use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::journal::JournalRecord;
use crate::domain::order::Order;
use crate::domain::outbox::{Ordered, OutboxEvent, Told};
use crate::domain::payout::EventName;
use crate::domain::tron::TxId;
use crate::ports::{Journal, Payouts, StoreFault};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Payouts whose orders are kept in memory at most, so that their later events need no reading. Twice as many may stand there
/// for a moment.
pub const KNOWN_MAX: usize = 20_000;

/// The stream. Whoever reads on in order reads each payout's order once.
pub struct EventStream {
    journal: Arc<dyn Journal>,
    payouts: Arc<dyn Payouts>,
    known: Known,
}

/// What is known of payouts that something happened to lately: two generations, the older of which passes away whole.
#[derive(Default)]
struct Known {
    young: BTreeMap<PayoutId, Told>,
    old: BTreeMap<PayoutId, Told>,
}

/// Events with which a payout may begin.
const BIRTHS: [EventName; 2] = [EventName::PayoutAdmitted, EventName::PayoutHeld];
/// Events that name the transfer that counts from then on.
const SIGNINGS: [EventName; 2] = [EventName::TransferSigned, EventName::TransferAdopted];

/// What a payout's first row holds of its order.
#[derive(Deserialize)]
struct Birth {
    account: AccountId,
    idempotency_key: String,
    order: Order,
}

/// The transfer that a row speaks of.
#[derive(Deserialize)]
struct Signed {
    transfer: SignedTransfer,
}

#[derive(Deserialize)]
struct SignedTransfer {
    txid: TxId,
}

impl EventStream {
    /// The stream of a store.
    #[must_use]
    pub fn of(journal: Arc<dyn Journal>, payouts: Arc<dyn Payouts>) -> Self {
        Self { journal, payouts, known: Known::default() }
    }

    /// The events after a sequence number, in order, at most so many.
    ///
    /// # Errors
    /// When the store does not answer, or holds a row that is no event.
    pub async fn after(&mut self, sequence: i64, limit: u32) -> Result<Vec<OutboxEvent>, StoreFault> {
        let rows = self.journal.records(sequence.saturating_add(1), limit).await?;
        self.read_unknown(&rows).await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            let payout = row.payout_id.as_deref().and_then(|id| id.parse().ok());
            if let Some(id) = payout {
                self.known.note(id, row);
            }
            let told = payout.and_then(|id| self.known.get(&id));
            events.push(OutboxEvent::of(row, told).map_err(|why| StoreFault::Corrupt(why.to_string()))?);
        }
        Ok(events)
    }

    /// The last sequence number there is.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn last(&self) -> Result<i64, StoreFault> {
        self.journal.last_seq().await
    }

    /// Reads the payouts of these rows that are not known, all at once. Those that are born among them bring their order along.
    async fn read_unknown(&mut self, rows: &[JournalRecord]) -> Result<(), StoreFault> {
        self.known.make_room();
        let mut first_seen: BTreeMap<PayoutId, i64> = BTreeMap::new();
        for row in rows {
            let Some(id) = row.payout_id.as_deref().and_then(|id| id.parse().ok()) else { continue };
            if self.known.get(&id).is_none() && !self.known.learn_birth(id, row) {
                first_seen.entry(id).or_insert(row.at_ms);
            }
        }
        if first_seen.is_empty() {
            return Ok(());
        }
        let ids: Vec<PayoutId> = first_seen.keys().copied().collect();
        for payout in self.payouts.find_many(&ids).await? {
            let at_ms = first_seen.get(&payout.id).copied().unwrap_or(i64::MIN);
            self.known.young.insert(payout.id, Told::at(&payout, at_ms));
        }
        Ok(())
    }
}

impl Known {
    fn get(&self, id: &PayoutId) -> Option<&Told> {
        self.young.get(id).or_else(|| self.old.get(id))
    }

    fn make_room(&mut self) {
        if self.young.len() >= KNOWN_MAX {
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// A payout's first row holds its order. `false`: this is another one.
    fn learn_birth(&mut self, id: PayoutId, row: &JournalRecord) -> bool {
        if !BIRTHS.map(EventName::word).contains(&row.kind.as_ref()) {
            return false;
        }
        let Ok(Birth { account, idempotency_key, order }) = row.body.read() else { return false };
        let idempotency_key = IdempotencyKey::restored(idempotency_key);
        let ordered = Ordered { id, account, idempotency_key, order };
        self.young.insert(id, Told { ordered, txid: None });
        true
    }

    /// A row that speaks of a transfer names the one that counts from then on.
    fn note(&mut self, id: PayoutId, row: &JournalRecord) {
        if !SIGNINGS.map(EventName::word).contains(&row.kind.as_ref()) {
            return;
        }
        let Ok(Signed { transfer }) = row.body.read() else { return };
        let Some(mut told) = self.young.remove(&id).or_else(|| self.old.remove(&id)) else { return };
        told.txid = Some(transfer.txid);
        self.young.insert(id, told);
    }
}
