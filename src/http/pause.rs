//! The kill switch: `POST /v1/admin/pause` and `/v1/admin/resume`. Kept in the store, in the journal with its reason;
//! intake and watching go on (F004-42).

use actix_web::{HttpResponse, web::Data};
use payoutd_actors::ports::RestoreGate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{JsonBody, OptionalJsonBody, note_of, read_object},
    door::Door,
    office::Switches,
    openapi::OnActing,
    problem::Problem,
};
use crate::identity::By;
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
    /// There while the restore gate is shut: nothing is signed then, paused or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_gate: Option<RestoreGateBody>,
}

/// The restore gate, shut: the store is an older copy, or may be one. It opens by itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = RestoreGate)]
pub struct RestoreGateBody {
    /// What tells that the store is an older copy.
    pub reason: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
    /// Nothing is signed before the solidified chain is past this moment; null until the clock and the chain agree.
    #[schema(required = true, format = DateTime)]
    pub until: Option<String>,
    /// The same as a sentence.
    pub detail: String,
}

impl From<Switches> for PauseStateBody {
    fn from(switches: Switches) -> Self {
        let Switches { pause, restore_gate } = switches;
        Self {
            paused: pause.is_some(),
            since: pause.as_ref().map(|pause| moment::write(pause.since_ms)),
            reason: pause.map(|pause| pause.reason),
            restore_gate: restore_gate.map(RestoreGateBody::from),
        }
    }
}

impl From<RestoreGate> for RestoreGateBody {
    fn from(gate: RestoreGate) -> Self {
        Self {
            detail: waits_for(&gate),
            reason: gate.why,
            since: moment::write(gate.since_ms),
            until: gate.until_ms.map(moment::write),
        }
    }
}

/// What a gate that is shut waits for, without what told of the restore: that may name files.
#[must_use]
pub fn waits_for(gate: &RestoreGate) -> String {
    match gate.until_ms {
        Some(until_ms) => {
            format!("nothing is signed until the solidified chain is past {}", moment::write(until_ms))
        }
        None => {
            "nothing is signed; until when shows once the clock and the chain were seen to agree".to_owned()
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
pub async fn pause(door: Data<Door>, by: By, body: JsonBody) -> Result<HttpResponse, Problem> {
    let reason = read_object(&body.0, |fields| note_of(fields, "reason"))?;
    let switches = door.office()?.pause(reason, by.cause()).await?;
    Ok(HttpResponse::Ok().json(PauseStateBody::from(switches)))
}

/// Resume the house
///
/// The body may be left out; a reason stands in the journal. A restore gate that is shut stays shut: `restore_gate` is in the
/// answer then, and nothing is signed before it opens by itself.
#[utoipa::path(
    post, path = "/v1/admin/resume", tag = "house", operation_id = "resumeHouse",
    request_body = Option<PauseBody>,
    responses((status = 200, description = "Running", body = PauseStateBody), OnActing),
    security(("token" = []))
)]
pub async fn resume(door: Data<Door>, by: By, body: OptionalJsonBody) -> Result<HttpResponse, Problem> {
    let reason = match body.0 {
        Some(bytes) => read_object(&bytes, |fields| note_of(fields, "reason"))?,
        None => format!("resumed by {}", by.name),
    };
    let switches = door.office()?.resume(reason, by.cause()).await?;
    Ok(HttpResponse::Ok().json(PauseStateBody::from(switches)))
}
