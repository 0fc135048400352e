//! Events go out: a durable topic exchange, one CloudEvent a message, publisher confirms (F-P12).
//!
//! Promises: [`AmqpBus::publish`] answers only after the broker has confirmed every message; a channel on which anything went
//! wrong is not used again. **Never here:** which events there are and which have gone out; that is the EventPublisher's.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use payoutd_actors::{
    domain::{journal::Checkpoint, outbox::OutboxEvent},
    ports::{BusFault, EventBus},
};
use tokio::sync::Mutex;

use super::{Backoff, Broker, Link, ensure, topology};
use crate::{
    config::Amqp,
    wire::cloud_event::{CLOUD_EVENT_JSON, CloudEvent},
};

/// How long a batch may take until the last confirm is there.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(10);
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
    channel: Option<(Connection, Channel)>,
    backoff: Backoff,
}

/// One message.
struct Message {
    routing_key: String,
    content_type: &'static str,
    message_id: String,
    at_ms: i64,
    body: Vec<u8>,
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
        let sent = match self.channel(&mut open).await {
            Ok(channel) => tokio::time::timeout(CONFIRM_WITHIN, self.confirmed(&channel, messages))
                .await
                .unwrap_or_else(|_| Err(format!("no confirm within {} s", CONFIRM_WITHIN.as_secs()))),
            Err(why) => Err(why),
        };
        let Err(why) = sent else {
            open.backoff.reset();
            return Ok(());
        };
        open.channel = None;
        self.link.down(why.clone());
        open.backoff.sleep().await;
        Err(BusFault(why))
    }

    /// The channel that is open, or a new one.
    async fn channel(&self, open: &mut Open) -> Result<Channel, String> {
        if let Some((_, channel)) = &open.channel
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        open.channel = None;
        let connection = self.broker.connect("events").await.map_err(|why| why.to_string())?;
        let notes =
            ensure(&connection, &self.declarations, self.declare).await.map_err(|why| why.to_string())?;
        let channel = connection.create_channel().await.map_err(|why| why.to_string())?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(|why| why.to_string())?;
        self.link.up((!notes.is_empty()).then(|| notes.join("; ")));
        open.channel = Some((connection, channel.clone()));
        Ok(channel)
    }

    /// Sends all of them, then waits for all confirms.
    async fn confirmed(&self, channel: &Channel, messages: Vec<Message>) -> Result<(), String> {
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            let properties = BasicProperties::default()
                .with_content_type(message.content_type.into())
                .with_message_id(message.message_id.into())
                .with_type(message.routing_key.as_str().into())
                .with_app_id("payoutd".into())
                .with_timestamp(u64::try_from(message.at_ms / 1_000).unwrap_or(0))
                .with_delivery_mode(PERSISTENT);
            let confirm = channel
                .basic_publish(
                    self.exchange.as_str().into(),
                    message.routing_key.into(),
                    BasicPublishOptions::default(),
                    &message.body,
                    properties,
                )
                .await
                .map_err(|why| why.to_string())?;
            confirms.push(confirm);
        }
        let answers = try_join_all(confirms).await.map_err(|why| why.to_string())?;
        match answers.iter().all(Confirmation::is_ack) {
            true => Ok(()),
            false => Err("the broker refuses an event".to_owned()),
        }
    }
}

#[async_trait]
impl EventBus for AmqpBus {
    fn name(&self) -> &str {
        &self.exchange
    }

    async fn publish(&self, store_id: &str, events: &[OutboxEvent]) -> Result<(), BusFault> {
        let message = |event: &OutboxEvent| {
            let event_out = CloudEvent::of(store_id, event);
            let body = serde_json::to_vec(&event_out).map_err(|why| BusFault(why.to_string()))?;
            let (routing_key, message_id) = (event_out.kind, event_out.id);
            Ok(Message { routing_key, content_type: CLOUD_EVENT_JSON, message_id, at_ms: event.at_ms, body })
        };
        self.send(events.iter().map(message).collect::<Result<_, _>>()?).await
    }

    async fn publish_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), BusFault> {
        let body = serde_json::to_vec(checkpoint).map_err(|why| BusFault(why.to_string()))?;
        let message = Message {
            routing_key: CHECKPOINT.to_owned(),
            content_type: "application/json",
            message_id: format!("checkpoint {}", checkpoint.seal_no),
            at_ms: checkpoint.sealed_at_ms,
            body,
        };
        self.send(vec![message]).await
    }
}
