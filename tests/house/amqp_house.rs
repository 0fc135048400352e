//! The fear: the two doors know nothing of each other, or the house forgets a job when the broker, the daemon or the chain goes
//! away. Real daemons, the simulated network and a RabbitMQ; what was paid is counted by the network's own book.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, future::join_all};
use lapin::{
    BasicProperties,
    options::{BasicConsumeOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use serde_json::{Value, json};

use crate::kit::{
    amqp::{Queues, connect_to},
    daemon::Daemon,
    desk::Desk,
    network::Network,
    own_service::OwnService,
};

fn order(network: &Network, n: usize) -> Value {
    json!({ "recipient": network.account(1 + n % 3), "amount": format!("1.{n:03}") })
}

async fn jobs(queues: &Queues, network: &Network, numbers: std::ops::Range<usize>) {
    for n in numbers {
        queues.job(&format!("key-{n}"), &order(network, n)).await;
    }
}

/// Each of so many orders was paid once, by the network's own book.
async fn each_is_paid_once(network: &Network, orders: usize) {
    let mut paid = BTreeMap::new();
    for one in network.paid_by(network.account(0)).await {
        *paid.entry(one.micro_usdt).or_insert(0) += 1;
    }
    let expected = (0..orders).map(|n| (1_000_000 + 1_000 * u64::try_from(n).unwrap(), 1)).collect();
    assert_eq!(paid, expected);
}

async fn metrics(daemon: &Daemon) -> String {
    daemon.caller.get("/metrics").await.text
}

/// F-P01: the same order two hundred times at once, by both doors, is one payout and one transfer; and who watches the house
/// sees the second door.
#[actix_rt::test]
async fn the_same_order_by_both_doors_at_once_is_paid_once() {
    let (network, queues) = (Network::of_two_nodes(), Queues::names().await);
    let desk = Desk::beside_with(&network, &queues);
    let mut daemon = Daemon::open(&desk).await;
    daemon.consumes_jobs().await;
    let body = order(&network, 0);
    let by_http = join_all((0..100).map(|_| daemon.caller.order("key-0", &body)));
    let by_amqp = async {
        for _ in 0..100 {
            queues.job("key-0", &body).await;
        }
    };
    let (answers, ()) = tokio::join!(by_http, by_amqp);
    assert!(answers.iter().all(|answer| answer.status == 202), "{answers:?}");
    daemon.until_stage("settled", 1).await;
    let told = "payoutd_amqp_jobs_acked_total 100";
    daemon.until(told, async |caller| caller.get("/metrics").await.text.contains(told).then_some(())).await;
    each_is_paid_once(&network, 1).await;
    let actors = daemon.caller.get("/v1/admin/actors").await.text;
    assert!(actors.contains("\"job_intake\""), "{actors}");
    assert!(metrics(&daemon).await.contains("payoutd_amqp_connected{connection=\"jobs\"} 1"));
    daemon.stop();
}

/// F000-14: who looks for a job in the journal finds it by the names that its sender gave it, and what a stranger writes there is not
/// written into it.
#[actix_rt::test]
async fn a_job_is_found_in_the_journal_by_its_correlation_id_and_by_its_trace() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (network, queues) = (Network::of_two_nodes(), Queues::names().await);
    let desk = Desk::beside_with(&network, &queues);
    let mut daemon = Daemon::open(&desk).await;
    daemon.consumes_jobs().await;
    let traced = |traceparent: &str| {
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.into()));
        BasicProperties::default().with_headers(headers)
    };
    let good = traced(&format!("00-{TRACE}-00f067aa0ba902b7-01")).with_correlation_id("order-17".into());
    let hostile = traced("00-CANARY").with_correlation_id("<CANARY>\n".into());
    for (key, properties) in [("job-1", good), ("job-2", hostile)] {
        let body = order(&network, 0).to_string();
        let properties = properties.with_message_id(key.into());
        queues.publish(&queues.config.queue, body.as_bytes(), properties).await;
    }
    daemon.until_stage("settled", 2).await;
    for words in [["--trace", TRACE], ["--request", "order-17"]] {
        let told = desk.ends(0, &[&["audit", "list", "--json"], &words[..]].concat());
        let record: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(
            (&record["kind"], &record["body"]["idempotency_key"]),
            (&json!("payout_admitted"), &json!("job-1"))
        );
        let names = [&record["body"]["correlation_id"], &record["body"]["trace_id"]];
        assert_eq!(names, ["order-17", TRACE]);
    }
    let told = desk.ends(0, &["audit", "list", "--request", "job-2", "--json"]);
    let record: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&record["body"]["idempotency_key"], &record["body"]["trace_id"]),
        (&json!("job-2"), &Value::Null)
    );
    daemon.stop();
    assert!(!desk.ends(0, &["audit", "export"]).contains("CANARY"));
}

/// F-P26, F-N18: the daemon is killed and stopped in the midst of jobs; whatever the broker delivers again is paid once.
#[actix_rt::test]
async fn a_daemon_that_dies_under_a_load_of_jobs_pays_each_once() {
    const JOBS: usize = 300;
    let (network, queues) = (Network::of_two_nodes(), Queues::names().await);
    let desk = Desk::beside_with(&network, &queues);
    let mut daemon = Daemon::open(&desk).await;
    daemon.consumes_jobs().await;
    jobs(&queues, &network, 0..100).await;
    daemon.kill();
    let mut daemon = Daemon::open(&desk).await;
    jobs(&queues, &network, 50..200).await;
    daemon.consumes_jobs().await;
    daemon.stop();
    jobs(&queues, &network, 150..JOBS).await;
    let mut daemon = Daemon::open(&desk).await;
    daemon.until_stage("settled", JOBS as u64).await;
    each_is_paid_once(&network, JOBS).await;
    daemon.stop();
    assert_eq!(queues.ready(&queues.config.queue).await, 0);
    assert_eq!(queues.ready(&queues.config.dead_queue).await, 0);
}

/// F-N17: whoever is called at night sees what lies there, why, and what to do; what they do stands in the journal.
#[actix_rt::test]
async fn dead_jobs_are_listed_explained_requeued_and_discarded() {
    let (network, queues) = (Network::of_two_nodes(), Queues::names().await);
    let desk = Desk::beside_with(&network, &queues);
    let mut daemon = Daemon::open(&desk).await;
    daemon.consumes_jobs().await;
    assert_eq!(desk.json(0, &["jobs", "dead", "list", "--json"]), json!({ "jobs": [], "more": false }));

    queues
        .publish(&queues.config.queue, b"{}", BasicProperties::default().with_message_id("a/b".into()))
        .await;
    queues.publish(&queues.config.queue, b"hello", BasicProperties::default()).await;
    // The same order is poison for now, and none once the house's rules have changed.
    let costly = json!({ "recipient": network.account(1), "amount": "999999" });
    queues.job("costly", &costly).await;
    let listed = daemon
        .until("all three lie there", async |caller| {
            let listed = caller.get("/v1/admin/jobs/dead").await.json();
            (listed["jobs"].as_array().unwrap().len() == 3).then_some(listed)
        })
        .await;
    let nameless = listed["jobs"].as_array().unwrap().iter().find(|job| job["message_id"].is_null()).unwrap();
    assert!(nameless["why"].as_str().unwrap().contains("message_id"), "{nameless}");
    let nameless = nameless["id"].as_str().unwrap();

    let explained = desk.json(0, &["jobs", "dead", "explain", "a/b", "--json"]);
    assert_eq!(
        (&explained["body"], &explained["problem"]["type"]),
        (&json!("{}"), &json!("/problems/invalid-order"))
    );
    let told = desk.ends(0, &["jobs", "dead", "explain", "costly"]);
    assert!(told.contains("/amount") && told.contains("advice"), "{told}");
    assert!(desk.ends(0, &["jobs", "dead", "list"]).contains(nameless));

    assert!(desk.ends(0, &["jobs", "dead", "discard", nameless]).contains("is discarded"));
    desk.ends(0, &["jobs", "dead", "discard", "a/b"]);
    let gone = desk.run(&["jobs", "dead", "explain", "a/b"]);
    assert!(!gone.status.success());
    assert!(desk.ends(0, &["jobs", "dead", "requeue", "costly"]).contains("is back with the jobs"));
    // It is refused again: the same job, under the same key, with the same body.
    daemon
        .until("it lies there again", async |caller| {
            let listed = caller.get("/v1/admin/jobs/dead").await.json();
            let jobs = listed["jobs"].as_array().unwrap();
            (jobs.len() == 1 && jobs[0]["message_id"] == "costly").then_some(())
        })
        .await;
    let explained = desk.json(0, &["jobs", "dead", "explain", "costly", "--json"]);
    assert_eq!(explained["body"], json!(costly.to_string()));

    daemon.stop();
    let journal = desk.ends(0, &["audit", "export"]);
    for (kind, times) in [("job_discarded", 2), ("job_requeued", 1)] {
        assert_eq!(journal.matches(kind).count(), times, "{journal}");
    }
    assert!(journal.contains("costly"), "{journal}");
}

/// RabbitMQ is restarted under a load of jobs: nothing is lost, nothing is paid twice, and the daemon is at work again.
#[actix_rt::test]
async fn a_broker_that_is_restarted_under_load_loses_no_job() {
    const JOBS: usize = 200;
    let Some(broker) = OwnService::broker("") else { return };
    let network = Network::of_two_nodes();
    let mut queues = Queues::at(&broker.url()).await;
    let desk = Desk::beside_with(&network, &queues);
    let mut daemon = Daemon::open(&desk).await;
    daemon.consumes_jobs().await;
    jobs(&queues, &network, 0..JOBS / 2).await;
    broker.restart();
    queues.come_again().await;
    jobs(&queues, &network, JOBS / 4..JOBS).await;
    daemon.until_stage("settled", JOBS as u64).await;
    each_is_paid_once(&network, JOBS).await;
    daemon.consumes_jobs().await;
    assert!(metrics(&daemon).await.contains("payoutd_amqp_connections_lost_total{connection=\"jobs\"}"));
    daemon.stop();
}

/// F-N18: the broker closes the channel of whoever holds a job too long. While the chain is away jobs are taken in and
/// acknowledged all the same: none is held, none is delivered again.
#[actix_rt::test]
async fn no_job_is_held_while_the_chain_is_away() {
    let settings = "-rabbit consumer_timeout 3000 -rabbit channel_tick_interval 500";
    let Some(broker) = OwnService::broker(settings) else { return };
    let network = Network::of_two_nodes();
    let queues = Queues::at(&broker.url()).await;
    let desk = Desk::beside_with(&network, &queues);
    let mut daemon = Daemon::open(&desk).await;
    daemon.consumes_jobs().await;
    let some = order(&network, 0);
    network.tell_to_stop();
    for n in 0..50 {
        queues.job(&format!("key-{n}"), &some).await;
    }
    daemon
        .until("all are taken in", async |caller| {
            let actors = caller.get("/v1/admin/actors").await.json();
            let intake = actors["actors"]
                .as_array()
                .unwrap()
                .iter()
                .find(|actor| actor["name"] == "job_intake")
                .unwrap();
            (intake["state"]["admitted"] == 50).then_some(())
        })
        .await;
    somebody_who_holds_a_job_is_cut_off(&broker.url()).await;
    // The broker has been through its patience by now, and has none to lose with this daemon.
    let told = metrics(&daemon).await;
    assert!(told.contains("payoutd_amqp_jobs_acked_total 50"), "{told}");
    assert!(
        !told.contains("redelivered=\"true\"") && !told.contains("payoutd_amqp_connections_lost_total{"),
        "{told}"
    );
    daemon.kill();
}

async fn somebody_who_holds_a_job_is_cut_off(url: &str) {
    let connection = connect_to(url).await;
    let channel = connection.create_channel().await.unwrap();
    let queue = "somebody.elses";
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap();
    let publisher = connection.create_channel().await.unwrap();
    let publish = publisher.basic_publish(
        "".into(),
        queue.into(),
        Default::default(),
        b"x",
        BasicProperties::default(),
    );
    publish.await.unwrap().await.unwrap();
    let options = BasicConsumeOptions::default();
    let mut consumer =
        channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.unwrap();
    let held = consumer.next().await.unwrap().unwrap();
    let cut_off = consumer.next().await;
    assert!(!matches!(cut_off, Some(Ok(_))), "{cut_off:?}");
    drop(held);
}
