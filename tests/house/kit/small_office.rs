//! A small office for stories about the door: it keeps payouts in a map, judges orders by the house's own policy, and breaks
//! in whatever way a story wants.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use async_trait::async_trait;
use payoutd::http::office::{
    Component, EventPage, Fault, Health, JournalKeyView, NotAdmitted, NotDecided, Office, STORE, Shown,
    Stats, Switches,
};
use payoutd_actors::{
    admission::{AdmissionRefusal, AdmitPayouts, DecidePayout, Decision, DecisionRefusal},
    confirmation_watcher::{Check, Verification},
    domain::{
        access::Reached,
        address::Address,
        identity::{AccountId, IdempotencyKey, PayoutId},
        journal::{Body, Cause, Checkpoint, JournalDraft, JournalRecord},
        limits::{LimitBook, LimitRules, OnExcess},
        money::MicroUsdt,
        order::{HousePolicy, Order, OrderProblem},
        outbox::OutboxEvent,
        payout::{Command, Payout, Reason, Reservation, Stage, apply, decide},
    },
    fakes::{place_in_journal, search_journal},
    guardian::ActorView,
    ports::{Admitted, InFlight, JournalSearch, Pause, PayoutFilter, RestoreGate, StageCount},
    treasurer::WalletView,
};
use sha2::{Digest, Sha256};

/// The paying wallet.
pub(crate) const WALLET: Address = Address::from_evm([0x11; 20]);
/// The token contract.
pub(crate) const TOKEN: Address = Address::from_evm([0x22; 20]);
/// The router without papers.
pub(crate) const ROUTER: Address = Address::from_evm([0x33; 20]);
/// Somebody who is paid.
pub(crate) const ALICE: Address = Address::from_evm([0xa1; 20]);

/// How long its journal is.
pub(crate) const JOURNAL: i64 = 25_000;
/// So many rows apart somebody must hear of something.
pub(crate) const ALARM_EVERY: i64 = 1_000;

/// Its journal, unless a story has another.
static ROWS: LazyLock<Arc<Vec<JournalRecord>>> =
    LazyLock::new(|| Arc::new((1..=JOURNAL).map(journal_row).collect()));

/// A row of its journal: one each second.
fn journal_row(seq: i64) -> JournalRecord {
    let kind = if seq % ALARM_EVERY == 0 { "alarm_foreign_chain" } else { "payout_settled" };
    let body = Body::from_value(&serde_json::json!({ "by": format!("somebody-{}", seq % 10_000) })).unwrap();
    JournalDraft::new(NOW_MS + seq * 1_000, kind, body).into_record(seq)
}

/// The small office.
#[derive(Default)]
pub(crate) struct SmallOffice {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    payouts: Vec<Payout>,
    switches: Switches,
    broken: Option<Fault>,
    /// The order with this key is not answered.
    stuck: Option<String>,
    sources_away: bool,
    journal: Option<Arc<Vec<JournalRecord>>>,
    rows_read: i64,
}

const NOW_MS: i64 = 1_790_000_000_000;
/// How much has happened here.
pub(crate) const EVENTS: i64 = 250;

impl SmallOffice {
    /// Rows of the journal that were read since this was asked last.
    pub(crate) fn rows_read(&self) -> i64 {
        std::mem::take(&mut self.inner().rows_read)
    }

    /// From now on this is its journal.
    pub(crate) fn remembers(&self, journal: Vec<JournalRecord>) {
        self.inner().journal = Some(Arc::new(journal));
    }

    fn journal(&self) -> Result<Arc<Vec<JournalRecord>>, Fault> {
        Ok(self.whole()?.journal.as_ref().unwrap_or(&ROWS).clone())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// How many payouts were taken in.
    pub(crate) fn taken(&self) -> usize {
        self.inner().payouts.len()
    }

    /// Whose payouts were taken in, in their order.
    pub(crate) fn accounts(&self) -> Vec<String> {
        self.inner().payouts.iter().map(|payout| payout.account.to_string()).collect()
    }

    /// From now on nothing but this is answered.
    pub(crate) fn breaks(&self, fault: Option<Fault>) {
        self.inner().broken = fault;
    }

    /// From now on the order with this key alone can not be taken in.
    pub(crate) fn sticks_at(&self, key: &str) {
        self.inner().stuck = Some(key.to_owned());
    }

    /// Whether the sources that a verification asks are away.
    pub(crate) fn sources_are_away(&self, away: bool) {
        self.inner().sources_away = away;
    }

    /// Somebody has put an older copy of the store back.
    pub(crate) fn restore_gate(&self, gate: Option<RestoreGate>) {
        self.inner().switches.restore_gate = gate;
    }

    /// Puts a payout where a story wants it.
    pub(crate) fn put(&self, id: &str, stage: Stage, reason: Option<Reason>) {
        let mut inner = self.inner();
        let payout = inner.payouts.iter_mut().find(|payout| payout.id.to_string() == id).unwrap();
        (payout.stage, payout.reason) = (stage, reason);
    }

    fn whole(&self) -> Result<MutexGuard<'_, Inner>, Fault> {
        let inner = self.inner();
        match &inner.broken {
            Some(fault) => Err(fault.clone()),
            None => Ok(inner),
        }
    }
}

/// What this house pays.
pub(crate) fn policy() -> HousePolicy {
    HousePolicy {
        wallet: WALLET,
        token: TOKEN,
        router_v0: Some(ROUTER),
        router_kyc: None,
        kyc_officer: None,
        per_payout: MicroUsdt::new(500_000_000_000),
    }
}

fn payout(account: &AccountId, key: IdempotencyKey, digest: [u8; 32], order: Order, number: usize) -> Payout {
    let number = u16::try_from(number).unwrap().to_be_bytes();
    let id = PayoutId::new(NOW_MS, [0, number[0], number[1], 0, 0, 0, 0, 0, 0, 0]);
    Payout {
        id,
        account: account.clone(),
        ordered_by: None,
        idempotency_key: key,
        request_digest: digest,
        order,
        order_digest: [0; 32],
        stage: Stage::Admitted,
        reason: None,
        reservation: Reservation::Reserved,
        attempts: Vec::new(),
        version: 1,
        created_at_ms: NOW_MS,
        updated_at_ms: NOW_MS,
        settled_at_ms: None,
    }
}

fn refusals(orders: &[Order]) -> Vec<(usize, OrderProblem)> {
    let of =
        |(place, order)| policy().refusals(order, NOW_MS).into_iter().map(move |problem| (place, problem));
    orders.iter().enumerate().flat_map(of).collect()
}

#[async_trait]
impl Office for SmallOffice {
    async fn review(&self, orders: Vec<Order>) -> Result<Vec<(usize, OrderProblem)>, Fault> {
        drop(self.whole()?);
        Ok(refusals(&orders))
    }

    async fn admit(&self, request: AdmitPayouts) -> Result<Vec<Admitted>, NotAdmitted> {
        let mut inner = self.whole().map_err(NotAdmitted::Fault)?;
        if inner.stuck.as_deref() == Some(request.key.as_str()) {
            return Err(NotAdmitted::Fault(Fault::Busy { retry_after_ms: 1_000 }));
        }
        let refusals = refusals(&request.orders);
        if !refusals.is_empty() {
            return Err(NotAdmitted::Refused(AdmissionRefusal::Invalid(refusals)));
        }
        let digest: [u8; 32] =
            Sha256::digest(serde_json::to_vec(&(request.batch, &request.orders)).unwrap()).into();
        let known: Vec<_> = inner
            .payouts
            .iter()
            .filter(|payout| payout.idempotency_key == request.key && payout.account == request.account)
            .cloned()
            .collect();
        if let Some(first) = known.first() {
            if first.request_digest != digest {
                return Err(NotAdmitted::Refused(AdmissionRefusal::KeyReused { existing: first.id }));
            }
            return Ok(known.into_iter().map(Admitted::Repeated).collect());
        }
        let mut admitted = Vec::new();
        for order in request.orders {
            let new = payout(&request.account, request.key.clone(), digest, order, inner.payouts.len());
            inner.payouts.push(new.clone());
            admitted.push(Admitted::New(new));
        }
        Ok(admitted)
    }

    async fn find(&self, whose: &Reached, id: PayoutId) -> Result<Option<Shown>, Fault> {
        let inner = self.whole()?;
        let found = inner.payouts.iter().find(|payout| payout.id == id && whose.has(&payout.account));
        Ok(found.map(|payout| Shown { payout: payout.clone(), proof: None }))
    }

    async fn list(&self, filter: &PayoutFilter, limit: u32) -> Result<Vec<Payout>, Fault> {
        let inner = self.whole()?;
        let wanted = |payout: &&Payout| {
            filter.whose.has(&payout.account)
                && filter.stage.is_none_or(|stage| payout.stage == stage)
                && filter.recipient.is_none_or(|recipient| payout.order.recipient == recipient)
                && (filter.reference.is_none() || payout.order.reference == filter.reference)
                && filter.before.is_none_or(|before| payout.id < before)
        };
        let newest_first = inner.payouts.iter().rev().filter(wanted);
        Ok(newest_first.take(usize::try_from(limit).unwrap()).cloned().collect())
    }

    async fn decide(&self, request: DecidePayout) -> Result<Payout, NotDecided> {
        let mut inner = self.whole().map_err(NotDecided::Fault)?;
        let is_theirs = |payout: &Payout| request.whose.has(&payout.account);
        let mut payouts = inner.payouts.iter_mut();
        let Some(payout) = payouts.find(|payout| payout.id == request.id && is_theirs(payout)) else {
            return Err(NotDecided::Refused(DecisionRefusal::Unknown));
        };
        let command = match request.decision {
            Decision::Cancel => Command::Cancel(Reason::CancelledBySender),
            Decision::Release { by } => Command::Release { by },
            Decision::Reject { note } => Command::Reject { note },
            Decision::Resolve { paid, note } => Command::Resolve { paid, note },
        };
        match decide(payout, command, NOW_MS) {
            Ok(event) => {
                *payout = apply(payout.clone(), &event, NOW_MS).unwrap();
                Ok(payout.clone())
            }
            Err(refusal) => {
                let payout = Box::new(payout.clone());
                Err(NotDecided::Refused(DecisionRefusal::Refused { refusal, payout }))
            }
        }
    }

    async fn verify(&self, whose: &Reached, id: PayoutId) -> Result<Option<Verification>, Fault> {
        let Some(shown) = self.find(whose, id).await? else { return Ok(None) };
        if self.inner().sources_away {
            return Err(Fault::Away {
                who: "every source that could verify it".to_owned(),
                retry_after_ms: 12_345,
            });
        }
        let check = Check { check: "transaction_found", source: "node a".to_owned(), holds: Some(false) };
        Ok(Some(Verification {
            verified: false,
            payout_id: id,
            stage: shown.payout.stage.word(),
            txid: None,
            block_number: None,
            confirmations: 0,
            confirmations_wanted: 19,
            checks: vec![check],
        }))
    }

    async fn stats(&self) -> Result<Stats, Fault> {
        let inner = self.whole()?;
        let mut stats = Stats { at_ms: NOW_MS, switches: inner.switches.clone(), ..Stats::default() };
        for payout in &inner.payouts {
            let count: &mut StageCount = stats.stages.entry(payout.stage).or_default();
            count.payouts += 1;
            count.amount_micro_usdt += payout.order.amount.micro();
            count.oldest_updated_at_ms = Some(payout.updated_at_ms);
        }
        stats.in_flight = InFlight {
            transfers: 1,
            amount_micro_usdt: 2_500_000,
            fee_limit_sun: 30_000_000,
            spent_micro_usdt: 0,
        };
        let cap = MicroUsdt::new(1_000_000_000);
        let on_excess = OnExcess::Hold;
        let rules =
            LimitRules { hourly: cap, daily: cap, account_hourly: cap, account_daily: cap, on_excess };
        stats.limits = Some((LimitBook::default(), rules));
        Ok(stats)
    }

    async fn wallet(&self) -> Result<WalletView, Fault> {
        drop(self.whole()?);
        // Nobody has looked at the chain yet.
        Ok(WalletView {
            address: WALLET.to_string(),
            reserved_usdt: "2.5".to_owned(),
            ..WalletView::default()
        })
    }

    async fn actors(&self) -> Vec<ActorView> {
        vec![ActorView::of("admission", &serde_json::json!({ "waiting": 0 }))]
    }

    async fn pause(&self, reason: String, _: Cause) -> Result<Switches, Fault> {
        let mut inner = self.whole()?;
        inner.switches.pause = Some(Pause { reason, since_ms: NOW_MS });
        Ok(inner.switches.clone())
    }

    async fn resume(&self, _: String, _: Cause) -> Result<Switches, Fault> {
        let mut inner = self.whole()?;
        inner.switches.pause = None;
        Ok(inner.switches.clone())
    }

    async fn journal_key(&self) -> Result<JournalKeyView, Fault> {
        drop(self.whole()?);
        Ok(JournalKeyView { key_id: "k1".to_owned(), public_key: "ab".repeat(32) })
    }

    async fn events(&self, after: i64, limit: u32) -> Result<EventPage, Fault> {
        drop(self.whole()?);
        let row = |seq| JournalDraft::new(NOW_MS, "house_paused", Body::empty()).into_record(seq);
        let told = (after + 1..=EVENTS).take(usize::try_from(limit).unwrap());
        let events = told.map(|seq| OutboxEvent::of(&row(seq), None).unwrap()).collect();
        Ok(EventPage { store_id: "small".to_owned(), events, last_sequence: EVENTS })
    }

    async fn journal_search(&self, search: &JournalSearch) -> Result<Vec<JournalRecord>, Fault> {
        let found = search_journal(&self.journal()?, search);
        let full = found.len() == usize::try_from(search.limit).unwrap();
        let read_to = found.last().filter(|_| full).map_or(search.first, |row| row.seq);
        self.inner().rows_read += (search.before - read_to).max(0);
        Ok(found)
    }

    async fn journal_place_behind(&self, at_ms: i64) -> Result<i64, Fault> {
        Ok(place_in_journal(&self.journal()?, at_ms))
    }

    async fn checkpoint(&self) -> Result<Option<Checkpoint>, Fault> {
        drop(self.whole()?);
        Ok(None)
    }

    async fn components(&self) -> Vec<Component> {
        let store = match &self.inner().broken {
            Some(_) => Health::Down,
            None => Health::Up,
        };
        let away = Component {
            name: "node a".to_owned(),
            health: Health::Down,
            detail: Some("its circuit breaker is open".to_owned()),
        };
        vec![Component { name: STORE.to_owned(), health: store, detail: None }, away]
    }
}
