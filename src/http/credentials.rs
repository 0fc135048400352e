//! What a request shows of its caller, and whether it is believed.
//!
//! The house's own token is compared here, without a question to anybody; API keys and signatures are the gatekeeper's. A
//! signed request's body is read whole, within the door's limits, before its handler is called, and handed on to it.

use actix_web::{
    HttpMessage,
    dev::{Payload, ServiceRequest},
    http::header::{self, HeaderMap},
    web::Bytes,
};

use super::{
    access, body,
    door::Door,
    gateway,
    listeners::gateway_of,
    peer,
    problem::{Kind, Problem},
    routes::Asked,
};
use crate::{
    identity::{
        Gatekeeper, Presented, Principal, Refused, Shown, Signed, Unknown,
        signature::{KEY_HEADER, NONCE_HEADER, SIGNATURE_HEADER, Signable, TIMESTAMP_HEADER},
    },
    telemetry::names,
};

/// When a store that was away is worth asking again, ms.
const STORE_RETRY_AFTER_MS: i64 = 1_000;

/// Whoever sends a request that wants a permission.
///
/// # Errors
/// One answer for every credential that is not believed; the reason is counted.
pub async fn principal_of(
    door: &Door,
    request: &mut ServiceRequest,
    asked: Asked,
) -> Result<Principal, Problem> {
    if let Some(gateway) = gateway_of(request.request()).cloned() {
        return gateway::principal_of(door, request, asked, &gateway).await;
    }
    let trusted = &door.settings.trusted_proxies;
    let shows_token = door.settings.token.is_shown_by(request.headers()) && !is_signed(request.headers());
    // From elsewhere the house's token is a text like any other.
    if shows_token && peer::is_at_home(request.request(), trusted) {
        return Ok(Gatekeeper::house());
    }
    let headers = request.headers().clone();
    let peer = peer::address_of(request.request(), trusted);
    let shown = shown_by(&headers).ok_or(Unknown::Malformed).map_err(|why| refused(why.into()))?;
    let shown = Shown { peer, ..shown };
    let Some(gatekeeper) = door.gatekeeper()? else {
        return Err(refused(reason_without_keys(&shown).into()));
    };
    // An API key has no points, and a token of this form has two.
    if let (Some(token), None) = (shown.bearer.filter(|text| text.contains('.')), shown.signed) {
        return gatekeeper.let_in_by_token(token).await.map_err(refused);
    }
    let presented = gatekeeper.look(&shown).await.map_err(refused)?;
    let Some(signed) = shown.signed else {
        if matches!(asked, Asked::Grant(asked) if gatekeeper.wants_signature(asked.permission)) {
            let detail = "this key's requests that move money, or decide about it, are signed";
            return Err(Problem::new(Kind::SignatureRequired, detail));
        }
        return Ok(gatekeeper.let_in(&presented));
    };
    let_in_signed(gatekeeper, request, &presented, &signed).await
}

/// The key that has signed a gateway's request; `None` where nothing was signed. `Authorization` counts nothing there.
///
/// # Errors
/// As [`principal_of`].
pub(super) async fn signer_of(
    gatekeeper: &Gatekeeper,
    request: &mut ServiceRequest,
) -> Result<Option<Principal>, Problem> {
    if !is_signed(request.headers()) {
        return Ok(None);
    }
    let headers = request.headers().clone();
    let signed = signed_by(&headers).ok_or(Unknown::Malformed).map_err(|why| refused(why.into()))?;
    // The key is the gateway's, and so is the address from which it is used: that of the connection.
    let peer = request.peer_addr().map(|place| place.ip().to_canonical());
    let presented =
        gatekeeper.look(&Shown { bearer: None, signed: Some(signed), peer }).await.map_err(refused)?;
    let_in_signed(gatekeeper, request, &presented, &signed).await.map(Some)
}

/// Holds a whole request against its signature.
async fn let_in_signed(
    gatekeeper: &Gatekeeper,
    request: &mut ServiceRequest,
    presented: &Presented,
    signed: &Signed<'_>,
) -> Result<Principal, Problem> {
    let target = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let method = request.method().to_string();
    let bytes = read_whole(request).await?;
    let idempotency_key = one(request.headers(), "idempotency-key").flatten().unwrap_or_default();
    let signable = Signable {
        method: &method,
        target: &target,
        body: &bytes,
        idempotency_key,
        timestamp: signed.timestamp,
        nonce: signed.nonce,
    };
    gatekeeper.let_in_signed(presented, &signable, signed.signature).await.map_err(refused)
}

/// Where no keys are taken, a key is as unknown as anything else.
fn reason_without_keys(shown: &Shown<'_>) -> Unknown {
    match (shown.bearer, shown.signed) {
        (None, None) => Unknown::Nothing,
        (Some(_), _) => Unknown::WrongSecret,
        (None, Some(_)) => Unknown::NoSuchKey,
    }
}

fn is_signed(headers: &HeaderMap) -> bool {
    [KEY_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// The credentials of a request; `None` where a header of them stands twice, is no text or is missing beside the others.
fn shown_by(headers: &HeaderMap) -> Option<Shown<'_>> {
    let authorization = one(headers, header::AUTHORIZATION.as_str())?;
    let bearer = match authorization {
        None => None,
        Some(text) => {
            let (scheme, text) = text.split_once(' ')?;
            Some(scheme.eq_ignore_ascii_case("bearer").then(|| text.trim_matches(' '))?)
        }
    };
    let signed = match is_signed(headers) {
        false => None,
        true => Some(signed_by(headers)?),
    };
    Some(Shown { bearer, signed, peer: None })
}

fn signed_by(headers: &HeaderMap) -> Option<Signed<'_>> {
    Some(Signed {
        key_id: one(headers, KEY_HEADER)??,
        timestamp: one(headers, TIMESTAMP_HEADER)??,
        nonce: one(headers, NONCE_HEADER)??,
        signature: one(headers, SIGNATURE_HEADER)??,
    })
}

/// A header that stands once or not at all; the outer `None` where it stands twice or is no text.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<Option<&'a str>> {
    let mut given = headers.get_all(name);
    match (given.next(), given.next()) {
        (None, _) => Some(None),
        (Some(value), None) => value.to_str().ok().map(Some),
        (Some(_), Some(_)) => None,
    }
}

/// The body, whole; the handler finds it where it would have found it.
pub(super) async fn read_whole(request: &mut ServiceRequest) -> Result<Bytes, Problem> {
    let payload = request.take_payload();
    let bytes = body::read(request.request(), payload).await?;
    request.set_payload(Payload::from(bytes.clone()));
    Ok(bytes)
}

/// Why nobody was let in, as a caller is told: of a credential, always the same.
pub(super) fn refused(why: Refused) -> Problem {
    match why {
        Refused::Unknown(why) => {
            metrics::counter!(names::AUTHENTICATION_FAILURES_TOTAL, "reason" => why.word()).increment(1);
            match why {
                Unknown::NoSuchSignIn => metrics::counter!(names::FAILED_LOGIN_ATTEMPTS_TOTAL).increment(1),
                Unknown::TokenNotOurs | Unknown::TokenExpired | Unknown::TokenRevoked => {
                    metrics::counter!(names::JWT_VALIDATION_FAILURES_TOTAL, "reason" => why.word())
                        .increment(1);
                }
                _ => {}
            }
            tracing::debug!(reason = why.word(), "a credential is not believed");
            Problem { why: Some(why.word()), ..access::not_known() }
        }
        Refused::Outside => {
            metrics::counter!(names::SUSPICIOUS_REQUESTS_TOTAL, "reason" => "key_from_outside").increment(1);
            let detail = "this key is not to be used from this network";
            Problem { why: Some("key_from_outside"), ..Problem::new(Kind::Forbidden, detail) }
        }
        Refused::Replayed => {
            metrics::counter!(names::SUSPICIOUS_REQUESTS_TOTAL, "reason" => "replayed").increment(1);
            let detail =
                "a request with this nonce was taken before: sign each request anew, with a nonce of its own";
            Problem { why: Some("replayed"), ..Problem::new(Kind::RequestReplayed, detail) }
        }
        Refused::Busy => {
            Problem::new(Kind::Busy, "as many signatures as are checked at once are being checked")
                .retry_after_ms(STORE_RETRY_AFTER_MS)
        }
        Refused::Store(fault) => {
            tracing::warn!(%fault, "who is at the door can not be asked of the store");
            Problem::new(Kind::Unavailable, "the store is away: who you are can not be asked now")
                .retry_after_ms(STORE_RETRY_AFTER_MS)
        }
        Refused::Vault(fault) => {
            tracing::error!(%fault, "the secret of an API key can not be opened: is it the right master key?");
            Problem::new(Kind::Internal, "the cause stands in the log, under this request's id")
        }
    }
}
