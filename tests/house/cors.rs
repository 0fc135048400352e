//! The fear: a page that somebody happens to visit orders a payout with the credential of another page; or an answer without the
//! headers that keep browsers from harm, because it was an answer that nobody thought of.

use payoutd::http::routes::TABLE;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::kit::door::{Answer, OpenDoor, order, send};

const DESK: &str = "https://desk.example";
const STRANGER: &str = "https://evil.example";

async fn with_desk() -> OpenDoor {
    OpenDoor::open_with(|settings| settings.cors_origins = vec![DESK.to_owned()]).await
}

/// What a browser asks before it sends a page's request.
fn preflight(door: &OpenDoor, origin: &str, method: &str, headers: &str) -> RequestBuilder {
    let asked = door.stranger(Method::OPTIONS, "/v1/payouts").header("Origin", origin);
    let asked = asked.header("Access-Control-Request-Method", method);
    if headers.is_empty() { asked } else { asked.header("Access-Control-Request-Headers", headers) }
}

fn told(answer: &Answer, header: &str) -> Vec<String> {
    let mut told: Vec<_> = answer.header(header).split(',').map(|name| name.trim().to_lowercase()).collect();
    told.sort();
    told
}

/// F000-27: closed unless an origin is named.
#[actix_web::test]
async fn without_a_list_no_page_of_another_origin_hears_anything() {
    let door = OpenDoor::open().await;
    assert_eq!(send(preflight(&door, DESK, "GET", "")).await.status, 405);
    let asked = send(door.request(Method::GET, "/v1/stats").header("Origin", DESK)).await;
    assert_eq!((asked.status, asked.header("access-control-allow-origin")), (200, ""));
}

/// F000-27, D-13: a listed origin is told what it may send and read, and that for an hour; the headers of gateways are never among
/// it, and no credential of the browser's own goes along.
#[actix_web::test]
async fn a_listed_origin_may_send_four_headers_and_no_gateways() {
    let door = with_desk().await;
    let sent = "authorization, content-type, idempotency-key, x-request-id";
    let granted = send(preflight(&door, DESK, "POST", sent)).await;
    assert_eq!(granted.status, 200, "{}", granted.text);
    assert_eq!(granted.header("access-control-allow-origin"), DESK);
    assert_eq!(granted.header("access-control-max-age"), "3600");
    assert_eq!(granted.header("access-control-allow-credentials"), "");
    assert_eq!(told(&granted, "access-control-allow-headers").join(", "), sent);
    let methods = told(&granted, "access-control-allow-methods");
    for line in TABLE {
        assert!(methods.contains(&line.method.as_str().to_lowercase()), "{} {methods:?}", line.method);
    }
    for internal in
        ["x-user-id", "x-user-role", "x-internal-token", "x-forwarded-for", "x-payoutd-key", "cookie"]
    {
        let refused = send(preflight(&door, DESK, "POST", internal)).await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "forbidden"), "{internal}");
        assert_eq!(refused.header("access-control-allow-headers"), "", "{internal}");
    }
    assert_eq!(send(preflight(&door, DESK, "TRACE", "")).await.status, 403);
}

/// An answer is for the page that is listed, whether it is a success or not, and for no other.
#[actix_web::test]
async fn a_listed_page_reads_refusals_too_and_an_unlisted_one_reads_nothing() {
    let door = with_desk().await;
    let exposed = "ratelimit, ratelimit-policy, retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, x-request-id";
    for (path, status) in [("/v1/stats", 200), ("/v1/payouts/nobody", 404), ("/v1/payouts?x=1", 422)] {
        let ask = |origin| door.request(Method::GET, path).header("Origin", origin);
        let listed = send(ask(DESK)).await;
        assert_eq!((listed.status, listed.header("access-control-allow-origin")), (status, DESK), "{path}");
        assert_eq!(told(&listed, "access-control-expose-headers").join(", "), exposed, "{path}");
        assert!(told(&listed, "vary").contains(&"origin".to_owned()), "{path}");
        let unlisted = send(ask(STRANGER)).await;
        assert_eq!((unlisted.status, unlisted.header("access-control-allow-origin")), (status, ""), "{path}");
    }
    let nobody = send(door.stranger(Method::GET, "/v1/stats").header("Origin", DESK)).await;
    assert_eq!((nobody.status, nobody.header("access-control-allow-origin")), (401, DESK));
    let refused = send(preflight(&door, STRANGER, "POST", "")).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, ""));
    for look_alike in
        ["https://desk.example.evil.example", "http://desk.example", "https://desk.example:444", "null"]
    {
        let asked = send(door.request(Method::GET, "/v1/stats").header("Origin", look_alike)).await;
        assert_eq!(asked.header("access-control-allow-origin"), "", "{look_alike}");
    }
}

/// F003-10, D-34: every answer of every status has the headers that keep browsers from harm, those too that no handler wrote.
#[actix_web::test]
async fn no_answer_goes_out_without_the_security_headers() {
    let door = OpenDoor::open_with(|settings| {
        settings.cors_origins = vec![DESK.to_owned()];
        settings.body_bytes_max = 4_096;
    })
    .await;
    let id = door.ordered("first").await;
    let post = |path: &str| door.request(Method::POST, path).header("Idempotency-Key", "k");
    let long = json!({ "memo": "m".repeat(5_000) });
    let table: Vec<(u16, RequestBuilder)> = vec![
        (200, door.request(Method::GET, "/v1/stats")),
        (200, door.request(Method::HEAD, "/v1/stats")),
        (200, preflight(&door, DESK, "GET", "")),
        (202, post("/v1/payouts").json(&order("1"))),
        (302, door.stranger(Method::GET, "/docs")),
        (400, door.request(Method::POST, "/v1/payouts").json(&order("1"))),
        (400, post("/v1/payouts").header("Content-Type", "application/json").body("{")),
        (401, door.stranger(Method::GET, "/v1/stats")),
        (403, preflight(&door, STRANGER, "GET", "")),
        (404, door.request(Method::GET, "/nowhere")),
        (404, door.request(Method::GET, "/v1/payouts/nobody")),
        (405, door.request(Method::DELETE, "/v1/payouts")),
        (405, door.request(Method::OPTIONS, "/v1/payouts")),
        (405, door.request(Method::TRACE, "/v1/payouts")),
        (409, post(&format!("/v1/payouts/{id}/release"))),
        (413, post("/v1/payouts").json(&long)),
        (415, post("/v1/payouts").header("Content-Type", "text/plain").body("{}")),
        (422, post("/v1/payouts").json(&json!({}))),
        (422, door.request(Method::GET, "/v1/stats?x=1")),
    ];
    for (status, request) in table {
        let answer = send(request).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        must_be_safe(&answer, status);
    }
    let starting = OpenDoor::starting();
    let answer = starting.get("/v1/stats").await;
    assert_eq!(answer.status, 503);
    must_be_safe(&answer, 503);
}

fn must_be_safe(answer: &Answer, status: u16) {
    for (header, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-xss-protection", "0"),
        ("strict-transport-security", ""),
    ] {
        assert_eq!(answer.header(header), value, "{status}: {header}");
    }
    assert_ne!(answer.header("x-request-id"), "", "{status}");
}
