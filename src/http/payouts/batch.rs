//! `POST /v1/payouts/batch`: up to 500 orders, taken whole or refused whole (F-P09).

use actix_web::{HttpRequest, HttpResponse, web::Data};
use payoutd_actors::admission::AdmitPayouts;

use super::{
    body::{BatchBody, BatchTakenBody, PayoutBody},
    create::{IDEMPOTENT_REPLAYED, key_of, miscounted, not_admitted, not_an_order, taken},
};
use crate::{
    http::{body::JsonBody, door::Door, openapi::OnOrdering, problem::Problem},
    identity::{By, Principal},
    wire::payout_order,
};

/// Order up to 500 payouts at once
///
/// All are taken in by one commit, or none is: a mistake in one refuses the batch, with a pointer to each. The key stands
/// for the whole batch; a repeated key with the same body gets the same payouts.
#[utoipa::path(
    post, path = "/v1/payouts/batch", tag = "payouts", operation_id = "createPayoutBatch",
    params(("Idempotency-Key" = String, Header, description = "Your own name for the batch: 1 to 255 visible ASCII characters, bare or quoted.")),
    request_body = BatchBody,
    responses(
        (status = 202, description = "All taken in", body = BatchTakenBody, headers(
            ("Idempotent-Replayed" = String, description = "`true` where the key was used before, with the same body"))),
        OnOrdering
    ),
    security(("token" = []))
)]
pub async fn create_batch(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
    by: By,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let key = key_of(request.headers())?;
    let orders = match payout_order::read_batch(&body.0) {
        Ok(orders) => orders,
        Err(why) => return Err(not_an_order(door.office().ok(), why).await),
    };
    let count = orders.len();
    principal.must_be_let_order(&orders)?;
    let (account, ordered_by) = (principal.account().clone(), principal.orderer());
    let request = AdmitPayouts { account, ordered_by, key, orders, batch: true, cause: by.order() };
    let admitted = door.office()?.admit(request).await;
    let admitted = admitted.map_err(|why| not_admitted(why, |place| format!("/payouts/{place}")))?;
    let taken = taken(admitted)?;
    if taken.len() != count {
        return Err(miscounted());
    }
    let mut response = HttpResponse::Accepted();
    if taken.iter().all(|(_, replayed)| *replayed) {
        response.insert_header((IDEMPOTENT_REPLAYED, "true"));
    }
    let payouts = taken.iter().map(|(payout, _)| PayoutBody::from(payout)).collect();
    Ok(response.json(BatchTakenBody { payouts }))
}
