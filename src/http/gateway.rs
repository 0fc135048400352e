//! What a gateway says in its headers of whoever it brings (F000-05), read at the internal listener and nowhere else.
//!
//! Promises: everywhere else these headers are taken off before anybody looks; the role that is named takes away and never adds; what moves
//! money carries the gateway's own signature, of the account whose money it is; and it stands in the journal before it is done.
//! **Never here:** who is a gateway (the listener tells), what a person may do (the register does).

use actix_web::{
    dev::ServiceRequest,
    http::{
        Method,
        header::{HeaderMap, HeaderName},
    },
};
use payoutd_actors::domain::access::{NoSuchRole, Role};

use super::{
    access::is_grave,
    credentials::{self, one, refused},
    door::Door,
    listeners::{InternalSettings, gateway_of, visitor_of},
    problem::{Kind, Problem},
    routes::{Asked, Line},
};
use crate::identity::{
    Gatekeeper, Principal, Unknown,
    gateway::{Gateway, Introduction, Visitor},
};

/// Who asks: the id of a person.
pub const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
/// As what they ask, where they are to be less than they are.
pub const USER_ROLE: HeaderName = HeaderName::from_static("x-user-role");
/// What gateways show besides, where the house wants it.
pub const INTERNAL_TOKEN: HeaderName = HeaderName::from_static("x-internal-token");
/// What says between gateways who somebody is.
pub const HEADERS: [HeaderName; 3] = [USER_ID, USER_ROLE, INTERNAL_TOKEN];

/// Takes the headers of gateways off whatever did not come over their listener.
pub fn strip(request: &mut ServiceRequest) {
    if visitor_of(request.request()).is_none() {
        let headers = request.headers_mut();
        HEADERS.iter().for_each(|name| drop(headers.remove(name)));
    }
}

/// Whether a request came over the internal listener, and from nobody who is a gateway.
#[must_use]
pub fn is_of_a_stranger(request: &ServiceRequest) -> bool {
    matches!(visitor_of(request.request()), Some(Visitor::Stranger(_)))
}

/// The answer to a stranger.
#[must_use]
pub fn not_a_gateway() -> Problem {
    refused(Unknown::NotAGateway.into())
}

/// What a gateway's headers say.
struct Said {
    person_id: String,
    role: Option<Role>,
}

/// Whoever a gateway brings.
///
/// # Errors
/// 400 where a header is missing or is none; one 401 for every other reason why nobody is let in.
pub async fn principal_of(
    door: &Door,
    request: &mut ServiceRequest,
    asked: Asked,
    gateway: &Gateway,
) -> Result<Principal, Problem> {
    let said = read(request.headers(), door.settings.internal.as_ref())?;
    let Some(gatekeeper) = door.gatekeeper()? else {
        return Err(refused(Unknown::NoSuchPerson.into()));
    };
    let who = Introduction { gateway, person_id: &said.person_id, role: said.role };
    let principal = gatekeeper.let_in_by_gateway(&who).await.map_err(refused)?;
    let Some(key) = credentials::signer_of(gatekeeper, request).await? else {
        return if wants_signature(gatekeeper, asked) { Err(unsigned()) } else { Ok(principal) };
    };
    principal.brought_with(&key).ok_or_else(|| {
        let detail =
            "the key that has signed this is of another account than the person whom the gateway brings";
        Problem::new(Kind::Forbidden, detail)
    })
}

/// What is grave is refused for want of a second factor, signed or not.
fn wants_signature(gatekeeper: &Gatekeeper, asked: Asked) -> bool {
    matches!(asked, Asked::Grant(asked) if gatekeeper.wants_signature(asked.permission) && !is_grave(asked.permission))
}

fn unsigned() -> Problem {
    let detail = "what moves money through a gateway is signed by the gateway, with an API key of the person's account";
    Problem::new(Kind::SignatureRequired, detail)
}

fn read(headers: &HeaderMap, settings: Option<&InternalSettings>) -> Result<Said, Problem> {
    let wanted_token = settings.and_then(|settings| settings.token.as_ref());
    let wanted = [Some(USER_ID), wanted_token.map(|_| INTERNAL_TOKEN)];
    let missing: Vec<_> = wanted.into_iter().flatten().filter(|name| !headers.contains_key(name)).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(written).collect();
        return Err(bad(format!("a gateway says who asks: missing is {}", names.join(" and "))));
    }
    if let Some(token) = wanted_token {
        let shown = one(headers, INTERNAL_TOKEN.as_str()).flatten().unwrap_or_default();
        if !token.is(shown) {
            return Err(refused(Unknown::WrongInternalToken.into()));
        }
    }
    let person_id = text(headers, &USER_ID)?.unwrap_or_default().to_owned();
    let role = text(headers, &USER_ROLE)?.map(str::parse).transpose();
    Ok(Said {
        person_id,
        role: role.map_err(|why: NoSuchRole| bad(format!("{}: {why}", written(&USER_ROLE))))?,
    })
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    one(headers, name.as_str()).ok_or_else(|| bad(format!("{} stands twice, or is no text", written(name))))
}

fn bad(detail: String) -> Problem {
    Problem::new(Kind::MalformedRequest, detail)
}

/// As people write it.
fn written(name: &HeaderName) -> &'static str {
    match name.as_str() {
        "x-user-id" => "X-User-ID",
        "x-user-role" => "X-User-Role",
        _ => "X-Internal-Token",
    }
}

/// The journal hears of what a gateway brings, where it changes anything, before it is done.
///
/// # Errors
/// When the journal does not take it: nothing is done then.
pub async fn note(
    door: &Door,
    request: &ServiceRequest,
    line: &Line,
    principal: &Principal,
) -> Result<(), Problem> {
    if line.method == Method::GET || gateway_of(request.request()).is_none() {
        return Ok(());
    }
    let Some(gatekeeper) = door.gatekeeper()? else { return Ok(()) };
    gatekeeper.note_brought(principal, line.action).await.map_err(|fault| refused(fault.into()))
}
