//! `GET /v1/admin/actors`: every actor's view of itself.

use actix_web::{HttpResponse, web::Data};
use payoutd_actors::guardian::ActorView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{door::Door, openapi::OnReading, problem::Problem};
use crate::identity::Principal;
use crate::wire::moment;

/// Every actor's view of itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Actors)]
pub struct ActorsBody {
    /// In the order in which they were hired.
    pub actors: Vec<ActorBody>,
}

/// One actor's view of itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Actor)]
pub struct ActorBody {
    /// Its role.
    pub name: String,
    /// Whether somebody stands at the post and answered.
    pub present: bool,
    /// How often it was hired anew since the daemon started.
    pub restarts: u64,
    /// When it last answered the guardian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub last_heartbeat_at: Option<String>,
    /// Its own figures; which, is the role's own matter.
    pub state: serde_json::Value,
}

impl From<ActorView> for ActorBody {
    fn from(view: ActorView) -> Self {
        Self {
            name: view.name,
            present: view.present,
            restarts: view.restarts,
            last_heartbeat_at: view.last_heartbeat_at_ms.map(moment::write),
            state: view.state,
        }
    }
}

/// Read every actor's view of itself
#[utoipa::path(
    get, path = "/v1/admin/actors", tag = "house", operation_id = "readActors",
    responses((status = 200, description = "The views", body = ActorsBody), OnReading),
    security(("token" = []))
)]
pub async fn actors(door: Data<Door>, _principal: Principal) -> Result<HttpResponse, Problem> {
    let actors = door.office()?.actors().await.into_iter().map(ActorBody::from).collect();
    Ok(HttpResponse::Ok().json(ActorsBody { actors }))
}
