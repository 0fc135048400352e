//! `/v1/auth`: what people do at the door with their own secrets (F003-02, F003-07). None of it tells who exists: one 401 for a
//! name that nobody has, a wrong password, and somebody who is kept out, after the same work.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use payoutd_actors::rate_limiter::Trial;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{JsonBody, OptionalJsonBody, nothing_in, read_object},
    credentials,
    door::Door,
    office::Fault,
    openapi::{OnReading, OnSigningIn, OnStarting, OnTrying},
    peer,
    problem::{Kind, Problem},
    rates,
    users::{self, UserBody, people},
};
use crate::{
    identity::{
        Gatekeeper, Means, Principal, Reception,
        reception::{ReceptionFault, SignedIn, Tokens, second_factor::INTERIM_MS},
    },
    wire::moment,
};

/// An invitation, and the password of whoever was invited.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Acceptance)]
pub struct AcceptanceBody {
    /// The invitation's whole text: `payoutd_invitation_…`.
    pub invitation: String,
    /// The password: 15 to 128 characters of any kind, unless the house wants others (`identity.password_policy`).
    pub password: String,
}

/// Who signs in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = SignIn)]
pub struct SignInBody {
    /// What they sign in with.
    pub name: String,
    /// Their password.
    pub password: String,
}

/// What somebody holds who has signed in.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = SignedIn)]
pub struct SignedInBody {
    /// False: nothing else is asked for.
    pub requires_2fa: bool,
    /// Opens the API: `Authorization: Bearer …`.
    pub access_token: String,
    /// How it is shown: `Bearer`.
    pub token_type: String,
    /// For how long it is good, seconds.
    pub expires_in: i64,
    /// Its id, by which it can be revoked.
    pub token_id: String,
    /// Gets the next pair, once: `POST /v1/auth/refresh`.
    pub refresh_token: String,
    /// Until when.
    #[schema(format = DateTime)]
    pub refresh_expires_at: String,
    /// Who has signed in.
    pub user: UserBody,
}

/// A password that was right, of somebody who has a second factor.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = SecondFactorWanted)]
pub struct SecondFactorWantedBody {
    /// True: show a code with this token (`POST /v1/auth/second-factor`).
    pub requires_2fa: bool,
    /// What is shown with the code; it opens nothing else.
    pub interim_token: String,
    /// For how long, seconds.
    pub expires_in: i64,
}

/// What a sign-in has led to.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = SignInAnswer)]
#[serde(untagged)]
pub enum SignInAnswerBody {
    /// Tokens.
    Done(Box<SignedInBody>),
    /// A second factor is asked for.
    Wanted(SecondFactorWantedBody),
}

/// A refresh token.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Refresh)]
pub struct RefreshBody {
    /// The newest one of the session; each is good once.
    pub refresh_token: String,
}

/// Another password.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PasswordChange)]
pub struct PasswordChangeBody {
    /// The present one.
    pub password: String,
    /// The one from now on.
    pub new_password: String,
}

/// Who somebody is here.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Me)]
pub struct MeBody {
    /// The person.
    pub user: UserBody,
    /// What they may do now, whatever their token says.
    pub permissions: Vec<String>,
    /// The access token's id.
    pub token_id: String,
    /// The session's id.
    pub session_id: String,
    /// Until when the access token is good.
    #[schema(format = DateTime)]
    pub token_expires_at: String,
}

/// Public keys (RFC 7517).
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = PublicKeys)]
pub struct PublicKeysBody {
    /// The keys: the first signs, all verify.
    pub keys: Vec<serde_json::Value>,
}

/// Accept an invitation
///
/// Chooses a password. The invitation is used up by it; everything that the person was given before opens nothing any more.
#[utoipa::path(
    post, path = "/v1/auth/accept", tag = "auth", operation_id = "acceptInvitation",
    request_body = AcceptanceBody,
    responses((status = 200, description = "The person, who may sign in now", body = UserBody), OnSigningIn)
)]
pub async fn accept(request: HttpRequest, door: Data<Door>, body: JsonBody) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let invitation = fields.required_text("invitation", "a string like \"payoutd_invitation_…\"");
        let password = fields.required_text("password", "a string");
        Some(AcceptanceBody { invitation: invitation?, password: password? })
    })?;
    let from = peer::address_of(&request, &door.settings.trusted_proxies);
    let accepted = people(&door)?.accept(&wanted.invitation, &wanted.password, from).await;
    let person = accepted.map_err(users::not_done)?;
    Ok(HttpResponse::Ok().json(UserBody::of(&person)))
}

/// Sign in
///
/// The answer is the same, and takes the same time, for a name that nobody has and for a wrong password.
#[utoipa::path(
    post, path = "/v1/auth/sign-in", tag = "auth", operation_id = "signIn",
    request_body = SignInBody,
    responses((status = 200, description = "Tokens, or the wish for a second factor", body = SignInAnswerBody), OnSigningIn)
)]
pub async fn sign_in(
    request: HttpRequest,
    door: Data<Door>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let name = fields.required_text("name", "a string like \"alice@example.com\"");
        let password = fields.required_text("password", "a string");
        Some(SignInBody { name: name?, password: password? })
    })?;
    let reception = reception(&door)?;
    let from = peer::address_of(&request, &door.settings.trusted_proxies);
    let caller = reception.caller(&wanted.name).await.map_err(not_done)?;
    // Whether anybody has the name or not: who exists is not told by a rate either (F004-01).
    if let Some(trial) = reception.trial(&caller, from) {
        may_try(&door, trial).await?;
    }
    match reception.sign_in(caller, &wanted.password, from).await.map_err(not_done)? {
        SignedIn::Done(tokens) => Ok(signed_in(&tokens)),
        SignedIn::SecondFactorWanted(interim) => Ok(HttpResponse::Ok().json(SecondFactorWantedBody {
            requires_2fa: true,
            interim_token: interim.to_string(),
            expires_in: INTERIM_MS / 1_000,
        })),
    }
}

/// Get the next tokens
///
/// A refresh token is good once. One that was used before ends its session, for somebody has a copy of it; within ten seconds it is
/// only refused, for its answer may have been lost. Of several who show one at once, one gets the next.
#[utoipa::path(
    post, path = "/v1/auth/refresh", tag = "auth", operation_id = "refresh",
    request_body = RefreshBody,
    responses((status = 200, description = "Tokens", body = SignedInBody), OnSigningIn)
)]
pub async fn refresh(
    request: HttpRequest,
    door: Data<Door>,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let refresh_token = fields.required_text("refresh_token", "a string like \"payoutd_refresh_…\"");
        Some(RefreshBody { refresh_token: refresh_token? })
    })?;
    let from = peer::address_of(&request, &door.settings.trusted_proxies);
    let tokens = reception(&door)?.refresh(&wanted.refresh_token, from).await.map_err(not_done)?;
    Ok(signed_in(&tokens))
}

/// Sign out
///
/// Ends the session: its access tokens and its refresh token open nothing any more.
#[utoipa::path(
    post, path = "/v1/auth/sign-out", tag = "auth", operation_id = "signOut",
    responses((status = 204, description = "The session has ended"), OnTrying),
    security(("token" = []))
)]
pub async fn sign_out(
    door: Data<Door>,
    principal: Principal,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    let reception = reception(&door)?;
    let holder = reception.holder_again(&principal).await.map_err(not_done)?;
    reception.sign_out(&holder).await.map_err(not_done)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Show who I am
#[utoipa::path(
    get, path = "/v1/auth/me", tag = "auth", operation_id = "readMe",
    responses((status = 200, description = "The person, and what they may do", body = MeBody), OnReading),
    security(("token" = []))
)]
pub async fn me(door: Data<Door>, principal: Principal) -> Result<HttpResponse, Problem> {
    let holder = reception(&door)?.holder_again(&principal).await.map_err(not_done)?;
    let Means::Token { token_id, session_id, expires_at_ms, .. } = principal.means().clone() else {
        return Err(super::access::not_known());
    };
    Ok(HttpResponse::Ok().json(MeBody {
        user: UserBody::of(&holder.person),
        permissions: holder.permissions().iter().map(|permission| permission.word().to_owned()).collect(),
        token_id,
        session_id,
        token_expires_at: moment::write(expires_at_ms),
    }))
}

/// Choose another password
///
/// Every session ends, this one among them: sign in anew. Whoever has a second factor has shown it within five minutes.
#[utoipa::path(
    post, path = "/v1/auth/password", tag = "auth", operation_id = "changePassword",
    request_body = PasswordChangeBody,
    responses((status = 204, description = "The new password holds"), OnTrying),
    security(("token" = []))
)]
pub async fn change_password(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let password = fields.required_text("password", "a string");
        let new_password = fields.required_text("new_password", "a string");
        Some(PasswordChangeBody { password: password?, new_password: new_password? })
    })?;
    let id = principal.person_id().unwrap_or_default();
    let from = peer::address_of(&request, &door.settings.trusted_proxies);
    let reception = reception(&door)?;
    if reception.myself(&principal).await.map_err(not_done)?.second_factor.is_some() {
        principal.must_have_shown_a_factor(reception.now_ms())?;
    }
    let changed = reception.change_password(id, &wanted.password, &wanted.new_password, from).await;
    changed.map_err(not_done)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Read the public keys of access tokens
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth", operation_id = "readPublicKeys",
    responses((status = 200, description = "The keys; none where nobody can sign in", body = PublicKeysBody), OnStarting)
)]
pub async fn jwks(door: Data<Door>) -> Result<HttpResponse, Problem> {
    let reception = door.gatekeeper()?.and_then(Gatekeeper::reception);
    let keys = reception.map(|reception| reception.keys().public()).unwrap_or_default();
    Ok(HttpResponse::Ok().json(keys))
}

/// Where people sign in, behind a door.
///
/// # Errors
/// While the house starts, and where nothing signs tokens.
pub(super) fn reception(door: &Door) -> Result<&Reception, Problem> {
    door.gatekeeper()?.and_then(Gatekeeper::reception).ok_or_else(|| {
        Problem::new(
            Kind::NotFound,
            "nobody signs in at this daemon: identity.token_key_files is not written",
        )
    })
}

/// Before a secret of somebody's is tried by whoever is not known yet.
pub(super) async fn may_try(door: &Door, trial: Trial<'_>) -> Result<(), Problem> {
    match door.rates() {
        Some(limiters) => rates::of_account(limiters, trial).await,
        None => Ok(()),
    }
}

pub(super) fn signed_in(tokens: &Tokens) -> HttpResponse {
    HttpResponse::Ok().json(SignedInBody {
        requires_2fa: false,
        access_token: tokens.access.to_string(),
        token_type: "Bearer".to_owned(),
        expires_in: tokens.access_ms / 1_000,
        token_id: tokens.access_id.clone(),
        refresh_token: tokens.refresh.to_string(),
        refresh_expires_at: moment::write(tokens.refresh_until_ms),
        user: UserBody::of(&tokens.person),
    })
}

/// Why nothing was done, as a caller is told.
pub(super) fn not_done(why: ReceptionFault) -> Problem {
    match why {
        ReceptionFault::Unknown(why) => credentials::refused(why.into()),
        ReceptionFault::Person(why) => users::not_done(why),
        ReceptionFault::Invalid(field, detail) => {
            Problem::mistakes(Kind::InvalidOrder, vec![(field, detail.to_owned())])
        }
        ReceptionFault::InTheWay(why) => Problem::new(Kind::Conflict, why),
        why @ (ReceptionFault::Broken | ReceptionFault::Vault(_)) => {
            Fault::Broken { cause: why.to_string() }.into()
        }
    }
}
