//! `/v1/admin/keys`: API keys, made, shown, rotated and revoked (F001-10, F001-15). A key's text is in one answer and never again.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use payoutd_actors::domain::access::{Permission, Reach, Routes};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    body::{JsonBody, OptionalJsonBody, nothing_in, read_object},
    door::Door,
    office::Fault,
    openapi::{OnChanging, OnDeciding, OnListingKept, OnReadingOne},
    problem::{Kind, Problem},
    query,
};
use crate::{
    identity::{By, Gatekeeper, Issue, Issued, KeyFault, KeyView, Keyring, Principal},
    wire::{fields::Fields, moment},
};

/// Keys that a page shows.
const PAGE: u32 = 50;
/// The parameters of the list.
pub const PARAMETERS: &[&str] = &["account", "after"];

/// What a key shall be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NewKey)]
pub struct NewKeyBody {
    /// What a person calls it: 1 to 100 characters.
    pub name: String,
    /// Whose money it spends; the scope of its idempotency keys.
    pub account: String,
    /// What it may do: `payout:create`, `payout:read`, `payout:cancel`, `house:read`, `event:read`, `audit:read`.
    pub permissions: Vec<String>,
    /// From where it may be used: `["any"]`, or networks like `10.0.0.0/8`.
    pub networks: Vec<String>,
    /// To whose payouts: `own`, `node` or `all`. `own` unless it is said; `event:read` wants `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<String>,
    /// By which routes it orders. `transfer` and `router_v0` unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<String>>,
    /// Whether it orders batches. No, unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<bool>,
    /// How often its account may ask, over all routes: `standard` or `premium`. `standard` unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// How often this key may ask, requests a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_minute: Option<u16>,
    /// Until when it opens: a moment within 366 days, which is what it is unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A key, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyBody {
    /// Its id, which is no secret.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// Whose money it spends.
    pub account: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// To whose payouts.
    pub reach: String,
    /// By which routes it orders.
    pub routes: Vec<String>,
    /// Whether it orders batches.
    pub batch: bool,
    /// From where.
    pub networks: Vec<String>,
    /// How often its account may ask: `standard` or `premium`.
    pub tier: String,
    /// How often this key may ask, requests a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_minute: Option<u16>,
    /// `active`, `expired` or `revoked`.
    pub status: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// By whom.
    pub created_by: String,
    /// Until when it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Since when it opens nothing, by somebody's decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
    /// The key that it takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor_of: Option<String>,
    /// Uses since it was made, written down every few seconds.
    pub uses: u64,
    /// Uses within 24 hours.
    pub uses_24h: u64,
    /// When it was used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
}

/// A key that was made, with its text.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = IssuedKey)]
pub struct IssuedKeyBody {
    /// The key.
    pub key: KeyBody,
    /// Its whole text, shown once: `Authorization: Bearer payoutd_…`. What stands behind the last `_` is the secret that signs.
    pub text: String,
}

/// Keys, by their ids.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Keys)]
pub struct KeysBody {
    /// The keys.
    pub keys: Vec<KeyBody>,
    /// What to ask `after` for the next page; null behind the last.
    pub next_after: Option<String>,
}

impl KeyBody {
    fn of(view: &KeyView, now_ms: i64) -> Self {
        let KeyView { key, usage } = view;
        let create = key.grants.get(Permission::PayoutCreate);
        let reach = key.grants.iter().map(|grant| grant.reach).max().unwrap_or(Reach::Own);
        let routes = create.map_or(Routes::NONE, |grant| grant.routes);
        let status = match (key.revoked_at_ms, key.is_good_at(now_ms)) {
            (Some(_), _) => "revoked",
            (None, true) => "active",
            (None, false) => "expired",
        };
        Self {
            id: key.id.clone(),
            name: key.name.clone(),
            account: key.account.to_string(),
            permissions: key.grants.iter().map(|grant| grant.permission.word().to_owned()).collect(),
            reach: reach.word().to_owned(),
            routes: routes.iter().map(|route| route.word().to_owned()).collect(),
            batch: create.is_some_and(|grant| grant.batch),
            networks: key.networks.words(),
            tier: key.rate.tier.word().to_owned(),
            rate_per_minute: key.rate.per_minute,
            status: status.to_owned(),
            created_at: moment::write(key.created_at_ms),
            created_by: key.created_by.clone(),
            expires_at: key.expires_at_ms.map(moment::write),
            revoked_at: key.revoked_at_ms.map(moment::write),
            successor_of: key.successor_of.clone(),
            uses: usage.uses,
            uses_24h: usage.uses_24h,
            last_used_at: (usage.uses > 0).then(|| moment::write(usage.last_used_at_ms)),
        }
    }
}

/// Make an API key
///
/// The answer holds the key's whole text, and nothing ever shows it again. Only its digest is kept, and its secret under the
/// master key.
#[utoipa::path(
    post, path = "/v1/admin/keys", tag = "keys", operation_id = "createKey",
    request_body = NewKeyBody,
    responses((status = 201, description = "The key, with its text", body = IssuedKeyBody), OnChanging),
    security(("token" = []))
)]
pub async fn create(door: Data<Door>, by: By, body: JsonBody) -> Result<HttpResponse, Problem> {
    let issue = read_object(&body.0, wanted)?;
    let keyring = keyring(&door)?;
    let issued = keyring.issue(&issue, &by).await.map_err(not_done)?;
    Ok(shown_once(&issued, keyring.now_ms()))
}

/// List API keys
#[utoipa::path(
    get, path = "/v1/admin/keys", tag = "keys", operation_id = "listKeys",
    params(
        ("account" = Option<String>, Query, description = "Keys of this account alone"),
        ("after" = Option<String>, Query, description = "Keys behind this id: `next_after` of the page before")),
    responses((status = 200, description = "The keys", body = KeysBody), OnListingKept),
    security(("token" = []))
)]
pub async fn list(
    request: HttpRequest,
    door: Data<Door>,
    _principal: Principal,
) -> Result<HttpResponse, Problem> {
    let (account, after) = query::account_and_after(request.query_string())?;
    let keyring = keyring(&door)?;
    let views = keyring.views(account.as_ref(), &after, PAGE).await.map_err(not_done)?;
    let is_full = u32::try_from(views.len()).is_ok_and(|count| count >= PAGE);
    let next_after = views.last().filter(|_| is_full).map(|last| last.key.id.clone());
    let keys = views.iter().map(|view| KeyBody::of(view, keyring.now_ms())).collect();
    Ok(HttpResponse::Ok().json(KeysBody { keys, next_after }))
}

/// Show an API key
#[utoipa::path(
    get, path = "/v1/admin/keys/{id}", tag = "keys", operation_id = "readKey",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key", body = KeyBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn show(
    door: Data<Door>,
    _principal: Principal,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let keyring = keyring(&door)?;
    let view = keyring.view(&id).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(KeyBody::of(&view, keyring.now_ms())))
}

/// Rotate an API key
///
/// Makes a successor with the same rights. The old key opens for 24 hours more, so that both are good while programs change over.
#[utoipa::path(
    post, path = "/v1/admin/keys/{id}/rotate", tag = "keys", operation_id = "rotateKey",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 201, description = "The successor, with its text", body = IssuedKeyBody), OnDeciding),
    security(("token" = []))
)]
pub async fn rotate(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    let keyring = keyring(&door)?;
    let issued = keyring.rotate(&id, &by).await.map_err(not_done)?;
    Ok(shown_once(&issued, keyring.now_ms()))
}

/// Revoke an API key
///
/// It opens nothing from now on, on every daemon of the house.
#[utoipa::path(
    post, path = "/v1/admin/keys/{id}/revoke", tag = "keys", operation_id = "revokeKey",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key, revoked", body = KeyBody), OnDeciding),
    security(("token" = []))
)]
pub async fn revoke(
    door: Data<Door>,
    by: By,
    id: Path<String>,
    body: OptionalJsonBody,
) -> Result<HttpResponse, Problem> {
    nothing_in(body)?;
    let keyring = keyring(&door)?;
    let view = keyring.revoke(&id, &by).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(KeyBody::of(&view, keyring.now_ms())))
}

fn shown_once(issued: &Issued, now_ms: i64) -> HttpResponse {
    let key = KeyBody::of(&issued.key, now_ms);
    let location = format!("/v1/admin/keys/{}", key.id);
    let body = IssuedKeyBody { key, text: issued.text.as_str().to_owned() };
    HttpResponse::Created().insert_header(("Location", location)).json(body)
}

pub(super) fn keyring(door: &Door) -> Result<&Keyring, Problem> {
    door.gatekeeper()?.map(Gatekeeper::keyring).ok_or_else(|| {
        Problem::new(Kind::NotFound, "this daemon takes no API keys: identity.master_key_file is not written")
    })
}

pub(super) fn not_done(why: KeyFault) -> Problem {
    match why {
        KeyFault::Invalid(mistakes) => Problem::mistakes(Kind::InvalidOrder, mistakes),
        KeyFault::NotFound => Problem::new(Kind::NotFound, "there is no such key"),
        why @ (KeyFault::Ended | KeyFault::Outdated) => Problem::new(Kind::WrongStage, why.to_string()),
        KeyFault::Store(fault) => Fault::from(fault).into(),
        KeyFault::Vault(fault) => Fault::Broken { cause: fault.to_string() }.into(),
    }
}

fn wanted(fields: &mut Fields<'_>) -> Option<Issue> {
    let name = fields.required_text("name", "a string");
    let account = fields.required_text("account", "a string like \"billing\"");
    let permissions = fields
        .require("permissions", "a list of permissions")
        .map(|value| texts(fields, "permissions", value));
    let networks = fields
        .require("networks", "[\"any\"], or a list of networks")
        .map(|value| texts(fields, "networks", value));
    let reach = fields.text("reach", "own, node or all");
    let routes = fields.take("routes").map(|value| texts(fields, "routes", value));
    let batch = match fields.take("batch").map(|value| value.as_bool()) {
        None => Some(false),
        Some(Some(batch)) => Some(batch),
        Some(None) => {
            fields.note("batch", "true or false is wanted");
            None
        }
    };
    let expires_at_ms = match fields.text("expires_at", "a moment like \"2027-01-01T00:00:00Z\"") {
        None => Some(None),
        Some(text) => match moment::read(&text) {
            Some(at_ms) => Some(Some(at_ms)),
            None => {
                fields.note("expires_at", "a moment like \"2027-01-01T00:00:00Z\" is wanted");
                None
            }
        },
    };
    let tier = fields.text("tier", "standard or premium");
    let rate_per_minute = match fields.take("rate_per_minute") {
        None => Some(None),
        Some(value) => match value.as_u64().and_then(|number| u16::try_from(number).ok()) {
            Some(number) => Some(Some(number)),
            None => {
                fields.note("rate_per_minute", "a whole number from 1 to 65535 is wanted");
                None
            }
        },
    };
    Some(Issue {
        tier,
        rate_per_minute: rate_per_minute?,
        name: name?,
        account: account?,
        permissions: permissions??,
        networks: networks??,
        reach,
        routes: match routes {
            None => None,
            Some(routes) => Some(routes?),
        },
        batch: batch?,
        expires_at_ms: expires_at_ms?,
    })
}

fn texts(fields: &mut Fields<'_>, name: &'static str, value: Value) -> Option<Vec<String>> {
    let texts: Option<Vec<String>> =
        value.as_array().and_then(|list| list.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    if texts.is_none() {
        fields.note(name, "a list of strings is wanted");
    }
    texts
}
