//! `/v1/admin/users`: people, invited, shown, kept out and let in again (F003-16). An invitation's text is in one answer and never
//! again, and nobody's password is ever here.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth,
    body::{JsonBody, OptionalJsonBody, nothing_in, read_object},
    credentials,
    door::Door,
    keys,
    office::Fault,
    openapi::{OnChanging, OnListingKept, OnReadingOne},
    problem::{Kind, Problem},
    query,
};
use crate::{
    identity::{
        By, Gatekeeper, Principal, Unknown,
        people::{HashFault, Invite, Invited, People, Person, PersonFault, Post, name_of},
    },
    wire::moment,
};

/// People that a page shows.
const PAGE: u32 = 50;
/// When a hasher that was busy is worth asking again, ms.
const HASH_RETRY_AFTER_MS: i64 = 2_000;
/// The parameters of the list.
pub const PARAMETERS: &[&str] = &["account", "after"];

/// Who shall be invited. It has no Debug: it may hold a hash.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NewUser)]
pub struct NewUserBody {
    /// What they sign in with: an e-mail address or a plain name; capitals are written small.
    pub name: String,
    /// What they are: `admin`, `node_operator`, `end_user`, `approver`, `auditor` or `viewer`.
    pub role: String,
    /// Whose money they spend; the scope of their idempotency keys.
    pub account: String,
    /// The hash of the password that they have elsewhere: bcrypt of cost 12 to 14, or Argon2id. They are not invited then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
}

/// What somebody shall be from now on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NewPost)]
pub struct NewPostBody {
    /// Another role; the same, unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Another account; the same, unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    /// The id, which never changes: the journal calls them by it.
    pub id: String,
    /// What they sign in with.
    pub name: String,
    /// What they are.
    pub role: String,
    /// Whose money they spend.
    pub account: String,
    /// `invited`, `active` or `disabled`.
    pub status: String,
    /// Whether they show a second factor.
    pub second_factor: bool,
    /// When they were invited first.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// By whom.
    pub created_by: String,
    /// Until when an invitation waits for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub invited_until: Option<String>,
    /// Since when they are kept out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub disabled_at: Option<String>,
}

/// Somebody who was invited. It has no Debug: it holds the invitation.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = InvitedUser)]
pub struct InvitedUserBody {
    /// Who.
    pub user: UserBody,
    /// The invitation, shown once: whoever has it chooses the password, within three days. Null where a hash was brought along.
    pub invitation: Option<String>,
}

/// Somebody who was disabled.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DisabledUser)]
pub struct DisabledUserBody {
    /// Who.
    #[serde(flatten)]
    pub user: UserBody,
    /// API keys that they have made and that are good still, by their ids: revoke those that nobody else knows of.
    pub good_keys: Vec<String>,
}

/// People, by their ids.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Users)]
pub struct UsersBody {
    /// The people.
    pub users: Vec<UserBody>,
    /// What to ask `after` for the next page; null behind the last.
    pub next_after: Option<String>,
}

impl UserBody {
    pub(super) fn of(person: &Person) -> Self {
        Self {
            id: person.id.clone(),
            name: person.name.as_str().to_owned(),
            role: person.role.word().to_owned(),
            account: person.account.to_string(),
            status: person.standing().word().to_owned(),
            second_factor: person.second_factor.is_some(),
            created_at: moment::write(person.created_at_ms),
            created_by: person.created_by.clone(),
            invited_until: person.invited_until_ms.map(moment::write),
            disabled_at: person.disabled_at_ms.map(moment::write),
        }
    }
}

/// Invite somebody
///
/// The answer holds the invitation, and nothing ever shows it again: hand it over by a way that only they read. They choose a
/// password with it (`POST /v1/auth/accept`). Only its digest is kept.
#[utoipa::path(
    post, path = "/v1/admin/users", tag = "users", operation_id = "inviteUser",
    request_body = NewUserBody,
    responses((status = 201, description = "Who was invited, with the invitation", body = InvitedUserBody), OnChanging),
    security(("token" = []))
)]
pub async fn invite(door: Data<Door>, by: By, body: JsonBody) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let name = fields.required_text("name", "a string like \"alice@example.com\"");
        let role = fields.required_text("role", "a role like \"approver\"");
        let account = fields.required_text("account", "a string like \"treasury\"");
        let password_hash = fields.text("password_hash", "a string like \"$2b$12$…\"");
        Some(Invite { name: name?, role: role?, account: account?, password_hash })
    })?;
    let invited = people(&door)?.invite(&wanted, &by).await.map_err(not_done)?;
    let location = format!("/v1/admin/users/{}", invited.person.id);
    Ok(HttpResponse::Created().insert_header(("Location", location)).json(shown_once(&invited)))
}

/// List people
#[utoipa::path(
    get, path = "/v1/admin/users", tag = "users", operation_id = "listUsers",
    params(
        ("account" = Option<String>, Query, description = "People of this account alone"),
        ("after" = Option<String>, Query, description = "People behind this id: `next_after` of the page before")),
    responses((status = 200, description = "The people", body = UsersBody), OnListingKept),
    security(("token" = []))
)]
pub async fn list(
    request: HttpRequest,
    door: Data<Door>,
    _principal: Principal,
) -> Result<HttpResponse, Problem> {
    let (account, after) = query::account_and_after(request.query_string())?;
    let page = people(&door)?.views(account.as_ref(), &after, PAGE).await.map_err(not_done)?;
    let is_full = u32::try_from(page.len()).is_ok_and(|count| count >= PAGE);
    let next_after = page.last().filter(|_| is_full).map(|last| last.id.clone());
    Ok(HttpResponse::Ok().json(UsersBody { users: page.iter().map(UserBody::of).collect(), next_after }))
}

/// Show a person
#[utoipa::path(
    get, path = "/v1/admin/users/{id}", tag = "users", operation_id = "readUser",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, description = "The person", body = UserBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn show(
    door: Data<Door>,
    _principal: Principal,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let person = people(&door)?.view(&id).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(UserBody::of(&person)))
}

/// Invite somebody anew
///
/// An invitation that was there is good no more. Who has a password keeps it until they choose another by this one: so a forgotten
/// password is replaced.
#[utoipa::path(
    post, path = "/v1/admin/users/{id}/invite", tag = "users", operation_id = "inviteUserAnew",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 201, description = "The person, with the invitation", body = InvitedUserBody), OnChanging),
    security(("token" = []))
)]
pub async fn invite_anew(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    let invited = people(&door)?.invite_anew(&id, &by).await.map_err(not_done)?;
    Ok(HttpResponse::Created().json(shown_once(&invited)))
}

/// Keep somebody out
///
/// No session and no token of theirs opens anything any more, on every daemon of the house. API keys that they have made are programs',
/// and good still: the answer names them.
#[utoipa::path(
    post, path = "/v1/admin/users/{id}/disable", tag = "users", operation_id = "disableUser",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, description = "The person, disabled", body = DisabledUserBody), OnChanging),
    security(("token" = []))
)]
pub async fn disable(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    let person = people(&door)?.disable(&id, &by).await.map_err(not_done)?;
    let good_keys = keys::keyring(&door)?.made_by(&name_of(&person.id)).await.map_err(keys::not_done)?;
    Ok(HttpResponse::Ok().json(DisabledUserBody { user: UserBody::of(&person), good_keys }))
}

/// Let somebody in again
///
/// They sign in anew: what they had before stays worthless.
#[utoipa::path(
    post, path = "/v1/admin/users/{id}/enable", tag = "users", operation_id = "enableUser",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, description = "The person, enabled", body = UserBody), OnChanging),
    security(("token" = []))
)]
pub async fn enable(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    let person = people(&door)?.enable(&id, &by).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(UserBody::of(&person)))
}

/// Give somebody another role or account
///
/// It holds from their next request on.
#[utoipa::path(
    post, path = "/v1/admin/users/{id}/role", tag = "users", operation_id = "changeUserRole",
    params(("id" = String, Path, description = "The person's id")),
    request_body = NewPostBody,
    responses((status = 200, description = "The person, as they are now", body = UserBody), OnChanging),
    security(("token" = []))
)]
pub async fn change_role(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let post = read_object(&body.0, |fields| {
        let role = fields.text("role", "a role like \"approver\"");
        let account = fields.text("account", "a string like \"treasury\"");
        if role.is_none() && account.is_none() {
            fields.note("role", "name a role, an account or both");
        }
        Some(Post { role, account })
    })?;
    let person = people(&door)?.post(&id, &post, &by).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(UserBody::of(&person)))
}

/// Take back what somebody was given
///
/// Every session and every token of theirs ends. They sign in anew.
#[utoipa::path(
    post, path = "/v1/admin/users/{id}/revoke", tag = "users", operation_id = "revokeUser",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, description = "The person, who has no session any more", body = UserBody), OnChanging),
    security(("token" = []))
)]
pub async fn revoke(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    let person = auth::reception(&door)?.revoke_person(&id, &by).await.map_err(auth::not_done)?;
    Ok(HttpResponse::Ok().json(UserBody::of(&person)))
}

/// Take away a second factor that was lost
///
/// Every session and every token of theirs ends. They sign in with their password, and set another factor up.
#[utoipa::path(
    post, path = "/v1/admin/users/{id}/reset-second-factor", tag = "users", operation_id = "resetUserFactor",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 200, description = "The person, who has no second factor any more", body = UserBody), OnChanging),
    security(("token" = []))
)]
pub async fn reset_factor(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    let person = auth::reception(&door)?.reset_factor(&id, &by).await.map_err(auth::not_done)?;
    Ok(HttpResponse::Ok().json(UserBody::of(&person)))
}

/// What shall end.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = TokenRevocation)]
pub struct RevocationBody {
    /// One access token, by its claim `jti`. Its session goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// Every session and every token of everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everything: Option<bool>,
}

/// Take back one token, or all
///
/// On every daemon of the house, within 100 ms. API keys and the token of `http.token_file` are not concerned.
#[utoipa::path(
    post, path = "/v1/admin/tokens/revoke", tag = "users", operation_id = "revokeTokens",
    request_body = RevocationBody,
    responses((status = 204, description = "It opens nothing any more"), OnChanging),
    security(("token" = []))
)]
pub async fn revoke_tokens(door: Data<Door>, by: By, body: JsonBody) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let token_id = fields.text("token_id", "a string: the claim `jti`");
        let everything = fields.take("everything");
        if everything.as_ref().is_some_and(|value| *value != serde_json::Value::Bool(true)) {
            fields.note("everything", "true is wanted, or nothing");
        }
        if token_id.is_some() == everything.is_some() {
            fields.note("token_id", "name one token, or `everything`, and not both");
        }
        Some(RevocationBody { token_id, everything: everything.map(|_| true) })
    })?;
    let reception = auth::reception(&door)?;
    let done = match &wanted.token_id {
        Some(token) => reception.revoke_token(token, &by).await,
        None => reception.revoke_everything(&by).await,
    };
    done.map_err(auth::not_done)?;
    Ok(HttpResponse::NoContent().finish())
}

fn shown_once(invited: &Invited) -> InvitedUserBody {
    let invitation = invited.text.as_ref().map(|text| text.as_str().to_owned());
    InvitedUserBody { user: UserBody::of(&invited.person), invitation }
}

/// The people of the house behind a door.
///
/// # Errors
/// While the house starts, and where it knows none.
pub(super) fn people(door: &Door) -> Result<&People, Problem> {
    door.gatekeeper()?.map(Gatekeeper::people).ok_or_else(|| {
        Problem::new(Kind::NotFound, "this daemon knows no people: identity.master_key_file is not written")
    })
}

/// Why nothing was done, as a caller is told.
pub(super) fn not_done(why: PersonFault) -> Problem {
    match why {
        PersonFault::Invalid(mistakes) => Problem::mistakes(Kind::InvalidOrder, mistakes),
        PersonFault::NotFound => Problem::new(Kind::NotFound, why.to_string()),
        PersonFault::NotInvited => credentials::refused(Unknown::NoSuchInvitation.into()),
        PersonFault::NotLinked => Problem::new(Kind::NotFound, why.to_string()),
        why @ (PersonFault::NameTaken
        | PersonFault::Disabled
        | PersonFault::Outdated
        | PersonFault::Linked
        | PersonFault::TooManyLinks) => Problem::new(Kind::Conflict, why.to_string()),
        PersonFault::Hash(why @ HashFault::Busy) => {
            Problem::new(Kind::Busy, why.to_string()).retry_after_ms(HASH_RETRY_AFTER_MS)
        }
        why @ (PersonFault::Hash(HashFault::Broken) | PersonFault::NoRandomness) => {
            Fault::Broken { cause: why.to_string() }.into()
        }
        PersonFault::Store(fault) => Fault::from(fault).into(),
    }
}
