//! `GET /v1/payouts/{id}`.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{body::PayoutBody, id_of, unknown};
use crate::http::{access::Permission, door::Door, openapi::OnReadingOne, problem::Problem};
use crate::identity::Principal;

/// Read a payout
#[utoipa::path(
    get, path = "/v1/payouts/{id}", tag = "payouts", operation_id = "readPayout",
    params(("id" = String, Path, description = "The payout's id")),
    responses((status = 200, description = "The payout", body = PayoutBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn read(door: Data<Door>, principal: Principal, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    let whose = door.reached_by(&principal, Permission::PayoutRead).await?;
    let shown = door.office()?.find(&whose, id).await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(PayoutBody::from(&shown)))
}
