//! The fear: a job comes through the second door and is paid twice, or never, or lies somewhere and nobody knows why.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::Actor as _;
use lapin::{
    BasicProperties,
    message::BasicGetMessage,
    options::{QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable},
};
use payoutd::{
    amqp::{IntakeTools, JobIntake, Link, credentials::Senders, ensure, topology},
    http::office::Fault,
    world::SystemClock,
};
use payoutd_actors::guardian::{Drain, ShowView};
use serde_json::{Value, json};

use crate::kit::{
    amqp::Queues,
    small_office::{ALICE, SmallOffice},
};

/// Everything here is done long before this, however busy the machine is.
const WITHIN: Duration = Duration::from_secs(120);

/// An intake at work before the small office.
pub(crate) struct Desk {
    pub(crate) queues: Queues,
    pub(crate) office: Arc<SmallOffice>,
    intake: actix::Addr<JobIntake>,
}

impl Desk {
    async fn open(queues: Queues) -> Self {
        Self::open_for(queues, Senders::default()).await
    }

    /// Opened for some senders alone.
    pub(crate) async fn open_for(queues: Queues, senders: Senders) -> Self {
        let connection = queues.broker().connect("test").await.unwrap();
        ensure(&connection, &topology::jobs(&queues.config), true).await.unwrap();
        let office = Arc::new(SmallOffice::default());
        let intake = JobIntake::new(IntakeTools {
            broker: queues.broker(),
            config: queues.config.clone(),
            office: office.clone(),
            clock: Arc::new(SystemClock),
            body_bytes_max: 4_096,
            senders,
            link: Link::new("jobs"),
        });
        Self { queues, office, intake: intake.start() }
    }

    /// What the intake shows of itself.
    pub(crate) async fn view(&self) -> Value {
        self.intake.send(ShowView).await.unwrap().state
    }

    pub(crate) async fn until(&self, what: &str, look: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let view = self.view().await;
            if look(&view) {
                return view;
            }
            assert!(began.elapsed() < WITHIN, "never: {what}: {view}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything that was published is acknowledged.
    pub(crate) async fn until_empty(&self) {
        let began = Instant::now();
        while self.queues.ready(&self.queues.config.queue).await > 0
            || self.view().await["unacknowledged"] != 0
        {
            assert!(began.elapsed() < WITHIN, "jobs are left: {}", self.view().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn dead(&self) -> BasicGetMessage {
        self.queues.take(&self.queues.config.dead_queue).await
    }
}

pub(crate) fn order(amount: &str) -> Value {
    json!({ "recipient": ALICE.to_string(), "amount": amount })
}

fn named(key: &str) -> BasicProperties {
    BasicProperties::default().with_message_id(key.into())
}

/// The problem document that a dead letter carries.
pub(crate) fn reason(dead: &BasicGetMessage) -> Value {
    let headers = dead.properties.headers().clone().unwrap();
    let Some(AMQPValue::LongString(text)) = headers.inner().get("x-payoutd-problem") else {
        panic!("no reason: {headers:?}")
    };
    serde_json::from_slice(text.as_bytes()).unwrap()
}

/// F-P01, F-N18: five hundred jobs, each of them sent three times, are five hundred payouts, and the queue is empty soon.
#[actix_rt::test]
async fn five_hundred_jobs_sent_three_times_are_paid_once_each() {
    let desk = Desk::open(Queues::names().await).await;
    for _ in 0..3 {
        for n in 0..500 {
            desk.queues.job(&format!("key-{n}"), &order(&format!("1.{n:03}"))).await;
        }
    }
    let view = desk.until("1500 are answered", |view| view["received"] == 1500).await;
    desk.until_empty().await;
    assert_eq!(desk.office.taken(), 500, "{view}");
    let view = desk.view().await;
    assert_eq!(
        (view["admitted"].as_u64(), view["repeated"].as_u64(), view["dead"].as_u64()),
        (Some(500), Some(1000), Some(0))
    );
}

/// F-N17: whatever can not be done lies in the dead queue with its reason, as it was sent; good jobs behind it are not held up.
#[actix_rt::test]
async fn a_poisoned_job_lies_in_the_dead_queue_with_its_reason() {
    let desk = Desk::open(Queues::names().await).await;
    let queue = &desk.queues.config.queue;
    let good = order("5").to_string();
    let mut headers = FieldTable::default();
    headers.insert("tenant".into(), AMQPValue::LongString("blue".into()));
    for (body, properties, problem) in [
        ("{", named("broken").with_headers(headers.clone()), "malformed-request"),
        (good.as_str(), BasicProperties::default(), "idempotency-key-missing"),
        (good.as_str(), named("two words"), "idempotency-key-invalid"),
        (&order("0").to_string(), named("nothing"), "invalid-order"),
        (&order("600000").to_string(), named("too much"), "idempotency-key-invalid"),
        (&order("600000").to_string(), named("too-much"), "invalid-order"),
        (good.as_str(), named("urgent").with_priority(10), "invalid-order"),
        (&"x".repeat(5_000), named("large"), "body-too-large"),
    ] {
        desk.queues.publish(queue, body.as_bytes(), properties.clone()).await;
        let dead = desk.dead().await;
        let reason = reason(&dead);
        assert_eq!(reason["type"], format!("/problems/{problem}"), "{reason}");
        assert_eq!(
            (dead.data.as_slice(), dead.properties.message_id()),
            (body.as_bytes(), properties.message_id())
        );
        if properties.headers().is_some() {
            let kept = dead.properties.headers().clone().unwrap();
            assert!(kept.inner().contains_key("tenant"), "{kept:?}");
        }
    }
    desk.queues.job("good", &order("5")).await;
    desk.until("the good one is in", |view| view["admitted"] == 1).await;
    desk.until_empty().await;
}

/// F-P01: the same key with another body is nobody's order.
#[actix_rt::test]
async fn a_key_with_another_body_is_poison() {
    let desk = Desk::open(Queues::names().await).await;
    desk.queues.job("key", &order("5")).await;
    desk.queues.job("key", &order("6")).await;
    assert_eq!(reason(&desk.dead().await)["type"], "/problems/idempotency-key-reused");
    assert_eq!(desk.office.taken(), 1);
}

/// A redelivery counts its `expiration` anew; it is the same job, and the first count holds.
#[actix_rt::test]
async fn a_job_with_an_expiration_that_comes_twice_is_one_payout() {
    let desk = Desk::open(Queues::names().await).await;
    let queue = &desk.queues.config.queue;
    for _ in 0..2 {
        let properties = named("key").with_expiration("3600000".into());
        desk.queues.publish(queue, order("5").to_string().as_bytes(), properties).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let view =
        desk.until("both are answered", |view| view["received"] == 2 && view["unacknowledged"] == 0).await;
    assert_eq!((view["admitted"].as_u64(), view["repeated"].as_u64()), (Some(1), Some(1)), "{view}");
}

/// Whoever asks for an answer has it; whoever gives a queue that is not there holds nobody up.
#[actix_rt::test]
async fn whoever_asks_is_told_what_became_of_the_job() {
    let desk = Desk::open(Queues::names().await).await;
    let answers = format!("{}.answers", desk.queues.config.queue);
    let options = QueueDeclareOptions { auto_delete: true, ..QueueDeclareOptions::default() };
    desk.queues.channel.queue_declare(answers.as_str().into(), options, FieldTable::default()).await.unwrap();
    let queue = &desk.queues.config.queue;
    let body = order("5").to_string();
    for (key, reply_to, name) in [
        ("a", "nowhere.at.all", "lost"),
        ("a", queue.as_str(), "loop"),
        ("a", answers.as_str(), "second"),
        ("b", answers.as_str(), "first"),
        ("b b", answers.as_str(), "refused"),
    ] {
        let properties = named(key).with_reply_to(reply_to.into()).with_correlation_id(name.into());
        desk.queues.publish(queue, body.as_bytes(), properties).await;
    }
    let mut told = std::collections::BTreeMap::new();
    for _ in 0..3 {
        let answer = desk.queues.take(&answers).await;
        let body: Value = serde_json::from_slice(&answer.data).unwrap();
        told.insert(answer.properties.correlation_id().clone().unwrap().to_string(), body);
    }
    assert_eq!(told["first"]["outcome"], "admitted");
    assert_eq!(
        (&told["first"]["message_id"], &told["first"]["payout"]["amount"]),
        (&json!("b"), &json!("5"))
    );
    assert_eq!(told["second"]["outcome"], "repeated");
    assert_eq!(told["refused"]["outcome"], "refused");
    assert_eq!(told["refused"]["problem"]["type"], "/problems/idempotency-key-invalid");
    desk.queues.channel.queue_delete(answers.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    desk.until_empty().await;
    assert_eq!(desk.office.taken(), 2);
}

/// The house is busy, or without its store: good jobs are neither buried nor lost, and taken in when it is back.
#[actix_rt::test]
async fn jobs_wait_for_a_house_that_can_not_take_them_in() {
    let desk = Desk::open(Queues::names().await).await;
    desk.until("it consumes", |view| view["consuming"] == true).await;
    desk.office.breaks(Some(Fault::Busy { retry_after_ms: 1_000 }));
    for n in 0..50 {
        desk.queues.job(&format!("key-{n}"), &order("5")).await;
    }
    desk.until("all are in hand", |view| view["unacknowledged"] == 50).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((desk.office.taken(), desk.view().await["dead"].as_u64()), (0, Some(0)));
    desk.office.breaks(None);
    desk.until_empty().await;
    assert_eq!((desk.office.taken(), desk.view().await["received"].as_u64()), (50, Some(50)));
}

/// F-N17, F-N18: one job can not be taken in, again and again, while others come and go: it is laid aside in the end, and none of
/// those that were finished behind it is delivered again.
#[actix_rt::test]
async fn one_job_that_is_stuck_takes_no_other_with_it() {
    let desk = Desk::open(Queues::names().await).await;
    desk.office.sticks_at("stuck");
    desk.queues.job("stuck", &order("7")).await;
    let mut sent = 0;
    // It is in hand for longer than a job may be, and something is finished all the time.
    while desk.view().await["given_back"] == 0 {
        desk.queues.job(&format!("key-{sent}"), &order("5")).await;
        sent += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(sent < 600, "it was never given back: {}", desk.view().await);
    }
    let view =
        desk.until("the stuck one came again", |view| view["received"].as_u64() >= Some(sent + 2)).await;
    assert_eq!(view["admitted"], json!(sent), "{view}");
    // One may have been on its way at that very moment.
    assert!(view["repeated"].as_u64() <= Some(1), "{view}");
    assert_eq!(u64::try_from(desk.office.taken()), Ok(sent));
}

/// F-N18: the queue is deleted under the consumer, and its channel with it: the intake declares it again and consumes.
#[actix_rt::test]
async fn a_queue_that_is_deleted_is_there_again_and_consumed() {
    let desk = Desk::open(Queues::names().await).await;
    let queue = desk.queues.config.queue.clone();
    for n in 0..3 {
        desk.until("it consumes", |view| view["consuming"] == true).await;
        desk.queues.job(&format!("key-{n}"), &order("5")).await;
        desk.until("one more is in", |view| view["admitted"] == n + 1).await;
        desk.queues.channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
        desk.until("it noticed", |view| view["consuming"] == false).await;
    }
    desk.until("it consumes", |view| view["consuming"] == true).await;
}

/// F-P26: told to finish, it finishes what it has and gives the rest back; nothing is lost on the way.
#[actix_rt::test]
async fn a_house_that_closes_under_load_loses_no_job() {
    let mut queues = Queues::names().await;
    queues.config.prefetch = 50;
    let desk = Desk::open(queues).await;
    for n in 0..400 {
        desk.queues.job(&format!("key-{n}"), &order("5")).await;
    }
    desk.until("it is at work", |view| view["received"].as_u64() > Some(20)).await;
    desk.intake.send(Drain).await.unwrap();
    let view = desk.view().await;
    assert_eq!(
        (view["consuming"].as_bool(), view["unacknowledged"].as_u64()),
        (Some(false), Some(0)),
        "{view}"
    );
    // What was delivered and not taken up goes back with the channel.
    let taken = u32::try_from(desk.office.taken()).unwrap();
    let began = Instant::now();
    while desk.queues.ready(&desk.queues.config.queue).await != 400 - taken {
        assert!(began.elapsed() < WITHIN, "{taken} were taken in, and the rest is not in the queue");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(view["admitted"].as_u64(), Some(u64::from(taken)), "{view}");
}

/// A house that writes nothing down of what is only looked at.
fn bench(queues: &Queues) -> payoutd::amqp::DeadQueue {
    let house = Arc::new(payoutd_actors::fakes::MemoryStore::new("bench"));
    payoutd::amqp::DeadQueue::new(queues.broker(), queues.config.clone(), house, Arc::new(SystemClock))
}

/// F-N17: a broker that counts deliveries and throws away what it delivered too often, as RabbitMQ 4 does by itself: a dead job is
/// looked at for weeks, and is still there, the same, once.
#[actix_rt::test]
async fn a_dead_job_is_not_worn_out_by_being_looked_at() {
    let mut queues = Queues::names().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(20));
    let name = queues.config.dead_queue.as_str().into();
    queues.channel.queue_declare(name, QueueDeclareOptions::durable(), arguments).await.unwrap();
    queues.config.declare = false;
    let (bench, dead) = (bench(&queues), queues.config.dead_queue.clone());
    let jobs = std::mem::replace(&mut queues.config.queue, dead);
    queues.job("inv-7", &order("5")).await;
    for n in 0..45 {
        queues.job(&format!("behind-{n}"), &order("5")).await;
    }
    queues.config.queue = jobs;
    // Whoever decides about those behind it one by one looks at it each time.
    let mary = payoutd::identity::By { name: "mary".to_owned(), from: None };
    for n in 0..45 {
        bench
            .decide(&format!("behind-{n}"), payoutd::amqp::dead_queue::Decision::Discard, &mary)
            .await
            .unwrap_or_else(|why| panic!("{n}: {why}"));
    }
    let first = bench.list().await.unwrap();
    assert_eq!(first.jobs.len(), 1);
    for n in 0..45 {
        let seen = bench.explain("inv-7").await.unwrap_or_else(|why| panic!("look {n}: {why}"));
        assert_eq!(seen.id, first.jobs[0].id, "look {n}");
    }
    let last = bench.list().await.unwrap();
    assert_eq!(last.jobs.iter().map(|job| &job.id).collect::<Vec<_>>(), [&first.jobs[0].id]);
}

/// F-P20: the producers of docs/producers.md, as they stand there.
#[actix_rt::test]
async fn the_producers_of_the_page_are_answered() {
    let desk = Desk::open(Queues::names().await).await;
    let tools = crate::sdks::tools();
    let page = include_str!("../../docs/producers.md");
    // Node looks for modules from where a program stands.
    let folder =
        tempfile::tempdir_in(tools.join("node")).unwrap_or_else(|why| panic!("run tests/run: {why}"));
    for (language, program, file) in [
        ("python", tools.join("python/bin/python"), "producer.py"),
        ("javascript", "node".into(), "producer.mjs"),
    ] {
        let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap();
        let (text, _) = rest.split_once("```").unwrap();
        std::fs::write(folder.path().join(file), text).unwrap();
        for (key, amount, outcome) in [("a", "5", "admitted"), ("a", "5", "repeated"), ("b", "-5", "refused")]
        {
            let ran = tokio::process::Command::new(&program)
                .arg(folder.path().join(file))
                .args([&format!("{language}-{key}"), &ALICE.to_string(), amount])
                .env("AMQP_URL", crate::kit::amqp::broker_url())
                .env("PAYOUTD_QUEUE", &desk.queues.config.queue)
                .output()
                .await
                .unwrap();
            let told =
                format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            assert!(ran.status.success() && told.starts_with(outcome), "{language} {key}: {told}");
        }
    }
    assert_eq!(desk.office.taken(), 2);
}
