//! The fear: an API that is described one way and answers another.

use std::collections::BTreeSet;

use payoutd::http::{
    office::Fault,
    routes::{Needs, TABLE},
};
use payoutd_actors::domain::payout::{Reason, Stage};
use serde_json::{Value, json};

use crate::kit::{
    door::{OpenDoor, order},
    schema::hold,
};

async fn description(door: &OpenDoor) -> Value {
    let answer = door.get("/v1/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    answer.json()
}

/// F000-31 and the table: what is routed is described, what is described is routed, and who may is said in both.
#[actix_web::test]
async fn every_route_is_described_and_nothing_else_is() {
    let door = OpenDoor::open().await;
    let document = description(&door).await;
    assert_eq!(document["openapi"], json!("3.1.0"));
    let routed: BTreeSet<_> =
        TABLE.iter().map(|line| (line.path.to_owned(), line.method.as_str().to_lowercase())).collect();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.insert((path.clone(), method.clone()));
            let line =
                TABLE.iter().find(|line| line.path == path && line.method.as_str().to_lowercase() == *method);
            let secured = operation.get("security").is_some();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let of_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
            let named: Vec<_> = of_query.map(|parameter| parameter["name"].as_str().unwrap()).collect();
            assert_eq!(named, line.unwrap().parameters, "{method} {path}");
            assert_eq!(secured, line.unwrap().needs != Needs::Nothing, "{method} {path}");
        }
    }
    assert_eq!(described, routed);
    for path in ["/v1/payouts", "/v1/payouts/batch", "/v1/stats", "/health", "/v1/health"] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
}

/// F000-31: the answers of every route, good and bad, are what the description says.
#[actix_web::test]
async fn answers_are_what_the_description_says() {
    let door = OpenDoor::open().await;
    let document = description(&door).await;
    let id = door.ordered("first").await;
    let full = json!({
        "recipient": order("1")["recipient"], "amount": "1", "currency": "USDT", "network": "TRON", "reference": "r", "memo": "m",
        "route": "transfer", "not_before": "2027-01-01T00:00:00Z", "not_after": "2027-01-02T00:00:00Z", "priority": 3,
        "metadata": { "a": "b" }
    });
    let at = |verb: &str| format!("/v1/payouts/{id}/{verb}");
    hold(&document, "post", "/v1/payouts", &door.order("full", &full).await);
    hold(&document, "post", "/v1/payouts", &door.order("bad", &json!({ "amount": 1 })).await);
    hold(&document, "post", "/v1/payouts", &door.order_raw(b"{".to_vec()).await);
    hold(&document, "post", "/v1/payouts", &door.post("/v1/payouts", Some(&full)).await);
    hold(
        &document,
        "post",
        "/v1/payouts/batch",
        &door.batch("b", &json!({ "payouts": [order("1"), order("2")] })).await,
    );
    hold(&document, "post", "/v1/payouts/batch", &door.batch("c", &json!({ "payouts": [order("x")] })).await);
    hold(&document, "get", "/v1/payouts", &door.get("/v1/payouts?limit=1").await);
    hold(&document, "get", "/v1/payouts", &door.get("/v1/payouts").await);
    hold(&document, "get", "/v1/payouts", &door.get("/v1/payouts?limit=0").await);
    hold(&document, "get", "/v1/payouts/{id}", &door.get(&format!("/v1/payouts/{id}")).await);
    hold(&document, "get", "/v1/payouts/{id}", &door.get("/v1/payouts/nobody").await);
    hold(&document, "post", "/v1/payouts/{id}/verify", &door.post(&at("verify"), Some(&json!([]))).await);
    hold(&document, "post", "/v1/payouts/{id}/verify", &door.post(&at("verify"), None).await);
    hold(&document, "post", "/v1/payouts/{id}/release", &door.post(&at("release"), None).await);
    door.office.put(&id, Stage::Held, Some(Reason::LimitHourly));
    hold(&document, "get", "/v1/payouts/{id}", &door.get(&format!("/v1/payouts/{id}")).await);
    let note = json!({ "note": "no" });
    hold(&document, "post", "/v1/payouts/{id}/reject", &door.post(&at("reject"), Some(&note)).await);
    hold(&document, "post", "/v1/payouts/{id}/cancel", &door.post(&at("cancel"), None).await);
    hold(&document, "post", "/v1/payouts/{id}/resolve", &door.post(&at("resolve"), Some(&note)).await);
    hold(&document, "get", "/v1/stats", &door.get("/v1/stats").await);
    hold(&document, "get", "/v1/wallet", &door.get("/v1/wallet").await);
    hold(&document, "get", "/v1/admin/actors", &door.get("/v1/admin/actors").await);
    hold(
        &document,
        "post",
        "/v1/admin/pause",
        &door.post("/v1/admin/pause", Some(&json!({ "reason": "x" }))).await,
    );
    hold(&document, "post", "/v1/admin/resume", &door.post("/v1/admin/resume", None).await);
    hold(&document, "get", "/v1/audit/pubkey", &door.get("/v1/audit/pubkey").await);
    hold(&document, "get", "/v1/audit/checkpoint", &door.get("/v1/audit/checkpoint").await);
    for path in ["/health", "/v1/health", "/livez", "/readyz"] {
        hold(&document, "get", path, &door.get(path).await);
    }
    door.office.breaks(Some(Fault::Busy { retry_after_ms: 5 }));
    hold(&document, "get", "/v1/stats", &door.get("/v1/stats").await);
    hold(&document, "get", "/readyz", &door.get("/readyz").await);
    hold(&document, "post", "/v1/payouts", &door.order("busy", &full).await);
}

/// F-P29: why a payout stands where it stands is a word from a closed set, and the set is in the description.
#[actix_web::test]
async fn the_closed_sets_are_in_the_description() {
    let door = OpenDoor::open().await;
    let document = description(&door).await;
    let words = |name: &str| document["components"]["schemas"][name]["enum"].as_array().unwrap().len();
    assert_eq!((words("Stage"), words("Reason")), (Stage::ALL.len(), Reason::ALL.len()));
}
