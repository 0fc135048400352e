//! The intake: requests are checked, wait in [`super::line`], and are written many at a time.

use super::digest::request_digests;
use super::line::Waiting;
use super::{Desk, again};
use crate::domain::access::Orderer;
use crate::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use crate::domain::journal::Cause;
use crate::domain::limits::{LimitBroken, OnExcess};
use crate::domain::order::{HousePolicy, Order, OrderProblem};
use crate::domain::payout::{EventName, Payout, Reason, Reservation, Stage, order_digest};
use crate::metrics_names as names;
use crate::ports::{Admitted, NewPayout, StoreFault};
use crate::rounds::Found;
use actix::{Message, ResponseFuture};
use std::rc::Rc;
use thiserror::Error;
use tokio::time::Instant;
use tracing::warn;

/// Asks Admission to take in one order, or a batch of them.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<Admitted>, AdmissionRefusal>")]
pub struct AdmitPayouts {
    /// Whose money it is: the scope of the key.
    pub account: AccountId,
    /// Who orders, for the limits of principals and roles.
    pub ordered_by: Orderer,
    /// The sender's name for the request (F-P01).
    pub key: IdempotencyKey,
    /// The orders; one, unless it is a batch.
    pub orders: Vec<Order>,
    /// Whether it is a batch: taken whole or not at all, and answered in its order. A batch of one is still a batch.
    pub batch: bool,
    /// In which request, or by which job, for the journal.
    pub cause: Cause,
}

/// Asks what the house would refuse of these orders, by their place. Nothing is taken in.
#[derive(Debug, Message)]
#[rtype(result = "Vec<(usize, OrderProblem)>")]
pub struct ReviewOrders(pub Vec<Order>);

/// Why a request was not taken in. Nothing of it was written.
#[derive(Debug, Clone, Error)]
pub enum AdmissionRefusal {
    /// The house does not pay these; each with its place in the request.
    #[error("{} of the orders can not be paid", .0.len())]
    Invalid(Vec<(usize, OrderProblem)>),
    /// The key was used for another request before.
    #[error("the idempotency key was used for another request: payout {existing}")]
    KeyReused {
        /// What it made then.
        existing: PayoutId,
    },
    /// A limit has no room, and the house refuses what is in excess: the same key may come again.
    #[error("{} has no room for the order", Reason::from(*.broken).word())]
    OverLimit {
        /// The order's place in the request.
        place: usize,
        /// The limit.
        broken: LimitBroken,
    },
    /// As many payouts as may wait are waiting, or the house closes: come back with the same key.
    #[error("no more orders are taken for now")]
    Busy {
        /// When it may be worth it, ms.
        retry_after_ms: i64,
    },
    /// The store did not do it: come back with the same key.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

pub(super) type Answer = Result<Vec<Admitted>, AdmissionRefusal>;

/// Checks a request and puts it in line; the answer resolves with its transaction.
pub(super) fn take(desk: &Rc<Desk>, request: AdmitPayouts) -> ResponseFuture<Answer> {
    let prepared = match prepare(desk, &request) {
        Ok(prepared) => prepared,
        Err(fault) => return refuse(desk, fault.into(), "store_fault"),
    };
    if !prepared.problems.is_empty() {
        return Box::pin(first_answer(desk.clone(), prepared, request.batch));
    }
    if !desk.line.has_room_for(prepared.payouts.len()) {
        return refuse(desk, AdmissionRefusal::Busy { retry_after_ms: desk.line.retry_after_ms() }, "busy");
    }
    let answered = desk.line.push(prepared.payouts, request.batch);
    let lost = || AdmissionRefusal::Store(StoreFault::Away("admission was interrupted".to_owned()));
    Box::pin(async move { answered.await.unwrap_or_else(|_| Err(lost())) })
}

fn refuse(desk: &Desk, refusal: AdmissionRefusal, outcome: &'static str) -> ResponseFuture<Answer> {
    count_refusal(desk, outcome);
    Box::pin(std::future::ready(Err(refusal)))
}

fn count_refusal(desk: &Desk, outcome: &'static str) {
    desk.view.borrow_mut().refused += 1;
    metrics::counter!(names::ADMISSIONS_TOTAL, "outcome" => outcome).increment(1);
}

/// What can not be paid any more may have been taken in when it still could be: a repeated key gets its first answer
/// (F-P01), whatever the clock and the policy say by now, and whether or not this store remembers it.
async fn first_answer(desk: Rc<Desk>, prepared: Prepared, batch: bool) -> Answer {
    if let Some(answer) = answer_on_file(&desk, &prepared).await? {
        return answer;
    }
    if prepared.payouts.iter().any(|new| HousePolicy::is_never_payable(&new.payout.order)) {
        count_refusal(&desk, "invalid");
        return Err(AdmissionRefusal::Invalid(prepared.problems));
    }
    let commands = again::known_again(&desk, &prepared.payouts.iter().collect::<Vec<_>>()).await?;
    if commands.iter().any(Option::is_some) {
        return again::take_in(&desk, prepared.payouts, commands, batch).await;
    }
    // Another daemon may have taken it in while the chain was asked.
    if let Some(answer) = answer_on_file(&desk, &prepared).await? {
        return answer;
    }
    count_refusal(&desk, "invalid");
    Err(AdmissionRefusal::Invalid(prepared.problems))
}

/// What was answered to the same request before; `None` where nothing of it is on file.
async fn answer_on_file(desk: &Desk, prepared: &Prepared) -> Result<Option<Answer>, StoreFault> {
    let store = desk.tools.ledger.payouts();
    let mut earlier = Vec::with_capacity(prepared.payouts.len());
    for NewPayout { payout, .. } in &prepared.payouts {
        match store.find_by_key(&payout.account, &payout.idempotency_key).await? {
            Some(found) if found.request_digest == payout.request_digest => {
                earlier.push(Admitted::Repeated(found))
            }
            Some(found) => {
                count_refusal(desk, "key_reused");
                return Ok(Some(Err(AdmissionRefusal::KeyReused { existing: found.id })));
            }
            None => return Ok(None),
        }
    }
    desk.view.borrow_mut().repeated += u64::try_from(earlier.len()).unwrap_or(u64::MAX);
    Ok(Some(Ok(earlier)))
}

/// A request's payouts as they would be admitted, and what is wrong with its orders.
struct Prepared {
    payouts: Vec<NewPayout>,
    problems: Vec<(usize, OrderProblem)>,
}

/// What the house refuses of some orders, by their place.
pub(super) fn review(desk: &Desk, orders: &[Order]) -> Vec<(usize, OrderProblem)> {
    let now_ms = desk.tools.clock.now_ms();
    let refusals = |order| desk.tools.policy.refusals(order, now_ms);
    let of_each = orders.iter().enumerate();
    of_each
        .flat_map(|(place, order)| refusals(order).into_iter().map(move |problem| (place, problem)))
        .collect()
}

fn prepare(desk: &Desk, request: &AdmitPayouts) -> Result<Prepared, StoreFault> {
    let now_ms = desk.tools.clock.now_ms();
    let problems = review(desk, &request.orders);
    let digests = request_digests(&request.orders, request.batch)
        .map_err(|why| StoreFault::Corrupt(format!("an order can not be written down: {why}")))?;
    let new = |(index, (order, digest)): (usize, (&Order, [u8; 32]))| {
        let key = if request.batch { request.key.of_item(index) } else { request.key.clone() };
        let payout = new_payout(desk, &request.account, key, order, digest, now_ms);
        let payout = Payout { ordered_by: Some(request.ordered_by.clone()), ..payout };
        NewPayout { payout, cause: request.cause.clone() }
    };
    let payouts = request.orders.iter().zip(digests).enumerate().map(new).collect();
    Ok(Prepared { payouts, problems })
}

fn new_payout(
    desk: &Desk,
    account: &AccountId,
    key: IdempotencyKey,
    order: &Order,
    request_digest: [u8; 32],
    now_ms: i64,
) -> Payout {
    let id = desk.tools.ids.next(now_ms);
    Payout {
        id,
        account: account.clone(),
        ordered_by: None,
        idempotency_key: key,
        request_digest,
        order: order.clone(),
        order_digest: order_digest(&desk.digest_key, id, account, order),
        stage: Stage::Admitted,
        reason: None,
        reservation: Reservation::None,
        attempts: Vec::new(),
        version: 0,
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
        settled_at_ms: None,
    }
}

/// One transaction for what stands first in line.
pub(super) async fn admit_some(desk: Rc<Desk>) -> Found {
    let mut group = desk.line.next_group();
    if group.is_empty() {
        return Found::Nothing;
    }
    let began = Instant::now();
    for request in &group {
        metrics::histogram!(names::REQUEST_QUEUE_DWELL_SECONDS).record((began - request.since).as_secs_f64());
    }
    let sizes: Vec<usize> = group.iter().map(|request| request.payouts.len()).collect();
    let payouts: Vec<NewPayout> =
        group.iter_mut().flat_map(|request| std::mem::take(&mut request.payouts)).collect();
    let (count, all_or_none) = (payouts.len(), group.iter().any(|request| request.batch));
    let now_ms = desk.tools.clock.now_ms();
    // Of a house that refuses what is above a limit: what was refused is asked for once more.
    let asked = (desk.tools.limits.on_excess == OnExcess::Refuse).then(|| payouts.clone());
    let written = desk.tools.ledger.payouts().admit(payouts, &desk.tools.limits, now_ms, all_or_none).await;
    let took = began.elapsed();
    desk.line.note_took(took);
    metrics::histogram!(names::ADMIT_SECONDS).record(took.as_secs_f64());
    metrics::histogram!(names::ADMISSION_BATCH_PAYOUTS).record(u32::try_from(count).unwrap_or(u32::MAX));
    note(&desk, &written, all_or_none);
    answer(&desk, group, sizes, written, asked.unwrap_or_default()).await;
    desk.line.show_waiting();
    Found::More
}

/// Keeps the books of what a transaction did, and tells those who go on from there.
pub(super) fn note(desk: &Desk, written: &Result<Vec<Admitted>, StoreFault>, all_or_none: bool) {
    let mut view = desk.view.borrow_mut();
    let admitted = match written {
        Ok(admitted) => admitted,
        Err(fault) => {
            warn!(%fault, "orders could not be taken in");
            metrics::counter!(names::ADMISSIONS_TOTAL, "outcome" => "store_fault").increment(1);
            view.trouble = Some(fault.to_string());
            view.refused += 1;
            return;
        }
    };
    view.trouble = None;
    view.transactions += 1;
    if let Some(outcome) = admitted.iter().find_map(refusal).filter(|_| all_or_none) {
        view.refused += 1;
        metrics::counter!(names::ADMISSIONS_TOTAL, "outcome" => outcome).increment(1);
        return;
    }
    let mut payable = false;
    for one in admitted {
        let outcome = match one {
            Admitted::New(payout) if payout.stage == Stage::Held => {
                count_event(EventName::PayoutHeld);
                view.admitted += 1;
                view.held += 1;
                "held"
            }
            Admitted::New(_) => {
                count_event(EventName::PayoutAdmitted);
                view.admitted += 1;
                payable = true;
                "admitted"
            }
            Admitted::Repeated(_) => {
                view.repeated += 1;
                "repeated"
            }
            Admitted::KeyReused(_) | Admitted::OverLimit(_) | Admitted::NotTaken => {
                // What was not taken came in a batch of which nothing was written: counted above as one refusal.
                let Some(refused) = refusal(one) else { continue };
                view.refused += 1;
                refused
            }
        };
        metrics::counter!(names::ADMISSIONS_TOTAL, "outcome" => outcome).increment(1);
    }
    if payable {
        desk.tools.payout_worker.nudge();
    }
    desk.tools.audit_writer.nudge();
}

/// What a refusal is called in the metrics; one refuses a whole batch.
fn refusal(one: &Admitted) -> Option<&'static str> {
    match one {
        Admitted::KeyReused(_) => Some("key_reused"),
        Admitted::OverLimit(_) => Some("over_limit"),
        Admitted::New(_) | Admitted::Repeated(_) | Admitted::NotTaken => None,
    }
}

fn count_event(event: EventName) {
    metrics::counter!(names::PAYOUT_EVENTS_TOTAL, "event" => event.word()).increment(1);
}

/// Gives each request its share of what the transaction did. `asked` is what was ordered, where an excess is refused.
async fn answer(
    desk: &Desk,
    group: Vec<Waiting>,
    sizes: Vec<usize>,
    written: Result<Vec<Admitted>, StoreFault>,
    asked: Vec<NewPayout>,
) {
    let (mut written, mut asked) = (written.map(Vec::into_iter), asked.into_iter());
    let mut above = Vec::new();
    for (request, size) in group.into_iter().zip(sizes) {
        let own: Vec<NewPayout> = asked.by_ref().take(size).collect();
        let answer = match &mut written {
            Ok(admitted) => own_answer(admitted.by_ref().take(size).collect(), size),
            Err(fault) => Err(fault.clone().into()),
        };
        if let Err(refusal @ AdmissionRefusal::OverLimit { .. }) = answer {
            above.push(Above { request, own, refusal });
            continue;
        }
        // Whoever has gone away finds the answer under the same key.
        let _ = request.answer.send(answer);
    }
    answer_above(desk, above).await;
}

/// A request that a limit has no room for.
struct Above {
    request: Waiting,
    own: Vec<NewPayout>,
    refusal: AdmissionRefusal,
}

/// What is above a limit is refused, unless it was paid already. The others have their answers by then, and one look is for all.
async fn answer_above(desk: &Desk, above: Vec<Above>) {
    let all: Vec<&NewPayout> = above.iter().flat_map(|one| &one.own).collect();
    if all.is_empty() {
        return;
    }
    let mut known = again::known_again(desk, &all).await.map(Vec::into_iter);
    for Above { request, own, refusal } in above {
        let answer = match &mut known {
            Err(unsaid) => Err(unsaid.clone()),
            Ok(commands) => {
                let commands: Vec<_> = commands.by_ref().take(own.len()).collect();
                match commands.iter().any(Option::is_some) {
                    true => again::take_in(desk, own, commands, request.batch).await,
                    false => Err(refusal),
                }
            }
        };
        let _ = request.answer.send(answer);
    }
}

pub(super) fn own_answer(admitted: Vec<Admitted>, size: usize) -> Answer {
    let refused = admitted.iter().enumerate().find_map(|(place, one)| match one {
        Admitted::KeyReused(existing) => Some(AdmissionRefusal::KeyReused { existing: *existing }),
        Admitted::OverLimit(broken) => Some(AdmissionRefusal::OverLimit { place, broken: *broken }),
        Admitted::New(_) | Admitted::Repeated(_) | Admitted::NotTaken => None,
    });
    match refused {
        Some(refusal) => Err(refusal),
        None if admitted.len() == size => Ok(admitted),
        None => {
            let why = format!("{size} payouts were handed in and {} answered", admitted.len());
            Err(StoreFault::Corrupt(why).into())
        }
    }
}
