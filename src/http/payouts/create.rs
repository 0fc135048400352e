//! `POST /v1/payouts`: one order. 202 is said after the commit, and a repeated key gets the first answer.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderMap},
    web::Data,
};
use payoutd_actors::{
    admission::{AdmissionRefusal, AdmitPayouts},
    domain::{
        identity::{IdempotencyKey, PayoutId},
        limits::{LimitBroken, Window},
        order::OrderProblem,
        payout::{Payout, Reason},
    },
    ports::Admitted,
};

use super::body::{OrderBody, PayoutBody};
use crate::{
    http::{
        body::JsonBody,
        door::Door,
        office::{Fault, NotAdmitted, Office},
        openapi::OnOrdering,
        problem::{Kind, Problem},
    },
    identity::{By, Principal},
    wire::{
        fields::PROBLEMS_MAX,
        payout_order::{self, NotAnOrder},
    },
};

/// The header with the sender's key.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Says that the answer is that of an earlier request with the same key.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";

/// Order a payout
///
/// The answer is given once the order is durably taken in. A repeated key with the same body gets the first order's
/// payout, as it is now, and the header `Idempotent-Replayed: true`.
#[utoipa::path(
    post, path = "/v1/payouts", tag = "payouts", operation_id = "createPayout",
    params(("Idempotency-Key" = String, Header, description = "Your own name for the order: 1 to 255 visible ASCII characters, bare or quoted. Kept as long as the payout.")),
    request_body = OrderBody,
    responses(
        (status = 202, description = "Taken in", body = PayoutBody, headers(
            ("Location" = String, description = "Where the payout can be read"),
            ("Idempotent-Replayed" = String, description = "`true` where the key was used before, with the same body"))),
        OnOrdering
    ),
    security(("token" = []))
)]
pub async fn create(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
    by: By,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let key = key_of(request.headers())?;
    let order = match payout_order::read_one(&body.0) {
        Ok(order) => order,
        Err(why) => return Err(not_an_order(door.office().ok(), why).await),
    };
    principal.must_be_let_order(std::slice::from_ref(&order))?;
    let (account, ordered_by) = (principal.account().clone(), principal.orderer());
    let request =
        AdmitPayouts { account, ordered_by, key, orders: vec![order], batch: false, cause: by.order() };
    let admitted = door.office()?.admit(request).await.map_err(|why| not_admitted(why, |_| String::new()))?;
    let [(payout, replayed)] = <[_; 1]>::try_from(taken(admitted)?).map_err(|_| miscounted())?;
    let mut response = HttpResponse::Accepted();
    response.insert_header((header::LOCATION, format!("/v1/payouts/{}", payout.id)));
    if replayed {
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    Ok(response.json(PayoutBody::from(&payout)))
}

/// The sender's key.
pub(super) fn key_of(headers: &HeaderMap) -> Result<IdempotencyKey, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY);
    let Some(value) = given.next() else {
        let detail = "send the header Idempotency-Key with a name of your own for this order, 1 to 255 visible ASCII characters";
        return Err(Problem::new(Kind::IdempotencyKeyMissing, detail));
    };
    let invalid = |detail: String| Problem::new(Kind::IdempotencyKeyInvalid, detail);
    if given.next().is_some() {
        return Err(invalid("the header Idempotency-Key stands twice: send it once".to_owned()));
    }
    let Ok(text) = value.to_str() else {
        return Err(invalid("the idempotency key holds a character that is not visible ASCII".to_owned()));
    };
    IdempotencyKey::parse(text).map_err(|why| invalid(why.to_string()))
}

/// The problem of a text that is no order. What the house would refuse of its sound fields is told along with the mistakes, so
/// that nobody corrects an order twice; an office that does not answer leaves that for the next time.
pub(crate) async fn not_an_order(office: Option<&dyn Office>, why: NotAnOrder) -> Problem {
    let (mut mistakes, sound) = match why {
        NotAnOrder::Malformed(malformed) => {
            return Problem::new(Kind::MalformedRequest, malformed.to_string());
        }
        NotAnOrder::Mistaken { problems, sound } => (problems, sound),
    };
    let orders = sound.iter().map(|read| read.order.clone()).collect();
    let refusals = match office {
        Some(office) => office.review(orders).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let own = |(place, refusal): (usize, OrderProblem)| sound.get(place)?.own(refusal);
    let room = PROBLEMS_MAX.saturating_sub(mistakes.len());
    mistakes.extend(refusals.into_iter().filter_map(own).take(room));
    Problem::mistakes(Kind::InvalidOrder, mistakes)
}

/// The problem of orders that were not taken in; `at` gives the pointer of an item.
pub(crate) fn not_admitted(why: NotAdmitted, at: impl Fn(usize) -> String) -> Problem {
    match why {
        NotAdmitted::Refused(AdmissionRefusal::Invalid(items)) => {
            let placed = items.into_iter().map(|(place, mistake)| {
                OrderProblem::at(&format!("{}{}", at(place), mistake.pointer), mistake.detail)
            });
            Problem::mistakes(Kind::InvalidOrder, placed.take(PROBLEMS_MAX).collect())
        }
        NotAdmitted::Refused(AdmissionRefusal::KeyReused { existing }) => key_reused(existing),
        NotAdmitted::Refused(AdmissionRefusal::OverLimit { place, broken }) => over_limit(&at(place), broken),
        NotAdmitted::Refused(AdmissionRefusal::Busy { retry_after_ms }) => {
            Fault::Busy { retry_after_ms }.into()
        }
        NotAdmitted::Refused(AdmissionRefusal::Store(fault)) => Fault::from(fault).into(),
        NotAdmitted::Fault(fault) => fault.into(),
    }
}

/// The problem of a key that stands for another order.
pub(crate) fn key_reused(existing: PayoutId) -> Problem {
    let detail = format!(
        "this key was used before with another body (payout {existing}): send that body again, or give this order a key of its own"
    );
    Problem::new(Kind::IdempotencyKeyReused, detail)
}

/// The problem of an order that a limit has no room for, where the house refuses such.
fn over_limit(pointer: &str, broken: LimitBroken) -> Problem {
    let limit = Reason::from(broken).word();
    let which = if pointer.is_empty() { "this order".to_owned() } else { format!("the order at {pointer}") };
    let right = match broken.window {
        Window::PerPayout => "order less, or ask for a higher limit",
        Window::Hourly | Window::Daily => {
            "send it again later with the same key, order less, or ask for a higher limit"
        }
    };
    Problem::new(Kind::LimitExceeded, format!("{limit} has no room for {which}: {right}"))
}

/// The payouts that orders became, and whether each was there before.
pub(super) fn taken(admitted: Vec<Admitted>) -> Result<Vec<(Payout, bool)>, Problem> {
    admitted
        .into_iter()
        .map(|admitted| match admitted {
            Admitted::New(payout) => Ok((payout, false)),
            Admitted::Repeated(payout) => Ok((payout, true)),
            Admitted::KeyReused(existing) => Err(key_reused(existing)),
            Admitted::OverLimit(broken) => Err(over_limit("", broken)),
            // The whole request would have been refused: an answer that holds this one and others is a fault.
            Admitted::NotTaken => Err(miscounted()),
        })
        .collect()
}

pub(super) fn miscounted() -> Problem {
    tracing::error!("the office answered more or fewer orders than it was given");
    Problem::new(Kind::Internal, "the cause stands in the log, under this request's id")
}
