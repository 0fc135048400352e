//! The broker's limit: bare lapin consumes the same jobs from the same kind of queue, acknowledges many with one word, and does
//! nothing else.

use crate::jobs::Jobs;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What it did.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Consumed {
    pub(crate) jobs_per_s: f64,
    pub(crate) jobs: u64,
}

pub(crate) async fn run(count: u64) -> Consumed {
    let jobs = Jobs::publish(count).await;
    let channel = jobs.connection.create_channel().await.unwrap();
    channel.basic_qos(jobs.config.prefetch, BasicQosOptions::default()).await.unwrap();
    let (queue, options) = (jobs.config.queue.as_str().into(), BasicConsumeOptions::default());
    let (mut consumed, began) = (0, Instant::now());
    let mut consumer = channel.basic_consume(queue, "".into(), options, FieldTable::default()).await.unwrap();
    while consumed < count {
        let mut last = consumer.next().await.unwrap().unwrap();
        consumed += 1;
        while let Some(Some(delivery)) = consumer.next().now_or_never() {
            last = delivery.unwrap();
            consumed += 1;
        }
        channel.basic_ack(last.delivery_tag, BasicAckOptions { multiple: true }).await.unwrap();
    }
    let jobs_per_s = consumed as f64 / began.elapsed().as_secs_f64();
    channel.close(200, "done".into()).await.unwrap();
    jobs.remove().await;
    Consumed { jobs_per_s, jobs: consumed }
}
