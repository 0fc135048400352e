//! The fear: others are told of a payment that never was, or never told of one that was.

use std::fs;

use lapin::{
    message::BasicGetMessage,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use serde_json::{Value, json};

use crate::kit::{amqp::Queues, daemon::Daemon, desk::Desk, network::Network};

/// A queue of somebody's who wants to hear everything.
async fn listening(queues: &Queues) -> String {
    let (exchange, queue) =
        (&queues.config.events_exchange, format!("{}.heard", queues.config.events_exchange));
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let kind = lapin::ExchangeKind::Topic;
    queues
        .channel
        .exchange_declare(exchange.as_str().into(), kind, durable, FieldTable::default())
        .await
        .unwrap();
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    queues.channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await.unwrap();
    let bind = QueueBindOptions::default();
    queues
        .channel
        .queue_bind(queue.as_str().into(), exchange.as_str().into(), "#".into(), bind, FieldTable::default())
        .await
        .unwrap();
    queue
}

/// Hears everything up to a sequence number; checkpoints are put aside.
async fn hear(queues: &Queues, queue: &str, up_to: i64) -> (Vec<(BasicGetMessage, Value)>, Vec<Value>) {
    let (mut heard, mut checkpoints) = (Vec::new(), Vec::new());
    loop {
        let message = queues.take(queue).await;
        let body: Value = serde_json::from_slice(&message.data).unwrap();
        if message.routing_key.as_str() == "audit.checkpoint" {
            checkpoints.push(body);
            continue;
        }
        let is_last = body["data"]["sequence"].as_i64().unwrap() >= up_to;
        heard.push((message, body));
        if is_last {
            return (heard, checkpoints);
        }
    }
}

fn upon(queues: &Queues, desk: &Desk) {
    let config = fs::read_to_string(desk.path("payoutd.toml")).unwrap();
    let amqp = format!(
        "{config}\n[amqp]\nurl = \"{}\"\nqueue = \"{}\"\ndead_queue = \"{}\"\nevents_exchange = \"{}\"\n",
        crate::kit::amqp::broker_url(),
        queues.config.queue,
        queues.config.dead_queue,
        queues.config.events_exchange
    );
    fs::write(desk.path("payoutd.toml"), amqp).unwrap();
}

/// F-P12, F002-05: everything that happened is heard, in order, without a gap, also across a restart; over AMQP and over HTTP it
/// is the same document; and a signed checkpoint comes along for whoever keeps it.
#[actix_rt::test]
async fn whoever_listens_hears_everything_in_order_across_a_restart() {
    let (queues, network) = (Queues::names().await, Network::of_two_nodes());
    let desk = Desk::beside(&network);
    upon(&queues, &desk);
    let queue = listening(&queues).await;
    let mut sequence = 0;
    let mut checkpoints = Vec::new();
    for round in 0..2 {
        let mut daemon = Daemon::open(&desk).await;
        for n in 0..4 {
            let order =
                json!({ "recipient": network.account(1), "amount": "2.5", "reference": format!("r-{n}") });
            let answer = daemon.caller.order(&format!("key-{round}-{n}"), &order).await;
            assert_eq!(answer.status, 202, "{}", answer.text);
        }
        daemon.until_stage("settled", 4 * (round + 1)).await;
        let page = daemon.caller.get(&format!("/v1/events?after={sequence}&limit=1000")).await.json();
        let told = page["events"].as_array().unwrap().clone();
        let last = told.last().unwrap()["data"]["sequence"].as_i64().unwrap();
        let (heard, kept) = hear(&queues, &queue, last).await;
        checkpoints.extend(kept);
        assert_eq!(heard.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), told);
        for (message, event) in &heard {
            sequence += 1;
            assert_eq!(event["data"]["sequence"], sequence);
            let properties = &message.properties;
            assert_eq!(message.routing_key.as_str(), event["type"]);
            assert_eq!(properties.message_id().as_ref().unwrap().as_str(), event["id"]);
            assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/cloudevents+json");
            assert_eq!(*properties.delivery_mode(), Some(2));
        }
        let settled: Vec<_> = told.iter().filter(|event| event["type"] == "payout.settled").collect();
        assert_eq!(settled.len(), 4);
        for event in settled {
            let payout = &event["data"]["payout"];
            assert_eq!((&payout["stage"], &payout["amount"]), (&json!("settled"), &json!("2.5")));
            assert_eq!(
                (&payout["txid"], &event["subject"]),
                (&event["data"]["facts"]["proof"]["txid"], &payout["id"])
            );
        }
        let admitted = told.iter().find(|event| event["type"] == "payout.admitted").unwrap();
        assert_eq!(admitted["data"]["payout"]["stage"], "admitted", "as it stood then");
        daemon.stop();
        sequence = {
            // What happened while it closed was told before it was closed.
            let report = desk.json(0, &["audit", "verify", "--json"]);
            let rows = report["rows"].as_i64().unwrap();
            if rows > sequence {
                checkpoints.extend(hear(&queues, &queue, rows).await.1);
            }
            rows
        };
    }
    while queues.ready(&queue).await > 0 {
        let message = queues.take(&queue).await;
        assert_eq!(message.routing_key.as_str(), "audit.checkpoint", "nothing is told twice");
        checkpoints.push(serde_json::from_slice(&message.data).unwrap());
    }
    let kept = checkpoints.first().expect("a checkpoint came along");
    fs::write(desk.path("heard.json"), kept.to_string()).unwrap();
    let report = desk
        .json(0, &["audit", "verify", "--checkpoint", desk.path("heard.json").to_str().unwrap(), "--json"]);
    assert_eq!(report["sound"], true, "{report}");
}
