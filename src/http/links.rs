//! `/v1/admin/users/{id}/links`: which person an issuer's subject is (F001-03). An issuer says who somebody is by its token; that it is
//! somebody of this house says whoever runs it, here, and nobody else.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{JsonBody, read_object},
    door::Door,
    openapi::{OnChanging, OnReadingOne},
    problem::{Kind, Problem},
    users::{not_done, people},
};
use crate::{
    identity::{By, Gatekeeper, people::Link},
    wire::moment,
};

/// An issuer's subject.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Subject)]
pub struct SubjectBody {
    /// The issuer, as its tokens name it in the claim `iss`.
    pub issuer: String,
    /// What it calls them: the claim `sub`.
    pub subject: String,
}

/// A link between an issuer's subject and a person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Link)]
pub struct LinkBody {
    /// The id by which the journal calls it.
    pub id: String,
    /// The issuer.
    pub issuer: String,
    /// What it calls them.
    pub subject: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub linked_at: String,
    /// By whom.
    pub linked_by: String,
}

/// The links of a person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Links)]
pub struct LinksBody {
    /// All of them.
    pub links: Vec<LinkBody>,
}

impl LinkBody {
    fn of(link: &Link) -> Self {
        Self {
            id: link.id.clone(),
            issuer: link.issuer.clone(),
            subject: link.subject.clone(),
            linked_at: moment::write(link.linked_at_ms),
            linked_by: link.linked_by.clone(),
        }
    }
}

/// Link an issuer's subject to a person
///
/// From now on its tokens about this subject are this person's. A subject is one person's; what they may do is what they may do here.
#[utoipa::path(
    post, path = "/v1/admin/users/{id}/link", tag = "users", operation_id = "linkUser",
    params(("id" = String, Path, description = "The person's id")),
    request_body = SubjectBody,
    responses((status = 200, description = "The link", body = LinkBody), OnChanging),
    security(("token" = []))
)]
pub async fn link(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let wanted = read(&body)?;
    let issuer = door.gatekeeper()?.and_then(Gatekeeper::issuer);
    if issuer.is_none_or(|issuer| issuer.settings().issuer != wanted.issuer) {
        let detail = "no issuer of this name is believed: identity.external.issuer names the one that is";
        return Err(Problem::mistakes(Kind::InvalidOrder, vec![("issuer", detail.to_owned())]));
    }
    let linked = people(&door)?.link(&id, &wanted.issuer, &wanted.subject, &by).await;
    Ok(HttpResponse::Ok().json(LinkBody::of(&linked.map_err(not_done)?)))
}

/// Take a link back
///
/// The issuer's subject is nobody, from the next request on.
#[utoipa::path(
    post, path = "/v1/admin/users/{id}/unlink", tag = "users", operation_id = "unlinkUser",
    params(("id" = String, Path, description = "The person's id")),
    request_body = SubjectBody,
    responses((status = 204, description = "It is gone"), OnChanging),
    security(("token" = []))
)]
pub async fn unlink(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let wanted = read(&body)?;
    let gone = people(&door)?.unlink(&id, &wanted.issuer, &wanted.subject, &by).await;
    gone.map_err(not_done)?;
    Ok(HttpResponse::NoContent().finish())
}

/// List the links of a person
#[utoipa::path(
    get, path = "/v1/admin/users/{id}/links", tag = "users", operation_id = "listLinksOfUser",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, description = "The links", body = LinksBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn list(door: Data<Door>, _by: By, id: Path<String>) -> Result<HttpResponse, Problem> {
    let links = people(&door)?.links(&id).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(LinksBody { links: links.iter().map(LinkBody::of).collect() }))
}

fn read(body: &JsonBody) -> Result<SubjectBody, Problem> {
    read_object(&body.0, |fields| {
        let issuer = fields.required_text("issuer", "a string like \"https://login.example\"");
        let subject = fields.required_text("subject", "a string: the claim `sub`");
        Some(SubjectBody { issuer: issuer?, subject: subject? })
    })
}
