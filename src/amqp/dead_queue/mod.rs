//! The workbench of dead jobs (F-N17): look at them, explain one, requeue it, discard it.
//!
//! A queue can not be read without taking from it, so one look takes up to [`LOOK_MAX`] messages without acknowledging them,
//! and closes its channel, which puts all of them back in their order. One look at a time; what a person decides is in the
//! journal before the broker hears of it, and a requeued job is in the queue of the jobs before it leaves this one: whatever
//! dies in between, nothing is lost, and a job that is there twice is one payout by its key.
//!
//! To look is to be delivered to, and a broker counts deliveries: RabbitMQ 4 and newer throw away what was delivered more than 20 times,
//! where no policy says otherwise. What was looked at often is therefore laid into the queue anew, at its end, before it is taken from its
//! place.

mod letter;

use std::{cell::RefCell, sync::Arc, time::Duration};

use lapin::{
    BasicProperties, Channel, Connection,
    options::{BasicAckOptions, BasicGetOptions},
    types::ShortString,
};
use payoutd_actors::{
    domain::journal::Body,
    ports::{Clock, House, HouseChange, StoreFault},
};
use serde_json::json;
use thiserror::Error;
use tokio::{sync::Mutex, time::timeout};
use tracing::warn;

pub use self::letter::{DeadJobBody, DeathBody};
use super::{
    connection::Broker,
    dead_letter,
    publisher::{NotPublished, Publisher},
};
use crate::{config::Amqp, identity::By};

/// So many dead jobs one look sees at most, the oldest first.
pub const LOOK_MAX: usize = 1_000;
/// … and so many bytes of their bodies.
const LOOK_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What was delivered so often is laid anew. Well below every broker's own limit: a decision and its repetition count too.
const WORN_AFTER: i64 = 10;
/// How long one look may take, the broker's answers and all.
const LOOK_WITHIN: Duration = Duration::from_secs(20);

/// Why nothing was done.
#[derive(Debug, Error)]
pub enum NotDone {
    /// No such job among those that one look sees.
    #[error("no dead job has this name")]
    Unknown,
    /// The broker.
    #[error("the broker is away: {0}")]
    Away(String),
    /// The journal can not be written, and so nothing is done.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// It can not be said in the journal.
    #[error("it can not be written down: {0}")]
    Unsayable(String),
}

/// What a person decides about a dead job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Back to the jobs, under the same key.
    Requeue,
    /// Away with it.
    Discard,
}

impl Decision {
    /// The journal's kind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Requeue => "job_requeued",
            Self::Discard => "job_discarded",
        }
    }
}

/// What the workbench works with.
pub struct DeadQueue {
    broker: Broker,
    config: Amqp,
    house: Arc<dyn House>,
    clock: Arc<dyn Clock>,
    one_at_a_time: Mutex<()>,
}

/// What one look saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The jobs, the oldest first.
    pub jobs: Vec<DeadJobBody>,
    /// Whether there are more than one look sees.
    pub more: bool,
}

/// A dead job while it is in a look's hands.
struct Taken {
    tag: u64,
    properties: BasicProperties,
    body: Vec<u8>,
    shown: DeadJobBody,
}

impl DeadQueue {
    /// The workbench of a broker's dead queue.
    #[must_use]
    pub fn new(broker: Broker, config: Amqp, house: Arc<dyn House>, clock: Arc<dyn Clock>) -> Self {
        Self { broker, config, house, clock, one_at_a_time: Mutex::default() }
    }

    /// Everything that one look sees.
    ///
    /// # Errors
    /// When the broker is away.
    pub async fn list(&self) -> Result<Look, NotDone> {
        self.at_the_bench(async |bench| {
            let mut jobs = Vec::new();
            let more = bench
                .walk(|taken| {
                    jobs.push(taken.shown);
                    None::<()>
                })
                .await?
                .is_more;
            Ok(Look { jobs, more })
        })
        .await
    }

    /// One job with its body, by its name here or by its `message_id`; of several, the oldest.
    ///
    /// # Errors
    /// See [`NotDone`].
    pub async fn explain(&self, name: &str) -> Result<DeadJobBody, NotDone> {
        self.at_the_bench(async |bench| {
            let taken = bench.find(name).await?;
            Ok(taken.shown.with_body(&taken.body))
        })
        .await
    }

    /// Does with one job what a person decided; the job as it was is in the answer.
    ///
    /// # Errors
    /// See [`NotDone`]. After [`NotDone::Away`] it may have been done all the same: look again.
    pub async fn decide(&self, name: &str, decision: Decision, by: &By) -> Result<DeadJobBody, NotDone> {
        self.at_the_bench(async |bench| {
            let taken = bench.find(name).await?;
            bench.worn.borrow_mut().retain(|worn| worn.tag != taken.tag);
            self.write_down(&taken.shown, decision, by).await?;
            if decision == Decision::Requeue {
                bench.requeue(&taken, &self.config.queue).await?;
            }
            bench.channel.basic_ack(taken.tag, BasicAckOptions::default()).await.map_err(away)?;
            Ok(taken.shown)
        })
        .await
    }

    async fn write_down(&self, job: &DeadJobBody, decision: Decision, by: &By) -> Result<(), NotDone> {
        let body = json!({
            "job": job.id,
            "message_id": job.message_id,
            "who": by.name,
            "problem": job.problem.as_ref().map(|problem| &problem.kind),
            "why": job.why.chars().take(500).collect::<String>(),
        });
        let body = Body::of(&body).map_err(|why| NotDone::Unsayable(why.to_string()))?;
        let change = HouseChange::DeadJob { kind: decision.kind(), body }.wanted_by(by.order());
        Ok(self.house.change(vec![change], self.clock.now_ms()).await?)
    }

    /// Alone at the bench, with a channel of one's own, which puts back what is still in hand when it closes.
    async fn at_the_bench<T>(
        &self,
        work: impl AsyncFnOnce(&Bench<'_>) -> Result<T, NotDone>,
    ) -> Result<T, NotDone> {
        let _alone = self.one_at_a_time.lock().await;
        let worked = timeout(LOOK_WITHIN, async {
            let connection =
                self.broker.connect("dead jobs").await.map_err(|why| NotDone::Away(why.to_string()))?;
            let channel = connection.create_channel().await.map_err(away)?;
            let queue: ShortString = self.config.dead_queue.as_str().into();
            let bench = Bench { queue, connection: &connection, channel, worn: RefCell::default() };
            let worked = work(&bench).await;
            // Whatever was looked for, those in front of it were delivered. Where this fails the next look does it.
            if let Err(why) = bench.lay_worn_anew().await {
                warn!(%why, "dead jobs that were looked at often could not be laid anew");
            }
            bench.channel.close(200, "looked".into()).await.map_err(away)?;
            connection.close(200, "looked".into()).await.map_err(away)?;
            worked
        });
        worked.await.unwrap_or_else(|_| Err(NotDone::Away("it did not answer in time".to_owned())))
    }
}

struct Bench<'a> {
    queue: ShortString,
    connection: &'a Connection,
    channel: Channel,
    /// What this look has in hand and was delivered often.
    worn: RefCell<Vec<Worn>>,
}

/// A job that was delivered often.
struct Worn {
    tag: u64,
    properties: BasicProperties,
    body: Vec<u8>,
}

/// What a walk along the queue came to.
struct Walked<T> {
    found: Option<T>,
    is_more: bool,
}

impl Bench<'_> {
    /// Takes one after the other until something is found, the queue ends, or enough was seen.
    async fn walk<T>(&self, mut look: impl FnMut(Taken) -> Option<T>) -> Result<Walked<T>, NotDone> {
        let (mut seen, mut bytes) = (0, 0);
        while seen < LOOK_MAX && bytes < LOOK_BYTES_MAX {
            let got =
                self.channel.basic_get(self.queue.clone(), BasicGetOptions::default()).await.map_err(away)?;
            let Some(message) = got else { return Ok(Walked { found: None, is_more: false }) };
            let delivery = message.delivery;
            seen += 1;
            bytes += delivery.data.len();
            let shown = DeadJobBody::of(&delivery.properties, &delivery.data);
            if dead_letter::deliveries(&delivery.properties) >= WORN_AFTER {
                let (properties, body) = (delivery.properties.clone(), delivery.data.clone());
                self.worn.borrow_mut().push(Worn { tag: delivery.delivery_tag, properties, body });
            }
            let taken = Taken {
                tag: delivery.delivery_tag,
                properties: delivery.properties,
                body: delivery.data,
                shown,
            };
            if let Some(found) = look(taken) {
                return Ok(Walked { found: Some(found), is_more: true });
            }
        }
        Ok(Walked { found: None, is_more: true })
    }

    async fn find(&self, name: &str) -> Result<Taken, NotDone> {
        let walked = self.walk(|taken| taken.shown.is_called(name).then_some(taken)).await?;
        walked.found.ok_or(NotDone::Unknown)
    }

    async fn requeue(&self, taken: &Taken, queue: &str) -> Result<(), NotDone> {
        let publisher = Publisher::open(self.connection).await.map_err(away)?;
        let properties = dead_letter::restored(&taken.properties);
        Self::publish(&publisher, queue, &taken.body, properties).await
    }

    /// First it is there anew, then it is taken from its place: whatever dies in between, it is there twice and not at all never.
    async fn lay_worn_anew(&self) -> Result<(), NotDone> {
        let worn = self.worn.take();
        if worn.is_empty() {
            return Ok(());
        }
        let publisher = Publisher::open(self.connection).await.map_err(away)?;
        for Worn { tag, properties, body } in worn {
            let properties = dead_letter::unworn(&properties);
            Self::publish(&publisher, self.queue.as_str(), &body, properties).await?;
            self.channel.basic_ack(tag, BasicAckOptions::default()).await.map_err(away)?;
        }
        Ok(())
    }

    async fn publish(
        publisher: &Publisher,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), NotDone> {
        let published = publisher.to_queue(queue.into(), true, body, properties).await;
        published.map_err(|why| match why {
            NotPublished::Unroutable => NotDone::Away(format!("the queue {queue} is not there")),
            NotPublished::NotTaken => NotDone::Away(format!("the queue {queue} takes nothing now")),
            NotPublished::Lost(why) => NotDone::Away(why),
        })
    }
}

fn away(why: lapin::Error) -> NotDone {
    NotDone::Away(why.to_string())
}
