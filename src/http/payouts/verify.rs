//! `POST /v1/payouts/{id}/verify`: what the chain says of a payout now (F004-25). It changes nothing.

use std::collections::BTreeSet;

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use payoutd_actors::confirmation_watcher::{Check, Verification};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{id_of, unknown};
use crate::http::{
    access::Permission,
    body::{OptionalJsonBody, nothing_in},
    door::Door,
    openapi::OnVerifying,
    problem::Problem,
};
use crate::identity::Principal;

/// What the chain says of a payout now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Verification)]
pub struct VerificationBody {
    /// The payout's id.
    pub id: String,
    /// Where it stands.
    pub stage: String,
    /// Whether every check holds.
    pub verified: bool,
    /// The transfer that was looked for; absent where nothing is signed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txid: Option<String>,
    /// The number of the block that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// Blocks on top, the block itself counted.
    pub confirmations: u64,
    /// How many are wanted.
    pub confirmations_wanted: u64,
    /// Every check of every source.
    pub checks: Vec<CheckBody>,
    /// Who was asked, by name.
    pub sources: Vec<String>,
}

/// One check of one source.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Check)]
pub struct CheckBody {
    /// What was checked.
    pub check: String,
    /// Who was asked.
    pub source: String,
    /// Whether it holds; null where it could not be asked.
    #[schema(required = true)]
    pub holds: Option<bool>,
}

impl From<Verification> for VerificationBody {
    fn from(verification: Verification) -> Self {
        let sources: BTreeSet<_> = verification.checks.iter().map(|check| check.source.clone()).collect();
        let check = |check: Check| CheckBody {
            check: check.check.to_owned(),
            source: check.source,
            holds: check.holds,
        };
        Self {
            id: verification.payout_id.to_string(),
            stage: verification.stage.to_owned(),
            verified: verification.verified,
            txid: verification.txid,
            block: verification.block_number,
            confirmations: verification.confirmations,
            confirmations_wanted: verification.confirmations_wanted,
            checks: verification.checks.into_iter().map(check).collect(),
            sources: sources.into_iter().collect(),
        }
    }
}

/// Ask the chain about a payout
///
/// Asks the nodes and the second source now; it takes no fields. While they are away, the answer is 503 with `Retry-After`.
#[utoipa::path(
    post, path = "/v1/payouts/{id}/verify", tag = "payouts", operation_id = "verifyPayout",
    params(("id" = String, Path, description = "The payout's id")),
    responses((status = 200, description = "What the chain says", body = VerificationBody), OnVerifying),
    security(("token" = []))
)]
pub async fn verify(
    door: Data<Door>,
    principal: Principal,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    let id = id_of(&id)?;
    let whose = door.reached_by(&principal, Permission::PayoutOperate).await?;
    let verification = door.office()?.verify(&whose, id).await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().json(VerificationBody::from(verification)))
}
