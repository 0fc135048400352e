//! `/v1/2fa`: a second factor, set up, shown again and given up (F004-07 to F004-12). A secret and backup codes are in one answer each and
//! never again.

use std::net::IpAddr;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use payoutd_actors::rate_limiter::Trial;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::{may_try, not_done, reception, signed_in},
    body::{JsonBody, read_object},
    door::Door,
    office::Fault,
    openapi::{OnEnrolling, OnReading, OnSigningIn, OnTrying},
    peer,
    problem::{Kind, Problem},
};
use crate::{
    identity::{Principal, people::name_of, reception::second_factor::BackupCodes, second_factor::qr},
    wire::moment,
};

/// What finishes a sign-in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = SecondFactor)]
pub struct SecondFactorBody {
    /// What the sign-in has answered.
    pub interim_token: String,
    /// Six digits of the app, or a backup code.
    pub code: String,
}

/// A code.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Code)]
pub struct CodeBody {
    /// Six digits of the app, or a backup code.
    pub code: String,
}

/// What sets a second factor up.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Enrolment)]
pub struct EnrolmentBody {
    /// `totp`; codes by SMS or e-mail are no second factor here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The password, once more.
    pub password: String,
}

/// A factor that is being set up.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PendingFactor)]
pub struct PendingFactorBody {
    /// The secret, as one types it into an app (base32).
    pub secret: String,
    /// The same for an app, as it reads it from the picture.
    pub otpauth_uri: String,
    /// The picture.
    pub qr_svg: String,
    /// The same as PNG, in base64.
    pub qr_png: String,
    /// Until when the first code is waited for.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// Backup codes.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = BackupCodes)]
pub struct BackupCodesBody {
    /// Ten of them, each good once in the place of a code; shown once.
    pub backup_codes: Vec<String>,
}

/// What gives a factor up.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = GivingUp)]
pub struct GivingUpBody {
    /// The password.
    pub password: String,
    /// Six digits of the app, or a backup code. The password alone is not enough.
    #[serde(default)]
    pub code: String,
}

/// How somebody's second factor stands.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = FactorStatus)]
pub struct FactorStatusBody {
    /// Whether one is asked for.
    pub enabled: bool,
    /// `totp`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub enabled_at: Option<String>,
    /// Backup codes that are left.
    pub backup_codes_left: usize,
    /// Until when the first code of one that is being set up is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub pending_until: Option<String>,
}

/// How long somebody is fresh.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = SteppedUp)]
pub struct SteppedUpBody {
    /// Until when what is grave is open to this session.
    #[schema(format = DateTime)]
    pub fresh_until: String,
}

/// Finish a sign-in with the second factor
///
/// Each code is good once, and so is the interim token.
#[utoipa::path(
    post, path = "/v1/auth/second-factor", tag = "auth", operation_id = "finishSignIn",
    request_body = SecondFactorBody,
    responses((status = 200, description = "Tokens", body = super::auth::SignedInBody), OnSigningIn)
)]
pub async fn finish(request: HttpRequest, door: Data<Door>, body: JsonBody) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let interim_token = fields.required_text("interim_token", "a string");
        let code = fields.required_text("code", "a string like \"123456\"");
        Some(SecondFactorBody { interim_token: interim_token?, code: code? })
    })?;
    let reception = reception(&door)?;
    let who = reception.interim_of(&wanted.interim_token).map_err(not_done)?;
    may_try(&door, Trial::Code(&name_of(&who))).await?;
    let from = peer::address_of(&request, &door.settings.trusted_proxies);
    let tokens = reception.finish_sign_in(&wanted.interim_token, &wanted.code, from).await;
    Ok(signed_in(&tokens.map_err(not_done)?))
}

/// Show a fresh code
///
/// For five minutes from now this session may do what is grave: keys, people, pause and resume, decisions about payouts.
#[utoipa::path(
    post, path = "/v1/auth/step-up", tag = "auth", operation_id = "stepUp",
    request_body = CodeBody,
    responses((status = 200, description = "It may", body = SteppedUpBody), OnTrying),
    security(("token" = []))
)]
pub async fn step_up(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (code, from) = code_of(&request, &door, &body)?;
    let until_ms = reception(&door)?.step_up(&principal, &code, from).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(SteppedUpBody { fresh_until: moment::write(until_ms) }))
}

/// Set a second factor up
///
/// The answer holds the secret, and nothing ever shows it again. It is asked for once its first code is shown
/// (`POST /v1/2fa/verify`), within ten minutes.
#[utoipa::path(
    post, path = "/v1/2fa/enroll", tag = "2fa", operation_id = "enrolFactor",
    request_body = EnrolmentBody,
    responses((status = 200, description = "The secret, to be put into an app", body = PendingFactorBody), OnEnrolling),
    security(("token" = []))
)]
pub async fn enrol(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let method = fields.text("method", "\"totp\"");
        let password = fields.required_text("password", "a string");
        Some(EnrolmentBody { method, password: password? })
    })?;
    match wanted.method.as_deref() {
        None | Some("totp") => {}
        Some("sms" | "email") => {
            let detail = "codes by SMS or e-mail are no second factor here: use an app (`totp`)";
            return Err(Problem::new(Kind::MfaMethodUnsupported, detail));
        }
        Some(_) => return Err(Problem::new(Kind::MfaMethodUnsupported, "the method is `totp`")),
    }
    let reception = reception(&door)?;
    let from = peer::address_of(&request, &door.settings.trusted_proxies);
    let enrolment = reception.enrol(&principal, &wanted.password, from).await.map_err(not_done)?;
    let pictures = qr::svg(&enrolment.uri).zip(qr::png(&enrolment.uri));
    let (svg, png) =
        pictures.ok_or_else(|| Fault::Broken { cause: "the name fits in no picture".to_owned() })?;
    Ok(HttpResponse::Ok().json(PendingFactorBody {
        secret: enrolment.secret.to_string(),
        otpauth_uri: enrolment.uri.to_string(),
        qr_svg: svg,
        qr_png: BASE64_STANDARD.encode(png),
        expires_at: moment::write(enrolment.until_ms),
    }))
}

/// Show the first code of a second factor
///
/// From now on it is asked for at each sign-in. Every session ends, this one among them: sign in anew.
#[utoipa::path(
    post, path = "/v1/2fa/verify", tag = "2fa", operation_id = "verifyFactor",
    request_body = CodeBody,
    responses((status = 200, description = "It is asked for from now on; ten backup codes", body = BackupCodesBody), OnTrying),
    security(("token" = []))
)]
pub async fn verify(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (code, from) = code_of(&request, &door, &body)?;
    let codes = reception(&door)?.confirm(&principal, &code, from).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(shown_once(&codes)))
}

/// Give the second factor up
///
/// Wants the password and a code. Every session ends, this one among them.
#[utoipa::path(
    post, path = "/v1/2fa/disable", tag = "2fa", operation_id = "disableFactor",
    request_body = GivingUpBody,
    responses((status = 204, description = "The password alone is asked for from now on"), OnTrying),
    security(("token" = []))
)]
pub async fn disable(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let wanted = read_object(&body.0, |fields| {
        let password = fields.required_text("password", "a string");
        let code = fields.text("code", "a string like \"123456\"").unwrap_or_default();
        Some(GivingUpBody { password: password?, code })
    })?;
    let reception = reception(&door)?;
    let from = peer::address_of(&request, &door.settings.trusted_proxies);
    let done = reception.give_up(&principal, &wanted.password, &wanted.code, from).await;
    done.map_err(not_done)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Make new backup codes
///
/// Those that were there are good no more.
#[utoipa::path(
    post, path = "/v1/2fa/backup-codes", tag = "2fa", operation_id = "renewBackupCodes",
    request_body = CodeBody,
    responses((status = 200, description = "Ten backup codes", body = BackupCodesBody), OnTrying),
    security(("token" = []))
)]
pub async fn backup_codes(
    request: HttpRequest,
    door: Data<Door>,
    principal: Principal,
    body: JsonBody,
) -> Result<HttpResponse, Problem> {
    let (code, from) = code_of(&request, &door, &body)?;
    let codes = reception(&door)?.renew_backup_codes(&principal, &code, from).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(shown_once(&codes)))
}

/// Show how the second factor stands
#[utoipa::path(
    get, path = "/v1/2fa/status", tag = "2fa", operation_id = "readFactor",
    responses((status = 200, description = "How it stands", body = FactorStatusBody), OnReading),
    security(("token" = []))
)]
pub async fn status(door: Data<Door>, principal: Principal) -> Result<HttpResponse, Problem> {
    let person = reception(&door)?.myself(&principal).await.map_err(not_done)?;
    let factor = person.second_factor.as_ref();
    Ok(HttpResponse::Ok().json(FactorStatusBody {
        enabled: factor.is_some(),
        method: factor.map(|_| "totp".to_owned()),
        enabled_at: factor.map(|factor| moment::write(factor.since_ms)),
        backup_codes_left: factor.map_or(0, |factor| factor.backup_codes_sha256.len()),
        pending_until: person.pending_factor.map(|pending| moment::write(pending.until_ms)),
    }))
}

/// The code that somebody shows, and from where.
fn code_of(request: &HttpRequest, door: &Door, body: &JsonBody) -> Result<(String, Option<IpAddr>), Problem> {
    let code = read_object(&body.0, |fields| fields.required_text("code", "a string like \"123456\""))?;
    Ok((code, peer::address_of(request, &door.settings.trusted_proxies)))
}

fn shown_once(codes: &BackupCodes) -> BackupCodesBody {
    BackupCodesBody { backup_codes: codes.iter().map(|code| code.to_string()).collect() }
}
