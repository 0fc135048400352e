//! `GET /v1/payouts/{id}`.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{body::PayoutBody, id_of, unknown};
use crate::http::{access::Caller, door::Door, openapi::OnReadingOne, problem::Problem};

/// Read a payout
#[utoipa::path(
    get, path = "/v1/payouts/{id}", tag = "payouts", operation_id = "readPayout",
    params(("id" = String, Path, description = "The payout's id")),
    responses((status = 200, description = "The payout", body = PayoutBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn read(door: Data<Door>, caller: Caller, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    let shown = door.office()?.find(&caller.account, id).await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(PayoutBody::from(&shown)))
}
