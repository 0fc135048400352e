//! What people and senders decide: cancel, release, reject, resolve (F-P10). Of two who decide at once, the first commit wins.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use payoutd_actors::{
    admission::{DecidePayout, Decision, DecisionRefusal},
    domain::payout::{Reason, Refusal, Stage},
    recollection::ASK_AGAIN_AFTER_MS,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{body::PayoutBody, id_of, unknown};
use crate::{
    http::{
        access::Permission,
        body::{JsonBody, OptionalJsonBody, note_of, nothing_in, read_object},
        door::Door,
        office::{Fault, NotDecided},
        openapi::OnDeciding,
        problem::{Kind, Problem},
    },
    identity::{By, Principal},
};

/// Why a held payout is refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Rejection)]
#[serde(deny_unknown_fields)]
pub struct RejectBody {
    /// Your words, kept in the journal.
    #[schema(min_length = 1, max_length = 500)]
    pub note: String,
}

/// How a mismatched payout is closed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Resolution)]
#[serde(deny_unknown_fields)]
pub struct ResolveBody {
    /// Whether it counts as paid.
    pub paid: bool,
    /// Your words, kept in the journal.
    #[schema(min_length = 1, max_length = 500)]
    pub note: String,
}

/// Cancel a payout
///
/// Only before anything was signed.
#[utoipa::path(
    post, path = "/v1/payouts/{id}/cancel", tag = "payouts", operation_id = "cancelPayout",
    params(("id" = String, Path, description = "The payout's id")),
    responses((status = 200, description = "The payout, cancelled", body = PayoutBody), OnDeciding),
    security(("token" = []))
)]
pub async fn cancel(
    door: Data<Door>,
    principal: Principal,
    by: By,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    decide(&door, (&principal, &by), Permission::PayoutCancel, &id, Decision::Cancel).await
}

/// Release a held payout
#[utoipa::path(
    post, path = "/v1/payouts/{id}/release", tag = "payouts", operation_id = "releasePayout",
    params(("id" = String, Path, description = "The payout's id")),
    responses((status = 200, description = "The payout, admitted", body = PayoutBody), OnDeciding),
    security(("token" = []))
)]
pub async fn release(
    door: Data<Door>,
    principal: Principal,
    by: By,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    decide(
        &door,
        (&principal, &by),
        Permission::PayoutOperate,
        &id,
        Decision::Release { by: by.name.clone() },
    )
    .await
}

/// Refuse a held payout for good
#[utoipa::path(
    post, path = "/v1/payouts/{id}/reject", tag = "payouts", operation_id = "rejectPayout",
    params(("id" = String, Path, description = "The payout's id")),
    request_body = RejectBody,
    responses((status = 200, description = "The payout, rejected", body = PayoutBody), OnDeciding),
    security(("token" = []))
)]
pub async fn reject(
    door: Data<Door>,
    principal: Principal,
    by: By,
    id: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let note = read_object(&body.0, |fields| note_of(fields, "note"))?;
    decide(&door, (&principal, &by), Permission::PayoutOperate, &id, Decision::Reject { note }).await
}

/// Close a mismatched payout
///
/// A person looked at what the chain shows and decides whether it counts as paid.
#[utoipa::path(
    post, path = "/v1/payouts/{id}/resolve", tag = "payouts", operation_id = "resolvePayout",
    params(("id" = String, Path, description = "The payout's id")),
    request_body = ResolveBody,
    responses((status = 200, description = "The payout, settled or failed", body = PayoutBody), OnDeciding),
    security(("token" = []))
)]
pub async fn resolve(
    door: Data<Door>,
    principal: Principal,
    by: By,
    id: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (paid, note) = read_object(&body.0, |fields| {
        let paid = fields.require("paid", "true or false").map(|value| value.as_bool());
        if paid == Some(None) {
            fields.note("paid", "true or false is wanted");
        }
        let note = note_of(fields, "note");
        Some((paid.flatten()?, note?))
    })?;
    decide(&door, (&principal, &by), Permission::PayoutOperate, &id, Decision::Resolve { paid, note }).await
}

async fn decide(
    door: &Door,
    (principal, by): (&Principal, &By),
    permission: Permission,
    id: &str,
    decision: Decision,
) -> Result<HttpResponse, Problem> {
    let id = id_of(id)?;
    let whose = door.reached_by(principal, permission).await?;
    let request = DecidePayout { id, whose, decision: decision.clone(), cause: by.cause() };
    let payout = door.office()?.decide(request).await.map_err(|why| not_decided(why, &decision))?;
    Ok(HttpResponse::Ok().json(PayoutBody::from(&payout)))
}

fn not_decided(why: NotDecided, decision: &Decision) -> Problem {
    let conflict = |detail: String| Problem::new(Kind::WrongStage, detail);
    match why {
        NotDecided::Refused(DecisionRefusal::Unknown) => unknown(),
        NotDecided::Refused(DecisionRefusal::Refused { refusal, payout }) => {
            conflict(refused(&refusal, payout.stage, decision))
        }
        NotDecided::Refused(DecisionRefusal::NoRoom(limit)) => {
            conflict(format!("it can not be released now: {}", Reason::from(limit).says()))
        }
        NotDecided::Refused(DecisionRefusal::Unsaid(why)) => {
            Problem::new(Kind::Unavailable, format!("nobody can say now whether it was paid: {why}"))
                .retry_after_ms(ASK_AGAIN_AFTER_MS)
        }
        NotDecided::Refused(DecisionRefusal::Contended) => {
            conflict("somebody else is moving the payout: read it and decide again".to_owned())
        }
        NotDecided::Refused(DecisionRefusal::Store(fault)) => Fault::from(fault).into(),
        NotDecided::Fault(fault) => fault.into(),
    }
}

fn refused(refusal: &Refusal, stage: Stage, decision: &Decision) -> String {
    let (verb, when) = match decision {
        Decision::Cancel => ("cancelled", "before it is signed"),
        Decision::Release { .. } => ("released", "while it is held"),
        Decision::Reject { .. } => ("rejected", "while it is held"),
        Decision::Resolve { .. } => ("resolved", "while it is mismatched"),
    };
    match refusal {
        Refusal::NoSuchStep(_) => format!("the payout is {}; it can be {verb} only {when}", stage.word()),
        other => format!("the payout is {}: {other}", stage.word()),
    }
}
