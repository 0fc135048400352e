//! The fear: jobs lie in a queue that loses them, and nobody was told; or the daemon says "406" and a person is to guess.

use lapin::{
    options::{BasicGetOptions, BasicNackOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use payoutd::{
    amqp::{Broker, ensure, topology},
    config::AmqpUrl,
};

use crate::kit::amqp::{Queues, narrow_url};

async fn classic(queues: &Queues, name: &str) {
    let options = QueueDeclareOptions::durable();
    queues.channel.queue_declare(name.into(), options, FieldTable::default()).await.unwrap();
}

/// The daemon declares what it needs, and whoever looks at it finds it there; a second daemon finds it as it is.
#[actix_rt::test]
async fn what_is_needed_is_declared_and_found_again() {
    let queues = Queues::names().await;
    let connection = queues.broker().connect("test").await.unwrap();
    let needed = [topology::jobs(&queues.config), topology::events(&queues.config)].concat();
    for declare in [true, true, false] {
        assert!(ensure(&connection, &needed, declare).await.unwrap().is_empty());
    }
    assert_eq!(queues.ready(&queues.config.queue).await, 0);
    assert_eq!(queues.ready(&queues.config.dead_queue).await, 0);
}

/// The broker's own dead-lettering: a job whose delivery never ends comes to rest in the dead queue, with its count.
#[actix_rt::test]
async fn a_delivery_that_never_ends_comes_to_rest_in_the_dead_queue() {
    let mut queues = Queues::names().await;
    queues.config.delivery_limit = 2;
    let connection = queues.broker().connect("test").await.unwrap();
    ensure(&connection, &topology::jobs(&queues.config), true).await.unwrap();
    queues.job("never", &serde_json::json!({})).await;
    for _ in 0..3 {
        let job = loop {
            let got =
                queues.channel.basic_get(queues.config.queue.as_str().into(), BasicGetOptions::default());
            if let Some(job) = got.await.unwrap() {
                break job;
            }
        };
        let back = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        job.nack(back).await.unwrap();
    }
    let dead = queues.take(&queues.config.dead_queue).await;
    assert_eq!(dead.properties.message_id().as_ref().map(|id| id.as_str()), Some("never"));
    let headers = dead.properties.headers().clone().unwrap();
    assert!(matches!(headers.inner().get("x-death"), Some(AMQPValue::FieldArray(_))), "{headers:?}");
}

/// A queue that was made otherwise is named, with the argument and the way out; all of them at once.
#[actix_rt::test]
async fn a_queue_that_differs_is_named_with_its_argument() {
    let queues = Queues::names().await;
    classic(&queues, &queues.config.queue).await;
    classic(&queues, &queues.config.dead_queue).await;
    let connection = queues.broker().connect("test").await.unwrap();
    let needed = topology::jobs(&queues.config);
    let refused = ensure(&connection, &needed, true).await.unwrap_err().to_string();
    for queue in [&queues.config.queue, &queues.config.dead_queue] {
        assert!(refused.contains(&format!("the queue {queue} has x-")), "{refused}");
    }
    assert!(
        refused.contains("where quorum is wanted") && refused.contains("amqp.declare = false"),
        "{refused}"
    );

    // Where somebody else declares, what differs is told and can be lived with.
    let notes = ensure(&connection, &needed, false).await.unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("x-queue-type none where quorum is wanted"), "{notes:?}");
}

/// Nothing is declared by a daemon that was told not to, and what is missing is named.
#[actix_rt::test]
async fn what_is_missing_is_named_and_not_made() {
    let queues = Queues::names().await;
    let connection = queues.broker().connect("test").await.unwrap();
    for _ in 0..2 {
        let refused =
            ensure(&connection, &topology::jobs(&queues.config), false).await.unwrap_err().to_string();
        assert!(
            refused.contains(&format!("no such thing as the queue {}", queues.config.queue)),
            "{refused}"
        );
    }
}

/// A user without the configure right works where somebody else declared, and hears what it lacks where nobody did.
#[actix_rt::test]
async fn a_user_who_may_not_declare_hears_so_and_works_without() {
    let mut queues = Queues::names().await;
    let Some(narrow) = narrow_url() else {
        eprintln!("not told: the broker is somebody else's, and PAYOUTD_TEST_AMQP_NARROW_URL is not set");
        return;
    };
    let wide = queues.broker().connect("test").await.unwrap();
    queues.config.url = Some(AmqpUrl::parse(&narrow).unwrap());
    let narrow = Broker::of(&queues.config, None).unwrap().connect("test").await.unwrap();
    let needed = topology::jobs(&queues.config);
    let refused = ensure(&narrow, &needed, true).await.unwrap_err().to_string();
    assert!(refused.contains("configure right"), "{refused}");
    ensure(&wide, &needed, true).await.unwrap();
    assert!(ensure(&narrow, &needed, false).await.unwrap().is_empty());
}
