//! The fear: somebody who reached the broker puts a job of their own into the queue, or changes another's.

use std::sync::Arc;

use lapin::{
    BasicProperties,
    message::BasicGetMessage,
    types::{AMQPValue, FieldTable},
};
use payoutd::{
    amqp::credentials::Senders,
    identity::{
        By, Gatekeeper, Issue,
        signature::{Signable, job_target},
    },
};
use payoutd_actors::fakes::MemoryStore;
use serde_json::{Value, json};

use crate::{
    amqp_jobs::{Desk, order, reason},
    api_keys::{Held, gatekeeper},
    kit::amqp::Queues,
};

/// A desk that takes signed jobs alone, and a producer's key.
struct Signing {
    desk: Desk,
    gatekeeper: Arc<Gatekeeper>,
    key: Held,
}

impl Signing {
    async fn open() -> Self {
        let gatekeeper = gatekeeper(&MemoryStore::new("s"));
        let queues = Queues::names().await;
        let queue = queues.config.queue.clone();
        let senders = Senders { gatekeeper: Some(gatekeeper.clone()), require_signed_jobs: true, queue };
        let desk = Desk::open_for(queues, senders).await;
        let key = issue(&gatekeeper, &["payout:create"]).await;
        Self { desk, gatekeeper, key }
    }

    /// A job's properties, signed over what they and the body are now.
    fn signed(
        &self,
        key: &Held,
        message_id: &str,
        body: &str,
        properties: BasicProperties,
    ) -> BasicProperties {
        let (timestamp, nonce) = ("1763712000", "nonce-of-a-producer");
        let target = job_target(
            &self.desk.queues.config.queue,
            *properties.priority(),
            properties.expiration().as_ref().map(|text| text.as_str()),
            *properties.timestamp(),
        );
        let signable = Signable {
            method: "AMQP",
            target: &target,
            body: body.as_bytes(),
            idempotency_key: message_id,
            timestamp,
            nonce,
        };
        let mut headers = FieldTable::default();
        let signature = signable.sign(key.secret());
        for (name, value) in [
            ("x-payoutd-key", key.id.as_str()),
            ("x-payoutd-timestamp", timestamp),
            ("x-payoutd-nonce", nonce),
            ("x-payoutd-signature", &signature),
        ] {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        }
        properties.with_message_id(message_id.into()).with_headers(headers)
    }

    async fn publish(&self, body: &str, properties: BasicProperties) {
        self.desk.queues.publish(&self.desk.queues.config.queue, body.as_bytes(), properties).await;
    }
}

async fn issue(gatekeeper: &Gatekeeper, permissions: &[&str]) -> Held {
    let issue = Issue {
        name: "producer".to_owned(),
        account: "billing".to_owned(),
        permissions: permissions.iter().map(|word| (*word).to_owned()).collect(),
        reach: None,
        routes: Some(vec!["transfer".to_owned()]),
        batch: false,
        networks: vec!["any".to_owned()],
        tier: None,
        rate_per_minute: None,
        expires_at_ms: None,
    };
    let issued =
        gatekeeper.keyring().issue(&issue, &By { name: "house".to_owned(), from: None }).await.unwrap();
    Held { id: issued.key.key.id.clone(), text: issued.text.to_string() }
}

fn word(dead: &BasicGetMessage) -> String {
    reason(dead)["type"].as_str().unwrap().trim_start_matches("/problems/").to_owned()
}

/// F002-07, F004-38: a job that is signed is paid from its key's account, however long it waited and however often it comes.
#[actix_rt::test]
async fn a_signed_job_is_paid_once_from_its_keys_account() {
    let house = Signing::open().await;
    let body = order("5").to_string();
    for _ in 0..3 {
        house.publish(&body, house.signed(&house.key, "inv-7", &body, BasicProperties::default())).await;
    }
    let properties = BasicProperties::default().with_priority(9).with_expiration("3600000".into());
    house.publish(&body, house.signed(&house.key, "inv-8", &body, properties)).await;
    let view = house.desk.until("four are answered", |view| view["received"] == 4).await;
    house.desk.until_empty().await;
    assert_eq!((house.desk.office.taken(), view["dead"].as_u64()), (2, Some(0)), "{view}");
    assert_eq!(house.desk.office.accounts(), ["billing", "billing"]);
}

/// F004-38: unsigned, altered, by a key that has ended or may not: none of it is paid, and each says why.
#[actix_rt::test]
async fn a_job_that_nobody_signed_or_that_was_altered_is_never_paid() {
    let house = Signing::open().await;
    let reader = issue(&house.gatekeeper, &["payout:read"]).await;
    let ended = issue(&house.gatekeeper, &["payout:create"]).await;
    house.gatekeeper.keyring().revoke(&ended.id, &By { name: "house".to_owned(), from: None }).await.unwrap();
    let body = order("5").to_string();
    let good = || house.signed(&house.key, "inv-7", &body, BasicProperties::default());
    let by_router: Value =
        json!({ "recipient": order("5")["recipient"], "amount": "5", "route": "router_v0" });
    let by_router = by_router.to_string();
    let stranger = Held { id: "0123456789abcdef".to_owned(), ..house.key.clone() };
    let plain = BasicProperties::default;
    for (what, body, properties, problem) in [
        ("unsigned", body.as_str(), plain().with_message_id("inv-7".into()), "signature-required"),
        ("another body", &order("500").to_string(), good(), "unauthorized"),
        ("another key of idempotency", &body, good().with_message_id("inv-8".into()), "unauthorized"),
        ("another priority", &body, good().with_priority(9), "unauthorized"),
        ("an expiration", &body, good().with_expiration("60000".into()), "unauthorized"),
        ("nobody's key", &body, house.signed(&stranger, "inv-7", &body, plain()), "unauthorized"),
        ("a key that has ended", &body, house.signed(&ended, "inv-7", &body, plain()), "unauthorized"),
        ("a reader's key", &body, house.signed(&reader, "inv-7", &body, plain()), "forbidden"),
        (
            "a route that is not granted",
            &by_router,
            house.signed(&house.key, "r", &by_router, plain()),
            "forbidden",
        ),
    ] {
        house.publish(body, properties).await;
        assert_eq!(word(&house.desk.dead().await), problem, "{what}");
    }
    assert_eq!(house.desk.office.taken(), 0);
    house.publish(&body, good()).await;
    house.desk.until("the good one is in", |view| view["admitted"] == 1).await;
}
