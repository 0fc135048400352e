//! How many jobs wait at the broker, and how many lie dead there: looked at beside the work, on channels of its own.

use std::{convert::Infallible, time::Duration};

use lapin::{Connection, options::QueueDeclareOptions, types::FieldTable};
use tokio::time::timeout;

use crate::{config::Amqp, telemetry::names};

/// How often to look; a scrape comes every fifteen seconds or so.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks for ever; what is not known is not a number. Where the broker does not answer, the session's other parts end it.
pub(super) async fn watch(connection: &Connection, config: &Amqp) -> Infallible {
    let queues = [Queue::new("jobs", &config.queue), Queue::new("dead", &config.dead_queue)];
    loop {
        for queue in &queues {
            match timeout(LOOK_EVERY, queue.depth(connection)).await {
                Ok(Ok(jobs)) => queue.show(f64::from(jobs)),
                Ok(Err(_)) | Err(_) => queue.show(f64::NAN),
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A queue, and which one of the two it is.
struct Queue<'a> {
    role: &'static str,
    name: &'a str,
}

impl<'a> Queue<'a> {
    fn new(role: &'static str, name: &'a str) -> Self {
        let queue = Self { role, name };
        queue.show(f64::NAN);
        queue
    }

    /// A passive declaration needs no right, and changes nothing; refused, it costs its channel (AMQP 0-9-1 §1.1).
    async fn depth(&self, connection: &Connection) -> lapin::Result<u32> {
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = channel.queue_declare(self.name.into(), options, FieldTable::default()).await?;
        channel.close(200, "looked".into()).await?;
        Ok(found.message_count())
    }

    fn show(&self, jobs: f64) {
        metrics::gauge!(names::AMQP_QUEUE_JOBS, "queue" => self.role).set(jobs);
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        // The connection is gone: yesterday's number is not today's.
        self.show(f64::NAN);
    }
}
