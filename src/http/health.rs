//! How the house is: `/health` and `/livez` (the process answers), `/readyz` (components by name).
//!
//! Ready means that orders are taken in durably. So `/readyz` is 503 only while the house starts, drains or is without its
//! store: in every other trouble (nodes away, an open breaker, a pause, a restore gate that is shut) orders are taken in, and
//! the component's name shows the trouble under 200. A house that starts has no components yet.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, http::header, web::Data};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    door::{Door, Phase},
    office::{Component, Health, STORE},
    openapi::OnProbing,
};

/// When a probe that found the house not ready should ask again, seconds.
const RETRY_AFTER_S: u32 = 1;

/// That the process answers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Health)]
pub struct HealthBody {
    /// Always `ok`.
    pub status: String,
    /// The version that runs.
    pub version: String,
}

/// Whether orders are taken in, and how every part of the house is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Readiness)]
pub struct ReadinessBody {
    /// `ready`, `starting`, `draining` or `no_store`.
    pub status: String,
    /// Every part of the house, by name.
    pub components: BTreeMap<String, ComponentBody>,
}

/// How a part of the house is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Component)]
pub struct ComponentBody {
    /// `up`, `degraded` (it works with less than it should have, or stands still by somebody's will), `down`, or `unknown`: nobody
    /// has asked it yet.
    pub status: String,
    /// More, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Whether the process answers
#[utoipa::path(
    get, path = "/health", tag = "health", operation_id = "health",
    responses((status = 200, description = "It does", body = HealthBody), OnProbing)
)]
pub async fn health() -> HttpResponse {
    alive()
}

/// Whether the process answers
#[utoipa::path(
    get, path = "/livez", tag = "health", operation_id = "livez",
    responses((status = 200, description = "It does", body = HealthBody))
)]
pub async fn livez() -> HttpResponse {
    alive()
}

fn alive() -> HttpResponse {
    HttpResponse::Ok()
        .json(HealthBody { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Whether orders are taken in
///
/// Ready means that orders are taken in durably, and no more: whether they are being paid is what `components` shows. Nodes that
/// are away, an open circuit breaker, a pause or a restore gate that is shut leave the house ready. While it starts (the store
/// is opened, the nodes are compared) nobody is asked, and `components` is empty; every other route that wants the office answers
/// 503 `unavailable` then.
#[utoipa::path(
    get, path = "/readyz", tag = "health", operation_id = "readyz",
    responses((status = 200, description = "They are", body = ReadinessBody),
              (status = 503, description = "They are not: starting, draining, or without the store", body = ReadinessBody))
)]
pub async fn readyz(door: Data<Door>) -> HttpResponse {
    let readiness = readiness(&door).await;
    if readiness.is_ready() {
        return HttpResponse::Ok().json(readiness);
    }
    HttpResponse::ServiceUnavailable()
        .insert_header((header::RETRY_AFTER, RETRY_AFTER_S.to_string()))
        .json(readiness)
}

const UP: &str = "up";
const UNKNOWN: &str = "unknown";
const READY: &str = "ready";
const DRAINING: &str = "draining";

impl ComponentBody {
    /// Whether something is known to be wrong with it.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        self.status != UP && self.status != UNKNOWN
    }
}

impl ReadinessBody {
    /// Orders are taken in.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.status == READY
    }

    /// The house closes.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.status == DRAINING
    }
}

/// What `/readyz` answers now, for whoever asks inside the process.
pub async fn readiness(door: &Door) -> ReadinessBody {
    let components = match door.office() {
        Ok(office) => office.components().await,
        Err(_) => Vec::new(),
    };
    judge(door.phase(), components)
}

fn judge(phase: Phase, components: Vec<Component>) -> ReadinessBody {
    let has_store = components.iter().any(|part| part.name == STORE && part.health != Health::Down);
    let status = match phase {
        Phase::Starting => "starting",
        Phase::Draining => DRAINING,
        Phase::Open if !has_store => "no_store",
        Phase::Open => READY,
    };
    ReadinessBody { status: status.to_owned(), components: by_name(components) }
}

/// Of several that have one name (each dependency's breaker has its owner), the one that is worst is shown.
fn by_name(mut components: Vec<Component>) -> BTreeMap<String, ComponentBody> {
    components.sort_by_key(|part| part.health);
    let body = |part: Component| {
        let status = match part.health {
            Health::Up => UP,
            Health::Unknown => UNKNOWN,
            Health::Degraded => "degraded",
            Health::Down => "down",
        };
        (part.name, ComponentBody { status: status.to_owned(), detail: part.detail })
    };
    components.into_iter().map(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, health: Health) -> Component {
        Component { name: name.to_owned(), health, detail: None }
    }

    /// Only the store, the start and the end make the house unready; everything else is shown and orders are taken in.
    #[test]
    fn nodes_away_and_a_pause_are_shown_and_refuse_nobody() {
        let troubled =
            || vec![part(STORE, Health::Up), part("node:a", Health::Down), part("pause", Health::Degraded)];
        let body = judge(Phase::Open, troubled());
        assert_eq!((body.status.as_str(), body.components["node:a"].status.as_str()), ("ready", "down"));
        assert_eq!(judge(Phase::Starting, troubled()).status, "starting");
        assert_eq!(judge(Phase::Draining, troubled()).status, "draining");
        assert_eq!(judge(Phase::Open, vec![part(STORE, Health::Down)]).status, "no_store");
        assert_eq!(judge(Phase::Open, Vec::new()).status, "no_store");
    }

    #[test]
    fn of_two_that_have_one_name_the_worse_is_shown() {
        let owners =
            [Health::Down, Health::Up, Health::Unknown].map(|health| part("circuit_breaker", health));
        let shown = by_name(owners.to_vec());
        assert_eq!((shown.len(), shown["circuit_breaker"].status.as_str()), (1, "down"));
    }
}
