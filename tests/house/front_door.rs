//! The fear: a door that answers one thing and did another, that lets strangers in, or that tells strangers about the inside.

use payoutd::http::{
    office::Fault,
    problem::Kind,
    routes::{Lane, Needs, TABLE},
};
use payoutd_actors::domain::payout::{Reason, Stage};
use payoutd_actors::ports::RestoreGate;
use reqwest::Method;
use serde_json::json;

use crate::kit::door::{Answer, OpenDoor, order, send};

/// F-P01: missing 400, another body 422, the first answer for a repeated one; bare or quoted, one key.
#[actix_web::test]
async fn a_key_gets_its_first_answer_however_often_it_is_sent() {
    let door = OpenDoor::open().await;
    let missing = door.post("/v1/payouts", Some(&order("1"))).await;
    assert_eq!((missing.status, missing.problem().as_str()), (400, "idempotency-key-missing"));
    for wrong in ["a b", "\"\"", "\"inv-7", "inv-7\"", &"k".repeat(256)] {
        let answer = door.order(wrong, &order("1")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "idempotency-key-invalid"), "{wrong}");
    }
    let first = door.order("inv-7", &order("25.5")).await;
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((first.status, first.header("location")), (202, format!("/v1/payouts/{id}").as_str()));
    assert_eq!(first.header("idempotent-replayed"), "");
    let again = door.order("\"inv-7\"", &order("25.5")).await;
    assert_eq!(
        (again.status, again.json(), again.header("location")),
        (202, first.json(), first.header("location"))
    );
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = door.order("inv-7", &order("25.6")).await;
    assert_eq!((other.status, other.problem().as_str()), (422, "idempotency-key-reused"));
    assert!(other.text.contains(&id), "{}", other.text);
    assert_eq!(door.office.taken(), 1);
}

#[actix_web::test]
async fn an_order_can_be_read_where_its_answer_says() {
    let door = OpenDoor::open().await;
    let body = json!({
        "recipient": order("1")["recipient"], "amount": "7.25", "currency": "USDT", "network": "TRON", "reference": "inv-7",
        "memo": "thanks", "route": "transfer", "not_before": "2026-11-21T10:00:00+01:00", "priority": 9,
        "metadata": { "shop": "3" }
    });
    let answer = door.order("k", &body).await;
    let read = door.get(answer.header("location")).await;
    assert_eq!((read.status, read.json()), (200, answer.json()));
    let payout = read.json();
    for (name, value) in [
        ("stage", "admitted"),
        ("amount", "7.25"),
        ("currency", "USDT"),
        ("network", "TRON"),
        ("reference", "inv-7"),
        ("memo", "thanks"),
        ("route", "transfer"),
        ("not_before", "2026-11-21T09:00:00.000Z"),
        ("reservation", "reserved"),
    ] {
        assert_eq!(payout[name], json!(value), "{name}");
    }
    assert_eq!(
        (&payout["attempts"], &payout["priority"], &payout["metadata"]["shop"]),
        (&json!([]), &json!(9), &json!("3"))
    );
    assert!(
        payout.get("txid").is_none() && payout.get("reason").is_none() && payout.get("settled_at").is_none()
    );
}

#[actix_web::test]
async fn pages_show_every_payout_once_and_cursors_stay_with_their_list() {
    let door = OpenDoor::open().await;
    let mut ids = Vec::new();
    for place in 0..7 {
        ids.insert(0, door.ordered(&format!("k{place}")).await);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/payouts?limit=3&stage=admitted".to_owned();
    let mut cursor = String::new();
    loop {
        let page = door.get(&path).await.json();
        seen.extend(page["payouts"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = next.to_owned();
        path = format!("/v1/payouts?limit=3&stage=admitted&cursor={next}");
    }
    assert_eq!(seen, ids);
    assert_eq!(door.get("/v1/payouts?limit=7").await.json()["next_cursor"], json!(null));
    let mut changed = cursor.clone();
    changed.replace_range(..1, if cursor.starts_with('0') { "1" } else { "0" });
    for foreign in [
        format!("stage=held&cursor={cursor}"),
        format!("cursor={cursor}"),
        format!("stage=admitted&cursor={changed}"),
        "cursor=abc".to_owned(),
    ] {
        let answer = door.get(&format!("/v1/payouts?{foreign}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "foreign-cursor"), "{foreign}");
    }
}

/// F-P24, F-P31: a page has a limit, and a query is read as strictly as a body.
#[actix_web::test]
async fn a_query_that_asks_for_what_is_not_there_is_told_so() {
    let door = OpenDoor::open().await;
    let wrong = [
        ("limit=100000", "limit"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("stage=paid", "stage"),
        ("recipient=T1", "recipient"),
        ("from=yesterday", "from"),
        ("to=1700000000", "to"),
        ("status=held", "status"),
        ("limit=1&limit=2", "limit"),
        ("reference=", "reference"),
        ("to=", "to"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
    ];
    for (query, parameter) in wrong {
        let answer = door.get(&format!("/v1/payouts?{query}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-query"), "{query}");
        assert_eq!(answer.parameters(), [parameter], "{query}");
        assert!(answer.json()["errors"][0].get("pointer").is_none(), "{}", answer.text);
    }
    assert_eq!(door.get("/v1/payouts?limit=200&from=2026-01-01T00:00:00Z").await.status, 200);
}

/// Whoever filters where nothing is filtered is told so: the whole is not taken for a part.
#[actix_web::test]
async fn a_parameter_that_a_route_does_not_know_is_refused_on_every_route() {
    let door = OpenDoor::open().await;
    let id = door.ordered("k").await;
    // What is for people wants one; this door knows nobody.
    for line in TABLE.iter().filter(|line| line.needs != Needs::Person) {
        let path = line.path.replace("{id}", &id).replace("{word}", "busy").replace("{file}", "index.html");
        let method = Method::from_bytes(line.method.as_str().as_bytes()).unwrap();
        let request = door.request(method, &format!("{path}?colour=red")).header("Idempotency-Key", "q");
        let answer = send(request.json(&order("1"))).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-query"), "{path}");
        assert_eq!(answer.parameters(), ["colour"], "{path}");
    }
    assert_eq!(
        (door.office.taken(), door.get(&format!("/v1/payouts/{id}")).await.json()["stage"].clone()),
        (1, json!("admitted"))
    );
}

/// RFC 9110 §9.3.2: HEAD is answered wherever GET is, with the same headers and no body.
#[actix_web::test]
async fn head_is_get_without_the_body() {
    let door = OpenDoor::open().await;
    let id = door.ordered("k").await;
    for line in TABLE.iter().filter(|line| line.method.as_str() == "GET") {
        let path = line.path.replace("{id}", &id).replace("{word}", "busy").replace("{file}", "index.html");
        let (get, head) = (door.get(&path).await, send(door.request(Method::HEAD, &path)).await);
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        if path != "/metrics" {
            assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        }
    }
    let stranger = send(door.stranger(Method::HEAD, "/v1/stats")).await;
    assert_eq!((stranger.status, stranger.text.as_str()), (401, ""));
    let elsewhere = send(door.request(Method::HEAD, "/v1/admin/pause")).await;
    assert_eq!((elsewhere.status, elsewhere.header("allow"), elsewhere.text.as_str()), (405, "POST", ""));
}

#[actix_web::test]
async fn what_takes_no_fields_says_so() {
    let door = OpenDoor::open().await;
    let id = door.ordered("k").await;
    for verb in ["verify", "release", "cancel"] {
        let path = format!("/v1/payouts/{id}/{verb}");
        let refused = door.post(&path, Some(&json!({ "reason": "x" }))).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/reason".to_owned()]), "{verb}");
        assert!(refused.text.contains("no field is known here"), "{}", refused.text);
        assert_eq!(door.post(&path, Some(&json!([]))).await.status, 422, "{verb}");
        let form = send(door.request(Method::POST, &path).body("reason=x")).await;
        assert_eq!((form.status, form.problem().as_str()), (415, "unsupported-media-type"), "{verb}");
    }
    assert_eq!(door.post(&format!("/v1/payouts/{id}/verify"), Some(&json!({}))).await.status, 200);
}

#[actix_web::test]
async fn an_unknown_id_is_nobodys() {
    let door = OpenDoor::open().await;
    let id = door.ordered("k").await;
    let stranger = format!("{}f", &id[..35]);
    for unknown in [stranger.as_str(), "x", "../../etc/passwd", &id.replace('-', ""), "%00"] {
        for path in [
            format!("/v1/payouts/{unknown}"),
            format!("/v1/payouts/{unknown}/cancel"),
            format!("/v1/payouts/{unknown}/verify"),
        ] {
            let method = if path.matches('/').count() == 3 { Method::GET } else { Method::POST };
            let answer = send(door.request(method, &path)).await;
            let found = (answer.status, answer.problem());
            assert_eq!(found, (404, "not-found".to_owned()), "{path}: {}", answer.text);
        }
    }
    // RFC 9562 §4: read in either case, written in lower case.
    let read = door.get(&format!("/v1/payouts/{}", id.to_uppercase())).await;
    assert_eq!((read.status, &read.json()["id"]), (200, &json!(id)));
}

/// F-P10: what a person decides is done or refused with the stage that stands in its way.
#[actix_web::test]
async fn decisions_are_carried_out_in_the_stages_that_permit_them() {
    let door = OpenDoor::open().await;
    let id = door.ordered("k").await;
    let path = |verb: &str| format!("/v1/payouts/{id}/{verb}");
    let early = door.post(&path("release"), None).await;
    assert_eq!((early.status, early.problem().as_str()), (409, "wrong-stage"));
    assert!(early.json()["detail"].as_str().unwrap().contains("the payout is admitted"), "{}", early.text);
    door.office.put(&id, Stage::Held, Some(Reason::Operator));
    let noteless = door.post(&path("reject"), Some(&json!({ "note": " " }))).await;
    assert_eq!((noteless.status, noteless.pointers()), (422, vec!["/note".to_owned()]));
    assert_eq!(door.post(&path("release"), None).await.json()["stage"], "admitted");
    let cancelled = door.post(&path("cancel"), Some(&json!({}))).await.json();
    assert_eq!(
        (cancelled["stage"].as_str(), cancelled["reason"].as_str()),
        (Some("cancelled"), Some("cancelled_by_sender"))
    );
    assert!(!cancelled["reason_detail"].as_str().unwrap().is_empty());
    assert_eq!(door.post(&path("cancel"), None).await.problem(), "wrong-stage");
    door.office.put(&id, Stage::Mismatched, Some(Reason::PaidShort));
    let half = door.post(&path("resolve"), Some(&json!({ "paid": "yes", "who": 1 }))).await;
    assert_eq!(
        (half.status, half.pointers()),
        (422, vec!["/paid".to_owned(), "/note".to_owned(), "/who".to_owned()])
    );
    let resolved = door.post(&path("resolve"), Some(&json!({ "paid": true, "note": "seen on chain" }))).await;
    assert_eq!(
        (resolved.status, resolved.json()["stage"].as_str()),
        (200, Some("settled")),
        "{}",
        resolved.text
    );
}

#[actix_web::test]
async fn the_kill_switch_says_why_and_since_when() {
    let door = OpenDoor::open().await;
    assert_eq!(door.post("/v1/admin/pause", Some(&json!({}))).await.pointers(), ["/reason"]);
    let paused = door.post("/v1/admin/pause", Some(&json!({ "reason": "audit" }))).await.json();
    assert_eq!((paused["paused"].as_bool(), paused["reason"].as_str()), (Some(true), Some("audit")));
    assert_eq!(door.get("/v1/stats").await.json()["pause"], paused);
    assert_eq!(door.get("/readyz").await.status, 200);
    assert_eq!(door.order("k", &order("1")).await.status, 202);
    assert_eq!(door.post("/v1/admin/resume", None).await.json(), json!({ "paused": false }));
}

/// F-N06: whoever resumes a house that was restored is told that nothing is signed yet, and until when.
#[actix_web::test]
async fn a_house_that_is_resumed_behind_its_restore_gate_says_that_it_signs_nothing() {
    let door = OpenDoor::open().await;
    let why = "no checkpoint lies beside the store".to_owned();
    let gate =
        RestoreGate { since_ms: 1_790_000_000_000, why, until_ms: Some(1_790_000_360_000), said_ms: None };
    door.office.restore_gate(Some(gate));
    let told = door.post("/v1/admin/resume", None).await.json();
    let detail = "nothing is signed until the solidified chain is past 2026-09-21T14:19:20.000Z";
    let gate = json!({
        "reason": "no checkpoint lies beside the store", "since": "2026-09-21T14:13:20.000Z",
        "until": "2026-09-21T14:19:20.000Z", "detail": detail
    });
    assert_eq!(told, json!({ "paused": false, "restore_gate": gate }));
    assert_eq!(door.get("/v1/stats").await.json()["pause"]["restore_gate"], gate);
}

/// A sender who reads "0" in place of "nobody knows yet" would top the wallet up.
#[actix_web::test]
async fn a_wallet_that_nobody_has_read_is_not_an_empty_one() {
    let door = OpenDoor::open().await;
    let wallet = door.get("/v1/wallet").await.json();
    for unknown in
        ["balance_usdt", "balance_trx", "available_usdt", "energy_left", "bandwidth_left", "read_at"]
    {
        assert_eq!(wallet.get(unknown), Some(&json!(null)), "{unknown}");
    }
    assert_eq!((&wallet["reserved_usdt"], &wallet["transfers_in_flight"]), (&json!("2.5"), &json!(0)));
}

/// F003-06: with the sources away an order is taken in, and a verification says when to come back.
#[actix_web::test]
async fn nodes_that_are_away_stop_a_verification_and_no_order() {
    let door = OpenDoor::open().await;
    door.office.sources_are_away(true);
    let id = door.ordered("k").await;
    let answer = door.post(&format!("/v1/payouts/{id}/verify"), None).await;
    assert_eq!(
        (answer.status, answer.problem().as_str(), answer.header("retry-after")),
        (503, "unavailable", "13")
    );
    door.office.sources_are_away(false);
    let told = door.post(&format!("/v1/payouts/{id}/verify"), None).await.json();
    assert_eq!((&told["verified"], &told["confirmations_wanted"]), (&json!(false), &json!(19)));
    assert_eq!(
        told["checks"][0],
        json!({ "check": "transaction_found", "source": "node a", "holds": false })
    );
}

#[actix_web::test]
async fn readiness_is_refused_while_starting_draining_or_without_the_store() {
    let door = OpenDoor::open().await;
    let ready = door.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["status"]), (200, &json!("ready")));
    assert_eq!(ready.json()["components"]["node a"]["status"], json!("down"));
    let starting = OpenDoor::starting();
    let draining = OpenDoor::open().await;
    draining.within.drain();
    for (unready, word) in [(starting, "starting"), (draining, "draining")] {
        let answer = unready.get("/readyz").await;
        assert_eq!((answer.status, &answer.json()["status"]), (503, &json!(word)));
        assert_eq!((answer.header("retry-after"), unready.get("/livez").await.status), ("1", 200));
    }
    door.office.breaks(Some(Fault::Away { who: "the store".to_owned(), retry_after_ms: 5_000 }));
    assert_eq!(door.get("/readyz").await.json()["status"], json!("no_store"));
    let order = door.order("k", &order("1")).await;
    assert_eq!(
        (order.status, order.problem().as_str(), order.header("retry-after")),
        (503, "unavailable", "5")
    );
}

/// Every route says who may: without the token only probes and documents answer, whoever signs in must show what is theirs, and
/// nothing is done.
#[actix_web::test]
async fn a_stranger_gets_nowhere_but_to_the_probes_and_the_documents() {
    let door = OpenDoor::open().await;
    let id = door.ordered("k").await;
    for line in TABLE {
        let path = line.path.replace("{id}", &id).replace("{word}", "busy").replace("{file}", "index.html");
        let method = Method::from_bytes(line.method.as_str().as_bytes()).unwrap();
        let request =
            || door.stranger(method.clone(), &path).header("Idempotency-Key", "x").json(&order("1"));
        let answer = send(request()).await;
        if line.lane == Lane::SignIn {
            assert!([401, 422].contains(&answer.status), "{path}: {}", answer.status);
            continue;
        }
        if line.asks(true).is_none() {
            assert!(answer.status < 400, "{path}: {}", answer.status);
            continue;
        }
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthorized"), "{path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"payoutd\"");
        let wrong = send(request().bearer_auth("a-token-of-thirty-two-characters-2")).await;
        assert_eq!(wrong.status, 401, "{path}");
    }
    assert_eq!(door.office.taken(), 1);
}

/// F003-10, F001-30, F001-31, F000-16: on every class of status the same headers, and each answer has its request's id.
#[actix_web::test]
async fn every_answer_wears_the_same_headers() {
    let door = OpenDoor::open().await;
    let id = door.ordered("k").await;
    let mut answers: Vec<(u16, Answer)> = vec![
        (200, door.get("/health").await),
        (200, door.get(&format!("/v1/payouts/{id}")).await),
        (202, door.order("k2", &order("1")).await),
        (302, send(door.stranger(Method::GET, "/docs")).await),
        (400, door.order_raw(b"{".to_vec()).await),
        (401, send(door.stranger(Method::GET, "/v1/stats")).await),
        (404, door.get("/nowhere").await),
        (404, door.get("/v1/payouts/x").await),
        (405, send(door.request(Method::DELETE, &format!("/v1/payouts/{id}"))).await),
        (409, door.post(&format!("/v1/payouts/{id}/release"), None).await),
        (415, send(door.request(Method::POST, "/v1/payouts").header("Idempotency-Key", "m").body("x")).await),
        (422, door.order("k3", &order("0")).await),
    ];
    door.office.breaks(Some(Fault::Broken { cause: "x".to_owned() }));
    answers.push((500, door.get("/v1/stats").await));
    door.office.breaks(Some(Fault::Busy { retry_after_ms: 1 }));
    answers.push((503, door.get("/v1/stats").await));
    for (status, answer) in answers {
        assert_eq!(answer.status, status, "{}", answer.text);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("content-security-policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-xss-protection", "0"),
        ] {
            assert_eq!(answer.header(name), value, "{status}: {name}");
        }
        assert_eq!(answer.header("x-request-id").len(), 36, "{status}");
        if status >= 400 {
            let problem = answer.json();
            assert_eq!(
                (&problem["status"], &problem["instance"]),
                (&json!(status), &json!(answer.header("x-request-id")))
            );
            assert!(Kind::from_word(&answer.problem()).is_some(), "{}", answer.text);
        }
        if status == 405 {
            assert_eq!(answer.header("allow"), "GET, HEAD");
        }
    }
}

#[actix_web::test]
async fn a_callers_own_request_id_is_honoured_when_it_is_a_good_one() {
    let door = OpenDoor::open().await;
    let with = |id: &'static str| send(door.stranger(Method::GET, "/v1/stats").header("X-Request-ID", id));
    let answer = with("caller-1.a_B").await;
    assert_eq!(
        (answer.header("x-request-id"), &answer.json()["instance"]),
        ("caller-1.a_B", &json!("caller-1.a_B"))
    );
    assert_eq!(with("no good").await.header("x-request-id").len(), 36);
}

/// F003-24: whatever breaks inside, and whatever a caller sends, no answer shows anything of the inside.
#[actix_web::test]
async fn no_answer_shows_the_inside() {
    let door = OpenDoor::open().await;
    let id = door.ordered("k").await;
    let nasty = "panicked at /home/payoutd/src/store.rs:7: SELECT * FROM payouts: stack backtrace";
    let mut corpus = vec![
        door.order_raw(b"{\"a\"".to_vec()).await,
        door.get("/v1/payouts?limit=%zz").await,
        door.get("/docs/..%2f..%2fetc%2fpasswd").await,
        door.get("/problems/..%2fsecret").await,
    ];
    door.office.breaks(Some(Fault::Broken { cause: nasty.to_owned() }));
    for line in TABLE {
        let path = line.path.replace("{id}", &id).replace("{word}", "no-such").replace("{file}", "no-such");
        let method = Method::from_bytes(line.method.as_str().as_bytes()).unwrap();
        let mut body = order("1");
        for verb in ["reject", "resolve", "pause", "resume", "cancel", "release", "verify"] {
            if path.ends_with(verb) {
                body = json!({});
            }
        }
        corpus.push(send(door.request(method, &path).header("Idempotency-Key", "x").json(&body)).await);
    }
    assert!(corpus.iter().any(|answer| answer.status == 500));
    for answer in corpus.iter().filter(|answer| answer.status >= 400) {
        for inside in ["/home/", "panicked", "SELECT", "payouts:", ".rs", "backtrace", "serde", "actix"] {
            assert!(!answer.text.contains(inside), "{inside} in {}", answer.text);
        }
        for value in answer.headers.values() {
            assert!(!value.to_str().unwrap_or_default().contains("panicked"));
        }
    }
}

#[actix_web::test]
async fn every_problems_type_leads_to_its_page() {
    let door = OpenDoor::open().await;
    for kind in Kind::ALL {
        let page = send(door.stranger(Method::GET, &kind.type_reference())).await;
        assert_eq!((page.status, page.text.as_str()), (200, kind.page()));
        assert_eq!(page.header("content-type"), "text/plain; charset=utf-8");
    }
    assert_eq!(door.get("/problems/none").await.problem(), "not-found");
}

#[actix_web::test]
async fn the_page_that_explains_the_api_loads_nothing_from_elsewhere() {
    let door = OpenDoor::open().await;
    let front = send(door.stranger(Method::GET, "/docs")).await;
    let page = send(door.stranger(Method::GET, front.header("location"))).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    assert!(!page.text.contains("<style") && !page.text.contains("onload="));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert!(page.text.contains(file), "{file}");
        assert_eq!(send(door.stranger(Method::GET, &format!("/docs/{file}"))).await.status, 200, "{file}");
    }
    let script = send(door.stranger(Method::GET, "/docs/swagger-initializer.js")).await;
    assert!(script.text.contains("/v1/openapi.json"), "{}", script.text);
}

/// F-N15: the figures that alarms look at are measured when somebody looks.
#[actix_web::test]
async fn the_numbers_can_be_scraped() {
    let door = OpenDoor::open().await;
    let answer = send(door.stranger(Method::GET, "/metrics")).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    door.office.breaks(Some(Fault::Away { who: "the store".to_owned(), retry_after_ms: 1 }));
    assert_eq!(send(door.stranger(Method::GET, "/metrics")).await.status, 200);
}

/// What is no HTTP never becomes a request: the framework refuses it with a bare status (docs/problems/malformed-request.md says
/// so), hangs up, and the door stays open for everybody else.
#[actix_web::test]
async fn what_is_no_http_is_refused_and_hung_up_on() {
    let door = OpenDoor::open().await;
    for words in ["this is no HTTP\r\n\r\n", "GET /livez HTTP/1.1\r\nno header\r\n\r\n"] {
        let address = door.address;
        let answer = actix_web::web::block(move || {
            use std::io::{Read, Write};
            let mut line = std::net::TcpStream::connect(address).unwrap();
            let (mut heard, _) = (Vec::new(), line.write_all(words.as_bytes()));
            let _ = line.read_to_end(&mut heard);
            String::from_utf8_lossy(&heard).into_owned()
        });
        let answer = answer.await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some("400"), "{answer:?}");
        assert!(answer.ends_with("\r\n\r\n"), "no body: {answer:?}");
    }
    assert_eq!(door.get("/livez").await.status, 200);
}
