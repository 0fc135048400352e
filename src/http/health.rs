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
    /// `up`, `degraded` or `down`.
    pub status: String,
    /// More, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Whether the process answers
#[utoipa::path(
    get, path = "/health", tag = "health", operation_id = "health",
    responses((status = 200, description = "It does", body = HealthBody))
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

const READY: &str = "ready";
const DRAINING: &str = "draining";

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
    let components = components.into_iter().map(|part| {
        let status = match part.health {
            Health::Up => "up",
            Health::Degraded => "degraded",
            Health::Down => "down",
        };
        (part.name, ComponentBody { status: status.to_owned(), detail: part.detail })
    });
    ReadinessBody { status: status.to_owned(), components: components.collect() }
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
}
