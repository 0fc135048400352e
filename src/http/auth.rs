//! `/v1/auth`: what people do at the door with their own secrets. None of it tells who exists.

use actix_web::{HttpResponse, web::Data};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{JsonBody, read_object},
    credentials,
    door::Door,
    openapi::OnSigningIn,
    problem::Problem,
    users::{UserBody, not_done, people},
};
use crate::identity::{Unknown, people::PersonFault};

/// An invitation, and the password of whoever was invited.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Acceptance)]
pub struct AcceptanceBody {
    /// The invitation's whole text: `payoutd_invitation_…`.
    pub invitation: String,
    /// The password: 15 to 128 characters of any kind, unless the house wants others (`identity.password_policy`).
    pub password: String,
}

/// Accept an invitation
///
/// Chooses a password. The invitation is used up by it; everything that the person was given before opens nothing any more.
#[utoipa::path(
    post, path = "/v1/auth/accept", tag = "auth", operation_id = "acceptInvitation",
    request_body = AcceptanceBody,
    responses((status = 200, description = "The person, who may sign in now", body = UserBody), OnSigningIn)
)]
pub async fn accept(door: Data<Door>, body: JsonBody) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let invitation = fields.required_text("invitation", "a string like \"payoutd_invitation_…\"");
        let password = fields.required_text("password", "a string");
        Some(AcceptanceBody { invitation: invitation?, password: password? })
    })?;
    let accepted = people(&door)?.accept(&wanted.invitation, &wanted.password).await;
    let person = accepted.map_err(|why| match why {
        PersonFault::NotInvited => credentials::refused(Unknown::NoSuchInvitation.into()),
        why => not_done(why),
    })?;
    Ok(HttpResponse::Ok().json(UserBody::of(&person)))
}
