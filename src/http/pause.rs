//! The kill switch: `POST /v1/admin/pause` and `/v1/admin/resume`. Kept in the store, in the journal with its reason;
//! intake and watching go on (F004-42).

use actix_web::{HttpResponse, web::Data};
use payoutd_actors::ports::Pause;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    access::Caller,
    body::{JsonBody, OptionalJsonBody},
    door::Door,
    openapi::OnActing,
    payouts::decide::{note_of, read},
    problem::Problem,
};
use crate::wire::moment;

/// Why the house is to be paused.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PauseOrder)]
#[serde(deny_unknown_fields)]
pub struct PauseBody {
    /// Your words, kept in the journal.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Whether the house is paused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PauseState)]
pub struct PauseStateBody {
    /// While it is, nothing new is signed or sent; what is out is watched and sent again.
    pub paused: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub since: Option<String>,
}

impl From<Option<Pause>> for PauseStateBody {
    fn from(pause: Option<Pause>) -> Self {
        Self {
            paused: pause.is_some(),
            since: pause.as_ref().map(|pause| moment::write(pause.since_ms)),
            reason: pause.map(|pause| pause.reason),
        }
    }
}

/// Pause the house
///
/// When this answers, no signing and no first send begins any more.
#[utoipa::path(
    post, path = "/v1/admin/pause", tag = "house", operation_id = "pauseHouse",
    request_body = PauseBody,
    responses((status = 200, description = "Paused", body = PauseStateBody), OnActing),
    security(("token" = []))
)]
pub async fn pause(door: Data<Door>, _caller: Caller, body: JsonBody) -> Result<HttpResponse, Problem> {
    let reason = read(&body.0, |fields| note_of(fields, "reason"))?;
    let pause = door.office()?.pause(reason).await?;
    Ok(HttpResponse::Ok().json(PauseStateBody::from(Some(pause))))
}

/// Resume the house
///
/// The body may be left out; a reason stands in the journal.
#[utoipa::path(
    post, path = "/v1/admin/resume", tag = "house", operation_id = "resumeHouse",
    request_body = Option<PauseBody>,
    responses((status = 200, description = "Running", body = PauseStateBody), OnActing),
    security(("token" = []))
)]
pub async fn resume(
    door: Data<Door>,
    caller: Caller,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    let reason = match body.0 {
        Some(bytes) => read(&bytes, |fields| note_of(fields, "reason"))?,
        None => format!("resumed by {}", caller.name),
    };
    door.office()?.resume(reason).await?;
    Ok(HttpResponse::Ok().json(PauseStateBody::from(None)))
}
