//! Events go out: a durable topic exchange, one CloudEvent a message, publisher confirms (F-P12).
//!
//! Promises: [`AmqpBus::publish`] answers only after the broker has confirmed every message; a channel on which anything went
//! wrong is not used again. **Never here:** which events there are and which have gone out; that is the EventPublisher's.

use async_trait::async_trait;
use lapin::{BasicProperties, Connection, types::ShortString};
use payoutd_actors::{
    domain::{journal::Checkpoint, outbox::OutboxEvent},
    ports::{BusFault, EventBus},
};
use tokio::{sync::Mutex, time::timeout};

use super::{
    Backoff, Broker, Link, Publisher, ensure,
    publisher::{CONFIRM_WITHIN, Message},
    topology,
};
use crate::{
    config::Amqp,
    wire::cloud_event::{CLOUD_EVENT_JSON, CloudEvent},
};

/// The routing key, and the type, of a signed checkpoint.
pub const CHECKPOINT: &str = "audit.checkpoint";
/// Messages that outlive the broker's restart.
const PERSISTENT: u8 = 2;

/// The exchange on which others hear what happened.
pub struct AmqpBus {
    broker: Broker,
    exchange: String,
    declarations: Vec<topology::Declaration>,
    declare: bool,
    link: Link,
    open: Mutex<Open>,
}

/// What is open: the connection must live as long as its channel.
#[derive(Default)]
struct Open {
    publisher: Option<(Connection, Publisher)>,
    backoff: Backoff,
}

impl AmqpBus {
    /// The bus of a configuration; connects when there is something to publish.
    #[must_use]
    pub fn new(broker: Broker, config: &Amqp) -> Self {
        Self {
            broker,
            exchange: config.events_exchange.clone(),
            declarations: topology::events(config),
            declare: config.declare,
            link: Link::new("events"),
            open: Mutex::default(),
        }
    }

    /// How its connection is.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link.clone()
    }

    async fn send(&self, messages: Vec<Message>) -> Result<(), BusFault> {
        let mut open = self.open.lock().await;
        let exchange = ShortString::from(self.exchange.as_str());
        let sent = match self.publisher(&mut open).await {
            Ok(publisher) => publisher.to_exchange(&exchange, messages).await.map_err(|why| why.to_string()),
            Err(why) => Err(why),
        };
        self.worked(&mut open, sent).await
    }

    /// After a fault the channel is not used again, and the next attempt waits.
    async fn worked(&self, open: &mut Open, result: Result<(), String>) -> Result<(), BusFault> {
        let Err(why) = result else {
            open.backoff.reset();
            return Ok(());
        };
        open.publisher = None;
        self.link.down(why.clone());
        open.backoff.sleep().await;
        Err(BusFault(why))
    }

    /// The channel that is open, or a new one.
    async fn publisher<'a>(&self, open: &'a mut Open) -> Result<&'a Publisher, String> {
        if !open.publisher.as_ref().is_some_and(|(_, publisher)| publisher.is_open()) {
            open.publisher = None;
            let connection = self.broker.connect("events").await.map_err(|why| why.to_string())?;
            let (notes, publisher) =
                timeout(CONFIRM_WITHIN, self.begin(&connection)).await.unwrap_or_else(|_| {
                    Err(format!("the broker says nothing for {} s", CONFIRM_WITHIN.as_secs()))
                })?;
            self.link.up((!notes.is_empty()).then(|| notes.join("; ")));
            open.publisher = Some((connection, publisher));
        }
        open.publisher.as_ref().map(|(_, publisher)| publisher).ok_or_else(|| "no channel".to_owned())
    }

    async fn begin(&self, connection: &Connection) -> Result<(Vec<String>, Publisher), String> {
        let notes =
            ensure(connection, &self.declarations, self.declare).await.map_err(|why| why.to_string())?;
        let publisher = Publisher::open(connection).await.map_err(|why| why.to_string())?;
        Ok((notes, publisher))
    }
}

/// A message that outlives the broker's restart.
fn message(kind: &str, content_type: &str, message_id: &str, at_ms: i64, body: Vec<u8>) -> Message {
    let properties = BasicProperties::default()
        .with_content_type(content_type.into())
        .with_message_id(message_id.into())
        .with_type(kind.into())
        .with_app_id("payoutd".into())
        .with_timestamp(u64::try_from(at_ms / 1_000).unwrap_or(0))
        .with_delivery_mode(PERSISTENT);
    Message { routing_key: kind.into(), body, properties }
}

#[async_trait]
impl EventBus for AmqpBus {
    fn name(&self) -> &str {
        &self.exchange
    }

    async fn publish(&self, store_id: &str, events: &[OutboxEvent]) -> Result<(), BusFault> {
        let told = |event: &OutboxEvent| {
            let told = CloudEvent::of(store_id, event);
            let body = serde_json::to_vec(&told).map_err(|why| BusFault(why.to_string()))?;
            Ok(message(&told.kind, CLOUD_EVENT_JSON, &told.id, event.at_ms, body))
        };
        self.send(events.iter().map(told).collect::<Result<_, _>>()?).await
    }

    async fn reach(&self) -> Result<(), BusFault> {
        let mut open = self.open.lock().await;
        let reached = self.publisher(&mut open).await.map(|_| ());
        self.worked(&mut open, reached).await
    }

    async fn publish_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), BusFault> {
        let body = serde_json::to_vec(checkpoint).map_err(|why| BusFault(why.to_string()))?;
        let message_id = format!("checkpoint {}", checkpoint.seal_no);
        let message = message(CHECKPOINT, "application/json", &message_id, checkpoint.sealed_at_ms, body);
        self.send(vec![message]).await
    }
}
