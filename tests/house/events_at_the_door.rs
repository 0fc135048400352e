//! The fear: somebody who was away for a moment never learns what happened meanwhile, or hears it twice and pays for it twice.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::Value;

use crate::kit::{
    door::{OpenDoor, send},
    small_office::EVENTS,
};

fn sequences(page: &Value) -> Vec<i64> {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event["data"]["sequence"].as_i64().unwrap()).collect()
}

/// F-P12: whoever comes back with N is told N+1, N+2 … to the end, page by page, without a gap and without a repetition.
#[actix_web::test]
async fn whoever_comes_back_is_told_the_rest_and_nothing_twice() {
    let door = OpenDoor::open().await;
    let (mut after, mut heard) = (0, Vec::new());
    loop {
        let page = door.get(&format!("/v1/events?after={after}&limit=99")).await.json();
        let told = sequences(&page);
        assert_eq!(page["last_sequence"], EVENTS);
        let Some(last) = told.last() else { break };
        after = *last;
        heard.extend(told);
    }
    assert_eq!(heard, (1..=EVENTS).collect::<Vec<_>>());
    assert_eq!(sequences(&door.get("/v1/events").await.json()).len(), 100);
}

#[actix_web::test]
async fn a_question_that_makes_no_sense_is_told_so() {
    let door = OpenDoor::open().await;
    for query in ["after=-1", "after=x", "limit=0", "limit=1001", "until=7"] {
        let answer = door.get(&format!("/v1/events?{query}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-query"), "{query}");
    }
    let stranger = send(door.stranger(Method::GET, "/v1/events")).await;
    assert_eq!(stranger.status, 401);
}

async fn stream(door: &OpenDoor, path: &str, last_id: Option<&str>) -> Response {
    let mut request = door.request(Method::GET, path).header("Accept", "text/event-stream");
    if let Some(id) = last_id {
        request = request.header("Last-Event-ID", id);
    }
    request.send().await.unwrap()
}

/// Reads until so many events have come; each with its id and its document.
async fn read_some(stream: &mut Response, count: usize) -> Vec<(i64, Value)> {
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let chunk = stream.chunk().await.unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let event = |block: &str| {
        let line =
            |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let document: Value = serde_json::from_str(&line("data:")).unwrap();
        assert_eq!(document["type"], line("event:"));
        (line("id:").parse().unwrap(), document)
    };
    text.split_terminator("\n\n").take(count).map(event).collect()
}

/// F-P12: the stream says the same as the pages, and goes on where it was cut.
#[actix_web::test]
async fn a_stream_that_was_cut_goes_on_where_it_was_cut() {
    let door = OpenDoor::open().await;
    let mut first = stream(&door, "/v1/events?after=5&limit=10", None).await;
    assert_eq!(first.headers()["content-type"], "text/event-stream");
    let told = read_some(&mut first, 10).await;
    assert_eq!(told.iter().map(|(id, _)| *id).collect::<Vec<_>>(), (6..=15).collect::<Vec<_>>());
    let page = door.get("/v1/events?after=5&limit=10").await.json();
    assert_eq!(
        told.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(),
        *page["events"].as_array().unwrap()
    );
    drop(first);
    let mut again = stream(&door, "/v1/events?after=5", Some("15")).await;
    assert_eq!(read_some(&mut again, 1).await[0].0, 16);
    let lost = stream(&door, "/v1/events", Some("yesterday")).await;
    assert_eq!(lost.status().as_u16(), 422);
}

/// F-P26: a house that closes ends its streams; nobody's patience is tried.
#[actix_web::test]
async fn a_house_that_closes_ends_its_streams() {
    let door = OpenDoor::open().await;
    let mut following = stream(&door, &format!("/v1/events?after={EVENTS}"), None).await;
    door.within.drain();
    let ended = async { while following.chunk().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
}

/// F-P24: streams have places, and whoever finds none is told when to come back.
#[actix_web::test]
async fn one_stream_too_many_is_told_to_come_back() {
    let door = OpenDoor::open().await;
    let mut open = Vec::new();
    for _ in 0..payoutd::http::events::STREAMS_MAX {
        open.push(stream(&door, "/v1/events", None).await);
        assert_eq!(open.last().unwrap().status().as_u16(), 200);
    }
    let full = stream(&door, "/v1/events", None).await;
    assert_eq!(full.status().as_u16(), 503);
    assert!(full.headers().contains_key("retry-after"));
}
