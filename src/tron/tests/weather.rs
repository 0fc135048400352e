//! The fear: a provider's bad day is taken for an answer, costs a second send, or never ends.

use metrics_exporter_prometheus::PrometheusBuilder;
use payoutd_actors::domain::tron::{BroadcastCode, TxId};
use payoutd_actors::ports::{ChainFault, ChainNode, View};
use serde_json::json;
use tokio::net::TcpListener;

use super::{
    API_KEY, node, patient,
    provider::{Deed, Misbehaving},
    settings, transfer,
};
use crate::tron::{NodeSettings, TronNode};

fn html() -> String {
    "<html><body>502 Bad Gateway</body></html>".to_owned()
}

fn accepted() -> String {
    json!({ "result": true, "code": "SUCCESS", "txid": transfer().txid(), "message": "", "transaction": "{}" }).to_string()
}

/// F-P04, F-N02: silence says nothing, and the office alone decides when the same bytes are sent again.
#[tokio::test]
async fn a_node_that_hangs_up_after_accepting_is_silent_and_is_not_sent_to_again() {
    for deed in [Deed::HangUp, Deed::Half(500, r#"{"result":tr"#.to_owned())] {
        let provider = Misbehaving::always(deed).await;
        let answer = patient(&provider).send(&transfer()).await;
        assert!(matches!(answer, Err(ChainFault::Silent(_))), "{answer:?}");
        assert_eq!(provider.heard().len(), 1);
    }
}

/// F-P04: nothing that is read in a reply's place means that the node does not have the transfer.
#[tokio::test]
async fn a_reply_that_is_none_is_a_fault_or_says_that_it_may_have_it() {
    let page = Deed::Status(200, vec![("content-type", "text/html".to_owned())], html());
    for deed in [page, Deed::Answer(String::new()), Deed::Answer(r#"{"result":true,"co"#.to_owned())] {
        let provider = Misbehaving::always(deed).await;
        let answer = patient(&provider).send(&transfer()).await;
        assert!(matches!(answer, Err(ChainFault::Garbled(_))), "{answer:?}");
    }
    let other = accepted().replace(&transfer().txid().to_string(), &TxId::default().to_string());
    for body in [other, r#"{"Error":"lack of computing resources"}"#.to_owned()] {
        let provider = Misbehaving::saying(body).await;
        assert_eq!(patient(&provider).send(&transfer()).await.unwrap().code, BroadcastCode::NoAnswer);
    }
}

/// The bytes on file, and nothing else, in the one call that takes them as they are.
#[tokio::test]
async fn what_is_sent_is_what_is_on_file() {
    let provider = Misbehaving::saying(accepted()).await;
    assert_eq!(patient(&provider).send(&transfer()).await.unwrap().code, BroadcastCode::Success);
    let heard = &provider.heard()[0];
    assert_eq!(heard.line, "POST /wallet/broadcasthex");
    assert_eq!(heard.body, format!(r#"{{"transaction":"{}"}}"#, hex::encode(transfer().bytes())));
    assert!(heard.headers.contains("content-type: application/json"));
}

/// F-P16: a provider that says nothing, or one byte now and then, holds nobody up for longer than a call may take.
#[tokio::test]
async fn a_silence_and_a_trickle_end() {
    for deed in [Deed::Silence, Deed::Trickle] {
        let provider = Misbehaving::always(deed).await;
        let sent = node(&provider).send(&transfer()).await;
        assert_eq!(sent, Err(ChainFault::Silent("no answer in time".to_owned())));
        let asked = node(&provider).now_block(View::Head).await;
        assert_eq!(asked, Err(ChainFault::Silent("no answer in time".to_owned())));
        // A question that timed out is not asked again: the other side is slow enough.
        assert_eq!(provider.heard().len(), 2);
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_silence() {
    let provider = Misbehaving::saying("{}").await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = reqwest::Url::parse(&format!("http://{gone}")).unwrap();
    let node = TronNode::new(NodeSettings { url, ..settings(&provider) }).unwrap();
    assert!(matches!(node.send(&transfer()).await, Err(ChainFault::Silent(_))));
}

/// F-P16: a connection that broke is no fault of the node's when the second one holds.
#[tokio::test]
async fn a_question_whose_connection_broke_is_asked_once_more() {
    let provider = Misbehaving::by(|number, _| match number {
        0 => Deed::HangUp,
        _ => Deed::Answer("{}".to_owned()),
    })
    .await;
    assert_eq!(patient(&provider).block(View::Head, 5).await, Ok(None));
    assert_eq!(provider.heard().len(), 2);
}

/// F-P16: the retry budget; else a broken provider gets every question twice.
#[tokio::test]
async fn a_provider_that_breaks_every_connection_is_not_asked_everything_twice() {
    let provider = Misbehaving::always(Deed::HangUp).await;
    let node = patient(&provider);
    for _ in 0..30 {
        assert!(matches!(node.block(View::Head, 5).await, Err(ChainFault::Silent(_))));
    }
    assert_eq!(provider.heard().len(), 40);
}

#[tokio::test]
async fn an_answer_without_end_does_not_fill_the_memory() {
    for deed in [Deed::Flood, Deed::Half(1 << 40, " ".to_owned()), Deed::Answer(" ".repeat(20_000))] {
        let provider = Misbehaving::always(deed).await;
        for answer in [
            node(&provider).parameters().await.map(drop),
            node(&provider).now_block(View::Solid).await.map(drop),
        ] {
            assert!(
                matches!(&answer, Err(ChainFault::Garbled(what)) if what.contains("longer than")),
                "{answer:?}"
            );
        }
    }
}

/// F003-13: what a provider answers never makes us ask somebody else.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Misbehaving::saying(accepted()).await;
    for status in [301, 302, 303, 307, 308] {
        let location = vec![("location", elsewhere.url().to_string())];
        let provider = Misbehaving::always(Deed::Status(status, location, String::new())).await;
        let node = patient(&provider);
        for answer in [node.send(&transfer()).await.map(drop), node.now_block(View::Head).await.map(drop)] {
            assert!(
                matches!(&answer, Err(ChainFault::Garbled(what)) if what.contains("redirect")),
                "{answer:?}"
            );
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// F-P16: whoever keeps knocking at TronGrid's door lengthens the penalty; so how long it lasts is told to the breaker.
#[tokio::test]
async fn a_refusal_is_told_with_the_time_for_which_it_lasts() {
    let told = Some(7_000);
    for (status, headers, retry_after_ms) in [
        (403, vec![], Some(30_000)),
        (429, vec![("retry-after", "7".to_owned())], told),
        (503, vec![("retry-after", "7".to_owned())], told),
    ] {
        let provider =
            Misbehaving::always(Deed::Status(status, headers, r#"{"Error":"suspended"}"#.to_owned())).await;
        let node = patient(&provider);
        assert_eq!(node.send(&transfer()).await, Err(ChainFault::Penalty { status, retry_after_ms }));
        let asked = node.account(View::Solid, transfer().owner()).await;
        assert_eq!(asked, Err(ChainFault::Penalty { status, retry_after_ms }));
        assert_eq!(provider.heard().len(), 2);
    }
}

#[tokio::test]
async fn other_statuses_are_no_answers_whatever_their_body_says() {
    for status in [201, 204, 400, 401, 404, 405, 500, 502, 504] {
        let provider = Misbehaving::always(Deed::Status(status, vec![], accepted())).await;
        let answer = patient(&provider).send(&transfer()).await;
        let word = format!("HTTP {status}");
        assert!(matches!(&answer, Err(ChainFault::Garbled(what)) if what.starts_with(&word)), "{answer:?}");
    }
}

/// F003-24: the key goes out in one header, and comes back in nothing that we print, even where the provider prints it.
#[tokio::test]
async fn the_key_is_sent_and_never_shown() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let refused = format!(r#"{{"message":"the key {API_KEY} is unknown"}}"#);
    let error = format!(r#"{{"Error":"the key {API_KEY} is unknown"}}"#);
    for deed in [Deed::Status(401, vec![], refused), Deed::Answer(error)] {
        let provider = Misbehaving::always(deed).await;
        let node = metrics::with_local_recorder(&recorder, || patient(&provider));
        let fault = node.now_block(View::Head).await.unwrap_err();
        assert!(provider.heard()[0].headers.contains(&format!("tron-pro-api-key: {API_KEY}")));
        for shown in [
            fault.to_string(),
            format!("{fault:?}"),
            format!("{node:?}"),
            format!("{:?}", settings(&provider)),
        ] {
            assert!(!shown.contains(API_KEY), "{shown}");
        }
        assert!(fault.to_string().contains("is unknown"), "{fault}");
        let sent = format!("{:?}", node.send(&transfer()).await);
        assert!(!sent.contains(API_KEY) && sent.contains("is unknown"), "{sent}");
        let text = handle.render();
        let counted = format!(
            "payoutd_provider_requests_total{{provider=\"{}\",call=\"getnowblock\"}} 1",
            provider.name()
        );
        assert!(text.contains(&counted), "{text}");
        assert!(!text.contains(API_KEY));
    }
}

/// Broadcasts do not wait for handshakes: a connection serves many calls, and as many are kept as go out at once.
#[tokio::test]
async fn connections_are_kept_for_the_next_call() {
    let provider = Misbehaving::saying(accepted()).await;
    let (node, transfer) = (patient(&provider), transfer());
    for _ in 0..20 {
        node.send(&transfer).await.unwrap();
    }
    assert_eq!(provider.connections(), 1);
    for _ in 0..3 {
        let sends = (0..64).map(|_| node.send(&transfer));
        for reply in futures_util::future::join_all(sends).await {
            assert_eq!(reply.unwrap().code, BroadcastCode::Success);
        }
    }
    assert!(provider.connections() <= 65, "{}", provider.connections());
}
