//! `/v1/admin/limits`: the spending limits that hold, what was used of them, and setting others (F000-17, F000-21).

use actix_web::{HttpResponse, web::Data};
use payoutd_actors::domain::{limits::Ceilings, money::MicroUsdt};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{JsonBody, note_of, read_object},
    door::Door,
    office::Fault,
    openapi::{OnChanging, OnReadingOne},
    problem::{Kind, MistakeBody, Problem},
};
use crate::{
    identity::{By, Principal},
    limits::{LimitChange, LimitDesk, LimitFault, LimitView},
    wire::{fields::Fields, moment},
};

/// What a text of a scope looks like.
const SCOPE: &str =
    "`house`, `account:NAME`, `principal:NAME` (key:ID, user:ID or house), `role:ROLE` or `route:ROUTE`";

/// A limit that shall hold from now on, whole: what is left out is the configuration's.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NewLimit)]
pub struct NewLimitBody {
    /// Whose: `house`, `account:NAME`, `principal:NAME` (`key:ID`, `user:ID` or `house`), `role:ROLE` or `route:ROUTE`.
    pub scope: String,
    /// The largest payout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_payout_usdt: Option<String>,
    /// What may be spent in any 60 minutes. `"0"`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_usdt: Option<String>,
    /// What may be spent in any 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_usdt: Option<String>,
    /// Until when, within 366 days; then it is as if it had never been set. For good, unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Your words, kept in the journal.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// What holds for a scope.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = SpendingLimit)]
pub struct SpendingLimitBody {
    /// Whose.
    pub scope: String,
    /// The largest payout; null where only `limits.per_payout_usdt` bounds it.
    #[schema(required = true)]
    pub per_payout_usdt: Option<String>,
    /// Of any 60 minutes; null where nothing is limited.
    #[schema(required = true)]
    pub hourly: Option<UsedBody>,
    /// Of any 24 hours; null where nothing is limited.
    #[schema(required = true)]
    pub daily: Option<UsedBody>,
    /// Who has set it; null where it is the configuration's.
    #[schema(required = true)]
    pub set: Option<SetBody>,
}

/// A window's limit, and how it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = UsedLimit)]
pub struct UsedBody {
    /// The limit, USDT.
    pub limit: String,
    /// Settled within the window, on its way, and promised.
    pub used: String,
    /// What is left of it.
    pub left: String,
}

/// Who has set a limit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = LimitSetting)]
pub struct SetBody {
    /// Who.
    pub by: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Why.
    pub reason: String,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// The limits: of the house, of each account that has spent, and of every scope for which one is set.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = SpendingLimits)]
pub struct SpendingLimitsBody {
    /// The limits.
    pub limits: Vec<SpendingLimitBody>,
}

impl SpendingLimitBody {
    fn of(view: &LimitView) -> Self {
        let window = |limit: Option<MicroUsdt>, used: MicroUsdt| {
            let of = |limit: MicroUsdt| UsedBody {
                limit: limit.to_string(),
                used: used.to_string(),
                left: limit.saturating_sub(used).to_string(),
            };
            limit.map(of)
        };
        let set = view.set.as_ref().map(|set| SetBody {
            by: set.set_by.clone(),
            at: moment::write(set.set_at_ms),
            reason: set.reason.clone(),
            expires_at: set.expires_at_ms.map(moment::write),
        });
        Self {
            scope: view.scope.to_string(),
            per_payout_usdt: view.ceilings.per_payout.map(|most| most.to_string()),
            hourly: window(view.ceilings.hourly, view.used_hourly),
            daily: window(view.ceilings.daily, view.used_daily),
            set,
        }
    }
}

/// Show the spending limits
///
/// All that measure a payout must have room for it. Request rates are something else: docs/rates.md.
#[utoipa::path(
    get, path = "/v1/admin/limits", tag = "house", operation_id = "readLimits",
    responses((status = 200, description = "The limits, and what was used of them", body = SpendingLimitsBody), OnReadingOne),
    security(("token" = []))
)]
pub async fn show(door: Data<Door>, _principal: Principal) -> Result<HttpResponse, Problem> {
    let views = desk(&door)?.views().await.map_err(not_done)?;
    Ok(HttpResponse::Ok()
        .json(SpendingLimitsBody { limits: views.iter().map(SpendingLimitBody::of).collect() }))
}

/// Set a spending limit, or take it back
///
/// It holds on every daemon for whatever is taken in after this answer. What was held for a limit that is raised goes on by itself
/// within seconds. Named without any of the three amounts, the scope has the configuration's limits again.
#[utoipa::path(
    put, path = "/v1/admin/limits", tag = "house", operation_id = "setLimit",
    request_body = NewLimitBody,
    responses((status = 200, description = "What holds for the scope now", body = SpendingLimitBody), OnChanging),
    security(("token" = []))
)]
pub async fn set(door: Data<Door>, by: By, body: JsonBody) -> Result<HttpResponse, Problem> {
    let change = read_object(&body.0, wanted)?;
    let view = desk(&door)?.set(&change, &by).await.map_err(not_done)?;
    Ok(HttpResponse::Ok().json(SpendingLimitBody::of(&view)))
}

fn wanted(fields: &mut Fields<'_>) -> Option<LimitChange> {
    let scope = fields.required_text("scope", "a string like \"role:service\"");
    let scope = scope.and_then(|text| {
        let scope = text.parse().ok();
        if scope.is_none() {
            fields.note("scope", format!("{SCOPE} is wanted"));
        }
        scope
    });
    let per_payout = amount(fields, "per_payout_usdt");
    let hourly = amount(fields, "hourly_usdt");
    let daily = amount(fields, "daily_usdt");
    let expires_at_ms = fields.text("expires_at", "a moment like \"2027-01-01T00:00:00Z\"").map(|text| {
        let at_ms = moment::read(&text);
        if at_ms.is_none() {
            fields.note("expires_at", "a moment like \"2027-01-01T00:00:00Z\" is wanted");
        }
        at_ms
    });
    let reason = note_of(fields, "reason");
    Some(LimitChange {
        scope: scope?,
        ceilings: Ceilings { per_payout, hourly, daily },
        expires_at_ms: expires_at_ms.flatten(),
        reason: reason?,
    })
}

/// An amount, if it is there; a mistake in it is noted, and the object refused for it.
fn amount(fields: &mut Fields<'_>, name: &'static str) -> Option<MicroUsdt> {
    let text = fields.text(name, "a string like \"500\"")?;
    match text.parse() {
        Ok(amount) => Some(amount),
        Err(why) => {
            let why: payoutd_actors::domain::money::MoneyError = why;
            fields.note(name, why.to_string());
            None
        }
    }
}

fn desk(door: &Door) -> Result<&LimitDesk, Problem> {
    door.limits().ok_or_else(|| Problem::new(Kind::NotFound, "no limits can be set here"))
}

fn not_done(why: LimitFault) -> Problem {
    match why {
        LimitFault::Invalid(mistakes) => {
            let at = |(field, detail): (&str, String)| MistakeBody {
                pointer: Some(format!("/{field}")),
                parameter: None,
                detail,
            };
            Problem::mistakes(Kind::InvalidOrder, mistakes.into_iter().map(at).collect())
        }
        why @ (LimitFault::Outdated | LimitFault::TooMany) => Problem::new(Kind::Conflict, why.to_string()),
        LimitFault::Store(fault) => Fault::from(fault).into(),
    }
}
