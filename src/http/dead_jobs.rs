//! `/v1/admin/jobs/dead`: the jobs that could not be done, and what a person decides about them (F-N17).

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    door::Door,
    office::Fault,
    openapi::OnReadingOne,
    problem::{Kind, Problem},
};
use crate::amqp::dead_queue::{DeadJobBody, DeadQueue, Decision, NotDone};
use crate::identity::{By, Principal};

/// When asking a broker that was away makes sense again, ms.
const BROKER_RETRY_AFTER_MS: i64 = 5_000;

/// The dead jobs, as one look sees them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = DeadJobs)]
pub struct DeadJobsBody {
    /// The jobs, the oldest first, without their bodies.
    pub jobs: Vec<DeadJobBody>,
    /// Whether there are more than one look sees; discard or requeue some to see further.
    pub more: bool,
}

/// List the dead jobs
#[utoipa::path(
    get, path = "/v1/admin/jobs/dead", tag = "jobs", operation_id = "listDeadJobs",
    responses((status = 200, description = "The dead jobs", body = DeadJobsBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn list(door: Data<Door>, _principal: Principal) -> Result<HttpResponse, Problem> {
    let look = bench(&door)?.list().await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(DeadJobsBody { jobs: look.jobs, more: look.more }))
}

/// Explain a dead job
///
/// By its id, or by its `message_id`; of several with the same, the oldest.
#[utoipa::path(
    get, path = "/v1/admin/jobs/dead/{id}", tag = "jobs", operation_id = "explainDeadJob",
    params(("id" = String, Path, description = "The job's id or message_id")),
    responses((status = 200, description = "The job, with its body", body = DeadJobBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn explain(
    door: Data<Door>,
    _principal: Principal,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(bench(&door)?.explain(&id).await.map_err(not_done)?))
}

/// Requeue a dead job
///
/// It goes back to the jobs under the same key: what its key paid already is not paid again. It stands in the journal.
#[utoipa::path(
    post, path = "/v1/admin/jobs/dead/{id}/requeue", tag = "jobs", operation_id = "requeueDeadJob",
    params(("id" = String, Path, description = "The job's id or message_id")),
    responses((status = 200, description = "The job, as it was", body = DeadJobBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn requeue(door: Data<Door>, by: By, id: Path<String>) -> Result<HttpResponse, Problem> {
    decide(&door, &by, &id, Decision::Requeue).await
}

/// Discard a dead job
///
/// It is gone; that it was there stands in the journal.
#[utoipa::path(
    post, path = "/v1/admin/jobs/dead/{id}/discard", tag = "jobs", operation_id = "discardDeadJob",
    params(("id" = String, Path, description = "The job's id or message_id")),
    responses((status = 200, description = "The job, as it was", body = DeadJobBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn discard(door: Data<Door>, by: By, id: Path<String>) -> Result<HttpResponse, Problem> {
    decide(&door, &by, &id, Decision::Discard).await
}

async fn decide(door: &Door, by: &By, id: &str, decision: Decision) -> Result<HttpResponse, Problem> {
    let job = bench(door)?.decide(id, decision, by).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(job))
}

fn bench(door: &Door) -> Result<&DeadQueue, Problem> {
    door.office()?
        .dead_queue()
        .ok_or_else(|| Problem::new(Kind::NotFound, "this daemon has no broker: amqp.url is not written"))
}

fn not_done(why: NotDone) -> Problem {
    match why {
        NotDone::Unknown => Problem::new(Kind::NotFound, "no dead job has this id or message_id"),
        NotDone::Store(fault) => Fault::from(fault).into(),
        NotDone::Unsayable(cause) => Fault::Broken { cause }.into(),
        NotDone::Away(cause) => {
            tracing::warn!(cause, "the dead queue could not be looked at");
            Fault::Away { who: "the broker".to_owned(), retry_after_ms: BROKER_RETRY_AFTER_MS }.into()
        }
    }
}
