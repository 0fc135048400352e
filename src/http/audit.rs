//! What outsiders need to check the journal: the key that seals it, and the newest signed checkpoint. A checkpoint that is
//! kept elsewhere shows whether the journal was cut or rewritten since.

use actix_web::{HttpResponse, web::Data};
use payoutd_actors::domain::journal::Checkpoint;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    door::Door,
    openapi::OnReading,
    problem::{Kind, Problem},
};
use crate::identity::Principal;

/// The key that seals the journal.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = JournalKey)]
pub struct PublicKeyBody {
    /// Its short name, as checkpoints carry it.
    pub key_id: String,
    /// The Ed25519 public key, 64 hex digits.
    pub public_key: String,
}

/// A signed checkpoint, as `payoutd audit verify --checkpoint` reads it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checkpoint)]
pub struct CheckpointBody {
    /// Its form.
    pub format: String,
    /// Whose signature it bears.
    pub key_id: String,
    /// The last row under the seal.
    pub last_seq: i64,
    /// The signer's public key, 64 hex digits.
    pub public_key: String,
    /// The seal's hash, 64 hex digits.
    pub seal_hash: String,
    /// The seal's number.
    pub seal_no: i64,
    /// When the seal was made, unix milliseconds: the form is fixed by the signature.
    pub sealed_at_ms: i64,
    /// Ed25519, 128 hex digits.
    pub signature: String,
    /// The store that it is about.
    pub store_id: String,
}

/// Read the key that seals the journal
#[utoipa::path(
    get, path = "/v1/audit/pubkey", tag = "audit", operation_id = "readJournalKey",
    responses((status = 200, description = "The key", body = PublicKeyBody), OnReading),
    security(("token" = []))
)]
pub async fn public_key(door: Data<Door>, _principal: Principal) -> Result<HttpResponse, Problem> {
    let key = door.office()?.journal_key().await?;
    Ok(HttpResponse::Ok().json(PublicKeyBody { key_id: key.key_id, public_key: key.public_key }))
}

/// Seal what is written and read the signed checkpoint that covers the last row
#[utoipa::path(
    get, path = "/v1/audit/checkpoint", tag = "audit", operation_id = "readCheckpoint",
    responses((status = 200, description = "The checkpoint", body = CheckpointBody), OnReading,
        (status = 404, description = "The journal is empty", content_type = "application/problem+json", body = super::problem::ProblemBody)),
    security(("token" = []))
)]
pub async fn checkpoint(door: Data<Door>, _principal: Principal) -> Result<HttpResponse, Problem> {
    let checkpoint: Option<Checkpoint> = door.office()?.checkpoint().await?;
    let checkpoint = checkpoint
        .ok_or_else(|| Problem::new(Kind::NotFound, "the journal is empty: there is nothing to seal yet"))?;
    Ok(HttpResponse::Ok().json(checkpoint))
}
